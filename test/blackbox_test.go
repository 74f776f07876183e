// Package test runs bootconf from outside, on the user data and the image of each directory of cases, and holds what
// comes out against what the case wants. It knows nothing of the code. A case is made of
//
//	user-data*    what the metadata service has, one file of any suffix; absent: it has none
//	root/         the image, laid over cases/_base/root
//	imds.args     the metadata service's id and faults, as flags of package imds
//	source        ec2 or file; absent: ec2
//	args          more arguments for run
//	exit          run's exit status; absent: 0
//	stderr        what run prints there, with paths, times and ports made equal (see normalise); absent: nothing
//	stdout        the same; absent: anything
//	want/         the files that run writes, all of them
//	want.modes    modes and owners of these and of the directories made for them; absent: any
//	want.removed  the paths that run removes
//	secrets       what must be seen nowhere, one a line, besides each word of the user data that holds s3cret
//
// Of every case it also asserts that a run which fails writes nothing and locks nothing; that validate, with the image
// and with its bundle, gives run's verdict and findings; that status exits as run did; that the second run of a
// configured root says when that was, makes no request and writes nothing; and that no secret is in any output.
package test

import (
	"bytes"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/bootconf/bootconf/test/imds"
	"github.com/bootconf/bootconf/test/release"
)

var update = flag.Bool("update", false, "write what the cases give as what they want")

// binary is the bootconf under test.
var binary string

func TestMain(m *testing.M) {
	flag.Parse()
	os.Exit(func() int {
		dir, err := os.MkdirTemp("", "bootconf-test-")
		if err == nil {
			defer os.RemoveAll(dir)
			binary, err = release.Build("..", dir)
		}
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
		return m.Run()
	}())
}

func TestCases(t *testing.T) {
	dirs, err := filepath.Glob("cases/[^_]*")
	if err != nil || len(dirs) == 0 {
		t.Fatalf("no cases: %v", err)
	}
	for _, dir := range dirs {
		t.Run(filepath.Base(dir), func(t *testing.T) {
			t.Parallel()
			load(t, dir).test(t)
		})
	}
}

// testCase is one directory of cases, laid out in a temporary one.
type testCase struct {
	dir      string
	root     string // the image to run on
	userData string // the file; "" if there is none
	service  *imds.Server
	source   string
	args     []string
	exit     int
	secrets  []string
	replacer *strings.Replacer
	env      []string
	outputs  map[string]string // everything that was said, to look for secrets in
}

func load(t *testing.T, dir string) *testCase {
	c := &testCase{dir: dir, root: filepath.Join(t.TempDir(), "root"), service: &imds.Server{}, outputs: map[string]string{}}
	copyTree(t, "cases/_base/root", c.root)
	if _, err := os.Stat(filepath.Join(dir, "root")); err == nil {
		copyTree(t, filepath.Join(dir, "root"), c.root)
	}
	for _, records := range []string{state, run} { // their parents, which every root has
		if err := os.MkdirAll(filepath.Dir(c.root+records), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if os.Getuid() != 0 {
		takeOver(t, c.root)
	}

	given, err := filepath.Glob(filepath.Join(dir, "user-data*"))
	if err != nil || len(given) > 1 {
		t.Fatalf("%s has more than one user data: %q %v", dir, given, err)
	}
	if len(given) == 1 {
		// beside the root, so that a fault in confining one to the other could not hide
		c.userData = filepath.Join(filepath.Dir(c.root), filepath.Base(given[0]))
		if c.service.UserData, err = os.ReadFile(given[0]); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(c.userData, c.service.UserData, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	flags := flag.NewFlagSet("imds.args", flag.ContinueOnError)
	c.service.Flags(flags)
	if err := flags.Parse(strings.Fields(c.read(t, "imds.args"))); err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(c.service)
	t.Cleanup(server.Close)

	switch source := strings.TrimSpace(c.read(t, "source")); source {
	case "", "ec2":
		c.source = "ec2"
	case "file":
		c.source = "file:" + c.userData
	default:
		t.Fatalf("%s/source: %q is neither ec2 nor file", dir, source)
	}
	c.args = strings.Fields(c.read(t, "args"))
	if exit := strings.TrimSpace(c.read(t, "exit")); exit != "" {
		if c.exit, err = strconv.Atoi(exit); err != nil {
			t.Fatal(err)
		}
	}
	c.secrets = append(strings.Split(strings.TrimSpace(c.read(t, "secrets")), "\n"),
		regexp.MustCompile(`[\w.+/~-]*s3cret[\w.+/~-]*`).FindAllString(string(c.service.UserData), -1)...)
	slices.Sort(c.secrets)
	c.secrets = slices.DeleteFunc(slices.Compact(c.secrets), func(s string) bool { return s == "" })

	pairs := []string{c.root, "ROOT", server.URL, "http://IMDS", server.Listener.Addr().String(), "IMDS"}
	if c.userData != "" {
		pairs = append([]string{c.userData, "user-data"}, pairs...)
	}
	c.replacer = strings.NewReplacer(pairs...)
	c.env = []string{"PATH=" + os.Getenv("PATH"), "AWS_EC2_METADATA_SERVICE_ENDPOINT=" + server.URL}
	return c
}

// read is the text of a file of the case, or "" if it has none.
func (c *testCase) read(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(c.dir, name))
	if err != nil && !os.IsNotExist(err) {
		t.Fatal(err)
	}
	return string(text)
}

// outcome is what one command said, with everything that differs from run to run made equal.
type outcome struct {
	exit           int
	stdout, stderr string
}

var (
	moment   = regexp.MustCompile(`\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)`)
	duration = regexp.MustCompile(`\b(in|after) \d+(\.\d+)? ?(µs|ms|s)\b`)
	tries    = regexp.MustCompile(`\b\d+ tries\b`)
	port     = regexp.MustCompile(`\b127\.0\.0\.1:\d+`)
)

// bootconf runs a command to its end.
func (c *testCase) bootconf(t *testing.T, args ...string) outcome {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	var stdout, stderr bytes.Buffer
	cmd := exec.CommandContext(ctx, binary, args...)
	cmd.Env, cmd.Stdout, cmd.Stderr = c.env, &stdout, &stderr
	err := cmd.Run()
	if ctx.Err() != nil || cmd.ProcessState == nil || cmd.ProcessState.ExitCode() < 0 {
		t.Fatalf("bootconf %q: %v\n%s", args, err, &stderr)
	}
	name := strings.Join(args, " ")
	c.outputs["stdout of "+name], c.outputs["stderr of "+name] = stdout.String(), stderr.String()
	return outcome{cmd.ProcessState.ExitCode(), c.normalise(stdout.String()), c.normalise(stderr.String())}
}

func (c *testCase) normalise(text string) string {
	text = c.replacer.Replace(text)
	text = moment.ReplaceAllString(text, "TIME")
	text = duration.ReplaceAllString(text, "$1 DURATION")
	text = tries.ReplaceAllString(text, "N tries")
	return port.ReplaceAllString(text, "127.0.0.1:PORT")
}

// finding is a finding as JSON has it.
type finding struct {
	Source  string `json:"source"`
	Line    int    `json:"line"`
	Column  int    `json:"column"`
	Path    string `json:"path"`
	Message string `json:"message"`
	Warning bool   `json:"warning"`
}

// record is what the test reads of result.json.
type record struct {
	Version  int       `json:"version"`
	Status   string    `json:"status"`
	Exit     int       `json:"exit"`
	Warnings []finding `json:"warnings"`
	Error    struct {
		Findings []finding `json:"findings"`
	} `json:"error"`
}

func (c *testCase) test(t *testing.T) {
	// what an operator sees before the launch
	validated, foundBefore := c.validate(t, c.root)
	if c.userData != "" {
		c.bootconf(t, "plan", "--root", c.root, c.userData)
		c.bootconf(t, "plan", "--root", c.root, "-o", "json", c.userData)
	}

	before := readTree(t, c.root, state, run)
	args := append([]string{"run", "--root", c.root, "--source", c.source}, c.args...)
	got := c.bootconf(t, args...)
	after := readTree(t, c.root, state, run)

	if *update {
		c.update(t, got, before, after)
		return
	}
	if got.exit != c.exit {
		t.Errorf("run: exit %d, want %d", got.exit, c.exit)
	}
	if want := c.read(t, "stderr"); got.stderr != want {
		t.Errorf("run: stderr is\n%swant\n%s", got.stderr, want)
	}
	if _, err := os.Stat(filepath.Join(c.dir, "stdout")); err == nil {
		if want := c.read(t, "stdout"); got.stdout != want {
			t.Errorf("run: stdout is\n%swant\n%s", got.stdout, want)
		}
	}
	if c.exit == 0 {
		c.compare(t, before, after)
	} else {
		assertUnchanged(t, "run", before, after)
		if _, err := os.Lstat(c.root + state + "/lock.json"); err == nil {
			t.Error("run failed and locked nevertheless")
		}
	}

	result := c.result(t)
	c.sameVerdict(t, validated, foundBefore, result)
	if got := c.bootconf(t, "status", "--root", c.root); got.exit != c.exit {
		t.Errorf("status: exit %d, want the run's %d", got.exit, c.exit)
	}
	c.bootconf(t, "status", "--root", c.root, "-o", "json")
	if result.Status == "configured" {
		c.runAgain(t, args)
	}

	for name, text := range c.outputs {
		for _, s := range c.secrets {
			if strings.Contains(text, s) {
				t.Errorf("the secret %q is in %s:\n%s", s, name, text)
			}
		}
	}
}

// validate checks the user data against an image and returns what it found. Text and JSON must agree.
func (c *testCase) validate(t *testing.T, image string) (outcome, []finding) {
	t.Helper()
	if c.userData == "" {
		return outcome{}, nil
	}
	text := c.bootconf(t, "validate", "--image", image, c.userData)
	asJSON := c.bootconf(t, "validate", "--image", image, "-o", "json", c.userData)
	var v struct {
		Valid    bool      `json:"valid"`
		Findings []finding `json:"findings"`
	}
	if err := json.Unmarshal([]byte(asJSON.stdout), &v); err != nil {
		t.Fatalf("validate -o json: %v\n%s%s", err, asJSON.stdout, asJSON.stderr)
	}
	if asJSON.exit != text.exit || v.Valid != (text.exit == 0) {
		t.Errorf("validate: exit %d, as JSON %d and valid is %t", text.exit, asJSON.exit, v.Valid)
	}
	return text, v.Findings
}

// sameVerdict compares what validate said with what run found, and with what validate says of the image's bundle.
func (c *testCase) sameVerdict(t *testing.T, validated outcome, found []finding, result record) {
	t.Helper()
	if c.userData == "" {
		return // there is nothing to validate
	}
	want := 0
	switch c.exit {
	case 65, 78:
		// a body that did not arrive whole is invalid to run alone
		if len(result.Error.Findings) > 0 {
			want = c.exit
		}
	}
	if validated.exit != want {
		t.Errorf("validate: exit %d, want %d as of run\n%s", validated.exit, want, validated.stderr)
	}
	inRun := append(result.Error.Findings, result.Warnings...)
	for i := range inRun {
		inRun[i].Source = c.normalise(inRun[i].Source)
	}
	for i := range found {
		found[i].Source = c.normalise(found[i].Source)
	}
	if (want != 0 || c.exit == 0) && !slices.Equal(inRun, found) {
		t.Errorf("run found\n%+v\nvalidate\n%+v", inRun, found)
	}
	if c.exit == 78 {
		return // a broken image has no bundle
	}
	bundle := filepath.Join(filepath.Dir(c.root), "bundle.json")
	made := c.bootconf(t, "bundle", "--root", c.root)
	if made.exit != 0 {
		t.Errorf("bundle: exit %d\n%s", made.exit, made.stderr)
		return
	}
	if err := os.WriteFile(bundle, []byte(c.outputs["stdout of bundle --root "+c.root]), 0o644); err != nil {
		t.Fatal(err)
	}
	if got, _ := c.validate(t, bundle); got != validated {
		t.Errorf("validate with the bundle: %+v\nwith the image: %+v", got, validated)
	}
}

// result reads the run's record from both its places.
func (c *testCase) result(t *testing.T) record {
	t.Helper()
	var r record
	for _, name := range []string{state + "/result.json", run + "/status.json"} {
		text, err := os.ReadFile(c.root + name)
		if err != nil {
			t.Errorf("run left no record: %v", err)
			continue
		}
		c.outputs[name] = string(text)
		if err := json.Unmarshal(text, &r); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if r.Version != 1 || r.Exit != c.exit {
			t.Errorf("%s: version %d, exit %d, want 1 and %d", name, r.Version, r.Exit, c.exit)
		}
	}
	return r
}

// runAgain is a second run of a configured root: it says when that was, asks for nothing and writes nothing.
func (c *testCase) runAgain(t *testing.T, args []string) {
	t.Helper()
	before, requests := readTree(t, c.root, run), c.service.Requests()
	got := c.bootconf(t, args...)
	if got.exit != 0 || !strings.Contains(got.stdout+got.stderr, "TIME") {
		t.Errorf("second run: exit %d, want 0 and when the first was\n%s%s", got.exit, got.stdout, got.stderr)
	}
	assertUnchanged(t, "second run", before, readTree(t, c.root, run))
	if more := c.service.Requests()[len(requests):]; len(more) > 0 {
		t.Errorf("second run: it asked for %q", more)
	}
}

// written is the files that a run wrote; the directories that it made for them are left out.
func written(before, after tree) []string {
	changed, _ := changes(before, after)
	return slices.DeleteFunc(changed, func(path string) bool { return after[path].mode.IsDir() })
}

// compare holds what was written against the case's want, want.modes and want.removed.
func (c *testCase) compare(t *testing.T, before, after tree) {
	t.Helper()
	want := tree{}
	if _, err := os.Stat(filepath.Join(c.dir, "want")); err == nil {
		want = readTree(t, filepath.Join(c.dir, "want"))
	}
	for path, n := range want {
		if n.mode.IsDir() {
			continue
		}
		if got, ok := after[path]; !ok {
			t.Errorf("run: %s is missing", path)
		} else if got.content != n.content {
			t.Errorf("run: %s is\n%swant\n%s", path, got.content, n.content)
		}
	}
	for _, path := range written(before, after) {
		if _, ok := want[path]; !ok {
			t.Errorf("run: %s was written and is not in want:\n%s", path, after[path].content)
		}
	}
	_, removed := changes(before, after)
	if wanted := strings.Fields(c.read(t, "want.removed")); !slices.Equal(removed, wanted) {
		t.Errorf("run: removed %q, want %q", removed, wanted)
	}
	if os.Getuid() != 0 {
		return // every name has one id then, see takeOver
	}
	if wanted := c.read(t, "want.modes"); wanted != "" && c.modes(t, before, after) != wanted {
		t.Errorf("run: modes and owners are\n%swant\n%s", c.modes(t, before, after), wanted)
	}
}

// modes is want.modes: every file that was written and every directory that was made.
func (c *testCase) modes(t *testing.T, before, after tree) string {
	t.Helper()
	users, groups := accounts(t, c.root+"/etc/passwd"), accounts(t, c.root+"/etc/group")
	var b strings.Builder
	changed, _ := changes(before, after)
	for _, path := range changed {
		fmt.Fprintln(&b, describe(path, after[path], users, groups))
	}
	return b.String()
}

// update makes what a run gave what the case wants.
func (c *testCase) update(t *testing.T, got outcome, before, after tree) {
	t.Helper()
	write := func(name, text string) {
		name = filepath.Join(c.dir, name)
		if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	old := []string{"stderr", "exit", "want", "want.removed"}
	if os.Getuid() == 0 { // see takeOver
		old = append(old, "want.modes")
	}
	for _, name := range old {
		if err := os.RemoveAll(filepath.Join(c.dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	if got.stderr != "" {
		write("stderr", got.stderr)
	}
	if _, err := os.Stat(filepath.Join(c.dir, "stdout")); err == nil {
		write("stdout", got.stdout)
	}
	if got.exit != 0 {
		write("exit", strconv.Itoa(got.exit)+"\n")
		return
	}
	for _, path := range written(before, after) {
		write("want"+path, after[path].content)
	}
	if _, removed := changes(before, after); len(removed) > 0 {
		write("want.removed", strings.Join(removed, "\n")+"\n")
	}
	if modes := c.modes(t, before, after); modes != "" && os.Getuid() == 0 {
		write("want.modes", modes)
	}
}

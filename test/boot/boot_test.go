//go:build boot

// Package boot boots Debian systems with bootconf in their images and looks at what became of them. Each is a real
// systemd as the first process of a container without any way out, with a metadata service and a log collector of its
// own. Needs root, mmdebstrap and systemd-nspawn; `go test -tags boot ./test/boot`.
//
// A directory of cases is one image and what must come of booting it:
//
//	image/        definitions and accounts, as the image's author makes them
//	overlay/      laid over it
//	user-data*    what the metadata service has, one file of any suffix; absent: it has none
//	imds.args     the metadata service's flags (see imds/serve); off: there is no service
//	releases      the Debian releases to boot; absent: all
//	packages      more Debian packages, one a line
//	check         run when the boot is over; it sources helpers
//	check.reboot  run after a reboot of the same disk; absent: there is none
package boot

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/bootconf/bootconf/test/release"
)

// releases are Debian's, with systemd 252 and 257.
var releases = []string{"bookworm", "trixie"}

// tools is what the systems and their surroundings are made of.
var tools struct {
	layer       string // bootconf as its package installs it, and the collector's authority
	imds        string
	collector   string
	certificate string
}

func TestMain(m *testing.M) {
	os.Exit(func() int {
		if os.Getuid() != 0 {
			fmt.Fprintln(os.Stderr, "*** nothing was booted: it needs root (namespaces, mounts, systemd-nspawn)")
			return 1
		}
		dir, err := os.MkdirTemp("", "bootconf-boot-")
		if err == nil {
			defer os.RemoveAll(dir)
			err = buildTools(dir)
		}
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
		return m.Run()
	}())
}

// buildTools fills tools.
func buildTools(dir string) error {
	tools.imds, tools.collector = filepath.Join(dir, "imds"), filepath.Join(dir, "collector")
	for binary, source := range map[string]string{tools.imds: "../imds/serve", tools.collector: "./collector"} {
		build := exec.Command("go", "build", "-buildvcs=false", "-o", binary, source)
		build.Env = append(os.Environ(), "CGO_ENABLED=0")
		if out, err := build.CombinedOutput(); err != nil {
			return fmt.Errorf("cannot build %s: %w\n%s", source, err, out)
		}
	}

	binary, err := release.Build("../..", dir)
	if err != nil {
		return err
	}
	tools.layer = filepath.Join(dir, "layer")
	for name, source := range map[string]string{
		"usr/bin/bootconf":                        binary,
		"usr/lib/systemd/system/bootconf.service": "../../packaging/systemd/bootconf.service",
	} {
		if err := install(source, filepath.Join(tools.layer, name)); err != nil {
			return err
		}
	}
	generators := filepath.Join(tools.layer, "usr/lib/systemd/system-generators")
	if err := os.MkdirAll(generators, 0o755); err != nil {
		return err
	}
	if err := os.Symlink("../../../bin/bootconf", filepath.Join(generators, "bootconf-generator")); err != nil {
		return err
	}

	tools.certificate = filepath.Join(dir, "collector.pem")
	authority := filepath.Join(tools.layer, "usr/local/share/ca-certificates/boot-test.crt")
	return makeCertificates(authority, tools.certificate, "logs.prod.internal", "logs7.papertrailapp.com")
}

// install copies a file with its mode.
func install(source, target string) error {
	content, err := os.ReadFile(source)
	if err != nil {
		return err
	}
	info, err := os.Stat(source)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(target), 0o755); err != nil {
		return err
	}
	return os.WriteFile(target, content, info.Mode().Perm())
}

// roots are the Debian roots by their release and packages, each made once.
var roots struct {
	sync.Mutex
	made map[string]func() (string, error)
}

func debianRoot(t *testing.T, suite string, packages []string) string {
	t.Helper()
	args := append([]string{suite}, packages...)
	key := strings.Join(args, " ")
	roots.Lock()
	if roots.made == nil {
		roots.made = map[string]func() (string, error){}
	}
	if roots.made[key] == nil {
		roots.made[key] = sync.OnceValues(func() (string, error) {
			command := exec.Command("./build-root", args...)
			command.Stderr = os.Stderr
			out, err := command.Output()
			return strings.TrimSpace(string(out)), err
		})
	}
	build := roots.made[key]
	roots.Unlock()
	root, err := build()
	if err != nil {
		t.Fatalf("cannot make the root %s: %v", key, err)
	}
	return root
}

func TestBoot(t *testing.T) {
	cases, err := filepath.Glob("cases/*")
	if err != nil || len(cases) == 0 {
		t.Fatalf("no cases: %v", err)
	}
	for _, dir := range cases {
		t.Run(filepath.Base(dir), func(t *testing.T) {
			suites := releases
			if only := strings.Fields(read(t, dir, "releases")); len(only) > 0 {
				suites = only
			}
			for _, suite := range suites {
				t.Run(suite, func(t *testing.T) {
					t.Parallel()
					testCase(t, dir, suite)
				})
			}
		})
	}
}

// read is the text of a file of a case, or "" if it has none.
func read(t *testing.T, dir, name string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(dir, name))
	if err != nil && !os.IsNotExist(err) {
		t.Fatal(err)
	}
	return string(text)
}

func testCase(t *testing.T, dir, suite string) {
	s := newSystem(t, suite, debianRoot(t, suite, strings.Fields(read(t, dir, "packages"))))
	layers := []string{"base", tools.layer}
	for _, name := range []string{"image", "overlay"} {
		if layer, err := filepath.EvalSymlinks(filepath.Join(dir, name)); err == nil {
			layers = append(layers, layer)
		}
	}
	s.start(layers, imdsCommand(t, dir))
	s.check(filepath.Join(dir, "check"))
	if script := filepath.Join(dir, "check.reboot"); exists(script) && !t.Failed() {
		s.powerOff()
		s.start(nil, imdsCommand(t, dir))
		s.check(script)
	}
}

// imdsCommand is the command line of a case's metadata service, or "" if it has none.
func imdsCommand(t *testing.T, dir string) string {
	t.Helper()
	args := strings.Fields(read(t, dir, "imds.args"))
	if slices.Equal(args, []string{"off"}) {
		return ""
	}
	if !slices.Contains(args, "-listen") {
		args = append(args, "-listen", "169.254.169.254:80")
	}
	userData, err := filepath.Glob(filepath.Join(dir, "user-data*"))
	if err != nil || len(userData) > 1 {
		t.Fatalf("%s has more than one user data: %q %v", dir, userData, err)
	}
	if len(userData) == 1 {
		args = append(args, "-user-data", userData[0])
	}
	return tools.imds + " " + strings.Join(args, " ")
}

func exists(name string) bool {
	_, err := os.Stat(name)
	return err == nil
}

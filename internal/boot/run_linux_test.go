package boot

import (
	"context"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/bootconf/bootconf/internal/journal"
	"github.com/bootconf/bootconf/internal/result"
	"github.com/bootconf/bootconf/internal/rootfs"
)

// instance is a copy of a small image, with a file that an earlier configuration might have left.
func instance(t *testing.T) (*rootfs.Root, string) {
	t.Helper()
	dir := t.TempDir()
	for name, text := range map[string]string{
		"etc/passwd":                             fmt.Sprintf("root:x:%d:%d::/:\n", os.Getuid(), os.Getgid()),
		"etc/group":                              fmt.Sprintf("root:x:%d:\n", os.Getgid()),
		"etc/bootconf/policy.json":               `{"source": "file:/user-data.json"}`,
		"etc/app/app.env":                        "OLD=1\n",
		"user-data.json":                         `{"app": {"name": "new", "key": "s3cret"}}`,
		"var/lib/dpkg/status":                    "",
		"run/utmp":                               "",
		"etc/bootconf/services/app/t":            "NAME={{ .name }}\nKEY={{ .key }}\n",
		"etc/bootconf/services/b/t":              "NAME={{ app.name }}\n",
		"etc/bootconf/services/b/service.json":   `{"uses": ["app"], "files": [{"path": "/srv/b/b.env", "template": "t", "format": "env"}]}`,
		"etc/bootconf/services/app/service.json": `{"required": true, "files": [{"path": "/etc/app/app.env", "template": "t", "format": "env", "mode": "0640"}, {"path": "/etc/app/all.json", "format": "json"}]}`,
		"etc/bootconf/services/app/schema.json": `{"type": "object", "additionalProperties": false,
			"properties": {"name": {"type": "string"}, "key": {"type": "string", "writeOnly": true}}}`,
	} {
		name = filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	root, err := rootfs.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { root.Close() })
	return root, dir
}

// tree is every file below dir but bootconf's own records, with its mode and content.
func tree(t *testing.T, dir string) map[string]string {
	t.Helper()
	out := map[string]string{}
	err := filepath.WalkDir(dir, func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, _ := filepath.Rel(dir, name)
		if rel == "var/lib/bootconf" || rel == "run/bootconf" {
			return fs.SkipDir
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		out[rel] = info.Mode().String()
		if info.Mode().IsRegular() {
			text, err := os.ReadFile(name)
			if err != nil {
				return err
			}
			out[rel] += " " + string(text)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// without is a tree but for the old files that lie beside the new ones.
func without(tree map[string]string) map[string]string {
	out := maps.Clone(tree)
	maps.DeleteFunc(out, func(name, _ string) bool { return strings.HasSuffix(name, ".bootconf-old~") })
	return out
}

func runOn(root *rootfs.Root) (*result.Result, error) {
	return Run(context.Background(), Config{Root: root, Log: journal.Open(&strings.Builder{})})
}

// Whichever call fails, the run either did all of it or none: what it says, what the disk holds and whether the
// instance is locked agree.
func TestRunAllOrNone(t *testing.T) {
	root, dir := instance(t)
	before := tree(t, dir)
	calls := 0
	root.Hook(func(string, string) error { calls++; return nil })
	if _, err := runOn(root); err != nil {
		t.Fatal(err)
	}
	after := tree(t, dir)
	if maps.Equal(before, after) || calls < 20 {
		t.Fatalf("the run changed nothing, or in %d calls only", calls)
	}
	for _, fault := range []error{unix.ENOSPC, unix.EIO, unix.EROFS, unix.EACCES} {
		for n := 1; n <= calls; n++ {
			root, dir := instance(t)
			made, what := 0, ""
			root.Hook(func(call, path string) error {
				if made++; made == n {
					what = call + " " + path
					return fault
				}
				return nil
			})
			r, err := runOn(root)
			root.Hook(nil)
			code, got := ExitCode(err), tree(t, dir)
			_, unlocked := os.Stat(filepath.Join(dir, "var/lib/bootconf/lock.json"))
			switch {
			case r.Exit != code:
				t.Errorf("%v at call %d (%s): the result has exit %d, the run %d", fault, n, what, r.Exit, code)
			case code == ExitOK && (!maps.Equal(without(got), after) || unlocked != nil):
				t.Errorf("%v at call %d (%s): exit 0, but the tree is not the new one, or there is no lock", fault, n, what)
			case code == ExitWrite && unlocked != nil && (!maps.Equal(got, before) || r.Dirty):
				t.Errorf("%v at call %d (%s): exit 73, but the old tree is not in place: %v", fault, n, what, err)
			case code == ExitWrite && unlocked == nil:
				t.Errorf("%v at call %d (%s): exit 73, but the instance is locked: %v", fault, n, what, err)
			case code != ExitOK && code != ExitWrite:
				t.Errorf("%v at call %d (%s): exit %d: %v", fault, n, what, code, err)
			}
			// what is left over must not keep the next run from its work
			if _, err := runOn(root); err != nil || !maps.Equal(tree(t, dir), after) {
				t.Errorf("%v at call %d (%s): the next run does not configure: %v", fault, n, what, err)
			}
		}
	}
	t.Logf("%d calls, each with 4 faults", calls)
}

func TestStatusTellsAKilledRun(t *testing.T) {
	dead := exec.Command("true")
	if err := dead.Run(); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name   string
		pid    int
		status string
		exit   int
	}{
		{"under way", os.Getpid(), result.Running, 0},
		{"killed", dead.Process.Pid, result.Failed, ExitFault},
	} {
		root, _ := instance(t)
		r := result.New(now())
		r.PID = c.pid
		if err := r.Publish(root); err != nil {
			t.Fatal(err)
		}
		got, err := Status(root)
		if err != nil || got.Status != c.status || got.Exit != c.exit {
			t.Errorf("%s: %+v, %v; want %s, exit %d", c.name, got, err, c.status, c.exit)
		}
	}
	root, _ := instance(t)
	if r, err := Wait(context.Background(), root); r != nil || err != nil {
		t.Errorf("below a root where nothing runs, Wait gives %v, %v", r, err)
	}
}

package generator

import (
	"context"
	"io/fs"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

// tree is files by their paths; content that begins with "-> " is a symbolic link.
type tree map[string]string

func (w tree) write(t *testing.T, dir string) {
	t.Helper()
	for name, content := range w {
		name = filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			t.Fatal(err)
		}
		var err error
		if to, ok := strings.CutPrefix(content, "-> "); ok {
			err = os.Symlink(to, name)
		} else {
			err = os.WriteFile(name, []byte(content), 0o644)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}

func read(t *testing.T, dir string) tree {
	t.Helper()
	out := tree{}
	err := filepath.WalkDir(dir, func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		rel, _ := filepath.Rel(dir, name)
		if d.Type()&fs.ModeSymlink != 0 {
			to, err := os.Readlink(name)
			out[rel] = "-> " + to
			return err
		}
		content, err := os.ReadFile(name)
		out[rel] = string(content)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// dirs makes the three directories of a generator.
func dirs(t *testing.T) (normal, early, late string) {
	t.Helper()
	base := t.TempDir()
	for _, d := range []string{"normal", "early", "late"} {
		if err := os.Mkdir(filepath.Join(base, d), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	return filepath.Join(base, "normal"), filepath.Join(base, "early"), filepath.Join(base, "late")
}

const (
	requires = "After=bootconf.service\nRequisite=bootconf.service\n"
	hold     = "ConditionPathExists=!/run/bootconf/hold\n"
	own      = "bootconf.service"
)

func configured(services ...string) string {
	var b strings.Builder
	if len(services) == 1 {
		return "ConditionPathExists=/run/bootconf/services/" + services[0] + "\n"
	}
	for _, s := range services {
		b.WriteString("ConditionPathExists=|/run/bootconf/services/" + s + "\n")
	}
	return b.String()
}

func TestOutput(t *testing.T) {
	const ownDefault = "RequiresMountsFor=\"/var/lib/bootconf\"\n[Service]\nTimeoutStartSec=240\n"
	tests := map[string]struct {
		root tree
		want map[string]string // the drop-in of each unit, without its first lines; bootconf.service has ownDefault
		log  string            // part of what is logged
	}{
		"an image without definitions": {},
		"every kind of unit": {
			root: tree{"etc/bootconf/services/app/service.json": `{"units": [
				"app.service", "worker@a.service", "nightly.timer",
				{"name": "shipper.service", "requires": false},
				{"name": "early.service", "order": false},
				{"name": "both.service", "order": false, "requires": false}]}`},
			want: map[string]string{
				"app.service":      requires + configured("app") + hold,
				"worker@a.service": requires + configured("app") + hold,
				"nightly.timer":    requires + configured("app") + hold,
				"shipper.service":  "After=bootconf.service\n" + hold,
				"early.service":    hold,
				"both.service":     hold,
			},
		},
		"a unit of several services": {
			root: tree{
				"etc/bootconf/services/web/service.json":      `{"units": ["nginx.service"]}`,
				"etc/bootconf/services/api/service.json":      `{"units": ["nginx.service"]}`,
				"usr/lib/bootconf/services/logs/service.json": `{"units": [{"name": "nginx.service", "requires": false}]}`,
			},
			want: map[string]string{"nginx.service": requires + configured("api", "logs", "web") + hold},
		},
		"a definition of the image replaces the packaged one whole": {
			root: tree{
				"usr/lib/bootconf/services/app/service.json": `{"units": ["packaged.service"], "files": [{"path": "/packaged/x"}]}`,
				"etc/bootconf/services/app/service.json":     `{"units": ["own.service"]}`,
			},
			want: map[string]string{"own.service": requires + configured("app") + hold},
		},
		"a masked definition": {
			root: tree{
				"usr/lib/bootconf/services/app/service.json": `{"units": ["packaged.service"]}`,
				"etc/bootconf/services/app":                  "-> /dev/null",
			},
		},
		"a definition by link": {
			root: tree{
				"etc/bootconf/services/app":     "-> ../app",
				"etc/bootconf/app/service.json": `{"units": ["app.service"]}`,
			},
			want: map[string]string{"app.service": requires + configured("app") + hold},
		},
		"what is no definition": {
			root: tree{
				"etc/bootconf/services/README":               "",
				"etc/bootconf/services/.git/config":          "",
				"etc/bootconf/services/App/service.json":     `{"units": ["app.service"]}`,
				"etc/bootconf/services/app.bak/service.json": `{"units": ["app.service"]}`,
			},
		},
		"a definition that can't be read costs the others nothing": {
			root: tree{
				"etc/bootconf/services/app/service.json":    `{"units": ["app.service"]}`,
				"etc/bootconf/services/broken/service.json": `{"units": ["broken.service"`,
				"etc/bootconf/services/empty/other":         ``,
				"etc/bootconf/services/list/service.json":   `[1, 2]`,
				"etc/bootconf/services/text/service.json":   `"units"`,
			},
			want: map[string]string{"app.service": requires + configured("app") + hold},
			log:  "/etc/bootconf/services/broken/service.json:1:",
		},
		"a definition with faults elsewhere keeps its units ordered": {
			root: tree{"etc/bootconf/services/app/service.json": `{"unknown": 1, "files": 7, "kind": "nosuch",
				"units": ["app.service", 12, null, {}, {"name": "other.service", "requires": "maybe", "order": 0}], "units": 3}`},
			want: map[string]string{
				"app.service":   requires + configured("app") + hold,
				"other.service": requires + configured("app") + hold,
			},
		},
		"units that can't wait": {
			root: tree{"etc/bootconf/services/app/service.json": `{"units": ["a.socket", "b.path", "c.mount", "d.slice", "e",
				"bootconf.service", "systemd-sysusers.service", "basic.target", "multi-user.target", "f@.service", ".service",
				"../../../etc/g.service", "h/i.service", "j k.service", "app.service"]}`},
			want: map[string]string{"app.service": requires + configured("app") + hold},
			log:  `"a.socket" is not ordered`,
		},
		"a target with its members": {
			root: tree{
				"etc/bootconf/services/app/service.json":                       `{"units": ["stack.target"]}`,
				"etc/systemd/system/stack.target":                              "[Unit]\nDescription=x\nWants=one.service \\\n  two.service\n# Wants=no.service\n[Install]\nWantedBy=no.target\nAlso=no.service\n",
				"etc/systemd/system/stack.target.d/more.conf":                  "[Unit]\nRequires = three.service\n",
				"etc/systemd/system/stack.target.d/more.bak":                   "[Unit]\nRequires=no.service\n",
				"etc/systemd/system/stack.target.wants/four@x.service":         "-> ../four@.service",
				"usr/lib/systemd/system/stack.target.requires/inner.target":    "-> ../inner.target",
				"usr/lib/systemd/system/stack.target.upholds/five.timer":       "-> ../five.timer",
				"usr/local/lib/systemd/system/inner.target.wants/six.service":  "-> ../six.service",
				"usr/local/lib/systemd/system/inner.target.wants/stack.target": "-> ../stack.target",
				"usr/lib/systemd/system/stack.target.wants/listen.socket":      "-> ../listen.socket",
				"usr/lib/systemd/system/stack.target.wants/firewall.service":   "-> ../firewall.service",
				"usr/lib/systemd/system/firewall.service":                      "[Unit]\nBefore=network-pre.target\n",
				"usr/lib/systemd/system/stack.target.wants/bridge@br0.service": "-> ../bridge@.service",
				"usr/lib/systemd/system/bridge@.service":                       "[Unit]\nBefore=foo.service network.target\n",
				"usr/lib/systemd/system/other.target.wants/no.service":         "-> ../no.service",
			},
			want: func() map[string]string {
				m := map[string]string{}
				for _, u := range []string{"stack.target", "inner.target", "one.service", "two.service", "three.service", "four@x.service", "five.timer", "six.service"} {
					m[u] = requires + configured("app") + hold
				}
				return m
			}(),
			log: `"firewall.service" of stack.target is not ordered`,
		},
		"a member that a definition names has its own word": {
			root: tree{
				"etc/bootconf/services/app/service.json":              `{"units": ["stack.target", {"name": "two.service", "order": false}]}`,
				"etc/systemd/system/stack.target.wants/one.service":   "-> ../one.service",
				"etc/systemd/system/stack.target.wants/two.service":   "-> ../two.service",
				"etc/systemd/system/stack.target.wants/three.service": "-> ../three.service",
				"etc/bootconf/services/logs/service.json":             `{"units": [{"name": "three.service", "requires": false}]}`,
			},
			want: map[string]string{
				"stack.target":  requires + configured("app") + hold,
				"one.service":   requires + configured("app") + hold,
				"two.service":   hold,
				"three.service": "After=bootconf.service\n" + hold,
			},
		},
		"a target by another name": {
			root: tree{
				"etc/bootconf/services/app/service.json":               `{"units": [{"name": "stack.target", "requires": false}]}`,
				"etc/systemd/system/stack.target":                      "-> /usr/lib/systemd/system/real.target",
				"usr/lib/systemd/system/real.target":                   "[Unit]\n",
				"usr/lib/systemd/system/real.target.wants/one.service": "-> ../one.service",
			},
			want: map[string]string{
				"stack.target": "After=bootconf.service\n" + hold,
				"one.service":  "After=bootconf.service\n" + hold,
			},
		},
		"paths, quoted": {
			root: tree{"etc/bootconf/services/app/service.json": `{"files": [
				{"path": "/srv/a b/100%/q\"\\x/file"}, {"path": "/srv/app/one"}, {"path": "/srv/app/two"},
				{"path": "relative/x"}, {"path": "/new\nline/x"}, {"path": 7}, {}]}`},
			want: map[string]string{own: `RequiresMountsFor="/srv/a b/100%%/q\"\\x"` + "\nRequiresMountsFor=\"/srv/app\"\n" + ownDefault},
		},
		"deadlines": {
			root: tree{
				"etc/bootconf/policy.json":               `{"timeout": "20s"}`,
				"etc/bootconf/services/a/service.json":   `{"check": {"command": ["/bin/true"], "timeout": "1m"}}`,
				"etc/bootconf/services/b/service.json":   `{"check": {"command": ["/bin/true"]}}`,
				"etc/bootconf/services/bad/service.json": `{"check": {"command": ["/bin/true"], "timeout": "soon"}}`,
			},
			want: map[string]string{own: "RequiresMountsFor=\"/var/lib/bootconf\"\n[Service]\nTimeoutStartSec=260\n"},
		},
		"degraded": {
			root: tree{"etc/bootconf/policy.json": `{"on_failure": "degraded"}`},
		},
		"emergency": {
			root: tree{"etc/bootconf/policy.json": `{"on_failure": "emergency"}`},
			want: map[string]string{own: strings.Replace(ownDefault, "[", "OnFailure=emergency.target\nOnFailureJobMode=replace-irreversibly\n[", 1)},
		},
		"poweroff": {
			root: tree{"etc/bootconf/policy.json": `{"on_failure": "poweroff"}`},
			want: map[string]string{own: strings.Replace(ownDefault, "[", "OnFailure=poweroff.target\nOnFailureJobMode=replace-irreversibly\n[", 1)},
		},
		"an invalid policy counts as emergency": {
			root: tree{"etc/bootconf/policy.json": `{"on_failure": "degraded", "unknown": 1}`},
			want: map[string]string{own: strings.Replace(ownDefault, "[", "OnFailure=emergency.target\nOnFailureJobMode=replace-irreversibly\n[", 1)},
		},
		"a policy that is none": {
			root: tree{"etc/bootconf/policy.json": `{"on_failure": `},
			want: map[string]string{own: strings.Replace(ownDefault, "[", "OnFailure=emergency.target\nOnFailureJobMode=replace-irreversibly\n[", 1)},
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			from := t.TempDir()
			test.root.write(t, from)
			normal, early, late := dirs(t)
			var logged strings.Builder
			g := generator{files: root(from), normal: normal, early: early, log: func(_ int, m string) { logged.WriteString(m + "\n") }}
			want := tree{"multi-user.target.wants/bootconf.service": "-> /usr/lib/systemd/system/bootconf.service"}
			want[own+".d/50-bootconf.conf"] = header + "[Unit]\n" + ownDefault
			for u, text := range test.want {
				want[u+".d/50-bootconf.conf"] = header + "[Unit]\n" + text
			}
			for range 2 { // a second time, as at a daemon-reload, it says the same
				if err := g.run(); err != nil {
					t.Fatal(err)
				}
				if got := read(t, normal); !maps.Equal(got, want) {
					t.Errorf("got\n%s\nwant\n%s", show(got), show(want))
				}
			}
			for _, d := range []string{early, late} {
				if got := read(t, d); len(got) > 0 {
					t.Errorf("left in %s:\n%s", d, show(got))
				}
			}
			if !strings.Contains(logged.String(), test.log) {
				t.Errorf("logged %q, want %q in it", logged.String(), test.log)
			}
		})
	}
}

const closed = "-> /usr/lib/systemd/system/emergency.target"

// TestFailsClosed has it fail to write at each place that it writes to.
func TestFailsClosed(t *testing.T) {
	for _, blocked := range []string{"app.service.d", "app.service.d/50-bootconf.conf/x", "bootconf.service.d", "multi-user.target.wants"} {
		t.Run(blocked, func(t *testing.T) {
			from := t.TempDir()
			tree{"etc/bootconf/services/app/service.json": `{"units": ["app.service"]}`}.write(t, from)
			normal, early, _ := dirs(t)
			tree{blocked: "in the way"}.write(t, normal)
			g := generator{files: root(from), normal: normal, early: early, log: func(int, string) {}}
			if err := g.run(); err == nil {
				t.Error("no error")
			}
			if got := read(t, early)["default.target"]; got != closed {
				t.Errorf("default.target is %q", got)
			}
		})
	}
	t.Run("nothing can be closed", func(t *testing.T) {
		g := generator{files: root(t.TempDir()), normal: t.TempDir(), early: "/dev/null", log: func(int, string) {}}
		if err := g.run(); err == nil {
			t.Error("no error")
		}
		if got := read(t, g.normal); len(got) > 0 {
			t.Errorf("wrote %s", show(got))
		}
	})
}

// TestOtherTarget has another generator decide what the boot starts.
func TestOtherTarget(t *testing.T) {
	normal, early, _ := dirs(t)
	want := tree{"default.target": "-> /usr/lib/systemd/system/system-update.target"}
	want.write(t, early)
	g := generator{files: root(t.TempDir()), normal: normal, early: early, log: func(int, string) {}}
	if err := g.run(); err != nil {
		t.Fatal(err)
	}
	if got := read(t, early); !maps.Equal(got, want) {
		t.Errorf("got\n%s", show(got))
	}
}

// watched is files that are looked at when they are read.
type watched struct {
	root
	look func()
}

func (w watched) ReadFile(path string) ([]byte, error)       { w.look(); return w.root.ReadFile(path) }
func (w watched) ReadDir(path string) ([]fs.DirEntry, error) { w.look(); return w.root.ReadDir(path) }

func TestClosedWhileItReads(t *testing.T) {
	from := t.TempDir()
	tree{"etc/bootconf/services/app/service.json": `{"units": ["app.target"]}`, "etc/bootconf/policy.json": "{}"}.write(t, from)
	normal, early, _ := dirs(t)
	reads := 0
	g := generator{normal: normal, early: early, log: func(int, string) {}, files: watched{root(from), func() {
		reads++
		if got := read(t, early)["default.target"]; got != closed {
			t.Errorf("at read %d default.target is %q", reads, got)
		}
		if reads > 2 {
			return // what follows is read after something was written
		}
		if got := read(t, normal); len(got) > 0 {
			t.Errorf("at read %d there is %s", reads, show(got))
		}
	}}}
	if err := g.run(); err != nil {
		t.Fatal(err)
	}
	if reads < 4 {
		t.Errorf("%d reads", reads)
	}
}

// TestKilled kills it while it reads a definition.
func TestKilled(t *testing.T) {
	from := t.TempDir()
	tree{"etc/bootconf/services/app/other": ""}.write(t, from)
	if err := syscall.Mkfifo(filepath.Join(from, "etc/bootconf/services/app/service.json"), 0o644); err != nil {
		t.Fatal(err)
	}
	normal, early, _ := dirs(t)
	cmd := exec.Command(os.Args[0])
	cmd.Env = []string{"BOOTCONF_TEST_GENERATOR=" + strings.Join([]string{from, normal, early}, ":")}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	// It has come to the definition once there is a reader of the FIFO.
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	for fifo := -1; fifo < 0; {
		if ctx.Err() != nil {
			t.Fatal("it does not read the definition")
		}
		fifo, _ = syscall.Open(filepath.Join(from, "etc/bootconf/services/app/service.json"), syscall.O_WRONLY|syscall.O_NONBLOCK, 0)
		if fifo >= 0 {
			defer syscall.Close(fifo)
		}
	}
	cmd.Process.Kill()
	cmd.Wait()
	if got := read(t, early)["default.target"]; got != closed {
		t.Errorf("default.target is %q", got)
	}
}

func TestMain(m *testing.M) {
	if v := strings.Split(os.Getenv("BOOTCONF_TEST_GENERATOR"), ":"); len(v) == 3 {
		g := generator{files: root(v[0]), normal: v[1], early: v[2], log: log}
		if g.run() != nil {
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

func TestMainArguments(t *testing.T) {
	if got := Main([]string{t.TempDir()}); got != 2 {
		t.Errorf("with one directory: exit %d, want 2", got)
	}
	normal, early, late := dirs(t)
	t.Setenv("SYSTEMD_IN_INITRD", "1")
	if got := Main([]string{normal, early, late}); got != 0 {
		t.Errorf("in the initial RAM disk: exit %d, want 0", got)
	}
	for _, d := range []string{normal, early, late} {
		if got := read(t, d); len(got) > 0 {
			t.Errorf("in the initial RAM disk it wrote %s", show(got))
		}
	}
}

func show(w tree) string {
	var b strings.Builder
	for _, name := range slices.Sorted(maps.Keys(w)) {
		b.WriteString("== " + name + "\n" + w[name] + "\n")
	}
	return b.String()
}

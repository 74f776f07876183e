package units

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/bootconf/bootconf/internal/plan"
)

// tool is a stand-in for the command of a service manager: a script that records how it is called and answers from
// files in its directory.
func tool(t *testing.T, m Manager, script string) (*Command, func() []string) {
	t.Helper()
	dir := t.TempDir()
	name := filepath.Join(dir, "tool")
	text := "#!/bin/sh\ncd " + dir + "\necho \"$*\" >>calls\n[ -z \"$UPSTART_JOB$RC_SVCNAME\" ] || echo leak >>calls\n" + script
	if err := os.WriteFile(name, []byte(text), 0o755); err != nil {
		t.Fatal(err)
	}
	t.Setenv("UPSTART_JOB", "bootconf")
	t.Setenv("RC_SVCNAME", "bootconf")
	return &Command{name, m, time.Millisecond}, func() []string {
		calls, err := os.ReadFile(filepath.Join(dir, "calls"))
		if err != nil {
			t.Fatal(err)
		}
		return strings.Split(strings.TrimSpace(string(calls)), "\n")
	}
}

func TestUpstart(t *testing.T) {
	tests := map[string]struct {
		script string
		want   Outcome
		calls  []string
	}{
		"up": {
			script: `case $1 in status) echo "app start/running, process 7";; esac`,
			want:   Outcome{Action: ActionRestarted, Result: ResultDone},
			calls:  []string{"status app", "restart app", "status app", "status app"},
		},
		"down": {
			script: `echo "app stop/waiting"`,
			want:   Outcome{Action: ActionNone, Result: ResultSkipped, Detail: "not active"},
			calls:  []string{"status app"},
		},
		"missing": {
			script: `echo "initctl: Unknown job: app" >&2; exit 1`,
			want:   Outcome{Action: ActionNone, Result: ResultMissing, Detail: "there is no such service"},
			calls:  []string{"status app"},
		},
		"does not start": {
			script: `case $1 in status) [ -e no ] && echo "app stop/waiting" || echo "app start/running, process 7";; restart) touch no; exit 1;; esac`,
			want:   Outcome{Action: ActionRestarted, Result: ResultFailed, Detail: "its restart failed: exit status 1"},
			calls:  []string{"status app", "restart app", "status app"},
		},
		"dies at once": {
			script: `case $1 in status) [ -e no ] && echo "app stop/waiting" || echo "app start/running, process 7";; restart) touch no;; esac`,
			want:   Outcome{Action: ActionRestarted, Result: ResultFailed, Detail: "it is not up after its restart"},
			calls:  []string{"status app", "restart app", "status app"},
		},
		"dies and is started again": {
			script: `case $1 in status) echo x >>n; echo "app start/running, process $(grep -c x n)";; esac`,
			want:   Outcome{Action: ActionRestarted, Result: ResultFailed, Detail: "it did not stay up"},
			calls:  []string{"status app", "restart app", "status app", "status app"},
		},
		"hangs": {
			script: `case $1 in status) echo "app start/running, process 7";; restart) sleep 1000;; esac`,
			want:   Outcome{Action: ActionRestarted, Result: ResultTimeout, Detail: "its restart did not end in time"},
			calls:  []string{"status app", "restart app"},
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			c, calls := tool(t, ManagerUpstart, test.script)
			deadline := time.Minute
			if test.want.Result == ResultTimeout {
				deadline = 300 * time.Millisecond
			}
			ctx, cancel := context.WithTimeout(t.Context(), deadline)
			defer cancel()
			test.want.Name = "app.service"
			if got := c.Apply(ctx, []plan.Unit{{Name: "app.service", Order: true}}); len(got) != 1 || got[0] != test.want {
				t.Errorf("got %+v, want %+v", got, test.want)
			}
			if got := calls(); !slices.Equal(got, test.calls) {
				t.Errorf("calls %q, want %q", got, test.calls)
			}
		})
	}
}

func TestOpenRC(t *testing.T) {
	tests := map[string]struct {
		script string
		want   Outcome
		calls  []string
	}{
		"up": {
			script: `exit 0`,
			want:   Outcome{Action: ActionRestarted, Result: ResultDone},
			calls:  []string{"--exists app", "app status", "app restart", "--exists app", "app status", "--exists app", "app status"},
		},
		"down": {
			script: `[ "$2" != status ] || exit 3`,
			want:   Outcome{Action: ActionNone, Result: ResultSkipped, Detail: "not active"},
			calls:  []string{"--exists app", "app status"},
		},
		"missing": {
			script: `exit 1`,
			want:   Outcome{Action: ActionNone, Result: ResultMissing, Detail: "there is no such service"},
			calls:  []string{"--exists app"},
		},
		"crashed": {
			script: `case $2 in status) [ -e up ] || exit 32;; restart) exit 1;; start) touch up;; esac`,
			want:   Outcome{Action: ActionRestarted, Result: ResultDone},
			calls:  []string{"--exists app", "app status", "app restart", "app zap", "app start", "--exists app", "app status", "--exists app", "app status"},
		},
		"crashes": {
			script: `case $2 in status) echo x >>n; [ $(grep -c x n) -lt 3 ] || exit 32;; esac`,
			want:   Outcome{Action: ActionRestarted, Result: ResultFailed, Detail: "it did not stay up"},
			calls:  []string{"--exists app", "app status", "app restart", "--exists app", "app status", "--exists app", "app status"},
		},
		"does not start": {
			script: `case $2 in status) [ ! -e no ] || exit 3;; restart) touch no; exit 1;; esac`,
			want:   Outcome{Action: ActionRestarted, Result: ResultFailed, Detail: "its restart failed: exit status 1"},
			calls:  []string{"--exists app", "app status", "app restart", "--exists app", "app status"},
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			c, calls := tool(t, ManagerOpenRC, test.script)
			test.want.Name = "app.service"
			if got := c.Apply(t.Context(), []plan.Unit{{Name: "app.service"}}); len(got) != 1 || got[0] != test.want {
				t.Errorf("got %+v, want %+v", got, test.want)
			}
			if got := calls(); !slices.Equal(got, test.calls) {
				t.Errorf("calls %q, want %q", got, test.calls)
			}
		})
	}
}

func TestNoSuchKindOfUnit(t *testing.T) {
	got := NewCommand(ManagerOpenRC).Apply(t.Context(), []plan.Unit{{Name: "a.timer"}, {Name: "b@c.service"}, {Name: "d.target"}})
	for _, o := range got {
		if o.Result != ResultMissing || o.Detail != "openrc has no such kind of unit" {
			t.Errorf("%+v", o)
		}
	}
	for _, o := range NewCommand(ManagerNone).Apply(t.Context(), []plan.Unit{{Name: "a.service"}}) {
		if o.Result != ResultMissing || o.Detail != "no service manager runs here" {
			t.Errorf("%+v", o)
		}
	}
}

func TestDetect(t *testing.T) {
	for name, test := range map[string]struct {
		paths []string
		want  Manager
	}{
		"systemd":                    {[]string{"/run/systemd/system", "/sbin/initctl", "/etc/init"}, ManagerSystemd},
		"openrc":                     {[]string{"/run/openrc", "/etc/init"}, ManagerOpenRC},
		"upstart":                    {[]string{"/sbin/initctl", "/etc/init"}, ManagerUpstart},
		"upstart's tool alone":       {[]string{"/sbin/initctl"}, ManagerNone},
		"openrc's tool alone":        {[]string{"/sbin/rc-service"}, ManagerNone},
		"nothing, as in a container": {nil, ManagerNone},
	} {
		t.Run(name, func(t *testing.T) {
			root := t.TempDir()
			for _, p := range test.paths {
				if err := os.MkdirAll(root+p, 0o755); err != nil {
					t.Fatal(err)
				}
			}
			if got := detect(root); got != test.want {
				t.Errorf("got %q, want %q", got, test.want)
			}
		})
	}
}

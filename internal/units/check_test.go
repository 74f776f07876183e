package units

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/bootconf/bootconf/internal/plan"
)

func TestRunCheckOnSystemd(t *testing.T) {
	tests := map[string]struct {
		output string
		job    string // "": the job never ends
		props  map[string]any
		want   string
		err    string
	}{
		"good":            {output: "fine\n", job: "done", want: "fine\n"},
		"bad":             {output: "line 3: no", job: "failed", props: map[string]any{"Result": "exit-code", "ExecMainStatus": int32(2)}, want: "line 3: no", err: "/bin/app exited with status 2"},
		"hangs":           {output: "first\nsecon", job: "failed", props: map[string]any{"Result": "timeout"}, want: "first\n", err: "/bin/app did not end within 20ms and was killed"},
		"killed":          {output: "first\nsecon", job: "failed", props: map[string]any{"Result": "signal", "ExecMainStatus": int32(11)}, want: "first\n", err: "/bin/app was killed (segmentation fault)"},
		"out of memory":   {job: "failed", props: map[string]any{"Result": "oom-kill"}, err: "/bin/app was killed (out of memory)"},
		"no such program": {job: "failed", props: map[string]any{"Result": "exit-code", "ExecMainStatus": int32(203)}, err: "cannot start /bin/app: it is missing or no program"},
		"no such user":    {job: "failed", props: map[string]any{"Result": "exit-code", "ExecMainStatus": int32(217)}, err: "cannot start /bin/app: there is no such user"},
		"no such slice":   {job: "dependency", err: "cannot start /bin/app: its job ended as dependency"},
		"systemd hangs":   {output: "first\nsecon", want: "first\n", err: "/bin/app did not end within 20ms and was killed"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			f := newFake(t)
			var properties map[string]any
			f.mu.Lock()
			f.checked = func(p map[string]any, out *os.File) string {
				properties = p
				io.WriteString(out, test.output)
				if test.job == "" {
					t.Cleanup(func() { out.Close() })
				}
				for _, u := range f.units {
					u.props = test.props
				}
				return test.job
			}
			f.mu.Unlock()
			ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
			if test.job != "" {
				cancel()
				ctx, cancel = context.WithTimeout(t.Context(), time.Minute)
			}
			defer cancel()
			check := plan.Check{Command: []string{"/bin/app", "--check", "$HOME", "100%", "a b"}, User: "windtrap", Timeout: 20 * time.Millisecond}
			got, err := f.systemd().RunCheck(ctx, "app", check)
			if string(got) != test.want || message(err) != test.err {
				t.Errorf("got %q, %q; want %q, %q", got, message(err), test.want, test.err)
			}

			unit := fmt.Sprintf("bootconf-check-app-%d.service", os.Getpid())
			want := []string{"StartTransientUnit " + unit + " fail"}
			switch {
			case test.job == "":
				want = append(want, "KillUnit "+unit)
			case test.job != "done":
				want = append(want, "ResetFailedUnit "+unit)
			}
			if calls := f.called(); !reflect.DeepEqual(calls, want) {
				t.Errorf("calls %q, want %q", calls, want)
			}
			f.mu.Lock()
			defer f.mu.Unlock()
			for name, want := range map[string]any{
				"User": "windtrap", "Type": "oneshot", "DefaultDependencies": false, "TimeoutStartUSec": uint64(20000), "KillSignal": int32(9),
				"ExecStart": [][]any{{"/bin/app", []string{"/bin/app", "--check", "$$HOME", "100%", "a b"}, false}},
			} {
				if !reflect.DeepEqual(properties[name], want) {
					t.Errorf("%s is %#v, want %#v", name, properties[name], want)
				}
			}
		})
	}
}

func message(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

func TestOutput(t *testing.T) {
	long := strings.Repeat("a line of it\n", maxOutput/13+2)
	for name, test := range map[string]struct{ in, want string }{
		"nothing":         {"", ""},
		"a little":        {"one\ntwo", "one\ntwo"},
		"as much as fits": {long[:maxOutput], long[:maxOutput]},
		"a little more":   {long[:maxOutput+1], long[:maxOutput/13*13] + "[more was printed]\n"},
		"one long line":   {strings.Repeat("x", 3*maxOutput), "[more was printed]\n"},
	} {
		t.Run(name, func(t *testing.T) {
			o, err := newOutput()
			if err != nil {
				t.Fatal(err)
			}
			io.WriteString(o.writer, test.in) // never waits for the reader to come to an end
			o.writer.Close()
			if got := o.take(time.Minute); string(got) != test.want {
				t.Errorf("got %d bytes, %q; want %d", len(got), got[max(0, len(got)-40):], len(test.want))
			}
		})
	}
}

func TestRunCheckWithoutSystemd(t *testing.T) {
	sh := func(script string) []string { return []string{"/bin/sh", "-c", script} }
	tests := map[string]struct {
		check plan.Check
		want  string
		err   string
	}{
		"good":            {plan.Check{Command: sh(`echo out; echo err >&2; pwd; echo "$HOME"`)}, "out\nerr\n/\n\n", ""},
		"bad":             {plan.Check{Command: sh("echo no; exit 3")}, "no\n", "/bin/sh exited with status 3"},
		"killed":          {plan.Check{Command: sh("echo one; printf two; kill -SEGV $$")}, "one\n", "/bin/sh was killed (segmentation fault)"},
		"no such program": {plan.Check{Command: []string{"/no/such/program"}}, "", "cannot start /no/such/program: fork/exec /no/such/program: no such file or directory"},
		"no such user":    {plan.Check{Command: sh("true"), User: "no-such-user"}, "", "cannot start /bin/sh: there is no user no-such-user"},
		"hangs":           {plan.Check{Command: sh("echo one; printf two; sleep 1000 & wait"), Timeout: 100 * time.Millisecond}, "one\n", "/bin/sh did not end within 100ms and was killed"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			if test.check.Timeout == 0 {
				test.check.Timeout = time.Minute
			}
			got, err := NewCommand(ManagerNone).RunCheck(t.Context(), "app", test.check)
			if string(got) != test.want || message(err) != test.err {
				t.Errorf("got %q, %q; want %q, %q", got, message(err), test.want, test.err)
			}
		})
	}
}

// TestRunCheckLeavesNothing has a check start processes that would outlive it.
func TestRunCheckLeavesNothing(t *testing.T) {
	for _, script := range []string{"sleep 1000 & echo $!", "sleep 1000 & echo $!; wait"} {
		got, _ := NewCommand(ManagerNone).RunCheck(t.Context(), "app", plan.Check{Command: []string{"/bin/sh", "-c", script}, Timeout: 300 * time.Millisecond})
		stat := filepath.Join("/proc", strings.TrimSpace(string(got)), "stat")
		if len(bytes.TrimSpace(got)) == 0 {
			t.Fatal("no process was started")
		}
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		for { // a process that was killed is there until it is reaped
			text, err := os.ReadFile(stat)
			if err != nil || strings.Contains(string(text), ") Z ") {
				break
			}
			if ctx.Err() != nil {
				t.Fatal("a process was left")
			}
		}
	}
}

func TestRunCheckAsUser(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("NOT TESTED: only root can run a check as another user")
	}
	for _, user := range []string{"nobody", "65534"} {
		got, err := NewCommand(ManagerNone).RunCheck(t.Context(), "app", plan.Check{Command: []string{"/usr/bin/id", "-u"}, User: user, Timeout: time.Minute})
		if err != nil || string(got) != "65534\n" {
			t.Errorf("as %s: %q, %v", user, got, err)
		}
	}
	want, err := exec.Command("id", "-G", "daemon").Output()
	if err != nil {
		t.Fatal(err)
	}
	got, err := NewCommand(ManagerNone).RunCheck(t.Context(), "app", plan.Check{Command: []string{"/usr/bin/id", "-G"}, User: "daemon", Timeout: time.Minute})
	if err != nil || !bytes.Equal(got, want) {
		t.Errorf("groups %q, %v; want %q", got, err, want)
	}
}

package units

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"strings"
	"syscall"
	"time"

	"github.com/coreos/go-systemd/v22/dbus"
	godbus "github.com/godbus/dbus/v5"

	"github.com/bootconf/bootconf/internal/plan"
)

// maxOutput is how much of a check's output is kept: the beginning, where programs say what is wrong.
const maxOutput = 64 << 10

// RunCheck runs the check of a service in a unit of its own, so that whatever it started is gone when it ends or its
// time is over, and returns what it printed. An error says whether it failed, hung or could not be started. The
// output may hold secrets: it is for the caller to mask.
func (s *Systemd) RunCheck(ctx context.Context, service string, check plan.Check) (printed []byte, err error) {
	ctx, cancel := context.WithTimeout(ctx, check.Timeout+grace)
	defer cancel()
	talked := talk(ctx, s.dialFD, func(asking context.Context, conn *dbus.Conn) error {
		printed, err = runCheck(ctx, asking, conn, service, check)
		return nil
	})
	if talked != nil {
		return nil, talked
	}
	return printed, err
}

func runCheck(ctx, asking context.Context, conn *dbus.Conn, service string, check plan.Check) ([]byte, error) {
	out, err := newOutput()
	if err != nil {
		return nil, err
	}
	// The name is this run's own: the check of one that was killed may still be there.
	name := fmt.Sprintf("bootconf-check-%s-%d.service", service, os.Getpid())
	job := make(chan string, 1)
	_, err = conn.StartTransientUnitContext(asking, name, "fail", transient(service, check, out.writer), job)
	out.writer.Close()
	if err != nil {
		out.take(0)
		return nil, cannotStart(check, err.Error())
	}
	var result string
	select {
	case result = <-job:
	case <-ctx.Done(): // the run is over before the check, or systemd should have ended it long ago
		_ = conn.KillUnitWithTarget(asking, name, dbus.All, int32(syscall.SIGKILL))
		return wholeLines(out.take(drain)), tooLong(check)
	}
	printed := out.take(drain)
	if result == "done" {
		return printed, nil
	}
	// A unit that failed stays until this, so that the reason can be asked for.
	defer conn.ResetFailedUnitContext(asking, name)
	status, _ := property[int32](asking, conn.GetServicePropertyContext, name, "ExecMainStatus")
	switch why, _ := property[string](asking, conn.GetServicePropertyContext, name, "Result"); why {
	case "timeout":
		return wholeLines(printed), tooLong(check)
	case "exit-code":
		if why := execFailure(status); why != "" {
			return printed, cannotStart(check, why)
		}
		return printed, exited(check, int(status))
	case "signal", "core-dump":
		return wholeLines(printed), killed(check, syscall.Signal(status).String())
	case "oom-kill":
		return wholeLines(printed), killed(check, "out of memory")
	default:
		return printed, cannotStart(check, "its job ended as "+result)
	}
}

// transient is the unit of a check. It has no dependency on the rest of the boot, which waits for it.
func transient(service string, check plan.Check, out *os.File) []dbus.Property {
	set := func(name string, value any) dbus.Property {
		return dbus.Property{Name: name, Value: godbus.MakeVariant(value)}
	}
	fd := godbus.UnixFD(out.Fd())
	command := make([]string, len(check.Command))
	for i, word := range check.Command {
		command[i] = strings.ReplaceAll(word, "$", "$$") // systemd would put in variables
	}
	properties := []dbus.Property{
		set("Description", "Check of the configuration of "+service),
		set("DefaultDependencies", false),
		set("Type", "oneshot"), // the job ends with the process
		dbus.PropExecStart(command, false),
		set("TimeoutStartUSec", uint64(check.Timeout.Microseconds())),
		set("KillSignal", int32(syscall.SIGKILL)), // it had its time
		set("StandardOutputFileDescriptor", fd),
		set("StandardErrorFileDescriptor", fd),
	}
	if check.User != "" {
		properties = append(properties, set("User", check.User))
	}
	return properties
}

func cannotStart(check plan.Check, why string) error {
	return fmt.Errorf("cannot start %s: %s", check.Command[0], why)
}

func exited(check plan.Check, status int) error {
	return fmt.Errorf("%s exited with status %d", check.Command[0], status)
}

func killed(check plan.Check, by string) error {
	return fmt.Errorf("%s was killed (%s)", check.Command[0], by)
}

func tooLong(check plan.Check) error {
	return fmt.Errorf("%s did not end within %v and was killed", check.Command[0], check.Timeout)
}

// execFailure is what went wrong between fork and exec, by the exit statuses that systemd.exec(5) reserves for it, or
// "" if status is the program's own.
func execFailure(status int32) string {
	switch status {
	case 203:
		return "it is missing or no program"
	case 216:
		return "its user's groups cannot be set"
	case 217:
		return "there is no such user"
	}
	if status >= 200 && status <= 243 {
		return fmt.Sprintf("systemd gave up with status %d (systemd.exec(5))", status)
	}
	return ""
}

// output collects what is written to a pipe, as much as is kept of it. The rest is read and dropped, so that the
// writer never waits for a reader.
type output struct {
	reader, writer *os.File
	kept           bytes.Buffer
	done           chan struct{}
}

func newOutput() (*output, error) {
	r, w, err := os.Pipe()
	if err != nil {
		return nil, fmt.Errorf("cannot make a pipe: %w", err)
	}
	o := &output{reader: r, writer: w, done: make(chan struct{})}
	go func() {
		defer close(o.done)
		if _, err := io.CopyN(&o.kept, r, maxOutput); err == nil {
			cut := len(wholeLines(o.kept.Bytes()))
			if n, _ := io.Copy(io.Discard, r); n > 0 {
				o.kept.Truncate(cut)
				o.kept.WriteString("[more was printed]\n")
			}
		}
	}()
	return o, nil
}

// drain is how long the end of the output is waited for once the command has ended. Whoever still has the pipe then
// was given it by a process that is gone.
const drain = time.Second

// take returns what was written. It waits for the writers to close the pipe, but not longer than d.
func (o *output) take(d time.Duration) []byte {
	o.reader.SetReadDeadline(time.Now().Add(d))
	<-o.done
	o.reader.Close()
	return o.kept.Bytes()
}

// wholeLines is text without a last line that was cut off: half a secret would not be known for one.
func wholeLines(text []byte) []byte { return text[:bytes.LastIndexByte(text, '\n')+1] }

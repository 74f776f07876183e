package units

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os/exec"
	"os/user"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/bootconf/bootconf/internal/plan"
)

// The commands of the service managers that have no bus. They are called by their paths: nothing has set PATH yet.
const (
	initctl   = "/sbin/initctl"
	rcService = "/sbin/rc-service"
)

// Command acts on services through the command of a service manager that knows no units. There, a unit NAME.service
// of a definition is the service NAME; no other kind of unit has a counterpart.
type Command struct {
	path    string
	manager Manager
	settle  time.Duration
}

// NewCommand is the upstart or OpenRC that runs this instance, or with ManagerNone a stand-in that finds no unit.
func NewCommand(m Manager) *Command {
	if m == ManagerUpstart {
		return &Command{initctl, m, settle}
	}
	return &Command{rcService, m, settle}
}

// status is how a service is.
type status uint8

const (
	unknown status = iota // there is no such service
	down
	up
	crashed
)

// Apply restarts the services that are up, and those that crashed, one after the other, and waits for each. There is
// no ordering behind bootconf that would start the others with their configuration: those that are down are left
// alone.
func (c *Command) Apply(ctx context.Context, list []plan.Unit) []Outcome {
	out := make([]Outcome, len(list))
	marks := make([]string, len(list))
	settling := false
	for i, u := range list {
		out[i], marks[i] = c.restart(ctx, u.Name)
		settling = settling || out[i].Result == ResultDone
	}
	if settling {
		wait(ctx, c.settle)
	}
	after, cancel := context.WithTimeout(context.WithoutCancel(ctx), grace)
	defer cancel()
	for i := range out {
		if out[i].Result != ResultDone {
			continue
		}
		service, _ := c.service(out[i].Name)
		if now, mark := c.status(after, service); now != up || mark != marks[i] {
			out[i].Result, out[i].Detail = ResultFailed, "it did not stay up"
		}
	}
	return out
}

// service is the service that a unit stands for.
func (c *Command) service(unit string) (string, bool) {
	service, ok := strings.CutSuffix(unit, ".service")
	return service, ok && !strings.Contains(service, "@")
}

// restart restarts one service if it is up. The mark is for telling later whether it has been started again.
func (c *Command) restart(ctx context.Context, unit string) (o Outcome, mark string) {
	o = Outcome{Name: unit, Action: ActionNone}
	if c.manager == ManagerNone {
		o.Result, o.Detail = ResultMissing, "no service manager runs here"
		return o, ""
	}
	service, ok := c.service(unit)
	if !ok {
		o.Result, o.Detail = ResultMissing, fmt.Sprintf("%s has no such kind of unit", c.manager)
		return o, ""
	}
	was, _ := c.status(ctx, service)
	switch was {
	case unknown:
		o.Result, o.Detail = ResultMissing, "there is no such service"
		return o, ""
	case down:
		o.Result, o.Detail = ResultSkipped, "not active"
		return o, ""
	}
	o.Action = ActionRestarted
	err := c.act(ctx, service, "restart")
	if err != nil && was == crashed && c.manager == ManagerOpenRC {
		// OpenRC stops a service before it starts it again, and fails at one that is gone.
		_ = c.act(ctx, service, "zap")
		err = c.act(ctx, service, "start")
	}
	if ctx.Err() != nil {
		o.Result, o.Detail = ResultTimeout, "its restart did not end in time"
		return o, ""
	}
	now, mark := c.status(ctx, service)
	if err != nil || now != up {
		o.Result = ResultFailed
		o.Detail = "it is not up after its restart"
		if err != nil {
			o.Detail = fmt.Sprintf("its restart failed: %v", err)
		}
		return o, ""
	}
	o.Result = ResultDone
	return o, mark
}

// act has the manager do something to a service.
func (c *Command) act(ctx context.Context, service, verb string) error {
	args := []string{verb, service}
	if c.manager == ManagerOpenRC {
		args = []string{service, verb}
	}
	_, err := c.run(ctx, args...)
	return err
}

// status asks how a service is.
func (c *Command) status(ctx context.Context, service string) (s status, mark string) {
	if c.manager == ManagerUpstart {
		// windtrap start/running, process 411
		line, err := c.run(ctx, "status", service)
		switch {
		case err != nil:
			return unknown, ""
		case strings.Contains(line, " start/"):
			return up, line
		}
		return down, ""
	}
	if _, err := c.run(ctx, "--exists", service); err != nil {
		return unknown, ""
	}
	_, err := c.run(ctx, service, "status")
	var exit *exec.ExitError
	switch {
	case err == nil:
		return up, ""
	case !errors.As(err, &exit):
		return unknown, ""
	}
	// openrc-run answers 8 for a service that is starting and 32 for a crashed one; scripts in the way of the LSB answer
	// 1 or 2 for one that died.
	switch exit.ExitCode() {
	case 8:
		return up, ""
	case 32, 1, 2:
		return crashed, ""
	}
	return down, ""
}

// run runs the manager's command and returns the first line that it printed.
func (c *Command) run(ctx context.Context, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, c.path, args...)
	group(cmd)
	// What bootconf itself was started with must not lead the command to act on bootconf (UPSTART_JOB, RC_SVCNAME).
	cmd.Env = []string{"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"}
	out, err := cmd.Output()
	line, _, _ := bytes.Cut(out, []byte("\n"))
	return string(line), err
}

// RunCheck runs the check of a service in a process group of its own, which is killed when it ends or its time is
// over. A process that leaves the group is out of reach. The output may hold secrets: it is for the caller to mask.
func (c *Command) RunCheck(ctx context.Context, _ string, check plan.Check) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, check.Timeout)
	defer cancel()
	out, err := newOutput()
	if err != nil {
		return nil, err
	}
	cmd := exec.CommandContext(ctx, check.Command[0], check.Command[1:]...)
	group(cmd)
	cmd.Dir = "/"
	cmd.Env = []string{"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"}
	cmd.Stdout, cmd.Stderr = out.writer, out.writer
	if check.User != "" && check.User != "root" {
		cmd.SysProcAttr.Credential, err = credential(check.User)
	}
	if err == nil {
		err = cmd.Start()
	}
	out.writer.Close()
	if err != nil {
		out.take(0)
		return nil, cannotStart(check, err.Error())
	}
	err = cmd.Wait()
	_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) // what it left behind
	printed := out.take(drain)
	var exit *exec.ExitError
	switch {
	case ctx.Err() != nil:
		return wholeLines(printed), tooLong(check)
	case errors.As(err, &exit) && exit.Exited():
		return printed, exited(check, exit.ExitCode())
	case errors.As(err, &exit):
		return wholeLines(printed), killed(check, exit.Sys().(syscall.WaitStatus).Signal().String())
	case err != nil:
		return printed, fmt.Errorf("cannot wait for %s: %w", check.Command[0], err)
	}
	return printed, nil
}

// group gives a command a process group, and has the whole of it killed at the end of its context.
func group(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	cmd.WaitDelay = time.Second
}

// credential is the user and the groups of name.
func credential(name string) (*syscall.Credential, error) {
	u, err := user.Lookup(name)
	if err != nil {
		if u, err = user.LookupId(name); err != nil {
			return nil, fmt.Errorf("there is no user %s", name)
		}
	}
	ids, err := u.GroupIds()
	if err != nil {
		return nil, fmt.Errorf("cannot read the groups of %s: %w", name, err)
	}
	number := func(s string) uint32 {
		n, _ := strconv.ParseUint(s, 10, 32) // on Unix they are decimal
		return uint32(n)
	}
	c := &syscall.Credential{Uid: number(u.Uid), Gid: number(u.Gid)}
	for _, id := range ids {
		c.Groups = append(c.Groups, number(id))
	}
	return c, nil
}

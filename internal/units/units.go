// Package units has the units of a plan run with their new configuration: units come in, and for each what was done
// and how it ended goes out. It speaks to the service manager that runs the instance (systemd, upstart or OpenRC),
// restarts what is active and lets alone what is not, and never waits for a unit that itself waits for bootconf.
package units

import (
	"context"
	"fmt"
	"os"
	"syscall"
	"time"
)

// Outcome is what became of one unit.
type Outcome struct {
	Name   string
	Action string
	Result string
	Detail string // why it is so, in a few words; "" where nothing is to be said
}

// The actions.
const (
	ActionNone      = "none"      // nothing was done
	ActionQueued    = "queued"    // nothing was to be done: the manager starts it once bootconf is done
	ActionStarted   = "started"   // it was down and meant to be up
	ActionRestarted = "restarted" // it was up
)

// The results.
const (
	ResultQueued  = "queued"  // not waited for
	ResultDone    = "done"    // it is up, or has done its work
	ResultFailed  = "failed"  // it is not, or did not stay up
	ResultTimeout = "timeout" // it had not finished when the time was over
	ResultSkipped = "skipped" // it was not active
	ResultMissing = "missing" // there is no such unit, or it is masked
)

// Failed tells whether the unit should be up and is not.
func (o Outcome) Failed() bool { return o.Result == ResultFailed || o.Result == ResultTimeout }

// Warning tells whether the image's author should look at it, though nothing failed.
func (o Outcome) Warning() bool { return o.Result == ResultMissing }

// Manager is a kind of service manager.
type Manager string

// The service managers. None is that of a container without one.
const (
	ManagerNone    Manager = ""
	ManagerSystemd Manager = "systemd"
	ManagerUpstart Manager = "upstart"
	ManagerOpenRC  Manager = "openrc"
)

// Detect tells which service manager runs this instance, by what each makes in /run and not by what is installed: an
// image may hold the tools of several.
func Detect() Manager { return detect("") }

func detect(root string) Manager {
	exists := func(path string) bool {
		_, err := os.Lstat(root + path)
		return err == nil
	}
	switch {
	case exists("/run/systemd/system"): // sd_booted(3)
		return ManagerSystemd
	case exists("/run/openrc"):
		return ManagerOpenRC
	case exists(initctl) && exists("/etc/init"):
		return ManagerUpstart
	}
	return ManagerNone
}

// settle is how long a unit that was restarted is watched before it counts as up. The job of a unit that doesn't say
// when it is ready ends as soon as the process runs, and a program takes its time to find its configuration wanting.
const settle = 3 * time.Second

// wait waits for d, or less if ctx ends before.
func wait(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-ctx.Done():
	}
}

// QuietConsole has systemd keep its own lines off the console from now on, so that what a failed run said last there
// stays the last that is said: a poweroff alone would push it up by a screen. It is for a run that ends in failure,
// once its lines are out.
func QuietConsole() error {
	if Detect() != ManagerSystemd {
		return nil
	}
	const showStatusOff = syscall.Signal(34 + 21) // SIGRTMIN+21 of the C library, as systemd(1) has it
	if err := syscall.Kill(1, showStatusOff); err != nil {
		return fmt.Errorf("cannot quiet the console: %w", err)
	}
	return nil
}

package boot

import (
	"context"
	"errors"
	"syscall"
	"time"

	"github.com/bootconf/bootconf/internal/result"
	"github.com/bootconf/bootconf/internal/rootfs"
	"github.com/bootconf/bootconf/internal/units"
)

// waitInterval is how often Wait looks. It looks at a file of some hundred bytes on tmpfs.
const waitInterval = 50 * time.Millisecond

// Status is the record of this boot's run, or nil if there is none. A run that was killed before it could say how it
// ended counts as a fault.
func Status(root *rootfs.Root) (*result.Result, error) {
	r, err := result.ReadStatus(root)
	if err != nil || r == nil || r.Final() || runs(r.PID) {
		return r, err
	}
	// It may have ended between the two looks.
	if r, err = result.ReadStatus(root); err != nil || r == nil || r.Final() {
		return r, err
	}
	r.Status, r.Exit = result.Failed, ExitFault
	r.Error = &result.Error{Message: "the run was killed before it ended; the next boot completes or undoes it"}
	return r, nil
}

// Wait is Status once the run has ended, or nil if there is none and none is to come: the unit is disabled, say, or was
// stopped.
func Wait(ctx context.Context, root *rootfs.Root) (*result.Result, error) {
	for {
		r, err := Status(root)
		if err != nil || r != nil && r.Final() {
			return r, err
		}
		if r == nil && !(root.Real() && units.Expected(ctx)) {
			return Status(root) // it may have begun and ended between the two looks
		}
		select {
		case <-ctx.Done():
			return r, ctx.Err()
		case <-time.After(waitInterval):
		}
	}
}

// runs tells whether there is a process pid, which anyone may ask: /proc may be closed to others.
func runs(pid int) bool { return !errors.Is(syscall.Kill(pid, 0), syscall.ESRCH) }

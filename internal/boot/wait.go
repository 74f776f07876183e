package boot

import (
	"context"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/bootconf/bootconf/internal/result"
	"github.com/bootconf/bootconf/internal/rootfs"
	"github.com/bootconf/bootconf/internal/units"
)

// waitInterval is how often Wait looks. It looks at a file of some hundred bytes on tmpfs.
const waitInterval = 50 * time.Millisecond

// Wait is the record of this boot's run once the run has ended, or nil if there is none and none is to come: the unit
// is disabled, say, or was stopped. A run that was killed before it could say how it ended counts as a fault.
func Wait(ctx context.Context, root *rootfs.Root) (*result.Result, error) {
	for {
		r, err := result.ReadStatus(root)
		if err != nil || r != nil && r.Final() {
			return r, err
		}
		if over := r != nil && !runs(r.PID) || r == nil && !(root.Real() && units.Expected(ctx)); over {
			// It may have ended between the two looks.
			if r, err = result.ReadStatus(root); err != nil || r == nil || r.Final() {
				return r, err
			}
			r.Status, r.Exit = result.Failed, ExitFault
			r.Error = &result.Error{Message: "the run was killed before it ended; the next boot completes or undoes it"}
			return r, nil
		}
		select {
		case <-ctx.Done():
			return r, ctx.Err()
		case <-time.After(waitInterval):
		}
	}
}

// runs tells whether the process pid is a bootconf: the number alone may have gone to another since.
func runs(pid int) bool {
	comm, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/comm")
	return err == nil && strings.HasPrefix(string(comm), "bootconf")
}

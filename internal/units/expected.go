package units

import (
	"context"

	"github.com/coreos/go-systemd/v22/dbus"
)

// Expected tells whether a run of bootconf is under way or to come in this boot, as far as this process may know:
// while nobody can be asked, as early at boot without root's rights, it is.
func Expected(ctx context.Context) bool {
	if Detect() != ManagerSystemd {
		return true // neither upstart nor OpenRC tells everyone
	}
	ctx, cancel := context.WithTimeout(ctx, grace)
	defer cancel()
	conn, err := dbus.NewWithContext(ctx)
	if err != nil {
		return true
	}
	defer conn.Close()
	states, err := conn.ListUnitsByNamesContext(ctx, []string{self})
	if err != nil || len(states) != 1 {
		return true
	}
	return states[0].JobId != 0 || states[0].ActiveState == "activating"
}

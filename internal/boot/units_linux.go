package boot

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/bootconf/bootconf/internal/apply"
	"github.com/bootconf/bootconf/internal/image"
	"github.com/bootconf/bootconf/internal/journal"
	"github.com/bootconf/bootconf/internal/plan"
	"github.com/bootconf/bootconf/internal/result"
	"github.com/bootconf/bootconf/internal/secret"
	"github.com/bootconf/bootconf/internal/units"
)

// unitsDeadline is how long the units that are restarted may take together (the design's 90 s).
const unitsDeadline = 90 * time.Second

// refuseEarly refuses units that the boot or the network waits for: they wait for this run, which waits for the network.
func (r *run) refuseEarly(ctx context.Context, img *image.Image) error {
	if !r.real() || units.Detect() != units.ManagerSystemd {
		return nil
	}
	var listed []plan.Unit
	for _, s := range img.Services {
		for _, u := range s.Units {
			listed = append(listed, plan.Unit(u))
		}
	}
	ctx, cancel := context.WithTimeout(ctx, unitsDeadline)
	defer cancel()
	early, err := units.NewSystemd().Early(ctx, listed)
	if err != nil {
		return err
	}
	if len(early) > 0 {
		return &imageError{fmt.Errorf(`%s must start before the network or basic.target, and cannot wait for bootconf: list it with "order": false`, strings.Join(early, ", "))}
	}
	return nil
}

// touched is the units of the services whose files change, and those that an interrupted run still owed an action.
func touched(p *plan.Plan, tx *apply.Tx) []plan.Unit {
	changed, removed := map[string]bool{}, false
	for _, f := range tx.Files() {
		changed[f.Service] = changed[f.Service] || f.Action != apply.Unchanged
		removed = removed || f.Action == apply.Removed
	}
	var due []plan.Unit
	for _, s := range p.Services {
		for _, u := range s.Units {
			// A removed file doesn't say whose it was: any service that is not configured may have lost it.
			owed := changed[s.Name] || removed && !s.Configured || slices.Contains(tx.Owed(), u.Name)
			if owed && !slices.ContainsFunc(due, func(d plan.Unit) bool { return d.Name == u.Name }) {
				due = append(due, u)
			}
		}
	}
	return due
}

// prove runs the check of each configured service.
func (r *run) prove(ctx context.Context, c *Checked) error {
	for _, s := range c.Plan.Services {
		if s.Check == nil || !s.Configured {
			continue
		}
		output, err := runCheck(ctx, s.Name, *s.Check)
		for line := range strings.Lines(secret.Redact(string(output), c.secrets)) {
			r.Log.Print(journal.Notice, s.Name+": "+strings.TrimRight(line, "\r\n"), journal.Fields{"BOOTCONF_SERVICE": s.Name})
		}
		if err != nil {
			return &failed{fmt.Sprintf("the check of %s failed, every file was put back: %v", s.Name, err)}
		}
	}
	return nil
}

// act has the units that are due start with their files.
func (r *run) act(ctx context.Context, list []plan.Unit) error {
	if !r.real() || len(list) == 0 {
		return nil
	}
	return r.stage("units", func() error {
		ctx, cancel := context.WithTimeout(ctx, unitsDeadline)
		defer cancel()
		var down []string
		for _, o := range applyUnits(ctx, list) {
			r.result.Units = append(r.result.Units, result.Unit{Name: o.Name, Action: o.Action, Result: o.Result, Detail: o.Detail})
			text := strings.TrimSuffix(fmt.Sprintf("%s: %s, %s: %s", o.Name, o.Action, o.Result, o.Detail), ": ")
			fields := journal.Fields{"BOOTCONF_UNIT": o.Name, "BOOTCONF_RESULT": o.Result}
			switch {
			case o.Failed():
				down = append(down, strings.TrimSuffix(o.Name+": "+o.Detail, ": "))
				r.Log.Print(journal.Error, text, fields)
			case o.Warning():
				r.Log.Print(journal.Warning, text, fields)
			default:
				r.Log.Print(journal.Info, text, fields)
			}
		}
		if len(down) > 0 {
			return &failed{"the files are in place, but not every unit runs with them: " + strings.Join(down, "; ")}
		}
		return nil
	})
}

// QuietConsole keeps systemd's status lines off the console, for the cause of a failure to stay the last thing on it.
func QuietConsole() { _ = units.QuietConsole() }

func runCheck(ctx context.Context, service string, check plan.Check) ([]byte, error) {
	if m := units.Detect(); m != units.ManagerSystemd {
		return units.NewCommand(m).RunCheck(ctx, service, check)
	}
	return units.NewSystemd().RunCheck(ctx, service, check)
}

func applyUnits(ctx context.Context, list []plan.Unit) []units.Outcome {
	if m := units.Detect(); m != units.ManagerSystemd {
		return units.NewCommand(m).Apply(ctx, list)
	}
	return units.NewSystemd().Apply(ctx, list)
}

package units

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/coreos/go-systemd/v22/dbus"

	"github.com/bootconf/bootconf/internal/plan"
)

// self is the unit that a run at boot belongs to.
const self = "bootconf.service"

// Systemd acts on units through systemd's own socket, which only root may use. dbus-daemon is not needed: it is there
// only after basic.target.
type Systemd struct {
	dial    dialer
	dialFD  dialer // for a connection that takes file descriptors
	settle  time.Duration
	recheck time.Duration // how often it is looked whether a job has come to wait for bootconf.service
}

type dialer func(context.Context) (*dbus.Conn, error)

// NewSystemd is the systemd that runs this instance.
func NewSystemd() *Systemd {
	return &Systemd{dialQuiet, dbus.NewSystemdConnectionContext, settle, time.Second}
}

// grace is how long systemd may take to say how things stand once the time is over.
const grace = 5 * time.Second

// talk connects to systemd and has do talk with it, until a little after ctx ends. No connection is kept for longer
// than needed: systemd tells each of every change of every unit, and at boot there are many.
func talk(ctx context.Context, dial dialer, do func(ctx context.Context, conn *dbus.Conn) error) error {
	longer := context.WithoutCancel(ctx)
	if end, ok := ctx.Deadline(); ok {
		var cancel context.CancelFunc
		longer, cancel = context.WithDeadline(longer, end.Add(grace))
		defer cancel()
	}
	conn, err := dial(longer)
	if err != nil {
		return fmt.Errorf("cannot connect to systemd: %w", err)
	}
	defer conn.Close()
	return do(longer, conn)
}

// restart is a unit for which a job was enqueued.
type restart struct {
	*Outcome
	id         string // as systemd calls it; Name may be an alias
	job        chan string
	ended      bool   // the job has, or nobody waits for it
	up         bool   // the unit was, when last seen
	invocation []byte // which the job led to
}

// Apply has the units run with their configuration, whose files are in place.
//
// A unit that systemd is about to start is left alone, and so is one that is down because nobody asked for it. One
// that is up, on its way up, or failed is restarted: it read the old files, or failed for want of the new. All are
// restarted at once, and systemd orders those that depend on each other. The results are awaited until ctx ends,
// except of those that wait for bootconf.service. Unit files are none of bootconf's, so systemd need not read them
// again.
func (s *Systemd) Apply(ctx context.Context, list []plan.Unit) []Outcome {
	out := make([]Outcome, len(list))
	for i, u := range list {
		out[i] = Outcome{Name: u.Name, Action: ActionNone}
	}
	if len(list) == 0 {
		return out
	}
	var begun []*restart
	err := talk(ctx, s.dial, func(asking context.Context, conn *dbus.Conn) (err error) {
		if begun, err = enqueue(asking, conn, list, out); err != nil || len(begun) == 0 {
			return err
		}
		return s.await(ctx, asking, conn, begun)
	})
	if err == nil && slices.ContainsFunc(begun, (*restart).isUp) {
		wait(ctx, s.settle)
		err = talk(ctx, s.dial, func(asking context.Context, conn *dbus.Conn) error { return judge(asking, conn, begun) })
	}
	if err != nil {
		for i := range out {
			if out[i].Result == "" {
				out[i].Result, out[i].Detail = ResultFailed, err.Error()
			}
		}
	}
	return out
}

func (r *restart) isUp() bool { return r.up }

// enqueue settles the outcomes of the units for which there is nothing to do, and enqueues jobs for the others.
func enqueue(ctx context.Context, conn *dbus.Conn, list []plan.Unit, out []Outcome) ([]*restart, error) {
	names := make([]string, len(list))
	for i, u := range list {
		names[i] = u.Name
	}
	states, err := look(ctx, conn, names)
	if err != nil {
		return nil, err
	}
	var begun []*restart
	for i, state := range states {
		o := &out[i]
		decide(list[i], state, o)
		if o.Action == ActionNone || o.Action == ActionQueued {
			continue
		}
		if state.ActiveState != "active" {
			// Its failures so far are not to count against the start that comes now (StartLimitBurst=). An error is
			// passed over: the start itself will tell.
			_ = conn.ResetFailedUnitContext(ctx, state.Name)
		}
		call := conn.RestartUnitContext
		if o.Action == ActionStarted {
			call = conn.StartUnitContext // joins the job that is there
		}
		r := &restart{Outcome: o, id: state.Name, job: make(chan string, 1)}
		if _, err := call(ctx, r.id, "replace", r.job); err != nil {
			o.Result, o.Detail = ResultFailed, err.Error()
			continue
		}
		begun = append(begun, r)
	}
	return begun, nil
}

// decide says in o what is to be done with a unit, and if that is nothing, how it ended.
func decide(u plan.Unit, state dbus.UnitStatus, o *Outcome) {
	starts := state.JobId != 0 && (state.JobType == "start" || state.JobType == "restart")
	switch {
	case state.LoadState == "not-found":
		o.Result, o.Detail = ResultMissing, "there is no such unit"
	case state.LoadState == "masked":
		o.Result, o.Detail = ResultMissing, "the unit is masked"
	case state.ActiveState == "inactive", state.ActiveState == "failed":
		switch {
		case starts && u.Order:
			o.Action, o.Result = ActionQueued, ResultQueued
		case starts, state.ActiveState == "failed":
			o.Action = ActionStarted
		default:
			o.Result, o.Detail = ResultSkipped, "not active"
		}
	case state.ActiveState == "deactivating" && state.JobId != 0 && !starts:
		o.Result, o.Detail = ResultSkipped, "being stopped"
	default: // active, reloading, refreshing, activating; deactivating because its process ended
		o.Action = ActionRestarted
	}
}

// await waits for the jobs until ctx ends, and settles the outcomes of all but the units that came up.
func (s *Systemd) await(ctx, asking context.Context, conn *dbus.Conn, begun []*restart) error {
	if err := release(asking, conn, begun); err != nil {
		return err
	}
	type end struct {
		*restart
		result string
	}
	ends, enough := make(chan end), make(chan struct{})
	defer close(enough)
	for _, r := range begun {
		go func() {
			select {
			case result := <-r.job:
				select {
				case ends <- end{r, result}:
				case <-enough:
				}
			case <-enough:
			}
		}()
	}
	again := time.NewTicker(s.recheck)
	defer again.Stop()
	for slices.ContainsFunc(begun, func(r *restart) bool { return !r.ended }) {
		select {
		case e := <-ends:
			if e.ended { // nobody waits for it any more
				continue
			}
			e.ended = true
			if e.result != "done" {
				e.Result, e.Detail = ResultFailed, reason(asking, conn, e.id, "its job ended as "+e.result)
				continue
			}
			e.up = true
			if err := still(asking, conn, []*restart{e.restart}); err != nil {
				return err
			}
		case <-again.C: // other jobs come and go meanwhile
			if err := release(asking, conn, begun); err != nil {
				return err
			}
		case <-ctx.Done():
			return late(asking, conn, begun)
		}
	}
	return nil
}

// late settles the outcomes of the units whose jobs haven't ended in time.
func late(ctx context.Context, conn *dbus.Conn, begun []*restart) error {
	var ids []string
	for _, r := range begun {
		ids = append(ids, r.id)
	}
	states, err := look(ctx, conn, ids)
	if err != nil {
		return err
	}
	for i, r := range begun {
		if !r.ended {
			r.ended, r.Result = true, ResultTimeout
			r.Detail = fmt.Sprintf("it was still %s (%s) when the time was over", states[i].ActiveState, states[i].SubState)
		}
	}
	return nil
}

// judge looks once more at the units that came up and settles their outcomes.
func judge(ctx context.Context, conn *dbus.Conn, begun []*restart) error {
	err := still(ctx, conn, begun)
	for _, r := range begun {
		if err == nil && r.up {
			r.Result = ResultDone
		}
	}
	return err
}

// still looks whether those of list that were up are up, and have been since they were last seen, and settles the
// outcomes of the others.
func still(ctx context.Context, conn *dbus.Conn, list []*restart) error {
	var ids []string
	for _, r := range list {
		ids = append(ids, r.id)
	}
	states, err := look(ctx, conn, ids)
	if err != nil {
		return err
	}
	for i, r := range list {
		if !r.up {
			continue
		}
		switch states[i].ActiveState {
		case "active", "reloading", "refreshing":
			invocation, _ := property[[]byte](ctx, conn.GetUnitPropertyContext, r.id, "InvocationID")
			if r.invocation != nil && !bytes.Equal(invocation, r.invocation) {
				r.up, r.Result, r.Detail = false, ResultFailed, reason(ctx, conn, r.id, "it did not stay up and was started again")
			}
			r.invocation = invocation
		case "inactive":
			r.up = false
			kind, _ := property[string](ctx, conn.GetServicePropertyContext, r.id, "Type")
			started, _ := property[bool](ctx, conn.GetUnitPropertyContext, r.id, "ConditionResult")
			if kind == "oneshot" && started {
				r.Result = ResultDone // it has done its work
				continue
			}
			r.Result, r.Detail = ResultFailed, reason(ctx, conn, r.id, "it did not stay up")
		case "activating":
			r.up, r.Result, r.Detail = false, ResultFailed, reason(ctx, conn, r.id, "it did not stay up and is being started again")
		default:
			r.up, r.Result, r.Detail = false, ResultFailed, reason(ctx, conn, r.id, "it did not stay up")
		}
	}
	return nil
}

// look asks how the units are.
func look(ctx context.Context, conn *dbus.Conn, names []string) ([]dbus.UnitStatus, error) {
	states, err := conn.ListUnitsByNamesContext(ctx, names)
	if err == nil && len(states) != len(names) { // it passes over what is no name of a unit
		err = fmt.Errorf("it knows %d of %q", len(states), names)
	}
	if err != nil {
		return nil, fmt.Errorf("cannot ask systemd for the units: %w", err)
	}
	return states, nil
}

// reason is what happened to a unit, and why as far as systemd can tell.
func reason(ctx context.Context, conn *dbus.Conn, id, what string) string {
	if met, ok := property[bool](ctx, conn.GetUnitPropertyContext, id, "ConditionResult"); ok && !met {
		return what + ": a condition of the unit is not met"
	}
	if !strings.HasSuffix(id, ".service") {
		return what
	}
	service := conn.GetServicePropertyContext
	status, _ := property[int32](ctx, service, id, "ExecMainStatus")
	switch result, _ := property[string](ctx, service, id, "Result"); result {
	case "success", "":
		return what
	case "exit-code":
		if status == 0 { // it was not the main process
			return what + ": a command of it failed"
		}
		return fmt.Sprintf("%s: its process exited with status %d", what, status)
	case "signal", "core-dump":
		return fmt.Sprintf("%s: its process was killed (%v)", what, syscall.Signal(status))
	case "timeout":
		return what + ": it did not start in time"
	default: // the words of systemd: start-limit-hit, watchdog, oom-kill
		return what + ": " + result
	}
}

// property is one property of a unit. If systemd doesn't tell, the message that needs it is the poorer for it.
func property[T any](ctx context.Context, get func(ctx context.Context, unit, name string) (*dbus.Property, error), unit, name string) (T, bool) {
	p, err := get(ctx, unit, name)
	if err != nil {
		var none T
		return none, false
	}
	value, ok := p.Value.Value().(T)
	return value, ok
}

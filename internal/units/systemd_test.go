package units

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/bootconf/bootconf/internal/plan"
)

const (
	running  = "loaded/active/running"
	dead     = "loaded/inactive/dead"
	failing  = "loaded/failed/failed"
	starting = "loaded/activating/start"
	waiting  = "loaded/activating/auto-restart"
)

func TestApply(t *testing.T) {
	type props = map[string]any
	boot := &fakeUnit{id: self, job: "start"}
	early := plan.Unit{Name: "a.service"}
	ordered := plan.Unit{Name: "a.service", Order: true}
	restarted := []string{"RestartUnit a.service replace"}
	started := []string{"ResetFailedUnit a.service", "StartUnit a.service replace"}
	again := []string{"ResetFailedUnit a.service", "RestartUnit a.service replace"}

	tests := map[string]struct {
		unit   plan.Unit
		a      fakeUnit
		others []*fakeUnit
		want   Outcome
		calls  []string
	}{
		"ordered, about to start": {
			unit: ordered, a: fakeUnit{states: []string{dead}, job: "start", after: []string{self}}, others: []*fakeUnit{boot},
			want: Outcome{Action: ActionQueued, Result: ResultQueued},
		},
		"ordered, nobody starts it": {
			unit: ordered, a: fakeUnit{states: []string{dead}}, others: []*fakeUnit{boot},
			want: Outcome{Action: ActionNone, Result: ResultSkipped, Detail: "not active"},
		},
		"ordered, already up, in a run at boot": {
			unit: ordered, a: fakeUnit{states: []string{running}, after: []string{self}}, others: []*fakeUnit{boot},
			want:  Outcome{Action: ActionRestarted, Result: ResultQueued},
			calls: restarted,
		},
		"ordered, already up, in a run by hand": {
			unit: ordered, a: fakeUnit{states: []string{running}, after: []string{self}, result: "done"},
			want:  Outcome{Action: ActionRestarted, Result: ResultDone},
			calls: restarted,
		},
		"up": {
			unit: early, a: fakeUnit{states: []string{running}, result: "done"}, others: []*fakeUnit{boot},
			want:  Outcome{Action: ActionRestarted, Result: ResultDone},
			calls: restarted,
		},
		"reloading": {
			unit: early, a: fakeUnit{states: []string{"loaded/reloading/reload", running}, job: "reload", result: "done"},
			want:  Outcome{Action: ActionRestarted, Result: ResultDone},
			calls: again,
		},
		"on its way up": {
			unit: early, a: fakeUnit{states: []string{starting, running}, job: "start", result: "done"},
			want:  Outcome{Action: ActionRestarted, Result: ResultDone},
			calls: again,
		},
		"being restarted again and again": {
			unit: early, a: fakeUnit{states: []string{waiting, running}, result: "done"},
			want:  Outcome{Action: ActionRestarted, Result: ResultDone},
			calls: again,
		},
		"its process has just ended": {
			unit: early, a: fakeUnit{states: []string{"loaded/deactivating/stop-sigterm", running}, result: "done"},
			want:  Outcome{Action: ActionRestarted, Result: ResultDone},
			calls: again,
		},
		"being stopped by someone": {
			unit: early, a: fakeUnit{states: []string{"loaded/deactivating/stop-sigterm"}, job: "stop"},
			want: Outcome{Action: ActionNone, Result: ResultSkipped, Detail: "being stopped"},
		},
		"down": {
			unit: early, a: fakeUnit{states: []string{dead}},
			want: Outcome{Action: ActionNone, Result: ResultSkipped, Detail: "not active"},
		},
		"down, about to start": {
			unit: early, a: fakeUnit{states: []string{dead, running}, job: "start", result: "done"}, others: []*fakeUnit{boot},
			want:  Outcome{Action: ActionStarted, Result: ResultDone},
			calls: started,
		},
		"failed for want of its files": {
			unit: early, a: fakeUnit{states: []string{failing, running}, result: "done"},
			want:  Outcome{Action: ActionStarted, Result: ResultDone},
			calls: started,
		},
		"failed and fails again": {
			unit: early, a: fakeUnit{states: []string{failing}, result: "failed", props: props{"Result": "exit-code", "ExecMainStatus": int32(3)}},
			want:  Outcome{Action: ActionStarted, Result: ResultFailed, Detail: "its job ended as failed: its process exited with status 3"},
			calls: started,
		},
		"missing": {
			unit: plan.Unit{Name: "other.service", Order: true},
			want: Outcome{Action: ActionNone, Result: ResultMissing, Detail: "there is no such unit"},
		},
		"masked": {
			unit: early, a: fakeUnit{states: []string{"masked/active/running"}},
			want: Outcome{Action: ActionNone, Result: ResultMissing, Detail: "the unit is masked"},
		},
		"refused": {
			unit: early, a: fakeUnit{states: []string{running}, refuse: "the system shuts down"},
			want:  Outcome{Action: ActionRestarted, Result: ResultFailed, Detail: "the system shuts down"},
			calls: restarted,
		},

		"waits for bootconf behind another": {
			unit:   early,
			a:      fakeUnit{states: []string{running}, after: []string{"x.service", "between.service"}},
			others: []*fakeUnit{boot, {id: "between.service", job: "start", after: []string{"two.service"}}, {id: "two.service", job: "verify-active", after: []string{"between.service", self}}},
			want:   Outcome{Action: ActionRestarted, Result: ResultQueued},
			calls:  restarted,
		},
		"what is between has no job": {
			unit:   early,
			a:      fakeUnit{states: []string{running}, after: []string{"between.service"}, result: "done"},
			others: []*fakeUnit{boot, {id: "between.service", after: []string{self}}},
			want:   Outcome{Action: ActionRestarted, Result: ResultDone},
			calls:  restarted,
		},
		"what is between is being stopped": {
			unit:   early,
			a:      fakeUnit{states: []string{running}, after: []string{"between.service"}, result: "done"},
			others: []*fakeUnit{boot, {id: "between.service", job: "stop", after: []string{self}}},
			want:   Outcome{Action: ActionRestarted, Result: ResultDone},
			calls:  restarted,
		},
		"comes to wait for bootconf": {
			unit:   early,
			a:      fakeUnit{states: []string{running}, after: []string{"between.service"}},
			others: []*fakeUnit{boot, {id: "between.service", later: "start", after: []string{self}}},
			want:   Outcome{Action: ActionRestarted, Result: ResultQueued},
			calls:  restarted,
		},

		"dies at once": {
			unit: early, a: fakeUnit{states: []string{running, failing}, result: "done", props: props{"Result": "exit-code", "ExecMainStatus": int32(4)}},
			want:  Outcome{Action: ActionRestarted, Result: ResultFailed, Detail: "it did not stay up: its process exited with status 4"},
			calls: restarted,
		},
		"dies after a while": {
			unit: early, a: fakeUnit{states: []string{running, running, failing}, result: "done", props: props{"Result": "core-dump", "ExecMainStatus": int32(11)}},
			want:  Outcome{Action: ActionRestarted, Result: ResultFailed, Detail: "it did not stay up: its process was killed (segmentation fault)"},
			calls: restarted,
		},
		"ends at once, without an error": {
			unit: early, a: fakeUnit{states: []string{running, dead}, result: "done", props: props{"Type": "simple"}},
			want:  Outcome{Action: ActionRestarted, Result: ResultFailed, Detail: "it did not stay up"},
			calls: restarted,
		},
		"dies and is to be started again": {
			unit: early, a: fakeUnit{states: []string{running, running, waiting}, result: "done", props: props{"Result": "signal", "ExecMainStatus": int32(15)}},
			want:  Outcome{Action: ActionRestarted, Result: ResultFailed, Detail: "it did not stay up and is being started again: its process was killed (terminated)"},
			calls: restarted,
		},
		"dies and is up again": {
			unit: early, a: fakeUnit{states: []string{running}, result: "done", props: props{"InvocationID": []any{[]byte{1}, []byte{2}}}},
			want:  Outcome{Action: ActionRestarted, Result: ResultFailed, Detail: "it did not stay up and was started again"},
			calls: restarted,
		},
		"fails to start": {
			unit: early, a: fakeUnit{states: []string{running}, result: "failed", props: props{"Result": "timeout"}},
			want:  Outcome{Action: ActionRestarted, Result: ResultFailed, Detail: "its job ended as failed: it did not start in time"},
			calls: restarted,
		},
		"a command before its process fails": {
			unit: early, a: fakeUnit{states: []string{running}, result: "failed", props: props{"Result": "exit-code"}},
			want:  Outcome{Action: ActionRestarted, Result: ResultFailed, Detail: "its job ended as failed: a command of it failed"},
			calls: restarted,
		},
		"starts too often": {
			unit: early, a: fakeUnit{states: []string{running}, result: "failed", props: props{"Result": "start-limit-hit"}},
			want:  Outcome{Action: ActionRestarted, Result: ResultFailed, Detail: "its job ended as failed: start-limit-hit"},
			calls: restarted,
		},
		"what it needs fails": {
			unit: early, a: fakeUnit{states: []string{running}, result: "dependency"},
			want:  Outcome{Action: ActionRestarted, Result: ResultFailed, Detail: "its job ended as dependency"},
			calls: restarted,
		},
		"its condition is not met any more": {
			unit: early, a: fakeUnit{states: []string{running, dead}, result: "done", props: props{"Type": "oneshot", "ConditionResult": false}},
			want:  Outcome{Action: ActionRestarted, Result: ResultFailed, Detail: "it did not stay up: a condition of the unit is not met"},
			calls: restarted,
		},
		"has done its work": {
			unit: early, a: fakeUnit{states: []string{starting, dead}, job: "start", result: "done", props: props{"Type": "oneshot"}},
			want:  Outcome{Action: ActionRestarted, Result: ResultDone},
			calls: again,
		},
		"hangs": {
			unit: early, a: fakeUnit{states: []string{running, starting}},
			want:  Outcome{Action: ActionRestarted, Result: ResultTimeout, Detail: "it was still activating (start) when the time was over"},
			calls: restarted,
		},
		"systemd goes away": {
			unit: early, a: fakeUnit{states: []string{running}, hangup: true},
			want:  Outcome{Action: ActionRestarted, Result: ResultFailed},
			calls: restarted,
		},
		"a timer": {
			unit: plan.Unit{Name: "a.timer"}, a: fakeUnit{id: "a.timer", states: []string{"loaded/active/waiting", "loaded/active/waiting", dead}, result: "done"},
			want:  Outcome{Action: ActionRestarted, Result: ResultFailed, Detail: "it did not stay up"},
			calls: []string{"RestartUnit a.timer replace"},
		},
		"a target": {
			unit: plan.Unit{Name: "a.target"}, a: fakeUnit{id: "a.target", states: []string{"loaded/active/active"}, result: "done"},
			want:  Outcome{Action: ActionRestarted, Result: ResultDone},
			calls: []string{"RestartUnit a.target replace"},
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			if test.a.id == "" {
				test.a.id = "a.service"
			}
			var all []*fakeUnit
			for _, u := range append(test.others, &test.a) {
				c := *u
				all = append(all, &c)
			}
			f := newFake(t, all...)
			deadline := time.Minute
			if test.want.Result == ResultTimeout {
				deadline = 20 * time.Millisecond
			}
			ctx, cancel := context.WithTimeout(t.Context(), deadline)
			defer cancel()
			got := f.systemd().Apply(ctx, []plan.Unit{test.unit})
			test.want.Name = test.unit.Name
			if test.a.hangup {
				got[0].Detail = "" // the words are godbus's
			}
			if len(got) != 1 || got[0] != test.want {
				t.Errorf("got %+v, want %+v", got, test.want)
			}
			if calls := f.called(); !slices.Equal(calls, test.calls) {
				t.Errorf("calls %q, want %q", calls, test.calls)
			}
		})
	}
}

func TestApplyTogether(t *testing.T) {
	f := newFake(t,
		&fakeUnit{id: self, job: "start"},
		&fakeUnit{id: "hangs.service", states: []string{running, starting}},
		&fakeUnit{id: "good.service", states: []string{running}, result: "done"},
		&fakeUnit{id: "loops.service", states: []string{running}, result: "done", props: map[string]any{"InvocationID": []any{[]byte{1}, []byte{2}}}},
		&fakeUnit{id: "behind.service", states: []string{running}, after: []string{self}},
		&fakeUnit{id: "real.service", alias: "alias.service", states: []string{running}, result: "done"},
	)
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	var list []plan.Unit
	for _, name := range []string{"hangs.service", "good.service", "loops.service", "behind.service", "alias.service", "none.service"} {
		list = append(list, plan.Unit{Name: name})
	}
	var got []string
	for _, o := range f.systemd().Apply(ctx, list) {
		got = append(got, o.Name+" "+o.Result)
	}
	want := []string{"hangs.service timeout", "good.service done", "loops.service failed", "behind.service queued", "alias.service done", "none.service missing"}
	if !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	// One that hangs doesn't keep the others from being restarted.
	if calls := f.called(); len(calls) != 5 || !slices.Contains(calls, "RestartUnit real.service replace") {
		t.Errorf("calls %q", calls)
	}
}

func TestApplyWithoutSystemd(t *testing.T) {
	s := NewSystemd()
	f := newFake(t)
	s.dial = f.systemd().dial
	if got := s.Apply(t.Context(), nil); len(got) != 0 {
		t.Errorf("no units: %+v", got)
	}
	if err := os.Remove(f.socket); err != nil {
		t.Fatal(err)
	}
	got := s.Apply(t.Context(), []plan.Unit{{Name: "a.service"}, {Name: "b.service", Order: true}})
	for _, o := range got {
		if !o.Failed() || !strings.HasPrefix(o.Detail, "cannot connect to systemd: ") {
			t.Errorf("%+v", o)
		}
	}
	if _, err := s.Early(t.Context(), nil); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("early: %v", err)
	}
}

func TestEarly(t *testing.T) {
	units := []*fakeUnit{
		{id: "app.service", job: "start", before: []string{"multi-user.target", "shutdown.target"}},
		{id: "multi-user.target", job: "start", before: []string{"graphical.target"}},
		{id: "firewall.service", job: "start", before: []string{"setup.service"}},
		{id: "setup.service", job: "start", before: []string{"network-pre.target"}},
		{id: "network-pre.target", job: "start"},
		{id: "idle.service", before: []string{"network-pre.target"}},
		{id: "loose.service", job: "start", before: []string{"network-pre.target"}},
	}
	list := []plan.Unit{
		{Name: "app.service", Order: true}, {Name: "firewall.service", Order: true}, {Name: "idle.service", Order: true},
		{Name: "missing.service", Order: true}, {Name: "loose.service"},
	}
	for _, test := range []struct {
		job  string
		want []string
	}{{"start", []string{"firewall.service"}}, {"", nil}} {
		f := newFake(t, append(units, &fakeUnit{id: self, job: test.job})...)
		got, err := f.systemd().Early(t.Context(), list)
		if err != nil || !reflect.DeepEqual(got, test.want) {
			t.Errorf("with the job %q: %q, %v; want %q", test.job, got, err, test.want)
		}
	}
}

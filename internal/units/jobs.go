package units

import (
	"context"
	"fmt"

	"github.com/coreos/go-systemd/v22/dbus"

	"github.com/bootconf/bootconf/internal/plan"
)

// queue is systemd's jobs at one moment, and the order among them as far as somebody asked for it.
type queue struct {
	conn  *dbus.Conn
	types map[string]string // of the job of each unit that has one
}

func readQueue(ctx context.Context, conn *dbus.Conn) (*queue, error) {
	jobs, err := conn.ListJobsContext(ctx)
	if err != nil {
		return nil, fmt.Errorf("cannot ask systemd for its jobs: %w", err)
	}
	q := &queue{conn, make(map[string]string, len(jobs))}
	for _, j := range jobs {
		q.types[j.Unit] = j.JobType
	}
	return q, nil
}

// reaches tells whether one gets from a unit to another that goal accepts along an ordering dependency, over units
// with jobs. A job that stops a unit is no step: it waits for none that starts one.
func (q *queue) reaches(ctx context.Context, from, dependency string, goal func(unit string) bool) (bool, error) {
	seen := map[string]bool{from: true}
	for next := []string{from}; len(next) > 0; {
		unit := next[0]
		next = next[1:]
		p, err := q.conn.GetUnitPropertyContext(ctx, unit, dependency)
		if err != nil {
			return false, fmt.Errorf("cannot ask systemd for %s= of %s: %w", dependency, unit, err)
		}
		others, _ := p.Value.Value().([]string)
		for _, other := range others {
			if job := q.types[other]; job == "" || job == "stop" || seen[other] {
				continue
			}
			if goal(other) {
				return true, nil
			}
			seen[other] = true
			next = append(next, other)
		}
	}
	return false, nil
}

// release marks those of list as queued that wait for bootconf.service, directly or behind others. To wait for one of
// them within that unit would be to wait for oneself.
func release(ctx context.Context, conn *dbus.Conn, list []*restart) error {
	q, err := readQueue(ctx, conn)
	if err != nil || q.types[self] == "" {
		return err
	}
	for _, r := range list {
		if r.ended || q.types[r.id] == "" {
			continue
		}
		waits, err := q.reaches(ctx, r.id, "After", func(unit string) bool { return unit == self })
		if err != nil {
			return err
		}
		if waits {
			r.ended, r.Result = true, ResultQueued
		}
	}
	return nil
}

// Early returns those units of a plan that hold up the boot or the network while they wait for bootconf.service:
// bootconf waits for the network, and neither would go on before the deadline. It is to be asked while
// bootconf.service starts; later there is nothing to see.
func (s *Systemd) Early(ctx context.Context, list []plan.Unit) (early []string, err error) {
	err = talk(ctx, s.dial, func(ctx context.Context, conn *dbus.Conn) error {
		q, err := readQueue(ctx, conn)
		if err != nil || q.types[self] == "" {
			return err
		}
		for _, u := range list {
			if !u.Order || q.types[u.Name] == "" {
				continue
			}
			holds, err := q.reaches(ctx, u.Name, "Before", func(unit string) bool {
				return unit == "basic.target" || unit == "network-pre.target" || unit == "network.target"
			})
			if err != nil {
				return err
			}
			if holds {
				early = append(early, u.Name)
			}
		}
		return nil
	})
	return early, err
}

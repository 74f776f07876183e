package boot

import (
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"time"

	"github.com/bootconf/bootconf/internal/finding"
	"github.com/bootconf/bootconf/internal/journal"
	"github.com/bootconf/bootconf/internal/lock"
	"github.com/bootconf/bootconf/internal/paths"
	"github.com/bootconf/bootconf/internal/result"
	"github.com/bootconf/bootconf/internal/rootfs"
)

// told tells whether this boot's record says already that the instance is configured: it then says how, too.
func (r *run) told() bool {
	before, err := result.ReadStatus(r.Root)
	return err == nil && before != nil && before.Status == result.Configured && before.Configured.Equal(r.result.Configured)
}

// stage runs one stage and records how long it took.
func (r *run) stage(name string, do func() error) error {
	start := time.Now()
	err := do()
	took := time.Since(start)
	r.result.Stages = append(r.result.Stages, result.Stage{Name: name, DurationMS: float64(took.Microseconds()) / 1000})
	r.Log.Print(journal.Debug, fmt.Sprintf("%s took %v", name, took.Round(time.Microsecond)), journal.Fields{"BOOTCONF_STAGE": name})
	return err
}

func (r *run) warn(found finding.List) {
	for _, f := range found {
		r.result.Warnings = append(r.result.Warnings, f)
		r.Log.Print(journal.Warning, f.String(), journal.Fields{"BOOTCONF_PATH": f.Path})
	}
}

// mark makes the empty file that a unit's ConditionPathExists= looks for, unless it is there.
func (r *run) mark(path string) error {
	if _, err := r.Root.Lstat(path); err == nil {
		return nil
	}
	if err := r.Root.WriteFileVolatile(path, nil, 0o644); err != nil {
		return fmt.Errorf("cannot make %s: %w", path, err)
	}
	return nil
}

// unmark removes it, if it is there.
func (r *run) unmark(path string) error {
	if _, err := r.Root.Lstat(path); errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err := r.Root.Remove(path); err != nil {
		return fmt.Errorf("cannot remove %s: %w", path, err)
	}
	return nil
}

// markServices has a mark for each of services and for no other.
func (r *run) markServices(services []string) error {
	entries, err := r.Root.ReadDir(paths.Services)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("cannot read %s: %w", paths.Services, err)
	}
	var marked []string
	for _, e := range entries {
		if marked = append(marked, e.Name()); slices.Contains(services, e.Name()) {
			continue
		}
		if err := r.unmark(path.Join(paths.Services, e.Name())); err != nil {
			return err
		}
	}
	for _, s := range services {
		if slices.Contains(marked, s) {
			continue
		}
		if err := r.mark(path.Join(paths.Services, s)); err != nil {
			return err
		}
	}
	return nil
}

// end completes the record.
func (r *run) end(err error) {
	r.result.Finished = now()
	r.result.DurationMS = r.result.Finished.Sub(r.result.Started).Milliseconds()
	r.result.PID = 0
	r.result.Exit = ExitCode(err)
	if err != nil {
		r.result.Status = result.Failed
		var found finding.List
		errors.As(err, &found)
		r.result.Error = &result.Error{Message: err.Error(), Findings: found}
	}
}

// finish completes the record and publishes it, and keeps it on the disk if asked to.
func (r *run) finish(err error, keep bool) {
	r.end(err)
	if keep {
		if e := r.result.Keep(r.Root); e != nil {
			r.Log.Print(journal.Warning, e.Error(), nil)
		}
	}
	if e := r.result.Publish(r.Root); e != nil {
		r.Log.Print(journal.Warning, e.Error(), nil)
	}
}

// LockedSince is when the instance was configured, or "" if it wasn't, or this process may not know.
func LockedSince(root *rootfs.Root) string {
	record, err := lock.Read(root)
	if err != nil || record == nil {
		return ""
	}
	return record.Time
}

// now is the time as records have it.
func now() time.Time { return time.Now().UTC().Truncate(time.Millisecond) }

package boot

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/signal"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/bootconf/bootconf/internal/apply"
	"github.com/bootconf/bootconf/internal/finding"
	"github.com/bootconf/bootconf/internal/identity"
	"github.com/bootconf/bootconf/internal/image"
	"github.com/bootconf/bootconf/internal/journal"
	"github.com/bootconf/bootconf/internal/lock"
	"github.com/bootconf/bootconf/internal/paths"
	"github.com/bootconf/bootconf/internal/plan"
	"github.com/bootconf/bootconf/internal/render"
	"github.com/bootconf/bootconf/internal/result"
	"github.com/bootconf/bootconf/internal/rootfs"
	"github.com/bootconf/bootconf/internal/secret"
	"github.com/bootconf/bootconf/internal/source"
	"github.com/bootconf/bootconf/internal/units"
	"github.com/bootconf/bootconf/internal/version"
	"golang.org/x/sys/unix"
)

// unitsDeadline is how long the units that are restarted may take together (the design's 90 s).
const unitsDeadline = 90 * time.Second

// Run configures the instance, or finds that it is configured. The record is never nil; the error is for ExitCode.
func Run(ctx context.Context, c Config) (*result.Result, error) {
	r := &run{Config: c, result: result.New(now())}
	held, err := r.begin()
	if err != nil {
		r.end(err) // and no more: the status may be another run's
		return r.result, err
	}
	defer held.Release()
	r.result.PID = os.Getpid()

	record, err := lock.Read(c.Root)
	if err != nil {
		r.finish(err, false) // nothing of the disk is changed
		return r.result, err
	}
	who := identity.Identity{Method: identity.None}
	if r.real() {
		who = identity.Read("/")
	}
	if record != nil {
		verdict, locked, err := r.compare(ctx, record, who)
		if err != nil || verdict.Outcome != identity.New {
			if err == nil {
				err = r.locked(record, locked, verdict)
			}
			if r.end(err); err != nil || !r.told() {
				r.finish(err, false) // a locked boot leaves the disk alone
			}
			return r.result, err
		}
		r.Log.Print(journal.Notice, "this is another instance than the one that was configured: "+verdict.Reason, nil)
	}
	// systemd's timeout sends SIGTERM. What waits is told to stop; what writes goes on to its end, which is near.
	ctx, stop := signal.NotifyContext(ctx, unix.SIGTERM, unix.SIGINT, unix.SIGHUP)
	defer stop()
	if err = r.configure(ctx, record, who); err != nil && ctx.Err() != nil {
		err = fmt.Errorf("was stopped by a signal: %w", err)
	}
	r.finish(err, true)
	return r.result, err
}

// compare tells whether this instance is the one that the lock was made for, and which that was. The policy is read,
// and the metadata service asked, only where nothing else decides.
func (r *run) compare(ctx context.Context, record *lock.Record, who identity.Identity) (v identity.Verdict, locked identity.Identity, err error) {
	if !r.real() {
		return identity.Verdict{Outcome: identity.Same}, who, nil
	}
	if err := locked.UnmarshalJSON(record.Identity); err != nil {
		return v, locked, fmt.Errorf("cannot trust the lock: %w", err)
	}
	r.result.InstanceID = locked.InstanceID
	v = identity.Compare(ctx, locked, who, "", nil)
	if v.Outcome != identity.Unknown || who.Container != "" {
		return v, locked, nil
	}
	policy, found := image.LoadPolicy(r.Root)
	if found.Err() != nil {
		return v, locked, nil // unknown is locked; the policy is not what this boot is about
	}
	from, err := r.open(policy)
	if err != nil {
		return v, locked, nil
	}
	ctx, cancel := context.WithTimeout(ctx, r.deadline(policy))
	defer cancel()
	return identity.Compare(ctx, locked, who, from.Name(), from.InstanceID), locked, nil
}

// locked is a boot of an instance that is configured. It writes nothing but what this boot needs below /run.
func (r *run) locked(record *lock.Record, locked identity.Identity, verdict identity.Verdict) error {
	if verdict.Outcome == identity.Unknown {
		r.Log.Print(journal.Warning, "cannot tell whether this is the instance that was configured, so it stays locked: "+verdict.Reason, nil)
	}
	r.result.Status = result.Configured
	r.result.Configured, _ = time.Parse(time.RFC3339, record.Time) // Read has seen to it that it is one
	for _, name := range record.Services {
		r.result.Services = append(r.result.Services, result.Service{Name: name, Configured: true})
	}
	// A run that was killed right after it had written the lock left old files beside the new ones.
	if err := r.recover(locked, record.UserDataSHA256); err != nil {
		return err
	}
	var missing []string
	for _, name := range record.Files {
		if _, err := r.Root.Lstat(name); err != nil {
			missing = append(missing, name)
			continue
		}
		r.result.Files = append(r.result.Files, result.File{Path: name, Action: string(apply.Unchanged)})
	}
	if len(missing) > 0 {
		return &failed{fmt.Sprintf("this instance is locked, but of its configuration %s is missing", strings.Join(missing, ", "))}
	}
	if err := r.unmark(paths.Hold); err != nil {
		return err
	}
	return r.markServices(record.Services)
}

// recover makes whole what an interrupted run left behind. Digest is the hash of the user data, or empty while it
// isn't known.
func (r *run) recover(who identity.Identity, digest string) error {
	found, err := apply.Recover(r.Root, key(who), digest)
	if err != nil {
		return r.writeError(err)
	}
	if found.Undone {
		r.Log.Print(journal.Notice, "an earlier run was interrupted: the files it had begun to write were put back", nil)
	}
	if found.Applied && digest != "" {
		r.tidy()
	}
	return nil
}

// told tells whether this boot's record says already that the instance is configured: it then says how, too.
func (r *run) told() bool {
	before, err := result.ReadStatus(r.Root)
	return err == nil && before != nil && before.Status == result.Configured && before.Configured.Equal(r.result.Configured)
}

// configure is a run that the lock doesn't stop. Earlier is the record of the instance whose disk this was, or nil.
func (r *run) configure(ctx context.Context, earlier *lock.Record, who identity.Identity) error {
	if earlier != nil {
		// No unit starts with another instance's files, not even one that can do without ours.
		if err := r.mark(paths.Hold); err != nil {
			return &notWritten{err}
		}
	}
	if err := r.markServices(nil); err != nil {
		return &notWritten{err}
	}
	if err := r.result.Publish(r.Root); err != nil {
		return &notWritten{err}
	}
	if err := r.recover(who, ""); err != nil {
		return err
	}
	checked, digest, who, err := r.obtain(ctx, who)
	if err != nil {
		return err
	}
	r.warn(checked.Warnings)
	if checked.Build {
		r.result.Status = result.Build
		return nil
	}
	tx, due, err := r.write(ctx, checked, digest, earlier, who)
	if err != nil {
		return err
	}
	if err := r.release(checked); err != nil {
		return r.putBack(err)
	}
	if err := r.act(ctx, due); err != nil {
		err = errors.Join(err, r.markServices(nil))
		if earlier != nil {
			err = errors.Join(err, r.mark(paths.Hold))
		}
		return err
	}
	err = r.stage("lock", func() error { return r.lock(tx, checked, digest, who) })
	if err != nil {
		return r.putBack(err)
	}
	r.tidy()
	r.result.Status = result.Configured
	return nil
}

// tidy removes the old files, which are not needed once the lock is written. The instance is configured, whether or
// not that succeeds; the next boot tries again.
func (r *run) tidy() {
	if err := apply.Done(r.Root); err != nil {
		r.Log.Print(journal.Warning, fmt.Sprintf("old files still lie beside the new ones, for the next boot to remove: %v", err), nil)
	}
}

// release lets units start: the files are this instance's from here on.
func (r *run) release(c *Checked) error {
	if err := r.markServices(c.Services()); err != nil {
		return err
	}
	return r.unmark(paths.Hold)
}

// putBack has the old files in place again where a call failed after the new ones were there: all or none.
func (r *run) putBack(err error) error {
	r.result.Files = []result.File{}
	if undo := apply.Undo(r.Root); undo != nil {
		return r.writeError(undo)
	}
	return &notWritten{errors.Join(err, r.markServices(nil))}
}

// obtain is the user data, fetched, checked and rendered, its hash, and the identity with what the source adds to it.
func (r *run) obtain(ctx context.Context, who identity.Identity) (checked *Checked, digest string, _ identity.Identity, err error) {
	fail := func(err error) (*Checked, string, identity.Identity, error) { return nil, "", who, err }
	var img *image.Image
	var program *render.Program
	err = r.stage("load", func() error {
		img, program, err = LoadImage(r.Root)
		return err
	})
	if err != nil {
		return fail(err)
	}
	if err := r.refuseEarly(ctx, img); err != nil {
		return fail(err)
	}
	from, err := r.open(img.Policy)
	if err != nil {
		return fail(&imageError{err})
	}
	r.result.Source = from.Name()
	fetching, cancel := context.WithTimeout(ctx, r.deadline(img.Policy))
	defer cancel()
	var raw []byte
	present := true
	err = r.stage("fetch", func() error {
		if raw, err = from.UserData(fetching); errors.Is(err, source.ErrNoUserData) {
			present, err = false, nil
		}
		if err == nil && r.real() && who.InstanceID == "" && who.Container == "" && from.Name() == "ec2" {
			// A UUID can change its byte order or be missing; the id settles it at later boots.
			who.InstanceID, err = from.InstanceID(fetching)
		}
		return err
	})
	var refused *source.InvalidError
	if errors.As(err, &refused) {
		err = TooLong(UserDataName) // the only ground for which a source refuses what it got
	}
	if err != nil {
		return fail(err)
	}
	r.result.InstanceID = who.InstanceID
	err = r.stage("check", func() error {
		checked, err = Check(img, program, UserDataName, raw, present, func(names []string) (map[string]string, error) {
			if len(names) == 0 {
				return nil, nil
			}
			return from.Facts(fetching, names)
		})
		return err
	})
	if err != nil {
		return fail(err)
	}
	sum := sha256.Sum256(raw)
	return checked, hex.EncodeToString(sum[:]), who, nil
}

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

// write puts the files in place and has them checked, and returns the units that are due for it. After an error the
// old files are back.
func (r *run) write(ctx context.Context, c *Checked, digest string, earlier *lock.Record, who identity.Identity) (tx *apply.Tx, due []plan.Unit, err error) {
	options := apply.Options{Identity: key(who), UserDataSHA256: digest}
	if earlier != nil {
		options.Files, options.Directories = earlier.Files, earlier.Directories
	}
	err = r.stage("write", func() error {
		if tx, err = apply.Begin(r.Root, c.Plan, options); err != nil {
			return err
		}
		var names []string
		due = touched(c.Plan, tx)
		for _, u := range due {
			names = append(names, u.Name)
		}
		if err = tx.Stage(names); err != nil {
			return err
		}
		return tx.Commit()
	})
	if err != nil {
		return nil, nil, r.writeError(err)
	}
	if r.real() {
		if err = r.stage("prove", func() error { return r.prove(ctx, c) }); err != nil {
			if undo := tx.Rollback(); undo != nil {
				return nil, nil, r.writeError(undo)
			}
			return nil, nil, err
		}
	}
	if err = tx.Finish(); err != nil {
		return nil, nil, r.writeError(err)
	}
	for _, f := range tx.Files() {
		r.result.Files = append(r.result.Files, result.File{Path: f.Path, Action: string(f.Action)})
	}
	for _, s := range c.Plan.Services {
		r.result.Services = append(r.result.Services, result.Service{Name: s.Name, Configured: s.Configured})
	}
	return tx, due, nil
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

func (r *run) writeError(err error) error {
	if err == nil {
		return nil
	}
	var e *apply.Error
	if !errors.As(err, &e) {
		return err // its journal can't be trusted: a fault, and nothing was changed
	}
	if e.Image {
		return &imageError{err}
	}
	r.result.Dirty = r.result.Dirty || e.Dirty
	return &notWritten{err}
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

// lock locks the instance. From here on it is configured.
func (r *run) lock(tx *apply.Tx, c *Checked, digest string, who identity.Identity) error {
	var encoded []byte
	if r.real() {
		var err error
		if encoded, err = who.MarshalJSON(); err != nil {
			return fmt.Errorf("cannot encode the identity: %w", err)
		}
	}
	at := now().Truncate(time.Second)
	record := &lock.Record{
		State:           lock.Locked,
		Identity:        encoded,
		UserDataSHA256:  digest,
		Time:            at.Format(time.RFC3339),
		BootconfVersion: version.Version,
		Services:        c.Services(),
		Directories:     tx.Directories(),
	}
	for _, f := range c.Plan.Files {
		record.Files = append(record.Files, f.Path)
	}
	if err := lock.Write(r.Root, record); err != nil {
		// It may have failed behind the rename. A lock that stands is one, and its files must stay.
		there, unread := lock.Read(r.Root)
		if unread != nil || there == nil || there.Time != record.Time || there.UserDataSHA256 != digest || !bytes.Equal(there.Identity, encoded) {
			return err
		}
		r.Log.Print(journal.Warning, fmt.Sprintf("the lock is in place, but may not outlast a power cut: %v", err), nil)
	}
	r.result.Configured = at
	return nil
}

// run is one run under way.
type run struct {
	Config
	result *result.Result
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

// begin is the right to be the only run.
func (r *run) begin() (*lock.Run, error) {
	if r.real() && os.Geteuid() != 0 {
		return nil, errNotRoot
	}
	held, err := lock.Acquire(r.Root)
	if errors.Is(err, lock.ErrBusy) {
		return nil, errBusy
	}
	if err != nil {
		return nil, &notWritten{err}
	}
	return held, nil
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

// key is a string that is another for another instance, and the same for a run of it that the metadata service has not
// told the id.
func key(who identity.Identity) string {
	return string(who.Method) + " " + map[identity.Method]string{
		identity.AssetTag: who.InstanceID, identity.UUID: who.UUID, identity.MachineID: who.MachineID,
	}[who.Method]
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

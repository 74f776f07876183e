package boot

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"strings"
	"time"

	"github.com/bootconf/bootconf/internal/apply"
	"github.com/bootconf/bootconf/internal/identity"
	"github.com/bootconf/bootconf/internal/image"
	"github.com/bootconf/bootconf/internal/journal"
	"github.com/bootconf/bootconf/internal/lock"
	"github.com/bootconf/bootconf/internal/paths"
	"github.com/bootconf/bootconf/internal/plan"
	"github.com/bootconf/bootconf/internal/render"
	"github.com/bootconf/bootconf/internal/result"
	"github.com/bootconf/bootconf/internal/source"
	"github.com/bootconf/bootconf/internal/version"
	"golang.org/x/sys/unix"
)

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

// key is a string that is another for another instance, and the same for a run of it that the metadata service has not
// told the id.
func key(who identity.Identity) string {
	return string(who.Method) + " " + map[identity.Method]string{
		identity.AssetTag: who.InstanceID, identity.UUID: who.UUID, identity.MachineID: who.MachineID,
	}[who.Method]
}

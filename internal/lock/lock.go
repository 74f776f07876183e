// Package lock is the record that this instance is configured, and the lock that keeps two runs apart. A record comes
// in and is on the disk when Write returns; Read gives it back exactly as it was written, or says that it can't: a
// lock that is damaged or was edited is an error, never an instance that isn't configured. It never decides whether
// the instance is the same one.
package lock

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"

	"golang.org/x/sys/unix"

	"github.com/bootconf/bootconf/internal/paths"
	"github.com/bootconf/bootconf/internal/rootfs"
)

// ErrBusy says that another run is in progress.
var ErrBusy = errors.New("another run is in progress")

// Run is the right to be the only run.
type Run struct{ dir *rootfs.Dir }

// Acquire takes the run lock, which is on the state directory, and makes that if it is missing. The error is ErrBusy
// if another process has it. A process that dies leaves no lock behind.
func Acquire(root *rootfs.Root) (*Run, error) {
	d, err := root.OpenDir(paths.State)
	if errors.Is(err, fs.ErrNotExist) {
		d, err = makeState(root)
	}
	if err != nil {
		return nil, fmt.Errorf("cannot open the state directory: %w", err)
	}
	if err := d.Lock(); err != nil {
		d.Close()
		if err == unix.EWOULDBLOCK {
			return nil, ErrBusy
		}
		return nil, fmt.Errorf("cannot lock %s: %w", paths.State, err)
	}
	return &Run{d}, nil
}

// makeState makes the state directory, and has it on the disk.
func makeState(root *rootfs.Root) (*rootfs.Dir, error) {
	above := path.Dir(paths.State)
	if err := root.MkdirAll(above, 0o755); err != nil {
		return nil, err
	}
	d, err := root.OpenDir(above)
	if err != nil {
		return nil, err
	}
	defer d.Close()
	state, err := d.MakeDir(path.Base(paths.State), 0o700)
	if err != nil {
		return nil, &fs.PathError{Op: "mkdir", Path: paths.State, Err: err}
	}
	if err := d.Sync(); err != nil {
		state.Close()
		return nil, &fs.PathError{Op: "sync", Path: above, Err: err}
	}
	return state, nil
}

// Release gives the run lock back.
func (r *Run) Release() { r.dir.Close() }

// State is how far the lockout has got.
type State string

// The states.
const (
	Pending State = "pending" // configured, the lockout measures are still to be taken
	Locked  State = "locked"
)

// Record is lock.json.
type Record struct {
	State           State
	Identity        []byte // of the instance, as JSON; nil if it has none, as below a --root
	UserDataSHA256  string
	Time            string // RFC 3339
	BootconfVersion string
	Services        []string // those that are configured
	Files           []string // what was written for them, or was there already as planned
	Directories     []string // what was made for the files
}

// CorruptError says that there is a lock and that it can't be trusted.
type CorruptError struct {
	Path   string
	Reason string
	Err    error // what the system said, if that is the reason
}

func (e *CorruptError) Error() string {
	if e.Err != nil {
		return fmt.Sprintf("cannot read the lock %s: %v", e.Path, e.Err)
	}
	return fmt.Sprintf("cannot trust the lock %s: it %s", e.Path, e.Reason)
}

func (e *CorruptError) Unwrap() error { return e.Err }

func corrupt(reason string) error { return &CorruptError{Path: paths.Lock, Reason: reason} }

// maxRecord is well above that of the largest configuration.
const maxRecord = 4 << 20

// Read is the record of this instance, nil if there is none. An error is of type *CorruptError.
func Read(root *rootfs.Root) (*Record, error) {
	text, err := read(root)
	if err != nil {
		var c *CorruptError
		if !errors.As(err, &c) {
			err = &CorruptError{Path: paths.Lock, Err: err}
		}
		return nil, err
	}
	if text == nil {
		return nil, nil
	}
	r, reason := decode(text)
	if reason != "" {
		return nil, corrupt(reason)
	}
	return r, nil
}

// read is the bytes of the lock, nil if there is none.
func read(root *rootfs.Root) ([]byte, error) {
	d, err := root.OpenDir(path.Dir(paths.Lock))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, dangling(root)
	}
	if err != nil {
		return nil, err
	}
	defer d.Close()
	name := path.Base(paths.Lock)
	info, err := d.Stat(name)
	if err == unix.ENOENT {
		return nil, nil
	}
	switch {
	case err != nil:
		return nil, err
	case info.Mode().Type() == fs.ModeSymlink:
		return nil, corrupt("is a link")
	case !info.Mode().IsRegular():
		return nil, corrupt("is no regular file")
	case os.Geteuid() == 0 && info.UID() != 0:
		return nil, corrupt("belongs to a user that isn't root")
	case info.Mode().Perm()&0o022 != 0:
		return nil, corrupt("can be written to by others than root")
	}
	f, err := d.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	text, err := f.ReadAll(maxRecord)
	if err == nil && len(text) == 0 {
		err = corrupt("is empty")
	}
	return text, err
}

// dangling is an error if a link on the way to the lock leads nowhere: what it should lead to may hold a lock.
func dangling(root *rootfs.Root) error {
	for dir := paths.State; dir != "/"; dir = path.Dir(dir) {
		if info, err := root.Lstat(dir); err == nil && info.Mode().Type() == fs.ModeSymlink {
			if _, err := root.Stat(dir); err != nil {
				return err
			}
		}
	}
	return nil
}

// Write replaces the record, and has it on the disk when it returns. An immutable flag on the old one is lifted for it.
func Write(root *rootfs.Root, r *Record) error {
	text, err := r.encode()
	if err == nil {
		err = write(root, text)
	}
	if err != nil {
		return fmt.Errorf("cannot write the lock %s: %w", paths.Lock, err)
	}
	return nil
}

func write(root *rootfs.Root, text []byte) error {
	d, err := root.OpenDir(path.Dir(paths.Lock))
	if err != nil {
		return err
	}
	defer d.Close()
	name := path.Base(paths.Lock)
	if info, err := d.Stat(name); err == nil && info.Immutable() {
		if err := d.SetImmutable(name, false); err != nil {
			return err
		}
	}
	return d.WriteFileAtomic(name, text, 0o600, d.Sync)
}

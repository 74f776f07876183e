package apply

import (
	"errors"
	"path"

	"golang.org/x/sys/unix"

	"github.com/bootconf/bootconf/internal/paths"
	"github.com/bootconf/bootconf/internal/rootfs"
)

// Recovery is what Recover has found.
type Recovery struct {
	Undone  bool     // an interrupted transaction, or one of another instance or user data, was undone
	Applied bool     // one got to Finish, for this instance and this user data: Done ends it, once the lock is written
	Owed    []string // the units that it owes an action

	journal *journal
}

// Undo has the old tree in place again after Finish, for a run that could not go on. An error is as Recover's.
func Undo(root *rootfs.Root) error {
	s, err := load(root)
	if s == nil {
		return err
	}
	defer s.dir.Close()
	return s.undo(root)
}

// Recover puts the tree right after a run that was interrupted. From the journal alone it decides whether the
// transaction is undone or stays. An empty identity or hash is one that isn't known yet: what got to Finish stays for
// the moment. An error is of type *JournalError, with nothing changed, or a dirty *Error.
func Recover(root *rootfs.Root, identity, userDataSHA256 string) (Recovery, error) {
	s, err := load(root)
	if s == nil {
		return Recovery{}, err
	}
	defer s.dir.Close()
	foreign := identity != "" && identity != s.identity || userDataSHA256 != "" && userDataSHA256 != s.userData
	switch {
	case s.state == done:
		return Recovery{}, s.clear(root)
	case s.state == applied && !foreign:
		return Recovery{Applied: true, Owed: s.owed, journal: s.journal}, nil
	case s.state == applied:
		return Recovery{Undone: true, Owed: s.owed}, s.undo(root)
	}
	// Units are acted on after Finish, so nothing is owed.
	return Recovery{Undone: true}, s.undo(root)
}

// Owed is the units that the last transaction owes an action. It is that of Recover, for one who doesn't know the
// instance or the user data.
func Owed(root *rootfs.Root) ([]string, error) {
	s, err := load(root)
	if s == nil {
		return nil, err
	}
	defer s.dir.Close()
	if s.state != applied {
		return nil, nil
	}
	return s.owed, nil
}

// Done ends a transaction that got to Finish: the old files are deleted. The lock must be on the disk by now, and no
// immutable flag be set yet. An error is of type *JournalError or *Error; the next Recover goes on with it.
func Done(root *rootfs.Root) error {
	s, err := load(root)
	if s == nil {
		return err
	}
	defer s.dir.Close()
	if s.state == underWay {
		return &JournalError{path.Join(paths.Transaction, underWay), errors.New("the transaction is still under way")}
	}
	return s.clear(root)
}

// clear deletes the old files, and the directories that are empty without them.
func (s *stored) clear(root *rootfs.Root) error {
	var clears bool
	for _, st := range s.steps {
		clears = clears || st.verb == replace || st.verb == remove || st.verb == rmdir
	}
	if !clears {
		return s.forget()
	}
	// Without its old files a transaction can't be undone any more, so the journal must not say that it can.
	if s.state != done {
		err := s.dir.Rename(s.state, done)
		if err == nil {
			err = s.dir.Sync()
		}
		if err != nil {
			return &Error{Op: "write", Path: path.Join(paths.Transaction, done), Err: err}
		}
	}
	o := opener{root: root}
	defer o.close()
	for _, st := range s.steps {
		if st.verb != replace && st.verb != remove {
			continue
		}
		old := path.Join(path.Dir(st.path), oldName(path.Base(st.path)))
		d, err := o.parent(st.path)
		if err == nil && d != nil {
			err = d.Remove(path.Base(old))
		}
		if err != nil && err != unix.ENOENT {
			return &Error{Op: "remove", Path: old, Err: cause(err)}
		}
	}
	for i := len(s.steps) - 1; i >= 0; i-- { // those below before those above
		if st := s.steps[i]; st.verb == rmdir {
			if d, err := o.parent(st.path); err == nil && d != nil {
				d.Rmdir(path.Base(st.path)) // it stays if there is something in it
			}
		}
	}
	// The journal must not be gone before they are.
	if failed, err := syncFileSystems(o.all()); err != nil {
		return &Error{Op: "sync", Path: failed, Err: err}
	}
	s.state = done
	return s.forget()
}

func (s *stored) forget() error {
	if err := forget(s.dir, s.state); err != nil {
		return &Error{Op: "remove", Path: path.Join(paths.Transaction, s.state), Err: err}
	}
	return nil
}

// undoStored undoes the transaction on the disk.
func undoStored(root *rootfs.Root) error {
	s, err := load(root)
	if s == nil {
		return err
	}
	defer s.dir.Close()
	return s.undo(root)
}

func (s *stored) undo(root *rootfs.Root) error {
	o := opener{root: root}
	defer o.close()
	var changes []change
	for _, st := range s.steps {
		d, err := o.parent(st.path)
		if err != nil {
			return dirty(st.path, err)
		}
		if d != nil {
			changes = append(changes, change{st.verb, d, path.Base(st.path)})
		}
	}
	return undo(s.dir, s.state, changes)
}

// undo undoes what this process has done so far, in the very directories in which it did it.
func (tx *Tx) undo() error {
	defer tx.close()
	var changes []change
	for _, l := range tx.lifts {
		changes = append(changes, change{lift, l.dir, l.name})
	}
	for _, d := range tx.dirs {
		if d.parent != nil && d.parent.d != nil {
			changes = append(changes, change{mkdir, d.parent.d, d.name})
		}
	}
	for _, o := range tx.ops {
		if o.begun {
			changes = append(changes, change{o.verb, o.dir.d, o.name})
		}
	}
	state := underWay
	if _, err := tx.store.Stat(applied); err == nil { // Finish failed halfway
		state = applied
	}
	return undo(tx.store, state, changes)
}

// change is one step that was taken, perhaps: name in d was made, written or removed.
type change struct {
	verb verb
	d    *rootfs.Dir
	name string
}

func dirty(path string, err error) error {
	return &Error{Op: "put back", Path: path, Err: cause(err), Dirty: true}
}

// undo undoes changes, the last one first, and then removes the journal. It goes on after an error, so that as much as
// possible is as it was, but leaves the journal for the next try.
func undo(store *rootfs.Dir, state string, changes []change) error {
	var first error
	failed := func(path string, err error) {
		if err != nil && first == nil {
			first = dirty(path, err)
		}
	}
	var dirs []*rootfs.Dir
	for i := len(changes) - 1; i >= 0; i-- {
		c := changes[i]
		failed(path.Join(c.d.Path(), c.name), c.undo())
		dirs = append(dirs, c.d)
	}
	failed(syncFileSystems(dirs))
	if first != nil {
		return first
	}
	err := forget(store, state)
	if err == nil {
		// A journal that came back with the next power cut would undo what others have done since.
		err = store.Sync()
	}
	if err != nil {
		return dirty(path.Join(paths.Transaction, state), err)
	}
	return nil
}

// undo undoes one change. It may not have been made, or have been undone before.
func (c change) undo() error {
	switch c.verb {
	case lift:
		return c.unless(c.name, c.d.SetImmutable(c.name, true))
	case mkdir:
		err := c.d.Rmdir(c.name)
		if err == unix.ENOTEMPTY || err == unix.EEXIST || err == unix.ENOTDIR { // someone else's by now
			return nil
		}
		return c.unless(c.name, err)
	case create:
		err := c.d.Remove(stagedName(c.name))
		if err == nil || c.unless(stagedName(c.name), err) != nil {
			return err
		}
		err = c.d.Remove(c.name) // it was renamed
		if err == unix.EISDIR {  // someone else's
			return nil
		}
		return c.unless(c.name, err)
	case replace:
		if err := c.unless(stagedName(c.name), c.d.Remove(stagedName(c.name))); err != nil {
			return err
		}
		if err := c.unless(oldName(c.name), c.d.Rename(oldName(c.name), c.name)); err != nil {
			return err
		}
		// If both were names of the same file, the rename has done nothing.
		return c.unless(oldName(c.name), c.d.Remove(oldName(c.name)))
	case remove:
		return c.unless(oldName(c.name), c.d.Rename(oldName(c.name), c.name))
	}
	return nil
}

// unless is err unless there is nothing of that name, and so nothing to undo: a read-only file system refuses to
// remove even what isn't there.
func (c change) unless(name string, err error) error {
	if err == nil || err == unix.ENOENT {
		return nil
	}
	if _, e := c.d.Stat(name); e == unix.ENOENT {
		return nil
	}
	return err
}

// opener keeps the directories open that it has opened.
type opener struct {
	root *rootfs.Root
	dirs map[string]*rootfs.Dir
}

// parent opens the directory of path; nil if there is none.
func (o *opener) parent(p string) (*rootfs.Dir, error) {
	dir := path.Dir(p)
	if d, ok := o.dirs[dir]; ok {
		return d, nil
	}
	d, err := o.root.OpenDir(dir)
	if errors.Is(err, unix.ENOENT) || errors.Is(err, unix.ENOTDIR) {
		d, err = nil, nil
	}
	if err != nil {
		return nil, err
	}
	if o.dirs == nil {
		o.dirs = map[string]*rootfs.Dir{}
	}
	o.dirs[dir] = d
	return d, nil
}

func (o *opener) all() []*rootfs.Dir {
	var out []*rootfs.Dir
	for _, d := range o.dirs {
		if d != nil {
			out = append(out, d)
		}
	}
	return out
}

func (o *opener) close() {
	for _, d := range o.all() {
		d.Close()
	}
}

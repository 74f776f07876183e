package apply

import (
	"fmt"
	"io/fs"
	"path"

	"golang.org/x/sys/unix"

	"github.com/bootconf/bootconf/internal/paths"
	"github.com/bootconf/bootconf/internal/rootfs"
)

// The names beside a file while a transaction is under way. They begin with a dot and don't end like the file, so
// that no program that reads a directory of configuration files takes one for its own.
const (
	stagedSuffix = ".bootconf~"
	oldSuffix    = ".bootconf-old~"
)

func stagedName(name string) string { return "." + name + stagedSuffix }
func oldName(name string) string    { return "." + name + oldSuffix }

// Stage writes all that is new beside what it will replace and has it on the disk. Owed is the units that are to be
// acted on once the files are in place: a run that goes on after a kill finds them with Owed. If nothing is to be
// changed, nothing is written. An error is of type *Error, and the transaction is over.
func (tx *Tx) Stage(owed []string) error {
	if len(tx.ops) == 0 && len(tx.rmdirs) == 0 && len(owed) == 0 || tx.kept != nil {
		return nil
	}
	// A second name from a lost journal would be taken for the old file by a recovery.
	for _, o := range tx.ops {
		if o.verb == create {
			continue
		}
		err := o.dir.d.Remove(oldName(o.name))
		if err == nil {
			err = o.dir.d.Sync()
		}
		if err != nil && err != unix.ENOENT {
			return tx.fail("write", o.path, err)
		}
	}
	if err := tx.begin(owed); err != nil {
		return tx.fail("write", path.Join(paths.Transaction, underWay), cause(err))
	}
	for _, l := range tx.lifts {
		if err := l.dir.SetImmutable(l.name, false); err != nil {
			return tx.fail("write", l.path, err)
		}
	}
	for _, d := range tx.dirs {
		if err := tx.make(d); err != nil {
			return tx.fail("make", d.path, err)
		}
	}
	for _, o := range tx.ops {
		if err := tx.stage(o); err != nil {
			if err == unix.EXDEV { // link(2) from what is mounted there
				err = errMountPoint
			}
			return tx.fail(o.does(), o.path, err)
		}
	}
	if failed, err := syncFileSystems(tx.handles()); err != nil {
		return tx.fail("sync", failed, err)
	}
	for _, o := range tx.ops {
		if o.staged == nil {
			continue
		}
		err := o.staged.Written()
		o.staged.Close()
		o.staged = nil
		if err != nil {
			return tx.fail("write", o.path, err)
		}
	}
	return nil
}

// begin writes the journal. Nothing else may be touched before it is on the disk.
func (tx *Tx) begin(owed []string) error {
	j := &journal{identity: tx.opts.Identity, userData: tx.opts.UserDataSHA256, owed: owed}
	for _, l := range tx.lifts {
		j.steps = append(j.steps, step{lift, l.path})
	}
	for _, d := range tx.dirs {
		if d.parent != nil {
			j.steps = append(j.steps, step{mkdir, d.path})
		}
	}
	for _, o := range tx.ops {
		j.steps = append(j.steps, step{o.verb, o.where()})
	}
	for _, p := range tx.rmdirs {
		j.steps = append(j.steps, step{rmdir, p})
	}
	// The state directory itself is usually there: the run lock is on it.
	d, missing, err := tx.root.OpenDeepest(paths.Transaction)
	if err != nil {
		return err
	}
	for _, name := range missing {
		mode := dirMode
		if p := path.Join(d.Path(), name); p == paths.State || p == paths.Transaction {
			mode = 0o700
		}
		sub, err := d.MakeDir(name, mode)
		d.Close()
		if err != nil {
			return err
		}
		d = sub
	}
	tx.store = d
	sync := d.Sync
	if missing != nil {
		sync = d.SyncFS // the directories that were made as well
	}
	return d.WriteFileAtomic(underWay, j.encode(), 0o600, sync)
}

// dirMode is that of the directories that are made for files.
const dirMode fs.FileMode = 0o755

// make makes a directory if it is missing.
func (tx *Tx) make(dir *directory) error {
	if dir.d != nil {
		return nil
	}
	d, err := dir.parent.d.MakeDir(dir.name, dirMode)
	if err != nil {
		return err
	}
	dir.d = d
	if tx.chown { // a parent that passes its group on
		return d.Chown(0, 0)
	}
	return nil
}

// stage writes the new file and gives the old one its second name.
func (tx *Tx) stage(o *op) error {
	if o.begun = o.verb == remove; o.begun {
		return nil
	}
	d := o.dir.d
	name := stagedName(o.name)
	f, err := d.Create(name)
	if err == unix.EEXIST { // from a lost journal
		if err = d.Remove(name); err == nil {
			f, err = d.Create(name)
		}
	}
	if err != nil {
		return err
	}
	o.staged, o.begun = f, true
	if tx.chown {
		if err := f.Chown(o.uid, o.gid); err != nil {
			return err
		}
	}
	if err := f.Chmod(o.file.Mode); err != nil { // after chown, which clears setuid
		return err
	}
	if o.label != nil {
		if err := f.SetLabel(o.label); err != nil {
			return err
		}
	}
	if err := f.WriteString(o.file.Content.Reveal()); err != nil {
		return err
	}
	if o.verb == replace {
		return d.Link(o.name, oldName(o.name))
	}
	return nil
}

// Commit puts every file in place and has that on the disk. An error is of type *Error, and the transaction is over.
func (tx *Tx) Commit() error {
	for _, o := range tx.ops {
		var err error
		if o.verb == remove {
			err = o.dir.d.Rename(o.name, oldName(o.name))
		} else {
			err = o.dir.d.Rename(stagedName(o.name), o.name)
		}
		if err != nil {
			return tx.fail(o.does(), o.path, err)
		}
	}
	if len(tx.ops) == 0 {
		return nil
	}
	// Renames alone can vanish when the power goes.
	if failed, err := syncFileSystems(tx.handles()); err != nil {
		return tx.fail("sync", failed, err)
	}
	return nil
}

// Finish says that the files are good. From here on they stay, as long as it is this instance with this user data.
// An error is of type *Error, and the transaction is over.
func (tx *Tx) Finish() error {
	if tx.store != nil {
		err := tx.store.Rename(underWay, applied)
		if err == nil {
			// The lock that is written next must not be on the disk before this.
			err = tx.store.Sync()
		}
		if err != nil {
			return tx.fail("write", path.Join(paths.Transaction, applied), err)
		}
	}
	tx.close()
	return nil
}

// Rollback puts the old tree back, also that from before a transaction of an earlier run that had got to Finish and
// that this plan agrees with. An error is of type *Error and dirty.
func (tx *Tx) Rollback() error {
	if tx.kept != nil {
		tx.kept = nil
		tx.close()
		return undoStored(tx.root)
	}
	if tx.store == nil {
		tx.close()
		return nil
	}
	return tx.undo()
}

// fail puts the old tree back after an error.
func (tx *Tx) fail(does, path string, err error) error {
	e := &Error{Op: does, Path: path, Err: err}
	if tx.store == nil {
		tx.close()
		return e
	}
	if undo := tx.undo(); undo != nil {
		e.Err, e.Dirty = fmt.Errorf("%w; %v", err, undo), true
	}
	return e
}

func (o *op) does() string {
	if o.verb == remove {
		return "remove"
	}
	return "write"
}

// handles is the open directories that hold files of the transaction.
func (tx *Tx) handles() []*rootfs.Dir {
	var out []*rootfs.Dir
	for _, d := range tx.dirs {
		if d.d != nil {
			out = append(out, d.d)
		}
	}
	return out
}

// syncFileSystems has everything in dirs on the disk, with one call per file system: a sync for each file and
// directory takes several times as long and five times the CPU. It returns the directory that it failed for.
func syncFileSystems(dirs []*rootfs.Dir) (failed string, err error) {
	var synced []uint64
next:
	for _, d := range dirs {
		dev, err := d.Device()
		if err != nil {
			return d.Path(), err
		}
		for _, s := range synced {
			if s == dev {
				continue next
			}
		}
		if err := d.SyncFS(); err != nil {
			return d.Path(), err
		}
		synced = append(synced, dev)
	}
	return "", nil
}

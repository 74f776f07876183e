// Package apply puts the files of a plan in place, all or none. A plan comes in; the tree as planned goes out, or the
// tree as it was, or, after a kill or a power cut, one that Recover makes whole before anything reads it. It never
// writes into a file that is in use, never leaves a mix of two plans, and never starts or stops anything.
//
// A transaction keeps its journal in /var/lib/bootconf/transaction. The journal is one file, written once, whose name
// is the state of the transaction; to go from one state to the next is one rename.
//
//	                    Begin: nothing is written
//	                      │
//	                      │ Stage: journal written and synced
//	                      ▼
//	 Rollback, Recover  journal ── the files are staged, synced, renamed into place (Commit), synced, checked
//	◀─── undone ────────  │
//	                      │ Finish
//	 Recover, for another ▼
//	◀─── undone ──────  applied ── the files are whole, the check has passed; units may be owed an action, the
//	   identity or user   │        lock isn't written
//	   data               │ Done, once the lock is written
//	                      ▼
//	                     done ──── the old files are deleted, then the journal; Recover goes on with it
//
// So what was interrupted before Finish is always undone and nothing is ever completed from a journal: the next run
// has the same user data and makes the same files again. What got to Finish stays if it is of the same instance and
// the same user data, and is undone otherwise.
//
// Undoing needs no more than what the journal names. Beside a file /etc/x that is to be written lie, in turn:
//
//	/etc/.x.bootconf~      the new file until it is renamed to /etc/x
//	/etc/.x.bootconf-old~  the old one, from before that rename until Done: a second name for the very same file
//
// To undo is, last file first: delete the new one; where the old one lies aside, rename it back; where there was
// none, delete the file. Each is right again if it is done a second time, so that a recovery can be killed as well.
// An old file gets its second name by link(2) and a rename replaces it in one moment, so that /etc/x is there
// throughout, and comes back with everything that belongs to it, other hard links included.
//
// A link in a file's place is replaced, not followed: what the plan names is what stands there afterwards. Links among
// the directories are followed within the root.
package apply

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"slices"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/bootconf/bootconf/internal/paths"
	"github.com/bootconf/bootconf/internal/plan"
	"github.com/bootconf/bootconf/internal/rootfs"
)

// Options says for whom the plan is and what it supersedes.
type Options struct {
	Identity       string // of the instance, any string that is another for another instance
	UserDataSHA256 string // of the user data that the plan was made from

	// What an earlier configuration of this disk wrote and made, as its lock has it: files that the plan doesn't have
	// are removed, directories that are empty then go at Done, and immutable flags on both are lifted.
	Files       []string
	Directories []string
}

// Action is what becomes of one file.
type Action string

// The actions.
const (
	Created   Action = "created"
	Replaced  Action = "replaced"
	Unchanged Action = "unchanged" // its bytes, owner and mode are as planned: not written
	Removed   Action = "removed"
)

// File is one file of the transaction.
type File struct {
	Service string // empty if it is removed
	Path    string // as the plan has it
	Action  Action
}

// Error says what could not be done. The old tree is in place again, unless the error is Dirty: then it is a mix of
// old and new, for Recover to put right.
type Error struct {
	Op    string // "write", "remove", "make", "sync", "put back"
	Path  string
	Err   error
	Dirty bool
	Image bool // the plan asks for what this image doesn't have or bootconf doesn't do; nothing was written
}

// refusal is an Error's cause that makes it one of the Image.
type refusal struct{ error }

func (e *Error) Error() string { return fmt.Sprintf("cannot %s %s: %v", e.Op, e.Path, e.Err) }

func (e *Error) Unwrap() error { return e.Err }

// Tx is a transaction: Begin, Stage, Commit, and then Finish or Rollback.
type Tx struct {
	root  *rootfs.Root
	opts  Options
	chown bool // set owners and groups, and compare them

	files   []File
	ops     []*op
	dirs    []*directory          // parents before children
	byPath  map[string]*directory // by their own paths
	byGiven map[string]*directory // by paths that led to them
	planned map[place]string      // the path of the plan's file there
	removed map[place]bool
	lifts   []lifted
	rmdirs  []string // in the order of their names
	made    []string
	store   *rootfs.Dir // where the journal is, nil as long as there is none
	kept    *journal    // an applied one, which this plan agrees with
	owed    []string
}

// directory is one that holds files of the transaction. It may have to be made.
type directory struct {
	path   string // within the root, free of links
	d      *rootfs.Dir
	parent *directory // of one that is missing
	name   string
}

type place struct {
	dir  *directory
	name string
}

// op is one file to be written or removed.
type op struct {
	verb verb
	place
	path     string // as the plan has it
	file     *plan.File
	uid, gid int
	label    []byte
	begun    bool
	staged   *rootfs.File
}

// lifted is an immutable flag to be taken off, of d itself where the name is empty.
type lifted struct {
	dir  *rootfs.Dir
	name string
	path string
}

func (p place) where() string { return path.Join(p.dir.path, p.name) }

// Begin compares the plan with the disk and writes nothing, unless a transaction was left over that has to be undone.
// An error that isn't from such a recovery is of type *Error: a file can't be put where the plan wants it. Ordinary
// users, who can't give files away, get them as their own in a root that isn't the real one.
func Begin(root *rootfs.Root, p *plan.Plan, o Options) (*Tx, error) {
	rec, err := Recover(root, o.Identity, o.UserDataSHA256)
	if err != nil {
		return nil, err
	}
	tx, err := compare(root, p, o)
	if err == nil && rec.Applied && len(tx.ops) > 0 {
		// The same user data, but other files: someone has changed one, or a fact of the instance has. The old
		// transaction holds what was there before bootconf, so it is undone rather than built upon.
		tx.close()
		if err := undoStored(root); err != nil {
			return nil, err
		}
		rec.journal = nil
		tx, err = compare(root, p, o)
	}
	if err != nil {
		return nil, err
	}
	tx.owed, tx.kept = rec.Owed, rec.journal
	tx.made = tx.directories()
	return tx, nil
}

func compare(root *rootfs.Root, p *plan.Plan, o Options) (*Tx, error) {
	tx := &Tx{
		root: root, opts: o, chown: root.Real() || os.Geteuid() == 0,
		byPath: map[string]*directory{}, byGiven: map[string]*directory{},
		planned: map[place]string{}, removed: map[place]bool{},
	}
	if err := tx.compare(p); err != nil {
		tx.close()
		return nil, err
	}
	return tx, nil
}

func (tx *Tx) compare(p *plan.Plan) error {
	buf := make([]byte, 32<<10)
	for i := range p.Files {
		f := &p.Files[i]
		action, err := tx.add(f, buf)
		if err != nil {
			var r refusal
			return &Error{Op: "write", Path: f.Path, Err: cause(err), Image: errors.As(err, &r)}
		}
		tx.files = append(tx.files, File{f.Service, f.Path, action})
	}
	for _, p := range tx.opts.Files {
		if err := tx.addRemoval(p); err != nil {
			return &Error{Op: "remove", Path: p, Err: cause(err)}
		}
	}
	for _, p := range tx.opts.Directories {
		if err := tx.addDirectory(p); err != nil {
			return &Error{Op: "remove", Path: p, Err: cause(err)}
		}
	}
	slices.Sort(tx.rmdirs)
	return nil
}

// cause leaves out the path, which the caller's message has.
func cause(err error) error {
	var p *fs.PathError
	if errors.As(err, &p) {
		return p.Err
	}
	return err
}

// add compares one file of the plan with the disk.
func (tx *Tx) add(f *plan.File, buf []byte) (Action, error) {
	at, err := tx.place(f.Path)
	if err != nil {
		return "", err
	}
	if other, ok := tx.planned[at]; ok {
		return "", refusal{fmt.Errorf("is the same file as %s", other)}
	}
	tx.planned[at] = f.Path
	o := &op{verb: create, place: at, path: f.Path, file: f}
	if o.uid, err = tx.root.UID(f.Owner); err != nil {
		return "", refusal{err}
	}
	if o.gid, err = tx.root.GID(f.Group); err != nil {
		return "", refusal{err}
	}
	if at.dir.d == nil {
		tx.ops = append(tx.ops, o)
		return Created, nil
	}
	info, err := at.dir.d.Stat(at.name)
	if err == unix.ENOENT {
		tx.ops = append(tx.ops, o)
		return Created, nil
	}
	if err != nil {
		return "", err
	}
	switch {
	case info.MountPoint():
		return "", errMountPoint
	case info.IsDir():
		return "", errors.New("is a directory")
	case info.Mode().Type() == fs.ModeSymlink:
	case !info.Mode().IsRegular():
		return "", errors.New("is neither a file nor a link")
	default:
		old, err := at.dir.d.Open(at.name)
		if err != nil {
			return "", err
		}
		defer old.Close()
		owned := !tx.chown || info.UID() == o.uid && info.GID() == o.gid
		if owned && info.Mode() == f.Mode && info.Size() == int64(f.Content.Len()) {
			same, err := sameContent(old, f.Content.Reveal(), buf)
			if err != nil {
				return "", err
			}
			if same {
				return Unchanged, nil
			}
		}
		if tx.chown {
			if o.label, err = old.Label(); err != nil {
				return "", err
			}
		}
	}
	o.verb = replace
	tx.ops = append(tx.ops, o)
	tx.lift(o, info)
	return Replaced, nil
}

var errMountPoint = errors.New("something is mounted on it, and a mount can't be replaced")

// sameContent reads f through buf and compares.
func sameContent(f *rootfs.File, content string, buf []byte) (bool, error) {
	for {
		n, err := f.Read(buf)
		if err != nil || n == 0 {
			return content == "", err
		}
		if n > len(content) || string(buf[:n]) != content[:n] {
			return false, nil
		}
		content = content[n:]
	}
}

// addRemoval has a file removed that an earlier configuration left, if it is still there.
func (tx *Tx) addRemoval(p string) error {
	dir, missing, err := tx.find(path.Dir(p))
	if errors.Is(err, unix.ENOTDIR) || missing != nil {
		return nil
	}
	if err != nil {
		return err
	}
	at := place{dir, path.Base(p)}
	if _, ok := tx.planned[at]; ok || tx.removed[at] {
		return nil
	}
	info, err := dir.d.Stat(at.name)
	switch {
	case err == unix.ENOENT:
		return nil
	case err != nil:
		return err
	case info.MountPoint():
		return errMountPoint
	case info.IsDir(): // no file of bootconf's any more
		return nil
	}
	o := &op{verb: remove, place: at, path: p}
	tx.removed[at] = true
	tx.ops = append(tx.ops, o)
	tx.files = append(tx.files, File{Path: p, Action: Removed})
	tx.lift(o, info)
	return nil
}

// addDirectory has a directory of an earlier configuration removed at the end, unless the plan needs it.
func (tx *Tx) addDirectory(p string) error {
	dir, missing, err := tx.find(p)
	if errors.Is(err, unix.ENOTDIR) || missing != nil {
		return nil
	}
	if err != nil {
		return err
	}
	info, err := dir.d.Self()
	if err != nil {
		return err
	}
	if info.Immutable() {
		tx.lifts = append(tx.lifts, lifted{dir.d, "", dir.path})
	}
	if !tx.needs(dir.path) {
		tx.rmdirs = append(tx.rmdirs, dir.path)
	}
	return nil
}

// needs tells whether a file of the plan is in or below the directory.
func (tx *Tx) needs(dir string) bool {
	for at := range tx.planned {
		if strings.HasPrefix(at.dir.path+"/", dir+"/") {
			return true
		}
	}
	return false
}

// lift has an immutable flag taken off that an earlier configuration put on. One that the image's author set stands.
func (tx *Tx) lift(o *op, info rootfs.Info) {
	if info.Immutable() && slices.Contains(tx.opts.Files, o.path) {
		tx.lifts = append(tx.lifts, lifted{o.dir.d, o.name, o.where()})
	}
}

// place finds where in the root path is.
func (tx *Tx) place(p string) (place, error) {
	dir, name := path.Split(p)
	if !path.IsAbs(p) || path.Clean(p) != p || name == "" {
		return place{}, errors.New("is not the absolute path of a file")
	}
	if len(oldName(name)) > 255 {
		return place{}, unix.ENAMETOOLONG
	}
	if strings.HasSuffix(name, stagedSuffix) || strings.HasSuffix(name, oldSuffix) {
		return place{}, errors.New("is a name that bootconf uses itself")
	}
	at, missing, err := tx.find(path.Clean(dir))
	if err != nil {
		return place{}, err
	}
	if err := refuse(path.Join(at.path, path.Join(missing...))); err != nil {
		return place{}, err
	}
	if tx.root.Real() {
		if err := refuseFileSystem(at); err != nil {
			return place{}, err
		}
	}
	for _, name := range missing {
		p := path.Join(at.path, name)
		sub := tx.byPath[p]
		if sub == nil {
			sub = &directory{path: p, parent: at, name: name}
			tx.byPath[p] = sub
			tx.dirs = append(tx.dirs, sub)
		}
		at = sub
	}
	return place{at, name}, nil
}

// find opens the directory p, or the deepest one above it that exists, and returns the names that are missing.
func (tx *Tx) find(p string) (*directory, []string, error) {
	if dir := tx.byGiven[p]; dir != nil {
		return dir, nil, nil
	}
	d, missing, err := tx.root.OpenDeepest(p)
	if err != nil {
		return nil, nil, err
	}
	dir := tx.byPath[d.Path()]
	if dir == nil {
		dir = &directory{path: d.Path(), d: d}
		tx.byPath[dir.path] = dir
		tx.dirs = append(tx.dirs, dir)
	} else {
		d.Close()
	}
	if missing == nil {
		tx.byGiven[p] = dir
	}
	return dir, missing, nil
}

// refuse says why no file may be put into the directory dir.
func refuse(dir string) error {
	if strings.HasPrefix(dir+"/", paths.State+"/") {
		return refusal{errors.New("is in bootconf's own directory")}
	}
	for _, base := range [...]string{"/etc", "/run", "/lib", "/usr/lib", "/usr/local/lib"} {
		rest, ok := strings.CutPrefix(dir, base+"/systemd/")
		if !ok {
			continue
		}
		switch first, _, _ := strings.Cut(rest, "/"); first {
		case "system", "system.control", "system.attached", "user", "user.control":
			return refusal{errors.New("is in a directory of systemd's units, which bootconf doesn't write: name a file that the unit reads")}
		}
	}
	return nil
}

// refuseFileSystem says why no file may be put on the file system of dir.
func refuseFileSystem(dir *directory) error {
	kind, err := dir.d.FileSystem()
	switch {
	case err != nil:
		return err
	case kind == rootfs.Memory:
		return refusal{errors.New("is on a file system in memory, and the file would be gone after a reboot")}
	case kind == rootfs.Kernel:
		return refusal{errors.New("is on a file system of the kernel's own")}
	}
	return nil
}

// Files is every file of the plan and every one to be removed, in that order, with what becomes of it.
func (tx *Tx) Files() []File { return tx.files }

// Owed is the units that an interrupted transaction still owed an action, of this user data or one that was undone.
func (tx *Tx) Owed() []string { return tx.owed }

// Directories is the directories that bootconf made for the files of the plan, those of an earlier configuration that
// serve on included.
func (tx *Tx) Directories() []string { return tx.made }

// directories finds what Directories returns.
func (tx *Tx) directories() []string {
	var out []string
	for _, d := range tx.dirs {
		if d.parent != nil {
			out = append(out, d.path)
		}
	}
	if tx.kept != nil {
		for _, s := range tx.kept.steps {
			if s.verb == mkdir {
				out = append(out, s.path)
			}
		}
	}
	for _, p := range tx.opts.Directories {
		if tx.needs(p) {
			out = append(out, p)
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// close closes what is open, and does nothing to the disk.
func (tx *Tx) close() {
	for _, o := range tx.ops {
		if o.staged != nil {
			o.staged.Close()
			o.staged = nil
		}
	}
	for _, d := range tx.dirs {
		if d.d != nil {
			d.d.Close()
		}
	}
	tx.dirs = nil
	if tx.store != nil {
		tx.store.Close()
		tx.store = nil
	}
}

// Package rootfs is a directory taken for "/": the instance's own root, or the DIR of --root. Paths come in as the
// root's own ("/etc/hosts") and are resolved within it, an absolute link meaning the root's top and ".." stopping
// there, so that nothing outside is ever opened, even if another process swaps a directory for a link meanwhile.
// It never follows a link to write a file, and it keeps nothing between calls but the root's own users and groups.
package rootfs

import (
	"errors"
	"io/fs"
	"os"
	"path"
	"slices"
	"sort"
	"strings"

	"golang.org/x/sys/unix"
)

// MaxFile is the size of the largest file that ReadFile reads.
const MaxFile = 4 << 20

// maxLinks and maxDepth bound a path: the kernel follows 40 links too, and each level holds a file descriptor open.
const (
	maxLinks = 40
	maxDepth = 255
)

// ErrTooLarge is the cause of an error when a file is larger than the caller reads.
var ErrTooLarge = errors.New("file too large")

var errNotRegular = errors.New("not a regular file")

// Root is a directory taken for "/". Paths given to its methods are absolute within it; one that isn't is taken
// from the top. Errors are of type *fs.PathError and name the path as it was given.
type Root struct {
	name  string
	fd    int
	slash bool // the root is the process's own, where the kernel resolves as this package would

	users, groups *string // the files as read, nil before

	hook func(call, path string) error
}

// Open takes the directory dir for "/".
func Open(dir string) (*Root, error) {
	fd, err := retryInt(func() (int, error) {
		return unix.Open(dir, flagDir|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	})
	if err != nil {
		return nil, &fs.PathError{Op: "open", Path: dir, Err: err}
	}
	return &Root{name: dir, fd: fd, slash: path.Clean(dir) == "/"}, nil
}

// Close releases the root. Directories opened below it stay open.
func (r *Root) Close() error { return unix.Close(r.fd) }

// Name is the directory as it was given to Open.
func (r *Root) Name() string { return r.name }

// Real tells whether the root is the process's own, and not the DIR of --root.
func (r *Root) Real() bool { return r.slash }

// ReadFile is the content of a regular file of at most MaxFile bytes.
func (r *Root) ReadFile(path string) ([]byte, error) { return r.ReadFileMax(path, MaxFile) }

// ReadFileMax is the content of a regular file, an error that is ErrTooLarge if it has more than limit bytes.
func (r *Root) ReadFileMax(path string, limit int) ([]byte, error) {
	// O_NONBLOCK: a FIFO in the file's place must not hold up the boot.
	fd, err := r.open(path, unix.O_RDONLY|unix.O_NONBLOCK|unix.O_NOCTTY)
	if err != nil {
		return nil, &fs.PathError{Op: "open", Path: path, Err: err}
	}
	defer unix.Close(fd)
	data, err := readAll(fd, limit)
	if err != nil {
		return nil, &fs.PathError{Op: "read", Path: path, Err: err}
	}
	return data, nil
}

func readAll(fd, limit int) ([]byte, error) {
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		return nil, err
	}
	switch st.Mode & unix.S_IFMT {
	case unix.S_IFREG:
	case unix.S_IFDIR:
		return nil, unix.EISDIR
	default:
		return nil, errNotRegular
	}
	if st.Size > int64(limit) {
		return nil, ErrTooLarge
	}
	// One byte more than the file has, so that the read that sees the end needs no larger buffer. Files of proc and
	// sysfs have no size to go by.
	buf := make([]byte, 0, max(int(st.Size)+1, 512))
	for {
		if len(buf) == cap(buf) {
			buf = slices.Grow(buf, len(buf))
		}
		n, err := retryInt(func() (int, error) { return unix.Read(fd, buf[len(buf):cap(buf)]) })
		if err != nil {
			return nil, err
		}
		if n == 0 {
			return buf, nil
		}
		if buf = buf[:len(buf)+n]; len(buf) > limit {
			return nil, ErrTooLarge
		}
	}
}

// ReadDir is the entries of a directory in the order of their names.
func (r *Root) ReadDir(path string) ([]fs.DirEntry, error) {
	fd, err := r.open(path, unix.O_RDONLY|unix.O_DIRECTORY)
	if err != nil {
		return nil, &fs.PathError{Op: "open", Path: path, Err: err}
	}
	f := os.NewFile(uintptr(fd), path)
	defer f.Close()
	entries, err := f.ReadDir(-1)
	if err != nil {
		return nil, err
	}
	sort.Slice(entries, func(i, j int) bool { return entries[i].Name() < entries[j].Name() })
	for i, e := range entries {
		entries[i] = dirEntry{e, r, path}
	}
	return entries, nil
}

// dirEntry asks the root for its Info: os.File would look the path up on the host.
type dirEntry struct {
	fs.DirEntry
	root *Root
	dir  string
}

func (e dirEntry) Info() (fs.FileInfo, error) { return e.root.Lstat(path.Join(e.dir, e.Name())) }

// Readlink is the target of a link, as it is written in it.
func (r *Root) Readlink(path string) (string, error) {
	w := r.walk()
	defer w.close()
	name, err := w.file(path, false)
	var target string
	if err == nil {
		target, err = readlinkat(w.top(), name)
	}
	if err != nil {
		return "", &fs.PathError{Op: "readlink", Path: path, Err: err}
	}
	return target, nil
}

// Stat describes what path leads to. The FileInfo is an Info.
func (r *Root) Stat(path string) (fs.FileInfo, error) { return r.stat("stat", path, true) }

// Lstat describes what is at path, which may be a link. The FileInfo is an Info.
func (r *Root) Lstat(path string) (fs.FileInfo, error) { return r.stat("lstat", path, false) }

func (r *Root) stat(op, path string, follow bool) (fs.FileInfo, error) {
	var st unix.Stat_t
	flags := unix.O_NOFOLLOW
	if follow {
		flags = 0
	}
	if fd, ok, err := openInRoot(r.fd, path, flagDir|flags); ok {
		if err == nil {
			defer unix.Close(fd)
			err = unix.Fstat(fd, &st)
		}
		if err != nil {
			return nil, &fs.PathError{Op: op, Path: path, Err: err}
		}
		return infoOf(base(path), &st), nil
	}
	w := r.walk()
	defer w.close()
	name, err := w.file(path, follow)
	if err == nil {
		err = unix.Fstatat(w.top(), name, &st, unix.AT_SYMLINK_NOFOLLOW)
	}
	if err != nil {
		return nil, &fs.PathError{Op: op, Path: path, Err: err}
	}
	return infoOf(base(path), &st), nil
}

// open opens what path leads to.
func (r *Root) open(path string, flags int) (int, error) {
	if r.slash {
		return retryInt(func() (int, error) { return unix.Open(top(path), flags|unix.O_CLOEXEC, 0) })
	}
	if fd, ok, err := openInRoot(r.fd, path, flags); ok {
		return fd, err
	}
	w := r.walk()
	defer w.close()
	name, err := w.file(path, true)
	if err != nil {
		return -1, err
	}
	return openat(w.top(), name, flags)
}

func top(path string) string {
	if strings.HasPrefix(path, "/") {
		return path
	}
	return "/" + path
}

// walker goes through a root one component at a time. It holds every directory on its way open, since ".." of a
// directory that was moved meanwhile may lie outside.
type walker struct {
	root    *Root
	fds     []int    // the directories, the root's top first
	names   []string // of all of them but the top
	links   int
	careful bool     // see link
	missing []string // where the path ends early: the rest of it
}

func (r *Root) walk() *walker { return &walker{root: r, fds: []int{r.fd}} }

func (w *walker) top() int { return w.fds[len(w.fds)-1] }

func (w *walker) path() string { return "/" + strings.Join(w.names, "/") }

func (w *walker) up(depth int) {
	for _, fd := range w.fds[1+depth:] {
		unix.Close(fd)
	}
	w.fds, w.names = w.fds[:1+depth], w.names[:depth]
}

func (w *walker) close() { w.up(0) }

// dir goes to the directory path. An absolute path begins at the root's top.
func (w *walker) dir(path string) error {
	if strings.HasPrefix(path, "/") {
		w.up(0)
	}
	for path != "" {
		var name string
		name, path, _ = strings.Cut(path, "/")
		switch {
		case name == "" || name == ".":
			continue
		case name == ".." && w.missing != nil:
			return unix.ENOENT
		case name == "..":
			w.up(max(len(w.names)-1, 0))
			continue
		case w.missing != nil: // below what isn't there
			w.missing = append(w.missing, name)
			continue
		case len(w.fds) > maxDepth:
			return unix.ENAMETOOLONG
		}
		fd, err := openat(w.top(), name, flagDir|unix.O_DIRECTORY)
		switch err {
		case nil:
			w.fds, w.names = append(w.fds, fd), append(w.names, name)
			continue
		case unix.ENOENT:
			w.missing = append(w.missing, name)
			continue
		case unix.ENOTDIR, unix.ELOOP: // a link, perhaps
		default:
			return err
		}
		target, lerr := readlinkat(w.top(), name)
		if lerr != nil {
			return unix.ENOTDIR
		}
		if err := w.link(name, target); err != nil {
			return err
		}
	}
	return nil
}

// link goes to the directory that the link name leads to. A careful walker doesn't let a user's link lead root to
// another's directory: it could be made to point anywhere once the image is running.
func (w *walker) link(name, target string) error {
	if w.links++; w.links > maxLinks {
		return unix.ELOOP
	}
	var l, d unix.Stat_t
	if w.careful {
		if err := unix.Fstatat(w.top(), name, &l, unix.AT_SYMLINK_NOFOLLOW); err != nil {
			return err
		}
	}
	if err := w.dir(target); err != nil {
		return err
	}
	if w.careful && l.Uid != 0 && int(l.Uid) != os.Geteuid() {
		if err := unix.Fstat(w.top(), &d); err != nil {
			return err
		}
		if d.Uid != l.Uid {
			return errUserLink
		}
	}
	return nil
}

var errUserLink = errors.New("a link on the way belongs to a user and leads to a directory of another")

// file goes to the directory that holds path and returns the name in there; "." if path is the directory itself.
// With follow, a link of that name is followed.
func (w *walker) file(p string, follow bool) (string, error) {
	p = top(p)
	for {
		dir, name := path.Split(strings.TrimRight(p, "/"))
		whole := name == "" || name == "." || name == ".."
		if whole {
			dir, name = p, "."
		}
		if err := w.dir(dir); err != nil {
			return "", err
		}
		if w.missing != nil {
			return "", unix.ENOENT
		}
		if whole || !follow {
			return name, nil
		}
		target, err := readlinkat(w.top(), name)
		if err != nil {
			return name, nil // no link, or not there, which opening it will tell
		}
		if w.links++; w.links > maxLinks {
			return "", unix.ELOOP
		}
		p = target
	}
}

// openat opens name in a directory, never following a link.
func openat(dir int, name string, flags int) (int, error) {
	return retryInt(func() (int, error) {
		return unix.Openat(dir, name, flags|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
	})
}

func readlinkat(dir int, name string) (string, error) {
	buf := make([]byte, 256)
	for {
		n, err := unix.Readlinkat(dir, name, buf)
		if err != nil {
			return "", err
		}
		if n < len(buf) {
			return string(buf[:n]), nil
		}
		buf = make([]byte, 2*len(buf))
	}
}

// retry and retryInt repeat a call that a signal broke off: the Go runtime sends itself some.
func retry(f func() error) error {
	for {
		if err := f(); err != unix.EINTR {
			return err
		}
	}
}

func retryInt(f func() (int, error)) (int, error) {
	for {
		if n, err := f(); err != unix.EINTR {
			return n, err
		}
	}
}

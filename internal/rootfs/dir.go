package rootfs

import (
	"io/fs"
	"path"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Dir is an open directory below a root. Its methods act on this very directory, whatever becomes of the path that
// led to it, and on the file of that name in it: they never follow a link. Errors are the kernel's own, so that a
// caller can say in one piece what could not be done.
type Dir struct {
	root *Root
	fd   int
	path string
}

// Hook has f called before each call that changes the file system, with the call's name and the path within the
// root. What f returns is returned in the call's place. It is how tests kill a run, or have a call fail.
func (r *Root) Hook(f func(call, path string) error) { r.hook = f }

// OpenDir opens the directory that path leads to.
func (r *Root) OpenDir(path string) (*Dir, error) {
	d, missing, err := r.OpenDeepest(path)
	if err == nil && missing != nil {
		d.Close()
		err = &fs.PathError{Op: "open", Path: path, Err: unix.ENOENT}
	}
	if err != nil {
		return nil, err
	}
	return d, nil
}

// OpenDeepest opens path as far as it exists, and returns the names of the directories that are missing below.
// In the real root it refuses a link that belongs to a user and leads to a directory of another.
func (r *Root) OpenDeepest(path string) (d *Dir, missing []string, err error) {
	w := r.walk()
	defer w.close()
	w.careful = r.slash
	err = w.dir(top(path))
	fd := -1
	if err == nil {
		fd, err = openat(w.top(), ".", unix.O_RDONLY|unix.O_DIRECTORY)
	}
	if err != nil {
		return nil, nil, &fs.PathError{Op: "open", Path: path, Err: err}
	}
	return &Dir{root: r, fd: fd, path: w.path()}, w.missing, nil
}

// MkdirAll makes the directory path and those above it that are missing, of mode mode whatever the umask, and syncs
// nothing.
func (r *Root) MkdirAll(path string, mode fs.FileMode) error {
	d, missing, err := r.OpenDeepest(path)
	if err != nil {
		return err
	}
	defer func() { d.Close() }()
	for _, name := range missing {
		sub, err := d.MakeDir(name, mode)
		if err != nil {
			return &fs.PathError{Op: "mkdir", Path: path, Err: err}
		}
		d.Close()
		d = sub
	}
	return nil
}

// Remove removes a file. It is no error if there is none.
func (r *Root) Remove(p string) error {
	d, err := r.OpenDir(path.Dir(top(p)))
	if err == nil {
		defer d.Close()
		err = d.Remove(path.Base(p))
	}
	if err != nil && !isNotExist(err) {
		return &fs.PathError{Op: "remove", Path: p, Err: cause(err)}
	}
	return nil
}

// WriteFileAtomic puts a file in place whole, or not at all, and has it on the disk when it returns. Its directory
// must exist. A link in the file's place is replaced.
func (r *Root) WriteFileAtomic(path string, data []byte, mode fs.FileMode) error {
	return r.writeFile(path, data, mode, true)
}

// WriteFileVolatile is WriteFileAtomic for /run: it syncs nothing and makes the directories that are missing, 0755.
func (r *Root) WriteFileVolatile(path string, data []byte, mode fs.FileMode) error {
	return r.writeFile(path, data, mode, false)
}

func (r *Root) writeFile(p string, data []byte, mode fs.FileMode, durable bool) error {
	dir := path.Dir(top(p))
	d, err := r.OpenDir(dir)
	if isNotExist(err) && !durable {
		if err = r.MkdirAll(dir, 0o755); err == nil {
			d, err = r.OpenDir(dir)
		}
	}
	if err == nil {
		defer d.Close()
		var sync func() error
		if durable {
			sync = d.Sync
		}
		err = d.WriteFileAtomic(path.Base(p), data, mode, sync)
	}
	if err != nil {
		return &fs.PathError{Op: "write", Path: p, Err: cause(err)}
	}
	return nil
}

func isNotExist(err error) bool { return cause(err) == unix.ENOENT }

// cause is what the kernel said.
func cause(err error) error {
	if e, ok := err.(*fs.PathError); ok {
		return e.Err
	}
	return err
}

// change asks the test's hook.
func (d *Dir) change(call, name string) error {
	if d.root.hook == nil {
		return nil
	}
	return d.root.hook(call, path.Join(d.path, name))
}

func (d *Dir) do(call, name string, f func() error) error {
	if err := d.change(call, name); err != nil {
		return err
	}
	return retry(f)
}

// Path is where the directory was when it was opened, within the root and free of links.
func (d *Dir) Path() string { return d.path }

// Close releases the directory.
func (d *Dir) Close() error { return unix.Close(d.fd) }

// OpenDir opens a directory in d.
func (d *Dir) OpenDir(name string) (*Dir, error) {
	fd, err := openat(d.fd, name, unix.O_RDONLY|unix.O_DIRECTORY)
	if err != nil {
		return nil, err
	}
	return &Dir{root: d.root, fd: fd, path: path.Join(d.path, name)}, nil
}

// Self describes d.
func (d *Dir) Self() (Info, error) { return statAt(d.fd, ".", path.Base(d.path)) }

// Stat describes a file in d.
func (d *Dir) Stat(name string) (Info, error) { return statAt(d.fd, name, name) }

// Device is the number of the file system that d is on.
func (d *Dir) Device() (uint64, error) {
	var st unix.Stat_t
	err := retry(func() error { return unix.Fstat(d.fd, &st) })
	return uint64(st.Dev), err
}

// FileSystem is what kind of file system d is on.
func (d *Dir) FileSystem() (FileSystem, error) { return fileSystem(d.fd) }

// FileSystem is a kind of file system.
type FileSystem uint8

// The kinds.
const (
	Disk   FileSystem = iota // any that keeps what is written
	Memory                   // tmpfs, ramfs, devtmpfs
	Kernel                   // proc, sysfs and the like
)

// Lock takes the lock that goes with the directory, which the kernel drops when the process ends. If another process
// has it, the error is EWOULDBLOCK.
func (d *Dir) Lock() error {
	return retry(func() error { return unix.Flock(d.fd, unix.LOCK_EX|unix.LOCK_NB) })
}

// MakeDir makes a directory in d, of mode mode whatever the umask, and opens it. One that is there is only opened.
func (d *Dir) MakeDir(name string, mode fs.FileMode) (*Dir, error) {
	err := d.do("mkdir", name, func() error { return unix.Mkdirat(d.fd, name, unixMode(mode)) })
	if err != nil && err != unix.EEXIST {
		return nil, err
	}
	made := err == nil
	sub, err := d.OpenDir(name)
	if err == nil && made {
		if err = sub.Chmod(mode); err != nil {
			sub.Close()
			return nil, err
		}
	}
	return sub, err
}

// Chmod sets the mode of d.
func (d *Dir) Chmod(mode fs.FileMode) error {
	return d.do("chmod", "", func() error { return unix.Fchmod(d.fd, unixMode(mode)) })
}

// Chown sets the owner and group of d.
func (d *Dir) Chown(uid, gid int) error {
	return d.do("chown", "", func() error { return unix.Fchown(d.fd, uid, gid) })
}

// Remove removes a file from d.
func (d *Dir) Remove(name string) error {
	return d.do("unlink", name, func() error { return unix.Unlinkat(d.fd, name, 0) })
}

// Rmdir removes an empty directory from d.
func (d *Dir) Rmdir(name string) error {
	return d.do("rmdir", name, func() error { return unix.Unlinkat(d.fd, name, unix.AT_REMOVEDIR) })
}

// Rename gives a file in d another name in d. A file of that name is replaced in the same moment.
func (d *Dir) Rename(from, to string) error {
	return d.do("rename", to, func() error { return unix.Renameat(d.fd, from, d.fd, to) })
}

// Link gives a file in d a second name in d.
func (d *Dir) Link(from, to string) error {
	return d.do("link", to, func() error { return unix.Linkat(d.fd, from, d.fd, to, 0) })
}

// Sync has the names in d on the disk.
func (d *Dir) Sync() error {
	return d.do("fsync", "", func() error { return unix.Fsync(d.fd) })
}

// SyncFS has all that was written to the file system of d on the disk.
func (d *Dir) SyncFS() error {
	return d.do("syncfs", "", func() error { return syncFS(d.fd) })
}

// SetImmutable sets or clears the immutable flag of a file in d, or with the empty name, of d itself.
func (d *Dir) SetImmutable(name string, on bool) error {
	fd := d.fd
	if name != "" {
		var err error
		if fd, err = openat(d.fd, name, unix.O_RDONLY|unix.O_NONBLOCK|unix.O_NOCTTY); err != nil {
			return err
		}
		defer unix.Close(fd)
	}
	is, set, err := immutable(fd)
	if err != nil || is == on {
		return err
	}
	return d.do("setflags", name, func() error { return set(on) })
}

// WriteFileAtomic puts a file into d whole, or not at all. The sync, one of d's, has the new name on the disk, since a
// rename alone can vanish when the power goes; with nil, nothing is synced.
func (d *Dir) WriteFileAtomic(name string, data []byte, mode fs.FileMode, sync func() error) error {
	temp := "." + name + "~"
	f, err := d.Create(temp)
	if err == unix.EEXIST { // from a run that was killed
		if err = d.Remove(temp); err == nil {
			f, err = d.Create(temp)
		}
	}
	if err != nil {
		return err
	}
	err = f.Chmod(mode)
	if err == nil {
		err = f.Write(data)
	}
	if err == nil && sync != nil {
		err = f.Sync()
	}
	f.Close()
	if err == nil {
		err = d.Rename(temp, name)
	}
	if err != nil {
		d.Remove(temp)
		return err
	}
	if sync != nil {
		return sync()
	}
	return nil
}

// File is an open file.
type File struct {
	dir  *Dir
	fd   int
	name string
}

// Open opens a file in d to be read.
func (d *Dir) Open(name string) (*File, error) {
	fd, err := openat(d.fd, name, unix.O_RDONLY|unix.O_NONBLOCK|unix.O_NOCTTY)
	if err != nil {
		return nil, err
	}
	return &File{d, fd, name}, nil
}

// Create makes a file in d, of mode 0600 and to be written. It is an error if there is something of that name.
func (d *Dir) Create(name string) (*File, error) {
	if err := d.change("create", name); err != nil {
		return nil, err
	}
	fd, err := retryInt(func() (int, error) {
		return unix.Openat(d.fd, name, unix.O_WRONLY|unix.O_CREAT|unix.O_EXCL|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0o600)
	})
	if err != nil {
		return nil, err
	}
	return &File{d, fd, name}, nil
}

// Close releases the file.
func (f *File) Close() error { return unix.Close(f.fd) }

// Read is as that of io.Reader, but the end of the file is 0 and no error.
func (f *File) Read(p []byte) (int, error) {
	return retryInt(func() (int, error) { return unix.Read(f.fd, p) })
}

// ReadAll is the content of a regular file, an error that is ErrTooLarge if it has more than limit bytes.
func (f *File) ReadAll(limit int) ([]byte, error) { return readAll(f.fd, limit) }

// Write writes all of p.
func (f *File) Write(p []byte) error {
	if err := f.dir.change("write", f.name); err != nil {
		return err
	}
	for len(p) > 0 {
		n, err := retryInt(func() (int, error) { return unix.Write(f.fd, p) })
		if err != nil {
			return err
		}
		p = p[n:]
	}
	return nil
}

// WriteString is Write without a copy of s.
func (f *File) WriteString(s string) error {
	return f.Write(unsafe.Slice(unsafe.StringData(s), len(s)))
}

// Chown sets the owner and group.
func (f *File) Chown(uid, gid int) error {
	return f.dir.do("chown", f.name, func() error { return unix.Fchown(f.fd, uid, gid) })
}

// Chmod sets the mode.
func (f *File) Chmod(mode fs.FileMode) error {
	return f.dir.do("chmod", f.name, func() error { return unix.Fchmod(f.fd, unixMode(mode)) })
}

// Sync has the file's content on the disk.
func (f *File) Sync() error {
	return f.dir.do("fsync", f.name, func() error { return unix.Fsync(f.fd) })
}

// Written waits for what is on its way to the disk and returns the error that occurred on the way, without having
// the disk empty its cache: before Linux 5.8, SyncFS keeps such an error to itself.
func (f *File) Written() error {
	return f.dir.do("sync_file_range", f.name, func() error { return written(f.fd) })
}

const selinux = "security.selinux"

// Label is the file's SELinux label, empty if it has none.
func (f *File) Label() ([]byte, error) {
	buf := make([]byte, 256)
	n, err := unix.Fgetxattr(f.fd, selinux, buf)
	if err == unix.ERANGE {
		buf = make([]byte, 1<<16)
		n, err = unix.Fgetxattr(f.fd, selinux, buf)
	}
	switch {
	case err == nil:
		return buf[:n], nil
	case err == noAttribute || err == unix.EOPNOTSUPP:
		return nil, nil
	}
	return nil, err
}

// SetLabel sets the file's SELinux label.
func (f *File) SetLabel(label []byte) error {
	return f.dir.do("setxattr", f.name, func() error { return unix.Fsetxattr(f.fd, selinux, label, 0) })
}

package rootfs

import (
	"io/fs"
	"path"
	"time"

	"golang.org/x/sys/unix"
)

// Info describes a file, as fs.FileInfo and beyond.
type Info struct {
	name      string
	mode      fs.FileMode
	size      int64
	mtime     time.Time
	uid, gid  int
	immutable bool
	mount     bool
}

func (i Info) Name() string       { return i.name }
func (i Info) Size() int64        { return i.size }
func (i Info) Mode() fs.FileMode  { return i.mode }
func (i Info) ModTime() time.Time { return i.mtime }
func (i Info) IsDir() bool        { return i.mode.IsDir() }
func (i Info) Sys() any           { return nil }

// UID is the number of the file's owner.
func (i Info) UID() int { return i.uid }

// GID is the number of the file's group.
func (i Info) GID() int { return i.gid }

// Immutable tells whether the file carries the immutable flag. Only Dir.Stat and Dir.Self look for it.
func (i Info) Immutable() bool { return i.immutable }

// MountPoint tells whether something is mounted on the file. Only Dir.Stat looks for it, and a kernel before 5.8
// doesn't say.
func (i Info) MountPoint() bool { return i.mount }

func infoOf(name string, st *unix.Stat_t) Info {
	return Info{
		name: name, mode: fileMode(uint32(st.Mode)), size: st.Size,
		mtime: time.Unix(st.Mtim.Unix()), uid: int(st.Uid), gid: int(st.Gid),
	}
}

func base(p string) string { return path.Base(top(p)) }

// fileMode is the kernel's mode as package fs writes it.
func fileMode(m uint32) fs.FileMode {
	mode := fs.FileMode(m & 0o777)
	switch m & unix.S_IFMT {
	case unix.S_IFDIR:
		mode |= fs.ModeDir
	case unix.S_IFLNK:
		mode |= fs.ModeSymlink
	case unix.S_IFIFO:
		mode |= fs.ModeNamedPipe
	case unix.S_IFSOCK:
		mode |= fs.ModeSocket
	case unix.S_IFCHR:
		mode |= fs.ModeDevice | fs.ModeCharDevice
	case unix.S_IFBLK:
		mode |= fs.ModeDevice
	}
	if m&unix.S_ISUID != 0 {
		mode |= fs.ModeSetuid
	}
	if m&unix.S_ISGID != 0 {
		mode |= fs.ModeSetgid
	}
	if m&unix.S_ISVTX != 0 {
		mode |= fs.ModeSticky
	}
	return mode
}

// unixMode is the permission bits of m, setuid, setgid and sticky included, as the kernel writes them.
func unixMode(m fs.FileMode) uint32 {
	mode := uint32(m.Perm())
	if m&fs.ModeSetuid != 0 {
		mode |= unix.S_ISUID
	}
	if m&fs.ModeSetgid != 0 {
		mode |= unix.S_ISGID
	}
	if m&fs.ModeSticky != 0 {
		mode |= unix.S_ISVTX
	}
	return mode
}

package rootfs

import (
	"time"

	"golang.org/x/sys/unix"
)

// flagDir opens a directory to go through it. O_PATH asks for no permission to read: one that may only be searched
// can be gone through.
const flagDir = unix.O_PATH

const noAttribute = unix.ENODATA

// statAt describes the file of that name in the directory dir.
func statAt(dir int, name, as string) (Info, error) {
	var x unix.Statx_t
	err := retry(func() error {
		return unix.Statx(dir, name, unix.AT_SYMLINK_NOFOLLOW, unix.STATX_BASIC_STATS, &x)
	})
	if err == unix.ENOSYS || err == unix.EPERM { // before Linux 4.11, or a container's filter that is older
		var st unix.Stat_t
		err := retry(func() error { return unix.Fstatat(dir, name, &st, unix.AT_SYMLINK_NOFOLLOW) })
		return infoOf(as, &st), err
	}
	return Info{
		name: as, mode: fileMode(uint32(x.Mode)), size: int64(x.Size),
		mtime: time.Unix(x.Mtime.Sec, int64(x.Mtime.Nsec)), uid: int(x.Uid), gid: int(x.Gid),
		immutable: x.Attributes&unix.STATX_ATTR_IMMUTABLE != 0,
		mount:     x.Attributes&unix.STATX_ATTR_MOUNT_ROOT != 0,
	}, err
}

// openInRoot has the kernel resolve path within the directory root, as the walker does and in one call (openat2(2),
// since Linux 5.6). Ok is false where it can't, or something was moved meanwhile: then the walker is to try.
func openInRoot(root int, path string, flags int) (fd int, ok bool, err error) {
	how := unix.OpenHow{Flags: uint64(flags | unix.O_CLOEXEC), Resolve: unix.RESOLVE_IN_ROOT | unix.RESOLVE_NO_MAGICLINKS}
	fd, err = retryInt(func() (int, error) { return unix.Openat2(root, top(path), &how) })
	switch err {
	case unix.ENOSYS, unix.EPERM, unix.EAGAIN, unix.EXDEV: // the first two also by a container's filter
		return -1, false, err
	}
	return fd, true, err
}

// The magic numbers that package unix doesn't have.
const (
	configfsMagic = 0x62656570
	mqueueMagic   = 0x19800202
)

func fileSystem(fd int) (FileSystem, error) {
	var st unix.Statfs_t
	if err := retry(func() error { return unix.Fstatfs(fd, &st) }); err != nil {
		return Disk, err
	}
	switch st.Type {
	case unix.TMPFS_MAGIC, unix.RAMFS_MAGIC: // devtmpfs is one of them too
		return Memory, nil
	case unix.PROC_SUPER_MAGIC, unix.SYSFS_MAGIC, unix.DEVPTS_SUPER_MAGIC, unix.CGROUP_SUPER_MAGIC,
		unix.CGROUP2_SUPER_MAGIC, unix.DEBUGFS_MAGIC, unix.TRACEFS_MAGIC, unix.SECURITYFS_MAGIC, unix.SELINUX_MAGIC,
		unix.EFIVARFS_MAGIC, unix.BPF_FS_MAGIC, unix.PSTOREFS_MAGIC, unix.HUGETLBFS_MAGIC, configfsMagic, mqueueMagic:
		return Kernel, nil
	}
	return Disk, nil
}

func syncFS(fd int) error { return unix.Syncfs(fd) }

func written(fd int) error { return unix.SyncFileRange(fd, 0, 0, unix.SYNC_FILE_RANGE_WAIT_BEFORE) }

// immutable tells whether an open file carries the immutable flag, and gives the way to change that.
func immutable(fd int) (is bool, set func(on bool) error, err error) {
	const flag = 0x10 // FS_IMMUTABLE_FL
	flags, err := unix.IoctlGetUint32(fd, unix.FS_IOC_GETFLAGS)
	return flags&flag != 0, func(on bool) error {
		flags &^= flag
		if on {
			flags |= flag
		}
		return unix.IoctlSetPointerInt(fd, unix.FS_IOC_SETFLAGS, int(flags))
	}, err
}

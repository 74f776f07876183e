//go:build !linux

package rootfs

import (
	"errors"

	"golang.org/x/sys/unix"
)

// Elsewhere the operators' commands run, which only read. Writing is there for the tests of those who work there.

const flagDir = unix.O_RDONLY

const noAttribute = unix.ENOATTR

func statAt(dir int, name, as string) (Info, error) {
	var st unix.Stat_t
	err := retry(func() error { return unix.Fstatat(dir, name, &st, unix.AT_SYMLINK_NOFOLLOW) })
	return infoOf(as, &st), err
}

func fileSystem(int) (FileSystem, error) { return Disk, nil }

func syncFS(fd int) error { return unix.Fsync(fd) }

func written(fd int) error { return unix.Fsync(fd) }

func immutable(int) (is bool, set func(on bool) error, err error) {
	return false, nil, errors.ErrUnsupported
}

func openInRoot(int, string, int) (fd int, ok bool, err error) { return -1, false, unix.ENOSYS }

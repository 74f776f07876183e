package cli

import (
	"os"
	"syscall"
)

// noctty keeps the console from becoming this process's terminal.
const noctty = syscall.O_NOCTTY

// tcsbrk with an argument that isn't 0 is tcdrain(3) (ioctl_tty(2)).
const tcsbrk = 0x5409

// drain waits until what was written to a terminal has been sent.
func drain(f *os.File) {
	_, _, _ = syscall.Syscall(syscall.SYS_IOCTL, f.Fd(), tcsbrk, 1)
}

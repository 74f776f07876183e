//go:build !linux

package boot

import (
	"context"
	"errors"
	"time"

	"github.com/bootconf/bootconf/internal/result"
	"github.com/bootconf/bootconf/internal/rootfs"
)

// Run is for instances, and those run Linux. The commands that only look work everywhere.
func Run(context.Context, Config) (*result.Result, error) {
	return result.New(time.Now().UTC()), errors.New("cannot configure this machine: it doesn't run Linux")
}

// QuietConsole is for instances, too.
func QuietConsole() {}

// LockedSince is for instances, too.
func LockedSince(*rootfs.Root) string { return "" }

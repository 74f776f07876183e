// Package boot is a run of bootconf: it puts the stages into their sequence and says how it ended. It reads no
// document, writes no configuration and knows no service manager itself; the stages do, and none of them knows
// another.
package boot

import (
	"context"
	"os"
	"time"

	"github.com/bootconf/bootconf/internal/identity"
	"github.com/bootconf/bootconf/internal/image"
	"github.com/bootconf/bootconf/internal/journal"
	"github.com/bootconf/bootconf/internal/rootfs"
	"github.com/bootconf/bootconf/internal/source"
)

// Config is what a run is given.
type Config struct {
	Root    *rootfs.Root
	Source  string        // instead of the policy's; "" for that
	Timeout time.Duration // instead of the policy's; 0 for that
	Log     *journal.Log
}

// real tells whether the run is for the instance itself, and not below a directory of --root: only then are there
// units, checks, an identity and a console.
func (c Config) real() bool { return c.Root.Real() }

// deadline is how long all of fetching may take.
func (c Config) deadline(policy image.Policy) time.Duration {
	if c.Timeout > 0 {
		return c.Timeout
	}
	return policy.Timeout
}

// open is the source that the flags or else the policy name.
func (c Config) open(policy image.Policy) (source.Source, error) {
	name := c.Source
	if name == "" {
		name = policy.Source
	}
	options := source.Options{
		Files:  c.Root,
		Getenv: os.Getenv,
		Log:    func(line string) { c.Log.Print(journal.Info, line, journal.Fields{"BOOTCONF_STAGE": "fetch"}) },
	}
	if c.real() {
		options.Detect = func() (string, string) { return identity.Detect("/") }
	}
	return source.Open(name, options)
}

// Fetch is the user data of this instance, for the commands that only look.
func Fetch(ctx context.Context, c Config, img *image.Image) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, c.deadline(img.Policy))
	defer cancel()
	from, err := c.open(img.Policy)
	if err != nil {
		return nil, err
	}
	return from.UserData(ctx)
}

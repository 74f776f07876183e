//go:build !linux

package cli

import "os"

const noctty = 0

func drain(*os.File) {}

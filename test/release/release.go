// Package release makes the binary as it is released, for the tests that run it: with the flags of the Makefile, or
// the one that BOOTCONF_BINARY names.
package release

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
)

// Build returns the path of the binary, which it puts into dir unless there is one already. Top is the project's
// top directory.
func Build(top, dir string) (string, error) {
	if given := os.Getenv("BOOTCONF_BINARY"); given != "" {
		return filepath.Abs(given)
	}
	binary := filepath.Join(dir, "bootconf")
	out, err := exec.Command("make", "-C", top, "build", "OUT="+binary).CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("cannot build bootconf: %w\n%s", err, out)
	}
	return binary, nil
}

// Command bootconf configures an instance from its user data at first boot.
package main

import (
	"os"

	"github.com/bootconf/bootconf/internal/cli"
)

func main() {
	os.Exit(cli.Main(os.Args, os.Stdin, os.Stdout, os.Stderr))
}

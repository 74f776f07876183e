// Package cli is the command line: it reads flags, calls what does the work and prints what came of it. Results go
// to standard output, diagnostics to standard error. It decides nothing that a run decides.
package cli

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"strings"

	"github.com/spf13/pflag"

	"github.com/bootconf/bootconf/internal/boot"
	"github.com/bootconf/bootconf/internal/finding"
	"github.com/bootconf/bootconf/internal/generator"
)

// env is what a command works with.
type env struct {
	stdin          io.Reader
	stdout, stderr io.Writer
	flags          flags
	args           []string // those that are no flags
}

// flags holds every flag; a command defines those it takes.
type flags struct {
	root    string
	image   string
	output  string
	color   string
	source  string
	timeout string
	wait    bool
}

// command is one of bootconf's commands. Run returns nil, or an error for boot.ExitCode and fail.
type command struct {
	name  string
	args  string // as the usage shows them
	most  int    // how many arguments it takes
	short string
	long  string
	takes string // the names of its flags, blank-separated
	run   func(*env) error
}

// usageError is a command line that can't be taken: exit 2.
type usageError struct {
	message string
	command string
}

func (e *usageError) Error() string { return e.message }

// statusError ends a command with an exit status and nothing more to say.
type statusError int

func (e statusError) Error() string { return fmt.Sprintf("exit status %d", int(e)) }

// Main runs the command that args name, args[0] being the program, and returns the exit status. Under the name
// bootconf-generator the program is systemd's generator.
func Main(args []string, stdin io.Reader, stdout, stderr io.Writer) (status int) {
	defer func() {
		if fault := recover(); fault != nil {
			status = boot.ExitFault
			tellFault(stderr, fault)
		}
	}()
	if len(args) > 0 && filepath.Base(args[0]) == "bootconf-generator" {
		return generator.Main(args[1:])
	}
	e := &env{stdin: stdin, stdout: stdout, stderr: stderr, flags: flags{root: "/", output: "text", color: "auto"}}
	if len(args) < 2 {
		usage(stderr)
		return boot.ExitUsage
	}
	err := e.dispatch(args[1], args[2:])
	if err == nil {
		return boot.ExitOK
	}
	return e.fail(err)
}

// tellFault reports a panic by its type and its place. Its text is left out, unless the runtime wrote it: it may quote
// what was being worked on.
func tellFault(stderr io.Writer, fault any) {
	what := fmt.Sprintf("%T", fault)
	if e, ok := fault.(runtime.Error); ok {
		what = e.Error()
	}
	fmt.Fprintf(stderr, "error: a fault in bootconf: %s\n%s", what, debug.Stack())
}

func (e *env) dispatch(name string, args []string) error {
	switch name {
	case "help", "-h", "--help":
		return e.help(args)
	case "--version":
		name = "version"
	}
	c := lookup(name)
	if c == nil {
		message := fmt.Sprintf("unknown command %q", name)
		if near := finding.Nearest(name, names()); near != "" {
			message += fmt.Sprintf("; did you mean %q?", near)
		}
		return &usageError{message: message}
	}
	set := c.flagSet(&e.flags)
	if err := set.Parse(args); errors.Is(err, pflag.ErrHelp) {
		c.help(e.stdout)
		return nil
	} else if err != nil {
		return &usageError{err.Error(), c.name}
	}
	var empty string
	set.Visit(func(f *pflag.Flag) {
		if f.Value.String() == "" { // as of an unset variable: "" is no directory, and least of all the instance's own
			empty = f.Name
		}
	})
	if empty != "" {
		return &usageError{fmt.Sprintf("--%s must not be empty", empty), c.name}
	}
	e.args = set.Args()
	if len(e.args) > c.most {
		return &usageError{fmt.Sprintf("unexpected argument %q", e.args[c.most]), c.name}
	}
	if e.flags.output != "text" && e.flags.output != "json" {
		return &usageError{fmt.Sprintf("--output must be text or json, not %q", e.flags.output), c.name}
	}
	if f := e.flags.color; f != "auto" && f != "always" && f != "never" {
		return &usageError{fmt.Sprintf("--color must be auto, always or never, not %q", f), c.name}
	}
	return c.run(e)
}

// flagSet is the command's flags, bound to f.
func (c *command) flagSet(f *flags) *pflag.FlagSet {
	set := pflag.NewFlagSet(c.name, pflag.ContinueOnError)
	set.SetOutput(io.Discard)
	set.SortFlags = false
	for _, name := range strings.Fields(c.takes) {
		switch name {
		case "root":
			set.StringVar(&f.root, "root", "/", "work below `DIR`; units, checks and lockout are left alone")
		case "image":
			set.StringVar(&f.image, "image", "", "the image to check against: a bundle `FILE`, or the root DIR of one")
		case "source":
			set.StringVar(&f.source, "source", "", "take the user data from `SOURCE` (ec2, file:PATH, auto) instead of the policy's")
		case "timeout":
			set.StringVar(&f.timeout, "timeout", "", "wait at most `DURATION` for it instead of the policy's")
		case "wait":
			set.BoolVar(&f.wait, "wait", false, "wait until the run has ended")
		}
	}
	set.StringVarP(&f.output, "output", "o", "text", "`FORMAT` of the output: text or json")
	set.StringVar(&f.color, "color", "auto", "`WHEN` to use colour: auto, always or never")
	return set
}

// fail prints what err has to say and returns the exit status for it.
func (e *env) fail(err error) int {
	var status statusError
	if errors.As(err, &status) {
		return int(status)
	}
	var use *usageError
	if errors.As(err, &use) {
		e.error(use.message)
		e.hint(strings.TrimSpace("bootconf help "+use.command) + " lists what there is")
		return boot.ExitUsage
	}
	var list finding.List
	if errors.As(err, &list) {
		e.findings(list)
	}
	e.error(err.Error())
	if hint := boot.Hint(err); hint != "" {
		e.hint(hint)
	}
	return boot.ExitCode(err)
}

func (e *env) findings(list finding.List) {
	for _, f := range list {
		fmt.Fprintln(e.stderr, f)
	}
}

func (e *env) error(message string) {
	fmt.Fprintf(e.stderr, "%s %s\n", e.paint(e.stderr, red, "error:"), message)
}

func (e *env) hint(message string) {
	fmt.Fprintf(e.stderr, "%s %s\n", e.paint(e.stderr, bold, "hint:"), message)
}

// The SGR parameters of ECMA-48 for what is painted.
const (
	bold  = "1"
	red   = "31"
	green = "32"
)

// paint puts text in colour where w is to have it.
func (e *env) paint(w io.Writer, sgr, text string) string {
	on := e.flags.color == "always"
	if e.flags.color == "auto" && os.Getenv("NO_COLOR") == "" && os.Getenv("TERM") != "dumb" {
		if f, ok := w.(*os.File); ok {
			info, err := f.Stat()
			on = err == nil && info.Mode()&os.ModeCharDevice != 0
		}
	}
	if !on {
		return text
	}
	return "\x1b[" + sgr + "m" + text + "\x1b[0m"
}

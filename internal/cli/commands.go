package cli

import (
	"fmt"
	"io"
	"unicode/utf8"

	"github.com/spf13/pflag"

	"github.com/bootconf/bootconf/internal/document"
	"github.com/bootconf/bootconf/internal/version"
)

// commands is every command in the order of the usage. It is a function so that start-up builds nothing.
func commands() []*command {
	return []*command{
		{name: "run", short: "configure this instance from its user data, once", takes: "root source timeout", run: (*env).run,
			long: `Fetches the user data, checks it, writes the configuration, has the units start with it, and locks the
instance. On a locked instance it says when it was configured and does nothing. It is what bootconf.service calls.`},
		{name: "validate", args: "[FILE|-]", most: 1, short: "check user data with the code of run", takes: "root image source timeout", run: (*env).validate,
			long: `Checks the user data in FILE, on standard input (-), or of this instance, against the definitions of an image. Every
fault is one line on standard error.`},
		{name: "plan", args: "[FILE|-]", most: 1, short: "show what run would write and restart", takes: "root image source timeout", run: (*env).plan,
			long: `Shows each file that run would write as a diff against the disk, and each unit. Secrets are masked, facts of the
instance stand as <instance.id>.`},
		{name: "schema", short: "print the JSON Schema of this image's user data", takes: "root image", run: (*env).schema,
			long: `Prints one self-contained JSON Schema (2020-12) for the user data of an image, for editors and pipelines.`},
		{name: "bundle", short: "print the image's definitions and policy as one file", takes: "root", run: (*env).bundle,
			long: `Prints all definitions and the policy of an image as one file, to keep beside the image's id: with --image it
serves validate, plan and schema where the image itself is not at hand.`},
		{name: "status", short: "print the result of this boot's run, and exit with its status", takes: "root wait", run: (*env).status,
			long: `Prints the result of this boot's run and exits with the run's exit status, or 3 while there is none.`},
		{name: "version", short: "print the version", run: (*env).version,
			long: `Prints version, commit, date and Go version of this build.`},
	}
}

func lookup(name string) *command {
	for _, c := range commands() {
		if c.name == name {
			return c
		}
	}
	return nil
}

func names() []string {
	out := []string{"help"}
	for _, c := range commands() {
		out = append(out, c.name)
	}
	return out
}

func usage(w io.Writer) {
	fmt.Fprint(w, `bootconf configures an instance from its user data at first boot, and locks itself out

usage: bootconf COMMAND [flags]

`)
	var rows [][2]string
	for _, c := range commands() {
		rows = append(rows, [2]string{c.name, c.short})
	}
	table(w, "    ", rows)
	fmt.Fprint(w, "\nbootconf help COMMAND tells more of one\n")
}

func (e *env) help(args []string) error {
	if len(args) == 0 {
		usage(e.stdout)
		return nil
	}
	c := lookup(args[0])
	if c == nil {
		return &usageError{message: fmt.Sprintf("unknown command %q", args[0])}
	}
	c.help(e.stdout)
	return nil
}

func (c *command) help(w io.Writer) {
	fmt.Fprintf(w, "usage: bootconf %s", c.name)
	if c.args != "" {
		fmt.Fprintf(w, " %s", c.args)
	}
	fmt.Fprintf(w, " [flags]\n\n%s\n\nflags:\n", c.long)
	var rows [][2]string
	c.flagSet(&flags{}).VisitAll(func(f *pflag.Flag) {
		name := "--" + f.Name
		if f.Shorthand != "" {
			name = "-" + f.Shorthand + ", " + name
		}
		value, what := pflag.UnquoteUsage(f)
		if value != "" {
			name += " " + value
		}
		rows = append(rows, [2]string{name, what})
	})
	table(w, "    ", rows)
}

// table prints two columns.
func table(w io.Writer, indent string, rows [][2]string) {
	width := 0
	for _, row := range rows {
		width = max(width, utf8.RuneCountInString(row[0]))
	}
	for _, row := range rows {
		fmt.Fprintf(w, "%s%-*s  %s\n", indent, width, row[0], row[1])
	}
}

func (e *env) version() error {
	v := version.Get()
	if e.flags.output == "json" {
		n := document.NewObject()
		n.SetString("version", v.Version)
		n.SetString("commit", v.Commit)
		n.SetString("date", v.Date)
		n.SetString("go", v.Go)
		n.SetString("platform", v.Platform)
		return e.json(n)
	}
	fmt.Fprintf(e.stdout, "bootconf %s\ncommit   %s\nbuilt    %s\ngo       %s %s\n", v.Version, v.Commit, v.Date, v.Go, v.Platform)
	return nil
}

package cli

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/bootconf/bootconf/internal/boot"
	"github.com/bootconf/bootconf/internal/result"
)

func (e *env) status() error {
	root, err := openRoot(e.flags.root)
	if err != nil {
		return err
	}
	r, err := boot.Status(root)
	if e.flags.wait {
		r, err = boot.Wait(context.Background(), root)
	}
	if err != nil {
		return err
	}
	if e.flags.output == "json" && r != nil {
		if err := e.json(r.Document()); err != nil {
			return err
		}
	} else if r != nil {
		e.screen(r)
	}
	switch {
	case r == nil:
		e.error("there is no result yet: bootconf has not run in this boot")
		return statusError(boot.ExitNoResult)
	case !r.Final():
		return statusError(boot.ExitNoResult)
	case r.Exit != 0:
		return statusError(r.Exit)
	}
	return nil
}

// screen prints the result in one screen.
func (e *env) screen(r *result.Result) {
	status := e.paint(e.stdout, green, r.Status)
	if r.Status == result.Failed {
		status = e.paint(e.stdout, red, fmt.Sprintf("%s (exit %d)", r.Status, r.Exit))
	}
	fmt.Fprintln(e.stdout, status)
	var rows [][2]string
	row := func(name, value string) {
		if value != "" {
			rows = append(rows, [2]string{name, value})
		}
	}
	at := func(when time.Time) string {
		if when.IsZero() {
			return ""
		}
		return when.Format(time.RFC3339)
	}
	row("instance", r.InstanceID)
	row("source", r.Source)
	row("configured", at(r.Configured))
	row("started", at(r.Started))
	if r.Final() {
		row("took", fmt.Sprintf("%d ms", r.DurationMS))
	}
	var services []string
	for _, s := range r.Services {
		if s.Configured {
			services = append(services, s.Name)
		}
	}
	row("services", strings.Join(services, ", "))
	table(e.stdout, "  ", rows)
	for _, f := range r.Files {
		fmt.Fprintf(e.stdout, "    %-9s %s\n", f.Action, f.Path)
	}
	for _, u := range r.Units {
		fmt.Fprintf(e.stdout, "    %s\n", unitLine(u))
	}
	for _, f := range r.Warnings {
		fmt.Fprintf(e.stdout, "  %s\n", f)
	}
	if r.Error != nil {
		for _, f := range r.Error.Findings {
			fmt.Fprintf(e.stdout, "  %s\n", f)
		}
		fmt.Fprintf(e.stdout, "  %s\n", r.Error.Message)
	}
}

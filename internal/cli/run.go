package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/bootconf/bootconf/internal/boot"
	"github.com/bootconf/bootconf/internal/finding"
	"github.com/bootconf/bootconf/internal/journal"
	"github.com/bootconf/bootconf/internal/result"
)

// maxFindings is how many findings a console gets: more would scroll the cause away.
const maxFindings = 50

// config is what the flags say about a run. The root is the caller's to open.
func (e *env) config() (boot.Config, error) {
	c := boot.Config{Source: e.flags.source, Log: journal.Open(e.stderr)}
	if s := c.Source; s != "" && s != "ec2" && s != "auto" && !strings.HasPrefix(s, "file:/") {
		return c, &usageError{fmt.Sprintf("--source must be ec2, auto or file:/PATH, not %q", s), "run"}
	}
	if e.flags.timeout != "" {
		d, err := time.ParseDuration(e.flags.timeout)
		if err != nil || d <= 0 {
			return c, &usageError{fmt.Sprintf("--timeout must be a duration such as 90s, not %q", e.flags.timeout), "run"}
		}
		c.Timeout = d
	}
	return c, nil
}

func (e *env) run() error {
	config, err := e.config()
	if err != nil {
		return err
	}
	if config.Root, err = openRoot(e.flags.root); err != nil {
		return err
	}
	r, err := boot.Run(context.Background(), config)
	if config.Log.Service() {
		e.tellInstance(config.Log, r, err)
		if err != nil {
			return statusError(boot.ExitCode(err))
		}
		return nil
	}
	if e.flags.output == "json" {
		if jsonErr := e.json(r.Document()); jsonErr != nil {
			return jsonErr
		}
		if err == nil {
			return nil
		}
	}
	if err != nil {
		return err
	}
	fmt.Fprintln(e.stdout, strings.Join(summary(r), "\n"))
	return nil
}

// tellInstance says how the run of a booting instance ended: to the journal, and to the console, where it may be all
// that anyone ever sees of it. The outcome and the next step stand last.
func (e *env) tellInstance(log *journal.Log, r *result.Result, err error) {
	var lines []string
	if err == nil {
		lines = summary(r)
		for i, line := range lines {
			lines[i] = "bootconf: " + line
			log.Print(journal.Notice, line, nil)
		}
		console(lines)
		return
	}
	var found finding.List
	errors.As(err, &found)
	for i, f := range found {
		log.Print(journal.Error, f.String(), journal.Fields{"BOOTCONF_PATH": f.Path})
		if i < maxFindings {
			lines = append(lines, f.String())
		}
	}
	if more := len(found) - maxFindings; more > 0 {
		lines = append(lines, fmt.Sprintf("and %d more: journalctl -u bootconf", more))
	}
	code := boot.ExitCode(err)
	outcome := fmt.Sprintf("failed (exit %d): %v", code, err)
	log.Print(journal.Error, outcome, journal.Fields{"BOOTCONF_EXIT": fmt.Sprint(code)})
	lines = append(lines, "bootconf: "+outcome)
	if hint := boot.Hint(err); hint != "" {
		log.Print(journal.Notice, "next: "+hint, nil)
		lines = append(lines, "bootconf: next: "+hint)
	}
	console(lines)
	boot.QuietConsole()
}

// console writes lines to the system console and waits until they are out: the next thing may be a poweroff. It
// begins with a line of its own, since others write there in the middle of theirs.
func console(lines []string) {
	f, err := os.OpenFile("/dev/console", os.O_WRONLY|noctty, 0)
	if err != nil {
		return // there is none, as in some containers; the journal has it all
	}
	defer f.Close()
	_, _ = f.WriteString("\r\n" + strings.Join(lines, "\r\n") + "\r\n")
	drain(f)
}

// unitLine is what became of a unit, in a few words.
func unitLine(u result.Unit) string {
	switch {
	case u.Action == "none":
		return u.Name + ": " + u.Detail
	case u.Action == u.Result:
		return u.Name + ": " + u.Action
	}
	return strings.TrimSuffix(fmt.Sprintf("%s: %s, %s: %s", u.Name, u.Action, u.Result, u.Detail), ": ")
}

// summary is how a run that succeeded is told: at most ten lines, the outcome last.
func summary(r *result.Result) []string {
	id := r.InstanceID
	if id == "" {
		id = "this instance"
	}
	switch {
	case r.Status == result.Build:
		return []string{"build mode: left alone, not configured and not locked"}
	case len(r.Stages) == 0:
		return []string{fmt.Sprintf("%s was configured at %s; nothing to do", id, r.Configured.Format(time.RFC3339))}
	}
	var lines []string
	count := map[string]int{}
	for _, f := range r.Files {
		count[f.Action]++
	}
	if len(r.Files) > 0 {
		var counts []string
		for _, action := range []string{"created", "replaced", "unchanged", "removed"} {
			if n := count[action]; n > 0 {
				counts = append(counts, fmt.Sprintf("%d %s", n, action))
			}
		}
		lines = append(lines, "files: "+strings.Join(counts, ", "))
	}
	const most = 6
	for i, u := range r.Units {
		if i == most {
			lines = append(lines, fmt.Sprintf("and %d more units", len(r.Units)-most))
			break
		}
		lines = append(lines, unitLine(u))
	}
	var services []string
	for _, s := range r.Services {
		if s.Configured {
			services = append(services, s.Name)
		}
	}
	return append(lines, fmt.Sprintf("configured %s in %d ms: %s", id, r.DurationMS, strings.Join(services, ", ")))
}

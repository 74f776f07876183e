package cli

import (
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"

	"github.com/bootconf/bootconf/internal/boot"
	"github.com/bootconf/bootconf/internal/document"
	"github.com/bootconf/bootconf/internal/plan"
	"github.com/bootconf/bootconf/internal/rootfs"
)

// planned is one file as plan prints it.
type planned struct {
	Service string
	Path    string
	Action  string // "create", "replace", "unchanged"
	Owner   string
	Group   string
	Mode    string
	Diff    string // unified, secrets masked
}

// plannedUnit is one unit as plan prints it. Several services may name it.
type plannedUnit struct {
	Name     string
	Action   string // "start after bootconf", "restart if active", "stay down"
	Services []string
}

func (e *env) plan() error {
	_, _, c, disk, err := e.checked()
	if err != nil {
		return err
	}
	e.findings(c.Warnings)
	if disk != nil && e.flags.image == "" {
		if when := boot.LockedSince(disk); when != "" {
			e.hint("this instance was configured at " + when + " and is locked: run does nothing of this")
		}
	}
	var files []planned
	var units []plannedUnit
	for _, f := range boot.Show(c.Plan).Files {
		p, err := compare(f, disk)
		if err != nil {
			return err
		}
		files = append(files, p)
	}
	for _, s := range c.Plan.Services {
		for _, u := range s.Units {
			units = addUnit(units, s, u)
		}
	}
	if e.flags.output == "json" {
		return e.json(planDocument(files, units))
	}
	count := map[string]int{}
	for _, f := range files {
		count[f.Action]++
		fmt.Fprintf(e.stdout, "%-9s %s (%s:%s %s, service %s)\n", f.Action, f.Path, f.Owner, f.Group, f.Mode, f.Service)
		for line := range strings.Lines(f.Diff) {
			fmt.Fprint(e.stdout, "    "+e.paintDiff(line))
		}
	}
	for _, u := range units {
		fmt.Fprintf(e.stdout, "unit      %s: %s (for %s)\n", u.Name, u.Action, strings.Join(u.Services, ", "))
	}
	if c.Build {
		fmt.Fprintln(e.stdout, c.Summary())
		return nil
	}
	fmt.Fprintf(e.stdout, "%d to create, %d to replace, %d unchanged\n", count["create"], count["replace"], count["unchanged"])
	return nil
}

// planDocument is the plan as JSON gives it.
func planDocument(files []planned, units []plannedUnit) *document.Node {
	whole := document.NewObject()
	list := whole.AddArray("files")
	for _, f := range files {
		n := list.AddObject()
		n.SetString("service", f.Service)
		n.SetString("path", f.Path)
		n.SetString("action", f.Action)
		n.SetString("owner", f.Owner)
		n.SetString("group", f.Group)
		n.SetString("mode", f.Mode)
		n.SetIfAny("diff", f.Diff)
	}
	list = whole.AddArray("units")
	for _, u := range units {
		n := list.AddObject()
		n.SetString("name", u.Name)
		n.SetString("action", u.Action)
		n.Set("services", document.NewStrings(u.Services))
	}
	return whole
}

// addUnit adds what becomes of u for the sake of s. A unit stays down only if none of the services that it requires
// is configured.
func addUnit(units []plannedUnit, s plan.Service, u plan.Unit) []plannedUnit {
	action := "start after bootconf"
	switch {
	case !s.Configured && u.Requires:
		action = staysDown
	case !u.Order:
		action = "restart if active"
	}
	i := slices.IndexFunc(units, func(p plannedUnit) bool { return p.Name == u.Name })
	if i < 0 {
		return append(units, plannedUnit{u.Name, action, []string{s.Name}})
	}
	units[i].Services = append(units[i].Services, s.Name)
	if units[i].Action == staysDown {
		units[i].Action = action
	}
	return units
}

const staysDown = "stay down"

func (e *env) paintDiff(line string) string {
	text := strings.TrimSuffix(line, "\n")
	switch text[:min(1, len(text))] {
	case "+":
		return e.paint(e.stdout, green, text) + "\n"
	case "-":
		return e.paint(e.stdout, red, text) + "\n"
	}
	return line
}

// compare is what becomes of f on disk, which may be nil: then there is nothing to compare with.
func compare(f plan.File, disk *rootfs.Root) (planned, error) {
	p := planned{Service: f.Service, Path: f.Path, Action: "create", Owner: f.Owner, Group: f.Group, Mode: fmt.Sprintf("%04o", f.Mode.Perm())}
	var old []byte
	private := false
	if disk != nil {
		info, err := disk.Lstat(f.Path)
		switch {
		case errors.Is(err, fs.ErrNotExist):
		case err != nil:
			return p, fmt.Errorf("cannot look at %s: %w", f.Path, err)
		case !info.Mode().IsRegular():
			p.Action, private = "replace", true
		default:
			p.Action, private = "replace", info.Mode().Perm()&0o004 == 0
			if old, err = disk.ReadFile(f.Path); err != nil {
				return p, fmt.Errorf("cannot compare with the file that is there: %w", err)
			}
			if f.Same(old) {
				p.Action = "unchanged"
			}
		}
	}
	p.Diff = f.Diff(old, private)
	return p, nil
}

package generator

import (
	"fmt"
	"maps"
	"path"
	"slices"
	"sort"
	"strings"
	"time"

	"github.com/bootconf/bootconf/internal/document"
	"github.com/bootconf/bootconf/internal/image"
	"github.com/bootconf/bootconf/internal/paths"
)

// definition is what of a service definition the order at boot depends on.
//
// It is read without image.Load, for two reasons. A fault anywhere in a definition, an unknown key say, must not cost
// its units their order: bootconf.service will fail, and they must not start before it did. And compiling schemas and
// templates has no place in every daemon-reload.
type definition struct {
	service string
	dirs    []string // the directories of its files
	check   time.Duration
	units   []entry
}

// entry is one unit as a definition lists it.
type entry struct {
	name            string
	requires, order bool
}

// definitions is what can be read of the image's definitions, in the order of their names.
func (g *generator) definitions() []definition {
	where := map[string]string{} // the directory of each service
	for _, dir := range []string{paths.PackagedServices, paths.ImageServices} {
		entries, err := g.files.ReadDir(dir)
		if err != nil {
			continue
		}
		for _, e := range entries {
			if name := e.Name(); serviceName(name) {
				where[name] = dir + "/" + name
			}
		}
	}
	var names []string
	for name, dir := range where {
		if to, err := g.files.Readlink(dir); err != nil || to != "/dev/null" { // that masks it
			names = append(names, name)
		}
	}
	slices.Sort(names)
	var out []definition
	for _, name := range names {
		if d, ok := g.definition(name, where[name]+"/service.json"); ok {
			out = append(out, d)
		}
	}
	return out
}

func (g *generator) definition(service, file string) (definition, bool) {
	text, err := g.files.ReadFile(file)
	if err != nil {
		g.log(warningLevel, fmt.Sprintf("cannot order the units of %s: %v", service, err))
		return definition{}, false
	}
	doc, found := document.Parse(file, text)
	if doc == nil {
		g.log(warningLevel, fmt.Sprintf("cannot order the units of %s: %v", service, found))
		return definition{}, false
	}
	d := definition{service: service}
	if files := doc.Get("files"); files != nil {
		for _, f := range files.Items {
			if p := f.Get("path").Plain(); path.IsAbs(p) && !strings.ContainsFunc(p, control) {
				d.dirs = append(d.dirs, path.Dir(path.Clean(p)))
			}
		}
	}
	if c := doc.Get("check"); c != nil {
		d.check = defaultCheck
		if t, err := time.ParseDuration(c.Get("timeout").Plain()); err == nil && t > 0 && t < 24*time.Hour {
			d.check = t
		}
	}
	if units := doc.Get("units"); units != nil {
		for _, u := range units.Items {
			e := entry{requires: true, order: true}
			if u.Kind == document.Object {
				e.name = u.Get("name").Plain()
				e.requires = boolean(u.Get("requires"), true)
				e.order = boolean(u.Get("order"), true)
			} else {
				e.name = u.Plain()
			}
			d.units = append(d.units, e)
		}
	}
	return d, true
}

// boolean is n, or other if it is none.
func boolean(n *document.Node, other bool) bool {
	if n == nil || n.Kind != document.Bool {
		return other
	}
	return n.Bool
}

// defaultCheck is the time that a check has whose definition says none.
const defaultCheck = 30 * time.Second

func control(r rune) bool { return r < ' ' || r == 0x7f }

// serviceName tells whether name is one that a service may have: [a-z][a-z0-9_]*.
func serviceName(name string) bool {
	for i, c := range []byte(name) {
		if (c < 'a' || c > 'z') && (i == 0 || c != '_' && (c < '0' || c > '9')) {
			return false
		}
	}
	return name != ""
}

// listed is a unit that has to wait, and for what.
type listed struct {
	name            string
	requires, order bool
	services        []string // those that name it, in the order of their names
}

// listed is every unit that the definitions name and that can wait for bootconf, with the members of targets, in the
// order of their names. Where several definitions name a unit, the stricter word holds.
func (g *generator) listed(definitions []definition) []*listed {
	all := map[string]*listed{}
	add := func(name, service string, e entry) {
		u := all[name]
		if u == nil {
			u = &listed{name: name}
			all[name] = u
		}
		u.requires = u.requires || e.requires
		u.order = u.order || e.order
		if !slices.Contains(u.services, service) {
			u.services = append(u.services, service)
		}
	}
	for _, d := range definitions {
		for _, e := range d.units {
			if image.UnitFault(e.name, true) == "" {
				add(e.name, d.service, e)
			} else {
				g.log(warningLevel, fmt.Sprintf("%q is not ordered: it cannot wait for %s", e.name, unit))
			}
		}
	}
	named := maps.Clone(all)
	for _, d := range definitions {
		for _, e := range d.units {
			if named[e.name] == nil || !e.order || !strings.HasSuffix(e.name, ".target") {
				continue
			}
			for _, member := range g.members(e.name) {
				if named[member] == nil { // or a definition has its own word on it
					add(member, d.service, e)
				}
			}
		}
	}
	out := make([]*listed, 0, len(all))
	for _, u := range all {
		out = append(out, u)
	}
	sort.Slice(out, func(i, j int) bool { return out[i].name < out[j].name })
	return out
}

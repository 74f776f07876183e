package generator

import (
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/bootconf/bootconf/internal/image"
)

// unitDirs is where unit files lie, those with the most weight first. /run is left out: what it holds comes and goes,
// and the generator's word must not.
var unitDirs = []string{"/etc/systemd/system", "/usr/local/lib/systemd/system", "/usr/lib/systemd/system"}

// members is every unit that a target pulls in, directly or through another target, as far as unit files tell and it
// can wait for bootconf.service. It is the only thing for which unit files are read, since a target's own order says
// nothing about its members: they come up before it.
func (g *generator) members(target string) []string {
	seen := []string{target}
	var out []string
	for next := []string{target}; len(next) > 0; {
		name := next[0]
		next = next[1:]
		for _, member := range g.pulls(name) {
			if slices.Contains(seen, member) {
				continue
			}
			seen = append(seen, member)
			if image.UnitFault(member, true) != "" || g.mustBeEarly(member) {
				g.log(warningLevel, fmt.Sprintf("%q of %s is not ordered: it cannot wait for %s", member, target, unit))
				continue
			}
			out = append(out, member)
			if strings.HasSuffix(member, ".target") {
				next = append(next, member)
			}
		}
	}
	return out
}

// pulls is the units that starting a target starts.
func (g *generator) pulls(target string) []string {
	texts, names := g.unit(target)
	out := settings(texts, "Wants", "Requires", "BindsTo", "Upholds")
	for _, dir := range unitDirs {
		for _, name := range names {
			for _, suffix := range []string{".wants", ".requires", ".upholds"} {
				entries, err := g.files.ReadDir(dir + "/" + name + suffix)
				if err != nil {
					continue
				}
				for _, e := range entries {
					out = append(out, e.Name())
				}
			}
		}
	}
	return out
}

// mustBeEarly tells whether a unit that would wait for bootconf.service held up the boot or the network.
func (g *generator) mustBeEarly(name string) bool {
	texts, _ := g.unit(name)
	for _, before := range settings(texts, "Before") {
		switch before {
		case "sysinit.target", "basic.target", "local-fs-pre.target", "local-fs.target", "sockets.target", "paths.target",
			"network-pre.target", "network.target":
			return true
		}
	}
	return false
}

// unit is the texts that make up a unit, and the names it goes by.
func (g *generator) unit(name string) (texts, names []string) {
	names = []string{name}
	if at, dot := strings.IndexByte(name, '@'), strings.LastIndexByte(name, '.'); at >= 0 && at < dot {
		names = append(names, name[:at+1]+name[dot:]) // an instance is made of its template
	}
	for i := 0; i < len(names); i++ { // a link to another name adds that
		for _, dir := range unitDirs {
			file := dir + "/" + names[i]
			if to, err := g.files.Readlink(file); err == nil && path.Base(to) != names[i] {
				if !slices.Contains(names, path.Base(to)) {
					names = append(names, path.Base(to))
				}
				break
			}
			if text, err := g.files.ReadFile(file); err == nil {
				texts = append(texts, string(text))
				break
			}
		}
	}
	for _, dir := range unitDirs {
		for _, n := range names {
			entries, err := g.files.ReadDir(dir + "/" + n + ".d")
			if err != nil {
				continue
			}
			for _, e := range entries {
				if !strings.HasSuffix(e.Name(), ".conf") {
					continue
				}
				if text, err := g.files.ReadFile(dir + "/" + n + ".d/" + e.Name()); err == nil {
					texts = append(texts, string(text))
				}
			}
		}
	}
	return texts, names
}

// settings is the words of some settings of the [Unit] sections of texts.
func settings(texts []string, keys ...string) []string {
	var out []string
	for _, text := range texts {
		section := ""
		text = strings.ReplaceAll(text, "\\\n", " ")
		for line := range strings.Lines(text) {
			line = strings.TrimSpace(line)
			if strings.HasPrefix(line, "[") {
				section = line
				continue
			}
			key, value, ok := strings.Cut(line, "=")
			if ok && section == "[Unit]" && slices.Contains(keys, strings.TrimSpace(key)) {
				out = append(out, strings.Fields(value)...)
			}
		}
	}
	return out
}

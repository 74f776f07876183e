package image

import (
	"io/fs"
	"path"
	"regexp"
	"strconv"
	"strings"

	"github.com/bootconf/bootconf/internal/document"
	"github.com/bootconf/bootconf/internal/kinds"
)

// file reads one of a definition's files; good says that the section's schema is known.
func (l *loader) file(s *Service, dir string, k *kind, n *document.Node, at string, good bool) {
	f := File{
		Node:   n,
		Path:   n.Get("path").Plain(),
		Value:  n.Get("value").Plain(),
		Format: n.Get("format").Plain(),
		Owner:  n.Get("owner").Plain(),
		Group:  n.Get("group").Plain(),
		Mode:   mode(n.Get("mode").Plain()),
	}
	report := func(key, message string) {
		where := n
		if v := n.Get(key); v != nil {
			where = v
		}
		l.report(s.Source, where.Pos, document.Join(at, key), message)
	}
	if fault := pathFault(f.Path); fault != "" {
		report("path", fault)
	}
	name := n.Get("template").Plain()
	switch {
	case strings.Contains(name, "/"):
		t, ok := l.kindTemplate(s, k, name, report)
		if !ok {
			break
		}
		switch {
		case f.Format == "":
			f.Format = t.Format
		case f.Format != t.Format:
			report("format", "must be "+t.Format+" or left out: that is what the template makes")
		}
		params := l.params(s, t, n.Get("with"), document.Join(at, "with"))
		if !t.Whole() {
			f.Template = &Template{Source: name, Text: t.Text(), Params: params}
		}
	case name != "":
		text, fault := l.text(path.Join(dir, name))
		if fault != "" {
			report("template", fault)
		}
		f.Template = &Template{Source: path.Join(dir, name), Text: text, Params: map[string]string{"service": s.Name}}
	case !good:
	case s.Schema == nil:
		report("path", "needs a template: without a kind or "+schemaFile+" the service takes no section that could be written")
	case f.Value != "":
		if _, ok := s.Schema.Property(f.Value); !ok {
			report("value", "no such key in the section's schema")
		}
	}
	if n.Get("format") == nil && !strings.Contains(name, "/") {
		report("format", "is required, unless a template of a kind says it")
	}
	if with := n.Get("with"); with != nil && !strings.Contains(name, "/") {
		report("with", "has no effect: only templates of a kind take parameters")
	}
	s.Files = append(s.Files, f)
}

// kindTemplate finds KIND/NAME. A template of another kind would not fit the section.
func (l *loader) kindTemplate(s *Service, k *kind, name string, report func(key, message string)) (kinds.Template, bool) {
	of, base, _ := strings.Cut(name, "/")
	switch {
	case s.Kind == "":
		report("template", `needs a kind: a template beside `+definitionFile+` is named without a /`)
		return kinds.Template{}, false
	case k == nil: // reported as an unknown kind
		return kinds.Template{}, false
	case of != k.Name:
		report("template", "must be a template of the kind "+k.Name+", or a file beside "+definitionFile)
		return kinds.Template{}, false
	}
	t, ok := k.Template(base)
	if !ok {
		var names []string
		for _, t := range k.Templates {
			names = append(names, k.Name+"/"+t.Name)
		}
		report("template", "no such template"+suggest(name, names))
	}
	return t, ok
}

// params is what a kind's template is set with: its defaults, what the definition says, and the service's name.
func (l *loader) params(s *Service, t kinds.Template, with *document.Node, at string) map[string]string {
	params := map[string]string{"service": s.Name}
	var names []string
	for _, p := range t.Params {
		params[p.Name] = p.Default
		names = append(names, p.Name)
	}
	if with == nil {
		return params
	}
	for _, m := range with.Members {
		found := false
		for _, p := range t.Params {
			if p.Name != m.Name {
				continue
			}
			found = true
			if !regexp.MustCompile(p.Pattern).MatchString(m.Value.Plain()) { // the tests compile each of them
				l.report(s.Source, m.Value.Pos, document.Join(at, m.Name), "must match "+p.Pattern)
			}
			params[p.Name] = m.Value.Plain()
		}
		switch {
		case found:
		case len(names) == 0:
			l.report(s.Source, m.Pos, document.Join(at, m.Name), "no such parameter; this template takes none")
		default:
			l.report(s.Source, m.Pos, document.Join(at, m.Name), "no such parameter"+suggest(m.Name, names))
		}
	}
	return params
}

// mode is the permissions that octal digits say, as fs has them.
func mode(octal string) fs.FileMode {
	bits, _ := strconv.ParseUint(octal, 8, 16)
	m := fs.FileMode(bits & 0o777)
	if bits&0o4000 != 0 {
		m |= fs.ModeSetuid
	}
	if bits&0o2000 != 0 {
		m |= fs.ModeSetgid
	}
	if bits&0o1000 != 0 {
		m |= fs.ModeSticky
	}
	return m
}

// maxName is the longest file name for which the staged file's, .NAME.bootconf~, still fits into 255 bytes.
const maxName = 255 - len(".") - len(".bootconf~")

// pathFault says why a path is no place for a file, or nothing.
func pathFault(p string) string {
	for _, c := range []byte(p) {
		if c < ' ' || c == 0x7f {
			return "must not hold a control character"
		}
	}
	if clean := path.Clean(p); clean != p {
		return "must be written as " + clean
	}
	if p == "/" {
		return "must be a file"
	}
	if len(path.Base(p)) > maxName {
		return "must have a name of at most " + strconv.Itoa(maxName) + " bytes"
	}
	for _, place := range [...]struct{ dir, why string }{
		{"/proc", "it is no place for files"},
		{"/sys", "it is no place for files"},
		{"/dev", "it is no place for files"},
		{"/run", "it is emptied at every boot"},
		{"/var/run", "it is emptied at every boot"},
		{"/var/lock", "it is emptied at every boot"},
		{"/tmp", "it is emptied at every boot"},
		{"/etc/systemd/system", "units belong to the image"},
		{"/etc/systemd/system.control", "units belong to the image"},
		{"/etc/systemd/system.attached", "units belong to the image"},
		{"/etc/systemd/user", "units belong to the image"},
		{"/etc/systemd/system-generators", "they belong to the image"},
		{"/etc/systemd/user-generators", "they belong to the image"},
		{"/usr/lib/systemd", "it belongs to systemd"},
		{"/usr/local/lib/systemd", "units belong to the image"},
		{"/lib/systemd", "it belongs to systemd"},
		{"/etc/bootconf", "it belongs to bootconf"},
		{"/usr/lib/bootconf", "it belongs to bootconf"},
		{"/var/lib/bootconf", "it belongs to bootconf"},
		{"/usr/bin/bootconf", "it belongs to bootconf"},
	} {
		if p == place.dir || strings.HasPrefix(p, place.dir+"/") {
			return "must not be in " + place.dir + ": " + place.why
		}
	}
	return ""
}

// checkPaths refuses two files at one path, and a file where another needs a directory.
func (l *loader) checkPaths() {
	first := map[string]*Service{}
	each := func(fn func(s *Service, f *File, report func(message string))) {
		for _, s := range l.img.Services {
			for i := range s.Files {
				f := &s.Files[i]
				fn(s, f, func(message string) {
					pos := f.Node.Pos
					if n := f.Node.Get("path"); n != nil {
						pos = n.Pos
					}
					l.report(s.Source, pos, document.Join(document.JoinIndex("files", i), "path"), message)
				})
			}
		}
	}
	each(func(s *Service, f *File, report func(message string)) {
		switch other := first[f.Path]; other {
		case nil:
			first[f.Path] = s
		case s:
			report("stands twice in this definition")
		default:
			report("is also a file of the service " + other.Name)
		}
	})
	each(func(_ *Service, f *File, report func(message string)) {
		for dir := path.Dir(f.Path); len(dir) > 1; dir = path.Dir(dir) {
			if other := first[dir]; other != nil {
				report("cannot be in " + dir + ", which is a file of the service " + other.Name)
			}
		}
	})
}

// check reads the command that proves the files.
func (l *loader) check(s *Service, n *document.Node) {
	if n == nil {
		return
	}
	c := &Check{Command: n.Get("command").Strings(), User: n.Get("user").Plain()}
	if program := c.Command[0]; !path.IsAbs(program) || path.Clean(program) != program {
		l.report(s.Source, n.Get("command").Items[0].Pos, "check.command[0]", "must be the whole path of a program")
	}
	for i, arg := range c.Command {
		if strings.Contains(arg, "\x00") {
			l.report(s.Source, n.Get("command").Items[i].Pos, document.JoinIndex("check.command", i), "must not hold a NUL")
		}
	}
	timeout, ok := duration(n.Get("timeout"))
	if !ok {
		l.report(s.Source, n.Get("timeout").Pos, "check.timeout", durationFault)
	}
	c.Timeout = timeout
	s.Check = c
}

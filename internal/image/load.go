package image

import (
	"errors"
	"io/fs"
	"path"
	"sort"
	"strings"
	"unicode/utf8"

	published "github.com/bootconf/bootconf/docs/schema"
	"github.com/bootconf/bootconf/internal/document"
	"github.com/bootconf/bootconf/internal/finding"
	"github.com/bootconf/bootconf/internal/kinds"
	"github.com/bootconf/bootconf/internal/paths"
	"github.com/bootconf/bootconf/internal/schema"
)

const (
	definitionFile = "service.json"
	schemaFile     = "schema.json"
)

// FS is the files of an image, by absolute paths. What doesn't exist is an error that is fs.ErrNotExist.
type FS interface {
	ReadFile(path string) ([]byte, error)
	ReadDir(path string) ([]fs.DirEntry, error)
	Readlink(path string) (string, error)
}

// Load reads the definitions and the policy of an image. The Image is never nil, so that further checks can add their
// findings to these; with findings it is good for nothing else.
func Load(fsys FS) (*Image, finding.List) {
	l := &loader{fs: fsys, img: &Image{}, broken: map[string]bool{}}
	var policy *document.Node
	l.img.Policy, policy, l.found = loadPolicy(fsys)
	dirs := l.definitions()
	if len(dirs) > 0 {
		l.schema = compile(published.Service, "service.schema.json")
	}
	for _, d := range dirs {
		l.service(d)
	}
	l.checkIgnored(policy)
	l.checkUses()
	l.checkPaths()
	l.checkOrder()
	l.found.Sort()
	return l.img, l.found
}

type loader struct {
	fs     FS
	schema *schema.Schema // of service.json
	img    *Image
	found  finding.List
	broken map[string]bool // services that have findings, of which no more are derived
	kinds  []*kind
	uses   []mention
	units  []mention
}

// kind is a built-in kind whose schema is compiled, once for all services of it.
type kind struct {
	*kinds.Kind
	schema *schema.Schema
}

// mention is where a definition names another service or a unit.
type mention struct {
	service *Service
	node    *document.Node
	path    string
}

func (l *loader) report(source string, pos finding.Pos, path, message string) {
	l.found = append(l.found, finding.Finding{Source: source, Pos: pos, Path: path, Message: message})
}

// compile compiles a schema of the program's own.
func compile(text []byte, source string) *schema.Schema {
	n, found := document.Parse(source, text)
	if len(found) == 0 {
		var s *schema.Schema
		if s, found = schema.Compile(n, source); len(found) == 0 {
			return s
		}
	}
	panic(found.Error()) // the tests compile each of them
}

// reason is why a file can't be read, without its path, which the finding gives.
func reason(err error) string {
	if errors.Is(err, fs.ErrNotExist) {
		return "does not exist"
	}
	var p *fs.PathError
	if errors.As(err, &p) {
		err = p.Err
	}
	return "cannot be read: " + err.Error()
}

// definitions is the directories of the services that are not masked, in the order of their names.
func (l *loader) definitions() []string {
	found := map[string]string{}
	for _, dir := range []string{paths.PackagedServices, paths.ImageServices} {
		entries, err := l.fs.ReadDir(dir)
		if err != nil {
			if !errors.Is(err, fs.ErrNotExist) {
				l.report(dir, finding.Pos{}, "", reason(err))
			}
			continue
		}
		for _, e := range entries {
			name, at := e.Name(), path.Join(dir, e.Name())
			switch {
			case strings.HasPrefix(name, "."):
				continue
			case e.Type()&fs.ModeSymlink != 0 && l.masks(at):
				delete(found, name)
				continue
			case e.Type().IsRegular():
				l.report(at, finding.Pos{}, "", "must be a directory that holds "+definitionFile)
			case !isName(name):
				l.report(at, finding.Pos{}, "", "must have a name of a lower-case letter, then lower-case letters, digits and underscores")
			case name == "bootconf":
				l.report(at, finding.Pos{}, "", "must have another name: bootconf is reserved in user data")
			default:
				found[name] = at
				continue
			}
			delete(found, name)
		}
	}
	var dirs []string
	for _, dir := range found {
		dirs = append(dirs, dir)
	}
	sort.Slice(dirs, func(i, j int) bool { return path.Base(dirs[i]) < path.Base(dirs[j]) })
	return dirs
}

func (l *loader) masks(link string) bool {
	target, err := l.fs.Readlink(link)
	if err != nil {
		return false
	}
	if !path.IsAbs(target) {
		target = path.Join(path.Dir(link), target)
	}
	return path.Clean(target) == "/dev/null"
}

// isName tells whether s matches [a-z][a-z0-9_]*.
func isName(s string) bool {
	for i := range len(s) {
		c := s[i]
		if (c < 'a' || c > 'z') && (i == 0 || c != '_' && (c < '0' || c > '9')) {
			return false
		}
	}
	return s != ""
}

// read parses a file; nil if there is none, or nothing can be made of it.
func (l *loader) read(name string, optional bool) *document.Node {
	text, err := l.fs.ReadFile(name)
	if err != nil {
		if !optional || !errors.Is(err, fs.ErrNotExist) {
			l.report(name, finding.Pos{}, "", reason(err))
		}
		return nil
	}
	n, found := document.Parse(name, text)
	l.found = append(l.found, found...)
	return n
}

// service reads the definition in a directory.
func (l *loader) service(dir string) {
	s := &Service{Name: path.Base(dir), Source: path.Join(dir, definitionFile)}
	l.img.Services = append(l.img.Services, s)
	before := l.found.Faults()
	n := l.read(s.Source, false)
	if n != nil {
		var found finding.List
		n, found = l.schema.Prepare(n, s.Source, "")
		l.found = append(l.found, found...)
	}
	if l.found.Faults() > before {
		l.broken[s.Name] = true
		return
	}
	s.Description = n.Get("description").Plain()
	s.Required = n.Get("required").Bool
	k := l.kind(s, n.Get("kind"))
	good := l.sectionSchema(s, dir, k)
	s.Uses = n.Get("uses").Strings()
	for i, use := range n.Get("uses").Items {
		l.uses = append(l.uses, mention{s, use, document.JoinIndex("uses", i)})
	}
	if n.Get("default") != nil && good {
		l.fallback(s, n.Get("default"))
	}
	for i, f := range n.Get("files").Items {
		l.file(s, dir, k, f, document.JoinIndex("files", i), good)
	}
	l.check(s, n.Get("check"))
	for i, u := range n.Get("units").Items {
		l.unit(s, u, document.JoinIndex("units", i))
	}
	l.broken[s.Name] = l.found.Faults() > before
}

func (l *loader) kind(s *Service, n *document.Node) *kind {
	if n == nil {
		return nil
	}
	s.Kind = n.Plain()
	for _, k := range l.kinds {
		if k.Name == s.Kind {
			return k
		}
	}
	k, ok := kinds.Get(s.Kind)
	if !ok {
		l.report(s.Source, n.Pos, "kind", "no such kind"+suggest(s.Kind, kinds.Names()))
		return nil
	}
	known := &kind{Kind: k}
	l.kinds = append(l.kinds, known)
	return known
}

// sectionSchema is the schema beside the definition, or that of its kind; not good if more findings would follow
// from those it has reported.
func (l *loader) sectionSchema(s *Service, dir string, k *kind) (good bool) {
	name := path.Join(dir, schemaFile)
	before := l.found.Faults()
	if n := l.read(name, true); n != nil {
		var found finding.List
		s.Schema, found = schema.Compile(n, name)
		l.found = append(l.found, found...)
	}
	if l.found.Faults() > before {
		return false
	}
	if s.Schema == nil && k != nil {
		if k.schema == nil {
			var found finding.List
			if k.schema, found = schema.Compile(k.Schema, k.Source); len(found) > 0 {
				panic(found.Error()) // the tests compile each of them
			}
		}
		s.Schema = k.schema
	}
	return s.Schema != nil || s.Kind == ""
}

// fallback is the definition's own default section. It is kept as it was written: it goes the way of user data.
func (l *loader) fallback(s *Service, n *document.Node) {
	if s.Schema == nil {
		l.report(s.Source, n.Pos, "default", "has no effect: without a kind or "+schemaFile+" the service takes no section")
		return
	}
	s.Default = n
	_, found := s.Schema.Prepare(n, s.Source, "default")
	l.found = append(l.found, found...)
}

// checkIgnored sees to it that the policy passes over no service.
func (l *loader) checkIgnored(policy *document.Node) {
	ignore := policy.Get("ignore")
	for i, name := range ignore.Strings() {
		message := ""
		switch {
		case name == "bootconf":
			message = "must not be bootconf, which is reserved"
		case l.img.Service(name) != nil:
			message = "is a service of this image; remove it here, or mask its definition"
		default:
			continue
		}
		l.report(paths.Policy, ignore.Items[i].Pos, document.JoinIndex("ignore", i), message)
	}
}

func (l *loader) checkUses() {
	var names []string
	for _, s := range l.img.Services {
		names = append(names, s.Name)
	}
	for _, u := range l.uses {
		name := u.node.Plain()
		other := l.img.Service(name)
		message := ""
		switch {
		case name == u.service.Name:
			message = "must not be the service itself: its own section is the dot"
		case other == nil:
			message = "no such service" + suggest(name, names)
		case isFunction(name):
			message = "cannot be used: templates know " + name + " as something else; name that service differently"
		case other.Schema == nil && !l.broken[name]:
			message = "takes no section, so there is nothing to use"
		default:
			continue
		}
		l.report(u.service.Source, u.node.Pos, u.path, message)
	}
}

// isFunction tells whether a name means something in a template already.
func isFunction(name string) bool {
	switch name {
	case "and", "call", "eq", "ge", "gt", "html", "index", "js", "le", "len", "lt", "ne", "not", "or", "print", "printf", "println", "slice", "urlquery",
		"block", "break", "continue", "define", "else", "end", "false", "if", "nil", "range", "template", "true", "with",
		"instance", "join", "param", "raw", "url":
		return true
	}
	return false
}

// suggest adds to a message what was meant, or what there is.
func suggest(word string, candidates []string) string {
	if near := finding.Nearest(word, candidates); near != "" {
		return `; did you mean "` + near + `"?`
	}
	switch {
	case len(candidates) == 1:
		return "; known is " + candidates[0]
	case len(candidates) == 0 || len(candidates) > 12:
		return ""
	}
	return "; known are " + strings.Join(candidates, ", ")
}

// text is a file that a definition names.
func (l *loader) text(name string) (text, fault string) {
	b, err := l.fs.ReadFile(name)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return "", "no such file beside " + definitionFile
	case err != nil:
		return "", reason(err)
	case !utf8.Valid(b):
		return "", "must be UTF-8"
	}
	return string(b), ""
}

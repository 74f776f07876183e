// Package kinds holds what a service definition can name instead of bringing it along: for each kind the schema of a
// section and templates for the files that are commonly made of it. A kind is data, embedded in the program, and goes
// the same way as an image's own definitions: there is no code for any of them here or elsewhere.
package kinds

import (
	"embed"
	"path"
	"slices"
	"sort"

	"github.com/bootconf/bootconf/internal/document"
)

//go:embed amqp database env syslog
var files embed.FS

// Kind is one of them.
type Kind struct {
	Name        string
	Description string
	Schema      *document.Node // of the section; not compiled, since an image may bring its own
	Source      string         // names the schema in findings
	Templates   []Template     // in the order of their names
}

// Template makes one file of a section.
type Template struct {
	Name        string
	Description string
	Format      string
	Params      []Param
	file        string // of its text, in files
}

// Whole tells whether the template has no text: the whole section is written in its format.
func (t Template) Whole() bool { return t.file == "" }

// Text is the Go template.
func (t Template) Text() string {
	if t.Whole() {
		return ""
	}
	return text(t.file)
}

// Param is what a definition can set with "with".
type Param struct {
	Name        string
	Description string
	Default     string
	Pattern     string // a regular expression that a value has to match
}

// Names is the kinds there are, in their order.
func Names() []string { return []string{"amqp", "database", "env", "syslog"} }

// Get is the kind of that name, or false.
func Get(name string) (*Kind, bool) {
	if !slices.Contains(Names(), name) {
		return nil, false
	}
	about := read(name, "kind.json")
	k := &Kind{
		Name:        name,
		Description: about.Get("description").Plain(),
		Schema:      read(name, "schema.json"),
		Source:      name + "/schema.json",
	}
	for _, m := range about.Get("templates").Members {
		t := Template{Name: m.Name, Description: m.Value.Get("description").Plain(), Format: m.Value.Get("format").Plain()}
		if file := m.Value.Get("file").Plain(); file != "" {
			t.file = path.Join(name, file)
		}
		if params := m.Value.Get("params"); params != nil {
			for _, p := range params.Members {
				t.Params = append(t.Params, Param{p.Name, p.Value.Get("description").Plain(), p.Value.Get("default").Plain(), p.Value.Get("pattern").Plain()})
			}
		}
		k.Templates = append(k.Templates, t)
	}
	sort.Slice(k.Templates, func(i, j int) bool { return k.Templates[i].Name < k.Templates[j].Name })
	return k, true
}

// Template is the template of that name, or false.
func (k *Kind) Template(name string) (Template, bool) {
	for _, t := range k.Templates {
		if t.Name == name {
			return t, true
		}
	}
	return Template{}, false
}

// text is a file of a kind. A fault in one is a fault of the program, which the tests of this package find.
func text(file string) string {
	b, err := files.ReadFile(file)
	if err != nil {
		panic(err)
	}
	return string(b)
}

func read(kind, file string) *document.Node {
	file = path.Join(kind, file)
	n, found := document.Parse(file, []byte(text(file)))
	if len(found) > 0 {
		panic(found.Error())
	}
	return n
}

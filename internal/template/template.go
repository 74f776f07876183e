// Package template is Go templates over JSON values. A template is read once, when its definition is loaded: every
// place where it prints gets the writer that its format has for that place, and every key it names is looked up in
// the schemas; what is printed later can't become syntax, and a misspelt key is found before there is user data.
// Rendering is pure, bounded, and never puts a value of the user data into a message.
//
// The language is that of text/template, parsed by its own parser. The evaluation is this package's: it works on
// document.Node, keeps the digits of numbers, and knows which of its output came from secrets. What a secret only
// decides, by if, eq or len, is none.
package template

import (
	"github.com/bootconf/bootconf/internal/document"
	"github.com/bootconf/bootconf/internal/finding"
	"github.com/bootconf/bootconf/internal/format"
	"github.com/bootconf/bootconf/internal/schema"
)

// UserData is the source that findings name for what is wrong with a value of the user data.
const UserData = "user-data"

// What one template may take: enough to print every value of the largest document several times, and over within a
// second where loops multiply.
const (
	MaxOutput = 4 << 20 // bytes of one file, and of one value that a function makes
	MaxSteps  = 1 << 20 // actions run, rounds of loops, functions called, 64 bytes handled
)

// Source is the text of a template with all that is fixed before there is user data.
type Source struct {
	Name    string // of its file, for findings
	Text    string
	Format  format.Format
	Service string                    // the service whose section is the dot
	Section *schema.Schema            // of that section; nil: the service takes none
	Uses    map[string]*schema.Schema // of the sections that it sees as functions, by their service's name
	Params  map[string]string         // what param prints
}

// Template is a template that was found to be good.
type Template struct {
	name    string
	service string
	body    []node
	slots   int
	facts   []string
	raws    []finding.Pos
}

// Facts is the names of the facts about the instance that the template may print, sorted: "id", "region".
func (t *Template) Facts() []string { return t.facts }

// Raws is where the template prints something as it is, past its format's writers.
func (t *Template) Raws() []finding.Pos { return t.raws }

// Data is what a template is rendered with.
type Data struct {
	Section *document.Node            // the dot; nil: there is none
	Uses    map[string]*document.Node // the sections by their service's name; one that is absent has no entry
	Facts   map[string]string         // about the instance
}

// Execute renders the template. The findings say which value is missing, or can't be held by the format, and where
// the template prints it; with a finding there is no output.
func (t *Template) Execute(d Data) ([]format.Piece, finding.List) {
	r := &run{t: t, data: d, vars: make([]value, t.slots), seen: map[finding.Finding]bool{}}
	r.dot = value{node: d.Section, path: t.service}
	if d.Section != nil {
		r.dot.pos = d.Section.Pos
	}
	r.vars[0] = r.dot
	r.list(t.body)
	if len(r.found) > 0 {
		return nil, r.found
	}
	return r.output(), nil
}

// Package render makes the plan of a run: from the image's definitions, the sections of the user data and the facts
// about the instance, every file with its bytes, and the units and checks that go with them. Templates are read and
// checked once, by Compile, without user data. Rendering is pure: the same sections give the same bytes; it knows no
// disk, no clock and no network.
package render

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"sort"
	"strings"

	"github.com/bootconf/bootconf/internal/document"
	"github.com/bootconf/bootconf/internal/finding"
	"github.com/bootconf/bootconf/internal/format"
	"github.com/bootconf/bootconf/internal/image"
	"github.com/bootconf/bootconf/internal/plan"
	"github.com/bootconf/bootconf/internal/schema"
	"github.com/bootconf/bootconf/internal/secret"
	"github.com/bootconf/bootconf/internal/template"
)

// Program is an image whose templates have been read.
type Program struct{ services []service }

type service struct {
	def     *image.Service
	files   []file // in the order of their paths
	private bool   // a section that its templates see may hold secrets
}

type file struct {
	def      *image.File
	format   format.Format
	template *template.Template // nil: def.Value or the whole section
}

// Compile reads the templates of an image and checks them against their formats and the schemas. With a fault among
// the findings the Program must not be used.
func Compile(img *image.Image) (*Program, finding.List) {
	p := &Program{}
	var found finding.List
	for _, def := range img.Services {
		s := service{def: def, private: def.Schema.Secrets()}
		uses := map[string]*schema.Schema{} // of the sections that its templates see
		for _, name := range def.Uses {
			if used := img.Service(name); used != nil {
				uses[name] = used.Schema
				s.private = s.private || used.Schema.Secrets()
			}
		}
		for i := range def.Files {
			f := file{def: &def.Files[i], format: format.Get(def.Files[i].Format)}
			if f.format == nil { // which image has reported
				continue
			}
			if t := f.def.Template; t != nil {
				source := template.Source{Name: t.Source, Text: t.Text, Format: f.format, Service: def.Name, Section: def.Schema, Uses: uses, Params: t.Params}
				var faults finding.List
				f.template, faults = template.Compile(source)
				found = add(found, faults)
			}
			s.files = append(s.files, f)
		}
		sort.Slice(s.files, func(i, j int) bool { return s.files[i].def.Path < s.files[j].def.Path })
		p.services = append(p.services, s)
	}
	return p, found
}

// add appends what is not in the list yet: two files may be made by one template.
func add(found, more finding.List) finding.List {
	for _, f := range more {
		if !slices.Contains(found, f) {
			found = append(found, f)
		}
	}
	return found
}

// Raws is where the templates print a value as it is, past the escaping of its format, as warnings.
func (p *Program) Raws() finding.List {
	var found finding.List
	for _, s := range p.services {
		for _, f := range s.files {
			if f.template == nil {
				continue
			}
			for _, pos := range f.template.Raws() {
				found = add(found, finding.List{{Source: f.def.Template.Source, Pos: pos, Warning: true,
					Message: "raw prints a value as it is: nothing keeps it from becoming syntax"}})
			}
		}
	}
	return found
}

// configured tells whether a service gets its files: one that takes a section needs it.
func (s *service) configured(sections map[string]*document.Node) bool {
	return s.def.Schema == nil || sections[s.def.Name] != nil
}

// Facts is the names of the facts about the instance that the files of these sections may print, sorted: "id".
func (p *Program) Facts(sections map[string]*document.Node) []string {
	facts := map[string]bool{}
	for _, s := range p.services {
		for _, f := range s.files {
			if f.template == nil || !s.configured(sections) {
				continue
			}
			for _, name := range f.template.Facts() {
				facts[name] = true
			}
		}
	}
	return slices.Sorted(maps.Keys(facts))
}

// Render makes the plan. Sections are those that validation has prepared; an optional service that is absent has no
// entry. A finding names the value of the user data that a file can't hold or needs and hasn't got, and its source
// is template.UserData where the value's place is known.
func (p *Program) Render(sections map[string]*document.Node, facts map[string]string) (*plan.Plan, finding.List) {
	out := &plan.Plan{}
	var found finding.List
	for _, s := range p.services {
		made := plan.Service{Name: s.def.Name, Configured: s.configured(sections)}
		if c := s.def.Check; c != nil {
			made.Check = &plan.Check{Command: c.Command, User: c.User, Timeout: c.Timeout}
		}
		for _, u := range s.def.Units {
			made.Units = append(made.Units, plan.Unit(u))
		}
		out.Services = append(out.Services, made)
		if !made.Configured {
			continue
		}
		uses := map[string]*document.Node{}
		for _, name := range s.def.Uses {
			uses[name] = sections[name]
		}
		data := template.Data{Section: sections[s.def.Name], Uses: uses, Facts: facts}
		for _, f := range s.files {
			pieces, faults := f.render(s.def, data)
			if found = add(found, faults); faults == nil {
				out.Files = append(out.Files, planned(&s, f.def, pieces))
			}
		}
	}
	if len(found) > 0 {
		return nil, found
	}
	sort.SliceStable(out.Files, func(i, j int) bool { return out.Files[i].Path < out.Files[j].Path })
	return out, nil
}

// render makes one file, and reads it back by its format's grammar.
func (f *file) render(def *image.Service, data template.Data) ([]format.Piece, finding.List) {
	var pieces []format.Piece
	if f.template != nil {
		made, found := f.template.Execute(data)
		if found != nil {
			return nil, found
		}
		pieces = made
	} else {
		made, found := f.whole(def, data.Section)
		if found != nil {
			return nil, found
		}
		pieces = made
	}
	var text []byte
	for _, p := range pieces {
		text = append(text, p.Text...)
	}
	if err := f.format.Parse(text); err != nil {
		return nil, finding.List{{Source: f.source(def), Image: true, Message: fmt.Sprintf("makes a file that is no %s (%s): %v", f.def.Format, f.def.Path, err)}}
	}
	return pieces, nil
}

// source is what a finding about the file as a whole names.
func (f *file) source(def *image.Service) string {
	if f.def.Template != nil {
		return f.def.Template.Source
	}
	return def.Source
}

// whole writes the section, or one key's value, as the whole file.
func (f *file) whole(def *image.Service, section *document.Node) ([]format.Piece, finding.List) {
	path, n := def.Name, section
	if f.def.Value != "" {
		path, n = document.Join(path, f.def.Value), section.Get(f.def.Value)
	}
	fail := func(path string, pos finding.Pos, message string) ([]format.Piece, finding.List) {
		return nil, finding.List{{Source: template.UserData, Pos: pos, Path: path, Message: fmt.Sprintf("%s (%s)", message, f.def.Path)}}
	}
	if n == nil {
		return fail(path, section.Pos, "has no value, and is to be a whole file")
	}
	pieces, err := f.format.Whole(n)
	var fault *format.ValueError
	switch {
	case errors.As(err, &fault):
		path, pos := template.Below(n, path, fault.Path)
		return fail(path, pos, fault.Message)
	case err != nil:
		return fail(path, n.Pos, err.Error())
	}
	return pieces, nil
}

// planned is a file of the plan, with the places of what came from secrets.
func planned(s *service, def *image.File, pieces []format.Piece) plan.File {
	out := plan.File{Service: s.def.Name, Path: def.Path, Private: s.private, Owner: def.Owner, Group: def.Group, Mode: def.Mode}
	var text strings.Builder
	for _, p := range pieces {
		start := text.Len()
		text.WriteString(p.Text)
		if p.Secret && p.Text != "" {
			out.Spans = append(out.Spans, plan.Span{Start: start, End: text.Len()})
		}
	}
	out.Content = secret.New(text.String())
	return out
}

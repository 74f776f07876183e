// Package validate judges user data by the definitions of an image: it takes the document as it was decoded and
// hands on the section of each service, made ready by its schema, with every finding about any of them. It knows
// nothing of where the document came from or what becomes of it.
package validate

import (
	"fmt"
	"slices"
	"strings"

	"github.com/bootconf/bootconf/internal/document"
	"github.com/bootconf/bootconf/internal/finding"
	"github.com/bootconf/bootconf/internal/image"
)

// reserved is the key of user data that speaks to bootconf itself.
const reserved = "bootconf"

// Validate judges doc, which source names in the findings. Sections has an entry for each service that is to be
// configured: those with a section, from the document or the definition's default, and those that take none. It is of
// use only without faults, and empty in build mode.
func Validate(img *image.Image, source string, doc *document.Node) (sections map[string]*document.Node, findings finding.List) {
	v := &validator{img: img, source: source, sections: map[string]*document.Node{}}
	if doc.Kind != document.Object {
		v.report(doc.Pos, "", "must be an object whose keys are services")
		return nil, v.found
	}
	for i := range doc.Members {
		if m := &doc.Members[i]; m.Name == reserved && m.Value.Kind != document.Null {
			v.build(doc, m)
			return nil, v.found
		}
	}
	for i := range doc.Members {
		if m := &doc.Members[i]; !v.ignores(m) {
			v.section(m)
		}
	}
	for _, s := range img.Services {
		if _, ok := v.sections[s.Name]; !ok {
			v.absent(s, doc)
		}
	}
	v.found.Sort()
	return v.sections, v.found
}

// BuildMode tells whether doc asks to leave the instance alone, for another image to be built on it. Validate says
// whether it may.
func BuildMode(doc *document.Node) bool {
	mode := doc.Get(reserved).Get("mode")
	return mode != nil && mode.Kind == document.String && mode.Plain() == "build"
}

type validator struct {
	img      *image.Image
	source   string
	sections map[string]*document.Node
	found    finding.List
}

func (v *validator) report(pos finding.Pos, path, message string) {
	v.found = append(v.found, finding.Finding{Source: v.source, Pos: pos, Path: path, Message: message})
}

// ignores tells whether a key says nothing to this image. Null is the same as absent.
func (v *validator) ignores(m *document.Member) bool {
	return m.Value.Kind == document.Null || m.Name == "$schema" || strings.HasPrefix(m.Name, "x-") ||
		slices.Contains(v.img.Policy.Ignore, m.Name)
}

func (v *validator) section(m *document.Member) {
	s := v.img.Service(m.Name)
	if s == nil {
		v.report(m.Pos, document.Join("", m.Name), "no such service"+v.suggest(m.Name))
		return
	}
	if s.Schema == nil {
		v.report(m.Pos, s.Name, "takes no section; remove it")
		return
	}
	section, found := s.Schema.Prepare(m.Value, v.source, s.Name)
	v.sections[s.Name] = section
	v.found = append(v.found, found...)
}

// absent is what becomes of a service that the document says nothing of.
func (v *validator) absent(s *image.Service, doc *document.Node) {
	switch {
	case s.Schema == nil:
		v.sections[s.Name] = &document.Node{Kind: document.Object}
	case s.Default != nil:
		section, found := s.Schema.Prepare(s.Default, s.Source, "default")
		v.sections[s.Name] = placeless(section)
		v.found = append(v.found, found...)
	case s.Required && !v.meant(s.Name, doc):
		v.report(doc.Pos, s.Name, "is required")
	}
}

// placeless takes the places out of a tree that stood in no user data, for a finding about it not to name a line there.
func placeless(n *document.Node) *document.Node {
	if n == nil {
		return nil
	}
	n.Pos = finding.Pos{}
	for _, item := range n.Items {
		placeless(item)
	}
	for i := range n.Members {
		n.Members[i].Pos = finding.Pos{}
		placeless(n.Members[i].Value)
	}
	return n
}

// meant tells whether a service is missing only because its key is mistyped, which was reported.
func (v *validator) meant(name string, doc *document.Node) bool {
	return slices.ContainsFunc(doc.Members, func(m document.Member) bool {
		return !v.ignores(&m) && v.img.Service(m.Name) == nil && v.nearest(m.Name) == name
	})
}

func (v *validator) nearest(word string) string { return finding.Nearest(word, v.names()) }

func (v *validator) names() []string {
	var names []string
	for _, s := range v.img.Services {
		if s.Schema != nil {
			names = append(names, s.Name)
		}
	}
	return names
}

func (v *validator) suggest(word string) string {
	if near := v.nearest(word); near != "" {
		return fmt.Sprintf("; did you mean %q?", near)
	}
	if names := v.names(); len(names) > 0 {
		return "; this image has " + strings.Join(names, ", ")
	}
	return "; this image has none"
}

// build judges a document with the reserved key.
func (v *validator) build(doc *document.Node, m *document.Member) {
	switch mode := m.Value.Get("mode"); {
	case !BuildMode(doc):
		if mode != nil {
			v.report(mode.Pos, reserved+".mode", `must be "build"`)
		} else {
			v.report(m.Value.Pos, reserved, `must be {"mode": "build"}: the key is reserved for that`)
		}
	case !v.img.Policy.Build:
		v.report(m.Pos, reserved, `is not allowed: the image's policy does not have "build": true`)
	}
	for _, other := range m.Value.Members {
		if other.Name != "mode" {
			v.report(other.Pos, document.Join(reserved, other.Name), "no such key; known is mode")
		}
	}
	for i := range doc.Members {
		if other := &doc.Members[i]; other != m && !v.ignores(other) {
			v.report(other.Pos, document.Join("", other.Name), "must not stand beside bootconf, which leaves the instance unconfigured")
		}
	}
	v.found.Sort()
}

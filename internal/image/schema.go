package image

import (
	"github.com/bootconf/bootconf/internal/document"
	"github.com/bootconf/bootconf/internal/finding"
)

// Schema is one JSON Schema for the user data of the image, for editors and pipelines. It refers to nothing outside
// of itself.
func (i *Image) Schema() []byte {
	properties := object("$schema", object("type", text("string")))
	defs := object()
	required := &document.Node{Kind: document.Array}
	for _, s := range i.Services {
		if s.Schema == nil {
			continue
		}
		defs.Set(s.Name, s.Schema.Export("/$defs/"+s.Name))
		ref := object("$ref", text("#/$defs/"+s.Name))
		if s.Description != "" {
			ref.Set("description", text(s.Description))
		}
		if s.Default != nil {
			// A default with a secret is the image's own business.
			if section, _ := s.Schema.Prepare(s.Default, "", ""); len(section.Secrets(nil)) == 0 {
				ref.Set("default", s.Default)
			}
		}
		properties.Set(s.Name, ref)
		if s.Required && s.Default == nil {
			required.Items = append(required.Items, text(s.Name))
		}
	}
	for _, name := range i.Policy.Ignore {
		properties.Set(name, truth(true))
	}
	whole := object("$schema", text("https://json-schema.org/draft/2020-12/schema"), "title", text("User data of this image"),
		"type", text("object"), "properties", properties, "patternProperties", object("^x-", truth(true)), "additionalProperties", truth(false))
	switch {
	case i.Policy.Build:
		mode := object("const", text("build"), "description", text("Leave the instance alone, to build another image on it."))
		properties.Set("bootconf", object("type", text("object"), "properties", object("mode", mode),
			"required", &document.Node{Kind: document.Array, Items: []*document.Node{text("mode")}}, "additionalProperties", truth(false)))
		whole.Set("if", object("required", &document.Node{Kind: document.Array, Items: []*document.Node{text("bootconf")}}))
		none := object()
		for _, s := range i.Services {
			none.Set(s.Name, truth(false))
		}
		whole.Set("then", object("properties", none))
		whole.Set("else", object("required", required))
	case len(required.Items) > 0:
		whole.Set("required", required)
	}
	whole.Set("$defs", defs)
	return append(document.Encode(whole), '\n')
}

func text(s string) *document.Node { return document.NewString(s, finding.Pos{}) }

func truth(b bool) *document.Node { return &document.Node{Kind: document.Bool, Bool: b} }

// object is an object of names and values in turn.
func object(pairs ...any) *document.Node {
	n := &document.Node{Kind: document.Object}
	for i := 0; i+1 < len(pairs); i += 2 {
		n.Set(pairs[i].(string), pairs[i+1].(*document.Node))
	}
	return n
}

package schema

import (
	"slices"
	"strconv"
	"strings"

	"github.com/bootconf/bootconf/internal/document"
	"github.com/bootconf/bootconf/internal/finding"
)

// JSON is the schema for editors and other programs: in keywords of 2020-12 alone, with what "normalize" allows said
// by them.
func (s *Schema) JSON() []byte { return append(document.Encode(s.Export("")), '\n') }

// Export is the schema as JSON gives it, to stand in another document at a JSON pointer such as /$defs/database: its
// references are rewritten. S is one that Compile returned.
func (s *Schema) Export(at string) *document.Node {
	e := &exporter{at: at, wrapped: map[string]bool{}}
	if s.facts.urls {
		e.eachSchema(s.node, "", func(n *document.Node, pointer string) {
			if n.Get("normalize") != nil {
				e.wrapped[pointer] = true
			}
		})
	}
	return e.schema(s.node, "")
}

type exporter struct {
	at      string
	wrapped map[string]bool // where a URL is allowed too
}

// forms tells how a keyword holds schemas.
type forms uint8

const (
	noSchema forms = iota
	oneSchema
	schemaList
	schemaMap
)

func form(keyword string) forms {
	switch keyword {
	case "items", "contains", "additionalProperties", "propertyNames", "not", "if", "then", "else", "unevaluatedItems", "unevaluatedProperties":
		return oneSchema
	case "prefixItems", "allOf", "anyOf", "oneOf":
		return schemaList
	case "properties", "patternProperties", "dependentSchemas", "$defs":
		return schemaMap
	}
	return noSchema
}

// eachSchema calls fn with n and every schema in it.
func (e *exporter) eachSchema(n *document.Node, pointer string, fn func(*document.Node, string)) {
	fn(n, pointer)
	for _, m := range n.Members {
		at := pointer + "/" + escapeToken(m.Name)
		switch form(m.Name) {
		case oneSchema:
			e.eachSchema(m.Value, at, fn)
		case schemaList:
			for i, item := range m.Value.Items {
				e.eachSchema(item, at+"/"+strconv.Itoa(i), fn)
			}
		case schemaMap:
			for _, sub := range m.Value.Members {
				e.eachSchema(sub.Value, at+"/"+escapeToken(sub.Name), fn)
			}
		}
	}
}

func escapeToken(s string) string {
	return strings.ReplaceAll(strings.ReplaceAll(s, "~", "~0"), "/", "~1")
}

// schema is a copy of n, which stands at pointer.
func (e *exporter) schema(n *document.Node, pointer string) *document.Node {
	if n.Kind != document.Object {
		return n.Clone()
	}
	out := &document.Node{Kind: document.Object}
	for _, m := range n.Members {
		at := pointer + "/" + escapeToken(m.Name)
		v := &document.Node{Kind: m.Value.Kind}
		switch {
		case m.Name == "normalize" || m.Name == "urlParts":
			continue
		case (m.Name == "$schema" || m.Name == "$id") && e.at != "":
			continue
		case m.Name == "$ref":
			v = text(e.ref(m.Value.Plain()))
		case form(m.Name) == oneSchema:
			v = e.schema(m.Value, at)
		case form(m.Name) == schemaList:
			for i, item := range m.Value.Items {
				v.Items = append(v.Items, e.schema(item, at+"/"+strconv.Itoa(i)))
			}
		case form(m.Name) == schemaMap:
			for _, sub := range m.Value.Members {
				v.Set(sub.Name, e.schema(sub.Value, at+"/"+escapeToken(sub.Name)))
			}
		default:
			v = m.Value.Clone()
		}
		out.Set(m.Name, v)
	}
	if e.wrapped[pointer] {
		return wrap(n, out)
	}
	return out
}

// wrap says of a URL-typed section that it may be a URL, and that a URL stands for the keys that are its parts.
func wrap(n, object *document.Node) *document.Node {
	outer := &document.Node{Kind: document.Object}
	for _, name := range []string{"$schema", "$id", "title", "description", "default", "examples", "deprecated"} {
		if v := object.Get(name); v != nil {
			outer.Set(name, v)
			object.Delete(name)
		}
	}
	if required := object.Get("required"); required != nil {
		parts, rest := &document.Node{Kind: document.Array}, &document.Node{Kind: document.Array}
		fromURL := partKeys(n)
		for _, item := range required.Items {
			if slices.Contains(fromURL, item.Plain()) {
				parts.Items = append(parts.Items, item)
			} else {
				rest.Items = append(rest.Items, item)
			}
		}
		object.Delete("required")
		if len(rest.Items) > 0 {
			object.Set("required", rest)
		}
		if len(parts.Items) > 0 {
			all := object.Get("allOf")
			if all == nil {
				all = &document.Node{Kind: document.Array}
			}
			url := &document.Node{Kind: document.Array, Items: []*document.Node{text(urlKey)}}
			either := &document.Node{Kind: document.Array, Items: []*document.Node{object1("required", url), object1("required", parts)}}
			all.Items = append(all.Items, object1("anyOf", either))
			object.Set("allOf", all)
		}
	}
	whole := object.Get("properties").Get(urlKey).Clone()
	if whole == nil || whole.Kind != document.Object {
		whole = object1("format", text("uri"))
	}
	whole.Set("type", text("string"))
	outer.Set("anyOf", &document.Node{Kind: document.Array, Items: []*document.Node{whole, object}})
	return outer
}

// partKeys is the properties that a URL can fill, as far as they stand at the top of the section.
func partKeys(n *document.Node) []string {
	parts := n.Get("urlParts")
	if parts == nil {
		return append(partNames[:], "options")
	}
	var keys []string
	query := func(q *document.Node) {
		if q != nil {
			for _, m := range q.Members {
				if key := m.Value.Get("key"); key != nil {
					keys = append(keys, key.Plain())
				} else {
					keys = append(keys, m.Value.Plain())
				}
			}
		}
	}
	for _, m := range parts.Members {
		switch m.Name {
		case "schemes":
			for _, s := range m.Value.Members {
				query(s.Value.Get("query"))
				if when := s.Value.Get("when"); when != nil {
					for _, w := range when.Members {
						keys = append(keys, w.Name)
					}
				}
			}
		case "query":
			query(m.Value)
		default:
			keys = append(keys, m.Value.Plain())
		}
	}
	for i, key := range keys {
		keys[i], _, _ = strings.Cut(key, ".")
	}
	return keys
}

// ref is a reference as it is from the document that the schema is put into.
func (e *exporter) ref(ref string) string {
	pointer := strings.TrimPrefix(ref, "#")
	out, at := "#"+e.at, ""
	if pointer == "" {
		return out
	}
	for _, token := range strings.Split(pointer, "/")[1:] {
		if e.wrapped[at] {
			out += "/anyOf/1"
		}
		out += "/" + token
		at += "/" + percentDecode(token)
	}
	return out
}

func text(s string) *document.Node { return document.NewString(s, finding.Pos{}) }

func object1(name string, v *document.Node) *document.Node {
	return &document.Node{Kind: document.Object, Members: []document.Member{{Name: name, Value: v}}}
}

package schema

import (
	"slices"
	"strings"

	"github.com/bootconf/bootconf/internal/document"
	"github.com/bootconf/bootconf/internal/finding"
)

func (c *checker) checkAnyOf(s *Schema, n *document.Node, path string) bool {
	for _, sub := range s.anyOf {
		if c.valid(sub, n) {
			return true
		}
	}
	return c.none(s, s.anyOf, "at least one of ", n, path)
}

func (c *checker) checkOneOf(s *Schema, n *document.Node, path string) bool {
	var fitting []*Schema
	for _, sub := range s.oneOf {
		if c.valid(sub, n) {
			fitting = append(fitting, sub)
		}
	}
	switch len(fitting) {
	case 0:
		return c.none(s, s.oneOf, "exactly one of ", n, path)
	case 1:
		return true
	}
	if c.quiet > 0 {
		return false
	}
	if keys := requiredKeys(s.oneOf); keys != nil && s.errorMessage == "" {
		return c.fail(n.Pos, path, "must have exactly one of %s, not %s", strings.Join(keys, ", "), list(requiredKeys(fitting), "and"))
	}
	return c.fail(n.Pos, path, "%s", s.say("must fit one of the schema's alternatives only, and fits "+list(titles(fitting), "and")))
}

// none reports that n fits none of subs: by the findings of the one that is clearly meant, or by what all of them ask
// for. Many is what a choice among keys is called.
func (c *checker) none(s *Schema, subs []*Schema, many string, n *document.Node, path string) bool {
	if c.quiet > 0 {
		return false
	}
	if s.errorMessage != "" {
		return c.fail(n.Pos, path, "%s", s.errorMessage)
	}
	var typed []*Schema
	var wanted types
	for _, sub := range subs {
		k := sub.kinds()
		wanted |= k
		if k.has(n.Kind) {
			typed = append(typed, sub)
		}
	}
	if len(typed) == 0 {
		return c.fail(n.Pos, path, "must be %s, not %s", (&Schema{types: wanted}).typePhrase(), article(n.Kind))
	}
	candidates := typed
	if n.Kind == document.Object {
		candidates = narrow(candidates, func(sub *Schema) bool { return c.discriminates(sub, n) })
		all := candidates
		candidates = narrow(candidates, func(sub *Schema) bool { return hasAll(n, sub.requires()) })
		if keys := requiredKeys(all); len(candidates) == len(all) && len(all) > 1 && keys != nil && !hasAll(n, all[0].requires()) {
			for _, key := range c.meant[n] {
				if slices.Contains(keys, key) {
					return false // reported as mistyped
				}
			}
			return c.fail(n.Pos, path, "must have %s%s", many, strings.Join(keys, ", "))
		}
	}
	var best finding.List
	unique := true
	phrases := make([]string, 0, len(candidates))
	for _, sub := range candidates {
		found := c.findings(sub, n, path)
		if len(found) == 1 && found[0].Path == path && strings.HasPrefix(found[0].Message, "must be ") {
			phrases = appendNew(phrases, strings.TrimPrefix(found[0].Message, "must be "))
		}
		switch {
		case best == nil || len(found) < len(best):
			best, unique = found, true
		case len(found) == len(best):
			unique = false
		}
	}
	switch {
	case len(candidates) == 1:
	case len(phrases) == len(candidates):
		best = finding.List{{Source: c.source, Pos: n.Pos, Path: path, Message: "must be " + list(phrases, "or")}}
	case !unique:
		best = finding.List{{Source: c.source, Pos: n.Pos, Path: path, Message: "must be " + list(titles(candidates), "or")}}
	}
	c.found = append(c.found, best...)
	return false
}

// narrow is those of subs that keep tells to, or all of them if it tells so of none.
func narrow(subs []*Schema, keep func(*Schema) bool) []*Schema {
	var kept []*Schema
	for _, sub := range subs {
		if keep(sub) {
			kept = append(kept, sub)
		}
	}
	if kept == nil {
		return subs
	}
	return kept
}

// discriminates tells whether every key that has to be of a fixed value is so: {"type": "a"}.
func (c *checker) discriminates(s *Schema, n *document.Node) bool {
	for ; s.ref != nil && len(s.properties) == 0; s = s.ref {
	}
	for i := range s.properties {
		p := &s.properties[i]
		if v := n.Get(p.name); v != nil && p.schema.values() != nil && !c.valid(p.schema, v) {
			return false
		}
	}
	return true
}

// requires is the keys that an object needs for s.
func (s *Schema) requires() []string {
	for s.required == nil && s.ref != nil {
		s = s.ref
	}
	return s.required
}

func hasAll(n *document.Node, keys []string) bool {
	for _, key := range keys {
		if n.Get(key) == nil {
			return false
		}
	}
	return true
}

// requiredKeys names what each of subs requires, or is nil if one of them requires nothing.
func requiredKeys(subs []*Schema) []string {
	var keys []string
	for _, sub := range subs {
		r := sub.requires()
		if len(r) == 0 {
			return nil
		}
		keys = append(keys, list(r, "and"))
	}
	return keys
}

// titles names alternatives by their titles, or by their places.
func titles(subs []*Schema) []string {
	var names []string
	for _, sub := range subs {
		for sub.node.Get("title") == nil && sub.ref != nil {
			sub = sub.ref
		}
		title := sub.node.Get("title").Plain()
		if title == "" {
			return []string{"one of the schema's alternatives"}
		}
		names = append(names, title)
	}
	return names
}

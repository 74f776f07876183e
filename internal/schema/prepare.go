package schema

import (
	"sort"
	"strconv"
	"strings"

	"github.com/bootconf/bootconf/internal/document"
	"github.com/bootconf/bootconf/internal/finding"
)

// maxDefaults bounds how many defaults are filled in: a default may itself hold an object with defaults.
const maxDefaults = 1 << 12

// Prepare judges a document and returns a copy of it made ready: without what is null, with URLs next to their
// parts, with defaults, and with its secrets marked, also where it is invalid. Source and path, which may be empty,
// name the document in the findings. S is one that Compile returned.
func (s *Schema) Prepare(n *document.Node, source, path string) (*document.Node, finding.List) {
	return s.prepare(n, source, path, false)
}

// prepare is Prepare; keepPos says that defaults come from the same text as the document.
func (s *Schema) prepare(n *document.Node, source, path string, keepPos bool) (*document.Node, finding.List) {
	p := &preparer{checker: checker{source: source}, facts: s.facts, keepPos: keepPos}
	n = n.Clone()
	if hasNull(n) {
		p.stripNulls([]*Schema{s}, nil, n)
	}
	if p.facts.deprecated {
		p.warn(s, n, path)
	}
	if p.facts.urls {
		p.split(s, n, path)
	}
	if p.facts.defaults {
		p.fillAll(s, n, path)
	}
	for _, u := range p.urls {
		p.join(u)
	}
	if p.facts.secrets {
		p.mark(s, n)
	}
	p.refuseSealed(n, path)
	p.memo = nil
	// Almost every document is valid: paths are made only for those that are not.
	if !p.valid(s, n) {
		p.check(s, n, path)
		if p.found.Faults() == 0 {
			p.fail(n.Pos, path, "does not fit the schema")
		}
	}
	if p.steps > maxSteps {
		p.fail(n.Pos, path, "cannot be checked: the schema has too many alternatives for a value of this size")
	}
	return n, unique(p.found)
}

// preparer makes one document ready.
type preparer struct {
	checker
	facts    *facts
	keepPos  bool
	urls     []urlSection
	taken    map[*document.Node]bool // the nodes of urls
	defaults int
	marked   map[pair]bool
	sealed   map[*document.Node]bool // objects that stand for a secret
}

// unique drops findings that two schemas of the same value agree on.
func unique(found finding.List) finding.List {
	seen := map[finding.Finding]bool{}
	var kept finding.List
	for _, f := range found {
		if !seen[f] {
			seen[f] = true
			kept = append(kept, f)
		}
	}
	return kept
}

func hasNull(n *document.Node) bool {
	for _, item := range n.Items {
		if hasNull(item) {
			return true
		}
	}
	for _, m := range n.Members {
		if m.Value.Kind == document.Null || hasNull(m.Value) {
			return true
		}
	}
	return false
}

// stripNulls removes the members that are null where the schemas don't allow it. Certain is the schemas that n has to
// fit, possible those that depend on what n holds.
func (p *preparer) stripNulls(certain, possible []*Schema, n *document.Node) {
	certain, possible = inPlace(certain, possible)
	for i, item := range n.Items {
		p.stripNulls(subs(certain, func(s *Schema, fn func(*Schema)) { s.eachItem(i, fn) }),
			subs(possible, func(s *Schema, fn func(*Schema)) { s.eachItem(i, fn) }), item)
	}
	kept := n.Members[:0]
	for _, m := range n.Members {
		each := func(s *Schema, fn func(*Schema)) { s.eachFor(m.Name, fn) }
		must, may := subs(certain, each), subs(possible, each)
		if m.Value.Kind == document.Null {
			allowed := true
			for _, s := range must {
				allowed = allowed && p.valid(s, m.Value)
			}
			some := len(may) == 0
			for _, s := range may {
				some = some || p.valid(s, m.Value)
			}
			if !allowed || !some {
				continue
			}
		} else {
			p.stripNulls(must, may, m.Value)
		}
		kept = append(kept, m)
	}
	clear(n.Members[len(kept):])
	n.Members = kept
	p.memo = nil
}

// inPlace adds to the schemas of a value those that they apply in place.
func inPlace(certain, possible []*Schema) ([]*Schema, []*Schema) {
	for i := 0; i < len(certain); i++ {
		certain[i].eachInPlace(func(sub *Schema, always bool) {
			if always {
				certain = appendSchema(certain, sub)
			} else {
				possible = appendSchema(possible, sub)
			}
		})
	}
	for i := 0; i < len(possible); i++ {
		possible[i].eachInPlace(func(sub *Schema, _ bool) { possible = appendSchema(possible, sub) })
	}
	return certain, possible
}

func subs(schemas []*Schema, each func(*Schema, func(*Schema))) []*Schema {
	var out []*Schema
	for _, s := range schemas {
		each(s, func(sub *Schema) { out = appendSchema(out, sub) })
	}
	return out
}

func appendSchema(list []*Schema, s *Schema) []*Schema {
	for _, have := range list {
		if have == s {
			return list
		}
	}
	return append(list, s)
}

// eachChild calls fn with each element and member of n and the schemas that s itself has for it.
func (p *preparer) eachChild(s *Schema, n *document.Node, path string, fn func(sub *Schema, v *document.Node, path string)) {
	for i, item := range n.Items {
		s.eachItem(i, func(sub *Schema) { fn(sub, item, document.JoinIndex(path, i)) })
	}
	for _, m := range n.Members {
		s.eachFor(m.Name, func(sub *Schema) { fn(sub, m.Value, document.Join(path, m.Name)) })
	}
}

// warn reports what is deprecated and used.
func (p *preparer) warn(s *Schema, n *document.Node, path string) {
	if s.deprecated {
		message := "is deprecated"
		if s.description != "" {
			message += ": " + s.description
		}
		p.found = append(p.found, finding.Finding{Source: p.source, Pos: n.Pos, Path: path, Message: message, Warning: true})
	}
	p.applying(s, n, func(sub *Schema) { p.warn(sub, n, path) })
	p.eachChild(s, n, path, p.warn)
}

// fillAll fills in defaults until there are no more: what one default says can decide about another.
func (p *preparer) fillAll(s *Schema, n *document.Node, path string) {
	for p.fill(s, n, path) {
		if p.defaults > maxDefaults {
			p.fail(n.Pos, path, "cannot be filled in: the defaults of the schema hold each other")
			return
		}
	}
}

func (p *preparer) fill(s *Schema, n *document.Node, path string) (filled bool) {
	if n.Kind == document.Object {
		for i := range s.properties {
			prop := &s.properties[i]
			d := prop.schema.Default()
			if d == nil || n.Get(prop.name) != nil || p.defaults > maxDefaults {
				continue
			}
			v := d.Clone()
			if !p.keepPos {
				place(v, n.Pos)
			}
			n.Set(prop.name, v)
			if p.facts.urls {
				p.split(prop.schema, v, document.Join(path, prop.name))
			}
			p.defaults++
			p.memo = nil
			filled = true
		}
	}
	p.eachChild(s, n, path, func(sub *Schema, v *document.Node, path string) {
		filled = p.fill(sub, v, path) || filled
	})
	p.applying(s, n, func(sub *Schema) { filled = p.fill(sub, n, path) || filled })
	return filled
}

// place gives n and all in it the position of what it was made for.
func place(n *document.Node, pos finding.Pos) {
	n.Pos = pos
	for _, item := range n.Items {
		place(item, pos)
	}
	for i := range n.Members {
		n.Members[i].Pos = pos
		place(n.Members[i].Value, pos)
	}
}

// mark marks as secret what any schema applied to it says is one, whether or not that schema fits: a mistake of the
// document must not bring its secrets to light. So is what a schema has no place for.
func (p *preparer) mark(s *Schema, n *document.Node) {
	if n.Secret && len(n.Items) == 0 && len(n.Members) == 0 {
		return
	}
	if s.shared {
		if p.marked == nil {
			p.marked = map[pair]bool{}
		}
		if p.marked[pair{s, n}] {
			return
		}
		p.marked[pair{s, n}] = true
	}
	if s.writeOnly || s.verdict == never {
		n.Mark()
		if s.writeOnly {
			p.findSealed(n)
		}
		return
	}
	s.eachInPlace(func(sub *Schema, _ bool) { p.mark(sub, n) })
	for _, sub := range []*Schema{s.ifs, s.not} {
		if sub != nil && sub.verdict == depends {
			p.mark(sub, n)
		}
	}
	for i, item := range n.Items {
		s.eachItem(i, func(sub *Schema) { p.mark(sub, item) })
		for _, sub := range []*Schema{s.contains, s.unevaluatedItems} {
			if sub != nil && sub.verdict == depends {
				p.mark(sub, item)
			}
		}
	}
	for _, m := range n.Members {
		s.eachFor(m.Name, func(sub *Schema) { p.mark(sub, m.Value) })
		if sub := s.unevaluatedProperties; sub != nil && sub.verdict == depends {
			p.mark(sub, m.Value)
		}
	}
	if s.urls != nil {
		p.markURL(s, n)
	}
}

// findSealed gathers what stands for a sealed value in a secret: objects of one key that starts with $.
func (p *preparer) findSealed(n *document.Node) {
	if isSealed(n) {
		if p.sealed == nil {
			p.sealed = map[*document.Node]bool{}
		}
		p.sealed[n] = true
		return
	}
	for _, item := range n.Items {
		p.findSealed(item)
	}
	for _, m := range n.Members {
		p.findSealed(m.Value)
	}
}

func isSealed(n *document.Node) bool {
	return n.Kind == document.Object && len(n.Members) == 1 && strings.HasPrefix(n.Members[0].Name, "$")
}

// refuseSealed reports the sealed values at or below n.
func (p *preparer) refuseSealed(n *document.Node, path string) {
	if len(p.sealed) == 0 {
		return
	}
	if p.sealed[n] {
		p.fail(n.Pos, path, "%s is reserved, and this version cannot open it; give the value itself", n.Members[0].Name)
		if p.reported == nil {
			p.reported = map[*document.Node]bool{}
		}
		p.reported[n] = true
		return
	}
	for i, item := range n.Items {
		p.refuseSealed(item, document.JoinIndex(path, i))
	}
	for _, m := range n.Members {
		p.refuseSealed(m.Value, document.Join(path, m.Name))
	}
}

// appendCanonical writes n so that equal values have equal texts.
func appendCanonical(b []byte, n *document.Node) []byte {
	switch n.Kind {
	case document.Number:
		x := parseNumber(n.Text.Reveal())
		if x.negative {
			b = append(b, '-')
		}
		b = append(b, x.digits...)
		b = append(b, 'e')
		for e := uint64(x.exp); ; e >>= 7 { // any injective form will do
			if b = append(b, byte(e&127)+128); e < 128 {
				return b
			}
		}
	case document.String:
		return strconv.AppendQuote(b, n.Text.Reveal())
	case document.Array:
		b = append(b, '[')
		for _, item := range n.Items {
			b = append(appendCanonical(b, item), ',')
		}
		return append(b, ']')
	case document.Object:
		members := append([]document.Member(nil), n.Members...)
		sort.Slice(members, func(i, j int) bool { return members[i].Name < members[j].Name })
		b = append(b, '{')
		for _, m := range members {
			b = append(appendCanonical(append(strconv.AppendQuote(b, m.Name), ':'), m.Value), ',')
		}
		return append(b, '}')
	}
	return append(b, document.Compact(n)...) // null, true, false
}

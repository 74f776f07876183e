package schema

import (
	"fmt"
	"regexp/syntax"
	"strconv"
	"strings"

	"github.com/bootconf/bootconf/internal/document"
	"github.com/bootconf/bootconf/internal/finding"
)

// dialect is the only value of $schema.
const dialect = "https://json-schema.org/draft/2020-12/schema"

// keywords is all that a schema may hold, for suggestions.
var keywords = []string{
	"$comment", "$defs", "$id", "$ref", "$schema", "additionalProperties", "allOf", "anyOf", "const", "contains",
	"contentEncoding", "contentMediaType", "default", "dependentRequired", "dependentSchemas", "deprecated", "description",
	"else", "enum", "errorMessage", "examples", "exclusiveMaximum", "exclusiveMinimum", "format", "if", "items",
	"maxContains", "maxItems", "maxLength", "maxProperties", "maximum", "minContains", "minItems", "minLength",
	"minProperties", "minimum", "multipleOf", "normalize", "not", "oneOf", "pattern", "patternProperties", "prefixItems",
	"properties", "propertyNames", "readOnly", "required", "then", "title", "type", "unevaluatedItems",
	"unevaluatedProperties", "uniqueItems", "urlParts", "writeOnly",
}

// Compile checks a schema and makes it ready for use. Source names it in the findings. The Schema is never nil, so
// that checks that build on it can go on; with findings it is good for no more than that.
func Compile(root *document.Node, source string) (*Schema, finding.List) {
	c := &compiler{source: source, root: root, facts: &facts{}, done: map[*document.Node]*Schema{}}
	s := c.schema(root, "")
	c.resolve()
	c.breakLoops()
	if c.facts.urls {
		for i, s := range c.all {
			c.urlParts(s, c.paths[i])
		}
		c.checkURLs()
	}
	if len(c.found) == 0 {
		c.checkDefaults()
	}
	c.found.Sort()
	return s, c.found
}

type compiler struct {
	source string
	root   *document.Node
	facts  *facts
	found  finding.List
	done   map[*document.Node]*Schema
	all    []*Schema // in the order of the text, as far as no $ref ran ahead
	paths  []string  // of each of all
	refs   []reference
}

// reference is a $ref that is still to be looked up: it may point ahead.
type reference struct {
	from *Schema
	to   *document.Node // the string
	path string
}

func (c *compiler) report(pos finding.Pos, path, format string, args ...any) {
	c.found = append(c.found, finding.Finding{Source: c.source, Pos: pos, Path: path, Message: fmt.Sprintf(format, args...)})
}

func (c *compiler) schema(n *document.Node, path string) *Schema {
	if s := c.done[n]; s != nil {
		return s
	}
	s := &Schema{
		node: n, facts: c.facts,
		minLength: none, maxLength: none, minItems: none, maxItems: none,
		minContains: none, maxContains: none, minProperties: none, maxProperties: none,
	}
	c.done[n] = s
	c.all, c.paths = append(c.all, s), append(c.paths, path)
	switch n.Kind {
	case document.Bool:
		s.verdict = never
		if n.Bool {
			s.verdict = always
		}
	case document.Object:
		for _, m := range n.Members {
			c.keyword(s, m, document.Join(path, m.Name))
		}
	default:
		c.report(n.Pos, path, "must be a schema: an object, true or false")
	}
	return s
}

func (c *compiler) keyword(s *Schema, m document.Member, path string) {
	v := m.Value
	switch m.Name {
	case "type":
		s.types = c.types(v, path)
	case "enum":
		if c.is(v, document.Array, path) {
			s.enum = v.Items
			if len(v.Items) == 0 {
				c.report(v.Pos, path, "must not be empty: no value could ever fit")
			}
		}
	case "const":
		s.constant = v
	case "multipleOf":
		s.multipleOf = c.number(v, path)
		if l := s.multipleOf; l != nil && (l.sign() <= 0 || len(l.digits) > maxDivisor || l.exp > maxDivisor || l.exp < -maxDivisor) {
			c.report(v.Pos, path, "must be greater than 0 and have at most %d digits", maxDivisor)
			s.multipleOf = nil
		}
	case "minimum":
		s.minimum = c.number(v, path)
	case "maximum":
		s.maximum = c.number(v, path)
	case "exclusiveMinimum":
		s.aboveMinimum = c.number(v, path)
	case "exclusiveMaximum":
		s.belowMaximum = c.number(v, path)
	case "minLength":
		s.minLength = c.count(v, path)
	case "maxLength":
		s.maxLength = c.count(v, path)
	case "pattern":
		if c.is(v, document.String, path) {
			s.pattern = c.pattern(v.Plain(), v.Pos, path)
		}
	case "format":
		s.format = c.oneOf(v, path, "no such format", formats)
	case "minItems":
		s.minItems = c.count(v, path)
	case "maxItems":
		s.maxItems = c.count(v, path)
	case "minContains":
		s.minContains = c.count(v, path)
	case "maxContains":
		s.maxContains = c.count(v, path)
	case "uniqueItems":
		s.uniqueItems = c.bool(v, path)
	case "prefixItems":
		s.prefixItems = c.schemas(v, path)
	case "items":
		if v.Kind == document.Array {
			c.report(v.Pos, path, "must be one schema; prefixItems takes a list of them")
			return
		}
		s.items = c.schema(v, path)
	case "contains":
		s.contains = c.schema(v, path)
	case "minProperties":
		s.minProperties = c.count(v, path)
	case "maxProperties":
		s.maxProperties = c.count(v, path)
	case "properties":
		s.properties = c.named(v, path)
	case "patternProperties":
		if !c.is(v, document.Object, path) {
			return
		}
		for _, m := range v.Members {
			at := document.Join(path, m.Name)
			sub := c.schema(m.Value, at)
			if p := c.pattern(m.Name, m.Pos, at); p != nil {
				s.patternProperties = append(s.patternProperties, patternProperty{p, sub})
			}
		}
	case "additionalProperties":
		s.additional = c.schema(v, path)
	case "propertyNames":
		s.names = c.schema(v, path)
	case "required":
		s.required = c.strings(v, path)
	case "dependentRequired":
		if !c.is(v, document.Object, path) {
			return
		}
		for _, m := range v.Members {
			s.dependentRequired = append(s.dependentRequired, dependency{m.Name, c.strings(m.Value, document.Join(path, m.Name))})
		}
	case "dependentSchemas":
		s.dependentSchemas = c.named(v, path)
	case "allOf":
		s.allOf = c.nonEmpty(v, path)
	case "anyOf":
		s.anyOf = c.nonEmpty(v, path)
	case "oneOf":
		s.oneOf = c.nonEmpty(v, path)
	case "not":
		s.not = c.schema(v, path)
	case "if":
		s.ifs = c.schema(v, path)
	case "then":
		s.then = c.schema(v, path)
	case "else":
		s.otherwise = c.schema(v, path)
	case "unevaluatedItems":
		s.unevaluatedItems = c.schema(v, path)
	case "unevaluatedProperties":
		s.unevaluatedProperties = c.schema(v, path)
	case "$ref":
		if c.is(v, document.String, path) {
			c.refs = append(c.refs, reference{s, v, path})
		}
	case "$defs":
		c.named(v, path)
	case "default":
		s.fallback, c.facts.defaults = v, true
	case "deprecated":
		s.deprecated = c.bool(v, path)
		c.facts.deprecated = c.facts.deprecated || s.deprecated
	case "writeOnly":
		s.writeOnly = c.bool(v, path)
		c.facts.secrets = c.facts.secrets || s.writeOnly
	case "readOnly":
		c.bool(v, path)
	case "description":
		s.description = c.string(v, path)
	case "errorMessage":
		s.errorMessage = c.string(v, path)
	case "title", "$comment", "contentEncoding", "contentMediaType":
		c.string(v, path)
	case "examples":
		c.is(v, document.Array, path)
	case "$id":
		if c.string(v, path); s.node != c.root {
			c.report(m.Pos, path, "must stand at the top of the file")
		}
	case "$schema":
		if s.node != c.root {
			c.report(m.Pos, path, "must stand at the top of the file")
		} else if c.is(v, document.String, path) && strings.TrimSuffix(v.Plain(), "#") != dialect {
			c.report(v.Pos, path, "must be %q: no other version is understood", dialect)
		}
	case "normalize":
		if c.oneOf(v, path, "no such normalization", []string{"url"}) != "" {
			s.urls, c.facts.urls, c.facts.secrets = &urlMap{}, true, true
		}
	case "urlParts": // read once all properties are known
		c.facts.urls = true
	default:
		c.unknown(m, path)
	}
}

func (c *compiler) unknown(m document.Member, path string) {
	switch m.Name {
	case "definitions":
		c.report(m.Pos, path, "no such keyword; it is called $defs")
	case "dependencies":
		c.report(m.Pos, path, "no such keyword; it is called dependentRequired or dependentSchemas")
	case "additionalItems":
		c.report(m.Pos, path, "no such keyword; it is called items, and the list before it prefixItems")
	case "$anchor", "$dynamicRef", "$dynamicAnchor", "$recursiveRef", "$recursiveAnchor":
		c.report(m.Pos, path, "is not supported; point with $ref to #/$defs/NAME")
	case "$vocabulary", "contentSchema":
		c.report(m.Pos, path, "is not supported")
	default:
		if !strings.HasPrefix(m.Name, "x-") {
			c.report(m.Pos, path, "no such keyword%s", didYouMean(m.Name, keywords))
		}
	}
}

func didYouMean(word string, candidates []string) string {
	if near := finding.Nearest(word, candidates); near != "" {
		return fmt.Sprintf("; did you mean %q?", near)
	}
	return ""
}

func (c *compiler) is(v *document.Node, kind document.Kind, path string) bool {
	if v.Kind != kind {
		c.report(v.Pos, path, "must be %s, not %s", article(kind), article(v.Kind))
	}
	return v.Kind == kind
}

func (c *compiler) string(v *document.Node, path string) string {
	if !c.is(v, document.String, path) {
		return ""
	}
	return v.Plain()
}

func (c *compiler) bool(v *document.Node, path string) bool {
	return c.is(v, document.Bool, path) && v.Bool
}

func (c *compiler) number(v *document.Node, path string) *limit {
	if !c.is(v, document.Number, path) {
		return nil
	}
	return &limit{parseNumber(v.Plain()), v.Plain()}
}

func (c *compiler) count(v *document.Node, path string) limits {
	if v.Kind == document.Number {
		if n := parseNumber(v.Plain()); n.sign() >= 0 && n.integer() && n.exp < 10 {
			i, _ := strconv.Atoi(n.digits + strings.Repeat("0", int(n.exp)-len(n.digits)))
			return limits(i)
		}
	}
	c.report(v.Pos, path, "must be an integer from 0 to 999999999")
	return none
}

// oneOf is the string v if it is one of allowed, or "".
func (c *compiler) oneOf(v *document.Node, path, otherwise string, allowed []string) string {
	s := c.string(v, path)
	for _, a := range allowed {
		if s == a {
			return s
		}
	}
	if v.Kind == document.String {
		near := didYouMean(s, allowed)
		if near == "" {
			near = "; must be one of " + list(allowed, "or")
		}
		c.report(v.Pos, path, "%s%s", otherwise, near)
	}
	return ""
}

func (c *compiler) strings(v *document.Node, path string) []string {
	if !c.is(v, document.Array, path) {
		return nil
	}
	var out []string
	for i, item := range v.Items {
		if c.is(item, document.String, document.JoinIndex(path, i)) {
			out = append(out, item.Plain())
		}
	}
	return out
}

func (c *compiler) types(v *document.Node, path string) types {
	if v.Kind != document.Array {
		return c.typeNamed(v, path)
	}
	var t types
	for i, item := range v.Items {
		t |= c.typeNamed(item, document.JoinIndex(path, i))
	}
	if len(v.Items) == 0 {
		c.report(v.Pos, path, "must not be empty: no value could ever fit")
	}
	return t
}

func (c *compiler) typeNamed(v *document.Node, path string) types {
	names := []string{"null", "boolean", "number", "string", "array", "object", "integer"}
	name := c.oneOf(v, path, "no such type", names)
	for k := document.Null; k <= document.Object; k++ {
		if name == k.String() {
			return 1 << k
		}
	}
	if name == "integer" {
		return integerBit
	}
	return 0
}

func (c *compiler) schemas(v *document.Node, path string) []*Schema {
	if !c.is(v, document.Array, path) {
		return nil
	}
	out := make([]*Schema, len(v.Items))
	for i, item := range v.Items {
		out[i] = c.schema(item, document.JoinIndex(path, i))
	}
	return out
}

func (c *compiler) nonEmpty(v *document.Node, path string) []*Schema {
	if v.Kind == document.Array && len(v.Items) == 0 {
		c.report(v.Pos, path, "must hold at least one schema")
	}
	return c.schemas(v, path)
}

func (c *compiler) named(v *document.Node, path string) []property {
	if !c.is(v, document.Object, path) {
		return nil
	}
	out := make([]property, len(v.Members))
	for i, m := range v.Members {
		out[i] = property{m.Name, c.schema(m.Value, document.Join(path, m.Name))}
	}
	return out
}

// pattern checks an expression without the expensive half of compiling it.
func (c *compiler) pattern(text string, pos finding.Pos, path string) *pattern {
	if _, err := syntax.Parse(text, syntax.Perl); err != nil {
		hint := ""
		if strings.Contains(text, "(?=") || strings.Contains(text, "(?!") || strings.Contains(text, "(?<") {
			hint = "; RE2 has no look-around"
		}
		c.report(pos, path, "is no regular expression of RE2 (https://golang.org/s/re2syntax)%s", hint)
		return nil
	}
	return &pattern{text: text}
}

// resolve looks up the references, also those in what only a reference led to.
func (c *compiler) resolve() {
	for i := 0; i < len(c.refs); i++ {
		r := c.refs[i]
		ref := r.to.Plain()
		if !strings.HasPrefix(ref, "#") || len(ref) > 1 && ref[1] != '/' {
			c.report(r.to.Pos, r.path, "must point into this file: #/$defs/NAME")
			continue
		}
		target, path := c.lookup(ref[1:])
		if target == nil {
			c.report(r.to.Pos, r.path, "points to nothing%s", c.suggestRef(ref))
			continue
		}
		s := c.schema(target, path)
		s.shared = true
		r.from.ref = s
	}
}

// lookup follows a JSON pointer (RFC 6901) as a URI's fragment writes it.
func (c *compiler) lookup(pointer string) (n *document.Node, path string) {
	n = c.root
	if badChar(pointer, ":@/?") == '%' {
		return nil, ""
	}
	for _, token := range pointerTokens(pointer) {
		if n.Kind == document.Array {
			i, err := strconv.Atoi(token)
			if err != nil || i < 0 || i >= len(n.Items) || strconv.Itoa(i) != token {
				return nil, ""
			}
			n, path = n.Items[i], document.JoinIndex(path, i)
			continue
		}
		if n = n.Get(token); n == nil {
			return nil, ""
		}
		path = document.Join(path, token)
	}
	return n, path
}

func pointerTokens(pointer string) []string {
	tokens := strings.Split(percentDecode(pointer), "/")[1:] // a / is written ~1, so decoding first is safe
	for i, t := range tokens {
		if strings.Contains(t, "~") {
			tokens[i] = strings.ReplaceAll(strings.ReplaceAll(t, "~1", "/"), "~0", "~")
		}
	}
	return tokens
}

func (c *compiler) suggestRef(ref string) string {
	var known []string
	if defs := c.root.Get("$defs"); defs != nil {
		for _, m := range defs.Members {
			known = append(known, "#/$defs/"+m.Name)
		}
	}
	return didYouMean(ref, known)
}

// breakLoops reports schemas that apply themselves to the same value again, and could never come to an end.
func (c *compiler) breakLoops() {
	const visiting, visited = 1, 2
	state := map[*Schema]int{}
	var visit func(s *Schema) bool
	visit = func(s *Schema) (loops bool) {
		if s == nil || state[s] == visited {
			return false
		}
		if state[s] == visiting {
			return true
		}
		state[s] = visiting
		if visit(s.ref) {
			for _, r := range c.refs {
				if r.from == s {
					c.report(r.to.Pos, r.path, "leads back to where it stands, for the same value: it could never be judged")
				}
			}
			s.ref = nil
		}
		for _, list := range [][]*Schema{s.allOf, s.anyOf, s.oneOf, {s.not, s.ifs, s.then, s.otherwise}} {
			for _, sub := range list {
				loops = visit(sub) || loops
			}
		}
		for i := range s.dependentSchemas {
			loops = visit(s.dependentSchemas[i].schema) || loops
		}
		state[s] = visited
		return loops
	}
	for _, s := range c.all {
		visit(s)
	}
}

// checkDefaults sees to it that a default fits the schema it stands in: otherwise every boot would fail for it.
func (c *compiler) checkDefaults() {
	for i, s := range c.all {
		if s.fallback == nil {
			continue
		}
		_, found := s.prepare(s.fallback, c.source, document.Join(c.paths[i], "default"), true)
		for _, f := range found {
			if !f.Warning {
				c.found = append(c.found, f)
			}
		}
	}
}

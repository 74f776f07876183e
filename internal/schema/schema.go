// Package schema judges a document by a JSON Schema (2020-12), for people: it reports every fault with its place, in
// words that say what to write instead, and never with the value that it judges or a dump of the schema. What it
// hands back is the document made ready: null taken for absent, URLs split and joined, defaults filled in, secrets
// marked. It is strict about schemas too: a keyword it does not know is a fault, since a mistyped one would otherwise
// allow everything.
//
// It has all of 2020-12 but $anchor, $dynamicRef, $vocabulary, contentSchema, and $ref out of the file. The formats
// hostname, ipv4, ipv6, uri and email are asserted; patterns are those of RE2; "errorMessage" replaces what would be
// said where a value fails its pattern, format, not, anyOf, oneOf or contains. Keywords that begin with x- are ignored.
//
// Of a property, "writeOnly": true marks the value, whatever is in it, as a secret, also where the document is
// invalid, and "deprecated": true gives a warning where it is used.
//
// "normalize": "url" makes a URL and its parts available side by side, whichever of them is given. It needs a
// property url. "urlParts" says which property takes which part:
//
//	"urlParts": {
//	  "schemes": {
//	    "amqps": {"when": {"tls": {}}, "query": {"cacertfile": "tls.ca_file"}},
//	    "amqp": {}
//	  },
//	  "user": "user", "password": "password", "host": "host", "port": "port", "path": "vhost",
//	  "query": {"heartbeat": "heartbeat"}, "options": "options"
//	}
//
// The scheme of a URL sets what stands in its "when"; parts are joined to a URL of the first scheme whose "when" they
// contain, or of the scheme that was given. A scheme that is only another name is a string: "postgres": "postgresql".
// "query" names the property of a query parameter, or maps its values too: {"key": "tls.mode", "values": {"REQUIRED":
// "require"}}; "options" is the property that takes all other parameters. Without schemes, "scheme" names a property
// that holds it. Each part is percent-encoded in the URL and plain in its property; the path is one segment, and
// absent is not the same as empty. Without urlParts every part stands under its own name, as far as it is declared.
package schema

import (
	"regexp"
	"slices"
	"sync"

	"github.com/bootconf/bootconf/internal/document"
)

// Schema is a compiled schema, or one within it. A nil Schema is one that nothing is known of: it allows anything.
type Schema struct {
	node  *document.Node // as it was written
	facts *facts         // of the schema it belongs to

	verdict  verdict
	types    types
	enum     []*document.Node
	constant *document.Node // const

	multipleOf, minimum, maximum, aboveMinimum, belowMaximum *limit

	minLength, maxLength limits
	pattern              *pattern
	format               string

	minItems, maxItems       limits
	minContains, maxContains limits
	prefixItems              []*Schema
	items, contains          *Schema
	uniqueItems              bool

	minProperties, maxProperties limits
	properties                   []property
	patternProperties            []patternProperty
	additional, names            *Schema
	required                     []string
	dependentRequired            []dependency
	dependentSchemas             []property

	ref                  *Schema
	allOf, anyOf, oneOf  []*Schema
	not                  *Schema
	ifs, then, otherwise *Schema

	unevaluatedItems, unevaluatedProperties *Schema

	fallback     *document.Node // default
	errorMessage string
	description  string
	deprecated   bool
	writeOnly    bool
	urls         *urlMap // "normalize": "url"

	shared bool      // more than one way leads here: a $ref points to it
	views  []*Schema // what applies to one key, for Property and Elem; such a Schema has nothing else
}

// facts is what a schema has anywhere, so that what it doesn't have costs nothing.
type facts struct {
	urls, defaults, deprecated, secrets bool
}

// verdict is what a boolean schema says.
type verdict uint8

const (
	depends verdict = iota
	always
	never
)

// types is a set of JSON types: the bit 1<<Kind of each, and integerBit for integers alone. Zero allows all.
type types uint8

const integerBit types = 1 << 7

func (t types) has(k document.Kind) bool {
	return t == 0 || t&(1<<k) != 0 || k == document.Number && t&integerBit != 0
}

// limit is a number of the schema and the text that stands for it in messages.
type limit struct {
	number
	text string
}

// limits is a count, or negative where there is none.
type limits int

const none limits = -1

type property struct {
	name   string
	schema *Schema
}

type patternProperty struct {
	pattern *pattern
	schema  *Schema
}

type dependency struct {
	name     string
	requires []string
}

// pattern is a regular expression that was checked, and is compiled when a value first needs it.
type pattern struct {
	text string
	once sync.Once
	re   *regexp.Regexp
}

func (p *pattern) match(s string) bool {
	p.once.Do(func() { p.re = regexp.MustCompile(p.text) })
	return p.re.MatchString(s)
}

// values is the only ones that enum or const allow, or nil.
func (s *Schema) values() []*document.Node {
	if s.constant != nil {
		return []*document.Node{s.constant}
	}
	return s.enum
}

// property is the schema of that name in properties.
func (s *Schema) property(name string) (*Schema, bool) {
	for i := range s.properties {
		if s.properties[i].name == name {
			return s.properties[i].schema, true
		}
	}
	return nil, false
}

// eachFor calls fn with every schema that s itself has for the values of key: those of properties,
// patternProperties and additionalProperties.
func (s *Schema) eachFor(key string, fn func(*Schema)) {
	sub, found := s.property(key)
	if found {
		fn(sub)
	}
	for i := range s.patternProperties {
		if p := &s.patternProperties[i]; p.pattern.match(key) {
			fn(p.schema)
			found = true
		}
	}
	if !found && s.additional != nil {
		fn(s.additional)
	}
}

// eachItem calls fn with the schema that s itself has for the i-th element.
func (s *Schema) eachItem(i int, fn func(*Schema)) {
	if i < len(s.prefixItems) {
		fn(s.prefixItems[i])
	} else if s.items != nil {
		fn(s.items)
	}
}

// eachInPlace calls fn with every schema that judges the same value as s; certain says that it does so whatever the
// value is. Those that only ask a question, if and not, are left out.
func (s *Schema) eachInPlace(fn func(sub *Schema, certain bool)) {
	if s.ref != nil {
		fn(s.ref, true)
	}
	for _, sub := range s.allOf {
		fn(sub, true)
	}
	for _, sub := range s.anyOf {
		fn(sub, len(s.anyOf) == 1)
	}
	for _, sub := range s.oneOf {
		fn(sub, len(s.oneOf) == 1)
	}
	if s.ifs != nil && s.then != nil {
		fn(s.then, false)
	}
	if s.ifs != nil && s.otherwise != nil {
		fn(s.otherwise, false)
	}
	for i := range s.dependentSchemas {
		fn(s.dependentSchemas[i].schema, false)
	}
}

// Property is what the schema declares for a key of an object, wherever it does so: nil and true if anything may
// stand there, false if the key is not declared. Where a schema says nothing about additional keys, they are not.
func (s *Schema) Property(key string) (*Schema, bool) {
	d := declared{}
	if !s.kinds().has(document.Object) {
		return nil, false
	}
	d.in(s, func(s *Schema) {
		s.eachFor(key, d.add)
		if s.unevaluatedProperties != nil && s.unevaluatedProperties.verdict != never {
			d.open = true
		}
		if len(s.properties) > 0 || len(s.patternProperties) > 0 || s.additional != nil || s.unevaluatedProperties != nil {
			d.closed = true
		}
	})
	return d.result()
}

// Elem is what the schema declares for the elements of an array or the values of an object: nil and true if they may
// be anything, false if there are none, because the value is neither.
func (s *Schema) Elem() (*Schema, bool) {
	d := declared{}
	if k := s.kinds(); !k.has(document.Array) && !k.has(document.Object) {
		return nil, false
	}
	d.in(s, func(s *Schema) {
		for _, sub := range s.prefixItems {
			d.add(sub)
		}
		if s.items != nil {
			d.add(s.items)
		}
		for i := range s.properties {
			d.add(s.properties[i].schema)
		}
		for i := range s.patternProperties {
			d.add(s.patternProperties[i].schema)
		}
		if s.additional != nil {
			d.add(s.additional)
		}
	})
	return d.result()
}

// declared gathers what several schemas say about one key.
type declared struct {
	found  []*Schema
	open   bool // something allows any value
	closed bool // something says what there is, and so what there is not
}

func (d *declared) in(s *Schema, look func(*Schema)) {
	if s == nil {
		d.open = true
		return
	}
	for _, v := range s.views {
		d.in(v, look)
	}
	if s.views == nil {
		look(s)
		s.eachInPlace(func(sub *Schema, _ bool) { d.in(sub, look) })
	}
}

func (d *declared) add(s *Schema) {
	switch s.verdict {
	case always:
		d.open = true
	case depends:
		if !slices.Contains(d.found, s) {
			d.found = append(d.found, s)
		}
	}
}

func (d *declared) result() (*Schema, bool) {
	switch len(d.found) {
	case 0:
		return nil, d.open || !d.closed
	case 1:
		return d.found[0], true
	}
	return &Schema{views: d.found}, true
}

// Types is the JSON types that the schema allows; all of them if it doesn't say.
func (s *Schema) Types() []document.Kind {
	allowed := s.kinds()
	var list []document.Kind
	for k := document.Null; k <= document.Object; k++ {
		if allowed.has(k) {
			list = append(list, k)
		}
	}
	return list
}

const allTypes types = 1<<(document.Object+1) - 1

// kinds is the types that a value may have, as far as "type", "enum" and "const" say.
func (s *Schema) kinds() types {
	if s == nil {
		return allTypes
	}
	allowed, union := allTypes, types(0)
	narrow := func(t types) {
		union |= t
		allowed &= t
	}
	for _, v := range s.views {
		narrow(v.kinds())
	}
	if s.types != 0 {
		t := s.types
		if t&integerBit != 0 {
			t |= 1 << document.Number
		}
		narrow(t & allTypes)
	}
	if allowed := s.values(); allowed != nil {
		var t types
		for _, v := range allowed {
			t |= 1 << v.Kind
		}
		narrow(t)
	}
	if s.ref != nil {
		narrow(s.ref.kinds())
	}
	for _, sub := range s.allOf {
		narrow(sub.kinds())
	}
	for _, list := range [][]*Schema{s.anyOf, s.oneOf} {
		var t types
		for _, sub := range list {
			t |= sub.kinds()
		}
		if list != nil {
			narrow(t)
		}
	}
	if allowed == 0 { // schemas that apply one instead of the other
		return union
	}
	return allowed
}

// Secrets tells whether any value in the schema's document is marked writeOnly.
func (s *Schema) Secrets() bool { return s != nil && s.facts.secrets }

// WriteOnly tells whether every value of the schema is a secret.
func (s *Schema) WriteOnly() bool {
	d := declared{}
	secret := false
	d.in(s, func(s *Schema) { secret = secret || s.writeOnly })
	return secret
}

// Default is what stands for a value that is absent, or nil.
func (s *Schema) Default() *document.Node {
	if s == nil {
		return nil
	}
	for s.fallback == nil && s.ref != nil {
		s = s.ref
	}
	return s.fallback
}

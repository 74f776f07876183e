package schema

import (
	"fmt"
	"slices"
	"unicode/utf8"

	"github.com/bootconf/bootconf/internal/document"
	"github.com/bootconf/bootconf/internal/finding"
)

// maxSteps bounds how often a schema is applied to a value in one check, far above what the largest document needs
// with a schema that isn't made to take for ever.
const maxSteps = 1 << 22

// checker judges one document.
type checker struct {
	source string
	found  finding.List
	quiet  int // in how many questions it is whose answer is yes or no: nothing is reported
	steps  int
	memo   map[pair]bool
	// What was reported already, so that nothing that only follows from it is: values, objects that lack parts of
	// their URL, and keys that an object lacks because they are mistyped.
	reported map[*document.Node]bool
	partless map[*document.Node]bool
	meant    map[*document.Node][]string
}

type pair struct {
	schema *Schema
	node   *document.Node
}

// fail reports a fault, and is always false.
func (c *checker) fail(pos finding.Pos, path, format string, args ...any) bool {
	if c.quiet == 0 {
		c.found = append(c.found, finding.Finding{Source: c.source, Pos: pos, Path: path, Message: fmt.Sprintf(format, args...)})
	}
	return false
}

// valid answers whether n fits s.
func (c *checker) valid(s *Schema, n *document.Node) bool {
	if s.shared { // the same question may come again along another way
		if answer, known := c.memo[pair{s, n}]; known {
			return answer
		}
	}
	c.quiet++
	answer := c.check(s, n, "")
	c.quiet--
	if s.shared {
		if c.memo == nil {
			c.memo = map[pair]bool{}
		}
		c.memo[pair{s, n}] = answer
	}
	return answer
}

// findings is what check would report.
func (c *checker) findings(s *Schema, n *document.Node, path string) finding.List {
	before, quiet := c.found, c.quiet
	c.found, c.quiet = nil, 0
	c.check(s, n, path)
	found := c.found
	c.found, c.quiet = before, quiet
	return found
}

// join is the path of a member, needed only where something is reported.
func (c *checker) join(path, key string) string {
	if c.quiet > 0 {
		return ""
	}
	return document.Join(path, key)
}

func (c *checker) joinIndex(path string, i int) string {
	if c.quiet > 0 {
		return ""
	}
	return document.JoinIndex(path, i)
}

// check tells whether n fits s, and reports why not.
func (c *checker) check(s *Schema, n *document.Node, path string) bool {
	if c.steps++; c.steps > maxSteps { // Prepare reports it
		return false
	}
	if c.reported[n] {
		return true
	}
	switch s.verdict {
	case always:
		return true
	case never:
		return c.fail(n.Pos, path, "must be left out")
	}
	good := s.ref == nil || c.quiet > 0 && c.valid(s.ref, n) || c.quiet == 0 && c.check(s.ref, n, path)
	if !good && c.quiet > 0 || !c.checkType(s, n, path) {
		return false
	}
	// each tells whether there is any use in going on.
	each := func(ok bool) bool {
		good = good && ok
		return good || c.quiet == 0
	}
	switch n.Kind {
	case document.Number:
		each(c.checkNumber(s, n, path))
	case document.String:
		each(c.checkString(s, n, path))
	case document.Array:
		each(c.checkArray(s, n, path))
	case document.Object:
		each(c.checkObject(s, n, path))
	}
	if !good && c.quiet > 0 {
		return false
	}
	for _, sub := range s.allOf {
		if !each(c.check(sub, n, path)) {
			return false
		}
	}
	if s.anyOf != nil && !each(c.checkAnyOf(s, n, path)) {
		return false
	}
	if s.oneOf != nil && !each(c.checkOneOf(s, n, path)) {
		return false
	}
	if s.not != nil && c.valid(s.not, n) {
		if c.quiet > 0 {
			return false
		}
		good = c.fail(n.Pos, path, "%s", s.say(s.notPhrase()))
	}
	if s.ifs != nil && (s.then != nil || s.otherwise != nil) {
		branch := s.otherwise
		if c.valid(s.ifs, n) {
			branch = s.then
		}
		if branch != nil && !each(c.check(branch, n, path)) {
			return false
		}
	}
	if s.unevaluatedItems != nil || s.unevaluatedProperties != nil {
		each(c.checkUnevaluated(s, n, path))
	}
	return good
}

// say is the schema's own message, if it has one, in place of another.
func (s *Schema) say(message string) string {
	if s.errorMessage != "" {
		return s.errorMessage
	}
	return message
}

func (c *checker) checkType(s *Schema, n *document.Node, path string) bool {
	if s.constant != nil && !equal(s.constant, n) || s.enum != nil && !slices.ContainsFunc(s.enum, func(v *document.Node) bool { return equal(v, n) }) {
		return c.quiet == 0 && c.fail(n.Pos, path, "%s", s.mustBe())
	}
	if s.types.has(n.Kind) {
		if n.Kind != document.Number || s.types == 0 || s.types&(1<<document.Number) != 0 || parseNumber(n.Text.Reveal()).integer() {
			return true
		}
		return c.quiet == 0 && c.fail(n.Pos, path, "%s", s.mustBe())
	}
	return c.quiet == 0 && c.fail(n.Pos, path, "%s, not %s", s.mustBe(), article(n.Kind))
}

func (c *checker) checkNumber(s *Schema, n *document.Node, path string) bool {
	if s.multipleOf == nil && s.minimum == nil && s.maximum == nil && s.aboveMinimum == nil && s.belowMaximum == nil {
		return true
	}
	x := parseNumber(n.Text.Reveal())
	if s.multipleOf != nil && !x.multipleOf(s.multipleOf.number) ||
		s.minimum != nil && x.compare(s.minimum.number) < 0 ||
		s.maximum != nil && x.compare(s.maximum.number) > 0 ||
		s.aboveMinimum != nil && x.compare(s.aboveMinimum.number) <= 0 ||
		s.belowMaximum != nil && x.compare(s.belowMaximum.number) >= 0 {
		return c.quiet == 0 && c.fail(n.Pos, path, "must be %s", s.numberPhrase())
	}
	return true
}

func (c *checker) checkString(s *Schema, n *document.Node, path string) bool {
	text, good := n.Text.Reveal(), true
	if s.minLength >= 0 || s.maxLength >= 0 {
		if l := limits(utf8.RuneCountInString(text)); l < s.minLength || s.maxLength >= 0 && l > s.maxLength {
			good = c.fail(n.Pos, path, "%s", lengthPhrase(s.minLength, s.maxLength, "character", "characters"))
		}
	}
	if !good && c.quiet > 0 {
		return false
	}
	if s.pattern != nil && !s.pattern.match(text) {
		message := "must match " + s.pattern.text
		if s.errorMessage == "" || good {
			good = c.fail(n.Pos, path, "%s", s.say(message))
		}
	}
	if s.format != "" {
		if ok, phrase := hasFormat(s.format, text); !ok && (s.errorMessage == "" || good) {
			good = c.fail(n.Pos, path, "%s", s.say("must be "+phrase))
		}
	}
	return good
}

func (c *checker) checkArray(s *Schema, n *document.Node, path string) bool {
	good := true
	if l := limits(len(n.Items)); l < s.minItems || s.maxItems >= 0 && l > s.maxItems {
		good = c.fail(n.Pos, path, "%s", lengthPhrase(s.minItems, s.maxItems, "element", "elements"))
	}
	for i, item := range n.Items {
		if !good && c.quiet > 0 {
			return false
		}
		s.eachItem(i, func(sub *Schema) {
			good = c.check(sub, item, c.joinIndex(path, i)) && good
		})
	}
	if s.contains != nil {
		matches := limits(0)
		for _, item := range n.Items {
			if c.valid(s.contains, item) {
				matches++
			}
		}
		least := s.minContains
		if least < 0 {
			least = 1
		}
		if matches < least || s.maxContains >= 0 && matches > s.maxContains {
			phrase := lengthPhrase(max(least, 0), s.maxContains, "element", "elements")
			if least == 1 && s.maxContains < 0 {
				phrase = "must have at least 1 element"
			}
			good = c.fail(n.Pos, path, "%s", s.say(phrase+s.contains.containsPhrase()))
		}
	}
	if s.uniqueItems && len(n.Items) > 1 {
		first := map[string]int{}
		for i, item := range n.Items {
			key := string(appendCanonical(nil, item))
			if before, twice := first[key]; twice {
				good = c.fail(item.Pos, c.joinIndex(path, i), "is the same as element %d; each may stand only once", before)
				if c.quiet > 0 {
					return false
				}
				continue
			}
			first[key] = i
		}
	}
	return good
}

// containsPhrase says which elements contains means, as far as that is simple.
func (s *Schema) containsPhrase() string {
	switch {
	case s.verdict != depends:
		return ""
	case s.values() != nil:
		return " that is " + s.choice()
	case s.types != 0:
		return " that is " + s.typePhrase()
	}
	return ` that fits "contains" of the schema`
}

func (c *checker) checkObject(s *Schema, n *document.Node, path string) bool {
	good := true
	if l := limits(len(n.Members)); l < s.minProperties || s.maxProperties >= 0 && l > s.maxProperties {
		good = c.fail(n.Pos, path, "%s", lengthPhrase(s.minProperties, s.maxProperties, "key", "keys"))
	}
	for i := range n.Members {
		if !good && c.quiet > 0 {
			return false
		}
		m := &n.Members[i]
		if s.names != nil {
			good = c.checkName(s.names, m, c.join(path, m.Name)) && good
		}
		s.eachFor(m.Name, func(sub *Schema) {
			if sub == s.additional && sub.verdict == never {
				good = c.unknown(s, n, m, path)
				return
			}
			good = c.check(sub, m.Value, c.join(path, m.Name)) && good
		})
	}
	for _, name := range s.required {
		if n.Get(name) == nil {
			good = c.missing(n, name, path, "is required") && good
		}
	}
	for _, d := range s.dependentRequired {
		if n.Get(d.name) == nil {
			continue
		}
		for _, name := range d.requires {
			if n.Get(name) == nil {
				good = c.missing(n, name, path, "is required where "+d.name+" is given") && good
			}
		}
	}
	for i := range s.dependentSchemas {
		if d := &s.dependentSchemas[i]; n.Get(d.name) != nil {
			good = c.check(d.schema, n, path) && good
		}
	}
	return good
}

// missing reports a key that is not there. One that is only mistyped was reported as that.
func (c *checker) missing(n *document.Node, name, path, message string) bool {
	if c.partless[n] {
		return true
	}
	if slices.Contains(c.meant[n], name) {
		return false
	}
	return c.fail(n.Pos, c.join(path, name), "%s", message)
}

// checkName judges a key.
func (c *checker) checkName(s *Schema, m *document.Member, path string) bool {
	name := document.NewString(m.Name, m.Pos)
	if c.quiet > 0 {
		return c.check(s, name, "")
	}
	if c.valid(s, name) {
		return true
	}
	for _, f := range c.findings(s, name, path) {
		f.Message = "the name " + f.Message
		c.found = append(c.found, f)
	}
	return false
}

// unknown reports a key that has no place in the object.
func (c *checker) unknown(s *Schema, n *document.Node, m *document.Member, path string) bool {
	if c.quiet > 0 {
		return false
	}
	names := s.declaredNames(nil)
	message := "no such key" + known(names)
	if near := finding.Nearest(m.Name, names); near != "" {
		message = fmt.Sprintf("no such key; did you mean %q?", near)
		if c.meant == nil {
			c.meant = map[*document.Node][]string{}
		}
		c.meant[n] = append(c.meant[n], near)
	}
	return c.fail(m.Pos, c.join(path, m.Name), "%s", message)
}

// declaredNames adds the names in the properties of s and of what judges the same value.
func (s *Schema) declaredNames(names []string) []string {
	for i := range s.properties {
		if p := &s.properties[i]; p.schema.verdict != never {
			names = appendNew(names, p.name)
		}
	}
	s.eachInPlace(func(sub *Schema, _ bool) { names = sub.declaredNames(names) })
	return names
}

func appendNew(names []string, name string) []string {
	for _, n := range names {
		if n == name {
			return names
		}
	}
	return append(names, name)
}

// checkUnevaluated judges the elements and keys that no other part of s looked at.
func (c *checker) checkUnevaluated(s *Schema, n *document.Node, path string) bool {
	good := true
	switch {
	case n.Kind == document.Array && s.unevaluatedItems != nil:
		done := make([]bool, len(n.Items))
		c.evaluated(s, n, done, true)
		for i, item := range n.Items {
			if !done[i] {
				good = c.check(s.unevaluatedItems, item, c.joinIndex(path, i)) && good
			}
		}
	case n.Kind == document.Object && s.unevaluatedProperties != nil:
		done := make([]bool, len(n.Members))
		c.evaluated(s, n, done, true)
		for i := range n.Members {
			m := &n.Members[i]
			switch {
			case done[i]:
			case s.unevaluatedProperties.verdict == never:
				good = c.unknown(s, n, m, path)
			default:
				good = c.check(s.unevaluatedProperties, m.Value, c.join(path, m.Name)) && good
			}
		}
	}
	return good
}

// evaluated marks in done the elements or members of n that s looked at; outer says that its own unevaluated… don't
// count, since they are what is asked for.
func (c *checker) evaluated(s *Schema, n *document.Node, done []bool, outer bool) {
	switch n.Kind {
	case document.Array:
		for i := range done {
			done[i] = done[i] || i < len(s.prefixItems) || s.items != nil || !outer && s.unevaluatedItems != nil ||
				s.contains != nil && c.valid(s.contains, n.Items[i])
		}
	case document.Object:
		for i := range done {
			if !done[i] {
				done[i] = !outer && s.unevaluatedProperties != nil
				s.eachFor(n.Members[i].Name, func(*Schema) { done[i] = true })
			}
		}
	}
	c.applying(s, n, func(sub *Schema) { c.evaluated(sub, n, done, false) })
	if s.ifs != nil && c.valid(s.ifs, n) {
		c.evaluated(s.ifs, n, done, false)
	}
}

// applying calls fn with each schema in place of s that n has to fit, or fits where it has the choice.
func (c *checker) applying(s *Schema, n *document.Node, fn func(*Schema)) {
	if s.ref != nil {
		fn(s.ref)
	}
	for _, sub := range s.allOf {
		fn(sub)
	}
	for _, subs := range [][]*Schema{s.anyOf, s.oneOf} {
		for _, sub := range subs {
			if len(subs) == 1 || c.valid(sub, n) {
				fn(sub)
			}
		}
	}
	if s.ifs != nil && (s.then != nil || s.otherwise != nil) {
		branch := s.otherwise
		if c.valid(s.ifs, n) {
			branch = s.then
		}
		if branch != nil {
			fn(branch)
		}
	}
	for i := range s.dependentSchemas {
		if d := &s.dependentSchemas[i]; n.Get(d.name) != nil {
			fn(d.schema)
		}
	}
}

// equal tells whether two values are the same in the sense of JSON Schema: 1 is 1.0, and keys have no order.
func equal(a, b *document.Node) bool {
	if a.Kind != b.Kind || len(a.Items) != len(b.Items) || len(a.Members) != len(b.Members) {
		return false
	}
	switch a.Kind {
	case document.Bool:
		return a.Bool == b.Bool
	case document.Number:
		return parseNumber(a.Text.Reveal()).compare(parseNumber(b.Text.Reveal())) == 0
	case document.String:
		return a.Text.Reveal() == b.Text.Reveal()
	}
	for i := range a.Items {
		if !equal(a.Items[i], b.Items[i]) {
			return false
		}
	}
	for _, m := range a.Members {
		if v := b.Get(m.Name); v == nil || !equal(m.Value, v) {
			return false
		}
	}
	return true
}

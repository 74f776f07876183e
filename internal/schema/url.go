package schema

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/bootconf/bootconf/internal/document"
	"github.com/bootconf/bootconf/internal/finding"
)

// urlKey is the property that holds the whole URL.
const urlKey = "url"

// The parts of a URL that a property can hold.
const (
	partScheme = iota
	partUser
	partPassword
	partHost
	partPort
	partPath
	partCount
)

var partNames = [partCount]string{"scheme", "user", "password", "host", "port", "path"}

// partTitles is what messages call them.
var partTitles = [partCount]string{"scheme", "user name", "password", "host", "port", "path"}

// urlMap is which property takes which part of a URL.
type urlMap struct {
	schemes []urlScheme
	keys    [partCount][]string // the way to the property; nil where none takes it
	query   []urlParameter
	options []string // the property that takes all other parameters, or nil
}

type urlScheme struct {
	name  string
	of    int            // the index of the scheme that it is another name of; its own if it is none
	when  *document.Node // what it sets; nil for nothing
	query []urlParameter
}

// urlParameter is a parameter of the query that has a property.
type urlParameter struct {
	name   string
	key    []string
	values [][2]string // of the URL and of the property; empty where they are the same
}

// urlSection is a URL-typed object of a document.
type urlSection struct {
	schema *Schema
	node   *document.Node
	path   string // of the object
	at     string // of the URL
	scheme int    // index of the scheme that was given, or -1
}

// urlParts reads the keyword of that name once its schema is known.
func (c *compiler) urlParts(s *Schema, path string) {
	v := s.node.Get("urlParts")
	if s.urls == nil {
		if v != nil {
			c.report(v.Pos, document.Join(path, "urlParts"), `has no effect without "normalize": "url"`)
		}
		return
	}
	if _, ok := s.Property(urlKey); !ok {
		c.report(s.node.Get("normalize").Pos, document.Join(path, "normalize"), "needs a property %q", urlKey)
	}
	if v == nil {
		for part, name := range partNames {
			if _, ok := s.Property(name); ok {
				s.urls.keys[part] = []string{name}
			}
		}
		if _, ok := s.Property("options"); ok {
			s.urls.options = []string{"options"}
		}
		if s.urls.keys[partScheme] == nil || s.urls.keys[partHost] == nil {
			c.report(s.node.Get("normalize").Pos, document.Join(path, "normalize"), "needs properties scheme and host, or urlParts")
		}
		return
	}
	path = document.Join(path, "urlParts")
	if !c.is(v, document.Object, path) {
		return
	}
	for _, m := range v.Members {
		at := document.Join(path, m.Name)
		if part := slices.Index(partNames[:], m.Name); part >= 0 {
			s.urls.keys[part] = c.urlPath(s, m.Value, at)
			continue
		}
		switch m.Name {
		case "schemes":
			c.urlSchemes(s, m.Value, at)
		case "query":
			s.urls.query = c.urlQuery(s, m.Value, at)
		case "options":
			s.urls.options = c.urlPath(s, m.Value, at)
		default:
			c.report(m.Pos, at, "no such part of a URL%s", didYouMean(m.Name, append(partNames[:], "schemes", "query", "options")))
		}
	}
	if s.urls.keys[partScheme] == nil && s.urls.schemes == nil {
		c.report(v.Pos, path, "must have scheme or schemes: a URL has to begin somehow")
	}
	if v.Get("host") == nil {
		c.report(v.Pos, path, "must have host")
	}
}

// urlPath is the way to a property in the objects of s, which v writes with dots: tls.mode.
func (c *compiler) urlPath(s *Schema, v *document.Node, path string) []string {
	if !c.is(v, document.String, path) {
		return nil
	}
	keys := strings.Split(v.Plain(), ".")
	for i, key := range keys {
		if !c.urlProperty(s, key, v.Pos, path) {
			return nil
		}
		if s, _ = s.Property(key); s == nil && i < len(keys)-1 {
			break // anything may be there
		}
	}
	return keys
}

func (c *compiler) urlProperty(s *Schema, key string, pos finding.Pos, path string) bool {
	_, ok := s.Property(key)
	if !ok {
		c.report(pos, path, "no property %q in the schema%s", key, didYouMean(key, s.declaredNames(nil)))
	}
	return ok
}

func (c *compiler) urlSchemes(s *Schema, v *document.Node, path string) {
	if !c.is(v, document.Object, path) {
		return
	}
	for _, m := range v.Members {
		at := document.Join(path, m.Name)
		if !isScheme(m.Name) || strings.ToLower(m.Name) != m.Name {
			c.report(m.Pos, at, "must be the scheme of a URL, in lower case")
		}
		scheme := urlScheme{name: m.Name, of: len(s.urls.schemes)}
		if m.Value.Kind == document.String {
			other := slices.IndexFunc(s.urls.schemes, func(o urlScheme) bool { return o.name == m.Value.Plain() })
			if other < 0 {
				c.report(m.Value.Pos, at, "must be the name of a scheme before it")
				continue
			}
			scheme.of, scheme.when, scheme.query = s.urls.schemes[other].of, s.urls.schemes[other].when, s.urls.schemes[other].query
		} else if c.is(m.Value, document.Object, at) {
			for _, m := range m.Value.Members {
				inner := document.Join(at, m.Name)
				switch m.Name {
				case "when":
					if c.is(m.Value, document.Object, inner) {
						scheme.when = m.Value
						for _, w := range m.Value.Members {
							c.urlProperty(s, w.Name, w.Pos, document.Join(inner, w.Name))
						}
					}
				case "query":
					scheme.query = c.urlQuery(s, m.Value, inner)
				default:
					c.report(m.Pos, inner, "no such key%s", known([]string{"when", "query"}))
				}
			}
		}
		s.urls.schemes = append(s.urls.schemes, scheme)
	}
}

func (c *compiler) urlQuery(s *Schema, v *document.Node, path string) []urlParameter {
	if !c.is(v, document.Object, path) {
		return nil
	}
	var out []urlParameter
	for _, m := range v.Members {
		at := document.Join(path, m.Name)
		p := urlParameter{name: m.Name}
		key := m.Value
		if key.Kind == document.Object {
			for _, o := range m.Value.Members {
				inner := document.Join(at, o.Name)
				switch o.Name {
				case "key":
					key = o.Value
				case "values":
					if c.is(o.Value, document.Object, inner) {
						for _, x := range o.Value.Members {
							p.values = append(p.values, [2]string{x.Name, c.string(x.Value, document.Join(inner, x.Name))})
						}
					}
				default:
					c.report(o.Pos, inner, "no such key%s", known([]string{"key", "values"}))
				}
			}
			if key == m.Value {
				c.report(key.Pos, document.Join(at, "key"), "is required")
				continue
			}
		}
		if p.key = c.urlPath(s, key, at); p.key != nil {
			out = append(out, p)
		}
	}
	return out
}

// checkURLs refuses "normalize" where it depends on the value whether it applies: what is to be judged would have to
// be known before it is made.
func (c *compiler) checkURLs() {
	seen := map[*Schema]bool{}
	var visit func(s *Schema)
	visit = func(s *Schema) {
		if s == nil || seen[s] {
			return
		}
		seen[s] = true
		if s.urls != nil {
			path := document.Join(c.paths[slices.Index(c.all, s)], "normalize")
			c.report(s.node.Get("normalize").Pos, path, `must not stand within anyOf, oneOf, if, then, else, not, contains or dependentSchemas`)
		}
		s.eachSub(visit)
	}
	for _, s := range c.all {
		s.eachInPlace(func(sub *Schema, certain bool) {
			if !certain {
				visit(sub)
			}
		})
		visit(s.ifs)
		visit(s.not)
		visit(s.contains)
	}
}

// eachSub calls fn with every schema directly within s, or referred to.
func (s *Schema) eachSub(fn func(*Schema)) {
	s.eachInPlace(func(sub *Schema, _ bool) { fn(sub) })
	for _, sub := range s.prefixItems {
		fn(sub)
	}
	for i := range s.properties {
		fn(s.properties[i].schema)
	}
	for i := range s.patternProperties {
		fn(s.patternProperties[i].schema)
	}
	for _, sub := range []*Schema{s.items, s.contains, s.additional, s.names, s.not, s.ifs, s.unevaluatedItems, s.unevaluatedProperties} {
		fn(sub)
	}
}

// split takes the URLs in n apart, so that each part stands under its own key too.
func (p *preparer) split(s *Schema, n *document.Node, path string) {
	if s.urls != nil && isSealed(n) {
		n.Mark()
		p.findSealed(n)
		return
	}
	if s.urls != nil && (n.Kind == document.String || n.Kind == document.Object) {
		u := urlSection{schema: s, node: n, path: path, at: path, scheme: -1}
		if n.Kind == document.String {
			url := *n
			*n = document.Node{Kind: document.Object, Pos: n.Pos, Members: []document.Member{{Name: urlKey, Pos: n.Pos, Value: &url}}}
		} else {
			u.at = document.Join(path, urlKey)
		}
		if !p.taken[n] {
			if p.taken == nil {
				p.taken = map[*document.Node]bool{}
			}
			p.taken[n] = true
			if url := n.Get(urlKey); url != nil && !u.split(p, url) {
				p.breakOff(n, url)
			}
			p.urls = append(p.urls, u)
		}
	}
	if s.ref != nil {
		p.split(s.ref, n, path)
	}
	for _, sub := range s.allOf {
		p.split(sub, n, path)
	}
	p.eachChild(s, n, path, p.split)
}

// breakOff keeps what follows from a fault of a URL out of the findings.
func (p *preparer) breakOff(section, url *document.Node) {
	if p.reported == nil {
		p.reported = map[*document.Node]bool{}
	}
	if p.partless == nil {
		p.partless = map[*document.Node]bool{}
	}
	p.partless[section] = true
	p.reported[url] = url.Kind == document.String
}

// split puts the parts of url into the section. Where it fails it has reported why, unless url is no string, which
// its own schema reports.
func (u *urlSection) split(p *preparer, url *document.Node) bool {
	m := u.schema.urls
	if url.Kind != document.String {
		return false
	}
	fail := func(format string, args ...any) bool { return p.fail(url.Pos, u.at, format, args...) }
	t, faults := readURL(url.Text.Reveal())
	if t == nil || m.schemes != nil && m.scheme(t.parts[partScheme]) < 0 {
		return fail("must be a URL that starts with %s", m.beginnings())
	}
	for _, f := range faults {
		fail("%s", f)
	}
	if faults != nil {
		return false
	}
	good := true
	var query []urlParameter
	if m.schemes != nil {
		u.scheme = m.scheme(t.parts[partScheme])
		scheme := &m.schemes[u.scheme]
		query = scheme.query
		if scheme.when != nil {
			good = u.merge(p, u.node, scheme.when, url, u.path)
		}
	}
	query = append(query[:len(query):len(query)], m.query...)
	for part, text := range t.parts {
		switch {
		case !t.has[part]:
		case m.keys[part] != nil:
			good = u.put(p, m.keys[part], text, url) && good
		case part != partScheme && text != "":
			good = fail("the URL has a %s, which has no meaning here", partTitles[part])
		}
	}
	for i, q := range t.query {
		if slices.ContainsFunc(t.query[:i], func(o [2]string) bool { return o[0] == q[0] }) {
			good = fail("the query of the URL has a parameter twice")
			continue
		}
		j := slices.IndexFunc(query, func(o urlParameter) bool { return o.name == q[0] })
		switch {
		case j >= 0:
			good = u.put(p, query[j].key, query[j].toKey(q[1]), url) && good
		case m.options != nil && isParameter(q[0]):
			good = u.put(p, append(m.options[:len(m.options):len(m.options)], q[0]), q[1], url) && good
		default:
			// Not by its name: it may be the rest of a password with a ? in it.
			var names []string
			for _, q := range query {
				names = appendNew(names, q.name)
			}
			good = fail("the query of the URL has a parameter that has no meaning here%s", known(names))
		}
	}
	return good
}

// isParameter tells whether a name is that of a parameter, and no part of a password.
func isParameter(name string) bool {
	for i := range len(name) {
		if !isAlnum(name[i]) && strings.IndexByte("_.-", name[i]) < 0 {
			return false
		}
	}
	return name != "" && len(name) <= 64
}

func (m *urlMap) scheme(name string) int {
	return slices.IndexFunc(m.schemes, func(s urlScheme) bool { return s.name == name })
}

// beginnings is how a URL may begin, for messages.
func (m *urlMap) beginnings() string {
	if m.schemes == nil {
		return "a scheme and a host: scheme://host"
	}
	var names []string
	for _, s := range m.schemes {
		names = append(names, s.name+"://")
	}
	return list(names, "or")
}

func (q *urlParameter) toKey(value string) string {
	for _, v := range q.values {
		if strings.EqualFold(v[0], value) {
			return v[1]
		}
	}
	return value
}

func (q *urlParameter) toURL(value string) string {
	for _, v := range q.values {
		if v[1] == value {
			return v[0]
		}
	}
	return value
}

// merge adds to n what the scheme of the URL says. It fails if n says something else.
func (u *urlSection) merge(p *preparer, n, when, url *document.Node, path string) bool {
	good := true
	for _, m := range when.Members {
		at := document.Join(path, m.Name)
		have := n.Get(m.Name)
		switch {
		case have == nil:
			v := m.Value.Clone()
			place(v, url.Pos)
			n.Set(m.Name, v)
		case have.Kind == document.Object && m.Value.Kind == document.Object:
			good = u.merge(p, have, m.Value, url, at) && good
		case have.Kind == m.Value.Kind && !equal(have, m.Value):
			good = p.fail(have.Pos, at, "does not go with the scheme of the URL; give one of them")
		}
	}
	return good
}

// put sets a property to what the URL says. It fails if the property has another value already.
func (u *urlSection) put(p *preparer, keys []string, text string, url *document.Node) bool {
	n, s, path := u.node, u.schema, u.path
	for i, key := range keys {
		if n.Kind != document.Object {
			return true // its own schema reports that
		}
		s, _ = s.Property(key)
		path = document.Join(path, key)
		have := n.Get(key)
		if i < len(keys)-1 {
			if have == nil {
				have = &document.Node{Kind: document.Object, Pos: url.Pos}
				n.Set(key, have)
			}
			n = have
			continue
		}
		v := document.NewString(text, url.Pos)
		if kinds := s.kinds(); !kinds.has(document.String) {
			switch {
			case kinds.has(document.Number) && isInteger(text):
				v.Kind = document.Number
			case kinds.has(document.Bool) && (text == "true" || text == "false"):
				v = &document.Node{Kind: document.Bool, Bool: text == "true", Pos: url.Pos}
			}
		}
		switch was, ok := scalar(have); {
		case have == nil:
			n.Set(key, v)
		case ok && was != text:
			return p.fail(have.Pos, path, "differs from what the URL says; give it only once")
		}
	}
	return true
}

// isInteger tells whether text is an integer as JSON writes it.
func isInteger(text string) bool {
	digits := strings.TrimPrefix(text, "-")
	return digits != "" && strings.Trim(digits, "0123456789") == "" && (digits[0] != '0' || len(digits) == 1)
}

// scalar is the text of a string, number or boolean.
func scalar(n *document.Node) (string, bool) {
	switch {
	case n == nil:
		return "", false
	case n.Kind == document.String:
		return n.Text.Reveal(), true
	case n.Kind == document.Number:
		return parseNumber(n.Text.Reveal()).plain(n.Text.Reveal()), true
	case n.Kind == document.Bool:
		return fmt.Sprint(n.Bool), true
	}
	return "", false
}

// lookup is the value of a property, or nil.
func lookup(n *document.Node, keys []string) *document.Node {
	for _, k := range keys {
		n = n.Get(k)
	}
	return n
}

// join makes the URL of the parts, once defaults are in their place. It leaves out what it can't make: the parts
// that are missing or wrong are reported by their own schemas.
func (p *preparer) join(u urlSection) {
	m, n := u.schema.urls, u.node
	if p.partless[n] {
		return
	}
	var scheme string
	var query []urlParameter
	if m.schemes != nil {
		fits := slices.IndexFunc(m.schemes, func(s urlScheme) bool { return s.when == nil || contains(n, s.when) })
		if fits < 0 {
			return
		}
		if given := u.scheme; given >= 0 && m.schemes[given].of != fits && !sameWhen(&m.schemes[given], &m.schemes[fits]) {
			p.fail(n.Get(urlKey).Pos, u.at, "the scheme of the URL does not go with what the other keys say, which is %s://", m.schemes[fits].name)
			return
		} else if given >= 0 {
			fits = given
		}
		scheme, query = m.schemes[fits].name, m.schemes[fits].query
	} else {
		scheme, _ = scalar(lookup(n, m.keys[partScheme]))
		if !isScheme(scheme) {
			return
		}
	}
	text, ok := m.write(n, scheme, append(query[:len(query):len(query)], m.query...))
	if !ok {
		return
	}
	url := document.NewString(text, n.Pos)
	if given := n.Get(urlKey); given != nil {
		url.Pos = given.Pos
	}
	n.Set(urlKey, url)
}

func sameWhen(a, b *urlScheme) bool {
	return a.when == b.when || a.when != nil && b.when != nil && equal(a.when, b.when)
}

// contains tells whether n has all that when has.
func contains(n, when *document.Node) bool {
	if when.Kind != document.Object || n.Kind != document.Object {
		return equal(n, when)
	}
	for _, m := range when.Members {
		if v := n.Get(m.Name); v == nil || !contains(v, m.Value) {
			return false
		}
	}
	return true
}

// write is the URL of the parts in n; not ok if they are not there or can't be parts of one.
func (m *urlMap) write(n *document.Node, scheme string, query []urlParameter) (text string, ok bool) {
	var part [partCount]string
	var has [partCount]bool
	done := map[string]bool{}
	for i, keys := range m.keys {
		if keys == nil {
			continue
		}
		if v := lookup(n, keys); v != nil {
			if part[i], has[i] = scalar(v); !has[i] {
				return "", false
			}
			done[strings.Join(keys, ".")] = true
		}
	}
	if part[partHost] == "" {
		return "", false
	}
	var b strings.Builder
	b.WriteString(scheme + "://")
	if has[partUser] || has[partPassword] {
		b.WriteString(percentEncode(part[partUser], ""))
		if has[partPassword] {
			b.WriteString(":" + percentEncode(part[partPassword], ""))
		}
		b.WriteByte('@')
	}
	if a, err := netip.ParseAddr(part[partHost]); err == nil && a.Is6() {
		b.WriteString("[" + part[partHost] + "]")
	} else {
		b.WriteString(percentEncode(part[partHost], ""))
	}
	if has[partPort] {
		b.WriteString(":" + percentEncode(part[partPort], ""))
	}
	if has[partPath] {
		b.WriteString("/" + percentEncode(part[partPath], ""))
	}
	separator := byte('?')
	parameter := func(name, value string) {
		b.WriteByte(separator)
		b.WriteString(percentEncode(name, "") + "=" + percentEncode(value, "/"))
		separator = '&'
	}
	for i := range query {
		q := &query[i]
		v := lookup(n, q.key)
		if key := strings.Join(q.key, "."); v != nil && !done[key] {
			value, ok := scalar(v)
			if !ok {
				return "", false
			}
			parameter(q.name, q.toURL(value))
			done[key] = true
		}
	}
	if m.options != nil && lookup(n, m.options) != nil {
		for _, o := range lookup(n, m.options).Members {
			value, ok := scalar(o.Value)
			if !ok {
				return "", false
			}
			parameter(o.Name, value)
		}
	}
	return b.String(), true
}

// markURL marks a URL that is made of a secret or was to hold one.
func (p *preparer) markURL(s *Schema, n *document.Node) {
	url := n.Get(urlKey)
	if url == nil || url.Secret {
		return
	}
	if p.partless[n] || s.urls.keys[partPassword] != nil {
		url.Mark()
		return
	}
	for _, m := range n.Members {
		if len(m.Value.Secrets(nil)) > 0 {
			url.Mark()
		}
	}
}

// urlText is a URL in its parts, each decoded.
type urlText struct {
	parts [partCount]string
	has   [partCount]bool
	query [][2]string
}

// maxParameters is how many parameters a query may have: more are no one's, and each is compared with the others.
const maxParameters = 100

// readURL takes a URL apart by RFC 3986, in which + is no blank. It is nil if the text is none at all; what is wrong
// with it otherwise is in faults, in words that don't quote it.
func readURL(text string) (t *urlText, faults []string) {
	scheme, rest, ok := strings.Cut(text, "://")
	if !ok || !isScheme(scheme) {
		return nil, nil
	}
	t = &urlText{}
	set := func(part int, s, more string) {
		title := partTitles[part]
		switch c := badChar(s, more); {
		case c == '%':
			faults = append(faults, fmt.Sprintf("the %s in the URL has a %% that no two hexadecimal digits follow; %% itself is written %%25", title))
		case c == '/' && part == partPath:
			faults = append(faults, "the path in the URL has more than one segment; a / within one is written %2F")
		case c != 0:
			faults = append(faults, fmt.Sprintf("the %s in the URL has a character that must be percent-encoded", title))
		case !utf8.ValidString(percentDecode(s)):
			faults = append(faults, fmt.Sprintf("the %s in the URL is not UTF-8 once it is decoded", title))
		default:
			t.parts[part], t.has[part] = percentDecode(s), true
		}
	}
	t.parts[partScheme], t.has[partScheme] = strings.ToLower(scheme), true
	rest, _, fragment := strings.Cut(rest, "#")
	if fragment {
		return t, append(faults, "the URL has a # in it; within a part it is written %23")
	}
	rest, query, hasQuery := strings.Cut(rest, "?")
	authority, path, hasPath := strings.Cut(rest, "/")
	if strings.Count(authority, "@") > 1 {
		faults = append(faults, "the URL has more than one @; within a user name or password it is written %40")
		return t, faults
	}
	if user, host, found := strings.Cut(authority, "@"); found {
		authority = host
		user, password, found := strings.Cut(user, ":")
		set(partUser, user, "")
		if found {
			set(partPassword, password, ":")
		}
	}
	host, port, ok := cutPort(authority)
	switch {
	case !ok:
		return t, append(faults, "the host in the URL has more than one colon; an IPv6 address stands in brackets, and a / in a password is written %2F")
	case host == "":
		faults = append(faults, "the URL has no host")
	case host[0] == '[' && badHost(host):
		faults = append(faults, "the host in the URL is no IPv6 address, though it stands in brackets")
	case host[0] == '[':
		t.parts[partHost], t.has[partHost] = host[1:len(host)-1], true
	default:
		set(partHost, host, "")
	}
	if strings.Trim(port, "0123456789") != "" {
		return t, append(faults, "the port in the URL is no number; in a password / is written %2F and ? is written %3F")
	} else if port != "" {
		t.parts[partPort], t.has[partPort] = port, true
	}
	if hasPath {
		if strings.Contains(path, "@") { // RFC 3986 allows it, but then it was a password with a / in it
			return t, append(faults, "the path in the URL has an @; within it write %40, and a / in a password is written %2F")
		}
		set(partPath, path, ":")
	}
	if strings.Contains(query, "@") {
		faults = append(faults, "the query of the URL has an @; within it write %40, and a ? in a password is written %3F")
	} else if hasQuery && query != "" {
		for pair := range strings.SplitSeq(query, "&") {
			if len(t.query) == maxParameters {
				faults = append(faults, fmt.Sprintf("the query of the URL has more than %d parameters", maxParameters))
				break
			}
			name, value, _ := strings.Cut(pair, "=")
			if badChar(name, ":/?") != 0 || badChar(value, ":/?") != 0 || !utf8.ValidString(percentDecode(name)+percentDecode(value)) {
				faults = append(faults, "the query of the URL has a character that must be percent-encoded, or a % that no two hexadecimal digits follow")
				break
			}
			t.query = append(t.query, [2]string{percentDecode(name), percentDecode(value)})
		}
	}
	return t, faults
}

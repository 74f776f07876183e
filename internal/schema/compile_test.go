package schema

import (
	"strings"
	"testing"

	"github.com/bootconf/bootconf/internal/document"
)

func TestCompileFindings(t *testing.T) {
	for _, c := range []struct{ name, schema, want string }{
		{"mistyped keyword", `{"properties":{"port":{"minimun":1}}}`, `1:24: properties.port.minimun: no such keyword; did you mean "minimum"?`},
		{"mistyped without a guess", `{"zzzzzzzz":1}`, `1:2: zzzzzzzz: no such keyword`},
		{"all of them", "{\"tpye\":\"string\",\n\"requierd\":[]}", "1:2: tpye: no such keyword; did you mean \"type\"?\n2:1: requierd: no such keyword; did you mean \"required\"?"},
		{"keyword of an older version", `{"definitions":{}}`, `1:2: definitions: no such keyword; it is called $defs`},
		{"anchor", `{"$anchor":"a"}`, `1:2: $anchor: is not supported; point with $ref to #/$defs/NAME`},
		{"own keywords of others", `{"x-order":1}`, ``},
		{"no schema", `{"properties":{"a":5}}`, `1:20: properties.a: must be a schema: an object, true or false`},
		{"wrong type of value", `{"minimum":"1"}`, `1:12: minimum: must be a number, not a string`},
		{"negative count", `{"minLength":-1}`, `1:14: minLength: must be an integer from 0 to 999999999`},
		{"count too large", `{"minLength":1e10}`, `1:14: minLength: must be an integer from 0 to 999999999`},
		{"unknown type", `{"type":"int"}`, `1:9: type: no such type; must be one of null, boolean, number, string, array, object or integer`},
		{"unknown type, near", `{"type":["strng"]}`, `1:10: type[0]: no such type; did you mean "string"?`},
		{"unknown format", `{"format":"hostnam"}`, `1:11: format: no such format; did you mean "hostname"?`},
		{"pattern", `{"pattern":"("}`, `1:12: pattern: is no regular expression of RE2 (https://golang.org/s/re2syntax)`},
		{"pattern with look-ahead", `{"pattern":"^(?!a)"}`, `1:12: pattern: is no regular expression of RE2 (https://golang.org/s/re2syntax); RE2 has no look-around`},
		{"pattern of properties", `{"patternProperties":{"[":{}}}`, `1:23: patternProperties["["]: is no regular expression of RE2 (https://golang.org/s/re2syntax)`},
		{"empty choice", `{"anyOf":[]}`, `1:10: anyOf: must hold at least one schema`},
		{"empty enum", `{"enum":[]}`, `1:9: enum: must not be empty: no value could ever fit`},
		{"items of a list", `{"items":[{}]}`, `1:10: items: must be one schema; prefixItems takes a list of them`},
		{"ref to nothing", `{"$defs":{"port":{}},"$ref":"#/$defs/prot"}`, `1:29: $ref: points to nothing; did you mean "#/$defs/port"?`},
		{"ref elsewhere", `{"$ref":"https://example.com/a.json"}`, `1:9: $ref: must point into this file: #/$defs/NAME`},
		{"ref to itself", `{"$ref":"#"}`, `1:9: $ref: leads back to where it stands, for the same value: it could never be judged`},
		{"ref to itself by others", `{"$defs":{"a":{"allOf":[{"$ref":"#/$defs/b"}]},"b":{"anyOf":[{"$ref":"#/$defs/a"}]}}}`,
			`1:70: $defs.b.anyOf[0].$ref: leads back to where it stands, for the same value: it could never be judged`},
		{"ref to no schema", `{"$ref":"#/$defs","$defs":{"a":5}}`, "1:28: $defs.a: no such keyword\n1:32: $defs.a: must be a schema: an object, true or false"},
		{"default that doesn't fit", `{"properties":{"port":{"type":"integer","maximum":9,"default":10}}}`, `1:63: properties.port.default: must be an integer of at most 9`},
		{"defaults without end", `{"$defs":{"n":{"properties":{"a":{"$ref":"#/$defs/n","default":{}}}}},"$ref":"#/$defs/n"}`,
			`1:64: $defs.n.properties.a.default: cannot be filled in: the defaults of the schema hold each other`},
		{"version", `{"$schema":"http://json-schema.org/draft-07/schema#"}`,
			`1:12: $schema: must be "https://json-schema.org/draft/2020-12/schema": no other version is understood`},
		{"id inside", `{"items":{"$id":"a"}}`, `1:11: items.$id: must stand at the top of the file`},
		{"divisor", `{"multipleOf":0}`, `1:15: multipleOf: must be greater than 0 and have at most 18 digits`},
		{"normalize", `{"normalize":"uri"}`, `1:14: normalize: no such normalization; did you mean "url"?`},
		{"normalize without url", `{"normalize":"url","properties":{"scheme":{},"host":{}}}`, `1:14: normalize: needs a property "url"`},
		{"normalize without scheme", `{"normalize":"url","properties":{"url":{},"host":{}}}`, `1:14: normalize: needs properties scheme and host, or urlParts`},
		{"urlParts alone", `{"urlParts":{}}`, `1:13: urlParts: has no effect without "normalize": "url"`},
		{"urlParts", `{"normalize":"url","properties":{"url":{},"hostname":{}},"urlParts":{"schemes":{"Http":{"wen":{}},"x":"y"},"hots":"host","host":"host","query":{"a":{"values":{"b":1}}}}}`,
			`1:81: urlParts.schemes.Http: must be the scheme of a URL, in lower case
1:89: urlParts.schemes.Http.wen: no such key; known are when and query
1:103: urlParts.schemes.x: must be the name of a scheme before it
1:108: urlParts.hots: no such part of a URL; did you mean "host"?
1:129: urlParts.host: no property "host" in the schema
1:149: urlParts.query.a.key: is required
1:164: urlParts.query.a.values.b: must be a string, not a number`},
		{"normalize that depends", `{"anyOf":[{"normalize":"url","properties":{"url":{},"scheme":{},"host":{}}},{}]}`,
			`1:24: anyOf[0].normalize: must not stand within anyOf, oneOf, if, then, else, not, contains or dependentSchemas`},
	} {
		t.Run(c.name, func(t *testing.T) {
			s, found := Compile(parse(t, c.schema), "schema")
			got := strings.ReplaceAll("\n"+found.Error(), "\nschema:", "\n")[1:]
			if len(found) == 0 {
				got = ""
			}
			if got != c.want {
				t.Errorf("got\n%s\nwant\n%s", got, c.want)
			}
			// What has findings must still be safe to ask.
			s.Property("a")
			s.Elem()
			s.Types()
			s.JSON()
			s.Prepare(parse(t, `{"a": [1, null]}`), "d", "")
		})
	}
}

// TestKeywords shows that every keyword that is suggested is understood.
func TestKeywords(t *testing.T) {
	for _, k := range keywords {
		_, found := Compile(parse(t, `{"`+k+`":{}}`), "schema")
		if strings.Contains(found.Error(), "no such keyword") {
			t.Errorf("%s is suggested and not understood", k)
		}
	}
}

func TestProperty(t *testing.T) {
	s, found := Compile(parse(t, `{
		"$defs": {"tls": {"type": "object", "properties": {"ca": {"type": "string", "writeOnly": true}}, "additionalProperties": false}},
		"properties": {"tls": {"$ref": "#/$defs/tls"}, "port": {"type": "integer"}, "any": true, "list": {"items": {"type": "string"}}, "free": {"type": "object"},
			"open": {"properties": {"a": {}}, "additionalProperties": true}, "map": {"additionalProperties": {"type": "number"}}, "text": {"type": "string"}},
		"patternProperties": {"^x_": {"type": "string"}},
		"if": {"properties": {"port": {"const": 1}}},
		"then": {"properties": {"then": {"type": "string"}, "port": {"default": 2}}},
		"allOf": [{"properties": {"all": {"type": "string"}}}],
		"oneOf": [{"properties": {"kind": {"const": "a"}}}, {"properties": {"kind": {"const": 1}}}],
		"dependentSchemas": {"port": {"properties": {"dep": {"type": "string"}}}},
		"additionalProperties": false}`), "schema")
	if len(found) > 0 {
		t.Fatal(found)
	}
	for _, c := range []struct {
		path string
		ok   bool
		want string // the types
	}{
		{"tls", true, "object"},
		{"tls.ca", true, "string"},
		{"tls.cert", false, ""},
		{"port", true, "number"},
		{"port.x", false, ""},
		{"any", true, "null boolean number string array object"},
		{"any.thing", true, "null boolean number string array object"},
		{"free.thing", true, "null boolean number string array object"},
		{"open.thing", true, "null boolean number string array object"},
		{"map.thing", true, "number"},
		{"x_y", true, "string"},
		{"then", true, "string"},
		{"all", true, "string"},
		{"kind", true, "number string"},
		{"dep", true, "string"},
		{"nothing", false, ""},
		{"text.x", false, ""},
	} {
		at, ok := s, true
		for _, key := range strings.Split(c.path, ".") {
			if at, ok = at.Property(key); !ok {
				break
			}
		}
		var types []string
		for _, k := range at.Types() {
			types = append(types, k.String())
		}
		if got := strings.Join(types, " "); ok != c.ok || ok && got != c.want {
			t.Errorf("%s: got %v %q, want %v %q", c.path, ok, got, c.ok, c.want)
		}
	}
	for path, want := range map[string]string{"list": "string", "map": "number", "text": "-", "tls": "string", "free": "null boolean number string array object"} {
		p, _ := s.Property(path)
		e, ok := p.Elem()
		got := "-"
		if ok {
			var types []string
			for _, k := range e.Types() {
				types = append(types, k.String())
			}
			got = strings.Join(types, " ")
		}
		if got != want {
			t.Errorf("elements of %s: got %s, want %s", path, got, want)
		}
	}
	tls, _ := s.Property("tls")
	if ca, _ := tls.Property("ca"); !ca.WriteOnly() || tls.WriteOnly() {
		t.Error("ca is a secret, and tls is none")
	}
	if s, ok := (*Schema)(nil).Property("x"); s != nil || !ok {
		t.Error("of a schema that nothing is known of, anything may be")
	}
}

func TestNumbers(t *testing.T) {
	for _, c := range []struct {
		a, b string
		want int
	}{
		{"0", "-0.0e7", 0}, {"1", "1.0", 0}, {"10", "1e1", 0}, {"0.1", "1e-1", 0}, {"-1", "1", -1}, {"2", "10", -1}, {"-2", "-10", 1},
		{"9007199254740993", "9007199254740992", 1}, {"1e400", "1e399", 1}, {"0.30000000000000004", "0.3", 1}, {"1e-400", "0", 1},
		{"1e99999999999999999999", "1", 1}, {"1e-99999999999999999999", "1", -1}, {"-1e99999999999999999999", "1", -1}, {"00", "0", 0},
	} {
		if got := parseNumber(c.a).compare(parseNumber(c.b)); got != c.want && (got < 0) != (c.want < 0) || (got == 0) != (c.want == 0) {
			t.Errorf("%s against %s: %d, want %d", c.a, c.b, got, c.want)
		}
	}
	for text, want := range map[string]bool{"0": true, "1.0": true, "1e3": true, "1.5e1": true, "1.5": false, "1e-1": false, "1e-99999999999": false, "0e-5": true} {
		if got := parseNumber(text).integer(); got != want {
			t.Errorf("%s is an integer: %v", text, got)
		}
	}
	for _, c := range []struct {
		n, m string
		want bool
	}{
		{"10", "5", true}, {"10", "3", false}, {"0", "3", true}, {"-9", "3", true}, {"0.3", "0.1", true}, {"0.35", "0.1", false}, {"1e400", "3", false},
		{"3e400", "3", true}, {"1e1000000000", "0.5", true}, {"1e-1000000000", "1", false}, {"123456789012345678901234567890", "10", true},
		{"123456789012345678901234567891", "999999999999999999", false}, {"999999999999999999e5", "999999999999999999", true}, {"4.5", "1.5", true},
	} {
		if got := parseNumber(c.n).multipleOf(parseNumber(c.m)); got != c.want {
			t.Errorf("%s is a multiple of %s: %v", c.n, c.m, got)
		}
	}
}

func TestFormats(t *testing.T) {
	for _, c := range []struct {
		format    string
		good, bad []string
	}{
		{"hostname", []string{"a", "db.prod.internal", "xn--bcher-kva.example", "1host", "a-b", "10.0.0.1a", strings.Repeat("a", 63)},
			[]string{"", ".", "a.", ".a", "a..b", "-a", "a-", "a_b", "a b", "é", "10.0.0.1", "999.1.1.1", "a:1", strings.Repeat("a", 64), strings.Repeat("a.", 127) + "aa"}},
		{"ipv4", []string{"10.0.0.1", "255.255.255.255"}, []string{"", "10.0.0", "10.0.0.256", "010.0.0.1", "::1", "10.0.0.1/8"}},
		{"ipv6", []string{"::1", "2001:db8::1", "::ffff:10.0.0.1"}, []string{"", "10.0.0.1", "[::1]", "fe80::1%eth0", ":::"}},
		{"uri", []string{"http://a", "http://u:p@a:1/b?c#d", "urn:x:y", "http://[::1]/", "mailto:a@b", "a+b-c.d:", "http://a/%2F", "file:///etc"},
			[]string{"", "a", "//a", "/a", "1a:b", "http://a b", "http://a/%zz", "http://[::1", "http://[a]", "http://a:b", "http://a@b@c", "http://é", "http://a\\b", "a:#b#c", "a:[b]"}},
		{"email", []string{"a@b.c", "a.b+c@example.com", "a@[10.0.0.1]", "a@[IPv6:::1]"}, []string{"", "a", "@b", "a@", "a@b@c", ".a@b", "a.@b", "a..b@c", "a b@c", "a@-b"}},
	} {
		for _, s := range c.good {
			if ok, _ := hasFormat(c.format, s); !ok {
				t.Errorf("%q is of format %s", s, c.format)
			}
		}
		for _, s := range c.bad {
			if ok, _ := hasFormat(c.format, s); ok {
				t.Errorf("%q is not of format %s", s, c.format)
			}
		}
	}
}

// show is a document as JSON, its secrets in [brackets].
func show(n *document.Node) string {
	switch n.Kind {
	case document.Array:
		var parts []string
		for _, item := range n.Items {
			parts = append(parts, show(item))
		}
		return "[" + strings.Join(parts, " ") + "]" + secretMark(n)
	case document.Object:
		var parts []string
		for _, m := range n.Members {
			parts = append(parts, m.Name+":"+show(m.Value))
		}
		return "{" + strings.Join(parts, " ") + "}" + secretMark(n)
	case document.String, document.Number:
		return n.Text.Reveal() + secretMark(n)
	}
	return string(document.Compact(n)) + secretMark(n)
}

func secretMark(n *document.Node) string {
	if n.Secret {
		return "*"
	}
	return ""
}

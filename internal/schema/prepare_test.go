package schema

import (
	"fmt"
	"strings"
	"testing"

	"github.com/bootconf/bootconf/internal/document"
)

func TestPrepare(t *testing.T) {
	for _, c := range []struct{ name, schema, value, want string }{
		{"null is absent", `{"properties":{"a":{"type":"string"},"b":{"type":["string","null"]},"c":true},"additionalProperties":false}`,
			`{"a":null,"b":null,"c":null,"d":null}`, `{b:null c:null}`},
		{"null at any depth", `{"additionalProperties":{"items":{"properties":{"a":{"type":"string"}}}}}`, `{"x":[{"a":null,"b":null}]}`, `{x:[{b:null}]}`},
		{"null of a choice", `{"oneOf":[{"properties":{"a":{"type":"string"}}},{"properties":{"a":{"type":"null"}}}]}`, `{"a":null}`, `{a:null}`},
		{"null that no choice allows", `{"anyOf":[{"properties":{"a":{"type":"string"}}},{"properties":{"a":{"type":"number"}}}]}`, `{"a":null}`, `{}`},
		{"null in a list stays", `{"items":{}}`, `[null]`, `[null]`},
		{"default", `{"properties":{"a":{"default":1},"b":{"default":2}}}`, `{"b":3}`, `{b:3 a:1}`},
		{"default for null", `{"properties":{"a":{"type":"number","default":1}}}`, `{"a":null}`, `{a:1}`},
		{"default of a reference", `{"$defs":{"p":{"default":1}},"properties":{"a":{"$ref":"#/$defs/p"}}}`, `{}`, `{a:1}`},
		{"default in a default", `{"properties":{"a":{"default":{},"properties":{"b":{"default":1}}}}}`, `{}`, `{a:{b:1}}`},
		{"default that decides", `{"properties":{"a":{"default":"x"}},"if":{"properties":{"a":{"const":"x"}},"required":["a"]},
			"then":{"properties":{"p":{"default":1}}},"else":{"properties":{"p":{"default":2}}}}`, `{}`, `{a:x p:1}`},
		{"default that depends", `{"properties":{"a":{}},"if":{"required":["a"]},"then":{"properties":{"p":{"default":1}}},"else":{"properties":{"p":{"default":2}}}}`, `{}`, `{p:2}`},
		{"default of the alternative that fits", `{"oneOf":[{"properties":{"t":{"const":"a"},"n":{"default":1}},"required":["t"]},{"properties":{"t":{"const":"b"},"n":{"default":2}},"required":["t"]}]}`,
			`{"t":"b"}`, `{t:b n:2}`},
		{"default of what depends", `{"dependentSchemas":{"a":{"properties":{"b":{"default":1}}}}}`, `{"a":0}`, `{a:0 b:1}`},
		{"default that decides a reference", `{"$defs":{"has":{"required":["a"]}},"allOf":[{"if":{"$ref":"#/$defs/has"},"else":{"properties":{"a":{"default":1}}}},
			{"if":{"$ref":"#/$defs/has"},"then":{"properties":{"b":{"default":2}}}}]}`, `{}`, `{a:1 b:2}`},
		{"no default without the object", `{"properties":{"tls":{"properties":{"mode":{"default":"x"}}}}}`, `{}`, `{}`},
		{"secret", `{"properties":{"a":{"writeOnly":true},"b":{}}}`, `{"a":{"x":["y",1]},"b":"z"}`, `{a:{x:[y* 1*]*}* b:z}`},
		{"secret of a reference", `{"$defs":{"s":{"writeOnly":true}},"items":{"$ref":"#/$defs/s"}}`, `["x"]`, `[x*]`},
		{"secret in a pattern", `{"patternProperties":{"(?i)pass":{"writeOnly":true}},"additionalProperties":{"type":"string"}}`, `{"DbPassword":"x","b":"y"}`, `{DbPassword:x* b:y}`},
		{"secret by default", `{"properties":{"a":{"writeOnly":true,"default":"x"}}}`, `{}`, `{a:x*}`},
		{"secret in an alternative that doesn't fit", `{"anyOf":[{"properties":{"a":{"type":"number","writeOnly":true}}},{"properties":{"a":{"type":"string"}}}]}`, `{"a":"x"}`, `{a:x*}`},
		{"secret in a condition", `{"if":{"properties":{"a":{"writeOnly":true,"const":1}}},"then":{}}`, `{"a":"x"}`, `{a:x*}`},
		{"secret in a list", `{"contains":{"writeOnly":true}}`, `["x"]`, `[x*]`},
		{"secret that is left over", `{"unevaluatedProperties":{"writeOnly":true}}`, `{"a":"x"}`, `{a:x*}`},
		{"secret of the wrong type", `{"properties":{"a":{"type":"string","writeOnly":true}}}`, `{"a":["x"]}`, `{a:[x*]*}`},
		{"secret in a recursive schema", `{"properties":{"in":{"$ref":"#"},"a":{"writeOnly":true}}}`, `{"in":{"in":{"a":"x"}}}`, `{in:{in:{a:x*}}}`},
		{"a URL that can't be read may hold a secret", `{"normalize":"url","properties":{"url":{},"scheme":{},"host":{}}}`, `"x://y@/"`, `{url:x://y@/*}`},
		{"what has no place may be a secret", `{"properties":{"password":{"writeOnly":true}},"additionalProperties":false}`, `{"pasword":"x"}`, `{pasword:x*}`},
	} {
		t.Run(c.name, func(t *testing.T) {
			s, found := Compile(parse(t, c.schema), "schema")
			if len(found) > 0 {
				t.Fatal(found)
			}
			before := parse(t, c.value)
			n, _ := s.Prepare(before, "d", "x")
			if got := show(n); got != c.want {
				t.Errorf("got  %s\nwant %s", got, c.want)
			}
			if show(before) != show(parse(t, c.value)) {
				t.Error("the document itself was changed")
			}
		})
	}
}

// TestDefaultsKeepApart shows that a default can be filled in more than once, and stands where it was missed.
func TestDefaultsKeepApart(t *testing.T) {
	s, found := Compile(parse(t, `{"items":{"properties":{"a":{"default":{"b":[1]}}}}}`), "schema")
	if len(found) > 0 {
		t.Fatal(found)
	}
	n, _ := s.Prepare(parse(t, "[{},\n {}]"), "d", "")
	a, b := n.Items[0].Get("a"), n.Items[1].Get("a")
	a.Get("b").Items[0].Secret = true
	if b.Get("b").Items[0].Secret {
		t.Error("both are one and the same")
	}
	if a.Pos.Line != 1 || b.Pos.Line != 2 || b.Get("b").Pos.Column != 2 {
		t.Errorf("they are at %v and %v", a.Pos, b.Pos)
	}
	if again, _ := s.Prepare(parse(t, "[{}]"), "d", ""); again.Items[0].Get("a").Get("b").Items[0].Secret {
		t.Error("the schema itself was changed")
	}
}

func TestExport(t *testing.T) {
	s, found := Compile(parse(t, `{"$schema":"https://json-schema.org/draft/2020-12/schema","title":"T","normalize":"url",
		"urlParts":{"schemes":{"a":{}},"host":"host","user":"user"},
		"properties":{"url":{"type":"string","format":"uri","writeOnly":true},"host":{"$ref":"#/$defs/host"},"user":{"$ref":"#/properties/host"},"extra":{},"next":{"$ref":"#"}},
		"required":["host","user","extra"],"$defs":{"host":{"type":"string","default":{"$ref":"#/left/alone"}}}}`), "schema")
	if len(found) != 1 { // the default
		t.Fatal(found)
	}
	const want = `{"title":"T","anyOf":[{"type":"string","format":"uri","writeOnly":true},` +
		`{"properties":{"url":{"type":"string","format":"uri","writeOnly":true},"host":{"$ref":"#/$defs/x/anyOf/1/$defs/host"},` +
		`"user":{"$ref":"#/$defs/x/anyOf/1/properties/host"},"extra":{},"next":{"$ref":"#/$defs/x"}},` +
		`"$defs":{"host":{"type":"string","default":{"$ref":"#/left/alone"}}},` +
		`"required":["extra"],"allOf":[{"anyOf":[{"required":["url"]},{"required":["host","user"]}]}]}]}`
	if got := string(document.Compact(s.Export("/$defs/x"))); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	if n, found := document.Parse("", s.JSON()); len(found) > 0 || n.Get("$schema") == nil {
		t.Errorf("JSON: %v", found)
	}
}

// TestLarge shows that the largest documents come to an end in no time worth measuring; the test run itself has a
// deadline.
func TestLarge(t *testing.T) {
	const size, values = 1 << 20, document.MaxValues/2 - 10
	repeat := func(open, each, end string) string {
		count := size / len(each)
		if strings.HasSuffix(each, ",") {
			count = min(count, values)
		}
		return open + strings.Repeat(each, count) + end
	}
	numbered := func(format string) string {
		var b strings.Builder
		for i := 0; b.Len() < size && i < values; i++ {
			fmt.Fprintf(&b, format, i)
		}
		return strings.TrimSuffix(b.String(), ",")
	}
	env, database := kind(t, "env"), kind(t, "database")
	urls, found := Compile(parse(t, `{"items":`+own+`}`), "own")
	if len(found) > 0 {
		t.Fatal(found)
	}
	list, found := Compile(parse(t, `{"uniqueItems":true,"items":{"anyOf":[{"type":"string"},{"$ref":"#"}]}}`), "list")
	if len(found) > 0 {
		t.Fatal(found)
	}
	for _, c := range []struct {
		name   string
		schema *Schema
		text   string
	}{
		{"variables", env, "{" + numbered(`"A%d":1,`) + "}"},
		{"sealed", env, "{" + numbered(`"A%d":{"$a":1},`) + "}"},
		{"wrong", env, "{" + numbered(`"-%d":[],`) + "}"},
		{"unknown", database, "{" + numbered(`"hos%d":1,`) + "}"},
		{"query", database, `"postgres://u@h/n?` + strings.ReplaceAll(numbered(`a%d=&`), ",", "") + `"`},
		{"password", database, repeat(`"postgres://u:`, "%00", `@h/n"`)},
		{"digits", database, repeat(`{"port":`, "9", "}")},
		{"URLs", urls, repeat("[", `"redis://h/1",`, `"redis://h/1"]`)},
		{"list", list, "[" + numbered(`"%d",`) + "]"},
		{"the same", list, repeat("[", `1,`, `1]`)},
	} {
		t.Run(c.name, func(t *testing.T) {
			n, found := c.schema.Prepare(parse(t, c.text), "d", "x")
			if n == nil {
				t.Fatal(found)
			}
		})
	}
}

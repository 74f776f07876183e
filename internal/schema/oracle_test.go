package schema

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/google/jsonschema-go/jsonschema"
)

// TestOracle compares verdicts on generated schemas and values with another implementation.
func TestOracle(t *testing.T) {
	const schemas, values = 800, 8
	g := generator{rand.New(rand.NewPCG(1, 2))}
	fitting := 0
	for range schemas {
		text := g.schema(3)
		s, found := Compile(parse(t, text), "schema")
		if len(found) > 0 {
			t.Fatalf("refused %s\n%v", text, found)
		}
		var other jsonschema.Schema
		if err := json.Unmarshal([]byte(text), &other); err != nil {
			t.Fatalf("the oracle cannot read %s: %v", text, err)
		}
		oracle, err := other.Resolve(nil)
		if err != nil {
			t.Fatalf("the oracle cannot resolve %s: %v", text, err)
		}
		for range values {
			value := g.value(3)
			var v any
			if err := json.Unmarshal([]byte(value), &v); err != nil {
				t.Fatal(err)
			}
			want := oracle.Validate(v) == nil
			c := &checker{source: "data"}
			n := parse(t, value)
			if got := c.valid(s, n); got != want {
				t.Fatalf("%s fits %s: got %v, the oracle says %v", value, text, got, want)
			}
			if found := c.findings(s, n, ""); (len(found) == 0) != want {
				t.Fatalf("%s fits %s: the oracle says %v, findings are %v", value, text, want, found)
			}
			if want {
				fitting++
			}
		}
	}
	if fitting < schemas*values/20 || fitting > schemas*values*19/20 {
		t.Errorf("%d of %d values fit: the test says little", fitting, schemas*values)
	}
}

type generator struct{ *rand.Rand }

func (g generator) pick(options ...string) string { return options[g.IntN(len(options))] }

func (g generator) several(n int, one func() string) string {
	parts := make([]string, n)
	for i := range parts {
		parts[i] = one()
	}
	return strings.Join(parts, ",")
}

func (g generator) key() string { return g.pick("a", "b", "c", "ab") }

func (g generator) named(n int, one func() string) string {
	var parts []string
	for _, key := range []string{"a", "b", "c", "ab"} {
		if g.IntN(4) < n {
			parts = append(parts, fmt.Sprintf("%q:%s", key, one()))
		}
	}
	return "{" + strings.Join(parts, ",") + "}"
}

func (g generator) value(depth int) string {
	kinds := 6
	if depth == 0 {
		kinds = 4
	}
	switch g.IntN(kinds) {
	case 0:
		return g.pick("null", "true", "false")
	case 1:
		return g.pick("0", "1", "2", "3", "1.0", "-1", "1.5", "10", "1e1")
	case 2, 3:
		return g.pick(`""`, `"a"`, `"ab"`, `"abc"`, `"é"`)
	case 4:
		return "[" + g.several(g.IntN(4), func() string { return g.value(depth - 1) }) + "]"
	}
	return g.named(2, func() string { return g.value(depth - 1) })
}

func (g generator) schema(depth int) string {
	if depth == 0 || g.IntN(12) == 0 {
		return g.pick("true", "false", "{}", `{"type":"string"}`, `{"type":"integer"}`, `{"const":1}`, `{"minLength":2}`)
	}
	sub := func() string { return g.schema(depth - 1) }
	list := func() string { return "[" + g.several(1+g.IntN(3), sub) + "]" }
	keys := func() string {
		return g.pick(`["a"]`, `["a","b"]`, `["c"]`, `[]`)
	}
	count := func() string { return g.pick("0", "1", "2", "3") }
	parts := map[string]func() string{
		"type": func() string {
			return g.pick(`"string"`, `"integer"`, `"number"`, `"object"`, `"array"`, `["string","null"]`, `["object","array"]`, `"boolean"`)
		},
		"enum":                  func() string { return "[" + g.several(1+g.IntN(4), func() string { return g.value(1) }) + "]" },
		"const":                 func() string { return g.value(1) },
		"multipleOf":            func() string { return g.pick("2", "0.5", "3") },
		"minimum":               func() string { return g.pick("0", "1", "2") },
		"maximum":               func() string { return g.pick("0", "1", "2") },
		"exclusiveMinimum":      func() string { return g.pick("0", "1", "2") },
		"exclusiveMaximum":      func() string { return g.pick("1", "2", "3") },
		"minLength":             count,
		"maxLength":             count,
		"pattern":               func() string { return g.pick(`"^a"`, `"b$"`, `"^[ab]*$"`) },
		"minItems":              count,
		"maxItems":              count,
		"uniqueItems":           func() string { return "true" },
		"prefixItems":           list,
		"items":                 sub,
		"contains":              sub,
		"minContains":           count,
		"maxContains":           count,
		"minProperties":         count,
		"maxProperties":         count,
		"properties":            func() string { return g.named(2, sub) },
		"patternProperties":     func() string { return fmt.Sprintf(`{%q:%s}`, g.pick("^a", "b$"), sub()) },
		"additionalProperties":  sub,
		"propertyNames":         func() string { return g.pick(`{"maxLength":1}`, `{"pattern":"^a"}`, `{"enum":["a","b"]}`) },
		"required":              keys,
		"dependentRequired":     func() string { return fmt.Sprintf(`{%q:%s}`, g.key(), keys()) },
		"dependentSchemas":      func() string { return g.named(1, sub) },
		"allOf":                 list,
		"anyOf":                 list,
		"oneOf":                 list,
		"not":                   sub,
		"if":                    sub,
		"then":                  sub,
		"else":                  sub,
		"unevaluatedItems":      sub,
		"unevaluatedProperties": sub,
	}
	var out []string
	for _, name := range keywords { // in their order, so that a seed gives the same schemas
		if make := parts[name]; make != nil && g.IntN(8) == 0 {
			out = append(out, fmt.Sprintf("%q:%s", name, make()))
		}
	}
	if depth == 3 {
		out = append(out, `"$defs":`+fmt.Sprintf(`{"d":%s}`, sub()))
		if g.IntN(3) == 0 {
			out = append(out, `"$ref":"#/$defs/d"`)
		}
	}
	return "{" + strings.Join(out, ",") + "}"
}

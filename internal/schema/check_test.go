package schema

import (
	"strings"
	"testing"
)

// TestFindings is what people read: each finding with its place, in words, and without the value.
func TestFindings(t *testing.T) {
	const port = `{"type":"integer","minimum":1,"maximum":65535}`
	for _, c := range []struct{ name, schema, value, want string }{
		{"type", `{"type":"string"}`, `5`, `1:1: x: must be a string, not a number`},
		{"types", `{"type":["string","number","null"]}`, `{}`, `1:1: x: must be a string, a number or null, not an object`},
		{"null", `{"type":"string"}`, `null`, `1:1: x: must be a string, not null`},
		{"range, of another type", port, `"s3cr3t"`, `1:1: x: must be an integer from 1 to 65535, not a string`},
		{"range, too large", port, `70000`, `1:1: x: must be an integer from 1 to 65535`},
		{"range, no integer", port, `1.5`, `1:1: x: must be an integer from 1 to 65535`},
		{"range, written otherwise", port, `6.5535e4`, ``},
		{"range, huge", port, `1e1000000000`, `1:1: x: must be an integer from 1 to 65535`},
		{"range, tiny", port, `1e-1000000000`, `1:1: x: must be an integer from 1 to 65535`},
		{"lower bound", `{"type":"number","exclusiveMinimum":0}`, `0`, `1:1: x: must be a number greater than 0`},
		{"upper bound", `{"maximum":1e400}`, `1.1e400`, `1:1: x: must be a number of at most 1e400`},
		{"mixed bounds", `{"type":"integer","minimum":1,"exclusiveMaximum":9}`, `9`, `1:1: x: must be an integer of at least 1 and less than 9`},
		{"multiple", `{"multipleOf":0.5}`, `0.7`, `1:1: x: must be a number that is a multiple of 0.5`},
		{"enum", `{"enum":["disable","require"]}`, `"s3cr3t"`, `1:1: x: must be one of "disable", "require"`},
		{"const", `{"const":1}`, `2`, `1:1: x: must be 1`},
		{"empty", `{"minLength":1}`, `""`, `1:1: x: must not be empty`},
		{"lengths", `{"minLength":2,"maxLength":3}`, `"é"`, `1:1: x: must have from 2 to 3 characters`},
		{"pattern", `{"pattern":"^[a-z]+$"}`, `"S3"`, `1:1: x: must match ^[a-z]+$`},
		{"pattern in words", `{"pattern":"^[a-z]+$","errorMessage":"must be lower case"}`, `"S3"`, `1:1: x: must be lower case`},
		{"format", `{"format":"hostname"}`, `"s3cr3t!"`, `1:1: x: must be a host name`},
		{"formats", `{"type":"string","anyOf":[{"format":"hostname"},{"format":"ipv4"},{"format":"ipv6"}]}`, `"10.0.0.256"`,
			`1:1: x: must be a host name, an IPv4 address or an IPv6 address`},
		{"required, and all of it", `{"properties":{"a":{"type":"string"}},"required":["a","b"],"additionalProperties":false}`, "{\n \"a\": 1,\n \"zz\": 2}",
			"1:1: x.b: is required\n2:7: x.a: must be a string, not a number\n3:2: x.zz: no such key; known is a"},
		{"unknown key", `{"properties":{"password":true,"port":true},"additionalProperties":false}`, `{"pasword":"s3cr3t"}`,
			`1:2: x.pasword: no such key; did you mean "password"?`},
		{"unknown key, wrong case", `{"properties":{"password":true},"additionalProperties":false}`, `{"Password":"s3cr3t"}`,
			`1:2: x.Password: no such key; did you mean "password"?`},
		{"a mistyped key is not missing too", `{"properties":{"host":true,"port":true},"required":["host","port"],"additionalProperties":false}`, `{"hots":1}`,
			"1:1: x.port: is required\n1:2: x.hots: no such key; did you mean \"host\"?"},
		{"no keys", `{"type":"object","additionalProperties":false}`, `{"a b":1}`, `1:2: x["a b"]: no such key`},
		{"name", `{"propertyNames":{"pattern":"^[A-Z]+$"}}`, `{"a":1}`, `1:2: x.a: the name must match ^[A-Z]+$`},
		{"dependent", `{"dependentRequired":{"password":["user"]}}`, `{"password":"s3cr3t"}`, `1:1: x.user: is required where password is given`},
		{"items", `{"items":{"type":"string"}}`, `["a", 1, 2]`, "1:7: x[1]: must be a string, not a number\n1:10: x[2]: must be a string, not a number"},
		{"too many", `{"maxItems":1}`, `[1,2]`, `1:1: x: must have at most 1 element`},
		{"unique", `{"uniqueItems":true}`, `[1, {"a":1,"b":2}, 1.0, {"b":2,"a":1}]`,
			"1:20: x[2]: is the same as element 0; each may stand only once\n1:25: x[3]: is the same as element 1; each may stand only once"},
		{"contains", `{"contains":{"const":"a"}}`, `["b"]`, `1:1: x: must have at least 1 element that is "a"`},
		{"extra item", `{"prefixItems":[true],"items":false}`, `[1,2]`, `1:4: x[1]: must be left out`},
		{"one of keys, none", `{"oneOf":[{"required":["papertrail"]},{"required":["loggly"]},{"required":["collector"]}]}`, `{}`,
			`1:1: x: must have exactly one of papertrail, loggly, collector`},
		{"one of keys, two", `{"oneOf":[{"required":["papertrail"]},{"required":["loggly"]},{"required":["collector"]}]}`, `{"loggly":1,"collector":2}`,
			`1:1: x: must have exactly one of papertrail, loggly, collector, not loggly and collector`},
		{"any of keys", `{"anyOf":[{"required":["url"]},{"required":["host","port"]}]}`, `{"host":1}`, `1:1: x: must have at least one of url, host and port`},
		{"one of keys, mistyped", `{"properties":{"loggly":true},"oneOf":[{"required":["papertrail"]},{"required":["loggly"]}],"additionalProperties":false}`, `{"logly":1}`,
			`1:2: x.logly: no such key; did you mean "loggly"?`},
		{"alternative by type", `{"anyOf":[{"type":"string"},{"type":"object","required":["name"]}]}`, `{}`, `1:1: x.name: is required`},
		{"no alternative's type", `{"anyOf":[{"type":"string"},{"type":"object"}]}`, `1`, `1:1: x: must be a string or an object, not a number`},
		{"alternative by constant", `{"oneOf":[
			{"properties":{"type":{"const":"a"},"size":{"type":"integer"}},"required":["type","size"]},
			{"properties":{"type":{"const":"b"},"name":{"type":"string"}},"required":["type","name"]}]}`, `{"type":"b","name":1}`,
			`1:20: x.name: must be a string, not a number`},
		{"alternative by keys", `{"oneOf":[
			{"properties":{"a":{"type":"string"}},"required":["a"],"additionalProperties":false},
			{"properties":{"b":{"type":"string"}},"required":["b"],"additionalProperties":false}]}`, `{"b":1}`, `1:6: x.b: must be a string, not a number`},
		{"alternatives by title", `{"oneOf":[{"title":"a circle","required":["r"],"not":{}},{"title":"a square","required":["r"],"not":{}}]}`, `{"r":1}`,
			`1:1: x: must be a circle or a square`},
		{"ambiguous", `{"oneOf":[{"title":"odd","type":"integer"},{"title":"even","type":"integer"}]}`, `1`,
			`1:1: x: must fit one of the schema's alternatives only, and fits odd and even`},
		{"not together", `{"not":{"required":["template","value"]}}`, `{"template":1,"value":2}`, `1:1: x: must not have template and value together`},
		{"not a value", `{"not":{"const":"admin"}}`, `"admin"`, `1:1: x: must not be "admin"`},
		{"conditional", `{"if":{"properties":{"a":{"const":1}},"required":["a"]},"then":{"required":["b"]},"else":{"required":["c"]}}`, `{"a":1}`, `1:1: x.b: is required`},
		{"unevaluated", `{"allOf":[{"properties":{"host":true}}],"properties":{"port":true},"unevaluatedProperties":false}`, `{"host":1,"port":2,"hosts":3}`,
			`1:20: x.hosts: no such key; did you mean "host"?`},
		{"said once", `{"allOf":[{"type":"string"},{"type":"string"}]}`, `1`, `1:1: x: must be a string, not a number`},
		{"false", `{"properties":{"a":false}}`, `{"a":1}`, `1:6: x.a: must be left out`},
		{"sealed", `{"properties":{"p":{"type":"string","writeOnly":true}}}`, `{"p":{"$kms":"AQIC"}}`,
			`1:6: x.p: $kms is reserved, and this version cannot open it; give the value itself`},
		{"sealed, below a secret", `{"writeOnly":true}`, `[{"$sealed":"AQIC"}]`, `1:2: x[0]: $sealed is reserved, and this version cannot open it; give the value itself`},
		{"deprecated", `{"properties":{"a":{"deprecated":true,"description":"Use b."},"c":{"deprecated":true}}}`, `{"a":1}`, `1:6: warning: x.a: is deprecated: Use b.`},
	} {
		t.Run(c.name, func(t *testing.T) {
			s, found := Compile(parse(t, c.schema), "schema")
			if len(found) > 0 {
				t.Fatal(found)
			}
			_, found = s.Prepare(parse(t, c.value), "d", "x")
			found.Sort()
			got := strings.ReplaceAll("\n"+found.Error(), "\nd:", "\n")[1:]
			if len(found) == 0 {
				got = ""
			}
			if got != c.want {
				t.Errorf("got\n%s\nwant\n%s", got, c.want)
			}
			if strings.Contains(strings.ToLower(got), "s3cr3t") {
				t.Error("the value is in the findings")
			}
		})
	}
}

// TestHostileSchema shows that a schema that could take for ever ends, and never in consent.
func TestHostileSchema(t *testing.T) {
	s, found := Compile(parse(t, `{"type":"array","items":{"anyOf":[
		{"allOf":[{"$ref":"#"},{"$ref":"#"}],"not":{"$ref":"#"}},
		{"oneOf":[{"$ref":"#"},{"$ref":"#/items"},{"not":{"$ref":"#"}}]}]}}`), "schema")
	if len(found) == 0 {
		_, found = s.Prepare(parse(t, strings.Repeat("[", 40)+strings.Repeat("]", 40)), "d", "")
	}
	if len(found) == 0 {
		t.Error("nothing was found")
	}
	doubling := `{"$defs":{"t":{"properties":{"a":{"anyOf":[{"$ref":"#/$defs/t"},{"$ref":"#/$defs/u"}]}},"required":["b"]},
		"u":{"properties":{"a":{"anyOf":[{"$ref":"#/$defs/u"},{"$ref":"#/$defs/t"}]}},"required":["c"]}},"$ref":"#/$defs/t"}`
	s, found = Compile(parse(t, doubling), "schema")
	if len(found) > 0 {
		t.Fatal(found)
	}
	if _, found = s.Prepare(parse(t, strings.Repeat(`{"a":`, 60)+"1"+strings.Repeat("}", 60)), "d", ""); len(found) == 0 {
		t.Error("nothing was found")
	}
}

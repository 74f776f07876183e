package format

import (
	"strings"
	"testing"

	"github.com/bootconf/bootconf/internal/document"
)

func TestJSONPlaces(t *testing.T) {
	list := tree(t, `["x", 1]`)
	checkPlaces(t, jsonFormat{}, []place{
		{`{"a": {{}}}`, str("x\"\\\n\x00\u2028</é😀"), "{\"a\": \"x\\\"\\\\\\n\\u0000\u2028</é😀\"}"},
		{`{"a":{{}},"b":{{}}}`, num("1e400"), `{"a":1e400,"b":1e400}`},
		{`[{{}}, {{}}]`, num("123456789012345678901234567890"), `[123456789012345678901234567890, 123456789012345678901234567890]`},
		{`{{}}`, null(), `null`},
		{`[{{}}]`, boolean(true), `[true]`},
		{`{"a": {{}}}`, tree(t, `{"b": [1, "x", {}], "c\"": []}`), `{"a": {"b": [1, "x", {}], "c\"": []}}`},
		{`{"a": "x-{{}}-{{}}"}`, str("\"\n"), `{"a": "x-\"\n-\"\n"}`},
		{`{"a": "{{}}"}`, num("-0"), `{"a": "-0"}`},
		{`{"a": "{{}}"}`, null(), "!has no value"},
		{`{"a": "{{}}"}`, list, "!is an array"},
		{"{\"a\": [\n  {{}}\n]}\n", list, "{\"a\": [\n  [\"x\", 1]\n]}\n"},
		{`["\u00e9{{}}"]`, str("x"), `["\u00e9x"]`},

		{`{{{}}: 1}`, str("a"), "!name stands"},
		{`{"{{}}": 1}`, str("a"), "!name"},
		{`{"a" {{}}}`, str("a"), "!name"},
		{`{"a": 1 {{}}}`, str("a"), "!name stands"},
		{`{"a": 1{{}}}`, str("a"), "!middle of a number"},
		{`["\{{}}"]`, str("a"), "!backslash"},
		{`["\u00{{}}"]`, str("a"), "!backslash"},
		{`["\u00x"]`, nil, "!hex digits"},
		{`[{{}}{{}}]`, num("1"), "!comma"},
		{`[{{}} {{}}]`, num("1"), "!comma"},
		{`[{{}}5]`, num("1"), "!comma"},
		{`[5{{}}]`, num("1"), "!middle of a number"},
		{`{"a": {{}}5}`, num("1"), "!name in double quotes"},
		{`{{}} {{}}`, num("1"), "!comma"},
		{`{"a": {{}} "b": 1}`, num("1"), "!parse"},
		{`{"a": {{}}, "a": 1}`, num("1"), "!stands twice"},
		{`{"a": {{}}`, num("1"), "!bracket is not closed"},
		{`["{{}}`, num("1"), "!string is not closed"},
		{`[{{}},]`, num("1"), "!comma before the closing"},
		{"// c\n{{}}", num("1"), "!no comments"},
		{"[\"\t\"]", nil, "!control"},
		{"", nil, "!no value"},
	})
}

func TestJSONJoin(t *testing.T) {
	f := jsonFormat{}
	checkJoin(t, f, `{"a": `, "{{}}", "5432", "}", true)
	checkJoin(t, f, `{"a": `, "{{}}", "null", `, "b": {{}}}`, true)
	checkJoin(t, f, `{"a": `, "{{}}", "", "}", false)
	checkJoin(t, f, `{"a": `, "{{}}", "5", "4}", false)
	checkJoin(t, f, `{"a": 1`, `, "b": {{}}`, "", "}", true)
	checkJoin(t, f, `{`, `"b": {{}},`, "", `"c": 1}`, true)
	checkJoin(t, f, `{"a": "`, `{{}}`, "x", `"}`, true)
	checkJoin(t, f, "[", "{{}}, ", "", "{{}}]", true)
	checkJoin(t, f, "[", "{{}}", "", ", {{}}]", true)
	checkJoin(t, f, "[", "{{}}", "", "{{}}]", true) // written apart: Parse finds the missing comma
	checkJoin(t, f, "[", "{{}}", "", `{"a": {{}}}]`, true)
	checkJoin(t, f, "[", "{{}}", "", "5]", false)
	checkJoin(t, f, "[", "{{}}]", "{{}}", "", false)
}

// TestJSONLoop is a loop over elements with commas between them, as an engine reads it.
func TestJSONLoop(t *testing.T) {
	for _, c := range []struct {
		f             Format
		before, after string
	}{{jsonFormat{}, "[", "]"}, {toml{}, "a = [", "]\n"}} {
		s, err := c.f.Text(c.f.Start(), c.before)
		for range 2 { // the second time round the loop nothing changes
			var ok bool
			comma, textErr := c.f.Text(s, ", ")
			both, joined := c.f.Join(s, comma)
			if err != nil || !joined || textErr != nil && s.Place != jsonValue {
				t.Fatal(err, joined, textErr)
			}
			w, end, actionErr := c.f.Action(both)
			if actionErr != nil {
				t.Fatal(actionErr)
			}
			if s, ok = c.f.Join(s, end); !ok {
				t.Fatal("the loop's end and beginning don't join")
			}
			if got, _ := w(str("x")); got != `"x"` {
				t.Errorf("a string is written %s", got)
			}
		}
		w, _, _ := c.f.Action(s)
		if got, _ := w(num("1")); got != " 1" {
			t.Errorf("a number that may stand behind another is written %q", got)
		}
		if s, err = c.f.Text(s, c.after); err != nil || c.f.End(s) != nil {
			t.Error(err)
		}
	}
}

func TestJSONWhole(t *testing.T) {
	n := tree(t, `{"a": "x", "b": {"c": [1, {"d": null}, []], "e": {}}, "\"": 1E+2}`)
	n.Get("b").Get("c").Mark()
	checkWhole(t, jsonFormat{}, n, `{
  "a": "x",
  "b": {
    "c": [
      ‹1›,
      {
        "d": ‹null›
      },
      ‹[]›
    ],
    "e": {}
  },
  "\"": 1E+2
}
`)
	checkWhole(t, jsonFormat{}, str("x"), "\"x\"\n")
	checkParse(t, jsonFormat{}, map[string]string{"{\"a\":\n1,}": "!line 2", "{}{}": "!line 1", " [1] ": "", "": "!empty", `["s3cr` + "\n": "!line"})
}

func checkJSONRoundTrip(t testing.TB, value string) {
	for template, want := range map[string]string{`{"a": {{}}, "b": 1}`: "|", `{"a": "x{{}}y{{}}", "b": 1}`: "x|y|"} {
		file, err := fill(t, jsonFormat{}, template, str(value))
		if err != nil {
			t.Fatalf("%q: %v", value, err)
		}
		n, found := document.Parse("", []byte(file))
		if len(found) > 0 || n.Get("a").Plain() != strings.ReplaceAll(want, "|", value) || n.Get("b").Plain() != "1" || len(n.Members) != 2 {
			t.Fatalf("%q became %q, %v", value, file, found)
		}
	}
}

func TestJSONRoundTrip(t *testing.T) {
	for _, s := range hostile() {
		checkJSONRoundTrip(t, s)
	}
}

func FuzzJSON(f *testing.F) {
	for _, s := range corpus {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if s == strings.ToValidUTF8(s, "") {
			checkJSONRoundTrip(t, s)
		}
	})
}

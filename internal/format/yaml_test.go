package format

import (
	"fmt"
	"strconv"
	"strings"
	"testing"
)

func TestYAMLPlaces(t *testing.T) {
	nasty := str("a\"b\\c\n\x00\u0085\u2028<%= %>😀\ufeffé")
	quoted := `"a\"b\\c\n\x00\x85\u2028\x3c%= %>\U0001f600\ufeffé"`
	list := tree(t, `["x", 1, null]`)
	checkPlaces(t, yaml{}, []place{
		{"a: {{}}\n", nasty, "a: " + quoted + "\n"},
		{"---\na:\n  b-c: {{}} # c\n  d:   {{}}\n", str("yes"), "---\na:\n  b-c: \"yes\" # c\n  d:   \"yes\"\n"},
		{"a:\n- {{}}\n-  {{}}\n- - {{}}\n  - b: {{}}\n    c: {{}}\n", num("5"), "a:\n- 5\n-  5\n- - 5\n  - b: 5\n    c: 5\n"},
		{"a: [{{}}, {{}}, ]\n", str("x"), "a: [\"x\", \"x\", ]\n"},
		{"a: {b: {{}}, \"c\": {{}}}\n", str("x"), "a: {b: \"x\", \"c\": \"x\"}\n"},
		{"a: [\n  {{}},\n  {b: {{}}},\n]\n", str("x"), "a: [\n  \"x\",\n  {b: \"x\"},\n]\n"},
		{"a: {{}}\n", num("1e3"), "a: 1.0e+3\n"},
		{"a: {{}}\n", num("1.5E-3"), "a: 1.5e-3\n"},
		{"a: {{}}\n", num("-12.50"), "a: -12.50\n"},
		{"a: {{}}\n", num("123456789012345678901234567890"), "a: 123456789012345678901234567890\n"},
		{"a: {{}}\n", num("1e400"), "!float of 64 bits"},
		{"a: {{}}\n", boolean(true), "a: true\n"},
		{"a: {{}}\n", null(), "a: null\n"},
		{"a: {{}}\n", list, "a: [\"x\", 1, null]\n"},
		{"a: {{}}\n", tree(t, `{"b": {"c: d": "x"}, "e": []}`), "a: {\"b\": {\"c: d\": \"x\"}, \"e\": []}\n"},
		{"a: {{}}\n", tree(t, `{"b": {"<<": {"c": 1}}}`), "![\"<<\"]: is a key that some"},
		{"a: {{}}\n", tree(t, fmt.Sprintf(`{"%s": 1}`, strings.Repeat("k", 1000))), "!longer than the 1024"},
		{"a: \"x {{}} y\"\n", nasty, "a: \"x " + quoted[1:len(quoted)-1] + " y\"\n"},
		{"a: \"<{{}}%\"\n", str("%x<"), "a: \"<\\x25x\\x3c%\"\n"},
		{"a: \"{{}}{{}}\"\n", str("%<"), "a: \"\\x25\\x3c\\x25\\x3c\"\n"},
		{"a: \"{{}}\"\n", num("1e3"), "a: \"1e3\"\n"},
		{"a: \"{{}}\"\n", list, "!is an array"},
		{"a: \"{{}}\"\n", null(), "!has no value"},
		{"a: 'x {{}} y'\n", str(`it's "x" \n`), `a: 'x it''s "x" \n y'` + "\n"},
		{"a: '{{}}'\n", str("x\ny"), "!single quotes"},
		{"a: '{{}}'\n", str("<%"), "!single quotes"},
		{"a: '<{{}}'\n", str("%"), "!single quotes"},
		{"a: '{{}}%'\n", str("<"), "!single quotes"},
		{"a: '{{}}'\n", str("\u2028"), "!single quotes"},
		{"- \"{{}}\"\n- '{{}}'\n- [\"{{}}\"]\n", str("x"), "- \"x\"\n- 'x'\n- [\"x\"]\n"},
		{"a: &x 1\nb: *x\nc: !!str 5\nd:\n  <<: *x\n  e: {{}}\n", str("x"), "a: &x 1\nb: *x\nc: !!str 5\nd:\n  <<: *x\n  e: \"x\"\n"},
		{"base: &base\n  a: 1\nprod:\n  <<: *base\n  b: {{}}\n", str("x"), "base: &base\n  a: 1\nprod:\n  <<: *base\n  b: \"x\"\n"},
		{"a: |\n  x: {y}\n  # no comment\n\n   \"\nb: {{}}\n", str("x"), "a: |\n  x: {y}\n  # no comment\n\n   \"\nb: \"x\"\n"},
		{"- a: >-\n    x\n  b: {{}}\n", str("x"), "- a: >-\n    x\n  b: \"x\"\n"},
		{"a: \"x\n  y\"\nb: 'x\n\n  it''s'\nc: {{}}\n", str("x"), "a: \"x\n  y\"\nb: 'x\n\n  it''s'\nc: \"x\"\n"},
		{":concurrency: {{}}\n:x: :sym\n", num("5"), ":concurrency: 5\n:x: :sym\n"},
		{"url: http://x:80/#a\nb: a - b, [c] {d}\nc: -5\nd: -x\n", nil, "url: http://x:80/#a\nb: a - b, [c] {d}\nc: -5\nd: -x\n"},
		{"\"a b\": {{}}\n'c': {{}}\n\"d\":\n  e: {{}}\n", num("1"), "\"a b\": 1\n'c': 1\n\"d\":\n  e: 1\n"},
		{"a:\n  - b\n  - c: {{}}\nd: {{}}", num("1"), "a:\n  - b\n  - c: 1\nd: 1"},
		{"a: {{}}\nb:\n", str(""), "a: \"\"\nb:\n"},
		{"- ---\n- --x\n", nil, "- ---\n- --x\n"},

		{"{{}}: 1\n", str("a"), "!key"},
		{"a{{}}: 1\n", str("a"), "!middle of a plain text"},
		{"\"{{}}\": 1\n", str("a"), "!name"},
		{"'{{}}': 1\n", str("a"), "!name"},
		{"- \"{{}}\": 1\n", str("a"), "!only a comment"},
		{"- {{}}: 1\n", str("a"), "!only a comment"},
		{"a: {{{}}: 1}\n", str("a"), "!key"},
		{"a: {\"{{}}\": 1}\n", str("a"), "!name"},
		{"a: [{{}}: 1]\n", str("a"), "!comma"},
		{"a: [\"{{}}\": 1]\n", str("a"), "!comma"},
		{"a:{{}}\n", str("a"), "!blank must stand"},
		{"a: {\"b\":{{}}}\n", str("a"), "!blank must stand"},
		{"a: {b:{{}}}\n", str("a"), "!blank must stand"},
		{"a: x{{}}\n", str("a"), "!double quotes"},
		{"a: x {{}}\n", str("a"), "!double quotes"},
		{"a: {{}}x\n", str("a"), "!only a comment"},
		{"a: {{}} x\n", str("a"), "!only a comment"},
		{"a: {{}}#x\n", str("a"), "!comment can stand only"},
		{"a: {{}}: x\n", str("a"), "!only a comment"},
		{"a: [{{}}{{}}]\n", num("5"), "!ends right before"},
		{"a: [{{}} {{}}]\n", num("5"), "!ends right before"},
		{"a: [{{}}5]\n", num("5"), "!comma"},
		{"a: [5{{}}]\n", num("5"), "!double quotes"},
		{"a:\n  {{}}\n", str("a"), "!behind a key"},
		{"a: foo\n  {{}}\n", str("a"), "!behind a key"},
		{"# {{}}\n", str("a"), "!comment"},
		{"a: 1 # {{}}\n", str("a"), "!comment"},
		{"a: &{{}} 1\n", str("a"), "!anchor"},
		{"a: &x {{}}\n", str("a"), "!anchor"},
		{"a: !!binary {{}}\n", str("a"), "!anchor"},
		{"a: *{{}}\n", str("a"), "!anchor"},
		{"a: |\n  x {{}}\n", str("a"), "!block scalar"},
		{"a: |\n  {{}}\n", str("a"), "!block scalar"},
		{"a: |{{}}\n", str("a"), "!block scalar"},
		{"a:\n- |\n x {{}}\n", str("a"), "!block scalar"},
		{"a: \"\\{{}}\"\n", str("a"), "!backslash"},
		{"a: \"\\x4{{}}\"\n", str("a"), "!backslash"},
		{"a: \"x\n  {{}}\"\n", str("a"), "!one line"},
		{"a: \"{{}}\n  x\"\n", str("a"), "!one line"},
		{"a: '{{}}\n  x'\n", str("a"), "!one line"},
		{"a: - {{}}\n", str("a"), "!line of its own"},
		{"a: b: {{}}\n", str("a"), "!in quotes"},
		{"a: [b: c]\n", nil, "!in quotes"},
		{"a: [http://x]\n", nil, "!in quotes"},
		{"a: [1, # c\n 2]\n", nil, "!within brackets"},
		{"a: {b, c}\n", nil, "!colon and a value"},
		{"a: {\"b\" : c}\n", nil, "!colon must follow"},
		{"a:\tb\n", nil, "!tab"},
		{"\ta: b\n", nil, "!tab"},
		{"a: <%= 1 %>\n", nil, "!Ruby code"},
		{"a: \"\u2028\"\n", nil, "!end of a line"},
		{"a: 1\r\n", nil, "!control"},
		{"? a\n: b\n", nil, "!plain text cannot begin"},
		{"a: @x\n", nil, "!plain text cannot begin"},
		{"%YAML 1.1\n---\n", nil, "!plain text cannot begin"},
		{"a: \"\\q\"\n", nil, "!no escape"},
		{"a: [1}\n", nil, "!comma or a closing"},
		{"a: [1", nil, "!bracket is not closed"},
		{"a: \"1", nil, "!quote is not closed"},
		{"a: '1", nil, "!quote is not closed"},
		{"a: {{}}\n  b: 1\n", str("x"), "!line 2: a key cannot stand here"},
		{"a: {{}}\na: 1\n", str("x"), "!line 2: a key stands twice"},
		{"a: foo\n  b: {{}}\n", str("x"), "!line 2: a key cannot stand here"},
	})
}

func TestYAMLJoin(t *testing.T) {
	f := yaml{}
	checkJoin(t, f, "a: ", "{{}}", "5432", "\n", true)
	checkJoin(t, f, "a: ", "{{}}", "foo bar", " # c\n", true)
	checkJoin(t, f, "a: ", "{{}}", "", "\nb: {{}}\n", true)
	checkJoin(t, f, "a: ", "{{}}", "'x'", "\n", true)
	checkJoin(t, f, "a: ", "{{}}", "foo", "bar\n", false)
	checkJoin(t, f, "a: ", "{{}}", "foo", ": 1\n", false)
	checkJoin(t, f, "- ", "{{}}", "foo", "\n", true)
	checkJoin(t, f, "- ", "{{}}", "foo", ": 1\n", false)
	checkJoin(t, f, "a: [", "{{}}, ", "", "{{}}]\n", true)
	checkJoin(t, f, "a: [", "{{}}", "", "]\n", true)
	checkJoin(t, f, "a: [", "{{}}", "", "{{}}]\n", false) // two numbers would be one text
	checkJoin(t, f, "a: \"", "{{}}", "x", "\"\n", true)
	checkJoin(t, f, "a: \"", "{{}}", "x\n", "\"\n", false)
	checkJoin(t, f, "- \"", "{{}}", "x", "\"\n", true)
	checkJoin(t, f, "- \"", "{{}}", "x", "\": 1\n", false)
	checkJoin(t, f, "a: '", "{{}}", "x", "'\n", true)
	checkJoin(t, f, "", "a: {{}}\n", "", "b: 1\n", true)
	checkJoin(t, f, "a:\n", "  b: {{}}\n", "  - {{}}\n", "c: 1\n", true)
	checkJoin(t, f, "", "a: {{}}", "", "\n", false)
	checkJoin(t, f, "", "a: ", "b: ", "{{}}\n", true)
	checkJoin(t, f, "", "a: ", "  b: ", "|\n  x\n", false)
}

func TestYAMLWhole(t *testing.T) {
	n := tree(t, `{"a": "x", "list": [1, {"k": "v", "l": [{"m": null}]}, [2, [3]], []], "on": {"yes no": true, "p": "s"}, "e": {}}`)
	n.Get("on").Get("p").Mark()
	checkWhole(t, yaml{}, n, `a: "x"
list:
  - 1
  - k: "v"
    l:
      - m: null
  - - 2
    - - 3
  - []
"on":
  "yes no": true
  p: ‹"s"›
e: {}
`)
	checkWhole(t, yaml{}, str("x"), "\"x\"\n")
	checkWhole(t, yaml{}, tree(t, "[]"), "[]\n")
	checkWhole(t, yaml{}, tree(t, `[[1], {"a": 2}]`), "- - 1\n- a: 2\n")
	checkWhole(t, yaml{}, tree(t, `{"a": [{"<<": 1}]}`), `!a[0]["<<"]: is a key`)
	checkWhole(t, yaml{}, tree(t, `{"a": [1e999]}`), `!a[0]: is a number`)
	checkWhole(t, yaml{}, tree(t, `{"": 1, "a\nb": 2, "007": 3, "é": 4}`), "\"\": 1\n\"a\\nb\": 2\n\"007\": 3\n\"é\": 4\n")
}

func TestYAMLParse(t *testing.T) {
	checkParse(t, yaml{}, map[string]string{
		"a: 1\nb:\n  - c\n  -\n    d: 1\n  - e:\n    f:\n      g: 1\nh:\n- i\n- j: 1\n  k: 2\nl: 3\n": "",
		"# c\n\n---\n# d\na: 1\n---\na: 2\n":     "",
		"just text\n":                            "",
		"\"quoted\"":                             "",
		"[1, {a: 2}, 'x']\n":                     "",
		"a:\n  \"x\"\nb:\n  [1,\n 2]\nc:\n  x\n": "",
		"a: |\n  x\n y\n\nb: 1\n":                "",
		"a: &x\n  b: 1\n":                        "",
		"a:\n  b: 1\n c: 2\n":                    "!line 3",
		"a: 1\n  b: 2\n":                         "!line 2",
		"a: 1\n- b\n":                            "!line 2",
		"- a\nb: 1\n":                            "!line 2",
		"- a\n  - b\n":                           "!line 2",
		"a:\n  - b\n - c\n":                      "!line 3",
		"a: x\n  y\n":                            "!line 2",
		"a\nb\n":                                 "!line 2",
		"\"a\" b\n":                              "!line 1",
		"a: 1\nb: 2\n\"a\": 3\n":                 "!line 3: a key stands twice",
		"a: {b: 1, b: 2}\n":                      "!twice",
		"a:\n  <<: *x\n  <<: *y\n":               "",
		": 1\n":                                  "!empty",
		"a: *x y\n":                              "!line 1",
		"a: |x\n":                                "!line 1",
		"a: 1\n...\nb: 1\n":                      "!line 2",
		"a: b:":                                  "!last line",
		"- {a: [1, 2}\n":                         "!line 1",
	})
}

// yamlUnquote reads what the writer writes: the escapes with which a text stands in double quotes.
func yamlUnquote(s string) (string, error) {
	s = strings.NewReplacer(`\U`, `\U`, "'", `'`).Replace(s)
	var b strings.Builder
	for len(s) > 0 {
		r, _, rest, err := strconv.UnquoteChar(s, '"')
		if err != nil {
			return "", err
		}
		if strings.HasPrefix(s, `\x`) { // a code point in YAML, a byte in Go
			n, _ := strconv.ParseUint(s[2:4], 16, 8)
			r = rune(n)
		}
		b.WriteRune(r)
		s = rest
	}
	return b.String(), nil
}

func checkYAMLRoundTrip(t testing.TB, value string) {
	for _, c := range [][2]string{{"a: ", "\nb: 1\n"}, {"a: \"x%<", "\"\nb: 1\n"}, {"a: \"%<x", "%<\"\nb: 1\n"}, {"- [", ", 1]\n"}, {"a: 'x", "y'\nb: 1\n"}, {"- c: {d: ", "}\n"}} {
		file, err := fill(t, yaml{}, c[0]+marker+c[1], str(value))
		if err != nil {
			continue
		}
		if err := (yaml{}).Parse([]byte(file)); err != nil {
			t.Fatalf("%q became %q: %v", value, file, err)
		}
		literal := strings.TrimSuffix(strings.TrimPrefix(file, c[0]), c[1])
		got := ""
		switch {
		case strings.Contains(c[0], `"`):
			got, err = yamlUnquote(literal)
		case strings.Contains(c[0], "'"):
			got = strings.ReplaceAll(literal, "''", "'")
		default:
			got, err = yamlUnquote(literal[1 : len(literal)-1])
		}
		if err != nil || got != value {
			t.Fatalf("%q became %q: read as %q, %v", value, file, got, err)
		}
		for _, bad := range []string{"<%", "\u0085", "\u2028", "\u2029", "\r", "\x00"} {
			if strings.Contains(file, bad) {
				t.Fatalf("%q became %q, which holds %q", value, file, bad)
			}
		}
	}
}

func TestYAMLRoundTrip(t *testing.T) {
	for _, s := range hostile() {
		checkYAMLRoundTrip(t, s)
	}
}

func FuzzYAML(f *testing.F) {
	for _, s := range corpus {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if s == strings.ToValidUTF8(s, "") {
			checkYAMLRoundTrip(t, s)
		}
	})
}

// FuzzYAMLText has any author's text and a value in it come to an end: without a panic, and with the literal untouched
// by what Parse takes for the structure.
func FuzzYAMLText(f *testing.F) {
	f.Add("a: &x\n  - b: [", "]\n  - 'c': |\n     x\n")
	f.Add("{a: \"", "\", 'b': *c}\n")
	f.Fuzz(func(t *testing.T, before, after string) {
		s, err := yaml{}.Text(State{}, before)
		if err != nil {
			return
		}
		w, s, err := yaml{}.Action(s)
		if err != nil {
			return
		}
		if s, err = (yaml{}).Text(s, after); err != nil || (yaml{}).End(s) != nil {
			return
		}
		// with two values that differ only in syntax either both files are good or none
		var errs [2]error
		for i, v := range []string{"x", "x: [\"y\n- z: '"} {
			literal, err := w(str(v))
			if err != nil {
				return
			}
			errs[i] = yaml{}.Parse([]byte(before + literal + after))
		}
		if (errs[0] == nil) != (errs[1] == nil) {
			t.Fatalf("%q, %q: %v", before, after, errs)
		}
	})
}

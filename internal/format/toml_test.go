package format

import (
	"strings"
	"testing"
)

func TestTOMLPlaces(t *testing.T) {
	list := tree(t, `["x", 1]`)
	nasty := str("a\"b\\c\n\x00\x7f\t'é😀")
	checkPlaces(t, toml{}, []place{
		{"a = {{}}\n", nasty, "a = \"a\\\"b\\\\c\\n\\u0000\\u007F\\t'é😀\"\n"},
		{"a = {{}} # c\n", num("-9223372036854775808"), "a = -9223372036854775808 # c\n"},
		{"a = {{}}\n", num("9223372036854775808"), "!over 64 bits"},
		{"a = {{}}\n", num("1E+2"), "a = 1E+2\n"},
		{"a = {{}}\n", num("1e400"), "!float of 64 bits"},
		{"a = {{}}\n", num("1e-400"), "!float of 64 bits"},
		{"a = {{}}\n", num("0.0e-400"), "a = 0.0e-400\n"},
		{"a = {{}}\n", num("-0"), "a = -0\n"},
		{"a = {{}}\n", boolean(false), "a = false\n"},
		{"a = {{}}\n", null(), "!has no value"},
		{"a = {{}}\n", list, "a = [\"x\", 1]\n"},
		{"a = {{}}\n", tree(t, `{"b": {"c d": 1, "": "x"}, "e-1": []}`), "a = {b = {\"c d\" = 1, \"\" = \"x\"}, e-1 = []}\n"},
		{"a = {{}}\n", tree(t, `{"b": [1, null]}`), "!b[1]: has no value"},
		{"a = [{{}}, {{}},]\n", num("1"), "a = [1, 1,]\n"},
		{"a = [ # c ]\n  {{}}, # d\n]\n[b]\n'c' = {\"x\" = {{}}, y.z = {{}}}\n", str("v"), "a = [ # c ]\n  \"v\", # d\n]\n[b]\n'c' = {\"x\" = \"v\", y.z = \"v\"}\n"},
		{"a = \"x{{}}y{{}}\"\n", nasty, "a = \"xa\\\"b\\\\c\\n\\u0000\\u007F\\t'é😀ya\\\"b\\\\c\\n\\u0000\\u007F\\t'é😀\"\n"},
		{"a = \"{{}}\"\n", str(""), "a = \"\"\n"},
		{"a = \"{{}}\"\n", list, "!is an array"},
		{"a = '{{}}'\n", str(`a"b\c`), `a = 'a"b\c'` + "\n"},
		{"a = '{{}}'\n", str("a'b"), "!single quote"},
		{"a = '{{}}'\n", str("a\nb"), "!single quote"},
		{"a = '{{}}'\n", str(""), "a = ''\n"},
		{"a = \"\"\"{{}}\"\"\"\n", str("\n x\"\"\""), "a = \"\"\"\\n x\\\"\\\"\\\"\"\"\"\n"},
		{"a = \"\"\"\n{{}}\n\"\"\"\n", str("x"), "a = \"\"\"\nx\n\"\"\"\n"},
		{"a = \"\"\"x \\\n  {{}}\"\"\"\n", str("  y"), "a = \"\"\"x \\\n  \\u0020 y\"\"\"\n"},
		{"a = '''\n{{}}'''\n", str("x\"y"), "a = '''\nx\"y'''\n"},
		{"a = '''{{}}'''\n", str("\n"), "!single quote"},
		{"a = \"\\u00e9{{}}\"\n", str("x"), "a = \"\\u00e9x\"\n"},

		{"{{}} = 1\n", str("a"), "!name"},
		{"a{{}} = 1\n", str("a"), "!name"},
		{"\"{{}}\" = 1\n", str("a"), "!name"},
		{"'{{}}' = 1\n", str("a"), "!name"},
		{"[{{}}]\n", str("a"), "!name"},
		{"# {{}}\n", str("a"), "!comment"},
		{"a = [ # {{}}\n]\n", str("a"), "!comment"},
		{"a = {{{}} = 1}\n", str("a"), "!name"},
		{"a = {b = 1{{}}}\n", num("1"), "!middle of a number"},
		{"a = 1{{}}\n", num("1"), "!middle of a number"},
		{"a = {{}}1\n", num("1"), "!only a comment"},
		{"a = {{}} {{}}\n", num("1"), "!ends right before"},
		{"a = [{{}} {{}}]\n", num("1"), "!ends right before"},
		{"a = \"\"{{}}\n", num("1"), "!ends right before"},
		{"a = \"\\{{}}\"\n", num("1"), "!backslash"},
		{"a = \"\\u00{{}}\"\n", num("1"), "!backslash"},
		{"a = \"\"\"\"{{}}\"\"\"\n", num("1"), "!where the value is empty"},
		{"a = \"\"\"{{}}\n\"\"\"\n", num("1"), "!would be dropped"},
		{"a = \"x\ny\"\n", nil, "!line ends"},
		{"a = {b = 1,\n}\n", nil, "!in one line"},
		{"a = {{}}\na = 1\n", num("1"), "!line 2: a key or table stands twice"},
		{"a = # c\n", nil, "!value must stand here"},
		{"a = 1\r\n", nil, "!control"},
		{"a", nil, "!no key"},
		{"a = ", nil, "!has no value"},
		{"a = [1", nil, "!not closed"},
		{"a = \"x", nil, "!not closed"},
	})
}

func TestTOMLJoin(t *testing.T) {
	f := toml{}
	checkJoin(t, f, "a = ", "{{}}", "5432", "\n", true)
	checkJoin(t, f, "a = ", "{{}}", `"x"`, " # c\n", true)
	checkJoin(t, f, "a = ", "{{}}", `""`, "\n", true)
	checkJoin(t, f, "a = ", "{{}}", "", "\n", false)
	checkJoin(t, f, "a = ", "{{}}", "5", "4\n", false)
	checkJoin(t, f, "a = \"", "{{}}", "", "\"\n", true)
	checkJoin(t, f, "a = '", "{{}}", "", "'\n", true)
	checkJoin(t, f, "a = \"\"\"", "{{}}", "", "\"\"\"\n", true)
	checkJoin(t, f, "a = \"\"\"", "{{}}", "", "\n\"\"\"\n", false)
	checkJoin(t, f, "a = [", "{{}}", "", ", {{}}]\n", true)
	checkJoin(t, f, "a = [", "{{}}, ", "", "{{}}]\n", true)
	checkJoin(t, f, "", "a = {{}}\n", "", "[b]\n", true)
	checkJoin(t, f, "", "a = [", "", "1]\n", false)
}

func TestTOMLWhole(t *testing.T) {
	n := tree(t, `{"a": "x", "t": {"b c": {"p": "s"}, "d": 1.5}, "list": [{"k": 1}], "e": {}}`)
	n.Get("t").Get("b c").Mark()
	checkWhole(t, toml{}, n, "a = \"x\"\nlist = [{k = 1}]\n\n[t]\nd = 1.5\n\n[t.\"b c\"]\np = ‹\"s\"›\n\n[e]\n")
	checkWhole(t, toml{}, tree(t, `{"a": {"b": null}}`), "!a.b: has no value")
	checkWhole(t, toml{}, tree(t, `{"a": [[9223372036854775808]]}`), "!a[0][0]: is a whole number")
	checkWhole(t, toml{}, tree(t, `[1]`), "!is no object")
}

func TestTOMLParse(t *testing.T) {
	checkParse(t, toml{}, map[string]string{
		"a.b = 1\na.c = 2\n[d.e]\nf = 1\n[d]\ng = 1\n[[h]]\ni = 1\n[[h]]\ni = 2\n[h.j]\n":                                                         "",
		"a = 1979-05-27T07:32:00Z\nb = 1979-05-27\nc = 07:32:00.5\nd = 1979-05-27T07:32:00\ne = -inf\nf = nan\n":                                  "",
		"a = 0x1F\nb = 0o17\nc = 0b11\nd = +1_000\ne = 1e3\nf = -1.5E-3\ng = 0\nh = 0.5\n":                                                        "",
		"a = [[1, 2], ['x'], []]\nb = {}\nc = [{x = 1}, {x = 2}]\nd = \"\"\"\na\\\n   b\"\"\"\ne = '''x'y''z'''\n\"f g\".'h' = \"\\U0001F600\"\n": "",
		"a = 1\n[a]\n":            "!line 2",
		"[a]\n[a]\n":              "!line 2",
		"[[a]]\n[a]\n":            "!line 2",
		"[a]\n[[a]]\n":            "!line 2",
		"a.b = 1\n[a]\n":          "!twice",
		"a.b = 1\n[a.c]\n":        "!twice",
		"a = {b = 1}\na.c = 2\n":  "!twice",
		"a = {b = 1}\n[a.c]\n":    "!twice",
		"[a.b]\n[a]\nb.c = 1\n":   "!twice",
		"a = {b = 1, b = 2}\n":    "!twice",
		"\"a\" = 1\n'a' = 2\n":    "!twice",
		"a = {b = 1 c = 2}\n":     "!line 1",
		"a = {b = 1,}\n":          "!line 1",
		"a = [1 2]\n":             "!line 1",
		"a = 01\n":                "!is no value",
		"a = 1__0\n":              "!is no value",
		"a = .5\n":                "!is no value",
		"a = 5.\n":                "!is no value",
		"a = yes\n":               "!is no value",
		"a = 1e\n":                "!is no value",
		"a = 9223372036854775808": "",
		"a = \n":                  "!line 1",
		"a b = 1\n":               "!line 1",
		"= 1\n":                   "!line 1",
		"a. = 1\n":                "!line 1",
		"[a\n":                    "!line 1",
		"[]\n":                    "!line 1",
		"[a] b = 1\n":             "!line 1",
		"a = 1 b = 2\n":           "!line 1",
		"a = \"\\q\"\n":           "!line 1",
		"a = \"\\ud800\"\n":       "!no character",
		"\"\"\"a\"\"\" = 1\n":     "!line 1",
	})
}

var tomlTemplates = map[string]string{
	"a = {{}}\n": "|", "a = \"x{{}}y\"\n": "x|y", "a = 'x{{}}y'\n": "x|y", "a = \"\"\"{{}}\"\"\"\n": "|", "a = \"\"\"\n{{}}\n{{}}\"\"\"\n": "|\n|",
	"a = \"\"\"x\\\n  {{}}\"\"\"\n": "x|", "a = '''x{{}}'''\n": "x|",
}

func checkTOMLRoundTrip(t testing.TB, value string) {
	for template, want := range tomlTemplates {
		file, err := fill(t, toml{}, template+"b = [{{}}]\n", str(value))
		if err != nil {
			continue
		}
		root, err := tomlRead(file)
		if err == nil {
			err = toml{}.Parse([]byte(file))
		}
		if err != nil || len(root.members) != 2 {
			t.Fatalf("%q became %q: %v", value, file, err)
		}
		items, _ := root.members["b"].value.([]any)
		if root.members["a"].value != strings.ReplaceAll(want, "|", value) || len(items) != 1 || items[0].(*tomlNode).value != value {
			t.Fatalf("%q became %q, read as %q", value, file, root.members["a"].value)
		}
	}
}

func TestTOMLRoundTrip(t *testing.T) {
	for _, s := range hostile() {
		checkTOMLRoundTrip(t, s)
	}
}

func FuzzTOML(f *testing.F) {
	for _, s := range corpus {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if s == strings.ToValidUTF8(s, "") {
			checkTOMLRoundTrip(t, s)
		}
	})
}

// FuzzTOMLText has the two readings of TOML agree: what Parse takes as a file ends at a place where a file may.
func FuzzTOMLText(f *testing.F) {
	f.Add("a = 1\n[b]\nc = [1, 'x'] # d\n")
	f.Add("a = \"\"\"\nx\"\" \\\n y\"\"\"\nb = '''x'''\n")
	f.Fuzz(func(t *testing.T, s string) {
		if s != strings.ToValidUTF8(s, "") {
			return
		}
		if err := (toml{}).Parse([]byte(s)); err == nil {
			if _, err := (toml{}).Text(toml{}.Start(), s+"\nz = 1\n"); err != nil {
				t.Fatalf("%q: %v", s, err)
			}
		}
	})
}

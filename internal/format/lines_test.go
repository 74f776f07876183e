package format

import (
	"fmt"
	"strings"
	"testing"
)

func TestINIPlaces(t *testing.T) {
	checkPlaces(t, ini{}, []place{
		{"[a]\nb={{}}\n", str(`p$w"x'y\z=:é%`), "[a]\nb=p$w\"x'y\\z=:é%\n"},
		{"b = {{}}\nc=x-{{}}-{{}}\n", num("1e5"), "b = 1e5\nc=x-1e5-1e5\n"},
		{"b={{}}\n", boolean(true), "b=true\n"},
		{"b={{}}\n", null(), "!has no value"},
		{"b={{}}\n", str("a\nb"), "!line break"},
		{"b={{}}\n", str("a\rb"), "!line break"},
		{"b={{}}\n", str("a\x00"), "!control"},
		{"b={{}}\n", str("a\tb"), "!control"},
		{"b={{}}\n", str(" a"), "!begins or ends with a blank"},
		{"b={{}}\n", str("a\u00a0"), "!begins or ends with a blank"},
		{"b={{}}\n", str("à"), "!drops a byte"},
		{"b={{}}\n", str("\"a"), "!begins with a quote"},
		{"b={{}}\n", str("'a"), "!begins with a quote"},
		{"b={{}}\n", str("a#b"), "!holds a #"},
		{"b={{}}\n", str(";a"), "!holds a #"},
		{"b={{}}\n", str("a ;b"), "!holds a #"},
		{"b={{}}\n", str("a;b"), "b=a;b\n"},
		{"b={{}}\n", str("a%%b"), "!holds %%"},
		{"b={{}}\n", str("%(a)s"), "!holds %%"},
		{"b={{}}{{}}\n", str("%"), "!line 1: Python's configparser"},
		{"b={{}}\n", str(`a\nb`), "!holds a backslash"},
		{"b={{}}\n", str(`a\\b`), "!holds a backslash"},
		{"b={{}}\n", str(`a\`), "!holds a backslash"},
		{"b={{}}\n", str(`c:\dir\x`), `b=c:\dir\x` + "\n"},
		{"b={{}}\n", str(strings.Repeat("x", 1023)), "!1022 bytes"},
		{"b={{}}{{}}\n", str(strings.Repeat("x", 511)), "!line 1: is longer"},
		{"b=\"{{}}\"\n", str("a\"b\\c\n\t\r\b#;'%% é"), `b="a\"b\\c\n\t\r\b#;'%% é"` + "\n"},
		{"b='x {{}}'\n", str(`a"b'c`), `b='x a"b\'c'` + "\n"},
		{"b=\"{{}}\"\n", str("\x01"), "!control"},
		{"b=\"{{}}\"\n", null(), "!has no value"},
		{"b=\"{{}}\"\n", str(strings.Repeat("x", 4095)), "!4094 bytes"},
		{"b=\"{{}}{{}}\"\n", str(strings.Repeat("x", 2047)), "!line 1: is longer"},

		{"[{{}}]\n", str("a"), "!name"},
		{"{{}}=1\n", str("a"), "!name"},
		{"a{{}}=1\n", str("a"), "!name"},
		{"a {{}}=1\n", str("a"), "!name"},
		{"# {{}}\n", str("a"), "!comment"},
		{"; {{}}\n", str("a"), "!comment"},
		{"[a] {{}}\n", str("a"), "!follow in the line"},
		{"b=\"a\"{{}}\n", str("a"), "!follow in the line"},
		{"b=\\{{}}\n", str("a"), "!backslash"},
		{"b=%{{}}\n", str("a"), "!the % before"},
		{"b=\"\\{{}}\"\n", str("a"), "!backslash"},
		{"b={{}}\"x\"\n", str(""), "!whole value"},
		{"b={{}}#x\n", str(""), "!own"},
		{"b={{}};x\n", str(""), "!own"},
		{"b=x # c\n", nil, "!own"},
		{"b=x ; c\n", nil, "!own"},
		{"b=;\n", nil, "!comment"},
		{"b=%%\n", nil, "!configparser"},
		{"b=a\\nb\n", nil, "!only MySQL"},
		{"b=a:b \\d%\nquick\n[c]\n\n# d\n; e\n", nil, "b=a:b \\d%\nquick\n[c]\n\n# d\n; e\n"},
		{" b=1\n", nil, "!begin with a blank"},
		{"b:1\n", nil, "!key must be"},
		{"!include /x\n", nil, "!must be [section]"},
		{"[a\n", nil, "!] must end"},
		{"b=\"a\n", nil, "!end in their line"},
		{"b=\"a\\q\"\n", nil, "!no escape"},
		{"b=1\nb={{}}\n", str("x"), "!line 2: the section or key stands twice"},
		{"[a]\nb=1\n[c]\nb=1\n[a]\n", nil, "!line 5: the section or key stands twice"},
		{"b=1\r\n", nil, "!control"},
	})
	checkJoin(t, ini{}, "b=", "{{}}", "x", "\n", true)
	checkJoin(t, ini{}, "b=", "{{}}", "", "\n", true)
	checkJoin(t, ini{}, "b=", "{{}}", "", "\"x\"\n", false)
	checkJoin(t, ini{}, "b=\"", "{{}}", "", "\"\n", true)
	checkJoin(t, ini{}, "", "b={{}}\n", "", "[c]\n", true)
	if _, err := iniRaw(strings.Repeat("x", 1023)); err == nil {
		t.Error("a value that makes a line too long is not refused by itself")
	}
	n := tree(t, `{"a": 1, "s t": {"b": "x", "password": "p"}, "c": "y"}`)
	n.Get("s t").Get("password").Mark()
	checkWhole(t, ini{}, n, "a=1\nc=y\n\n[s t]\nb=x\npassword=‹p›\n")
	for section, want := range map[string]string{
		`{"a b": 1}`: `["a b"]: is no key`, `{"": 1}`: `[""]: is no key`, `{"-a": 1}`: "is no key", `{"a]": {}}`: "name of a section",
		`{"": {}}`: "name of a section", `{"s": {"b": {"c": 1}}}`: "s.b: is an object", `{"s": {"b": "#"}}`: "s.b: holds a #", `[]`: "is no object",
	} {
		checkWhole(t, ini{}, tree(t, section), "!"+want)
	}
}

func TestPropertiesPlaces(t *testing.T) {
	nasty := str(" a=b:c#d!e\\f\n\r\t\f\x00é😀\u2028 ")
	escaped := `\ a=b:c#d!e\\f\n\r\t\u000c\u0000\u00e9\ud83d\ude00\u2028\ `
	checkPlaces(t, properties{}, []place{
		{"a={{}}\n", nasty, "a=" + escaped + "\n"},
		{"a.b-c = x{{}}y{{}}\nd: {{}}", nasty, "a.b-c = x" + escaped + "y" + escaped + "\nd: " + escaped},
		{"a=x\\\n   {{}}\n", str(" y"), "a=x\\\n   \\ y\n"},
		{"a=\"{{}}\"\n", str("x"), "a=\"x\"\n"},
		{"a=\\u00e9{{}}\n", str("x"), "a=\\u00e9x\n"},
		{"a={{}}\n", num("1E2"), "a=1E2\n"},
		{"a={{}}\n", null(), "!has no value"},
		{"{{}}=1\n", str("a"), "!name"},
		{"a{{}}=1\n", str("a"), "!name"},
		{"a {{}}\n", str("a"), "!name"},
		{"\\{{}}=1\n", str("a"), "!name"},
		{"# {{}}\n", str("a"), "!comment"},
		{"! {{}}\n", str("a"), "!comment"},
		{"a=\\{{}}\n", str("a"), "!backslash"},
		{"a=\\u00{{}}\n", str("a"), "!backslash"},
		{"a=\\u00x\n", nil, "!hex"},
		{"a=é\n", nil, "!\\uXXXX"},
		{"# é\n! x\n\n  a\\ b\\:c = 1\n", nil, "# é\n! x\n\n  a\\ b\\:c = 1\n"},
		{"a\n", nil, "!= must follow"},
		{"a b\n", nil, "!= must follow"},
		{"a\\\nb=1\n", nil, "!one line"},
		{"=1\n", nil, "!key must stand"},
		{"a=1\r\n", nil, "!control"},
		{"a", nil, "!no key=value"},
		{"a=1\\", nil, "!within an escape"},
	})
	checkJoin(t, properties{}, "a=", "{{}}", "x", "\n", true)
	checkJoin(t, properties{}, "a=", "x", "", "{{}}\n", true)
	n := tree(t, `{"a b": "x", "é=:": "y", "#": 5}`)
	n.Get("a b").Mark()
	checkWhole(t, properties{}, n, "a\\ b=‹x›\n\\u00e9\\=\\:=y\n\\#=5\n")
	checkWhole(t, properties{}, tree(t, `{"": 1}`), "!empty name")
	checkWhole(t, properties{}, tree(t, `{"a": {"b": 1}}`), "!a: is an object")
}

// propertiesModel reads a file as Java's Properties does.
func propertiesModel(file string) map[string]string {
	out := map[string]string{}
	unescape := func(s string, key bool) (string, string) {
		var units []uint16
		for i := 0; i < len(s); i++ {
			c := uint16(s[i])
			switch {
			case key && strings.IndexByte("=: \t", s[i]) >= 0:
				return string(decodeUTF16(units)), s[i:]
			case c == '\\' && s[i+1] == 'u':
				fmt.Sscanf(s[i+2:i+6], "%04x", &c)
				i += 5
			case c == '\\':
				i++
				c = uint16(s[i])
				if at := strings.IndexByte("ntrf", s[i]); at >= 0 {
					c = uint16("\n\t\r\f"[at])
				}
			}
			units = append(units, c)
		}
		return string(decodeUTF16(units)), ""
	}
	var logical string
	for _, line := range strings.Split(file, "\n") {
		line = strings.TrimLeft(line, " \t\f")
		if logical == "" && (line == "" || line[0] == '#' || line[0] == '!') {
			continue
		}
		logical += line
		if n := len(logical) - len(strings.TrimRight(logical, `\`)); n%2 == 1 {
			logical = logical[:len(logical)-1]
			continue
		}
		key, rest := unescape(logical, true)
		rest = strings.TrimLeft(rest, " \t\f")
		if rest != "" && (rest[0] == '=' || rest[0] == ':') {
			rest = strings.TrimLeft(rest[1:], " \t\f")
		}
		out[key], _ = unescape(rest, false)
		logical = ""
	}
	return out
}

func decodeUTF16(units []uint16) []rune {
	var out []rune
	for i := 0; i < len(units); i++ {
		r := rune(units[i])
		if r >= 0xd800 && r < 0xdc00 && i+1 < len(units) {
			r = (r-0xd800)<<10 + rune(units[i+1]) - 0xdc00 + 0x10000
			i++
		}
		out = append(out, r)
	}
	return out
}

func checkPropertiesRoundTrip(t testing.TB, value string) {
	for template, want := range map[string]string{"a={{}}\n": "|", "a : x{{}}y{{}}\n": "x|y|", "a=\\\n  {{}}": "|"} {
		file, err := fill(t, properties{}, "z=1\n"+template, str(value))
		if err == nil {
			err = properties{}.Parse([]byte(file))
		}
		if err != nil {
			t.Fatalf("%q: %v", value, err)
		}
		if got := propertiesModel(file); len(got) != 2 || got["a"] != strings.ReplaceAll(want, "|", value) {
			t.Fatalf("%q became %q, read as %q", value, file, got)
		}
	}
}

func TestPropertiesRoundTrip(t *testing.T) {
	for _, s := range hostile() {
		checkPropertiesRoundTrip(t, s)
	}
}

func FuzzProperties(f *testing.F) {
	for _, s := range corpus {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if s == strings.ToValidUTF8(s, "") {
			checkPropertiesRoundTrip(t, s)
		}
	})
}

func TestPgpassPlaces(t *testing.T) {
	checkPlaces(t, pgpass{}, []place{
		{"{{}}:5432:{{}}:{{}}:{{}}\n", str(`a:b\c`), `a\:b\\c:5432:a\:b\\c:a\:b\\c:a\:b\\c` + "\n"},
		{"h:{{}}:d-{{}}:*:x{{}}y\n", num("5432"), "h:5432:d-5432:*:x5432y\n"},
		{"h:1:*:u:{{}}", str("*"), "h:1:*:u:*"},
		{"h:1:*:u:{{}}", str(""), "h:1:*:u:"},
		{"h:1:{{}}:u:p", str("*"), "!stands for any"},
		{"h:1:{{}}:u:p", str("*x*"), "h:1:*x*:u:p"},
		{"h:1:{{}}:u:p", str(""), "!line 1: a field is empty"},
		{"h:1:{{}}:u:p", str("a\nb"), "!line break"},
		{"h:1:d:u:{{}}", str("a\r"), "!line break"},
		{"h:1:d:u:{{}}", str("\x00"), "!control"},
		{"{{}}:1:d:u:p", str("#x"), "!begins with #"},
		{"h:1:{{}}:u:p", str("#x"), "h:1:#x:u:p"},
		{"h:1:d:u:{{}}", null(), "!has no value"},
		{"# c\n\nh:1:\\*\\:x:u:p\n", nil, "# c\n\nh:1:\\*\\:x:u:p\n"},
		{"# {{}}\n", str("x"), "!comment"},
		{"h:1:*{{}}:u:p", str("x"), "!stand for any"},
		{"h:1:{{}}*:u:p", str(""), "!where the value before it is empty"},
		{"{{}}#:1:d:u:p", str(""), "!where the value before it is empty"},
		{"h:1:\\{{}}:u:p", str("x"), "!backslash"},
		{"h:1:d:u:p:x\n", nil, "!colon in the password"},
		{"h:1:d:u\n", nil, "!a line must be"},
		{"h:1:d:u", nil, "!last line"},
		{"h:1:d:u:p\\\n", nil, "!backslash"},
	})
	checkJoin(t, pgpass{}, "h:", "{{}}", "*", ":d:u:p\n", false)
	checkJoin(t, pgpass{}, "h:", "{{}}", "5432", ":d:u:p\n", true)
	checkJoin(t, pgpass{}, "h:", "{{}}", "", ":d:u:p\n", true)
	checkJoin(t, pgpass{}, "", "h:1:d:u:{{}}\n", "", "", true)
	checkWhole(t, pgpass{}, tree(t, `{}`), "!needs a template")
}

// pgpassModel splits a line as libpq matches its fields.
func pgpassModel(line string) []string {
	var fields []string
	var field []byte
	for i := 0; i < len(line); i++ {
		switch {
		case line[i] == ':':
			fields = append(fields, string(field))
			field = nil
			continue
		case line[i] == '\\':
			i++
		}
		field = append(field, line[i])
	}
	return append(fields, string(field))
}

func checkPgpassRoundTrip(t testing.TB, value string) {
	for n := range 5 {
		fields := []string{"h", "1", "d", "u", "p"}
		fields[n] = marker
		file, err := fill(t, pgpass{}, strings.Join(fields, ":")+"\n", str(value))
		if err != nil {
			continue
		}
		if err := (pgpass{}).Parse([]byte(file)); err != nil {
			if value != "" {
				t.Fatalf("%q became %q: %v", value, file, err)
			}
			continue
		}
		got := pgpassModel(strings.TrimSuffix(file, "\n"))
		if len(got) != 5 || got[n] != value || strings.Count(file, "\n") != 1 || file[0] == '#' || n < 4 && strings.Contains(":"+file, ":*:") {
			t.Fatalf("%q became %q, read as %q", value, file, got)
		}
	}
}

func TestPgpassRoundTrip(t *testing.T) {
	for _, s := range hostile() {
		checkPgpassRoundTrip(t, s)
	}
}

func FuzzPgpass(f *testing.F) {
	for _, s := range corpus {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if s == strings.ToValidUTF8(s, "") {
			checkPgpassRoundTrip(t, s)
		}
	})
}

const block = "-----BEGIN X Y-----\nAQID\nBAUG\n-----END X Y-----\n"

func TestPEM(t *testing.T) {
	checkPlaces(t, pem{}, []place{
		{"{{}}", str(block), block},
		{"{{}}", str("\n" + strings.TrimSuffix(block, "\n")), "\n" + block},
		{"{{}}\n{{}}", str(block + "\n" + block), block + "\n" + block + "\n" + block + "\n" + block},
		{block + "{{}}", str(strings.ReplaceAll(block, "\n", "\r\n")), block + strings.ReplaceAll(block, "\n", "\r\n")},
		{"{{}}", str("-----BEGIN X-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-128-CBC,00\n\nAQID\n-----END X-----\n"), "-----BEGIN X-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-128-CBC,00\n\nAQID\n-----END X-----\n"},
		{"{{}}", str(""), "!there is none"},
		{"{{}}", str("x\n" + block), "!line 1: stands outside"},
		{"{{}}", str(block + "x"), "!line 5: stands outside"},
		{"{{}}", str("-----BEGIN X-----\nA*ID\n-----END X-----\n"), "!not base64"},
		{"{{}}", str("-----BEGIN X-----\nAQI\n-----END X-----\n"), "!not base64"},
		{"{{}}", str("-----BEGIN X-----\nAQID AQID\n-----END X-----\n"), "!is no base64"},
		{"{{}}", str("-----BEGIN X-----\n-----END X-----\n"), "!not base64"},
		{"{{}}", str("-----BEGIN X-----\nAQID\n-----END Y-----\n"), "!another kind"},
		{"{{}}", str("-----BEGIN X-----\nAQID\n"), "!no end"},
		{"{{}}", str("-----BEGIN X----\nAQID\n-----END X----\n"), "!is no -----BEGIN"},
		{"{{}}", str("-----BEGIN X-----\n" + strings.Repeat("AQID", 20) + "\n-----END X-----\n"), "!76 characters"},
		{"{{}}", num("5"), "!must be a string"},
		{"x {{}}", str(block), "!must be empty"},
		{" {{}}", str(block), "!from its beginning"},
		{"-----BEGIN X-----\n{{}}\n-----END X-----\n", str("AQID"), "!beginning of a line, outside"},
		{"-----BEGIN {{}}-----\n", str("AQID"), "!beginning of a line, outside"},
		{"-----BEGIN X-----\nAQID\n", nil, "!not closed"},
	})
	n := str(strings.TrimSuffix(block, "\n"))
	n.Mark()
	checkWhole(t, pem{}, n, "‹"+block+"›")
	checkWhole(t, pem{}, tree(t, `{}`), "!must be a string")
	for _, s := range hostile() {
		if file, err := fill(t, pem{}, marker, str(s)); err == nil {
			t.Errorf("%q became %q", s, file)
		}
	}
}

func TestText(t *testing.T) {
	checkPlaces(t, text{}, []place{
		{"a {{}}{{}} b\r\n\x1b", str("x \"'\\$`<é😀"), "a x \"'\\$`<é😀x \"'\\$`<é😀 b\r\n\x1b"},
		{"{{}}", num("1e400"), "1e400"},
		{"{{}}", boolean(false), "false"},
		{"{{}}", null(), "!has no value"},
		{"{{}}", tree(t, "[]"), "!is an array"},
		{"{{}}", str("a\nb"), "!line break"},
		{"{{}}", str("a\tb"), "!line break"},
		{"{{}}", str("\x7f"), "!control"},
		{"{{}}", str("\u009b"), "!control"},
		{"{{}}", str("\u2028"), "!line break"},
		{"\x00", nil, "!NUL"},
	})
	n := str("two\n\tlines")
	n.Mark()
	checkWhole(t, text{}, n, "‹two\n\tlines›")
	checkWhole(t, text{}, num("5"), "5")
	checkWhole(t, text{}, str("\r\n"), "!control")
	checkWhole(t, text{}, tree(t, "{}"), "!is an object")
	checkParse(t, text{}, map[string]string{"a\x00": "!NUL"})
}

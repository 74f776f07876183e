package format

import (
	"fmt"
	"strings"
	"testing"
)

func TestEnvPlaces(t *testing.T) {
	nasty := str("a\"b\\c$d`e f'g")
	checkPlaces(t, env{}, []place{
		{"A={{}}\n", nasty, "A=\"a\\\"b\\\\c\\$d\\`e f'g\"\n"},
		{"A={{}}\n", str("two\nlines\t"), "A=\"two\nlines\t\"\n"},
		{"A={{}}", num("1e400"), `A="1e400"`},
		{"A={{}}", boolean(true), `A="true"`},
		{"A={{}}", null(), "!has no value"},
		{"A={{}}", tree(t, `["x"]`), "!is an array"},
		{"A={{}}", tree(t, `{"x": 1}`), "!is an object"},
		{"A=api-{{}}\n", nasty, "A=api-a\\\"b\\\\c\\$d\\`e\\ f\\'g\n"},
		{"A=api-{{}}\n", str("two\nlines"), "!double quotes"},
		{"A=api-{{}}-{{}}.x\n", str("~!*"), "A=api-\\~\\!\\*-\\~\\!\\*.x\n"},
		{"A={{}}x{{}}\n", str("é;"), "A=\"é;\"xé\\;\n"},
		{"A={{}}\"x\"'{{}}'{{}}\n", str("a b"), "A=\"a b\"\"x\"'a b'\"a b\"\n"},
		{`A="x {{}} y"`, nasty, "A=\"x a\\\"b\\\\c\\$d\\`e f'g y\""},
		{`A="{{}}"`, str("two\nlines"), "A=\"two\nlines\""},
		{`A='{{}}'`, str(`a"b\c$d`), `A='a"b\c$d'`},
		{`A='{{}}'`, str("a'b"), "!holds a single quote"},
		{"A={{}}", str("\x1b"), "!holds a control character"},
		{"A={{}}", str("\x00"), "!holds a control character"},
		{"A={{}}", str("\r"), "!holds a control character"},
		{"A={{}}", str("\ufdd0"), "!Unicode keeps free"},
		{"A={{}}", str(strings.Repeat("x", 131071)), "!longer than the 128 KiB"},
		{"A={{}}{{}}", str(strings.Repeat("x", 70000)), "!line 1: is longer than the 128 KiB"},
		{"# c\n\n  A=1\n", nil, "# c\n\n  A=1\n"},

		{"{{}}=1\n", str("A"), "!name"},
		{"A{{}}=1\n", str("A"), "!name"},
		{"# {{}}\n", str("A"), "!comment"},
		{"A=\\{{}}\n", str("A"), "!backslash"},
		{`A="\{{}}"`, str("A"), "!backslash"},
		{"A=a\"{{}}\"", str("A"), "!quote in the middle"},
		{"A=a{{}}\"b\"", str("A"), "!quote in the middle"},

		{"A=a b\n", nil, "!in quotes"},
		{"A= b\n", nil, "!in quotes"},
		{"A=1 # c\n", nil, "!in quotes"},
		{"A=$B\n", nil, "!in quotes"},
		{"A=`b`\n", nil, "!in quotes"},
		{"A=~/x\n", nil, "!in quotes"},
		{"A=x:~/x\n", nil, "!in quotes"},
		{"A=a;b\n", nil, "!in quotes"},
		{"A=(b)\n", nil, "!in quotes"},
		{"A=a&\n", nil, "!in quotes"},
		{`A="$B"`, nil, "!backslash before it"},
		{"A=\"`b`\"", nil, "!backslash before it"},
		{"A='$B'", nil, "A='$B'"},
		{`A="\$B\"\\\x"`, nil, `A="\$B\"\\\x"`},
		{"A=\"a\\\nb\"", nil, "!continued"},
		{"A=a\\\nb", nil, "!continued"},
		{"; c\n", nil, "!begins with #"},
		{"# c \\\nA=1\n", nil, "!end with a backslash"},
		{"# c\\d\nA=1\n", nil, "# c\\d\nA=1\n"},
		{"export A=1\n", nil, "!no export"},
		{"A =1\n", nil, "!no blank"},
		{"1A=1\n", nil, "!NAME=value"},
		{"A-B=1\n", nil, "!letters"},
		{"A\n", nil, "!letters"},
		{"A=1\r\n", nil, "!control"},
		{"A", nil, "!no NAME=value"},
		{`A="x`, nil, "!not closed"},
		{`A='x`, nil, "!not closed"},
		{"A=x\\", nil, "!backslash"},
	})
}

func TestEnvJoin(t *testing.T) {
	checkJoin(t, env{}, "A=", "{{}}", "foo", "\n", true)
	checkJoin(t, env{}, "A=", "{{}}", "", "\nB=1\n", true)
	checkJoin(t, env{}, "A=", "x", "", "{{}}\n", true)
	checkJoin(t, env{}, "A=", "x", "", "\"q\"\n", false) // behind x systemd would keep the quotes
	checkJoin(t, env{}, "A=\"", "{{}}", "x", "\"\n", true)
	checkJoin(t, env{}, "", "A={{}}\n", "", "B=1\n", true)
	checkJoin(t, env{}, "", "A={{}}", "", "\n", false)
	checkJoin(t, env{}, "A=", "\"", "", "x\"\n", false)
}

func TestEnvWhole(t *testing.T) {
	n := tree(t, `{"A": "x y", "_b1": 5, "PASSWORD": "p$w", "T": true}`)
	n.Get("PASSWORD").Mark()
	checkWhole(t, env{}, n, "A=\"x y\"\n_b1=\"5\"\nPASSWORD=‹\"p\\$w\"›\nT=\"true\"\n")
	checkWhole(t, env{}, tree(t, `{}`), "")
	for section, want := range map[string]string{
		`{"A-B": 1}`: `A-B: is no name`, `{"1": 1}`: "1: is no name", `{"": 1}`: `[""]: is no name`, `{"A=B": 1}`: `["A=B"]: is no name`,
		`{"A": null}`: "A: has no value", `{"A": [1]}`: "A: is an array", `{"A": {"b": 1}}`: "A: is an object", `{"A": "\u001b"}`: "A: holds a control",
		`[1]`: "is no object", `"x"`: "is no object",
	} {
		checkWhole(t, env{}, tree(t, section), "!"+want)
	}
}

// envModel is how systemd reads an environment file, written down once more and from the other side: values, not
// places.
func envModel(file string) map[string]string {
	out := map[string]string{}
	for i := 0; i < len(file); {
		for i < len(file) && strings.IndexByte(" \t\n\r", file[i]) >= 0 {
			i++
		}
		if i < len(file) && (file[i] == '#' || file[i] == ';') {
			for i < len(file) && file[i] != '\n' && file[i] != '\r' {
				if file[i] == '\\' {
					i++
				}
				i++
			}
			continue
		}
		key, rest, ok := strings.Cut(file[i:], "=")
		if !ok {
			break
		}
		i = len(file) - len(rest)
		var value []byte
		word, keep := false, 0
	value:
		for i < len(file) {
			c := file[i]
			i++
			switch {
			case c == '\n' || c == '\r':
				break value
			case c == '\\' && i < len(file):
				if file[i] != '\n' {
					value = append(value, file[i])
				}
				word, keep, i = true, len(value), i+1
			case !word && c == '\'':
				end := strings.IndexByte(file[i:], '\'')
				value = append(value, file[i:i+end]...)
				keep, i = len(value), i+end+1
			case !word && c == '"':
				for file[i] != '"' {
					if file[i] == '\\' {
						i++
						if strings.IndexByte("\"\\$`", file[i]) < 0 && file[i] != '\n' {
							value = append(value, '\\')
						}
					}
					value = append(value, file[i])
					i++
				}
				keep, i = len(value), i+1
			case c == ' ' || c == '\t':
				if word {
					value = append(value, c)
				}
			default:
				value = append(value, c)
				word, keep = true, len(value)
			}
		}
		out[strings.TrimRight(key, " \t")] = string(value[:keep])
	}
	return out
}

var envTemplates = map[string]string{ // a template whose value for A is the value between the two
	"A={{}}\n":        "|",
	"A=\"{{}}\"\n":    "|",
	"A='{{}}'\n":      "|",
	"A=x{{}}\n":       "x|",
	"A=x{{}}y\n":      "x|y",
	"A=\"x\"{{}}\n":   "x|",
	"A={{}}y\n":       "|y",
	"A=\"x {{}} y\"":  "x | y",
	"A='x'{{}}'y'\n":  "x|y",
	"# c\nA={{}}\n#d": "|",
}

// checkEnvRoundTrip is for the corpus and for fuzzing.
func checkEnvRoundTrip(t testing.TB, value string) {
	for template, want := range envTemplates {
		file, err := fill(t, env{}, template+"\nB=1\n", str(value))
		if err != nil {
			continue
		}
		if err := (env{}).Parse([]byte(file)); err != nil {
			if len(value) > 60000 {
				continue
			}
			t.Fatalf("%q: %v", file, err)
		}
		want = strings.Replace(want, "|", value, 1)
		if got := envModel(file); len(got) != 2 || got["A"] != want || got["B"] != "1" {
			t.Fatalf("%q is read as %q", file, got)
		}
	}
}

func TestEnvRoundTrip(t *testing.T) {
	for _, s := range hostile() {
		checkEnvRoundTrip(t, s)
	}
}

func FuzzEnv(f *testing.F) {
	for _, s := range corpus {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if s == strings.ToValidUTF8(s, "") {
			checkEnvRoundTrip(t, s)
		}
	})
}

func TestDockerEnv(t *testing.T) {
	checkPlaces(t, dockerEnv{}, []place{
		{"A={{}}\n", str(` a"b\c$d'e `), "A= a\"b\\c$d'e \n"},
		{"A=x{{}}y{{}}\n", num("5"), "A=x5y5\n"},
		{"discovery.type={{}}", boolean(false), "discovery.type=false"},
		{"A={{}}\n", str("a\nb"), "!holds a line break"},
		{"A={{}}\n", str("a\r"), "!holds a line break"},
		{"A={{}}\n", str("a\x00"), "!holds a NUL"},
		{"A={{}}\n", null(), "!has no value"},
		{"A={{}}\n", str(strings.Repeat("x", 65536)), "!64 KiB"},
		{"A={{}}{{}}\n", str(strings.Repeat("x", 40000)), "!line 1: is longer"},
		{"A=\"{{}}\"\n", str("x"), "!part of the value"},
		{"A='{{}}'\n", str("x"), "!part of the value"},
		{"{{}}=1\n", str("x"), "!name"},
		{"A{{}}=1\n", str("x"), "!name"},
		{"#{{}}\n", str("x"), "!comment"},
		{"A\n", nil, "!= must follow"},
		{"A", nil, "!no NAME=value"},
		{"A B=1\n", nil, "!name must be"},
		{"A=1\r\n", nil, "!control"},
		{" # c\n\n A=1\n", nil, " # c\n\n A=1\n"},
	})
	checkJoin(t, dockerEnv{}, "A=", "{{}}", "", "\n", true)
	checkJoin(t, dockerEnv{}, "A=", "{{}}", "foo", "\n", true)
	checkJoin(t, dockerEnv{}, "A=", "{{}}\n", "x", "", false)
	n := tree(t, `{"a.b-c": "x y", "P": "p"}`)
	n.Get("P").Mark()
	checkWhole(t, dockerEnv{}, n, "a.b-c=x y\nP=‹p›\n")
	for _, key := range []string{"", " A", "A ", "A=B", "A\\nB", "#A", "1A", "é"} {
		checkWhole(t, dockerEnv{}, tree(t, fmt.Sprintf(`{"%s": 1}`, key)), "!is no name")
	}
	for _, s := range hostile() {
		file, err := fill(t, dockerEnv{}, "A={{}}\nB=1\n", str(s))
		if err == nil && file != "A="+s+"\nB=1\n" {
			t.Errorf("%q became %q", s, file)
		}
	}
}

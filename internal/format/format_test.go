package format

import (
	"errors"
	"fmt"
	"math/rand"
	"slices"
	"strings"
	"testing"

	"github.com/bootconf/bootconf/internal/document"
	"github.com/bootconf/bootconf/internal/finding"
	"github.com/bootconf/bootconf/internal/secret"
)

// corpus is strings that are syntax somewhere.
var corpus = []string{
	"", "plain", "s3cret with blanks", " leading", "trailing ", "\ttab\t", "  ", "\n", "two\nlines", "ends\n", "\nbegins", "cr\rlf\r\n",
	`"`, `'`, `"quoted"`, `'quoted'`, `a"b`, `a'b`, `'''`, `"""`, `\`, `\\`, `a\`, `\"`, `\n`, `a\nb`, `C:\new\table`, `\x41\u0041`, `\$`,
	"$", "$HOME", "${HOME}", "$(id)", "$$", "`id`", "`", "``", "a`b", "%", "%%", "%(user)s", "%h", "100%", "%msg%", "%d%n",
	"#", "# x", "a#b", "a #b", ";", "; x", "a;b", "a ;b", "=", "a=b", "==", ":", "a:b", "a: b", ": ", "a:", "*", "**", "&a", "*a", "!x", "!!str x",
	"{{", "{{ .x }}", "}}", "@", "@version: 1", "a@b", "@include \"x\"", "\n@include \"x\"", "\nX=1", "\nX=1\n", "x\nX: 1", "\n[x]\nX=1", "x\"\nX=\"1", "'; X=1; '",
	"[x]", "[", "]", "{x}", "{", "}", "[x", "x]", "{a: b}", "[1, 2]", "(", ")", "x) y(z", `"); x("`, ",", "a,b", "a, b", "|", "|x", ">", "> x", "<", "<%= 1 %>", "<%", "%>", "<", "%x", "<<", "- a", "-", "--", "---", "--- x", "...", "?", "? x", "~", "~/x", "a:~/x", "^", "!", "!x", "/", "//", "/* x */", "*/",
	"yes", "no", "on", "off", "true", "false", "null", "Null", "NULL", "None", "nil", "y", "n", "0", "1", "-1", "007", "0x1f", "0o17", "0b1", "1e3", "1.5", ".5", "5.", "1_000", "1:30", "12:30:45", "2001-01-01", ".inf", ".nan", "Infinity", "NaN", "=x", ":sym", "::x", "1e400",
	"é", "à", "naïve", "日本語", "emoji 😀", "😀", "\u00a0nbsp\u00a0", "\u0085", "a\u0085b", "a\u2028b", "a\u2029b", "\u2028", "\ufeff", "\ufeffbom", "a\u200bb", "a\u202eb", "\ufffd", "\ufffe", "\uffff", "\ufdd0", "\U0001fffe", "\U0010ffff", "\u007f", "\u009b31m",
	"\x00", "a\x00b", "\x01", "\x07", "\b", "\v", "\f", "\x1b[31m", "\x1a", "\x1f",
	"export X=1", "; rm -rf /", "a && b", "a || b", "a > b", "$(touch /tmp/x)", "-Dx=y", "--skip-grant-tables", "!include /etc/passwd", "#cloud-config", "-----BEGIN X-----", "host:5432:db:user:pw", `a\:b`, `a\`, "ldap://x", "é\\", "à ",
	strings.Repeat("long ", 300), strings.Repeat("x", 5000), strings.Repeat("y\\\"", 700), strings.Repeat("é😀", 9000), strings.Repeat("z", 70000), strings.Repeat("w", 140000),
}

// generated is n strings of what the corpus is made of, the same in every run.
func generated(n int) []string {
	r := rand.New(rand.NewSource(1))
	var alphabet []rune
	for _, s := range corpus {
		if len(s) < 40 {
			alphabet = append(alphabet, []rune(s)...)
		}
	}
	out := make([]string, n)
	for i := range out {
		s := make([]rune, r.Intn(12))
		for j := range s {
			s[j] = alphabet[r.Intn(len(alphabet))]
		}
		out[i] = string(s)
	}
	return out
}

func hostile() []string { return append(slices.Clone(corpus), generated(400)...) }

func str(s string) *document.Node { return document.NewString(s, finding.Pos{}) }

func num(digits string) *document.Node {
	return &document.Node{Kind: document.Number, Text: secret.New(digits)}
}

func boolean(b bool) *document.Node { return &document.Node{Kind: document.Bool, Bool: b} }

func null() *document.Node { return &document.Node{} }

func tree(t testing.TB, text string) *document.Node {
	t.Helper()
	n, found := document.Parse("test", []byte(text))
	if len(found) > 0 {
		t.Fatal(found)
	}
	return n
}

const marker = "{{}}"

// writers reads a template, in which marker is an action, as the engine does: in pieces. The first result is the
// texts between the actions.
func writers(t testing.TB, f Format, template string) ([]string, []Writer, error) {
	t.Helper()
	texts := strings.Split(template, marker)
	var out []Writer
	s := f.Start()
	for i, text := range texts {
		if i > 0 {
			w, next, err := f.Action(s)
			if err != nil {
				return nil, nil, fmt.Errorf("action: %w", err)
			}
			out = append(out, w)
			s = next
		}
		end, err := f.Text(s, text)
		if err != nil {
			var e *TextError
			if !errors.As(err, &e) || e.Offset < 0 || e.Offset >= len(text) {
				t.Fatalf("Text gave an error with no offset within the text: %#v", err)
			}
			return nil, nil, fmt.Errorf("text at %q: %w", text[e.Offset:], err)
		}
		for cut := range text { // a text may come in two
			if between, err := f.Text(s, text[:cut]); err != nil {
				t.Fatalf("%q: fails up to %q alone: %v", template, text[:cut], err)
			} else if pieces, err := f.Text(between, text[cut:]); err != nil || pieces != end {
				t.Fatalf("%q: ends at %q, cut at %q at %q, %v", template, end, text[:cut], pieces, err)
			}
		}
		s = end
	}
	if err := f.End(s); err != nil {
		return nil, nil, fmt.Errorf("end: %w", err)
	}
	return texts, out, nil
}

// fill renders a template with the same value in each place.
func fill(t testing.TB, f Format, template string, v *document.Node) (string, error) {
	t.Helper()
	texts, ws, err := writers(t, f, template)
	if err != nil {
		t.Fatalf("%q: %v", template, err)
	}
	return join(texts, ws, v)
}

func join(texts []string, ws []Writer, v *document.Node) (string, error) {
	file := texts[0]
	for i, w := range ws {
		literal, err := w(v)
		if err != nil {
			return "", err
		}
		file += literal + texts[i+1]
	}
	return file, nil
}

// place is a template and what becomes of it.
type place struct {
	template string
	value    *document.Node
	want     string // the file; with an ! before it part of the message of a refusal
}

// checkPlaces runs a table of places.
func checkPlaces(t *testing.T, f Format, places []place) {
	t.Helper()
	for _, p := range places {
		texts, ws, err := writers(t, f, p.template)
		var got string
		if err == nil {
			got, err = join(texts, ws, p.value)
		}
		if err == nil {
			if err = f.Parse([]byte(got)); err != nil {
				err = fmt.Errorf("parse: %w", err)
			}
		}
		want, refused := strings.CutPrefix(p.want, "!")
		switch {
		case !refused && err != nil:
			t.Errorf("%q: %v", p.template, err)
		case !refused && got != want:
			t.Errorf("%q:\ngot  %q\nwant %q", p.template, got, want)
		case refused && err == nil:
			t.Errorf("%q: became %q, want it refused with %q", p.template, got, want)
		case refused && !strings.Contains(err.Error(), want):
			t.Errorf("%q: %v, want %q", p.template, err, want)
		}
	}
}

// checkParse runs a table of files that Parse takes, and of such that it must find broken, with an ! before the message.
func checkParse(t *testing.T, f Format, files map[string]string) {
	t.Helper()
	for file, want := range files {
		err := f.Parse([]byte(file))
		want, broken := strings.CutPrefix(want, "!")
		switch {
		case !broken && err != nil:
			t.Errorf("%q: %v", file, err)
		case broken && (err == nil || !strings.Contains(err.Error(), want)):
			t.Errorf("%q: %v, want %q", file, err, want)
		}
	}
}

// checkWhole writes a section, and finds secrets where want has them between ‹ and ›.
func checkWhole(t *testing.T, f Format, section *document.Node, want string) {
	t.Helper()
	pieces, err := f.Whole(section)
	var got strings.Builder
	for _, p := range pieces {
		if p.Secret {
			got.WriteString("‹" + p.Text + "›")
		} else {
			got.WriteString(p.Text)
		}
	}
	message, refused := strings.CutPrefix(want, "!")
	switch {
	case refused && (err == nil || !strings.Contains(err.Error(), message)):
		t.Errorf("got %v and %q, want an error %q", err, got.String(), message)
	case refused:
		var e *ValueError
		if !errors.As(err, &e) {
			t.Errorf("%v is no ValueError", err)
		}
	case err != nil:
		t.Error(err)
	case got.String() != want:
		t.Errorf("got\n%s\nwant\n%s", got.String(), want)
	default:
		if err := f.Parse([]byte(strings.NewReplacer("‹", "", "›", "").Replace(want))); err != nil {
			t.Error(err)
		}
	}
}

// checkJoin says whether the two templates can be branches of an if, and that what follows is then read for both.
func checkJoin(t *testing.T, f Format, before, one, other, after string, want bool) {
	t.Helper()
	run := func(s State, template string) (State, error) {
		var err error
		for i, text := range strings.Split(template, marker) {
			if i > 0 {
				if _, s, err = f.Action(s); err != nil {
					return s, err
				}
			}
			if s, err = f.Text(s, text); err != nil {
				return s, err
			}
		}
		return s, nil
	}
	s, err := run(f.Start(), before)
	if err != nil {
		t.Fatal(err)
	}
	a, errA := run(s, one)
	b, errB := run(s, other)
	if errA != nil || errB != nil {
		t.Fatal(errA, errB)
	}
	s, ok := f.Join(a, b)
	if back, ok2 := f.Join(b, a); ok2 != ok || ok && back != s {
		t.Errorf("%q: joins %q and %q in one order only", before, one, other)
	}
	if ok {
		if s, err = run(s, after); err == nil {
			err = f.End(s)
		}
	}
	if (ok && err == nil) != want {
		t.Errorf("%q, then %q or %q, then %q: joined %v, %v", before, one, other, after, ok, err)
	}
}

func TestNames(t *testing.T) {
	if !slices.IsSorted(Names) {
		t.Error("the names are not sorted")
	}
	for _, name := range Names {
		f := Get(name)
		if f == nil {
			t.Fatalf("there is no format %s", name)
		}
		if err := f.Parse(nil); err != nil && name != "json" {
			t.Errorf("%s: an empty file: %v", name, err)
		}
		if err := f.Parse([]byte("\xff")); err == nil {
			t.Errorf("%s: takes what is no UTF-8", name)
		}
		if _, err := f.Whole(str("MARK\nMARK\x1b")); err != nil {
			var e *ValueError
			if !errors.As(err, &e) || strings.Contains(err.Error(), "MARK") {
				t.Errorf("%s: %v", name, err)
			}
		}
	}
	if Get("xml") != nil {
		t.Error("there is a format xml")
	}
}

// valuePlaces is templates with every place of a format that takes values.
var valuePlaces = map[string][]string{
	"docker-env": {"A={{}}\n", "A=x{{}}y\n"},
	"env":        {"A={{}}\n", "A=a{{}}\n", "A='{{}}'\n", "A=\"{{}}\"\n"},
	"ini":        {"a={{}}\n", "a=\"{{}}\"\n", "a='{{}}'\n"},
	"json":       {"{{}}", "[\"{{}}\"]"},
	"pem":        {"{{}}"},
	"pgpass":     {"{{}}:1:b:c:d\n", "a:1:{{}}:c:d\n", "a:1:b:c:{{}}\n"},
	"properties": {"a={{}}\n", "a=x{{}}y\n"},
	"rsyslog":    {"action(target={{}})", "action(x={{}})", "action(target=\"{{}}\")", "template(string=\"{{}}\")"},
	"syslog-ng":  {"destination d { network({{}}); };", "destination d { x({{}}); };", "destination d { network('{{}}' password(\"{{}}\")); };"},
	"text":       {"{{}}"},
	"toml":       {"a = {{}}\n", "a = '{{}}'\n", "a = \"{{}}\"\n", "a = \"\"\"{{}}\"\"\"\n", "a = '''{{}}'''\n", "a = [{{}}]\n"},
	"yaml":       {"a: {{}}\n", "a: '{{}}'\n", "a: \"{{}}\"\n", "- [{{}}]\n"},
}

// TestValues has no value pass a writer and then break the file, and none quoted in a refusal.
func TestValues(t *testing.T) {
	for _, name := range Names {
		f := Get(name)
		if len(valuePlaces[name]) == 0 {
			t.Errorf("%s has no template", name)
		}
		for _, template := range valuePlaces[name] {
			texts, ws, err := writers(t, f, template)
			if err != nil {
				t.Fatal(err)
			}
			for _, s := range hostile() {
				file, err := join(texts, ws, str(s))
				if err != nil {
					var e *ValueError
					if !errors.As(err, &e) {
						t.Errorf("%s: %v is no ValueError", name, err)
					}
					continue
				}
				if err := f.Parse([]byte(file)); err != nil && len(s) < 900 && (name != "pgpass" || s != "") {
					t.Errorf("%s: %q became %q: %v", name, s, file, err)
				}
				for _, w := range ws {
					if _, err := w(str("MARK" + s + "MARK")); err != nil && strings.Contains(err.Error(), "MARK") {
						t.Errorf("%s: %v", name, err)
					}
				}
			}
		}
	}
}

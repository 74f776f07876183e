package template

import (
	"slices"
	"strings"
	"testing"

	"github.com/bootconf/bootconf/internal/document"
	"github.com/bootconf/bootconf/internal/format"
)

// The branches and loops of a template meet in the real formats too, where two places can be one that is good for
// both.
func TestFormats(t *testing.T) {
	for _, c := range []struct{ format, text, data, want string }{
		{"env", "A=api-{{ .x }}\n{{ if .y }}B={{ .y }}\n{{ end }}", `{"x": "a b"}`, "A=api-a\\ b\n"},
		{"env", "A={{ if .x }}{{ .x }}{{ else }}none{{ end }}{{ .y }}\n", `{"y": "a b"}`, "A=nonea\\ b\n"},
		{"env", "A={{ range .l }}{{ . }}-{{ end }}\n", `{"l": ["a b", "c"]}`, "A=a\\ b-c-\n"},
		{"env", "A={{ range .l }}{{ if . }}{{ continue }}{{ end }}x{{ end }}{{ .x }}\n", `{"l": ["", "c"], "x": "$"}`, "A=x\\$\n"},
		{"env", "A={{ range .l }}x{{ if . }}{{ break }}{{ end }}{{ end }}{{ .x }}\n", `{"l": ["", "c"], "x": "$"}`, "A=xx\\$\n"},
		{"env", "A={{ range .l }}{{ range $.l }}{{ . }}{{ end }}x{{ end }}\n", `{"l": ["a", " "]}`, "A=a\\ xa\\ x\n"},
		{"json", `{"l": [{{ range $i, $v := .l }}{{ if $i }}, {{ end }}{{ $v }}{{ end }}], "o": {{ .o }}}`, `{"l": ["a\"", 1e5, null], "o": {"k": [true]}}`, "{\"l\": [\"a\\\"\",  1e5,  null], \"o\": {\"k\": [true]}}"},
		{"yaml", "l:\n{{ range .l }}  - {{ . }}\n{{ end }}s: {{ .s }}\n", `{"l": ["a: b", "- c"], "s": "<% x %>"}`, "l:\n  - \"a: b\"\n  - \"- c\"\ns: \"\\x3c% x %>\"\n"},
		{"toml", "l = [{{ range .l }}{{ . }}, {{ end }}]\n", `{"l": ["a\nb"]}`, "l = [\"a\\nb\", ]\n"},
		{"pgpass", "{{ range .l }}{{ .h }}:5432:*:u:{{ .p }}\n{{ end }}", `{"l": [{"h": "::1", "p": "a:b"}, {"h": "h", "p": "\\"}]}`, "\\:\\:1:5432:*:u:a\\:b\nh:5432:*:u:\\\\\n"},
	} {
		s := anySource(t, format.Get(c.format), c.text)
		tmpl, found := Compile(s)
		if found != nil {
			t.Errorf("%s: %v", c.text, found)
			continue
		}
		pieces, found := tmpl.Execute(Data{Section: read(t, c.data)})
		if got := text(pieces); found != nil || got != c.want {
			t.Errorf("%s: got %q %v, want %q", c.text, got, found, c.want)
		}
		if err := s.Format.Parse([]byte(c.want)); err != nil {
			t.Errorf("%s: %v", c.text, err)
		}
	}
	for _, c := range []struct{ format, text, want string }{
		{"env", "A={{ if .x }}\"{{ end }}\n", "t.tmpl:1:9: the file goes on differently"},
		{"json", `{"a": [{{ if .x }}{ {{ end }}]}`, "t.tmpl:1:14: the file goes on differently"},
		{"json", `{"a": {{ range .l }}[{{ end }}}`, "t.tmpl:1:16: the body of this range must end"},
		{"yaml", "a: {{ .x }}\n{{ .y }}: b\n", "t.tmpl:2:4: nothing can be printed here"},
		{"syslog-ng", "destination d { network(\"h\" template(\"$M{{ .x }}\")); };\n", "t.tmpl:1:44: nothing can be printed here"},
	} {
		_, found := Compile(anySource(t, format.Get(c.format), c.text))
		if len(found) != 1 || !strings.HasPrefix(found[0].String(), c.want) {
			t.Errorf("%s: got %v, want %s", c.text, found, c.want)
		}
	}
}

// FuzzTemplate: whatever the template and the data, nothing panics, no limit is passed, no message holds a value,
// and a file that was rendered without raw reads as one that its author wrote.
func FuzzTemplate(f *testing.F) {
	for _, name := range format.Names {
		f.Add(name, "a={{ .s }}\n", "x\n")
		f.Add(name, "{{ range $i, $v := .l }}{{ if $i }},{{ end }}{{ $v }}{{ break }}{{ else }}{{ with .o }}{{ .k | printf \"%s\" }}{{ end }}{{ end }}", `"`)
		f.Add(name, "{{ define \"d\" }}{{ . }}{{ end }}a: {{ template \"d\" .s }}\n[{{ template \"d\" (index .l 0) }}]", "$")
		f.Add(name, "action(target={{ .s }} x=\"{{ .l | join \",\" }}\")\nd { n({{ .s }} t('{{ url \"scheme\" \"a\" \"path\" .s }}')); };", "%")
	}
	f.Fuzz(func(t *testing.T, name, text, value string) {
		grammar := format.Get(name)
		if grammar == nil {
			return
		}
		tmpl, found := Compile(Source{Name: "t.tmpl", Text: text, Format: grammar, Service: "s", Section: compileSchema(t, `{}`)})
		if tmpl == nil {
			if found.Faults() == 0 {
				t.Fatal("no template and no finding")
			}
			return
		}
		const canary = "kanarienvogel"
		data := &document.Node{Kind: document.Object}
		list, object := &document.Node{Kind: document.Array}, &document.Node{Kind: document.Object}
		list.Items = []*document.Node{document.NewString(canary+value, data.Pos), {Kind: document.Bool}}
		object.Set("k", document.NewString(canary+value, data.Pos))
		data.Set("s", document.NewString(value+canary, data.Pos))
		data.Set("l", list)
		data.Set("o", object)
		pieces, found := tmpl.Execute(Data{Section: data})
		if strings.Contains(found.Error(), canary) && !strings.Contains(text, canary) {
			t.Fatalf("a message holds the value: %v", found)
		}
		out := ""
		for _, p := range pieces {
			out += p.Text
		}
		if len(out) > MaxOutput {
			t.Fatalf("%d bytes", len(out))
		}
		// Parse may find what needs the whole file, such as a key that stands twice, and an author may not write all
		// that a value may hold.
		reads := slices.Contains([]string{"env", "ini", "json", "pgpass", "rsyslog", "syslog-ng", "toml"}, name)
		if found == nil && len(tmpl.Raws()) == 0 && reads {
			if _, err := grammar.Text(grammar.Start(), out); err != nil {
				t.Fatalf("%q is rendered as what is no %s: %v", out, name, err)
			}
		}
	})
}

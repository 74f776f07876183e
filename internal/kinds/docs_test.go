package kinds_test

import (
	"bytes"
	"flag"
	"fmt"
	"io/fs"
	"os"
	"path"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/bootconf/bootconf/internal/document"
	"github.com/bootconf/bootconf/internal/image"
	"github.com/bootconf/bootconf/internal/kinds"
	"github.com/bootconf/bootconf/internal/render"
	"github.com/bootconf/bootconf/internal/validate"
)

var update = flag.Bool("update", false, "write docs/services.md")

const manual = "../../docs/services.md"

// TestManual holds docs/services.md to the schemas and templates that it is made from.
func TestManual(t *testing.T) {
	var b strings.Builder
	b.WriteString(`# Services

<!-- Made from the schemas and templates of internal/kinds by: go test ./internal/kinds -run TestManual -update -->

A service definition can name one of these kinds instead of bringing a schema and templates along:

`)
	for _, name := range kinds.Names() {
		k, _ := get(t, name)
		fmt.Fprintf(&b, "- [%s](#%s): %s\n", name, name, lowerFirst(k.Description))
	}
	b.WriteString(`
For each there is what its section of the user data takes, the templates that make files of it, and an example with
the files that come out. A definition asks for a file by the template's name; owner and mode are its own:

    {"kind": "database", "required": true,
     "files": [{"path": "/etc/windtrap/database.env", "template": "database/env", "with": {"prefix": ""}, "group": "windtrap", "mode": "0640"}]}

[Service definitions](service-definitions.md) has the rest of it, [User data](user-data.md) what holds for every
section. In the tables below a key in an object is written with a dot; *required* stands where a key has to be given,
and two defaults where the description says which holds when. A secret is shown in no message, plan or record. The
section's name is the service's own, here that of the kind.
`)
	for _, name := range kinds.Names() {
		k, _ := get(t, name)
		describe(t, &b, k)
	}
	if *update {
		if err := os.WriteFile(manual, []byte(b.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	have, err := os.ReadFile(manual)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(have, []byte(b.String())) {
		t.Errorf("docs/services.md is not what the kinds are; make it anew: go test ./internal/kinds -run TestManual -update")
	}
}

func describe(t *testing.T, b *strings.Builder, k *kinds.Kind) {
	s := k.Schema
	fmt.Fprintf(b, "\n## %s\n\n%s\n\n### What it takes\n\n| key | type | default | secret | meaning |\n| --- | --- | --- | --- | --- |\n",
		k.Name, s.Get("description").Plain())
	rows(b, s, "", nil)
	if rules := rules(s); len(rules) > 0 {
		fmt.Fprintf(b, "\n%s\n", strings.Join(rules, "\n"))
	}
	describeURL(b, s.Get("urlParts"))

	b.WriteString("\n### Templates\n\n| template | format | what it makes | parameters |\n| --- | --- | --- | --- |\n")
	for _, m := range k.Templates {
		var params []string
		for _, p := range m.Params {
			params = append(params, fmt.Sprintf("`%s`: %s It matches `%s`; default `%q`", p.Name, p.Description, cell(p.Pattern), p.Default))
		}
		fmt.Fprintf(b, "| `%s/%s` | `%s` | %s | %s |\n", k.Name, m.Name, m.Format, cell(m.Description), strings.Join(params, "; "))
	}

	b.WriteString("\n### Examples\n")
	examples := s.Get("examples").Items
	for _, e := range examples {
		fmt.Fprintf(b, "\n    {\"%s\": %s}\n", k.Name, spaced(e))
	}
	for _, m := range k.Templates {
		which := slices.IndexFunc(examples, func(e *document.Node) bool { return e.Kind == document.Object })
		if m.Name == "my_cnf" {
			which = slices.IndexFunc(examples, func(e *document.Node) bool { return e.Get("adapter") != nil })
		}
		fmt.Fprintf(b, "\n`%s/%s` makes of the %s\n\n", k.Name, m.Name, [...]string{"first", "second", "third"}[which])
		for line := range strings.Lines(made(t, k, examples[which])[m.Name]) {
			b.WriteString(strings.TrimRight("    "+line, " \n") + "\n")
		}
	}
}

// rows is a line of the table for each key of a schema, those within objects behind their own. Filled is what
// conditions of the schemas around it fill in, by the key.
func rows(b *strings.Builder, s *document.Node, prefix string, filled map[string][]string) {
	required := s.Get("required").Strings()
	if filled == nil {
		filled = map[string][]string{}
	}
	conditions(s, prefix, filled)
	row := func(name string, p *document.Node, must bool, secret string) {
		fallback := ""
		switch given := filled[name]; {
		case must:
			fallback = "*required*"
		case p.Get("default") != nil:
			fallback = code(p.Get("default"))
		case len(given) == 1:
			fallback = given[0] + " or none"
		default:
			fallback = strings.Join(given, " or ")
		}
		if secret == "" && p.Get("writeOnly") != nil {
			secret = "yes"
		}
		fmt.Fprintf(b, "| `%s` | %s | %s | %s | %s |\n", name, typeOf(p), fallback, secret, cell(p.Get("description").Plain()))
	}
	if properties := s.Get("properties"); properties != nil {
		for _, m := range properties.Members {
			row(prefix+m.Name, m.Value, slices.Contains(required, m.Name), "")
			rows(b, m.Value, prefix+m.Name+".", filled)
		}
	}
	if more := s.Get("additionalProperties"); more != nil && more.Kind == document.Object {
		secret := ""
		if patterns := s.Get("patternProperties"); patterns != nil {
			for _, m := range patterns.Members {
				secret = fmt.Sprintf("where NAME matches `%s`", cell(m.Name))
			}
		}
		row(prefix+"NAME", more, false, secret)
	}
}

// conditions gathers the defaults that the branches of s fill in.
func conditions(s *document.Node, prefix string, filled map[string][]string) {
	for _, branch := range []string{"else", "then"} {
		for _, m := range members(s.Get(branch).Get("properties")) {
			if d := m.Value.Get("default"); d != nil {
				filled[prefix+m.Name] = append(filled[prefix+m.Name], code(d))
			}
		}
	}
}

func members(n *document.Node) []document.Member {
	if n == nil {
		return nil
	}
	return n.Members
}

// typeOf says in a few words what a value may be.
func typeOf(p *document.Node) string {
	if values := p.Get("enum"); values != nil {
		var words []string
		for _, v := range values.Items {
			words = append(words, code(v))
		}
		return strings.Join(words, ", ")
	}
	if formats := p.Get("anyOf"); formats != nil {
		var words []string
		for _, f := range formats.Items {
			words = append(words, formatName(f.Get("format").Plain()))
		}
		return strings.Join(words, ", ")
	}
	if f := p.Get("format"); f != nil {
		return formatName(f.Plain())
	}
	if kind := p.Get("type"); kind.Kind == document.Array {
		return strings.Join(kind.Strings(), ", ")
	}
	switch kind := p.Get("type").Plain(); kind {
	case "integer":
		return fmt.Sprintf("integer, %s to %s", p.Get("minimum").Plain(), p.Get("maximum").Plain())
	case "array":
		return "array of " + typeOf(p.Get("items")) + "s"
	default:
		return kind
	}
}

func formatName(format string) string {
	switch format {
	case "hostname":
		return "host name"
	case "ipv4":
		return "IPv4 address"
	case "ipv6":
		return "IPv6 address"
	case "uri":
		return "URL"
	}
	return format
}

// rules is what a schema asks of several keys together, and of the names of others, a line each.
func rules(s *document.Node) []string {
	var out []string
	if s.Get("normalize") != nil {
		out = append(out, "- The section may also be a bare string, which is its URL. A key that is required may come by the URL.")
	}
	var one []string
	for _, m := range items(s.Get("oneOf")) {
		one = append(one, "`"+strings.Join(m.Get("required").Strings(), "`, `")+"`")
	}
	if one != nil {
		out = append(out, "- Exactly one of "+strings.Join(one, ", ")+" must be given.")
	}
	for _, m := range members(s.Get("dependentRequired")) {
		out = append(out, fmt.Sprintf("- `%s` must not be without `%s`.", m.Name, strings.Join(m.Value.Strings(), "`, `")))
	}
	for _, m := range members(s.Get("then").Get("properties")) {
		if e := m.Value.Get("errorMessage"); e != nil {
			out = append(out, fmt.Sprintf("- `%s`, where that is so, %s.", m.Name, e.Plain()))
		}
	}
	var limits func(s *document.Node, prefix string)
	limits = func(s *document.Node, prefix string) {
		if e := s.Get("propertyNames").Get("errorMessage"); e != nil {
			out = append(out, fmt.Sprintf("- Each `%sNAME` %s.", prefix, e.Plain()))
		}
		for _, m := range members(s.Get("properties")) {
			e := m.Value.Get("errorMessage")
			each := "`" + prefix + m.Name + "`"
			if e == nil {
				e, each = m.Value.Get("items").Get("errorMessage"), "Each of "+each
			}
			if e != nil {
				out = append(out, fmt.Sprintf("- %s %s.", each, e.Plain()))
			}
			limits(m.Value, prefix+m.Name+".")
		}
	}
	limits(s, "")
	return out
}

func items(n *document.Node) []*document.Node {
	if n == nil {
		return nil
	}
	return n.Items
}

// describeURL says which part of the URL is which key.
func describeURL(b *strings.Builder, parts *document.Node) {
	if parts == nil {
		return
	}
	part := func(name string) string { return strings.ToUpper(parts.Get(name).Plain()) }
	fmt.Fprintf(b, "\nThe URL is `SCHEME://%s:%s@%s:%s/%s?PARAMETER=VALUE`, with\n\n| scheme | stands for | parameters |\n| --- | --- | --- |\n",
		part("user"), part("password"), part("host"), part("port"), part("path"))
	schemes := parts.Get("schemes").Members
	for _, m := range schemes {
		name := "`" + m.Name + "`"
		if m.Value.Kind == document.String {
			continue
		}
		for _, other := range schemes {
			if other.Value.Kind == document.String && other.Value.Plain() == m.Name {
				name += ", `" + other.Name + "`"
			}
		}
		when := ""
		if w := m.Value.Get("when"); w != nil {
			when = "`" + spaced(w) + "`"
		}
		var params []string
		for _, q := range slices.Concat(members(m.Value.Get("query")), members(parts.Get("query"))) {
			params = append(params, parameter(q))
		}
		if o := parts.Get("options"); o != nil {
			params = append(params, "any other: `"+o.Plain()+"`")
		}
		fmt.Fprintf(b, "| %s | %s | %s |\n", name, when, strings.Join(params, "; "))
	}
}

// parameter is the key that a parameter of a URL stands for, with its values where they have other names there.
func parameter(q document.Member) string {
	if q.Value.Kind == document.String {
		return fmt.Sprintf("`%s`: `%s`", q.Name, q.Value.Plain())
	}
	var values []string
	for _, v := range members(q.Value.Get("values")) {
		values = append(values, "`"+v.Name+"`")
	}
	return fmt.Sprintf("`%s`: `%s`, as %s", q.Name, q.Value.Get("key").Plain(), strings.Join(values, ", "))
}

// made is what each template of a kind makes of a section.
func made(t *testing.T, k *kinds.Kind, section *document.Node) map[string]string {
	t.Helper()
	var files []string
	for _, m := range k.Templates {
		files = append(files, fmt.Sprintf(`{"path": "/etc/%s", "template": "%s/%s"}`, m.Name, k.Name, m.Name))
	}
	definition := fmt.Sprintf(`{"kind": "%s", "files": [%s]}`, k.Name, strings.Join(files, ", "))
	img, found := image.Load(memory{fstest.MapFS{"etc/bootconf/services/" + k.Name + "/service.json": {Data: []byte(definition)}}})
	if found.Err() != nil {
		t.Fatal(found)
	}
	program, found := render.Compile(img)
	if found.Err() != nil {
		t.Fatal(found)
	}
	doc := document.NewObject()
	doc.Set(k.Name, section.Clone())
	sections, found := validate.Validate(img, "example", doc)
	if found.Err() != nil {
		t.Fatal(found)
	}
	plan, found := program.Render(sections, nil)
	if found.Err() != nil {
		t.Fatal(found)
	}
	out := map[string]string{}
	for _, f := range plan.Files {
		out[path.Base(f.Path)] = f.Content.Reveal()
	}
	return out
}

// memory is an image in memory.
type memory struct{ fs fstest.MapFS }

func (f memory) ReadFile(name string) ([]byte, error)       { return f.fs.ReadFile(name[1:]) }
func (f memory) ReadDir(name string) ([]fs.DirEntry, error) { return f.fs.ReadDir(name[1:]) }
func (f memory) Readlink(name string) (string, error)       { return "", fs.ErrNotExist }

// spaced is a value as JSON in one line, written as people do.
func spaced(n *document.Node) string {
	switch n.Kind {
	case document.Object:
		var parts []string
		for _, m := range n.Members {
			parts = append(parts, fmt.Sprintf("%q: %s", m.Name, spaced(m.Value)))
		}
		return "{" + strings.Join(parts, ", ") + "}"
	case document.Array:
		var parts []string
		for _, v := range n.Items {
			parts = append(parts, spaced(v))
		}
		return "[" + strings.Join(parts, ", ") + "]"
	}
	return string(document.Compact(n))
}

func code(n *document.Node) string {
	if n.Kind == document.String {
		return "`" + n.Plain() + "`"
	}
	return "`" + spaced(n) + "`"
}

// cell is text for a cell of a table.
func cell(text string) string { return strings.ReplaceAll(text, "|", `\|`) }

func lowerFirst(s string) string { return strings.ToLower(s[:1]) + s[1:] }

package kinds_test

import (
	"encoding/json"
	"io/fs"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/jsonschema-go/jsonschema"

	"github.com/bootconf/bootconf/internal/document"
	"github.com/bootconf/bootconf/internal/kinds"
	"github.com/bootconf/bootconf/internal/schema"
)

func get(t testing.TB, name string) (*kinds.Kind, *schema.Schema) {
	t.Helper()
	k, ok := kinds.Get(name)
	if !ok {
		t.Fatalf("no kind %s", name)
	}
	s, found := schema.Compile(k.Schema, k.Source)
	if len(found) > 0 {
		t.Fatal(found)
	}
	return k, s
}

func TestNames(t *testing.T) {
	var dirs []string
	entries, err := os.ReadDir(".")
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if e.IsDir() && e.Name() != "testdata" {
			dirs = append(dirs, e.Name())
		}
	}
	if !slices.Equal(dirs, kinds.Names()) {
		t.Errorf("kinds are %v, directories are %v", kinds.Names(), dirs)
	}
	if _, ok := kinds.Get("nothing"); ok {
		t.Error("there is a kind nothing")
	}
}

// TestTemplates holds what definitions may rely on: the names, formats and parameters.
func TestTemplates(t *testing.T) {
	want := map[string]string{
		"amqp":     "env:env(prefix=) yaml:yaml()",
		"database": "env:env(prefix=) my_cnf:ini() pg_service:ini() pgpass:pgpass() rails:yaml()",
		"env":      "env:env()",
		"syslog":   "rsyslog:rsyslog() syslog_ng:syslog-ng(source=s_src)",
	}
	for _, name := range kinds.Names() {
		k, _ := get(t, name)
		var got []string
		for _, template := range k.Templates {
			var params []string
			for _, p := range template.Params {
				params = append(params, p.Name+"="+p.Default)
				if re, err := regexp.Compile(p.Pattern); err != nil || !re.MatchString(p.Default) || re.MatchString("a b\n\"") {
					t.Errorf("%s/%s: the pattern of %s is broken, refuses its default or allows anything", name, template.Name, p.Name)
				}
				if p.Description == "" {
					t.Errorf("%s/%s: %s has no description", name, template.Name, p.Name)
				}
			}
			got = append(got, template.Name+":"+template.Format+"("+strings.Join(params, ",")+")")
			if template.Description == "" || template.Whole() != (template.Text() == "") {
				t.Errorf("%s/%s: has no description or no text", name, template.Name)
			}
		}
		if strings.Join(got, " ") != want[name] {
			t.Errorf("%s has %q, want %q", name, strings.Join(got, " "), want[name])
		}
	}
}

// TestDescribed shows that every property says what it is and has examples that fit.
func TestDescribed(t *testing.T) {
	for _, name := range kinds.Names() {
		k, _ := get(t, name)
		var visit func(n *document.Node, path string)
		visit = func(n *document.Node, path string) {
			examples := n.Get("examples")
			if n.Get("description") == nil || examples == nil {
				t.Errorf("%s: has no description or no examples", path)
				return
			}
			s, found := schema.Compile(n, path)
			if len(found) > 0 {
				t.Fatal(found)
			}
			for _, e := range examples.Items {
				if _, found := s.Prepare(e, "example", path); len(found) > 0 {
					t.Error(found)
				}
			}
			if properties := n.Get("properties"); properties != nil {
				for _, m := range properties.Members {
					visit(m.Value, path+"."+m.Name)
				}
			}
		}
		visit(k.Schema, name)
	}
}

// TestExported shows that an editor with the exported schema takes what the program takes, by another implementation.
func TestExported(t *testing.T) {
	for _, name := range kinds.Names() {
		k, s := get(t, name)
		var exported jsonschema.Schema
		if err := json.Unmarshal(s.JSON(), &exported); err != nil {
			t.Fatal(err)
		}
		resolved, err := exported.Resolve(nil)
		if err != nil {
			t.Fatal(err)
		}
		for i, e := range k.Schema.Get("examples").Items {
			var v any
			if err := json.Unmarshal(document.Encode(e), &v); err != nil {
				t.Fatal(err)
			}
			if err := resolved.Validate(v); err != nil {
				t.Errorf("%s: example %d: %v", name, i, err)
			}
		}
		if err := resolved.Validate(5.0); err == nil {
			t.Errorf("%s: anything fits the exported schema", name)
		}
	}
}

func TestSections(t *testing.T) {
	for _, c := range []struct{ kind, section, want string }{
		{"syslog", `{}`, "must have exactly one of papertrail, loggly, collector"},
		{"syslog", `{"papertrail":{"host":"a.b","port":1},"collector":{"host":"c"}}`, "must have exactly one of papertrail, loggly, collector, not papertrail and collector"},
		{"syslog", `{"collector":{"host":"c","transport":"udp"},"tls":{}}`, "must be left out: the transport of the collector is not tls"},
		{"syslog", `{"loggly":{"token":"a b"}}`, "must be a customer token: up to 64 letters, digits and dashes"},
		{"syslog", `{"loggly":{"token":"a","tags":["-"]}}`, "must be a tag: up to 64 letters, digits and _ . -, and start with none of the last two"},
		{"syslog", `{"papertrail":{"host":"a.b","port":1},"buffer_bytes":1}`, "must be an integer from 1048576 to 1099511627776"},
		{"env", `{"A-B":""}`, "the name must start with a letter or an underscore and hold only letters, digits and underscores"},
		{"env", `{"A":[]}`, "must be a string, a number or a boolean, not an array"},
		{"amqp", `{"host":"h","password":"p"}`, "is required where password is given"},
		{"database", `{"host":"h","name":"n","user":"u","tls":{"ca_file":"ca.pem"}}`, "must be an absolute path"},
		{"database", `{"host":"h","name":"n","user":"u","tls":true}`, "must be an object, not a boolean"},
		{"database", `{"host":"h","name":"","user":"u"}`, "must not be empty"},
		{"database", `{"host":"h_h","name":"n","user":"u"}`, "must be a host name, an IPv4 address or an IPv6 address"},
	} {
		_, s := get(t, c.kind)
		n, found := document.Parse("d", []byte(c.section))
		if n == nil {
			t.Fatal(found)
		}
		if _, found = s.Prepare(n, "d", ""); len(found) != 1 || found[0].Message != c.want {
			t.Errorf("%s %s:\n%v\nwant %s", c.kind, c.section, found, c.want)
		}
	}
}

// TestDefaults is what templates can rely on.
func TestDefaults(t *testing.T) {
	for _, c := range []struct{ kind, section, path, want string }{
		{"database", `{"host":"h","name":"n","user":"u"}`, "port", "5432"},
		{"database", `{"host":"h","name":"n","user":"u"}`, "adapter", "postgresql"},
		{"database", `{"host":"h","name":"n","user":"u"}`, "tls", ""},
		{"database", `{"host":"h","name":"n","user":"u","adapter":"mysql"}`, "port", "3306"},
		{"database", `{"host":"h","name":"n","user":"u","tls":{}}`, "tls.mode", "verify-full"},
		{"database", `{"host":"h","name":"n","user":"u","tls":{}}`, "tls.ca_file", "/etc/ssl/certs/ca-certificates.crt"},
		{"database", `{"host":"h","name":"n","user":"u","tls":{"mode":"require"}}`, "tls.ca_file", ""},
		{"amqp", `{"host":"h"}`, "port", "5672"},
		{"amqp", `{"host":"h","tls":{}}`, "port", "5671"},
		{"amqp", `{"host":"h"}`, "vhost", "/"},
		{"syslog", `{"collector":{"host":"h"}}`, "collector.transport", "tls"},
		{"syslog", `{"collector":{"host":"h"}}`, "collector.port", "6514"},
		{"syslog", `{"collector":{"host":"h","transport":"tcp"}}`, "collector.port", "514"},
		{"syslog", `{"collector":{"host":"h","transport":"tcp"}}`, "tls", ""},
		{"syslog", `{"loggly":{"token":"t"}}`, "loggly.host", "logs-01.loggly.com"},
		{"syslog", `{"papertrail":{"host":"h.x","port":1}}`, "tls.ca_file", "/etc/ssl/certs/ca-certificates.crt"},
		{"syslog", `{"papertrail":{"host":"h.x","port":1}}`, "buffer_bytes", "67108864"},
	} {
		_, s := get(t, c.kind)
		n, _ := document.Parse("d", []byte(c.section))
		n, found := s.Prepare(n, "d", "")
		if len(found) > 0 {
			t.Fatal(found)
		}
		for _, key := range strings.Split(c.path, ".") {
			n = n.Get(key)
		}
		if got := n.Plain(); got != c.want || (n == nil) != (c.want == "") {
			t.Errorf("%s %s: %s is %q, want %q", c.kind, c.section, c.path, got, c.want)
		}
	}
}

// TestFiles shows that nothing is embedded that no kind names.
func TestFiles(t *testing.T) {
	for _, name := range kinds.Names() {
		err := fs.WalkDir(os.DirFS(name), ".", func(path string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() || path == "kind.json" || path == "schema.json" {
				return err
			}
			k, _ := get(t, name)
			text, err := os.ReadFile(name + "/" + path)
			if !slices.ContainsFunc(k.Templates, func(t kinds.Template) bool { return t.Text() == string(text) }) {
				t.Errorf("%s/%s belongs to no template", name, path)
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
}

// BenchmarkKinds is what the four kinds cost at a boot: their texts read, their schemas compiled, a section of each made
// ready.
func BenchmarkKinds(b *testing.B) {
	sections := map[string]*document.Node{}
	all := map[string]*kinds.Kind{}
	for name, text := range map[string]string{
		"database": `{"host": "db.prod.internal", "name": "windtrap", "user": "windtrap", "password": "s3cret", "tls": {"mode": "verify-full"}}`,
		"amqp":     `"amqps://windtrap:s3cret@mq.prod.internal/%2F"`,
		"syslog":   `{"papertrail": {"host": "logs7.papertrailapp.com", "port": 12345}}`,
		"env":      `{"PUBLIC_URL": "https://windtrap.example.com", "WORKERS": 4}`,
	} {
		sections[name], _ = document.Parse("d", []byte(text))
		all[name], _ = kinds.Get(name)
	}
	b.Run("read", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			for name := range all {
				kinds.Get(name)
			}
		}
	})
	b.Run("compile and prepare", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			for name, k := range all {
				s, found := schema.Compile(k.Schema, k.Source)
				if len(found) > 0 {
					b.Fatal(found)
				}
				if _, found := s.Prepare(sections[name], "d", name); len(found) > 0 {
					b.Fatal(found)
				}
			}
		}
	})
}

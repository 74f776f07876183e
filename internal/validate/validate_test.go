package validate

import (
	"io/fs"
	"slices"
	"strings"
	"testing"

	"github.com/bootconf/bootconf/internal/document"
	"github.com/bootconf/bootconf/internal/image"
	"github.com/bootconf/bootconf/internal/paths"
)

// load is an image of a policy and definitions, each service's service.json or NAME/FILE.
func load(t *testing.T, policy string, definitions map[string]string) *image.Image {
	t.Helper()
	files := &document.Node{Kind: document.Object}
	set := func(name, text string) { files.Set(name, document.NewString(text, document.Node{}.Pos)) }
	set(paths.Policy, policy)
	for name, text := range definitions {
		if !strings.Contains(name, "/") {
			name += "/service.json"
		}
		set(paths.ImageServices+"/"+name, text)
	}
	m := memory{}
	for _, f := range files.Members {
		m[f.Name] = f.Value.Plain()
	}
	img, found := image.Load(m)
	if len(found) > 0 {
		t.Fatal(found)
	}
	return img
}

// memory is the files of an image.
type memory map[string]string

func (m memory) ReadFile(name string) ([]byte, error) {
	if text, ok := m[name]; ok {
		return []byte(text), nil
	}
	return nil, fs.ErrNotExist
}

func (m memory) ReadDir(dir string) ([]fs.DirEntry, error) {
	var entries []fs.DirEntry
	for name := range m {
		if rest, ok := strings.CutPrefix(name, dir+"/"); ok && strings.HasSuffix(rest, "/service.json") {
			entries = append(entries, directory(strings.TrimSuffix(rest, "/service.json")))
		}
	}
	return entries, nil
}

func (m memory) Readlink(string) (string, error) { return "", fs.ErrInvalid }

type directory string

func (d directory) Name() string             { return string(d) }
func (directory) IsDir() bool                { return true }
func (directory) Type() fs.FileMode          { return fs.ModeDir }
func (directory) Info() (fs.FileInfo, error) { return nil, fs.ErrInvalid }

var services = map[string]string{
	"database":             `{"kind": "database", "required": true}`,
	"amqp":                 `{"kind": "amqp"}`,
	"logs":                 `{"kind": "syslog", "required": true, "default": {"collector": {"host": "logs.internal"}}}`,
	"windtrap":             `{}`,
	"windtrap/schema.json": `{"properties": {"old": {"deprecated": true, "type": "string"}}}`,
	"motd":                 `{"required": true}`,
}

func TestValidate(t *testing.T) {
	const database = `"database": "postgres://u:s3cr3t@h/n"`
	for _, c := range []struct{ name, policy, doc, want, sections string }{
		{"all is well", `{}`, `{` + database + `, "$schema": 1, "x-other": {"bootconf": 1}, "amqp": null, "nothing": null}`, ``, "database logs motd"},
		{"a required service", `{}`, `  {}`, "1:3: database: is required", ""},
		{"a required service that is null", `{}`, `{"database": null}`, "1:1: database: is required", ""},
		{"an unknown service", `{}`, "{\n  \"databse\": {\"password\": \"s3cr3t\"},\n  \"zzzzzzzz\": 1\n}",
			"2:3: databse: no such service; did you mean \"database\"?\n3:3: zzzzzzzz: no such service; this image has amqp, database, logs, windtrap", ""},
		{"wrong case", `{}`, `{` + database + `, "AMQP": {}}`, `1:41: AMQP: no such service; did you mean "amqp"?`, ""},
		{"ignored", `{"ignore": ["legacy"]}`, `{` + database + `, "legacy": 5}`, ``, "database logs motd"},
		{"a service without a section", `{}`, `{` + database + `, "motd": {}}`, `1:41: motd: takes no section; remove it`, ""},
		{"in the order of the text", `{}`, "{\"amqp\": {\"port\": 0, \"hst\": \"h\"},\n\"logs\": 1, \"database\": {\"host\": \"h\", \"password\": [\"s3cr3t\"]}}",
			`1:19: amqp.port: must be an integer from 1 to 65535
1:22: amqp.hst: no such key; did you mean "host"?
2:9: logs: must be an object, not a number
2:24: database.name: is required
2:24: database.user: is required
2:50: database.password: must be a string, not an array`, ""},
		{"a warning", `{}`, `{` + database + `, "windtrap": {"old": "x"}}`, `1:61: warning: windtrap.old: is deprecated`, "database logs motd windtrap"},
		{"no object", `{}`, `["s3cr3t"]`, `1:1: must be an object whose keys are services`, ""},
		{"build mode", `{"build": true}`, `{"bootconf": {"mode": "build"}, "$schema": "x", "amqp": null}`, ``, "-"},
		{"build mode that the policy forbids", `{}`, `{"bootconf": {"mode": "build"}}`, `1:2: bootconf: is not allowed: the image's policy does not have "build": true`, ""},
		{"build mode and more", `{"build": true}`, `{"bootconf": {"mode": "build"}, ` + database + `, "zzz": 1}`,
			"1:33: database: must not stand beside bootconf, which leaves the instance unconfigured\n1:72: zzz: must not stand beside bootconf, which leaves the instance unconfigured", ""},
		{"another mode", `{"build": true}`, `{"bootconf": {"mode": "bild", "x": 1}}`, "1:23: bootconf.mode: must be \"build\"\n1:31: bootconf.x: no such key; known is mode", ""},
		{"no mode", `{"build": true}`, `{"bootconf": true}`, `1:14: bootconf: must be {"mode": "build"}: the key is reserved for that`, ""},
		{"reserved, but null", `{}`, `{"bootconf": null, ` + database + `}`, ``, "database logs motd"},
	} {
		t.Run(c.name, func(t *testing.T) {
			img := load(t, c.policy, services)
			doc, found := document.Parse("d", []byte(c.doc))
			if len(found) > 0 {
				t.Fatal(found)
			}
			sections, found := Validate(img, "d", doc)
			got := ""
			if len(found) > 0 {
				got = strings.ReplaceAll("\n"+found.Error(), "\nd:", "\n")[1:]
			}
			if got != c.want {
				t.Errorf("got\n%s\nwant\n%s", got, c.want)
			}
			if strings.Contains(got, "s3cr3t") {
				t.Error("a secret is in the findings")
			}
			if found.Faults() > 0 {
				return
			}
			if build := c.sections == "-"; BuildMode(doc) != build {
				t.Errorf("BuildMode is %v", !build)
			}
			var names []string
			for name := range sections {
				names = append(names, name)
			}
			slices.Sort(names)
			if got := strings.Join(names, " "); got != strings.Trim(c.sections, "-") {
				t.Errorf("sections are %s, want %s", got, c.sections)
			}
		})
	}
}

func TestSections(t *testing.T) {
	img := load(t, `{}`, services)
	doc, _ := document.Parse("d", []byte(`{"database": "postgres://u:s3cr3t@h/n"}`))
	sections, found := Validate(img, "d", doc)
	if len(found) > 0 {
		t.Fatal(found)
	}
	if db := sections["database"]; db.Get("host").Plain() != "h" || !db.Get("password").Secret || !db.Get("url").Secret {
		t.Error("the section of database is not prepared")
	}
	if host := sections["logs"].Get("collector").Get("host").Plain(); host != "logs.internal" || sections["logs"].Get("buffer_bytes") == nil {
		t.Error("the default of logs is not its section")
	}
}

package image

import (
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/bootconf/bootconf/internal/document"
	"github.com/bootconf/bootconf/internal/paths"
)

// dirFS is an image below a directory.
type dirFS string

func (d dirFS) ReadFile(name string) ([]byte, error) {
	return os.ReadFile(filepath.Join(string(d), name))
}
func (d dirFS) ReadDir(name string) ([]fs.DirEntry, error) {
	return os.ReadDir(filepath.Join(string(d), name))
}
func (d dirFS) Readlink(name string) (string, error) {
	return os.Readlink(filepath.Join(string(d), name))
}

// write makes an image of files; "-> target" is a link.
func write(t testing.TB, files map[string]string) dirFS {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		at := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(at), 0o755); err != nil {
			t.Fatal(err)
		}
		err := os.WriteFile(at, []byte(text), 0o644)
		if target, link := strings.CutPrefix(text, "-> "); link {
			os.Remove(at)
			err = os.Symlink(target, at)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	return dirFS(dir)
}

// with is an image of definitions: each service's service.json, or another file of it as NAME/FILE.
func with(definitions map[string]string) map[string]string {
	files := map[string]string{}
	for name, text := range definitions {
		switch {
		case strings.HasPrefix(name, "/"):
			files[name] = text
		case strings.Contains(name, "/"):
			files["/etc/bootconf/services/"+name] = text
		default:
			files["/etc/bootconf/services/"+name+"/service.json"] = text
		}
	}
	return files
}

func TestLoad(t *testing.T) {
	img, found := Load(write(t, with(map[string]string{
		"/etc/bootconf/policy.json": `{"source": "file:/etc/user-data", "timeout": "1m30s", "on_failure": "poweroff", "build": true, "ignore": ["legacy"], "lockout": {"login": false}}`,
		"windtrap": `{"description": "the API", "required": true, "uses": ["database"],
			"files": [{"path": "/etc/windtrap/windtrap.toml", "template": "windtrap.toml.tmpl", "format": "toml", "group": "windtrap", "mode": "0640"},
				{"path": "/etc/windtrap/all.json", "format": "json"}, {"path": "/etc/windtrap/jwt.pem", "value": "jwt_key", "format": "pem", "owner": "windtrap", "mode": "4400"}],
			"check": {"command": ["/usr/bin/windtrap", "--check-config"], "user": "windtrap", "timeout": "10s"},
			"units": ["windtrap.service", {"name": "nginx.service", "requires": false}, {"name": "a@b.timer", "order": false}]}`,
		"windtrap/schema.json":                             `{"properties": {"jwt_key": {"type": "string", "writeOnly": true}}}`,
		"windtrap/windtrap.toml.tmpl":                      "host = {{ database.host }}\n",
		"/usr/lib/bootconf/services/database/service.json": `{"kind": "database", "files": [{"path": "/packaged"}]}`,
		"/usr/lib/bootconf/services/masked/service.json":   `{"broken`,
		"/etc/bootconf/services/masked":                    "-> /dev/null",
		"/usr/lib/bootconf/services/relative/service.json": `{"broken`,
		"/etc/bootconf/services/relative":                  "-> ../../../dev/null",
		"/etc/bootconf/services/.git/config":               "",
		"database":                                         `{"kind": "database", "default": "postgres://u@h/n"}`,
		"vars":                                             `{"kind": "env", "files": [{"path": "/etc/default/vars", "template": "env/env"}]}`,
	})))
	if len(found) > 0 {
		t.Fatal(found)
	}
	if p := img.Policy; p.Source != "file:/etc/user-data" || p.Timeout != 90*time.Second || p.OnFailure != "poweroff" || !p.Build || len(p.Ignore) != 1 || p.Lockout.Login {
		t.Errorf("policy: %+v", p)
	}
	var names []string
	for _, s := range img.Services {
		names = append(names, s.Name)
	}
	if got := strings.Join(names, " "); got != "database vars windtrap" {
		t.Fatalf("services: %s", got)
	}
	database := img.Service("database")
	if database.Source != "/etc/bootconf/services/database/service.json" || database.Kind != "database" || database.Schema == nil ||
		database.Default.Kind != document.String || len(database.Files) != 0 || database.Required {
		t.Errorf("database: %+v", database)
	}
	if f := img.Service("vars").Files[0]; f.Template != nil || f.Format != "env" || f.Mode != 0o600 || f.Owner != "root" || f.Group != "root" {
		t.Errorf("vars: %+v", f)
	}
	w := img.Service("windtrap")
	if w.Description != "the API" || !w.Required || len(w.Uses) != 1 || w.Kind != "" {
		t.Errorf("windtrap: %+v", w)
	}
	toml, whole, pem := w.Files[0], w.Files[1], w.Files[2]
	if toml.Template.Source != "/etc/bootconf/services/windtrap/windtrap.toml.tmpl" || toml.Template.Text != "host = {{ database.host }}\n" ||
		toml.Template.Params["service"] != "windtrap" || toml.Mode != 0o640 || toml.Group != "windtrap" || toml.Owner != "root" || toml.Node == nil {
		t.Errorf("toml: %+v", toml)
	}
	if whole.Template != nil || whole.Value != "" || whole.Format != "json" {
		t.Errorf("whole: %+v", whole)
	}
	if pem.Value != "jwt_key" || pem.Mode != 0o400|fs.ModeSetuid || pem.Owner != "windtrap" {
		t.Errorf("pem: %+v", pem)
	}
	if c := w.Check; len(c.Command) != 2 || c.User != "windtrap" || c.Timeout != 10*time.Second {
		t.Errorf("check: %+v", c)
	}
	want := []Unit{{"windtrap.service", true, true}, {"nginx.service", false, true}, {"a@b.timer", true, false}}
	for i, u := range w.Units {
		if u != want[i] {
			t.Errorf("unit %d: %+v, want %+v", i, u, want[i])
		}
	}
}

func TestLoadNothing(t *testing.T) {
	img, found := Load(write(t, nil))
	if len(found) > 0 || img == nil || len(img.Services) != 0 {
		t.Errorf("got %+v, %v", img, found)
	}
	if p := img.Policy; p.Source != "auto" || p.Timeout != 2*time.Minute || p.OnFailure != "degraded" || p.Build || p.Ignore != nil {
		t.Errorf("policy: %+v", p)
	}
	// The defaults of the published schema are the same.
	again, found := LoadPolicy(write(t, map[string]string{paths.Policy: "{}"}))
	if len(found) > 0 || again.Source != "auto" || again.Timeout != 2*time.Minute || again.OnFailure != "degraded" || again.Build || again.Lockout.Metadata {
		t.Errorf("policy of {}: %+v, %v", again, found)
	}
}

func TestPolicyFindings(t *testing.T) {
	for _, c := range []struct{ policy, want string }{
		{`{"source": "ec3", "timout": "1s", "on_failure": "reboot"}`, `1:12: source: must be ec2, auto or file: and an absolute path, such as file:/etc/user-data.json
1:19: timout: no such key; did you mean "timeout"?
1:49: on_failure: must be one of "degraded", "emergency", "poweroff"`},
		{`{"source": "file:/a/../b"}`, `1:12: source: must be written as file:/b`},
		{`{"timeout": "0s"}`, `1:13: timeout: must be longer than nothing and shorter than a day`},
		{`{"timeout": "99999999h"}`, `1:13: timeout: must be longer than nothing and shorter than a day`},
		{`{"timeout": 120}`, `1:13: timeout: must be a string, not a number`},
		{`{"timeout": "120"}`, `1:13: timeout: must be a duration, such as 120s or 2m`},
		{`{"lockout": {"login": true, "files": true, "modules": [], "metadata": {}, "x": 1}}`,
			`1:75: lockout.x: no such key; known are metadata, login, files and modules`},
		{`{"lockout": {"login": true, "files": true, "modules": [], "metadata": {}}}`,
			`1:23: lockout.login: cannot be taken by this version of bootconf; remove the measure to leave this open
1:38: lockout.files: cannot be taken by this version of bootconf; remove the measure to leave this open
1:55: lockout.modules: cannot be taken by this version of bootconf; remove the measure to leave this open
1:71: lockout.metadata: cannot be taken by this version of bootconf; remove the measure to leave this open`},
		{`{"a": 1`, `1:8: ends within the JSON value; is the text cut off?`},
		{`[]`, `1:1: must be an object, not an array`},
	} {
		img, found := Load(write(t, map[string]string{paths.Policy: c.policy}))
		got := strings.ReplaceAll("\n"+found.Error(), "\n"+paths.Policy+":", "\n")[1:]
		if got != c.want {
			t.Errorf("%s\ngot\n%s\nwant\n%s", c.policy, got, c.want)
		}
		if img.Policy.OnFailure != "emergency" {
			t.Errorf("%s: an invalid policy counts as emergency, not %s", c.policy, img.Policy.OnFailure)
		}
	}
}

// TestFindings is the findings of image authors, each with its file and place.
func TestFindings(t *testing.T) {
	const file = `{"files": [{"path": "/etc/a", "template": "t", "format": "text"}]}`
	for _, c := range []struct {
		name        string
		definitions map[string]string
		want        string
	}{
		{"no definition", map[string]string{"a/schema.json": `{}`}, "a/service.json: does not exist"},
		{"no directory", map[string]string{"/etc/bootconf/services/a": "{}"}, "a: must be a directory that holds service.json"},
		{"name", map[string]string{"A-b": "{}"}, "A-b: must have a name of a lower-case letter, then lower-case letters, digits and underscores"},
		{"reserved name", map[string]string{"bootconf": "{}"}, "bootconf: must have another name: bootconf is reserved in user data"},
		{"no JSON, and others are read", map[string]string{"a": `{`, "b": `{"requierd": true}`}, `a/service.json:1:2: ends within the JSON value; is the text cut off?
b/service.json:1:2: requierd: no such key; did you mean "required"?`},
		{"kind", map[string]string{"a": `{"kind": "databse", "files": [{"path": "/etc/a", "template": "databse/env"}], "default": {}}`},
			`a/service.json:1:10: kind: no such kind; did you mean "database"?`},
		{"schema", map[string]string{"a": `{"default": {}}`, "a/schema.json": `{"typ": "object"}`}, `a/schema.json:1:2: typ: no such keyword; did you mean "type"?`},
		{"default", map[string]string{"a": `{"kind": "amqp", "default": {"port": 0}}`},
			"a/service.json:1:29: default.host: is required\na/service.json:1:38: default.port: must be an integer from 1 to 65535"},
		{"default without schema", map[string]string{"a": `{"default": {}}`}, "a/service.json:1:13: default: has no effect: without a kind or schema.json the service takes no section"},
		{"template and value", map[string]string{"a": `{"files": [{"path": "/etc/a", "template": "t", "value": "v", "format": "text"}]}`},
			"a/service.json:1:12: files[0]: must not have template and value together"},
		{"no template", map[string]string{"a": file}, "a/service.json:1:43: files[0].template: no such file beside service.json"},
		{"template that is no UTF-8", map[string]string{"a": file, "a/t": "\xff"}, "a/service.json:1:43: files[0].template: must be UTF-8"},
		{"template of a kind, without kind", map[string]string{"a": `{"files": [{"path": "/etc/a", "template": "database/env"}]}`},
			"a/service.json:1:43: files[0].template: needs a kind: a template beside service.json is named without a /"},
		{"template of another kind", map[string]string{"a": `{"kind": "amqp", "files": [{"path": "/etc/a", "template": "database/env"}]}`},
			"a/service.json:1:59: files[0].template: must be a template of the kind amqp, or a file beside service.json"},
		{"no such template of the kind", map[string]string{"a": `{"kind": "amqp", "files": [{"path": "/etc/a", "template": "amqp/yml"}]}`},
			`a/service.json:1:59: files[0].template: no such template; did you mean "amqp/yaml"?`},
		{"format", map[string]string{"a": `{"files": [{"path": "/etc/a", "template": "t", "format": "yml"}]}`, "a/t": ""},
			`a/service.json:1:58: files[0].format: must be one of "env", "docker-env", "json", "yaml", "toml", "ini", "properties", "syslog-ng", "rsyslog", "pgpass", "pem", "text"`},
		{"no format", map[string]string{"a": `{"files": [{"path": "/etc/a", "template": "t"}]}`, "a/t": ""},
			`a/service.json:1:12: files[0].format: is required, unless a template of a kind says it`},
		{"other format than the kind's", map[string]string{"a": `{"kind": "amqp", "files": [{"path": "/etc/a", "template": "amqp/env", "format": "yaml"}]}`},
			`a/service.json:1:81: files[0].format: must be env or left out: that is what the template makes`},
		{"parameters", map[string]string{"a": `{"kind": "amqp", "files": [{"path": "/etc/a", "template": "amqp/env", "with": {"prefix": "a b", "prefx": ""}}]}`},
			`a/service.json:1:90: files[0].with.prefix: must match ^([A-Z_][A-Z0-9_]*)?$
a/service.json:1:97: files[0].with.prefx: no such parameter; did you mean "prefix"?`},
		{"parameters of none", map[string]string{"a": `{"kind": "env", "files": [{"path": "/etc/a", "template": "env/env", "with": {"prefix": ""}}]}`},
			`a/service.json:1:78: files[0].with.prefix: no such parameter; this template takes none`},
		{"parameters without kind", map[string]string{"a": `{"files": [{"path": "/etc/a", "template": "t", "format": "text", "with": {"a": ""}}]}`, "a/t": ""},
			`a/service.json:1:74: files[0].with: has no effect: only templates of a kind take parameters`},
		{"section without schema", map[string]string{"a": `{"files": [{"path": "/etc/a", "format": "json"}]}`},
			`a/service.json:1:21: files[0].path: needs a template: without a kind or schema.json the service takes no section that could be written`},
		{"value", map[string]string{"a": `{"kind": "amqp", "files": [{"path": "/etc/a", "format": "text", "value": "pasword"}]}`},
			`a/service.json:1:74: files[0].value: no such key in the section's schema`},
		{"mode and owner", map[string]string{"a": `{"files": [{"path": "/etc/a", "template": "t", "format": "text", "mode": "u=rw", "owner": "a b"}]}`, "a/t": ""},
			"a/service.json:1:74: files[0].mode: must be a mode in octal, such as 0640\na/service.json:1:91: files[0].owner: must be the name or number of a user or group"},
		{"uses", map[string]string{"a": `{"uses": ["a", "bb", "url", "none"]}`, "bbb": `{"kind": "amqp"}`, "url": `{"kind": "env"}`, "none": `{}`},
			`a/service.json:1:11: uses[0]: must not be the service itself: its own section is the dot
a/service.json:1:16: uses[1]: no such service; did you mean "bbb"?
a/service.json:1:22: uses[2]: cannot be used: templates know url as something else; name that service differently
a/service.json:1:29: uses[3]: takes no section, so there is nothing to use`},
		{"a cycle of uses is fine", map[string]string{"a": `{"kind": "env", "uses": ["b"]}`, "b": `{"kind": "env", "uses": ["a"]}`}, ""},
		{"what is used may be broken itself", map[string]string{"a": `{"uses": ["b"]}`, "b": `{`}, "b/service.json:1:2: ends within the JSON value; is the text cut off?"},
		{"one path twice", map[string]string{"a": `{"kind": "env", "files": [{"path": "/etc/x", "format": "json"}, {"path": "/etc/x", "format": "env"}]}`, "b": `{"kind": "env", "files": [{"path": "/etc/x", "format": "env"}]}`},
			"a/service.json:1:74: files[1].path: stands twice in this definition\nb/service.json:1:36: files[0].path: is also a file of the service a"},
		{"a file in a file", map[string]string{"a": `{"kind": "env", "files": [{"path": "/etc/x", "format": "json"}]}`, "b": `{"kind": "env", "files": [{"path": "/etc/x/y/z", "format": "env"}]}`},
			"b/service.json:1:36: files[0].path: cannot be in /etc/x, which is a file of the service a"},
		{"check", map[string]string{"a": `{"check": {"command": ["true", "a\u0000"], "timeout": "0s", "user": ""}}`},
			"a/service.json:1:69: check.user: must be the name or number of a user or group"},
		{"check, further", map[string]string{"a": `{"check": {"command": ["true", "a\u0000"], "timeout": "0s"}}`},
			"a/service.json:1:24: check.command[0]: must be the whole path of a program\na/service.json:1:32: check.command[1]: must not hold a NUL\na/service.json:1:55: check.timeout: must be longer than nothing and shorter than a day"},
		{"no command", map[string]string{"a": `{"check": {"command": []}}`}, "a/service.json:1:23: check.command: must not be empty"},
		{"units", map[string]string{"a": `{"units": [5, {"nam": "a.service"}, "a", "a.socket", "bootconf.service", "a@.service", "b.service", {"name": "b.service"}]}`},
			"a/service.json:1:12: units[0]: must be a string or an object, not a number\na/service.json:1:16: units[1].nam: no such key; did you mean \"name\"?"},
		{"order", map[string]string{"a": `{"units": ["x.service"]}`, "b": `{"units": [{"name": "x.service", "order": false}]}`},
			`b/service.json:1:21: units[0].name: must have the same "order" as in the definition of a`},
		{"requires may differ", map[string]string{"a": `{"units": ["x.service"]}`, "b": `{"units": [{"name": "x.service", "requires": false}]}`}, ``},
		{"ignored", map[string]string{"/etc/bootconf/policy.json": "{\"ignore\": [\"x\",\n \"a\", \"bootconf\"]}", "a": `{}`},
			"/etc/bootconf/policy.json:2:2: ignore[1]: is a service of this image; remove it here, or mask its definition\n/etc/bootconf/policy.json:2:7: ignore[2]: must not be bootconf, which is reserved"},
	} {
		t.Run(c.name, func(t *testing.T) {
			img, found := Load(write(t, with(c.definitions)))
			got := ""
			if len(found) > 0 {
				got = strings.ReplaceAll("\n"+found.Error(), "\n"+paths.ImageServices+"/", "\n")[1:]
			}
			if got != c.want {
				t.Errorf("got\n%s\nwant\n%s", got, c.want)
			}
			if img == nil {
				t.Error("there is no image")
			}
		})
	}
}

func TestPaths(t *testing.T) {
	for p, want := range map[string]string{
		"/etc/a": "", "/etc/systemd/journald.conf.d/a.conf": "", "/etc/systemd/systemx": "", "/srv/a b": "", "/etc/runner": "", "/opt/x/.env": "",
		"/etc/../a":                         "must be written as /a",
		"/etc/a/":                           "must be written as /etc/a",
		"//etc/a":                           "must be written as /etc/a",
		"/":                                 "must be a file",
		"/etc/a\nb":                         "must not hold a control character",
		"/run/a":                            "must not be in /run: it is emptied at every boot",
		"/run":                              "must not be in /run: it is emptied at every boot",
		"/proc/sys/a":                       "must not be in /proc: it is no place for files",
		"/sys/a":                            "must not be in /sys: it is no place for files",
		"/dev/shm/a":                        "must not be in /dev: it is no place for files",
		"/tmp/a":                            "must not be in /tmp: it is emptied at every boot",
		"/etc/systemd/system/a.service":     "must not be in /etc/systemd/system: units belong to the image",
		"/etc/systemd/system/a.service.d/b": "must not be in /etc/systemd/system: units belong to the image",
		"/usr/lib/systemd/system/a.service": "must not be in /usr/lib/systemd: it belongs to systemd",
		"/lib/systemd/system/a.service":     "must not be in /lib/systemd: it belongs to systemd",
		"/etc/bootconf/policy.json":         "must not be in /etc/bootconf: it belongs to bootconf",
		"/var/lib/bootconf/lock.json":       "must not be in /var/lib/bootconf: it belongs to bootconf",
		"/usr/bin/bootconf":                 "must not be in /usr/bin/bootconf: it belongs to bootconf",
		"/etc/" + strings.Repeat("a", 244):  "",
		"/etc/" + strings.Repeat("a", 245):  "must have a name of at most 244 bytes",
	} {
		if got := pathFault(p); got != want {
			t.Errorf("%q: got %q, want %q", p, got, want)
		}
	}
}

func TestUnits(t *testing.T) {
	for _, c := range []struct {
		name  string
		order bool
		want  string
	}{
		{"windtrap.service", true, ""}, {"a@b.service", true, ""}, {"a@b.timer", true, ""}, {`a\x2db.service`, true, ""}, {"windtrap.target", true, ""},
		{"", true, "must be the name of a unit, such as windtrap.service"},
		{"windtrap", true, "must be the name of a unit with its suffix, such as windtrap.service"},
		{".service", true, "must be the name of a unit, such as windtrap.service"},
		{"a b.service", true, `must be the name of a unit: letters, digits and : - _ . \ @`},
		{"../a.service", true, `must be the name of a unit: letters, digits and : - _ . \ @`},
		{"a.socket", true, "must be a service, a timer or a target: a socket cannot wait for bootconf.service"},
		{"a.path", false, "must be a service, a timer or a target: a path cannot wait for bootconf.service"},
		{"a.mount", true, "must be a service, a timer or a target: a mount cannot wait for bootconf.service"},
		{"a.slice", true, "must be a service, a timer or a target: a slice cannot wait for bootconf.service"},
		{"a.conf", true, "must end in .service, .timer or .target"},
		{"a@.service", true, "must be an instance of the template, such as a@main.service"},
		{"@a.service", true, "must be the name of a unit: nothing stands before the @"},
		{"bootconf.service", false, "must not be bootconf.service itself"},
		{"multi-user.target", true, "must not be multi-user.target, which is more than the units of a service; name those"},
		{"network.target", true, "must not wait for bootconf.service, which itself starts after it or needs it"},
		{"systemd-networkd.service", true, "must not wait for bootconf.service, which itself starts after it or needs it"},
		{"systemd-journald.service", false, ""},
	} {
		if got := UnitFault(c.name, c.order); got != c.want {
			t.Errorf("%q: got %q, want %q", c.name, got, c.want)
		}
	}
}

func TestBundle(t *testing.T) {
	files := with(map[string]string{
		"/etc/bootconf/policy.json": `{"source": "ec2"}`,
		"windtrap":                  `{"uses": ["database"], "files": [{"path": "/etc/w", "template": "t", "format": "text"}]}`,
		"windtrap/schema.json":      `{"type": "object"}`,
		"windtrap/t":                "\"{{ database.host }}\"\n<\u2028>",
		"windtrap/README":           "not read",
		"/usr/lib/bootconf/services/database/service.json": `{"kind": "database"}`,
		"/usr/lib/bootconf/services/windtrap/service.json": `{"broken`,
		"/usr/lib/bootconf/services/masked/service.json":   `{"broken`,
		"/etc/bootconf/services/masked":                    "-> /dev/null",
	})
	fsys := write(t, files)
	text, found := Bundle(fsys)
	if len(found) > 0 {
		t.Fatal(found)
	}
	bundle, found := OpenBundle("image.bundle", text)
	if len(found) > 0 {
		t.Fatal(found)
	}
	held := maps.Clone(bundle.(*bundleFS).files)
	for name, text := range held {
		if files[name] != text {
			t.Errorf("%s is %q, was %q", name, text, files[name])
		}
	}
	if len(held) != 5 {
		t.Errorf("it holds %d files, want those 5 that are read", len(held))
	}
	img, found := Load(bundle)
	if len(found) > 0 {
		t.Fatal(found)
	}
	direct, _ := Load(fsys)
	if string(img.Schema()) != string(direct.Schema()) || len(img.Services) != 2 || img.Policy.Source != "ec2" || img.Service("windtrap").Files[0].Template.Text != files["/etc/bootconf/services/windtrap/t"] {
		t.Error("the bundle gives another image")
	}
	again, found := Bundle(bundle)
	if len(found) > 0 || string(again) != string(text) {
		t.Errorf("the bundle of a bundle is another: %v", found)
	}
	if _, found := Bundle(write(t, with(map[string]string{"a": "{"}))); len(found) != 1 {
		t.Errorf("a broken image: %v", found)
	}
}

func TestBundleFindings(t *testing.T) {
	for _, c := range []struct{ text, want string }{
		{`{"bundle": 2, "files": {}}`, "b:1:12: bundle: must be 1: no other form of a bundle is understood"},
		{`{"bundle": 1, "files": {"/etc/passwd": ""}, "x": 1}`, "b:1:25: files[\"/etc/passwd\"]: the name must be a path below /etc/bootconf or /usr/lib/bootconf\nb:1:45: x: no such key; known are bundle, files and masked"},
		{`[]`, "b:1:1: must be an object, not an array"},
		{``, "b:1:1: is empty: must be a JSON value"},
	} {
		fsys, found := OpenBundle("b", []byte(c.text))
		if got := found.Error(); got != c.want || fsys != nil {
			t.Errorf("%s\ngot\n%s\nwant\n%s", c.text, got, c.want)
		}
	}
}

func BenchmarkLoadPolicy(b *testing.B) {
	fsys := write(b, map[string]string{paths.Policy: `{"source": "ec2", "timeout": "120s", "on_failure": "poweroff"}`})
	b.ReportAllocs()
	for b.Loop() {
		if _, found := LoadPolicy(fsys); len(found) > 0 {
			b.Fatal(found)
		}
	}
}

func BenchmarkLoad(b *testing.B) {
	fsys := write(b, with(map[string]string{
		paths.Policy:           `{"source": "ec2"}`,
		"database":             `{"kind": "database", "required": true, "files": [{"path": "/etc/windtrap/database.env", "template": "database/env", "mode": "0640"}]}`,
		"amqp":                 `{"kind": "amqp", "files": [{"path": "/etc/windtrap/amqp.env", "template": "amqp/env"}]}`,
		"logs":                 `{"kind": "syslog", "files": [{"path": "/etc/syslog-ng/conf.d/50-remote.conf", "template": "syslog/syslog_ng"}]}`,
		"windtrap":             `{"uses": ["database"], "files": [{"path": "/etc/windtrap/all.json", "format": "json"}], "units": ["windtrap.service"]}`,
		"windtrap/schema.json": `{"type": "object", "properties": {"public_url": {"type": "string", "format": "uri"}}, "additionalProperties": false}`,
	}))
	b.ReportAllocs()
	for b.Loop() {
		if _, found := Load(fsys); len(found) > 0 {
			b.Fatal(found)
		}
	}
}

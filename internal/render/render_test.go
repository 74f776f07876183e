package render

import (
	"fmt"
	"os/exec"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/bootconf/bootconf/internal/document"
	"github.com/bootconf/bootconf/internal/finding"
	"github.com/bootconf/bootconf/internal/image"
	"github.com/bootconf/bootconf/internal/plan"
	"github.com/bootconf/bootconf/internal/validate"
)

// load is an image of these files below /etc/bootconf/services.
func load(t testing.TB, files map[string]string) *image.Image {
	t.Helper()
	bundle, found := document.Parse("", []byte(`{"bundle": 1, "files": {}}`))
	if found != nil {
		t.Fatal(found)
	}
	for name, text := range files {
		bundle.Get("files").Set("/etc/bootconf/services/"+name, document.NewString(text, finding.Pos{}))
	}
	fsys, found := image.OpenBundle("bundle", document.Encode(bundle))
	if found != nil {
		t.Fatal(found)
	}
	img, found := image.Load(fsys)
	if found != nil {
		t.Fatal(found)
	}
	return img
}

func compile(t testing.TB, img *image.Image) *Program {
	t.Helper()
	p, found := Compile(img)
	if found != nil {
		t.Fatal(found)
	}
	return p
}

func sections(t testing.TB, img *image.Image, userData string) map[string]*document.Node {
	t.Helper()
	doc, found := document.Parse("user-data", []byte(userData))
	if found != nil {
		t.Fatal(found)
	}
	sections, found := validate.Validate(img, "user-data", doc)
	if found != nil {
		t.Fatal(found)
	}
	return sections
}

const appSchema = `{
	"type": "object",
	"properties": {
		"name": {"type": "string"}, "key": {"type": "string", "writeOnly": true},
		"list": {"type": "array", "items": {"type": "string"}}
	},
	"additionalProperties": false
}`

func TestRender(t *testing.T) {
	img := load(t, map[string]string{
		"app/service.json": `{
			"uses": ["db"],
			"files": [
				{"path": "/etc/app/z.env", "template": "z.tmpl", "format": "env", "owner": "app", "group": "adm", "mode": "0640"},
				{"path": "/etc/app/all.json", "format": "json"},
				{"path": "/etc/app/key", "value": "key", "format": "text"}
			],
			"check": {"command": ["/usr/bin/app", "--check"], "user": "app", "timeout": "3s"},
			"units": ["app.service", {"name": "nginx.service", "requires": false, "order": false}]
		}`,
		"app/schema.json":   appSchema,
		"app/z.tmpl":        "NAME=\"{{ .name }}-{{ .key }}\"\nID={{ instance.id }}\n{{ if db }}DB={{ db.name }}\n{{ end }}",
		"db/service.json":   `{"files": [{"path": "/etc/app/db.toml", "template": "db.tmpl", "format": "toml"}], "units": ["db.timer"]}`,
		"db/schema.json":    appSchema,
		"db/db.tmpl":        "name = {{ .name }}\nzone = {{ instance.zone }}\n",
		"none/service.json": `{"files": [{"path": "/etc/motd.d/id", "template": "id.tmpl", "format": "text"}]}`,
		"none/id.tmpl":      "{{ instance.region }}\n",
	})
	p := compile(t, img)

	s := sections(t, img, `{"app": {"name": "a\"b", "key": "k$1"}}`)
	if got := p.Facts(s); !reflect.DeepEqual(got, []string{"id", "region"}) {
		t.Errorf("facts without db: %v", got)
	}
	got, found := p.Render(s, map[string]string{"id": "i-1", "region": "eu"})
	if found != nil {
		t.Fatal(found)
	}
	wantServices := []plan.Service{
		{Name: "app", Configured: true,
			Check: &plan.Check{Command: []string{"/usr/bin/app", "--check"}, User: "app", Timeout: 3 * time.Second},
			Units: []plan.Unit{{Name: "app.service", Requires: true, Order: true}, {Name: "nginx.service"}}},
		{Name: "db", Units: []plan.Unit{{Name: "db.timer", Requires: true, Order: true}}},
		{Name: "none", Configured: true},
	}
	if !reflect.DeepEqual(got.Services, wantServices) {
		t.Errorf("services: %+v", got.Services)
	}
	var files []string
	for _, f := range got.Files {
		files = append(files, fmt.Sprintf("%s %s %s:%s %o %q %q", f.Service, f.Path, f.Owner, f.Group, f.Mode, f.Content.Reveal(), secrets(f)))
	}
	want := []string{
		`app /etc/app/all.json root:root 600 "{\n  \"name\": \"a\\\"b\",\n  \"key\": \"k$1\"\n}\n" ["\"k$1\""]`,
		`app /etc/app/key root:root 600 "k$1" ["k$1"]`,
		`app /etc/app/z.env app:adm 640 "NAME=\"a\\\"b-k\\$1\"\nID=\"i-1\"\n" ["k\\$1"]`,
		`none /etc/motd.d/id root:root 600 "eu\n" []`,
	}
	if !slices.Equal(files, want) {
		t.Errorf("got:\n%s\nwant:\n%s", strings.Join(files, "\n"), strings.Join(want, "\n"))
	}

	s = sections(t, img, `{"app": {"name": "a", "key": "k"}, "db": {"name": "d"}}`)
	if got := p.Facts(s); !reflect.DeepEqual(got, []string{"id", "region", "zone"}) {
		t.Errorf("facts with db: %v", got)
	}
	got, found = p.Render(s, map[string]string{"id": "i-1", "region": "eu", "zone": "eu-a"})
	if found != nil {
		t.Fatal(found)
	}
	if content := got.Files[1].Content.Reveal(); got.Files[1].Path != "/etc/app/db.toml" || content != "name = \"d\"\nzone = \"eu-a\"\n" {
		t.Errorf("db: %s %q", got.Files[1].Path, content)
	}
	if content := got.Files[3].Content.Reveal(); content != "NAME=\"a-k\"\nID=\"i-1\"\nDB=\"d\"\n" {
		t.Errorf("app with db: %q", content)
	}
	again, _ := p.Render(s, map[string]string{"id": "i-1", "region": "eu", "zone": "eu-a"})
	if !reflect.DeepEqual(got, again) {
		t.Error("a second rendering differs")
	}
}

// secrets is the stretches of a file that are marked.
func secrets(f plan.File) []string {
	var out []string
	for _, s := range f.Secrets() {
		out = append(out, s.Reveal())
	}
	return out
}

func TestCompileFindings(t *testing.T) {
	img := load(t, map[string]string{
		"a/service.json": `{"uses": ["b"], "files": [
			{"path": "/etc/a", "template": "a.tmpl", "format": "env"}, {"path": "/etc/a2", "template": "a.tmpl", "format": "env"},
			{"path": "/etc/c", "template": "c.tmpl", "format": "toml"}
		]}`,
		"a/schema.json":  appSchema,
		"a/a.tmpl":       "# {{ .nam }}\nB={{ b.nmae }}\n",
		"a/c.tmpl":       "x = [{{ range .list }}{{ . }},{{ end }}]\n[{{ .name }}]\n",
		"b/service.json": `{}`,
		"b/schema.json":  appSchema,
	})
	_, found := Compile(img)
	want := `/etc/bootconf/services/a/a.tmpl:1:6: a.nam: no such key; did you mean "name"?
/etc/bootconf/services/a/a.tmpl:1:6: nothing can be printed here: a comment has no place for a value: it could not be told where the value ends
/etc/bootconf/services/a/a.tmpl:2:7: b.nmae: no such key; did you mean "name"?
/etc/bootconf/services/a/c.tmpl:2:5: nothing can be printed here: this is where a name stands, and a value could become any name; write the name and print the value behind it`
	if found.Error() != want {
		t.Errorf("got:\n%v\nwant:\n%s", found, want)
	}
}

func TestRenderFindings(t *testing.T) {
	img := load(t, map[string]string{
		"a/service.json": `{"files": [
			{"path": "/etc/a", "template": "a.tmpl", "format": "ini"}, {"path": "/etc/b", "template": "b.tmpl", "format": "json"},
			{"path": "/etc/k", "value": "key", "format": "pem"}, {"path": "/etc/n", "value": "name", "format": "text"},
			{"path": "/etc/l", "format": "env"}
		]}`,
		"a/schema.json": appSchema,
		"a/a.tmpl":      "name={{ .name }}\nkey={{ .key }}\n",
		"a/b.tmpl":      `{"x": {{ raw .key }}}`,
	})
	p := compile(t, img)
	if got, want := p.Raws().Error(), "/etc/bootconf/services/a/b.tmpl:1:10: warning: raw prints a value as it is: nothing keeps it from becoming syntax"; got != want {
		t.Errorf("raws: got %s, want %s", got, want)
	}
	plan, found := p.Render(sections(t, img, `{"a": {"list": ["canary"], "key": "canary\n"}}`), nil)
	want := `user-data:1:7: a.name: cannot be printed: has no value (/etc/bootconf/services/a/a.tmpl:1:9)
user-data:1:35: a.key: holds a line break, which an ini file cannot hold; for MySQL's option files the template can put the value in double quotes (/etc/bootconf/services/a/a.tmpl:2:8)
/etc/bootconf/services/a/b.tmpl: makes a file that is no json (/etc/b): line 1: is no JSON here: expected a value, a name in double quotes, a comma or a closing bracket
user-data:1:35: a.key: must be PEM blocks: line 1: stands outside of a block (/etc/k)
user-data:1:16: a.list: is an array, and only a string, number or boolean can stand here (/etc/l)
user-data:1:7: a.name: has no value, and is to be a whole file (/etc/n)`
	if found.Error() != want || plan != nil {
		t.Errorf("got:\n%v\nwant:\n%s", found, want)
	}
}

// kinds is every template of every kind, and a section for it. The strings in it that say KEY are tried as hostile.
var kinds = []struct {
	template, format string
	sections         []string
}{
	{"database/env", "env", []string{
		`{"host": "db", "name": "KEY", "user": "KEY", "password": "KEY", "tls": {"mode": "verify-full", "ca_file": "/KEY"}, "options": {"x": "KEY"}}`,
		`{"host": "::1", "name": "n", "user": "u"}`,
		`{"adapter": "mysql", "host": "db", "name": "KEY", "user": "KEY", "password": "KEY", "tls": {"mode": "require", "ca_file": "/KEY"}}`,
		`{"adapter": "mysql", "host": "db", "name": "n", "user": "u"}`,
		`"postgres://u:p%40@h/n?sslmode=require&application_name=a%26b"`,
	}},
	{"database/rails", "yaml", []string{
		`{"host": "db", "name": "KEY", "user": "KEY", "password": "KEY", "tls": {"ca_file": "/KEY"}, "options": {"x": "KEY"}}`,
		`{"adapter": "mysql", "host": "db", "name": "KEY", "user": "KEY", "password": "KEY", "tls": {"mode": "verify-ca", "ca_file": "/KEY"}, "options": {"pool": 5, "x": "KEY"}}`,
		`{"adapter": "mysql", "host": "db", "name": "n", "user": "u"}`,
	}},
	{"database/pgpass", "pgpass", []string{`{"host": "::1", "name": "KEY", "user": "KEY", "password": "KEY"}`, `{"host": "::1", "name": "n", "user": "u"}`}},
	{"database/pg_service", "ini", []string{`{"host": "db", "name": "KEY", "user": "KEY", "password": "KEY", "tls": {"ca_file": "/KEY"}}`, `{"host": "::1", "name": "n", "user": "u"}`}},
	{"database/my_cnf", "ini", []string{
		`{"adapter": "mysql", "host": "db", "name": "KEY", "user": "KEY", "password": "KEY", "tls": {"ca_file": "/KEY"}}`,
		`{"adapter": "mysql", "host": "db", "name": "n", "user": "u", "tls": {"mode": "disable"}}`,
		`{"adapter": "mysql", "host": "db", "name": "n", "user": "u", "tls": {"mode": "prefer"}}`,
		`{"adapter": "mysql", "host": "db", "name": "n", "user": "u", "tls": {"mode": "require"}}`,
		`{"adapter": "mysql", "host": "db", "name": "n", "user": "u"}`,
	}},
	{"amqp/env", "env", []string{
		`{"host": "mq", "user": "KEY", "password": "KEY", "vhost": "KEY", "heartbeat": 0, "tls": {"ca_file": "/KEY"}}`,
		`{"host": "mq"}`, `"amqps://u:p@mq/%2F"`,
	}},
	{"amqp/yaml", "yaml", []string{
		`{"host": "mq", "user": "KEY", "password": "KEY", "vhost": "KEY", "heartbeat": 7, "tls": {"ca_file": "/KEY"}}`,
		`{"host": "mq"}`,
	}},
	{"syslog/syslog_ng", "syslog-ng", []string{
		`{"papertrail": {"host": "logs7.papertrailapp.com", "port": 12345}, "tls": {"ca_file": "/KEY"}}`,
		`{"loggly": {"token": "KEY", "tags": ["KEY", "b"]}, "tls": {"ca_file": "/KEY"}}`,
		`{"loggly": {"token": "KEY"}}`,
		`{"collector": {"host": "::1"}}`, `{"collector": {"host": "h", "transport": "tcp"}}`, `{"collector": {"host": "10.0.0.1", "transport": "udp"}}`,
	}},
	{"syslog/rsyslog", "rsyslog", []string{
		`{"papertrail": {"host": "logs7.papertrailapp.com", "port": 12345}, "tls": {"ca_file": "/KEY"}}`,
		`{"loggly": {"token": "KEY", "tags": ["KEY", "b"]}, "tls": {"ca_file": "/KEY"}}`,
		`{"loggly": {"token": "KEY"}}`,
		`{"collector": {"host": "::1"}}`, `{"collector": {"host": "h", "transport": "tcp"}}`, `{"collector": {"host": "10.0.0.1", "transport": "udp"}}`,
	}},
	{"env/env", "env", []string{`{"A": "KEY", "B": 4}`, `{}`}},
}

// maker renders the template of a kind for one service, called s.
func maker(t testing.TB, template string) func(section string) (string, finding.List) {
	t.Helper()
	kind, _, _ := strings.Cut(template, "/")
	img := load(t, map[string]string{"s/service.json": `{"kind": "` + kind + `", "files": [{"path": "/etc/f", "template": "` + template + `"}]}`})
	p := compile(t, img)
	return func(section string) (string, finding.List) {
		doc, found := document.Parse("user-data", []byte(`{"s": `+section+`}`))
		if found != nil {
			t.Fatal(found)
		}
		prepared, found := validate.Validate(img, "user-data", doc)
		if found != nil {
			return "", found
		}
		made, found := p.Render(prepared, nil)
		if found != nil {
			return "", found
		}
		return made.Files[0].Content.Reveal(), nil
	}
}

// TestKinds shows what operators get of the sections above, by their number.
func TestKinds(t *testing.T) {
	want := map[string]string{
		"database/env 2": `DATABASE_URL="mysql://KEY:KEY@db:3306/KEY?ssl-mode=REQUIRED&ssl-ca=/KEY"
MYSQL_HOST="db"
MYSQL_PORT="3306"
MYSQL_DATABASE="KEY"
MYSQL_USER="KEY"
MYSQL_PASSWORD="KEY"
MYSQL_SSL_MODE=REQUIRED
MYSQL_SSL_CA="/KEY"
`,
		"database/rails 1": `production:
  adapter: mysql2
  url: "mysql2://KEY:KEY@db:3306/KEY?pool=5&ssl_mode=verify_ca&sslca=%2FKEY&x=KEY"
`,
		"database/pgpass 1": "",
		"database/my_cnf 2": `[client]
protocol=tcp
host="db"
port=3306
user="u"
loose-ssl-mode=PREFERRED
loose-ssl-verify-server-cert=0

[mysql]
database="n"
`,
		"syslog/syslog_ng 1": `destination d_bootconf_s {
	network(
		"logs-01.loggly.com"
		port(6514)
		template("<${PRI}>1 ${ISODATE} ${HOST:--} ${PROGRAM:--} ${PID:--} ${MSGID:--} [KEY@41058 tag=\"KEY\" tag=\"b\"] ${MSG}\n")
		template-escape(no)
		flags(no-multi-line)
		transport("tls")
		tls(peer-verify(required-trusted) ca-file("/KEY") sni(yes))
		disk-buffer(reliable(no) disk-buf-size(67108864))
		time-reopen(10)
		persist-name("bootconf_s")
	);
};

log {
	source(s_src);
	destination(d_bootconf_s);
};
`,
		"syslog/syslog_ng 3": `destination d_bootconf_s {
	syslog(
		"::1"
		port(6514)
		ip-protocol(6)
		transport("tls")
		tls(peer-verify(required-trusted) ca-file("/etc/ssl/certs/ca-certificates.crt") sni(yes))
		disk-buffer(reliable(no) disk-buf-size(67108864))
		time-reopen(10)
		persist-name("bootconf_s")
	);
};

log {
	source(s_src);
	destination(d_bootconf_s);
};
`,
		"syslog/syslog_ng 5": `destination d_bootconf_s {
	syslog(
		"10.0.0.1"
		port(514)
		transport("udp")
		persist-name("bootconf_s")
	);
};

log {
	source(s_src);
	destination(d_bootconf_s);
};
`,
		"syslog/rsyslog 1": `template(name="bootconf_s" type="string"
	string="<%PRI%>1 %TIMESTAMP:::date-rfc3339% %HOSTNAME% %APP-NAME% %PROCID% %MSGID% [KEY@41058 tag=\"KEY\" tag=\"b\"]%msg:::sp-if-no-1st-sp%%msg:::drop-last-lf%\n"
)

action(type="omfwd" name="bootconf_s"
	target="logs-01.loggly.com" port="6514" protocol="tcp"
	template="bootconf_s"
	StreamDriver="gtls" StreamDriverMode="1" StreamDriver.CAFile="/KEY"
	StreamDriverAuthMode="x509/name" StreamDriverPermittedPeers="logs-01.loggly.com"
	queue.type="LinkedList" queue.filename="bootconf_s" queue.spoolDirectory="/var/spool/rsyslog"
	queue.maxDiskSpace="67108864" queue.saveOnShutdown="on" action.resumeRetryCount="-1"
)
`,
		"syslog/rsyslog 4": `action(type="omfwd" name="bootconf_s"
	target="h" port="514" protocol="tcp"
	template="RSYSLOG_SyslogProtocol23Format" TCP_Framing="octet-counted"
	queue.type="LinkedList" queue.filename="bootconf_s" queue.spoolDirectory="/var/spool/rsyslog"
	queue.maxDiskSpace="67108864" queue.saveOnShutdown="on" action.resumeRetryCount="-1"
)
`,
		"syslog/rsyslog 5": `action(type="omfwd" name="bootconf_s"
	target="10.0.0.1" port="514" protocol="udp"
	template="RSYSLOG_SyslogProtocol23Format"
)
`,
		"database/env 0": `DATABASE_URL="postgresql://KEY:KEY@db:5432/KEY?sslmode=verify-full&sslrootcert=/KEY&x=KEY"
PGHOST="db"
PGPORT="5432"
PGDATABASE="KEY"
PGUSER="KEY"
PGPASSWORD="KEY"
PGSSLMODE="verify-full"
PGSSLROOTCERT="/KEY"
`,
		"database/rails 0": `production:
  adapter: postgresql
  url: "postgresql://KEY:KEY@db:5432/KEY?sslmode=verify-full&sslrootcert=/KEY&x=KEY"
`,
		"database/pgpass 0": `\:\:1:5432:KEY:KEY:KEY
`,
		"database/pg_service 0": `[s]
host=db
port=5432
dbname=KEY
user=KEY
password=KEY
sslmode=verify-full
sslrootcert=/KEY
`,
		"database/my_cnf 0": `[client]
protocol=tcp
host="db"
port=3306
user="KEY"
password="KEY"
loose-ssl-mode=VERIFY_IDENTITY
loose-ssl=1
loose-ssl-verify-server-cert=1
ssl-ca="/KEY"

[mysql]
database="KEY"
`,
		"amqp/env 0": `AMQP_URL="amqps://KEY:KEY@mq:5671/KEY?cacertfile=/KEY&heartbeat=0"
AMQP_HOST="mq"
AMQP_PORT="5671"
AMQP_USER="KEY"
AMQP_PASSWORD="KEY"
AMQP_VHOST="KEY"
AMQP_HEARTBEAT="0"
AMQP_CA_FILE="/KEY"
`,
		"amqp/yaml 0": `url: "amqps://KEY:KEY@mq:5671/KEY?cacertfile=/KEY&heartbeat=7"
host: "mq"
port: 5671
user: "KEY"
password: "KEY"
vhost: "KEY"
heartbeat: 7
tls:
  ca_file: "/KEY"
`,
		"syslog/syslog_ng 0": `destination d_bootconf_s {
	network(
		"logs7.papertrailapp.com"
		port(12345)
		flags(syslog-protocol no-multi-line)
		transport("tls")
		tls(peer-verify(required-trusted) ca-file("/KEY") sni(yes))
		disk-buffer(reliable(no) disk-buf-size(67108864))
		time-reopen(10)
		persist-name("bootconf_s")
	);
};

log {
	source(s_src);
	destination(d_bootconf_s);
};
`,
		"syslog/rsyslog 0": `action(type="omfwd" name="bootconf_s"
	target="logs7.papertrailapp.com" port="12345" protocol="tcp"
	template="RSYSLOG_SyslogProtocol23Format"
	StreamDriver="gtls" StreamDriverMode="1" StreamDriver.CAFile="/KEY"
	StreamDriverAuthMode="x509/name" StreamDriverPermittedPeers="logs7.papertrailapp.com"
	queue.type="LinkedList" queue.filename="bootconf_s" queue.spoolDirectory="/var/spool/rsyslog"
	queue.maxDiskSpace="67108864" queue.saveOnShutdown="on" action.resumeRetryCount="-1"
)
`,
		"env/env 0": "A=\"KEY\"\nB=\"4\"\n",
	}
	for _, k := range kinds {
		render := maker(t, k.template)
		for i, section := range k.sections {
			got, found := render(section)
			if found != nil {
				t.Errorf("%s %s: %v", k.template, section, found)
			}
			name := fmt.Sprint(k.template, " ", i)
			if want, ok := want[name]; ok && got != want {
				t.Errorf("%s: got:\n%s\nwant:\n%s", name, got, want)
			}
		}
	}
}

// hostile is values that try to be syntax somewhere.
var hostile = []string{
	"a\nX=1", "a\r\nX=1", "a\"\nX=1\nY=\"", "'", `"`, "`id`", "$(id)", "${X}", "$X", `\`, `a\`, "a#b", " a ", "a;b", "=", ":", "%", "%h", "%%",
	"{{ x }}", "<%= x %>", "[x]", "[client]", "- a", "a: b", "~", "null", "yes", "0x1f", "1e3", "@", "*", "a\tb", "\x00", "\u2028", "é😀", "..",
	"&x=1", "?x=1", "a/b", "a@b", `");x("`, `"x" ]`, "\\n", "\x1b[0m", "\ufeff", "", strings.Repeat("x", 5000),
}

// TestHostile puts hostile values into every string of every kind: either bootconf refuses, and says nothing of the
// value, or the file has the same lines and names as with a harmless one.
func TestHostile(t *testing.T) {
	refused, written := 0, 0
	for _, k := range kinds {
		render := maker(t, k.template)
		for _, section := range k.sections {
			harmless, _ := render(section)
			for i := range strings.Count(section, "KEY") {
				for _, value := range hostile {
					text, found := render(replaceNth(section, i, value))
					if found != nil {
						refused++
						if strings.Contains(found.Error(), value) && len(value) > 4 {
							t.Errorf("%s: the finding holds the value: %v", k.template, found)
						}
						continue
					}
					written++
					if got, want := names(t, k.format, text), names(t, k.format, harmless); !slices.Equal(got, want) {
						t.Errorf("%s with %q:\n%s\nhas the names %q, want %q", k.template, value, text, got, want)
					}
				}
			}
		}
	}
	if refused < 100 || written < 500 {
		t.Errorf("%d refused, %d written: the test has lost its cases", refused, written)
	}
}

// replaceNth is section with its n-th KEY replaced by a value.
func replaceNth(section string, n int, value string) string {
	parts := strings.Split(section, "KEY")
	var quoted strings.Builder
	for _, c := range value {
		fmt.Fprintf(&quoted, `\u%04x`, c)
		if c > 0xffff {
			quoted.Reset()
			quoted.WriteString("😀")
		}
	}
	return strings.Join(parts[:n+1], "KEY") + quoted.String() + strings.Join(parts[n+1:], "KEY")
}

// names is what a reader of the file sees besides values: its variables, or with formats that have no line breaks in
// values, what its lines begin with.
func names(t *testing.T, format, text string) []string {
	var names []string
	if format == "env" {
		// A variable that sh sets or that was not there before: sh itself says which.
		cmd := exec.Command("/bin/sh", "-c", `set -a; . /dev/stdin; exec env -0`)
		cmd.Env = []string{}
		cmd.Stdin = strings.NewReader(text)
		out, err := cmd.Output()
		if err != nil {
			t.Fatalf("sh: %v\n%s", err, text)
		}
		for variable := range strings.SplitSeq(string(out), "\x00") {
			name, _, _ := strings.Cut(variable, "=")
			names = append(names, name)
		}
		slices.Sort(names)
		return names
	}
	for line := range strings.Lines(text) {
		cut := strings.IndexAny(line, `:="(`)
		if format == "pgpass" {
			cut = strings.Count(strings.ReplaceAll(strings.ReplaceAll(line, `\\`, ""), `\:`, ""), ":")
			names = append(names, fmt.Sprint(cut))
			continue
		}
		if cut < 0 {
			cut = len(line)
		}
		names = append(names, line[:cut])
	}
	return names
}

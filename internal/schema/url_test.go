package schema

import (
	"math/rand/v2"
	"net/url"
	"os"
	"strings"
	"testing"

	"github.com/bootconf/bootconf/internal/document"
	"github.com/bootconf/bootconf/internal/finding"
)

// kind is the schema of a built-in kind, the real users of URLs.
func kind(t testing.TB, name string) *Schema {
	t.Helper()
	text, err := os.ReadFile("../kinds/" + name + "/schema.json")
	if err != nil {
		t.Fatal(err)
	}
	s, found := Compile(parse(t, string(text)), name)
	if len(found) > 0 {
		t.Fatal(found)
	}
	return s
}

// own is a schema as an image's author would write one.
const own = `{"normalize":"url","type":"object","properties":{"url":{"type":"string"},"scheme":{"enum":["redis","rediss"]},"host":{"type":"string"},
	"port":{"type":"integer","default":6379},"path":{"type":"integer"},"password":{"type":"string","writeOnly":true}},"additionalProperties":false,"required":["host"]}`

func TestURL(t *testing.T) {
	ownSchema, found := Compile(parse(t, own), "own")
	if len(found) > 0 {
		t.Fatal(found)
	}
	schemas := map[string]*Schema{"database": kind(t, "database"), "amqp": kind(t, "amqp"), "own": ownSchema}
	for _, c := range []struct{ kind, value, want string }{
		{"database", `"postgres://windtrap:s3%40%3A%2Fcret@db.prod.internal:5433/wind%2Ftrap?sslmode=require&connect_timeout=5"`,
			`{url:postgres://windtrap:s3%40%3A%2Fcret@db.prod.internal:5433/wind%2Ftrap?sslmode=require&connect_timeout=5* adapter:postgresql user:windtrap password:s3@:/cret* host:db.prod.internal port:5433 name:wind/trap tls:{mode:require} options:{connect_timeout:5}}`},
		{"database", `{"host":"db","name":"n","user":"u","password":"p @:/?#%[]+&="}`,
			`{host:db name:n user:u password:p @:/?#%[]+&=* adapter:postgresql port:5432 url:postgresql://u:p%20%40%3A%2F%3F%23%25%5B%5D%2B%26%3D@db:5432/n*}`},
		{"database", `{"host":"2001:db8::1","name":"n","user":"u","adapter":"mysql","tls":{}}`,
			`{host:2001:db8::1 name:n user:u adapter:mysql tls:{mode:verify-full ca_file:/etc/ssl/certs/ca-certificates.crt} port:3306 url:mysql://u@[2001:db8::1]:3306/n?ssl-mode=VERIFY_IDENTITY&ssl-ca=/etc/ssl/certs/ca-certificates.crt*}`},
		{"database", `"mysql2://u@[::1]/n?ssl_mode=Verify_CA&sslca=/ca.pem"`,
			`{url:mysql2://u@[::1]:3306/n?ssl_mode=verify_ca&sslca=/ca.pem* adapter:mysql user:u host:::1 name:n tls:{mode:verify-ca ca_file:/ca.pem} port:3306}`},
		{"database", `"POSTGRESQL://u@db/n?user=u&password=p+q"`, `{url:postgresql://u:p%2Bq@db:5432/n* adapter:postgresql user:u host:db name:n password:p+q* port:5432}`},
		{"database", `{"url":"postgres://db/n","user":"u","password":"p","port":5432,"tls":{"mode":"disable"}}`,
			`{url:postgres://u:p@db:5432/n?sslmode=disable* user:u password:p* port:5432 tls:{mode:disable} adapter:postgresql host:db name:n}`},
		{"database", `{"url":"postgres://db:5432/n?x=1","user":"u","port":5432.0,"options":{"y":true}}`,
			`{url:postgres://u@db:5432/n?y=true&x=1* user:u port:5432.0 options:{y:true x:1} adapter:postgresql host:db name:n}`},
		{"database", `{"host":"db","name":"n","user":"u","options":{"sslpassword":"p","application_name":"a b"}}`,
			`{host:db name:n user:u options:{sslpassword:p* application_name:a b} adapter:postgresql port:5432 url:postgresql://u@db:5432/n?sslpassword=p&application_name=a%20b*}`},
		{"amqp", `"amqp://mq"`, `{url:amqp://mq:5672/%2F* host:mq vhost:/ port:5672}`},
		{"amqp", `"amqp://mq/"`, `{url:amqp://mq:5672/* host:mq vhost: port:5672}`},
		{"amqp", `"amqp://mq/%2F?heartbeat=10"`, `{url:amqp://mq:5672/%2F?heartbeat=10* host:mq vhost:/ heartbeat:10 port:5672}`},
		{"amqp", `"amqps://u:p@mq/v?cacertfile=/ca.pem"`, `{url:amqps://u:p@mq:5671/v?cacertfile=/ca.pem* tls:{ca_file:/ca.pem} user:u password:p* host:mq vhost:v port:5671}`},
		{"amqp", `{"host":"mq","tls":{}}`, `{host:mq tls:{} vhost:/ port:5671 url:amqps://mq:5671/%2F*}`},
		{"amqp", `{"host":"mq","vhost":"a b/ü"}`, `{host:mq vhost:a b/ü port:5672 url:amqp://mq:5672/a%20b%2F%C3%BC*}`},
		{"own", `"rediss://:p@r/3"`, `{url:rediss://:p@r:6379/3* scheme:rediss password:p* host:r path:3 port:6379}`},
		{"own", `{"scheme":"redis","host":"r"}`, `{scheme:redis host:r port:6379 url:redis://r:6379*}`},
		{"own", `{"host":"r"}`, `{host:r port:6379}`},
	} {
		t.Run(c.value, func(t *testing.T) {
			n, found := schemas[c.kind].Prepare(parse(t, c.value), "d", c.kind)
			if len(found) > 0 {
				t.Fatal(found)
			}
			if got := show(n); got != c.want {
				t.Errorf("got  %s\nwant %s", got, c.want)
			}
		})
	}
}

func TestURLFindings(t *testing.T) {
	schemas := map[string]*Schema{"database": kind(t, "database"), "amqp": kind(t, "amqp")}
	for _, c := range []struct{ name, kind, value, want string }{
		{"no URL", "database", `"s3cr3t"`, `1:1: x: must be a URL that starts with postgresql://, postgres://, mysql:// or mysql2://`},
		{"unknown scheme", "database", `"http://u:s3cr3t@h/n"`, `1:1: x: must be a URL that starts with postgresql://, postgres://, mysql:// or mysql2://`},
		{"no host", "amqp", `"amqp:///v"`, `1:1: x: the URL has no host`},
		{"no host, but a user", "amqp", `"amqp://u:s3cr3t@/v"`, `1:1: x: the URL has no host`},
		{"bad escape", "amqp", `"amqp://u:s3cr3t%@h"`, `1:1: x: the password in the URL has a % that no two hexadecimal digits follow; % itself is written %25`},
		{"bad escape in the path", "amqp", `"amqp://h/s3cr3t%zz"`, `1:1: x: the path in the URL has a % that no two hexadecimal digits follow; % itself is written %25`},
		{"blank", "amqp", `"amqp://u:s3cr3t x@h"`, `1:1: x: the password in the URL has a character that must be percent-encoded`},
		{"not UTF-8", "amqp", `"amqp://u:s3cr3t%FF@h"`, `1:1: x: the password in the URL is not UTF-8 once it is decoded`},
		{"hash", "amqp", `"amqp://u:p#s3cr3t@h"`, `1:1: x: the URL has a # in it; within a part it is written %23`},
		{"slash in a password", "amqp", `"amqp://u:s3c/r3t@h"`, `1:1: x: the port in the URL is no number; in a password / is written %2F and ? is written %3F`},
		{"slash in a password of digits", "amqp", `"amqp://u:1/s3cr3t@h"`, `1:1: x: the path in the URL has an @; within it write %40, and a / in a password is written %2F`},
		{"question mark in a password", "amqp", `"amqp://u:1?s3cr3t@h"`, `1:1: x: the query of the URL has an @; within it write %40, and a ? in a password is written %3F`},
		{"at in a password", "amqp", `"amqp://u:s3cr3t@x@h"`, `1:1: x: the URL has more than one @; within a user name or password it is written %40`},
		{"IPv6 without brackets", "amqp", `"amqp://2001:db8::1/v"`, `1:1: x: the host in the URL has more than one colon; an IPv6 address stands in brackets, and a / in a password is written %2F`},
		{"brackets around a name", "amqp", `"amqp://[mq]/v"`, `1:1: x: the host in the URL is no IPv6 address, though it stands in brackets`},
		{"segments", "amqp", `"amqp://h/a/b"`, `1:1: x: the path in the URL has more than one segment; a / within one is written %2F`},
		{"parameter", "amqp", `"amqps://h/?verify=none"`, `1:1: x: the query of the URL has a parameter that has no meaning here; known are cacertfile and heartbeat`},
		{"parameter twice", "database", `"postgres://u@h/n?a=1&a=2"`, `1:1: x: the query of the URL has a parameter twice`},
		{"port", "amqp", `"amqp://h:70000"`, `1:1: x.port: must be an integer from 1 to 65535`},
		{"mode", "database", `"postgres://u@h/n?sslmode=allow"`, `1:1: x.tls.mode: must be one of "disable", "prefer", "require", "verify-ca", "verify-full"`},
		{"parts that are missing", "database", `"postgres://h"`, "1:1: x.name: is required\n1:1: x.user: is required"},
		{"given twice", "database", `{"url":"postgres://u:s3cr3t@h/n","password":"s3cr3t2","host":"h"}`, `1:45: x.password: differs from what the URL says; give it only once`},
		{"given twice, deeper", "database", `{"url":"postgres://u@h/n?sslmode=require","tls":{"mode":"disable"}}`, `1:57: x.tls.mode: differs from what the URL says; give it only once`},
		{"scheme against key", "database", `{"url":"postgres://u@h/n","adapter":"mysql"}`, `1:37: x.adapter: does not go with the scheme of the URL; give one of them`},
		{"scheme against parts", "amqp", `{"url":"amqp://u:s3cr3t@h","tls":{}}`, `1:8: x.url: the scheme of the URL does not go with what the other keys say, which is amqps://`},
		{"URL of another type", "amqp", `{"url":5}`, `1:8: x.url: must be a string, not a number`},
		{"URL under its key", "amqp", `{"url":"s3cr3t"}`, `1:8: x.url: must be a URL that starts with amqps:// or amqp://`},
		{"section of another type", "amqp", `["s3cr3t"]`, `1:1: x: must be an object or a URL, not an array`},
		{"parts of other types", "amqp", `{"host":["s3cr3t"],"user":{"a":1},"port":"s3cr3t"}`,
			"1:9: x.host: must be a string, not an array\n1:27: x.user: must be a string, not an object\n1:42: x.port: must be an integer from 1 to 65535, not a string"},
		{"sealed section", "amqp", `{"$kms":"s3cr3t"}`, `1:1: x: $kms is reserved, and this version cannot open it; give the value itself`},
		{"sealed URL", "amqp", `{"url":{"$sealed":"s3cr3t"}}`, `1:8: x.url: $sealed is reserved, and this version cannot open it; give the value itself`},
		{"other faults beside", "database", `{"url":"s3cr3t","options":[],"prot":1}`,
			"1:8: x.url: must be a URL that starts with postgresql://, postgres://, mysql:// or mysql2://\n1:27: x.options: must be an object, not an array\n1:30: x.prot: no such key; did you mean \"port\"?"},
	} {
		t.Run(c.name, func(t *testing.T) {
			n, found := schemas[c.kind].Prepare(parse(t, c.value), "d", "x")
			found.Sort()
			got := strings.ReplaceAll("\n"+found.Error(), "\nd:", "\n")[1:]
			if got != c.want {
				t.Errorf("got\n%s\nwant\n%s", got, c.want)
			}
			if strings.Contains(got, "s3c") {
				t.Error("a secret is in the findings")
			}
			if url := n.Get("url"); url != nil && !url.Secret {
				t.Error("the URL is not marked a secret")
			}
		})
	}
}

// TestURLRoundTrip makes URLs of hostile parts: net/url must read the same parts back, and so must Prepare.
func TestURLRoundTrip(t *testing.T) {
	s := kind(t, "database")
	r := rand.New(rand.NewPCG(3, 4))
	alphabet := []rune("ab0 @:/?#%[]+&=;,$!'()*\"\\<>^`{|}~-._\téü€😀\n\x7f\x00")
	word := func() string {
		var b strings.Builder
		for range 1 + r.IntN(8) {
			b.WriteRune(alphabet[r.IntN(len(alphabet))])
		}
		return b.String()
	}
	hosts := []string{"db.prod.internal", "10.0.0.1", "2001:db8::1", "::ffff:10.0.0.1"}
	for range 2000 {
		host, user, password, name, option := hosts[r.IntN(len(hosts))], word(), word(), word(), word()
		var pos finding.Pos
		section := &document.Node{Kind: document.Object}
		section.Set("host", document.NewString(host, pos))
		section.Set("user", document.NewString(user, pos))
		section.Set("password", document.NewString(password, pos))
		section.Set("name", document.NewString(name, pos))
		options := &document.Node{Kind: document.Object}
		options.Set("application_name", document.NewString(option, pos))
		section.Set("options", options)

		n, found := s.Prepare(section, "d", "")
		if len(found) > 0 {
			t.Fatal(found)
		}
		text := n.Get("url").Text.Reveal()
		u, err := url.Parse(text)
		if err != nil {
			t.Fatalf("net/url refuses %q: %v", text, err)
		}
		gotPassword, _ := u.User.Password()
		gotName, _ := url.PathUnescape(strings.TrimPrefix(u.EscapedPath(), "/"))
		gotOption := u.Query().Get("application_name")
		if u.Hostname() != host || u.Port() != "5432" || u.User.Username() != user || gotPassword != password || gotName != name || gotOption != option {
			t.Fatalf("%q: net/url reads %q %q %q %q %q, want %q %q %q %q %q", text, u.Hostname(), u.User.Username(), gotPassword, gotName, gotOption, host, user, password, name, option)
		}

		again, found := s.Prepare(document.NewString(text, pos), "d", "")
		if len(found) > 0 {
			t.Fatalf("%q: %v", text, found)
		}
		for _, key := range []string{"url", "host", "user", "password", "name"} {
			if got, want := again.Get(key).Text.Reveal(), n.Get(key).Text.Reveal(); got != want {
				t.Fatalf("%q: %s is read as %q, want %q", text, key, got, want)
			}
		}
		if got := again.Get("options").Get("application_name").Text.Reveal(); got != option {
			t.Fatalf("%q: option is read as %q, want %q", text, got, option)
		}
	}
}

// FuzzURL shows that no text at all breaks the reading, and that what was read and written is read the same again.
func FuzzURL(f *testing.F) {
	for _, seed := range []string{"postgres://u:p@h:1/n?a=b", "mysql://[::1]/%2F", "x", "postgres://u:p/a@h", "postgres://h?%", "postgres://@:/", "postgres://h/?&=&a"} {
		f.Add(seed)
	}
	s := kind(f, "database")
	f.Fuzz(func(t *testing.T, text string) {
		n, found := s.Prepare(document.NewString(text, finding.Pos{}), "d", "x")
		if url := n.Get("url"); url == nil || !url.Secret {
			t.Fatal("the URL is not marked a secret")
		}
		if len(found) > 0 {
			return
		}
		again, found := s.Prepare(n.Get("url"), "d", "x")
		if len(found) > 0 || again.Get("url").Text.Reveal() != n.Get("url").Text.Reveal() || again.Get("password") != nil && !equal(again.Get("password"), n.Get("password")) {
			t.Fatalf("%q is written as %q and read as %q: %v", text, n.Get("url").Text.Reveal(), again.Get("url").Text.Reveal(), found)
		}
	})
}

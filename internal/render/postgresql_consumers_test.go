//go:build linux

package render

import (
	"cmp"
	"encoding/hex"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"unicode"

	"github.com/bootconf/bootconf/internal/finding"
)

// postgresql starts a server that lets users in by password over TLS alone, and returns its port and a function that
// has its owner run SQL.
func postgresql(t *testing.T, ca string) (int, func(sql string)) {
	t.Helper()
	programs, _ := filepath.Glob("/usr/lib/postgresql/*/bin/postgres")
	if len(programs) == 0 {
		notHere(t, "postgresql")
	}
	bin := filepath.Dir(programs[len(programs)-1])
	dir, owner := serverDir(t)
	as := func(name string, args ...string) *exec.Cmd {
		cmd := exec.Command(filepath.Join(bin, name), args...)
		cmd.Dir, cmd.Env = dir, []string{"PATH=" + os.Getenv("PATH"), "HOME=" + dir, "LC_ALL=C.UTF-8"}
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: owner}
		return cmd
	}
	data := filepath.Join(dir, "data")
	if out, err := as("initdb", "-D", data, "-U", "owner", "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync").CombinedOutput(); err != nil {
		t.Fatalf("initdb: %v\n%s", err, out)
	}
	certificate, key := certificates(t, ca, "localhost")
	for name, text := range map[string]string{
		"server.crt": string(certificate), "server.key": string(key),
		"pg_hba.conf": "local all owner trust\nhostssl all all 127.0.0.1/32 scram-sha-256\n",
	} {
		path := put(t, data, name, text)
		if owner != nil {
			if err := os.Chown(path, int(owner.Uid), int(owner.Gid)); err != nil {
				t.Fatal(err)
			}
		}
	}
	port := freePort(t)
	args := []string{"-D", data, "-p", fmt.Sprint(port), "-k", dir}
	for _, setting := range []string{"listen_addresses=127.0.0.1", "ssl=on", "fsync=off", "password_encryption=scram-sha-256"} {
		args = append(args, "-c", setting)
	}
	sql := func(text string) *exec.Cmd {
		cmd := as("psql", "-X", "-q", "-v", "ON_ERROR_STOP=1", "-h", dir, "-p", fmt.Sprint(port), "-U", "owner", "-d", "template1")
		cmd.Stdin = strings.NewReader(text)
		return cmd
	}
	server := start(t, as("postgres", args...), syscall.SIGINT)
	server.until(t, "it takes connections", func() bool { return sql("select 1").Run() == nil })
	return port, func(text string) {
		t.Helper()
		if out, err := sql(text).CombinedOutput(); err != nil {
			t.Fatalf("psql: %v\n%s", err, out)
		}
	}
}

// TestPostgreSQL has psql log in with each of the files, where role, database and password are the same hostile value.
func TestPostgreSQL(t *testing.T) {
	ca := caFile(t)
	port, sql := postgresql(t, ca)
	section := func(ca, host, user, name, password string) string {
		return fmt.Sprintf(`{"host": %q, "port": %d, "user": %s, "name": %s, "password": %s, "tls": {"ca_file": %s}, "options": {"application_name": %s}}`,
			host, port, quoted(user), quoted(name), quoted(password), quoted(ca), quoted(name))
	}
	tls := []string{"PGSSLMODE=verify-full", "PGSSLROOTCERT=" + ca}
	// an ini file refuses the name above, for its # and backslash
	iniCA := filepath.Join(t.TempDir(), "ca $x `y` %h=:{}().pem")
	if err := os.Link(ca, iniCA); err != nil {
		t.Fatal(err)
	}
	type client struct {
		name, template, script string
		env                    func(user, name, file string) []string
		url                    bool // it takes the application's name from the file, too
		ca, dir                string
		render                 func(section string) (string, finding.List)
		tally
	}
	clients := []*client{
		{name: "environment", template: "database/env", script: `set -a; . "$1"; unset DATABASE_URL; exec psql "$@"`},
		{name: "URL", template: "database/env", script: `. "$1"; exec psql "$DATABASE_URL" "$@"`, url: true},
		{name: "password file", template: "database/pgpass", env: func(user, name, file string) []string {
			return append(tls, "PGHOST=localhost", fmt.Sprint("PGPORT=", port), "PGUSER="+user, "PGDATABASE="+name, "PGPASSFILE="+file)
		}},
		{name: "service file", template: "database/pg_service", ca: iniCA, env: func(_, _, file string) []string {
			return []string{"PGSERVICEFILE=" + file, "PGSERVICE=s"}
		}},
	}
	for _, c := range clients {
		c.dir, c.render = t.TempDir(), maker(t, c.template)
	}
	// psql asks who and where it is
	const question = `select encode(convert_to(current_user, 'UTF8'), 'hex'), encode(convert_to(current_database(), 'UTF8'), 'hex'),
		ssl, encode(convert_to(current_setting('application_name'), 'UTF8'), 'hex') from pg_stat_ssl where pid = pg_backend_pid()`
	ask := func(script, file string, env []string) (string, error) {
		dir := filepath.Dir(file)
		if script == "" {
			script = `exec psql "$@"`
		}
		cmd := exec.Command("sh", "-c", strings.Replace(script, `"$@"`, `-X -w -A -t -c "$2"`, 1), "sh", file, question)
		cmd.Env = append([]string{"PATH=" + os.Getenv("PATH"), "HOME=" + dir}, env...)
		cmd.Dir = dir
		out, err := cmd.CombinedOutput()
		return strings.TrimSpace(string(out)), err
	}

	type login struct{ user, name, password string }
	var logins []login
	var setup strings.Builder
	identifier := func(s string) string { return `"` + strings.ReplaceAll(s, `"`, `""`) + `"` }
	literal := func(s string) string { return "'" + strings.ReplaceAll(s, "'", "''") + "'" }
	for i, v := range append(credentials(), strings.Repeat("n", 63)) {
		l := login{v, v, v}
		if len(v) > 63 {
			l.user, l.name = fmt.Sprint("u", i), fmt.Sprint("d", i) // names can't be as long
		}
		logins = append(logins, l)
		if !strings.Contains(v, "\x00") { // which the server can't have, and bootconf has to refuse
			fmt.Fprintf(&setup, "create role %s login password %s;\n", identifier(l.user), literal(l.password))
		}
	}
	// by turns, since one that was just used cannot be renamed
	databases := [2]string{"one of two", "other of two"}
	for _, name := range databases {
		fmt.Fprintf(&setup, "create database %s;\n", identifier(name))
	}
	sql(setup.String())

	// try is what psql answers, or what bootconf says against the section
	try := func(c *client, section string, l login) (got string, found finding.List, err error) {
		text, found := c.render(section)
		if found != nil {
			return "", found, nil
		}
		file := filepath.Join(c.dir, "file")
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			return "", nil, err
		}
		var env []string
		if c.env != nil {
			env = c.env(l.user, l.name, file)
		}
		got, err = ask(c.script, file, env)
		return got, nil, err
	}
	for i, l := range logins {
		if !strings.Contains(l.name, "\x00") {
			sql("alter database " + identifier(databases[i%2]) + " rename to " + identifier(l.name))
			databases[i%2] = l.name
		}
		var all sync.WaitGroup
		for _, c := range clients {
			all.Go(func() {
				c.tried++
				got, found, err := try(c, section(cmp.Or(c.ca, ca), "localhost", l.user, l.name, l.password), l)
				if found != nil {
					c.refused++
					checkRefusal(t, l.password, found)
					return
				}
				application := "psql"
				if c.url {
					application = l.name
				}
				want := hex.EncodeToString([]byte(l.user)) + "|" + hex.EncodeToString([]byte(l.name)) + "|t|"
				if !strings.ContainsFunc(application, func(r rune) bool { return r > unicode.MaxASCII || unicode.IsControl(r) }) {
					want += hex.EncodeToString([]byte(application))
				} else if strings.HasPrefix(got, want) {
					want = got // the server writes these in other ways
				}
				if err != nil || got != want {
					t.Errorf("%s: %q, %q, %q: %v, got %s, want %s", c.name, l.user, l.name, l.password, err, got, want)
				}
			})
		}
		all.Wait()
	}

	// that it is the server that looks, and the server that is looked at
	last := logins[len(logins)-1]
	for _, c := range clients {
		c.log(t, c.name)
		if c.refused > c.tried/3 {
			t.Error("most values were refused")
		}
		ca := cmp.Or(c.ca, ca)
		got, found, err := try(c, section(ca, "localhost", last.user, last.name, "wrong"), last)
		if err == nil || found != nil || !strings.Contains(got, "password authentication failed") {
			t.Errorf("%s, with a wrong password: %v %s", c.name, found, got)
		}
		if c.template == "database/pgpass" {
			continue // it names no server's certificate
		}
		got, found, err = try(c, section(ca, "127.0.0.1", last.user, last.name, last.password), last)
		if err == nil || found != nil || !strings.Contains(got, "does not match host name") {
			t.Errorf("%s, with a wrong name of the server: %v %s", c.name, found, got)
		}
	}
}

package render

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// caFile is a file whose name is hard to write in a configuration. The daemons open it when they check one.
func caFile(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "ca $x `y` \"z\" 'q' %h;#\\n{}().pem")
	if err := os.WriteFile(path, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}

// syslogSections is sections for which the file of a template must be one to the daemon.
func syslogSections(ca string) map[string]string {
	ca = strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(ca)
	return map[string]string{
		"papertrail": `{"papertrail": {"host": "logs7.papertrailapp.com", "port": 12345}, "tls": {"ca_file": "` + ca + `"}}`,
		"loggly":     `{"loggly": {"token": "00000000-0000-0000-0000-000000000000", "tags": ["a.b_c-d", "e"]}, "tls": {"ca_file": "` + ca + `"}, "buffer_bytes": 1048576}`,
		"untagged":   `{"loggly": {"token": "0"}, "tls": {"ca_file": "` + ca + `"}}`,
		"tls":        `{"collector": {"host": "2001:db8::1", "port": 1}, "tls": {"ca_file": "` + ca + `"}}`,
		"tcp":        `{"collector": {"host": "logs.example.com", "transport": "tcp"}}`,
		"udp":        `{"collector": {"host": "10.0.0.1", "transport": "udp"}}`,
	}
}

func TestSyslogNG(t *testing.T) {
	out, err := exec.Command("syslog-ng", "--version").Output()
	if err != nil {
		notHere(t, "syslog-ng-core")
	}
	version := regexp.MustCompile(`Config version: (\S+)`).FindStringSubmatch(string(out))[1]
	render := maker(t, "syslog/syslog_ng")
	for name, section := range syslogSections(caFile(t)) {
		text, found := render(section)
		if found != nil {
			t.Fatal(name, found)
		}
		dir := t.TempDir()
		conf := filepath.Join(dir, "syslog-ng.conf")
		if err := os.WriteFile(conf, []byte("@version: "+version+"\nsource s_src { internal(); };\n"+text), 0o644); err != nil {
			t.Fatal(err)
		}
		cmd := exec.Command("syslog-ng", "--syntax-only", "--no-caps", "-f", conf, "-R", filepath.Join(dir, "persist"))
		if out, err := cmd.CombinedOutput(); err != nil || len(out) > 0 {
			t.Errorf("%s: %v\n%s", name, err, out)
		}
	}
}

func TestRsyslog(t *testing.T) {
	if _, err := exec.LookPath("rsyslogd"); err != nil {
		notHere(t, "rsyslog")
	}
	render := maker(t, "syslog/rsyslog")
	for name, section := range syslogSections(caFile(t)) {
		text, found := render(section)
		if found != nil {
			t.Fatal(name, found)
		}
		conf := filepath.Join(t.TempDir(), "rsyslog.conf")
		if err := os.WriteFile(conf, []byte("module(load=\"imuxsock\")\n"+text), 0o644); err != nil {
			t.Fatal(err)
		}
		out, err := exec.Command("rsyslogd", "-N1", "-f", conf).CombinedOutput()
		if err != nil || strings.Contains(string(out), "error") || strings.Contains(string(out), "warning") {
			t.Errorf("%s: %v\n%s", name, err, out)
		}
	}
}

// notHere leaves a test out for want of a program, which in CI is a failure.
func notHere(t *testing.T, debian string) {
	t.Helper()
	if os.Getenv("CI") != "" {
		t.Fatalf("NOT TESTED: the Debian package %s is not here", debian)
	}
	t.Skipf("NOT TESTED: the Debian package %s is not here", debian)
}

package format

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// runUntil runs a daemon until it has written as many lines as there are values, and ends it.
func runUntil(t *testing.T, lines int, path string, name string, args ...string) []byte {
	t.Helper()
	var messages bytes.Buffer
	cmd := exec.Command(name, args...)
	cmd.Stdout, cmd.Stderr = &messages, &messages
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	deadline, tick := time.After(60*time.Second), time.NewTicker(50*time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case err := <-ended:
			t.Fatalf("%s: %v\n%s", cmd, err, messages.Bytes())
		case <-deadline:
			cmd.Process.Kill()
			<-ended
			out, _ := os.ReadFile(path)
			t.Fatalf("%s wrote %d lines of %d\n%s", cmd, bytes.Count(out, []byte("\n")), lines, messages.Bytes())
		case <-tick.C:
			if out, _ := os.ReadFile(path); bytes.Count(out, []byte("\n")) >= lines {
				cmd.Process.Signal(syscall.SIGTERM)
				<-ended
				return out
			}
		}
	}
}

// TestSyslogNG reads strings back as the program names that sources give their messages.
func TestSyslogNG(t *testing.T) {
	daemon := program(t, "syslog-ng", "syslog-ng-core")
	dir := t.TempDir()
	values := append(corpus[:len(corpus):len(corpus)], generated(40)...)
	head := "@version: 3.35\noptions { stats-freq(0); };\n"
	tail := fmt.Sprintf("destination d { file(\"%s/out\" template(\"$FILE_NAME $(base64-encode $PROGRAM)\\n\")); };\n", dir)
	b := newBatch(t, syslogNG{}, head, tail, map[string]string{
		"source sNUMBER { file(\"" + dir + "/in.NUMBER\" follow-freq(1) flags(no-parse) program-override({{}})); };\nlog { source(sNUMBER); destination(d); };\n":           "|",
		"source sNUMBER { file(\"" + dir + "/in.NUMBER\" follow-freq(1) flags(no-parse) program-override('x{{}}') ); };\nlog { source(sNUMBER); destination(d); };\n":       "x|",
		"source sNUMBER { file(\"" + dir + "/in.NUMBER\" follow-freq(1) flags(no-parse) program-override(\"x{{}}y{{}}\")); };\nlog { source(sNUMBER); destination(d); };\n": "x|y|",
	}, values)
	for i := range b.want {
		if err := os.WriteFile(filepath.Join(dir, fmt.Sprintf("in.%d", i)), []byte("x\n"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	conf := write(t, "syslog-ng.conf", b.file.String())
	output(t, daemon, "--syntax-only", "--no-caps", "-f", conf)
	out := runUntil(t, len(b.want), filepath.Join(dir, "out"), daemon, "-F", "--no-caps", "-f", conf, "-R", dir+"/persist", "-c", dir+"/ctl", "-p", dir+"/pid")
	got := make([]string, len(b.want))
	for line := range strings.Lines(string(out)) {
		name, encoded, _ := strings.Cut(strings.TrimSpace(line), " ")
		var i int
		if _, err := fmt.Sscanf(filepath.Base(name), "in.%d", &i); err != nil {
			t.Fatal(err)
		}
		text, err := base64.StdEncoding.DecodeString(encoded)
		if err != nil {
			t.Fatal(err)
		}
		got[i] = string(text)
	}
	b.check(t, "syslog-ng", got)
}

// TestRsyslog reads strings back as the tags that inputs give their messages.
func TestRsyslog(t *testing.T) {
	daemon := program(t, "rsyslogd", "rsyslog")
	dir := t.TempDir()
	values := append(corpus[:len(corpus):len(corpus)], generated(40)...)
	head := "global(workDirectory=\"" + dir + "\")\nmodule(load=\"imfile\")\n" +
		"template(name=\"t\" type=\"list\") { property(name=\"$!metadata!filename\") constant(value=\" \") property(name=\"syslogtag\") constant(value=\"\\001\\002\\n\") }\n" +
		"ruleset(name=\"r\") { action(type=\"omfile\" file=\"" + dir + "/out\" template=\"t\") }\n"
	b := newBatch(t, rsyslog{}, head, "", map[string]string{
		"input(type=\"imfile\" file=\"" + dir + "/in.NUMBER\" tag={{}} ruleset=\"r\" addMetadata=\"on\")\n":           "|",
		"input(type=\"imfile\" file=\"" + dir + "/in.NUMBER\" tag=\"x{{}}y{{}}\" ruleset=\"r\" addMetadata=\"on\")\n": "x|y|",
	}, values)
	for i := range b.want {
		if err := os.WriteFile(filepath.Join(dir, fmt.Sprintf("in.%d", i)), []byte("x\n"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	conf := write(t, "rsyslog.conf", b.file.String())
	output(t, daemon, "-N1", "-f", conf)
	out := runUntil(t, len(b.want), filepath.Join(dir, "out"), daemon, "-n", "-i", dir+"/pid", "-f", conf)
	got := make([]string, len(b.want))
	for _, entry := range strings.Split(strings.TrimSuffix(string(out), "\x01\x02\n"), "\x01\x02\n") {
		name, tag, _ := strings.Cut(entry, " ")
		var i int
		if _, err := fmt.Sscanf(filepath.Base(name), "in.%d", &i); err != nil {
			t.Fatal(err)
		}
		got[i] = tag
	}
	b.check(t, "rsyslog", got)
}

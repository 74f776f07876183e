//go:build linux

package render

import (
	"bufio"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/bootconf/bootconf/internal/document"
	"github.com/bootconf/bootconf/internal/validate"
)

// destinations is services of kind syslog that stand in one daemon side by side: where each sends, in what frames, and
// what must come of it. CA stands for the file of the authority that gave the servers their certificate, for the names
// in certified; OTHER for the one of another.
var destinations = []struct {
	service, section, address string
	transport                 string // udp, tcp or tls
	counted                   bool   // each message follows its length; otherwise a newline follows it
	refuses                   bool   // the daemon must not send, for it can't trust the server
}{
	{service: "papertrail", section: `{"papertrail": {"host": "logs7.papertrailapp.com", "port": 12345}, "tls": {"ca_file": CA}}`, address: "127.0.0.1:12345", transport: "tls"},
	// the authorities are the system's
	{service: "loggly", section: `{"loggly": {"token": "00000000-0000-0000-0000-00000000abcd", "tags": ["a.b_c-d", "E"]}}`, address: "127.0.0.1:6514", transport: "tls"},
	{service: "secure", section: `{"collector": {"host": "logs.example.com", "port": 6515}, "tls": {"ca_file": CA}}`, address: "127.0.0.1:6515", transport: "tls", counted: true},
	{service: "plain", section: `{"collector": {"host": "logs.example.com", "transport": "tcp"}}`, address: "127.0.0.1:514", transport: "tcp", counted: true},
	{service: "six", section: `{"collector": {"host": "::1", "port": 515, "transport": "tcp"}}`, address: "[::1]:515", transport: "tcp", counted: true},
	{service: "datagrams", section: `{"collector": {"host": "127.0.0.1", "transport": "udp"}}`, address: "127.0.0.1:514", transport: "udp"},
	{service: "misnamed", section: `{"collector": {"host": "misnamed.example.com", "port": 6516}, "tls": {"ca_file": CA}}`, address: "127.0.0.1:6516", transport: "tls", refuses: true},
	{service: "untrusted", section: `{"collector": {"host": "logs.example.com", "port": 6517}, "tls": {"ca_file": OTHER}}`, address: "127.0.0.1:6517", transport: "tls", refuses: true},
	{service: "mistaken", section: `{"loggly": {"token": "0", "host": "misnamed.example.com", "port": 6518}, "tls": {"ca_file": CA}}`, address: "127.0.0.1:6518", transport: "tls", refuses: true},
}

var certified = []string{"logs7.papertrailapp.com", "logs-01.loggly.com", "logs.example.com"}

const logglyData = `[00000000-0000-0000-0000-00000000abcd@41058 tag="a.b_c-d" tag="E"]`

// inbox is what came to a destination.
type inbox struct {
	mu       sync.Mutex
	messages []string
	wrong    []error
	left     int // connections that ended without a message
}

func (b *inbox) add(message string, err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if err != nil {
		b.wrong = append(b.wrong, err)
	} else {
		b.messages = append(b.messages, message)
	}
}

// have is how many messages of programs whose names begin with t are there.
func (b *inbox) have() (n int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, m := range b.messages {
		if fields := strings.SplitN(m, " ", 5); len(fields) == 5 && strings.HasPrefix(fields[3], "t") {
			n++
		}
	}
	return n
}

// listen takes in what is sent to an address.
func listen(t *testing.T, transport, address string, counted bool, certificate tls.Certificate) *inbox {
	t.Helper()
	b := &inbox{}
	if transport == "udp" {
		conn, err := net.ListenPacket("udp", address)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { conn.Close() })
		go func() {
			datagram := make([]byte, 1<<16)
			for {
				n, _, err := conn.ReadFrom(datagram)
				if err != nil {
					return
				}
				b.add(string(datagram[:n]), nil)
			}
		}()
		return b
	}
	l, err := net.Listen("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			if transport == "tls" {
				conn = tls.Server(conn, &tls.Config{Certificates: []tls.Certificate{certificate}})
			}
			go b.take(conn, counted)
		}
	}()
	return b
}

// take reads the frames of a connection, as RFC 6587 has them.
func (b *inbox) take(conn net.Conn, counted bool) {
	defer conn.Close()
	in := bufio.NewReader(conn)
	if _, err := in.Peek(1); err != nil {
		b.mu.Lock()
		b.left++
		b.mu.Unlock()
		return
	}
	for {
		var message string
		var err error
		if counted {
			var length string
			if length, err = in.ReadString(' '); err == nil {
				var n uint64
				if n, err = strconv.ParseUint(strings.TrimSuffix(length, " "), 10, 16); err == nil {
					text := make([]byte, n)
					_, err = io.ReadFull(in, text)
					message = string(text)
				}
			}
		} else {
			message, err = in.ReadString('\n')
			message = strings.TrimSuffix(message, "\n")
		}
		if err == io.EOF {
			return
		}
		b.add(message, err)
		if err != nil {
			return
		}
	}
}

// entry is a message of RFC 5424, apart.
type entry struct{ priority, program, process, data, text string }

func parseEntry(message string) (entry, error) {
	fields := strings.SplitN(message, " ", 7)
	if len(fields) < 7 {
		return entry{}, errors.New("it has too few fields")
	}
	priority, version, _ := strings.Cut(fields[0], ">")
	if version != "1" || !strings.HasPrefix(priority, "<") {
		return entry{}, errors.New("it is none of version 1")
	}
	e := entry{priority: priority[1:], program: fields[3], process: fields[4]}
	rest := fields[6]
	end := 0
	for ; strings.HasPrefix(rest[end:], "["); end++ {
		for inside := false; end < len(rest) && (inside || rest[end] != ']'); end++ {
			switch {
			case rest[end] == '"':
				inside = !inside
			case rest[end] == '\\' && inside:
				end++
			}
		}
		if end >= len(rest) {
			return e, errors.New("its structured data has no end")
		}
	}
	if end == 0 {
		if !strings.HasPrefix(rest, "-") {
			return e, errors.New("it has no structured data, nor a - for it")
		}
		end = 1
	}
	e.data = rest[:end]
	var apart bool
	if e.text, apart = strings.CutPrefix(rest[end:], " "); !apart && rest[end:] != "" {
		return e, errors.New("no blank follows its structured data")
	}
	e.text = strings.TrimPrefix(e.text, "\ufeff")
	return e, nil
}

// shippers is the daemons, with what makes them read messages from a socket.
var shippers = []struct {
	name, debian, template string
	head                   func(t *testing.T, dir string) string
	command                func(dir, conf string) []string
}{
	{
		name: "syslog-ng", debian: "syslog-ng-core", template: "syslog/syslog_ng",
		head: func(t *testing.T, dir string) string {
			out, err := exec.Command("syslog-ng", "--version").Output()
			if err != nil {
				t.Fatal(err)
			}
			version := regexp.MustCompile(`Config version: (\S+)`).FindStringSubmatch(string(out))[1]
			return "@version: " + version + "\nsource s_src { unix-dgram(\"" + dir + "/socket\"); };\n"
		},
		command: func(dir, conf string) []string {
			return []string{"syslog-ng", "--foreground", "--stderr", "--no-caps", "-f", conf, "-R", dir + "/persist", "-c", dir + "/ctl", "-p", dir + "/pid"}
		},
	},
	{
		name: "rsyslogd", debian: "rsyslog", template: "syslog/rsyslog",
		head: func(t *testing.T, dir string) string {
			return "module(load=\"imuxsock\" SysSock.Use=\"off\")\ninput(type=\"imuxsock\" Socket=\"" + dir + "/socket\")\n"
		},
		command: func(dir, conf string) []string { return []string{"rsyslogd", "-n", "-i", dir + "/pid", "-f", conf} },
	},
}

// TestSyslogDelivery has the daemons deliver hostile messages to servers under the names that the kind sends to.
func TestSyslogDelivery(t *testing.T) {
	for _, s := range shippers {
		if _, err := exec.LookPath(s.name); err != nil {
			notHere(t, s.debian)
		}
	}
	if !isolated(t) {
		return
	}
	for _, s := range shippers {
		t.Run(s.name, func(t *testing.T) {
			dir := t.TempDir()
			ca, other := caFile(t), caFile(t)
			certificates(t, other, certified...)
			pair, key := certificates(t, ca, certified...)
			certificate, err := tls.X509KeyPair(pair, key)
			if err != nil {
				t.Fatal(err)
			}
			authority, err := os.ReadFile(ca)
			if err != nil {
				t.Fatal(err)
			}
			hosts := put(t, dir, "hosts", "127.0.0.1 localhost misnamed.example.com "+strings.Join(certified, " ")+"\n")
			over(t, hosts, "/etc/hosts", "", syscall.MS_BIND)
			for path, needed := range map[string]string{"/etc/ssl/certs": "", "/var/spool": "rsyslog", "/var/lib": "syslog-ng"} {
				over(t, "tmpfs", path, "tmpfs", 0)
				if err := os.MkdirAll(filepath.Join(path, needed), 0o755); err != nil {
					t.Fatal(err)
				}
			}
			put(t, "/etc/ssl/certs", "ca-certificates.crt", string(authority))

			definitions := map[string]string{}
			var section []string
			inboxes := map[string]*inbox{}
			for _, d := range destinations {
				definitions[d.service+"/service.json"] = `{"kind": "syslog", "files": [{"path": "/etc/` + d.service + `", "template": "` + s.template + `"}]}`
				section = append(section, quoted(d.service)+": "+strings.NewReplacer("CA", quoted(ca), "OTHER", quoted(other)).Replace(d.section))
				inboxes[d.service] = listen(t, d.transport, d.address, d.counted, certificate)
			}
			img := load(t, definitions)
			doc, found := document.Parse("user-data", []byte("{"+strings.Join(section, ", ")+"}"))
			if found != nil {
				t.Fatal(found)
			}
			sections, found := validate.Validate(img, "user-data", doc)
			if found != nil {
				t.Fatal(found)
			}
			made, found := compile(t, img).Render(sections, nil)
			if found != nil {
				t.Fatal(found)
			}
			conf := s.head(t, dir)
			for _, f := range made.Files {
				conf += f.Content.Reveal()
			}

			args := s.command(dir, put(t, dir, "conf", conf))
			shipper := start(t, exec.Command(args[0], args[1:]...), syscall.SIGTERM)
			socket := filepath.Join(dir, "socket")
			var in net.Conn
			shipper.until(t, "it listens", func() bool {
				in, err = net.Dial("unixgram", socket)
				return err == nil
			})
			defer in.Close()

			texts := []string{`[x@1 tag="x"] text`, `- text`, `] text`, `" tag="x"] text`, `<13>1 - - - - - - text`, "12 text"}
			for _, v := range credentials() {
				if !strings.Contains(v, "\x00") {
					texts = append(texts, "begin "+v+" end")
				}
			}
			for i, text := range texts {
				if _, err := fmt.Fprintf(in, "<165>Nov 22 19:00:00 t%d[%d]: %s", i, i, text); err != nil {
					t.Fatal(err)
				}
			}
			for _, d := range destinations {
				b := inboxes[d.service]
				shipper.until(t, d.service+" has all, or is left", func() bool {
					if d.refuses {
						b.mu.Lock()
						defer b.mu.Unlock()
						return b.left > 0 || len(b.messages) > 0
					}
					return b.have() >= len(texts)
				})
			}
			for _, d := range destinations {
				b := inboxes[d.service]
				b.mu.Lock()
				for _, err := range b.wrong {
					t.Errorf("%s: %v", d.service, err)
				}
				if d.refuses && len(b.messages) > 0 {
					t.Errorf("%s got messages, the first is %q", d.service, b.messages[0])
					b.messages = nil
				}
				seen := map[string]bool{}
				for _, m := range b.messages {
					if d.counted || d.transport == "udp" {
						m = strings.TrimSuffix(m, "\n") // syslog-ng ends a message so within its frame or datagram, too
					}
					e, err := parseEntry(m)
					if err != nil {
						t.Errorf("%s: %q: %v", d.service, m, err)
						continue
					}
					if !strings.HasPrefix(e.program, "t") {
						continue // the daemon's own
					}
					i, err := strconv.Atoi(e.program[1:])
					if err != nil || i >= len(texts) || e.process != e.program[1:] || e.priority != "165" || seen[e.program] {
						t.Errorf("%s: %q is none that was sent, or is there twice", d.service, m)
						continue
					}
					seen[e.program] = true
					if d.service == "loggly" && e.data != logglyData {
						t.Errorf("loggly: the structured data is %q, want %q", e.data, logglyData)
					}
					// to rsyslog the blank that follows the program's name is part of the text
					e.text = strings.TrimPrefix(e.text, " ")
					// control characters are for the daemon to show as it likes, as long as the message stays one
					if strings.ContainsFunc(texts[i], func(r rune) bool { return r < ' ' || r == 0x7f }) {
						if !strings.HasPrefix(e.text, "begin ") || !strings.HasSuffix(e.text, " end") {
							t.Errorf("%s got %q, sent %q", d.service, e.text, texts[i])
						}
					} else if e.text != texts[i] {
						t.Errorf("%s got %q, sent %q", d.service, e.text, texts[i])
					}
				}
				b.mu.Unlock()
			}
			t.Logf("%d messages to %d servers", len(texts), len(destinations))
		})
	}
}

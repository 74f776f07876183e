package source

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"context"
)

const (
	data  = `{"database": {"password": "canary"}}`
	idA   = "i-0123456789abcdef0"
	idDoc = `{"accountId":"123456789012","architecture":"x86_64","availabilityZone":"eu-west-1a","imageId":"ami-0123456789abcdef0",` +
		`"instanceId":"` + idA + `","instanceType":"t3.micro","pendingTime":"2025-01-01T00:00:00Z","privateIp":"10.0.0.5","region":"eu-west-1","version":"2017-09-30"}`
)

// fake is a metadata service that speaks HTTP byte by byte, so that it can do so wrongly.
type fake struct {
	listener net.Listener
	docs     map[string]string // what it has, below /latest

	// handle answers the n-th request, from 1; nil: good does. The connection is closed if it returns false.
	handle func(f *fake, c net.Conn, r *http.Request, n int) (keep bool)

	mu          sync.Mutex
	requests    []string
	connections int
	tokens      map[string]bool
	wg          sync.WaitGroup
	open        map[net.Conn]bool
}

func listen(t testing.TB, address string) net.Listener {
	t.Helper()
	l, err := net.Listen("tcp", address)
	if err != nil && strings.HasPrefix(address, "[::1]") {
		t.Skipf("NOT TESTED: there is no IPv6 loopback here: %v", err)
	}
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func serve(t testing.TB, l net.Listener, handle func(*fake, net.Conn, *http.Request, int) bool) *fake {
	t.Helper()
	f := &fake{listener: l, handle: handle, tokens: map[string]bool{}, open: map[net.Conn]bool{}, docs: map[string]string{
		"/user-data":                             data,
		"/dynamic/instance-identity/document":    idDoc,
		"/meta-data/instance-id":                 idA,
		"/meta-data/hostname":                    "ip-10-0-0-5.ec2.internal",
		"/meta-data/placement/region":            "eu-west-1",
		"/meta-data/placement/availability-zone": "eu-west-1a",
		"/meta-data/ami-id":                      "ami-0123456789abcdef0",
		"/meta-data/instance-type":               "t3.micro",
		"/meta-data/local-ipv4":                  "10.0.0.5",
	}}
	f.wg.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			f.mu.Lock()
			f.connections++
			f.open[c] = true
			f.mu.Unlock()
			f.wg.Go(func() { f.connection(c) })
		}
	})
	t.Cleanup(func() {
		l.Close()
		f.mu.Lock()
		for c := range f.open {
			c.Close()
		}
		f.mu.Unlock()
		f.wg.Wait()
	})
	return f
}

func (f *fake) connection(c net.Conn) {
	defer c.Close()
	in := bufio.NewReader(c)
	for {
		r, err := http.ReadRequest(in)
		if err != nil {
			return
		}
		f.mu.Lock()
		f.requests = append(f.requests, r.Method+" "+r.URL.Path)
		n := len(f.requests)
		f.mu.Unlock()
		if host, _, _ := net.SplitHostPort(r.Host); host != "127.0.0.1" && host != "::1" {
			say(c, 421, "")
			return
		}
		handle := f.handle
		if handle == nil {
			handle = (*fake).good
		}
		if !handle(f, c, r, n) {
			return
		}
	}
}

// good answers as EC2 does.
func (f *fake) good(c net.Conn, r *http.Request, n int) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	if r.Method == "PUT" && r.URL.Path == tokenPath {
		if r.Header.Get("X-Aws-Ec2-Metadata-Token-Ttl-Seconds") == "" {
			return say(c, 400, "")
		}
		token := fmt.Sprintf("token-%d", n)
		f.tokens[token] = true
		return say(c, 200, token, "X-Aws-Ec2-Metadata-Token-Ttl-Seconds: 300")
	}
	if !f.tokens[r.Header.Get("X-Aws-Ec2-Metadata-Token")] {
		return say(c, 401, "<html>canary</html>")
	}
	if doc, ok := f.docs[strings.TrimPrefix(r.URL.Path, "/latest")]; ok && r.Method == "GET" {
		return say(c, 200, doc)
	}
	return say(c, 404, "<html>canary</html>")
}

// say sends a whole answer and keeps the connection.
func say(c net.Conn, status int, body string, header ...string) bool {
	raw(c, fmt.Sprintf("HTTP/1.1 %d Some Text\r\nContent-Length: %d\r\n%s\r\n\r\n%s", status, len(body), strings.Join(append([]string{"Server: EC2ws"}, header...), "\r\n"), body))
	return true
}

func raw(c net.Conn, s string) { io.WriteString(c, s) }

// hang waits until the other side gives up.
func hang(c net.Conn) bool {
	io.Copy(io.Discard, c)
	return false
}

// drip sends text slowly until the other side gives up or it is all said.
func drip(c net.Conn, text string, pace time.Duration) {
	tick := time.NewTicker(pace)
	defer tick.Stop()
	for i := range len(text) {
		<-tick.C
		if _, err := io.WriteString(c, text[i:i+1]); err != nil {
			return
		}
	}
}

func reset(c net.Conn) bool {
	c.(*net.TCPConn).SetLinger(0)
	return false
}

// onUserData does something else with the requests for user data that are not yet past the first times.
func onUserData(times int, do func(net.Conn) bool) func(*fake, net.Conn, *http.Request, int) bool {
	seen := 0
	return func(f *fake, c net.Conn, r *http.Request, n int) bool {
		f.mu.Lock()
		now := r.URL.Path == userDataPath && seen < times
		if now {
			seen++
		}
		f.mu.Unlock()
		if now {
			return do(c)
		}
		return f.good(c, r, n)
	}
}

// always is for onUserData.
const always = 1 << 30

// first does something else with the first requests of any kind.
func first(times int, do func(net.Conn) bool) func(*fake, net.Conn, *http.Request, int) bool {
	return func(f *fake, c net.Conn, r *http.Request, n int) bool {
		if n <= times {
			return do(c)
		}
		return f.good(c, r, n)
	}
}

func status(code int) func(net.Conn) bool {
	return func(c net.Conn) bool { return say(c, code, "<html>canary</html>") }
}

// client is a source that asks the fakes, waits a fiftieth of the time between tries, and keeps what it logs.
type client struct {
	*ec2
	logged []string
	waited []time.Duration
}

func ask(t *testing.T, endpoints ...string) *client {
	t.Helper()
	c := &client{}
	c.ec2 = ec2At(endpoints, func(line string) { c.logged = append(c.logged, line) })
	c.wait = func(ctx context.Context, d time.Duration) {
		c.waited = append(c.waited, d)
		wait(ctx, d/50)
	}
	t.Cleanup(func() {
		for _, line := range c.logged {
			if strings.Contains(line, "canary") {
				t.Errorf("logged what was answered: %s", line)
			}
		}
	})
	return c
}

// verdict is the kind of an error.
func verdict(err error) string {
	var (
		unavailable *UnavailableError
		invalid     *InvalidError
		fact        *FactError
	)
	switch {
	case err == nil:
		return "answer"
	case errors.Is(err, ErrNoUserData):
		return "none"
	case errors.As(err, &unavailable):
		return "unavailable"
	case errors.As(err, &invalid):
		return "invalid"
	case errors.As(err, &fact):
		return "fact"
	}
	return "other"
}

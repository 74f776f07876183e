package source

import (
	"bytes"
	"context"
	"fmt"
	"log"
	"maps"
	"net"
	"net/http"
	"os"
	"slices"
	"strings"
	"testing"
	"time"
)

// within is a deadline for cases that end by themselves.
const within = 4 * time.Second

func TestFirstBoot(t *testing.T) {
	f := serve(t, listen(t, "127.0.0.1:0"), nil)
	s := ask(t, f.listener.Addr().String())
	got, err := s.UserData(t.Context())
	if err != nil || string(got) != data {
		t.Fatalf("got %q, %v", got, err)
	}
	if want := []string{"PUT /latest/api/token", "GET /latest/user-data"}; !slices.Equal(f.requests, want) {
		t.Errorf("requests %q, want %q", f.requests, want)
	}
	id, err := s.InstanceID(t.Context())
	if err != nil || id != idA {
		t.Errorf("instance id %q, %v", id, err)
	}
	if len(f.requests) != 3 || f.connections != 1 {
		t.Errorf("%d requests over %d connections, want 3 over 1", len(f.requests), f.connections)
	}
	if len(s.logged) > 0 {
		t.Errorf("logged %q", s.logged)
	}
}

// What the metadata service does wrong, and what is made of it.
func TestFaults(t *testing.T) {
	const brief = 400 * time.Millisecond // for cases that never get an answer
	long := strings.Repeat("x", MaxBody)
	for _, c := range []struct {
		name   string
		handle func(*fake, net.Conn, *http.Request, int) bool
		limit  time.Duration
		want   string // the verdict
		says   string // the error holds it
	}{
		// It comes right in the end.
		{"503 five times", first(5, status(503)), within, "answer", ""},
		{"503 on user data five times", onUserData(5, status(503)), within, "answer", ""},
		{"401 ten times", onUserData(10, status(401)), within, "answer", ""},
		{"token refused at first", first(3, status(401)), within, "answer", ""},
		{"429", first(2, status(429)), within, "answer", ""},
		{"403 that passes", first(2, status(403)), within, "answer", ""},
		{"404 on the token", first(2, status(404)), within, "answer", ""},
		{"reset", first(2, reset), within, "answer", ""},
		{"reset on user data", onUserData(2, reset), within, "answer", ""},
		{"closed at once", first(2, func(net.Conn) bool { return false }), within, "answer", ""},
		{"half a body, once", onUserData(1, func(c net.Conn) bool {
			raw(c, "HTTP/1.1 200 OK\r\nContent-Length: 36\r\n\r\n"+data[:18])
			return false
		}), within, "answer", ""},
		{"hangs once", first(1, hang), within, "answer", ""},
		{"hangs once on user data", onUserData(1, hang), within, "answer", ""},
		{"hangs within the body once", onUserData(1, func(c net.Conn) bool {
			raw(c, "HTTP/1.1 200 OK\r\nContent-Length: 36\r\n\r\n"+data[:18])
			return hang(c)
		}), within, "answer", ""},
		{"token with no lifetime, once", first(1, func(c net.Conn) bool { return say(c, 200, "canary") }), within, "answer", ""},
		{"slow, but it comes", onUserData(always, func(c net.Conn) bool {
			raw(c, "HTTP/1.1 200 OK\r\nContent-Length: 36\r\n\r\n")
			drip(c, data, time.Millisecond)
			return true
		}), within, "answer", ""},
		{"100 Continue", onUserData(always, func(c net.Conn) bool {
			raw(c, "HTTP/1.1 100 Continue\r\n\r\n")
			return say(c, 200, data)
		}), within, "answer", ""},
		{"in chunks", onUserData(always, func(c net.Conn) bool {
			raw(c, fmt.Sprintf("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n%x\r\n%s\r\n1a\r\n%s\r\n0\r\n\r\n", 10, data[:10], data[10:]))
			return true
		}), within, "answer", ""},
		{"HTTP/1.0", func(f *fake, c net.Conn, r *http.Request, n int) bool {
			switch body := data; {
			case r.URL.Path == tokenPath:
				raw(c, "HTTP/1.0 200 OK\r\nContent-Length: 5\r\nX-Aws-Ec2-Metadata-Token-Ttl-Seconds: 300\r\n\r\ntoken")
			default:
				raw(c, fmt.Sprintf("HTTP/1.0 200 OK\r\nContent-Length: %d\r\n\r\n%s", len(body), body))
			}
			return false
		}, within, "answer", ""},
		{"slower than the first tries wait", func(f *fake, c net.Conn, r *http.Request, n int) bool {
			<-time.After(within / 6)
			return f.good(c, r, n)
		}, within, "answer", ""},

		// There is none.
		{"404", onUserData(always, status(404)), within, "none", "404"},
		{"404 after 503", onUserData(always, func() func(net.Conn) bool {
			n := 0
			return func(c net.Conn) bool {
				if n++; n < 3 {
					return say(c, 503, "")
				}
				return say(c, 404, "canary")
			}
		}()), within, "none", "404"},

		// It can't be any.
		{"body too long", onUserData(always, func(c net.Conn) bool { return say(c, 200, long+"x") }), within, "invalid", "longer than 2097152 bytes"},
		{"body too long, by the header alone", onUserData(always, func(c net.Conn) bool {
			raw(c, "HTTP/1.1 200 OK\r\nContent-Length: 9223372036854775807\r\n\r\n")
			return hang(c)
		}), within, "invalid", "longer than 2097152 bytes"},
		{"body too long, in chunks", onUserData(always, func(c net.Conn) bool {
			raw(c, fmt.Sprintf("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n%x\r\n%s\r\n1\r\nx\r\n", len(long), long))
			return hang(c)
		}), within, "invalid", "longer than 2097152 bytes"},

		// It is no answer.
		{"503 for ever", first(always, status(503)), brief, "unavailable", "answered with 503 Service Unavailable"},
		{"401 for ever", onUserData(always, status(401)), brief, "unavailable", "answered with 401 Unauthorized"},
		{"403", first(always, status(403)), brief, "unavailable", "answered with 403 Forbidden"},
		{"403 points to the endpoint", first(always, status(403)), brief, "unavailable", "HttpEndpoint"},
		{"404 on the token for ever", first(always, status(404)), brief, "unavailable", "api/token: answered with 404 Not Found"},
		{"405 on the token: version 1 is never used", first(always, status(405)), brief, "unavailable", "api/token: answered with 405 Method Not Allowed"},
		{"status 206", onUserData(always, status(206)), brief, "unavailable", "neither 200 nor an error"},
		{"status 204", onUserData(always, status(204)), brief, "unavailable", "neither 200 nor an error"},
		{"status 304", onUserData(always, status(304)), brief, "unavailable", "answered with 304, a redirect"},
		{"token without its lifetime", first(always, func(c net.Conn) bool { return say(c, 200, "canary") }), brief, "unavailable", "but not with a token"},
		{"half a body", onUserData(always, func(c net.Conn) bool {
			raw(c, "HTTP/1.1 200 OK\r\nContent-Length: 36\r\n\r\n"+data[:18])
			return false
		}), brief, "unavailable", "closed before the answer was complete"},
		{"half a body in chunks", onUserData(always, func(c net.Conn) bool {
			raw(c, fmt.Sprintf("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n%x\r\n%s\r\n", len(data), data))
			return false
		}), brief, "unavailable", "closed before the answer was complete"},
		{"a body of unknown length", onUserData(always, func(c net.Conn) bool {
			raw(c, "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n"+data[:18])
			return false
		}), brief, "unavailable", "doesn't say how long it is"},
		{"reset within the body", onUserData(always, func(c net.Conn) bool {
			raw(c, "HTTP/1.1 200 OK\r\nContent-Length: 36\r\n\r\n"+data[:18])
			return reset(c)
		}), brief, "unavailable", "connection"},
		{"hangs", first(always, hang), brief, "unavailable", "no answer came in time"},
		{"hangs on the token: the hop limit", first(always, hang), brief, "unavailable", "HttpPutResponseHopLimit"},
		{"hangs on user data", onUserData(always, hang), brief, "unavailable", "user-data: no answer came in time"},
		{"hangs within the headers", onUserData(always, func(c net.Conn) bool {
			raw(c, "HTTP/1.1 200 OK\r\nX-Canary: canary")
			return hang(c)
		}), brief, "unavailable", "no answer came in time"},
		{"hangs within the body", onUserData(always, func(c net.Conn) bool {
			raw(c, "HTTP/1.1 200 OK\r\nContent-Length: 36\r\n\r\n"+data[:18])
			return hang(c)
		}), brief, "unavailable", "no answer came in time"},
		{"a byte now and then", onUserData(always, func(c net.Conn) bool {
			raw(c, "HTTP/1.1 200 OK\r\nContent-Length: 36\r\n\r\n")
			drip(c, data, 100*time.Millisecond)
			return false
		}), brief, "unavailable", "no answer came in time"},
		{"headers for ever", onUserData(always, func(c net.Conn) bool {
			raw(c, "HTTP/1.1 200 OK\r\n")
			for range 1000 {
				raw(c, "X-Canary: "+strings.Repeat("canary", 100)+"\r\n")
			}
			return false
		}), brief, "unavailable", "headers are longer than 65536 bytes"},
		{"one header for ever", onUserData(always, func(c net.Conn) bool {
			raw(c, "HTTP/1.1 200 OK\r\nX-Canary: "+strings.Repeat("canary", 100000))
			return false
		}), brief, "unavailable", "headers are longer than 65536 bytes"},
		{"100 Continue for ever", onUserData(always, func(c net.Conn) bool {
			for range 100 {
				raw(c, "HTTP/1.1 100 Continue\r\n\r\n")
			}
			return hang(c)
		}), brief, "unavailable", "neither 200 nor an error"},
		{"token too long", first(always, func(c net.Conn) bool { return say(c, 200, long+"x", "X-Aws-Ec2-Metadata-Token-Ttl-Seconds: 300") }), brief, "unavailable", "longer than"},
		{"no HTTP", onUserData(always, func(c net.Conn) bool { raw(c, "SSH-2.0-canary\r\n\r\n"); return hang(c) }), brief, "unavailable", "not HTTP"},
		{"contradicting lengths", onUserData(always, func(c net.Conn) bool {
			raw(c, "HTTP/1.1 200 OK\r\nContent-Length: 36\r\nContent-Length: 35\r\n\r\n"+data)
			return true
		}), brief, "unavailable", "not HTTP"},
		{"negative length", onUserData(always, func(c net.Conn) bool {
			raw(c, "HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n"+data)
			return true
		}), brief, "unavailable", "not HTTP"},
		{"unknown encoding of the transfer", onUserData(always, func(c net.Conn) bool {
			raw(c, "HTTP/1.1 200 OK\r\nTransfer-Encoding: canary\r\n\r\n"+data)
			return true
		}), brief, "unavailable", "not HTTP"},
		{"status that is none", onUserData(always, func(c net.Conn) bool { raw(c, "HTTP/1.1 canary OK\r\n\r\n"); return true }), brief, "unavailable", "not HTTP"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			f := serve(t, listen(t, "127.0.0.1:0"), c.handle)
			s := ask(t, f.listener.Addr().String())
			ctx, cancel := context.WithTimeout(t.Context(), c.limit)
			defer cancel()
			got, err := s.UserData(ctx)
			if v := verdict(err); v != c.want {
				t.Fatalf("%s (%v), want %s", v, err, c.want)
			}
			if err == nil {
				if string(got) != data {
					t.Errorf("got %q", got)
				}
				return
			}
			if got != nil {
				t.Errorf("gave %d bytes with an error", len(got))
			}
			if !strings.Contains(err.Error(), c.says) || !strings.Contains(err.Error(), "http://"+f.listener.Addr().String()+"/latest/") {
				t.Errorf("the error does not say %q and where: %v", c.says, err)
			}
			if strings.Contains(err.Error(), "canary") || strings.ContainsRune(err.Error(), '\n') {
				t.Errorf("the error quotes the answer: %v", err)
			}
			if c.want != "unavailable" && ctx.Err() != nil {
				t.Error("a final answer was not taken for one")
			}
		})
	}
}

func TestBackoff(t *testing.T) {
	ms := func(n ...int) (out []time.Duration) {
		for _, n := range n {
			out = append(out, time.Duration(n)*time.Millisecond)
		}
		return out
	}
	f := serve(t, listen(t, "127.0.0.1:0"), first(7, status(503)))
	s := ask(t, f.listener.Addr().String())
	if _, err := s.UserData(t.Context()); err != nil {
		t.Fatal(err)
	}
	if want := ms(100, 200, 400, 800, 1000, 1000, 1000); !slices.Equal(s.waited, want) {
		t.Errorf("while it errs it waits %v, want %v", s.waited, want)
	}
	if len(s.logged) != 1 || !strings.Contains(s.logged[0], "no user data yet: PUT http://"+f.listener.Addr().String()+"/latest/api/token: answered with 503 Service Unavailable") {
		t.Errorf("logged %q, want the reason once", s.logged)
	}
}

// A last try for which hardly any time is left must not hide what was wrong until then.
func TestLastCause(t *testing.T) {
	f := serve(t, listen(t, "127.0.0.1:0"), func(f *fake, c net.Conn, r *http.Request, n int) bool {
		if n == 1 {
			return say(c, 503, "")
		}
		return hang(c)
	})
	s := ask(t, f.listener.Addr().String())
	s.wait = func(ctx context.Context, _ time.Duration) {
		deadline, _ := ctx.Deadline()
		wait(ctx, time.Until(deadline)-20*time.Millisecond)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 800*time.Millisecond)
	defer cancel()
	_, err := s.UserData(ctx)
	if verdict(err) != "unavailable" || !strings.Contains(err.Error(), "answered with 503 Service Unavailable (2 tries in ") {
		t.Errorf("%v", err)
	}
}

// A token that the service no longer knows is replaced, and only then.
func TestTokens(t *testing.T) {
	f := serve(t, listen(t, "127.0.0.1:0"), nil)
	s := ask(t, f.listener.Addr().String())
	if _, err := s.UserData(t.Context()); err != nil {
		t.Fatal(err)
	}
	f.mu.Lock()
	clear(f.tokens)
	f.mu.Unlock()
	if id, err := s.InstanceID(t.Context()); err != nil || id != idA {
		t.Fatalf("instance id %q, %v", id, err)
	}
	want := []string{"PUT /latest/api/token", "GET /latest/user-data", "GET /latest/meta-data/instance-id", "PUT /latest/api/token", "GET /latest/meta-data/instance-id"}
	if !slices.Equal(f.requests, want) {
		t.Errorf("requests %q, want %q", f.requests, want)
	}
}

// A service that closes each connection without saying so costs no try.
func TestIdleConnection(t *testing.T) {
	f := serve(t, listen(t, "127.0.0.1:0"), func(f *fake, c net.Conn, r *http.Request, n int) bool {
		f.good(c, r, n)
		return false
	})
	s := ask(t, f.listener.Addr().String())
	if got, err := s.UserData(t.Context()); err != nil || string(got) != data {
		t.Errorf("got %q, %v", got, err)
	}
	if len(f.requests) != 2 || len(s.waited) > 0 {
		t.Errorf("requests %q, waited %v: %q", f.requests, s.waited, s.logged)
	}
}

func TestRedirect(t *testing.T) {
	elsewhere := serve(t, listen(t, "127.0.0.1:0"), nil)
	for _, code := range []int{301, 302, 303, 307, 308} {
		for name, on := range map[string]func(int, func(net.Conn) bool) func(*fake, net.Conn, *http.Request, int) bool{"token": first, "user data": onUserData} {
			t.Run(fmt.Sprint(name, code), func(t *testing.T) {
				f := serve(t, listen(t, "127.0.0.1:0"), on(always, func(c net.Conn) bool {
					return say(c, code, "canary", "Location: http://"+elsewhere.listener.Addr().String()+"/latest/user-data")
				}))
				ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
				defer cancel()
				_, err := ask(t, f.listener.Addr().String()).UserData(ctx)
				if verdict(err) != "unavailable" || !strings.Contains(err.Error(), "redirect") {
					t.Errorf("%s: %v", verdict(err), err)
				}
			})
		}
	}
	if len(elsewhere.requests) > 0 || elsewhere.connections > 0 {
		t.Errorf("the redirect was followed: %q", elsewhere.requests)
	}
}

// An answer that is longer than it says: net/http's own transport would log the rest, which is user data.
func TestNothingLogged(t *testing.T) {
	var logged bytes.Buffer
	log.SetOutput(&logged)
	defer log.SetOutput(os.Stderr)
	f := serve(t, listen(t, "127.0.0.1:0"), onUserData(always, func(c net.Conn) bool {
		raw(c, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}HTTP/1.1 200 OK\r\nContent-Length: 19\r\n\r\ni-0fedcba9876543210")
		return true
	}))
	s := ask(t, f.listener.Addr().String())
	got, err := s.UserData(t.Context())
	if err != nil || string(got) != "{}" {
		t.Errorf("got %q, %v", got, err)
	}
	// The rest must not be read as the answer to what is asked next.
	if id, err := s.InstanceID(t.Context()); err != nil || id != idA {
		t.Errorf("instance id %q, %v", id, err)
	}
	if logged.Len() > 0 {
		t.Errorf("logged %q", logged.String())
	}
}

func TestListenerAppears(t *testing.T) {
	l := listen(t, "127.0.0.1:0")
	address := l.Addr().String()
	l.Close()
	s := ask(t, address)
	var f *fake
	s.log = func(line string) {
		if !strings.Contains(line, "connection refused") {
			t.Errorf("logged %q", line)
		}
		if f == nil {
			f = serve(t, listen(t, address), nil)
		}
	}
	got, err := s.UserData(t.Context())
	if err != nil || string(got) != data {
		t.Errorf("got %q, %v", got, err)
	}
	if want := []time.Duration{50 * time.Millisecond}; !slices.Equal(s.waited, want) {
		t.Errorf("waited %v, want %v", s.waited, want)
	}
}

func TestNoListener(t *testing.T) {
	l4, l6 := listen(t, "127.0.0.1:0"), listen(t, "[::1]:0")
	l4.Close()
	l6.Close()
	s := ask(t, l4.Addr().String(), l6.Addr().String())
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	_, err := s.UserData(ctx)
	if want := fmt.Sprintf("PUT http://%s/latest/api/token or http://%s/latest/api/token: connection refused (", l4.Addr(), l6.Addr()); verdict(err) != "unavailable" || !strings.Contains(err.Error(), want) {
		t.Errorf("%v does not say %q", err, want)
	}
	for _, d := range s.waited {
		if d < 50*time.Millisecond || d > 250*time.Millisecond {
			t.Errorf("waited %v while there is nothing to connect to", d)
		}
	}
}

func TestEndpoints(t *testing.T) {
	const v4, v6 = "127.0.0.1:0", "[::1]:0"
	closed := func(t *testing.T, address string) string {
		l := listen(t, address)
		l.Close()
		return l.Addr().String()
	}
	t.Run("both: the first alone is asked", func(t *testing.T) {
		f4, f6 := serve(t, listen(t, v4), nil), serve(t, listen(t, v6), nil)
		if got, err := ask(t, f4.listener.Addr().String(), f6.listener.Addr().String()).UserData(t.Context()); err != nil || string(got) != data {
			t.Errorf("got %q, %v", got, err)
		}
		if len(f4.requests)+len(f6.requests) != 2 {
			t.Errorf("requests %q and %q", f4.requests, f6.requests)
		}
	})
	t.Run("IPv4 only", func(t *testing.T) {
		f := serve(t, listen(t, v4), nil)
		if got, err := ask(t, f.listener.Addr().String(), closed(t, v6)).UserData(t.Context()); err != nil || string(got) != data {
			t.Errorf("got %q, %v", got, err)
		}
	})
	t.Run("IPv6 only", func(t *testing.T) {
		f := serve(t, listen(t, v6), nil)
		if got, err := ask(t, closed(t, v4), f.listener.Addr().String()).UserData(t.Context()); err != nil || string(got) != data {
			t.Errorf("got %q, %v", got, err)
		}
		if f.connections != 1 || len(f.requests) != 2 {
			t.Errorf("%d connections, requests %q", f.connections, f.requests)
		}
	})
	t.Run("IPv4 connects and hangs", func(t *testing.T) {
		f4, f6 := serve(t, listen(t, v4), first(always, hang)), serve(t, listen(t, v6), nil)
		ctx, cancel := context.WithTimeout(t.Context(), within)
		defer cancel()
		if got, err := ask(t, f4.listener.Addr().String(), f6.listener.Addr().String()).UserData(ctx); err != nil || string(got) != data {
			t.Errorf("got %q, %v", got, err)
		}
	})
	t.Run("neither, for different reasons", func(t *testing.T) {
		f := serve(t, listen(t, v4), first(always, reset))
		ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
		defer cancel()
		_, err := ask(t, f.listener.Addr().String(), closed(t, v6)).UserData(ctx)
		if verdict(err) != "unavailable" {
			t.Errorf("%v", err)
		}
	})
}

func TestFacts(t *testing.T) {
	all := map[string]string{"id": idA, "region": "eu-west-1", "zone": "eu-west-1a", "type": "t3.micro", "account": "123456789012",
		"image": "ami-0123456789abcdef0", "hostname": "ip-10-0-0-5.ec2.internal", "local_ipv4": "10.0.0.5", "local_ipv6": "2001:db8::5"}
	const document = "GET /latest/dynamic/instance-identity/document"
	for _, c := range []struct {
		names    []string
		requests []string // behind the token
	}{
		{nil, nil},
		{[]string{"id"}, []string{"GET /latest/meta-data/instance-id"}},
		{[]string{"region"}, []string{"GET /latest/meta-data/placement/region"}},
		{[]string{"zone"}, []string{"GET /latest/meta-data/placement/availability-zone"}},
		{[]string{"type"}, []string{"GET /latest/meta-data/instance-type"}},
		{[]string{"image"}, []string{"GET /latest/meta-data/ami-id"}},
		{[]string{"hostname"}, []string{"GET /latest/meta-data/hostname"}},
		{[]string{"local_ipv4"}, []string{"GET /latest/meta-data/local-ipv4"}},
		{[]string{"local_ipv6"}, []string{"GET /latest/meta-data/ipv6"}},
		{[]string{"account"}, []string{document}},
		{[]string{"id", "region"}, []string{document}},
		{slices.Sorted(maps.Keys(all)), []string{document, "GET /latest/meta-data/hostname", "GET /latest/meta-data/ipv6"}},
	} {
		t.Run(strings.Join(c.names, " "), func(t *testing.T) {
			f := serve(t, listen(t, "127.0.0.1:0"), nil)
			f.docs["/meta-data/ipv6"] = all["local_ipv6"]
			s := ask(t, f.listener.Addr().String())
			for range 2 { // the second time from memory
				got, err := s.Facts(t.Context(), c.names)
				if err != nil {
					t.Fatal(err)
				}
				if len(got) != len(c.names) {
					t.Errorf("got %q", got)
				}
				for _, name := range c.names {
					if got[name] != all[name] {
						t.Errorf("%s is %q, want %q", name, got[name], all[name])
					}
				}
			}
			if len(c.requests) > 0 {
				c.requests = append([]string{"PUT /latest/api/token"}, c.requests...)
			}
			if !slices.Equal(f.requests, c.requests) {
				t.Errorf("requests %q, want %q", f.requests, c.requests)
			}
		})
	}
}

func TestFactsThatAreNone(t *testing.T) {
	for _, c := range []struct {
		name  string
		names []string
		docs  map[string]string // "" takes one away
		want  string
		says  string
	}{
		{"no IPv6", []string{"hostname", "local_ipv6"}, nil, "fact", "cannot get instance.local_ipv6 from the source ec2: the instance has none"},
		{"unknown", []string{"colour"}, nil, "fact", "cannot get instance.colour from the source ec2: the instance has none"},
		{"two of them", []string{"local_ipv6", "hostname"}, map[string]string{"/meta-data/hostname": ""}, "fact", "instance.local_ipv6 from the source ec2: the instance has none\ncannot get instance.hostname"},
		{"no document, but the facts", []string{"id", "region"}, map[string]string{"/dynamic/instance-identity/document": ""}, "answer", ""},
		{"no document, and the account", []string{"account"}, map[string]string{"/dynamic/instance-identity/document": ""}, "fact", "instance.account"},
		{"a document without it", []string{"account"}, map[string]string{"/dynamic/instance-identity/document": `{"instanceId": "` + idA + `"}`}, "fact", "instance.account"},
		{"a document of somebody else", []string{"account"}, map[string]string{"/dynamic/instance-identity/document": `{"accountId": "canary"}`}, "unavailable", "not with what was asked for"},
		{"a document that is no JSON", []string{"account"}, map[string]string{"/dynamic/instance-identity/document": `<html>canary`}, "unavailable", "not with what was asked for"},
		{"an id that is none", []string{"id"}, map[string]string{"/meta-data/instance-id": "<html>canary</html>"}, "unavailable", "not with what was asked for"},
		{"an empty one", []string{"hostname"}, map[string]string{"/meta-data/hostname": " \n"}, "unavailable", "not with what was asked for"},
		{"one of two lines", []string{"hostname"}, map[string]string{"/meta-data/hostname": "canary\nb"}, "unavailable", "not with what was asked for"},
		{"a page", []string{"hostname"}, map[string]string{"/meta-data/hostname": "<html>canary</html>"}, "unavailable", "not with what was asked for"},
		{"an address of the other kind", []string{"local_ipv4"}, map[string]string{"/meta-data/local-ipv4": "::1"}, "unavailable", "not with what was asked for"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			f := serve(t, listen(t, "127.0.0.1:0"), nil)
			for path, doc := range c.docs {
				if f.docs[path] = doc; doc == "" {
					delete(f.docs, path)
				}
			}
			ctx, cancel := context.WithTimeout(t.Context(), 400*time.Millisecond)
			defer cancel()
			_, err := ask(t, f.listener.Addr().String()).Facts(ctx, c.names)
			if verdict(err) != c.want {
				t.Fatalf("%s (%v), want %s", verdict(err), err, c.want)
			}
			if err != nil && (!strings.Contains(err.Error(), c.says) || strings.Contains(err.Error(), "canary")) {
				t.Errorf("the error is %v, want one with %q", err, c.says)
			}
		})
	}
}

func TestCancelled(t *testing.T) {
	f := serve(t, listen(t, "127.0.0.1:0"), nil)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := ask(t, f.listener.Addr().String()).UserData(ctx); verdict(err) != "unavailable" {
		t.Errorf("%v", err)
	}
	if len(f.requests) > 0 {
		t.Errorf("requests %q", f.requests)
	}
}

package source

import (
	"context"
	"fmt"
	"net"
	"strings"
	"syscall"
	"testing"
	"time"
)

// blackhole is an address to which no connection ever comes about, and nothing says so: a listener that accepts
// nothing, with its backlog full.
func blackhole(t *testing.T, address string) string {
	t.Helper()
	family, at := syscall.AF_INET, syscall.Sockaddr(&syscall.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}})
	if strings.HasPrefix(address, "[") {
		listen(t, address).Close() // skips the test where there is no IPv6
		family, at = syscall.AF_INET6, &syscall.SockaddrInet6{Addr: [16]byte{15: 1}}
	}
	fd, err := syscall.Socket(family, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { syscall.Close(fd) })
	if err := syscall.Bind(fd, at); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Listen(fd, 0); err != nil {
		t.Fatal(err)
	}
	bound, err := syscall.Getsockname(fd)
	if err != nil {
		t.Fatal(err)
	}
	switch a := bound.(type) {
	case *syscall.SockaddrInet4:
		address = fmt.Sprintf("127.0.0.1:%d", a.Port)
	case *syscall.SockaddrInet6:
		address = fmt.Sprintf("[::1]:%d", a.Port)
	}
	for range 16 { // a few more than its backlog
		c, err := net.DialTimeout("tcp", address, 100*time.Millisecond)
		if err != nil {
			return address
		}
		t.Cleanup(func() { c.Close() })
	}
	t.Fatal("the backlog does not fill")
	return ""
}

func TestBlackholes(t *testing.T) {
	for _, c := range []struct{ name, dead, alive string }{
		{"IPv4 leads nowhere", "127.0.0.1:0", "[::1]:0"},
		{"IPv6 leads nowhere", "[::1]:0", "127.0.0.1:0"},
	} {
		t.Run(c.name, func(t *testing.T) {
			for _, order := range []string{"dead first", "alive first"} {
				f := serve(t, listen(t, c.alive), nil)
				endpoints := []string{blackhole(t, c.dead), f.listener.Addr().String()}
				if order == "alive first" {
					endpoints[0], endpoints[1] = endpoints[1], endpoints[0]
				}
				s := ask(t, endpoints...)
				if got, err := s.UserData(t.Context()); err != nil || string(got) != data {
					t.Errorf("%s: got %q, %v", order, got, err)
				}
				if len(s.waited) > 0 {
					t.Errorf("%s: it took more than one try: %q", order, s.logged)
				}
			}
		})
	}
	t.Run("both lead nowhere", func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
		defer cancel()
		_, err := ask(t, blackhole(t, "127.0.0.1:0"), blackhole(t, "[::1]:0")).UserData(ctx)
		if verdict(err) != "unavailable" || !strings.Contains(err.Error(), "no connection came about in time") {
			t.Errorf("%v", err)
		}
	})
}

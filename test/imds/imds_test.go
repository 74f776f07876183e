package imds

import (
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
)

// ask sends one request and returns its status and body.
func ask(t *testing.T, server *httptest.Server, method, path string, header ...string) (int, string) {
	t.Helper()
	request, err := http.NewRequest(method, server.URL+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i < len(header); i += 2 {
		request.Header.Set(header[i], header[i+1])
	}
	client := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	response, err := client.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		return response.StatusCode, "cut: " + string(body)
	}
	return response.StatusCode, string(body)
}

func start(t *testing.T, s *Server) *httptest.Server {
	server := httptest.NewServer(s)
	t.Cleanup(server.Close)
	return server
}

func TestToken(t *testing.T) {
	s := &Server{UserData: []byte(`{}`)}
	server := start(t, s)

	if status, _ := ask(t, server, "GET", "/latest/user-data"); status != 401 {
		t.Errorf("without a token: %d, want 401", status)
	}
	if status, _ := ask(t, server, "GET", "/latest/user-data", tokenHeader, "made-up"); status != 401 {
		t.Errorf("with a token of one's own: %d, want 401", status)
	}
	for _, ttl := range []string{"", "0", "21601", "x"} {
		if status, _ := ask(t, server, "PUT", "/latest/api/token", ttlHeader, ttl); status != 400 {
			t.Errorf("ttl %q: %d, want 400", ttl, status)
		}
	}
	if status, _ := ask(t, server, "PUT", "/latest/api/token", ttlHeader, "60", "X-Forwarded-For", "10.0.0.1"); status != 403 {
		t.Errorf("through a proxy: %d, want 403", status)
	}
	_, token := ask(t, server, "PUT", "/latest/api/token", ttlHeader, "60")
	if status, body := ask(t, server, "GET", "/latest/user-data", tokenHeader, token); status != 200 || body != `{}` {
		t.Errorf("with a token: %d %q, want 200 and the user data", status, body)
	}
	if status, body := ask(t, server, "GET", "/latest/meta-data/instance-id", tokenHeader, token); body != DefaultInstanceID {
		t.Errorf("instance-id: %d %q", status, body)
	}
	if status, _ := ask(t, server, "GET", "/latest/meta-data/nothing", tokenHeader, token); status != 404 {
		t.Errorf("an unknown path: %d, want 404", status)
	}
	got := s.Requests()
	if want := "GET /latest/user-data 200"; len(got) != 11 || !slices.Contains(got, want) {
		t.Errorf("requests %q, want 11 with %q", got, want)
	}
}

func TestFaults(t *testing.T) {
	const data = `{"x-a": "0123456789"}`
	tests := []struct {
		name   string
		server *Server
		status []int // of as many requests for user data
		body   string
	}{
		{"no user data", &Server{}, []int{404}, ""},
		{"busy at first", &Server{UserData: []byte(data), Faults: Faults{Fail: 503, FailFirst: 1, FailPath: "/latest/user-data"}},
			[]int{503, 200}, ""},
		{"refused for good", &Server{UserData: []byte(data), Faults: Faults{Fail: 403}}, []int{403, 403}, ""},
		{"a page", &Server{UserData: []byte(data), Faults: Faults{HTML: true}}, []int{200}, "<!DOCTYPE html>"},
		{"a redirect", &Server{UserData: []byte(data), Faults: Faults{Redirect: "http://127.0.0.1:1/"}}, []int{302}, ""},
		{"half a body", &Server{UserData: []byte(data), Faults: Faults{Truncate: 5}}, []int{200}, "cut: " + data[:5]},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			server := start(t, test.server)
			_, token := ask(t, server, "PUT", "/latest/api/token", ttlHeader, "60")
			for _, want := range test.status {
				status, body := ask(t, server, "GET", "/latest/user-data", tokenHeader, token)
				if status != want || !strings.HasPrefix(body, test.body) {
					t.Errorf("%d %q, want %d %q", status, body, want, test.body)
				}
			}
		})
	}
}

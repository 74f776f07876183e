package source

import (
	"io"
	"net/http"
	"testing"
)

// BenchmarkFirstBoot is what the requests of a first boot take, beside the same requests made with net/http alone.
// Both include the service's side of it.
func BenchmarkFirstBoot(b *testing.B) {
	f := serve(b, listen(b, "127.0.0.1:0"), nil)
	address := f.listener.Addr().String()
	b.Run("bootconf", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			s := ec2At([]string{address}, func(string) {})
			if _, err := s.UserData(b.Context()); err != nil {
				b.Fatal(err)
			}
			s.wire.open.Close()
		}
	})
	b.Run("net-http", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			transport := &http.Transport{}
			fetch(b, transport, "http://"+address)
			transport.CloseIdleConnections()
		}
	})
}

// fetch is the least program that gets user data.
func fetch(b *testing.B, transport http.RoundTripper, endpoint string) {
	client := &http.Client{Transport: transport}
	do := func(method, path, header, value string) string {
		r, err := http.NewRequest(method, endpoint+path, nil)
		if err != nil {
			b.Fatal(err)
		}
		r.Header.Set(header, value)
		resp, err := client.Do(r)
		if err != nil {
			b.Fatal(err)
		}
		defer resp.Body.Close()
		body, err := io.ReadAll(resp.Body)
		if err != nil || resp.StatusCode != http.StatusOK {
			b.Fatal(resp.Status, err)
		}
		return string(body)
	}
	token := do("PUT", tokenPath, "X-Aws-Ec2-Metadata-Token-Ttl-Seconds", "300")
	do("GET", userDataPath, "X-Aws-Ec2-Metadata-Token", token)
}

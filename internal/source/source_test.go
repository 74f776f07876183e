package source

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func env(pairs ...string) func(string) string {
	return func(name string) string {
		for i := 0; i < len(pairs); i += 2 {
			if pairs[i] == name {
				return pairs[i+1]
			}
		}
		return ""
	}
}

func TestOpen(t *testing.T) {
	onEC2 := func() (string, string) { return "ec2", "" }
	elsewhere := func() (string, string) { return "", `DMI's sys_vendor is "QEMU"` }
	for _, c := range []struct {
		name string
		o    Options
		want string // the name of the source, or what the error says
	}{
		{"ec2", Options{}, "ec2"},
		{"file:/run/user-data.json", Options{}, "file:/run/user-data.json"},
		{"auto", Options{Detect: onEC2}, "ec2"},
		{"auto", Options{Detect: elsewhere}, `cannot tell the source by itself: DMI's sys_vendor is "QEMU"; set "source" in policy.json to "ec2" or "file:PATH"`},
		{"auto", Options{}, `cannot tell the source by itself below a root: set "source" in policy.json, or --source`},
		{"file:user-data.json", Options{}, `cannot use the source "file:user-data.json": the path must be absolute`},
		{"file:", Options{}, `cannot use the source "file:": the path must be absolute`},
		{"gce", Options{}, `cannot use the source "gce": it must be "ec2", "file:PATH" or "auto"`},
		{"", Options{}, `cannot use the source "": it must be "ec2", "file:PATH" or "auto"`},
	} {
		s, err := Open(c.name, c.o)
		got := ""
		if err != nil {
			got = err.Error()
		} else {
			got = s.Name()
		}
		if got != c.want {
			t.Errorf("Open(%q) gives %s, want %s", c.name, got, c.want)
		}
	}
}

func TestEndpointVariable(t *testing.T) {
	f := serve(t, listen(t, "127.0.0.1:0"), nil)
	for _, value := range []string{"http://" + f.listener.Addr().String(), "http://" + f.listener.Addr().String() + "/"} {
		s, err := Open("ec2", Options{Getenv: env("AWS_EC2_METADATA_SERVICE_ENDPOINT", value)})
		if err != nil {
			t.Fatal(err)
		}
		if got, err := s.UserData(t.Context()); err != nil || string(got) != data {
			t.Errorf("got %q, %v", got, err)
		}
	}
	for _, value := range []string{"https://127.0.0.1", "127.0.0.1:1338", "http://", "http://user:canary@127.0.0.1", "http://127.0.0.1/path", "http://127.0.0.1?x=y", "ftp://127.0.0.1", "http://[::1", "x"} {
		_, err := Open("ec2", Options{Getenv: env("AWS_EC2_METADATA_SERVICE_ENDPOINT", value)})
		if err == nil || !strings.Contains(err.Error(), "AWS_EC2_METADATA_SERVICE_ENDPOINT") || strings.Contains(err.Error(), "canary") {
			t.Errorf("%s: %v", value, err)
		}
	}
}

func TestSwitchedOff(t *testing.T) {
	f := serve(t, listen(t, "127.0.0.1:0"), nil)
	s, err := Open("ec2", Options{Getenv: env("AWS_EC2_METADATA_SERVICE_ENDPOINT", "http://"+f.listener.Addr().String(), "AWS_EC2_METADATA_DISABLED", "True")})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.UserData(t.Context()); verdict(err) != "unavailable" || !strings.Contains(err.Error(), "AWS_EC2_METADATA_DISABLED") {
		t.Errorf("%v", err)
	}
	if f.connections > 0 {
		t.Error("it was asked")
	}
}

// below reads files below a directory.
type below string

func (b below) ReadFile(path string) ([]byte, error) {
	return os.ReadFile(filepath.Join(string(b), path))
}

type broken struct{}

func (broken) ReadFile(path string) ([]byte, error) {
	return nil, &fs.PathError{Op: "openat", Path: path, Err: fs.ErrPermission}
}

func TestFile(t *testing.T) {
	dir := t.TempDir()
	for name, content := range map[string]string{"good": data, "long": strings.Repeat("x", MaxBody+1), "empty": ""} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	open := func(path string, o Options) Source {
		s, err := Open("file:"+path, o)
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	o := Options{Files: below(dir)}
	if got, err := open("/good", o).UserData(t.Context()); err != nil || string(got) != data {
		t.Errorf("got %q, %v", got, err)
	}
	if got, err := open("/empty", o).UserData(t.Context()); err != nil || len(got) != 0 {
		t.Errorf("got %q, %v", got, err)
	}
	for _, c := range []struct {
		path  string
		o     Options
		want  string
		error string
	}{
		{"/none", o, "none", "there is no user data: /none does not exist"},
		{"/long", o, "invalid", "the user data from /long is invalid: it is longer than 2097152 bytes"},
		{"/x", Options{Files: broken{}}, "unavailable", "cannot get user data: /x: permission denied"},
	} {
		_, err := open(c.path, c.o).UserData(t.Context())
		if verdict(err) != c.want || err.Error() != c.error {
			t.Errorf("%s: %v, want %s: %s", c.path, err, c.want, c.error)
		}
	}
	if _, err := open("/x", Options{Files: broken{}}).UserData(t.Context()); !errors.Is(err, fs.ErrPermission) {
		t.Errorf("%v hides its cause", err)
	}

	s := open("/good", o)
	if _, err := s.InstanceID(t.Context()); verdict(err) != "fact" {
		t.Errorf("instance id: %v", err)
	}
	if facts, err := s.Facts(t.Context(), nil); err != nil || len(facts) != 0 {
		t.Errorf("no facts: %v, %v", facts, err)
	}
	want := "cannot get instance.region from the source file:/good: a file knows nothing of the instance\ncannot get instance.id from the source file:/good: a file knows nothing of the instance"
	if _, err := s.Facts(t.Context(), []string{"region", "id"}); verdict(err) != "fact" || err.Error() != want {
		t.Errorf("facts: %v", err)
	}
}

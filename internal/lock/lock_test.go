package lock

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"strings"
	"syscall"
	"testing"

	"github.com/bootconf/bootconf/internal/paths"
	"github.com/bootconf/bootconf/internal/rootfs"
)

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func root(t testing.TB) (*rootfs.Root, string) {
	t.Helper()
	dir := t.TempDir()
	r, err := rootfs.Open(dir)
	must(t, err)
	t.Cleanup(func() { r.Close() })
	return r, dir
}

var record = &Record{
	State:           Locked,
	Identity:        []byte(`{"version":1,"method":"asset-tag","instance_id":"i-0123456789abcdef0"}`),
	UserDataSHA256:  "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
	Time:            "2025-11-22T17:00:00Z",
	BootconfVersion: "1.0.0",
	Services:        []string{"database", "windtrap"},
	Files:           []string{"/etc/windtrap/a \"quoted\" ü.toml", "/etc/windtrap/b"},
	Directories:     []string{"/etc/windtrap"},
}

// written is a root with the record in it.
func written(t testing.TB, r *Record) (*rootfs.Root, string) {
	t.Helper()
	files, dir := root(t)
	run, err := Acquire(files)
	must(t, err)
	run.Release()
	must(t, Write(files, r))
	return files, dir
}

func TestWriteRead(t *testing.T) {
	for _, r := range []*Record{record, {State: Pending, Time: "2025-11-22T17:00:00+01:00"}} {
		files, dir := written(t, r)
		got, err := Read(files)
		must(t, err)
		if !reflect.DeepEqual(got, r) {
			t.Errorf("%+v\nwant\n%+v", got, r)
		}
		info, err := os.Stat(dir + paths.Lock)
		must(t, err)
		if info.Mode() != 0o600 {
			t.Errorf("mode %v", info.Mode())
		}
		next := *r
		next.BootconfVersion = "2"
		must(t, Write(files, &next))
		if got, err := Read(files); err != nil || got.BootconfVersion != "2" {
			t.Errorf("%+v, %v", got, err)
		}
	}
}

// The form that other tools may read.
func TestForm(t *testing.T) {
	_, dir := written(t, record)
	got, err := os.ReadFile(dir + paths.Lock)
	must(t, err)
	want := `{
  "version": 1,
  "state": "locked",
  "identity": {"version":1,"method":"asset-tag","instance_id":"i-0123456789abcdef0"},
  "user_data_sha256": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
  "time": "2025-11-22T17:00:00Z",
  "bootconf_version": "1.0.0",
  "services": ["database", "windtrap"],
  "files": ["/etc/windtrap/a \"quoted\" ü.toml", "/etc/windtrap/b"],
  "directories": ["/etc/windtrap"],
  "checksum": "sha256:`
	if !strings.HasPrefix(string(got), want) || len(got) != len(want)+64+len("\"\n}\n") {
		t.Errorf("%s\nwant\n%s", got, want)
	}
}

func TestWriteRefused(t *testing.T) {
	files, _ := written(t, record)
	for name, r := range map[string]*Record{
		"time":     {State: Locked, Time: "yesterday"},
		"state":    {State: "open", Time: record.Time},
		"identity": {State: Locked, Time: record.Time, Identity: []byte(`{"a":`)},
		"no UTF-8": {State: Locked, Time: record.Time, Files: []string{"/etc/\xff"}},
	} {
		if err := Write(files, r); err == nil {
			t.Errorf("%s: written", name)
		}
	}
	if got, err := Read(files); err != nil || !reflect.DeepEqual(got, record) {
		t.Errorf("afterwards: %+v, %v", got, err)
	}
}

func TestAbsent(t *testing.T) {
	files, dir := root(t)
	for _, d := range []string{"", "/var/lib", paths.State} {
		must(t, os.MkdirAll(dir+d, 0o755))
		if r, err := Read(files); r != nil || err != nil {
			t.Errorf("with %s: %v, %v", d, r, err)
		}
	}
}

// A lock that can't be trusted is an error: never one that is there, and never none.
func TestCorrupt(t *testing.T) {
	lockAt := func(dir string) string { return dir + paths.Lock }
	set := func(t *testing.T, dir, text string) { must(t, os.WriteFile(lockAt(dir), []byte(text), 0o600)) }
	cases := map[string]func(t *testing.T, dir, text string){
		"empty":    func(t *testing.T, dir, text string) { set(t, dir, "") },
		"edited":   func(t *testing.T, dir, text string) { set(t, dir, strings.Replace(text, "windtrap", "windtrab", 1)) },
		"appended": func(t *testing.T, dir, text string) { set(t, dir, text+"\n") },
		"blank":    func(t *testing.T, dir, text string) { set(t, dir, strings.Replace(text, ": 1", ":1", 1)) },
		"version":  func(t *testing.T, dir, text string) { set(t, dir, reseal(strings.Replace(text, ": 1,", ": 2,", 1))) },
		"no version": func(t *testing.T, dir, text string) {
			set(t, dir, reseal(strings.Replace(text, `"version": 1,`, "", 1)))
		},
		"state":   func(t *testing.T, dir, text string) { set(t, dir, reseal(strings.Replace(text, "locked", "open", 1))) },
		"unknown": func(t *testing.T, dir, text string) { set(t, dir, reseal(strings.Replace(text, "files", "filez", 1))) },
		"type": func(t *testing.T, dir, text string) {
			set(t, dir, reseal(strings.Replace(text, `"locked"`, `["locked"]`, 1)))
		},
		"syntax": func(t *testing.T, dir, text string) {
			set(t, dir, reseal(strings.Replace(text, `"locked",`, `"locked"`, 1)))
		},
		"twice": func(t *testing.T, dir, text string) {
			set(t, dir, reseal(strings.Replace(text, `"services"`, `"files"`, 1)))
		},
		"too large": func(t *testing.T, dir, text string) { must(t, os.Truncate(lockAt(dir), maxRecord+1)) },
		"group":     func(t *testing.T, dir, text string) { must(t, os.Chmod(lockAt(dir), 0o660)) },
		"world":     func(t *testing.T, dir, text string) { must(t, os.Chmod(lockAt(dir), 0o602)) },
		"directory": func(t *testing.T, dir, text string) {
			must(t, os.Remove(lockAt(dir)))
			must(t, os.Mkdir(lockAt(dir), 0o700))
		},
		"a link": func(t *testing.T, dir, text string) {
			must(t, os.Rename(lockAt(dir), dir+"/lock.json"))
			must(t, os.Symlink("/lock.json", lockAt(dir)))
		},
		"a link to nowhere": func(t *testing.T, dir, text string) {
			must(t, os.Remove(lockAt(dir)))
			must(t, os.Symlink("/nowhere", lockAt(dir)))
		},
		"a FIFO": func(t *testing.T, dir, text string) {
			must(t, os.Remove(lockAt(dir)))
			must(t, syscall.Mkfifo(lockAt(dir), 0o600))
		},
		"the state is a file": func(t *testing.T, dir, text string) {
			must(t, os.RemoveAll(dir+paths.State))
			must(t, os.WriteFile(dir+paths.State, nil, 0o600))
		},
		"the state is a loop": func(t *testing.T, dir, text string) {
			must(t, os.RemoveAll(dir+paths.State))
			must(t, os.Symlink("bootconf", dir+paths.State))
		},
		"the state leads nowhere": func(t *testing.T, dir, text string) {
			must(t, os.RemoveAll(dir+paths.State))
			must(t, os.Symlink("/not/mounted", dir+paths.State))
		},
		"/var leads nowhere": func(t *testing.T, dir, text string) {
			must(t, os.RemoveAll(dir+"/var"))
			must(t, os.Symlink("/not/mounted", dir+"/var"))
		},
	}
	if os.Getuid() == 0 {
		cases["owner"] = func(t *testing.T, dir, text string) { must(t, os.Chown(lockAt(dir), 1000, 0)) }
	} else {
		cases["unreadable"] = func(t *testing.T, dir, text string) { must(t, os.Chmod(lockAt(dir), 0)) }
	}
	for name, damage := range cases {
		t.Run(name, func(t *testing.T) {
			files, dir := written(t, record)
			text, err := os.ReadFile(lockAt(dir))
			must(t, err)
			damage(t, dir, string(text))
			r, err := Read(files)
			var c *CorruptError
			if r != nil || !errors.As(err, &c) || !strings.Contains(err.Error(), paths.Lock) {
				t.Errorf("%v, %v", r, err)
			}
		})
	}
	text, err := record.encode()
	must(t, err)
	for n := range text {
		if r, reason := decode(text[:n]); r != nil || reason == "" {
			t.Errorf("cut off at %d: %v", n, r)
		}
		edited := []byte(string(text))
		edited[n] ^= 1
		if r, reason := decode(edited); r != nil || reason == "" {
			t.Errorf("edited at %d: %v", n, r)
		}
	}
}

// reseal gives an edited record a checksum that is right.
func reseal(text string) string {
	body := text[:len(text)-sumLength]
	return body + sumPrefix + sum([]byte(body)) + sumSuffix
}

// A lock that carries the immutable flag is replaced all the same.
func TestImmutable(t *testing.T) {
	files, _ := written(t, record)
	d, err := files.OpenDir(paths.State)
	must(t, err)
	defer d.Close()
	if err := d.SetImmutable("lock.json", true); err != nil {
		t.Skipf("NOT TESTED: cannot set the immutable flag: %v", err)
	}
	defer d.SetImmutable("lock.json", false)
	must(t, Write(files, &Record{State: Pending, Time: record.Time}))
	if r, err := Read(files); err != nil || r.State != Pending {
		t.Errorf("%v, %v", r, err)
	}
}

func TestWriteFails(t *testing.T) {
	files, _ := written(t, record)
	for n := 0; ; n++ {
		count, failed := 0, ""
		files.Hook(func(call, path string) error {
			if count++; count == n+1 {
				failed = call + " " + path
				return syscall.ENOSPC
			}
			return nil
		})
		next := *record
		next.State, next.BootconfVersion = Pending, fmt.Sprint(n)
		err := Write(files, &next)
		files.Hook(nil)
		got, rerr := Read(files)
		must(t, rerr)
		if failed == "" {
			if err != nil || n < 5 {
				t.Errorf("%v after %d calls", err, n)
			}
			break
		}
		// The last call syncs the directory: by then the record is in place.
		if !errors.Is(err, syscall.ENOSPC) || got.State != Locked && !strings.HasPrefix(failed, "fsync "+paths.State+"") {
			t.Errorf("%s failed: %v, the lock is %v", failed, err, got.State)
		}
		must(t, Write(files, record))
	}
}

// Two runs at once: the second is turned away, and a killed one leaves no lock behind.
func TestAcquire(t *testing.T) {
	if dir := os.Getenv("BOOTCONF_TEST_ROOT"); dir != "" {
		files, err := rootfs.Open(dir)
		must(t, err)
		if _, err := Acquire(files); err != nil {
			fmt.Println(err)
			os.Exit(9)
		}
		fmt.Println("acquired")
		syscall.Kill(os.Getpid(), syscall.SIGKILL)
		select {}
	}
	files, dir := root(t)
	other := func() string {
		cmd := exec.Command(os.Args[0], "-test.run=^TestAcquire$")
		cmd.Env = append(os.Environ(), "BOOTCONF_TEST_ROOT="+dir)
		out, _ := cmd.Output()
		return string(out)
	}
	if got := other(); got != "acquired\n" {
		t.Fatalf("the first: %q", got)
	}
	run, err := Acquire(files)
	if err != nil {
		t.Fatalf("after a killed one: %v", err)
	}
	if got := other(); got != ErrBusy.Error()+"\n" {
		t.Errorf("while there is one: %q", got)
	}
	if _, err := Acquire(files); !errors.Is(err, ErrBusy) {
		t.Errorf("again: %v", err)
	}
	run.Release()
	if got := other(); got != "acquired\n" {
		t.Errorf("after the release: %q", got)
	}
	info, err := os.Stat(dir + paths.State)
	must(t, err)
	above, err := os.Stat(filepath.Dir(dir + paths.State))
	must(t, err)
	if info.Mode() != 0o700|fs.ModeDir || above.Mode() != 0o755|fs.ModeDir {
		t.Errorf("modes %v and %v", info.Mode(), above.Mode())
	}
}

// A locked boot writes nothing: neither Acquire nor Read changes anything where there is a lock.
func TestNoWrite(t *testing.T) {
	files, _ := written(t, record)
	files.Hook(func(call, path string) error {
		t.Errorf("%s %s", call, path)
		return nil
	})
	run, err := Acquire(files)
	must(t, err)
	defer run.Release()
	if _, err := Read(files); err != nil {
		t.Error(err)
	}
}

func FuzzRecord(f *testing.F) {
	text, err := record.encode()
	must(f, err)
	f.Add(text)
	f.Add([]byte(`{"version": 1, "state": "locked", "time": "2025-11-22T17:00:00Z"`))
	f.Add([]byte(`{"version": 1, "files": ["a", ]`))
	f.Fuzz(func(t *testing.T, text []byte) {
		for _, text := range [][]byte{text, []byte(string(text) + sumPrefix + sum(text) + sumSuffix)} {
			r, reason := decode(text)
			if (r == nil) == (reason == "") {
				t.Fatalf("%v, %q", r, reason)
			}
			if r == nil {
				continue
			}
			again, err := r.encode()
			must(t, err)
			if r2, reason := decode(again); reason != "" || r2.State != r.State || len(r2.Files) != len(r.Files) {
				t.Fatalf("%+v, %q, want %+v", r2, reason, r)
			}
		}
	})
}

func BenchmarkRead(b *testing.B) {
	files, _ := written(b, record)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Read(files); err != nil {
			b.Fatal(err)
		}
	}
}

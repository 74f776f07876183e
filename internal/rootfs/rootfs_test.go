package rootfs

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"testing"
)

// tree makes files, links and directories below a new directory: "a/b" is a file with that content, "a -> b" a link.
// Beside the root lies a directory outside with a file secret.
func tree(t *testing.T, entries ...string) (root *Root, dir string) {
	t.Helper()
	top := t.TempDir()
	dir = filepath.Join(top, "root")
	must(t, os.MkdirAll(filepath.Join(top, "outside"), 0o755))
	must(t, os.WriteFile(filepath.Join(top, "outside", "secret"), []byte("outside"), 0o644))
	must(t, os.Mkdir(dir, 0o755))
	for _, e := range entries {
		name, target, link := strings.Cut(e, " -> ")
		path := filepath.Join(dir, name)
		must(t, os.MkdirAll(filepath.Dir(path), 0o755))
		switch {
		case link:
			must(t, os.Symlink(strings.ReplaceAll(target, "TOP", top), path))
		case strings.HasSuffix(name, "/"):
			must(t, os.MkdirAll(path, 0o755))
		default:
			must(t, os.WriteFile(path, []byte(name), 0o644))
		}
	}
	root, err := Open(dir)
	must(t, err)
	t.Cleanup(func() { root.Close() })
	return root, dir
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func TestResolve(t *testing.T) {
	chain := []string{"end"}
	for i := range 45 {
		target := "c" + string(rune('A'+i-1))
		if i == 0 {
			target = "end"
		}
		chain = append(chain, "c"+string(rune('A'+i))+" -> "+target)
	}
	root, _ := tree(t, append(chain,
		"etc/file", "run/file", "var/run -> /run", "var/lib/", "etc/abs -> /etc/file", "etc/rel -> ../run/file",
		"etc/up -> ../../../../../../../outside/secret", "etc/out -> TOP/outside/secret", "etc/outdir -> TOP/outside",
		"etc/updir -> ../../outside", "loop -> loop", "loopdir -> loopdir/x", "ping -> /pong", "pong -> ping",
		"dangling -> /nowhere", "etc/self -> .", "etc/top -> /", "etc/slash -> /run/", "etc/dotdot -> /etc/../run/file",
		"deep -> etc/top/etc/self/top/var/run/file", "etc/app/sub/",
	)...)
	for _, c := range []struct {
		path string
		want string // the content
		err  error
	}{
		{path: "/etc/file", want: "etc/file"},
		{path: "etc/file", want: "etc/file"},
		{path: "/etc//./file", want: "etc/file"},
		{path: "/../../etc/file", want: "etc/file"},
		{path: "/etc/../run/file", want: "run/file"},
		{path: "/etc/app/sub/../../file", want: "etc/file"},
		{path: "/var/run/file", want: "run/file"},
		{path: "/var/run/../etc/file", want: "etc/file"}, // ".." of where the link leads
		{path: "/etc/abs", want: "etc/file"},
		{path: "/etc/rel", want: "run/file"},
		{path: "/etc/self/self/self/file", want: "etc/file"},
		{path: "/etc/top/run/file", want: "run/file"},
		{path: "/etc/slash/file", want: "run/file"},
		{path: "/etc/dotdot", want: "run/file"},
		{path: "/deep", want: "run/file"},
		{path: "/cA", want: "end"},
		{path: "/c" + string(rune('A'+39)), want: "end"},
		{path: "/c" + string(rune('A'+40)), err: syscall.ELOOP},
		{path: "/etc/up", err: fs.ErrNotExist},
		{path: "/etc/out", err: fs.ErrNotExist},
		{path: "/etc/outdir/secret", err: fs.ErrNotExist},
		{path: "/etc/updir/secret", err: fs.ErrNotExist},
		{path: "/loop", err: syscall.ELOOP},
		{path: "/loop/x", err: syscall.ELOOP},
		{path: "/loopdir/x", err: syscall.ELOOP},
		{path: "/ping/x", err: syscall.ELOOP},
		{path: "/dangling", err: fs.ErrNotExist},
		{path: "/dangling/x", err: fs.ErrNotExist},
		{path: "/nowhere/../etc/file", err: fs.ErrNotExist},
		{path: "/etc/file/x", err: syscall.ENOTDIR},
		{path: "/etc", err: syscall.EISDIR},
		{path: "/", err: syscall.EISDIR},
		{path: "/" + strings.Repeat("etc/top/", 30), err: syscall.EISDIR},
		{path: "/" + "etc/" + strings.Repeat("self/", 41), err: syscall.ELOOP},
	} {
		got, err := root.ReadFile(c.path)
		if string(got) != c.want || !errors.Is(err, c.err) {
			t.Errorf("%s: %q, %v; want %q, %v", c.path, got, err, c.want, c.err)
		}
		var p *fs.PathError
		if err != nil && (!errors.As(err, &p) || p.Path != c.path) {
			t.Errorf("%s: the error %v is no PathError of that path", c.path, err)
		}
	}
}

// The process's own root is resolved by the kernel, to the same end.
func TestRealRoot(t *testing.T) {
	root, err := Open("/")
	must(t, err)
	defer root.Close()
	dir := t.TempDir()
	must(t, os.WriteFile(dir+"/file", []byte("content"), 0o644))
	must(t, os.Symlink(dir+"/file", dir+"/link"))
	got, err := root.ReadFile(dir + "/link")
	if string(got) != "content" || err != nil || !root.Real() {
		t.Errorf("%q, %v, %v", got, err, root.Real())
	}
	if _, err := root.ReadFile(dir + "/none"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("%v; want that there is none", err)
	}
	sub, err := Open(dir)
	must(t, err)
	defer sub.Close()
	if sub.Real() {
		t.Error("a directory is taken for the real root")
	}
}

func TestReadFile(t *testing.T) {
	root, dir := tree(t, "empty")
	must(t, os.Truncate(dir+"/empty", 0))
	must(t, os.WriteFile(dir+"/big", make([]byte, 1000), 0o644))
	must(t, syscall.Mkfifo(dir+"/fifo", 0o644))
	if got, err := root.ReadFile("/empty"); len(got) != 0 || err != nil {
		t.Errorf("empty: %q, %v", got, err)
	}
	if got, err := root.ReadFileMax("/big", 1000); len(got) != 1000 || err != nil {
		t.Errorf("1000 of 1000: %d, %v", len(got), err)
	}
	if _, err := root.ReadFileMax("/big", 999); !errors.Is(err, ErrTooLarge) {
		t.Errorf("1000 of 999: %v", err)
	}
	must(t, os.Truncate(dir+"/big", 1<<40))
	if _, err := root.ReadFile("/big"); !errors.Is(err, ErrTooLarge) { // and takes no memory
		t.Errorf("1 TiB: %v", err)
	}
	if _, err := root.ReadFile("/fifo"); err == nil { // and it must return
		t.Error("a FIFO was read")
	}
	proc, err := Open("/proc")
	must(t, err)
	defer proc.Close()
	if got, err := proc.ReadFile("/version"); !strings.HasPrefix(string(got), "Linux") || err != nil { // has no size
		t.Errorf("/proc/version: %q, %v", got, err)
	}
	if _, err := proc.ReadFileMax("/version", 3); !errors.Is(err, ErrTooLarge) {
		t.Errorf("/proc/version of 3 bytes: %v", err)
	}
}

func TestReadDirAndStat(t *testing.T) {
	root, dir := tree(t, "d/b", "d/a", "d/sub/", "d/link -> /d/a", "to -> /d", "none -> /nowhere")
	must(t, os.Chmod(dir+"/d/a", 0o640|fs.ModeSetuid))
	entries, err := root.ReadDir("/to")
	must(t, err)
	var got []string
	for _, e := range entries {
		info, err := e.Info()
		must(t, err)
		if info.Mode().Type() != e.Type() || info.Name() != e.Name() {
			t.Errorf("%s: Info is of %s, a %v", e.Name(), info.Name(), info.Mode())
		}
		got = append(got, e.Name()+" "+e.Type().String())
	}
	want := []string{"a ----------", "b ----------", "link L---------", "sub d---------"}
	if !slices.Equal(got, want) {
		t.Errorf("ReadDir: %q, want %q", got, want)
	}
	if target, err := root.Readlink("/to/link"); target != "/d/a" || err != nil {
		t.Errorf("Readlink: %q, %v", target, err)
	}
	if _, err := root.Readlink("/d/a"); err == nil {
		t.Error("Readlink of a file")
	}
	for _, c := range []struct {
		name string
		stat func(string) (fs.FileInfo, error)
		path string
		want fs.FileMode
	}{
		{"Stat", root.Stat, "/to/link", 0o640 | fs.ModeSetuid},
		{"Lstat", root.Lstat, "/to/link", 0o777 | fs.ModeSymlink},
		{"Stat", root.Stat, "/to", 0o755 | fs.ModeDir},
		{"Lstat", root.Lstat, "/", 0o755 | fs.ModeDir},
		{"Lstat", root.Lstat, "/none", 0o777 | fs.ModeSymlink},
	} {
		info, err := c.stat(c.path)
		if err != nil || info.Mode() != c.want || info.(Info).UID() != os.Getuid() {
			t.Errorf("%s %s: %v, %v; want %v", c.name, c.path, info, err, c.want)
		}
	}
	if _, err := root.Stat("/none"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("Stat of a link to nowhere: %v", err)
	}
}

func TestOwners(t *testing.T) {
	root, dir := tree(t, "etc/")
	if id, err := root.UID("root"); id != 0 || err != nil { // without a passwd
		t.Errorf("root: %d, %v", id, err)
	}
	if _, err := root.GID("windtrap"); err == nil || !strings.Contains(err.Error(), `no group "windtrap" in /etc/group`) {
		t.Errorf("without a group file: %v", err)
	}
	must(t, os.WriteFile(dir+"/etc/passwd", []byte("root:x:0:0::/:/bin/sh\n+nis\nshort:x\nbad:x:many:1\nbad:x:7:7\napp:x:998:997:App:/srv:/bin/sh"), 0o644))
	must(t, os.WriteFile(dir+"/etc/group", []byte("root:x:0:\napp:x:997:alice,bob\nlast:x:5"), 0o644))
	root, err := Open(dir)
	must(t, err)
	defer root.Close()
	for _, c := range []struct {
		look func(string) (int, error)
		name string
		want int
		ok   bool
	}{
		{root.UID, "app", 998, true}, {root.GID, "app", 997, true}, {root.GID, "last", 5, true},
		{root.UID, "1234", 1234, true}, {root.UID, "bad", 7, true}, {root.UID, "0", 0, true},
		{root.UID, "short", 0, false}, {root.UID, "ap", 0, false}, {root.UID, "", 0, false},
		{root.UID, "4294967295", 0, false}, {root.UID, "-1", 0, false}, {root.GID, "alice", 0, false},
	} {
		if got, err := c.look(c.name); got != c.want || (err == nil) != c.ok {
			t.Errorf("%q: %d, %v; want %d", c.name, got, err, c.want)
		}
	}
}

func TestWriteFileAtomic(t *testing.T) {
	defer syscall.Umask(syscall.Umask(0o077))
	root, dir := tree(t, "etc/file", "etc/.file~", "etc/link -> /etc/file", "out -> TOP/outside")
	for _, path := range []string{"/etc/file", "/etc/link", "/etc/new"} {
		must(t, root.WriteFileAtomic(path, []byte("new "+path), 0o644))
		info, err := os.Lstat(dir + path)
		must(t, err)
		got, _ := os.ReadFile(dir + path)
		if info.Mode() != 0o644 || string(got) != "new "+path {
			t.Errorf("%s: %v, %q", path, info.Mode(), got)
		}
	}
	if err := root.WriteFileAtomic("/none/file", nil, 0o644); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("without its directory: %v", err)
	}
	must(t, root.WriteFileVolatile("/run/bootconf/services/x", nil, 0o644))
	if info, err := os.Stat(dir + "/run/bootconf/services"); err != nil || info.Mode() != 0o755|fs.ModeDir {
		t.Errorf("its directory: %v, %v", info, err)
	}
	// Outside there is a directory, within the root the same link leads nowhere.
	if err := root.WriteFileAtomic("/out/file", []byte("x"), 0o644); err == nil {
		t.Error("written through a link that leads outside")
	}
	root.Hook(func(call, path string) error {
		if call == "rename" {
			return syscall.EIO
		}
		return nil
	})
	if err := root.WriteFileAtomic("/etc/new", []byte("newer"), 0o644); !errors.Is(err, syscall.EIO) {
		t.Errorf("%v, want EIO", err)
	}
	root.Hook(nil)
	names, _ := filepath.Glob(dir + "/etc/.*")
	if got, _ := os.ReadFile(dir + "/etc/new"); string(got) != "new /etc/new" || len(names) > 0 {
		t.Errorf("after a failed rename: %q, left over %q", got, names)
	}
	must(t, root.Remove("/etc/new"))
	must(t, root.Remove("/etc/new"))
	must(t, root.Remove("/nowhere/new"))
}

// The calls of a durable write, in their order: what a power cut can leave depends on it.
func TestWriteOrder(t *testing.T) {
	root, _ := tree(t, "etc/")
	var calls []string
	root.Hook(func(call, path string) error {
		calls = append(calls, call+" "+path)
		return nil
	})
	must(t, root.WriteFileAtomic("/etc/f", []byte("x"), 0o600))
	want := []string{"create /etc/.f~", "chmod /etc/.f~", "write /etc/.f~", "fsync /etc/.f~", "rename /etc/f", "fsync /etc"}
	if !slices.Equal(calls, want) {
		t.Errorf("%q, want %q", calls, want)
	}
}

// While another process swaps a directory for a link to the outside, nothing is read from there or written to.
func TestSwap(t *testing.T) {
	root, dir := tree(t, "etc/app/secret", "spare -> TOP/outside")
	outside := filepath.Join(filepath.Dir(dir), "outside")
	stop, stopped := make(chan struct{}), make(chan int)
	go func() {
		n := 0
		for ; ; n++ {
			select {
			case <-stop:
				stopped <- n
				return
			default:
			}
			os.Rename(dir+"/etc/app", dir+"/etc/tmp")
			os.Rename(dir+"/spare", dir+"/etc/app")
			os.Rename(dir+"/etc/app", dir+"/spare")
			os.Rename(dir+"/etc/tmp", dir+"/etc/app")
			runtime.Gosched()
		}
	}()
	read, wrote := 0, 0
	for i := 0; i < 1000 || read < 30 || wrote < 30; i++ {
		got, err := root.ReadFile("/etc/app/secret")
		if string(got) == "outside" {
			t.Fatal("read a file that is outside")
		}
		if err == nil {
			read++
		}
		if d, err := root.OpenDir("/etc/app"); err == nil {
			if err := d.WriteFileAtomic("new", []byte("x"), 0o600, nil); err == nil {
				wrote++
			}
			d.Close()
		}
	}
	close(stop)
	if n := <-stopped; n < 10 {
		t.Fatalf("%d swaps: nothing was tried", n)
	}
	entries, err := os.ReadDir(outside)
	must(t, err)
	if len(entries) != 1 {
		t.Errorf("outside there is now %v", entries)
	}
}

// In the real root, a user's link must not lead root's writes to a directory of another.
func TestUserLink(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("NOT TESTED: only root can make links of other users")
	}
	root, dir := tree(t, "home/app/conf/", "etc/", "home/other/", "home/app/bad -> /etc", "home/app/worse -> /home/other",
		"home/app/good -> conf", "home/app/new -> /etc/new", "rootlink -> /home/app/conf", "home/app/via -> /home/app/bad")
	root.slash = true // as if it were the real one
	for _, name := range []string{"", "/conf", "/bad", "/worse", "/good", "/new", "/via"} {
		must(t, os.Lchown(dir+"/home/app"+name, 1000, 1000))
	}
	must(t, os.Chown(dir+"/home/other", 1001, 1001))
	for path, allowed := range map[string]bool{
		"/home/app": true, "/home/app/conf": true, "/home/app/good": true, "/rootlink": true,
		"/home/app/bad": false, "/home/app/worse": false, "/home/app/new": false, "/home/app/via": false,
		"/home/app/bad/..": false,
	} {
		d, _, err := root.OpenDeepest(path)
		if (err == nil) != allowed {
			t.Errorf("%s: %v, want it allowed: %v", path, err, allowed)
		}
		if err == nil {
			d.Close()
		}
	}
}

func TestOpenDeepest(t *testing.T) {
	root, dir := tree(t, "etc/", "etc/app -> /srv/app", "srv/")
	for _, c := range []struct{ path, at, missing string }{
		{"/etc", "/etc", ""},
		{"/etc/a/b", "/etc", "a b"},
		{"/etc/app/conf.d", "/srv", "app conf.d"},
	} {
		d, missing, err := root.OpenDeepest(c.path)
		must(t, err)
		if d.Path() != c.at || strings.Join(missing, " ") != c.missing {
			t.Errorf("%s: %s, %q", c.path, d.Path(), missing)
		}
		d.Close()
	}
	if _, _, err := root.OpenDeepest("/etc/a/../b"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("up from a directory that is missing: %v", err)
	}
	must(t, root.MkdirAll("/etc/app/conf.d", 0o700))
	if info, err := os.Stat(dir + "/srv/app/conf.d"); err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("%v, %v", info, err)
	}
}

func BenchmarkReadFile(b *testing.B) {
	dir := b.TempDir()
	os.MkdirAll(dir+"/etc/bootconf/services/x", 0o755)
	os.WriteFile(dir+"/etc/bootconf/services/x/service.json", make([]byte, 2000), 0o644)
	for _, c := range []struct{ name, root, prefix string }{{"real", "/", dir}, {"below", dir, ""}} {
		b.Run(c.name, func(b *testing.B) {
			root, _ := Open(c.root)
			defer root.Close()
			for b.Loop() {
				if _, err := root.ReadFile(c.prefix + "/etc/bootconf/services/x/service.json"); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

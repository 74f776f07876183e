package apply

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/bootconf/bootconf/internal/plan"
	"github.com/bootconf/bootconf/internal/rootfs"
	"github.com/bootconf/bootconf/internal/secret"
)

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func open(t testing.TB, dir string) *rootfs.Root {
	t.Helper()
	root, err := rootfs.Open(dir)
	must(t, err)
	t.Cleanup(func() { root.Close() })
	return root
}

func file(path, content string, mode fs.FileMode) plan.File {
	return plan.File{Service: "app", Path: path, Content: secret.New(content), Owner: "root", Group: "app", Mode: mode}
}

// thePlan has a file of every kind, given the tree of old.
var thePlan = &plan.Plan{Files: []plan.File{
	file("/etc/app/new.conf", "new", 0o640),
	file("/etc/app/old.conf", strings.Repeat("long ", 20000), 0o600),
	file("/etc/app/same.conf", "same", 0o644),
	file("/etc/app/twice.conf", "no longer", 0o644),
	file("/etc/link.conf", "no link", 0o644),
	file("/etc/made/below/new.conf", "", 0o400),
	file("/etc/made/new.conf", "in a new directory", 0o644),
	file("/etc/mode.conf", "mode", 0o600),
	file("/var/run/via-link.conf", "run", 0o644),
}}

var theOptions = Options{
	Identity: "i-1", UserDataSHA256: "abc",
	Files:       []string{"/etc/app/old.conf", "/etc/earlier/gone.conf", "/etc/earlier/never.conf", "/etc/mixed/gone.conf", "/none/x"},
	Directories: []string{"/etc/app", "/etc/earlier", "/etc/mixed", "/none"},
}

// old makes the tree before the plan.
func old(t testing.TB) string { return oldIn(t, t.TempDir()) }

// oldInMemory makes it where a sync costs nothing, for tests that go through many runs.
func oldInMemory(t testing.TB) string {
	t.Helper()
	dir, err := os.MkdirTemp("/dev/shm", "bootconf")
	if err != nil {
		return old(t)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return oldIn(t, dir)
}

func oldIn(t testing.TB, dir string) string {
	t.Helper()
	dir = filepath.Join(dir, "root")
	for name, content := range map[string]string{
		"etc/passwd": "app:x:998:997::/:/bin/sh\n", "etc/group": "app:x:997:\n",
		"etc/app/old.conf": "old", "etc/app/same.conf": "same", "etc/app/twice.conf": "twice", "etc/mode.conf": "mode",
		"etc/target.conf": "target", "etc/earlier/gone.conf": "gone", "etc/mixed/gone.conf": "gone",
		"etc/mixed/others.conf": "stays", "run/x": "", "var/lib/x": "",
	} {
		must(t, os.MkdirAll(filepath.Dir(filepath.Join(dir, name)), 0o755))
		must(t, os.WriteFile(filepath.Join(dir, name), []byte(content), 0o644))
	}
	must(t, os.Chmod(dir+"/etc/app/old.conf", 0o604))
	must(t, os.Link(dir+"/etc/app/twice.conf", dir+"/etc/second-name"))
	must(t, os.Symlink("target.conf", dir+"/etc/link.conf"))
	must(t, os.Symlink("/run", dir+"/var/run"))
	if os.Getuid() == 0 {
		must(t, os.Chown(dir+"/etc/app/same.conf", 0, 997))
		must(t, os.Chown(dir+"/etc/mode.conf", 0, 997))
	}
	return dir
}

// look is the tree below dir but for bootconf's own directory: type, mode, owner and content of everything, and with
// inodes, which file it is and how many names it has.
func look(t testing.TB, dir string, inodes bool) map[string]string {
	t.Helper()
	out := map[string]string{}
	must(t, filepath.WalkDir(dir, func(p string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name := strings.TrimPrefix(p, dir)
		if name == "/var/lib/bootconf" {
			return fs.SkipDir
		}
		info, err := os.Lstat(p)
		must(t, err)
		st := info.Sys().(*syscall.Stat_t)
		text := fmt.Sprintf("%v %d:%d", info.Mode(), st.Uid, st.Gid)
		if inodes && !d.IsDir() {
			text += fmt.Sprintf(" %d, %d names", st.Ino, st.Nlink)
		}
		switch {
		case info.Mode().IsRegular():
			content, err := os.ReadFile(p)
			must(t, err)
			text += fmt.Sprintf(" %.20q %d", content, len(content))
		case info.Mode().Type() == fs.ModeSymlink:
			target, err := os.Readlink(p)
			must(t, err)
			text += " -> " + target
		}
		out[name] = text
		return nil
	}))
	return out
}

func differ(t testing.TB, what string, got, want map[string]string) {
	t.Helper()
	for _, name := range slices.Sorted(maps.Keys(want)) {
		if got[name] != want[name] {
			t.Errorf("%s: %s is %q, want %q", what, name, got[name], want[name])
		}
	}
	for _, name := range slices.Sorted(maps.Keys(got)) {
		if _, ok := want[name]; !ok {
			t.Errorf("%s: %s is there: %q", what, name, got[name])
		}
	}
}

// journals is the names in the transaction's directory.
func journals(t testing.TB, dir string) []string {
	t.Helper()
	entries, err := os.ReadDir(dir + "/var/lib/bootconf/transaction")
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		t.Fatal(err)
	}
	var out []string
	for _, e := range entries {
		out = append(out, e.Name())
	}
	return out
}

// run is a whole run up to the lock.
func run(root *rootfs.Root, p *plan.Plan, o Options) (*Tx, error) {
	tx, err := Begin(root, p, o)
	if err == nil {
		err = tx.Stage([]string{"app.service"})
	}
	if err == nil {
		err = tx.Commit()
	}
	if err == nil {
		err = tx.Finish()
	}
	return tx, err
}

func TestApply(t *testing.T) {
	dir := old(t)
	root := open(t, dir)
	before := look(t, dir, false)
	tx, err := run(root, thePlan, theOptions)
	must(t, err)
	var report []string
	for _, f := range tx.Files() {
		report = append(report, fmt.Sprintf("%s %s %s", f.Service, f.Action, f.Path))
	}
	want := []string{
		"app created /etc/app/new.conf", "app replaced /etc/app/old.conf", "app unchanged /etc/app/same.conf",
		"app replaced /etc/app/twice.conf", "app replaced /etc/link.conf", "app created /etc/made/below/new.conf",
		"app created /etc/made/new.conf", "app replaced /etc/mode.conf", "app created /var/run/via-link.conf",
		" removed /etc/earlier/gone.conf", " removed /etc/mixed/gone.conf",
	}
	if !slices.Equal(report, want) {
		t.Errorf("report %q, want %q", report, want)
	}
	if got, want := tx.Directories(), []string{"/etc/app", "/etc/made", "/etc/made/below"}; !slices.Equal(got, want) {
		t.Errorf("directories %q, want %q", got, want)
	}
	if owed, err := Owed(root); !slices.Equal(owed, []string{"app.service"}) || err != nil {
		t.Errorf("owed: %q, %v", owed, err)
	}
	must(t, Done(root))
	must(t, Done(root))
	if owed, err := Owed(root); owed != nil || err != nil {
		t.Errorf("owed after Done: %q, %v", owed, err)
	}
	if left := journals(t, dir); left != nil {
		t.Errorf("left in the transaction's directory: %q", left)
	}
	gid, uid := 997, 0
	if os.Getuid() != 0 {
		gid, uid = os.Getgid(), os.Getuid()
	}
	after := maps.Clone(before)
	delete(after, "/etc/earlier")
	delete(after, "/etc/earlier/gone.conf")
	delete(after, "/etc/mixed/gone.conf")
	for _, f := range thePlan.Files {
		p := strings.Replace(f.Path, "/var/run", "/run", 1)
		after[p] = fmt.Sprintf("%v %d:%d %.20q %d", f.Mode, uid, gid, f.Content.Reveal(), f.Content.Len())
	}
	own := fmt.Sprintf("%v %d:%d", fs.ModeDir|0o755, uid, os.Getgid())
	after["/etc/made"], after["/etc/made/below"] = own, own
	differ(t, "the tree", look(t, dir, false), after)

	// The same again writes nothing.
	root.Hook(func(call, path string) error { return fmt.Errorf("%s %s", call, path) })
	o := theOptions
	o.Files, o.Directories = nil, nil
	tx, err = Begin(root, thePlan, o)
	must(t, err)
	must(t, tx.Stage(nil))
	must(t, tx.Commit())
	must(t, tx.Finish())
	must(t, Done(root))
	for _, f := range tx.Files() {
		if f.Action != Unchanged {
			t.Errorf("the second time %s is %s", f.Path, f.Action)
		}
	}
}

func TestRollback(t *testing.T) {
	dir := old(t)
	root := open(t, dir)
	before := look(t, dir, true)
	tx, err := Begin(root, thePlan, theOptions)
	must(t, err)
	must(t, tx.Rollback()) // before anything is written
	for _, until := range []string{"Stage", "Commit"} {
		tx, err := Begin(root, thePlan, theOptions)
		must(t, err)
		must(t, tx.Stage(nil))
		if until == "Commit" {
			must(t, tx.Commit())
		}
		must(t, tx.Rollback())
		differ(t, "after "+until, look(t, dir, true), before)
		if left := journals(t, dir); left != nil {
			t.Errorf("after %s: left in the transaction's directory: %q", until, left)
		}
	}
}

// A run that got to Finish and no further.
func TestApplied(t *testing.T) {
	other := func(f func(*Options)) Options {
		o := theOptions
		f(&o)
		return o
	}
	for _, c := range []struct {
		name string
		o    Options
		keep bool
	}{
		{"the same", theOptions, true},
		{"another instance", other(func(o *Options) { o.Identity = "i-2" }), false},
		{"other user data", other(func(o *Options) { o.UserDataSHA256 = "def" }), false},
		{"not known yet", other(func(o *Options) { o.Identity, o.UserDataSHA256 = "", "" }), true},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := old(t)
			root := open(t, dir)
			before := look(t, dir, true)
			_, err := run(root, thePlan, theOptions)
			must(t, err)
			after := look(t, dir, true)
			rec, err := Recover(root, c.o.Identity, c.o.UserDataSHA256)
			must(t, err)
			if rec.Applied != c.keep || rec.Undone == c.keep || !slices.Equal(rec.Owed, []string{"app.service"}) {
				t.Errorf("%+v", rec)
			}
			want := before
			if c.keep {
				want = after
			}
			differ(t, "the tree", look(t, dir, true), want)
			if !c.keep {
				return
			}
			tx, err := Begin(root, thePlan, theOptions)
			must(t, err)
			must(t, tx.Stage(nil))
			must(t, tx.Commit())
			if got, want := tx.Directories(), []string{"/etc/app", "/etc/made", "/etc/made/below"}; !slices.Equal(got, want) {
				t.Errorf("directories %q, want %q", got, want)
			}
			if !slices.Equal(tx.Owed(), []string{"app.service"}) {
				t.Errorf("owed %q", tx.Owed())
			}
			must(t, tx.Rollback()) // the check failed this time
			differ(t, "after Rollback", look(t, dir, true), before)
		})
	}
}

// Someone changed a file between a run that got to Finish and the next one: what was there at first comes back.
func TestAppliedThenChanged(t *testing.T) {
	dir := old(t)
	root := open(t, dir)
	before := look(t, dir, true)
	_, err := run(root, thePlan, theOptions)
	must(t, err)
	after := look(t, dir, false)
	must(t, os.WriteFile(dir+"/etc/app/old.conf", []byte("edited"), 0o600))
	tx, err := run(root, thePlan, theOptions)
	must(t, err)
	differ(t, "after the second run", look(t, dir, false), after)
	if !slices.Equal(tx.Owed(), []string{"app.service"}) {
		t.Errorf("owed %q", tx.Owed())
	}
	_, err = Recover(root, "i-2", "")
	must(t, err)
	differ(t, "undone", look(t, dir, true), before)
}

// What can't be is refused before anything is written.
func TestRefused(t *testing.T) {
	long := "/etc/" + strings.Repeat("x", 242)
	for _, c := range []struct{ name, path, says string }{
		{"a directory", "/etc/app", "cannot write /etc/app: is a directory"},
		{"a FIFO", "/etc/fifo", "cannot write /etc/fifo: is neither a file nor a link"},
		{"below a file", "/etc/passwd/x", "cannot write /etc/passwd/x: not a directory"},
		{"a loop", "/etc/loop/x", "cannot write /etc/loop/x: too many levels of symbolic links"},
		{"a long name", long, "cannot write " + long + ": file name too long"},
		{"not absolute", "etc/x", "cannot write etc/x: is not the absolute path of a file"},
		{"not clean", "/etc/../x", "cannot write /etc/../x: is not the absolute path of a file"},
		{"a directory's path", "/etc/x/", "cannot write /etc/x/: is not the absolute path of a file"},
		{"the root", "/", "cannot write /: is not the absolute path of a file"},
		{"the same twice", "/lib/same/x", "cannot write /usr/lib/same/x: is the same file as /lib/same/x"},
		{"a unit", "/etc/systemd/system/x.service.d/y.conf", "cannot write /etc/systemd/system/x.service.d/y.conf: is in a directory of systemd's units"},
		{"a unit by a link", "/lib/systemd/system/x.service", "cannot write /lib/systemd/system/x.service: is in a directory of systemd's units"},
		{"the state", "/var/lib/bootconf/x", "cannot write /var/lib/bootconf/x: is in bootconf's own directory"},
		{"a staged name", "/etc/.x.bootconf~", "cannot write /etc/.x.bootconf~: is a name that bootconf uses itself"},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := old(t)
			must(t, syscall.Mkfifo(dir+"/etc/fifo", 0o644))
			must(t, os.Symlink("loop", dir+"/etc/loop"))
			must(t, os.MkdirAll(dir+"/usr/lib", 0o755))
			must(t, os.Symlink("usr/lib", dir+"/lib"))
			before := look(t, dir, true)
			p := &plan.Plan{Files: []plan.File{file("/etc/app/first", "x", 0o644), file(c.path, "x", 0o644)}}
			if c.name == "the same twice" {
				p.Files = append(p.Files, file("/usr/lib/same/x", "x", 0o644))
			}
			_, err := Begin(open(t, dir), p, Options{})
			var e *Error
			if !errors.As(err, &e) || e.Dirty || !strings.HasPrefix(err.Error(), c.says) {
				t.Errorf("%v, want %q", err, c.says)
			}
			differ(t, "the tree", look(t, dir, true), before)
		})
	}
	for _, ok := range []string{"/etc/systemd/system.conf.d/x.conf", "/etc/systemd/journald.conf", "/etc/systemd/network/x"} {
		tx, err := Begin(open(t, old(t)), &plan.Plan{Files: []plan.File{file(ok, "x", 0o644)}}, Options{})
		must(t, err)
		must(t, tx.Rollback())
	}
}

func TestUnknownOwner(t *testing.T) {
	f := file("/etc/x", "x", 0o644)
	f.Owner = "nobody-here"
	_, err := Begin(open(t, old(t)), &plan.Plan{Files: []plan.File{f}}, Options{})
	if err == nil || err.Error() != `cannot write /etc/x: no user "nobody-here" in /etc/passwd` {
		t.Error(err)
	}
}

// A file of the same size is compared to its end.
func TestSameSize(t *testing.T) {
	long := strings.Repeat("x", 100000)
	for now, planned := range map[string]string{"same": "sane", long + "1": long + "2", "1" + long: "2" + long, "": "", long: long} {
		dir := old(t)
		p := &plan.Plan{Files: []plan.File{file("/etc/app/x", now, 0o644)}}
		root := open(t, dir)
		must(t, errorOf(run(root, p, Options{})))
		must(t, Done(root))
		p.Files[0].Content = secret.New(planned)
		tx, err := run(root, p, Options{})
		must(t, err)
		if got, _ := os.ReadFile(dir + "/etc/app/x"); string(got) != planned || (tx.Files()[0].Action == Unchanged) != (now == planned) {
			t.Errorf("%.10q: %v, and the file is %.10q, want %.10q", now, tx.Files(), got, planned)
		}
	}
}

// A lost journal leaves files beside, which must never be taken for those of this transaction.
func TestLeftOver(t *testing.T) {
	dir := old(t)
	for _, name := range []string{"/etc/app/.old.conf.bootconf~", "/etc/app/.old.conf.bootconf-old~", "/etc/app/.new.conf.bootconf~"} {
		must(t, os.WriteFile(dir+name, []byte("stale"), 0o644))
	}
	root := open(t, dir)
	tx, err := Begin(root, thePlan, theOptions)
	must(t, err)
	must(t, tx.Stage(nil))
	must(t, tx.Rollback())
	if got, _ := os.ReadFile(dir + "/etc/app/old.conf"); string(got) != "old" {
		t.Errorf("old.conf: %q", got)
	}
	left, _ := filepath.Glob(dir + "/etc/app/.*")
	if len(left) > 0 {
		t.Errorf("left over: %q", left)
	}
}

// The new file has its owner and mode before it holds a byte, and is on the disk before it is renamed.
func TestOrder(t *testing.T) {
	dir := old(t)
	root := open(t, dir)
	var calls []string
	root.Hook(func(call, path string) error {
		if call == "chown" && os.Getuid() != 0 {
			t.Error("chown by an ordinary user")
		}
		calls = append(calls, call+" "+path)
		return nil
	})
	p := &plan.Plan{Files: []plan.File{file("/etc/app/old.conf", "x", 0o640), file("/etc/app/new.conf", "x", 0o640)}}
	_, err := run(root, p, Options{})
	must(t, err)
	must(t, Done(root))
	want := `unlink /etc/app/.old.conf.bootconf-old~
mkdir /var/lib/bootconf
chmod /var/lib/bootconf
mkdir /var/lib/bootconf/transaction
chmod /var/lib/bootconf/transaction
create /var/lib/bootconf/transaction/.journal~
chmod /var/lib/bootconf/transaction/.journal~
write /var/lib/bootconf/transaction/.journal~
fsync /var/lib/bootconf/transaction/.journal~
rename /var/lib/bootconf/transaction/journal
syncfs /var/lib/bootconf/transaction
create /etc/app/.old.conf.bootconf~
chown /etc/app/.old.conf.bootconf~
chmod /etc/app/.old.conf.bootconf~
write /etc/app/.old.conf.bootconf~
link /etc/app/.old.conf.bootconf-old~
create /etc/app/.new.conf.bootconf~
chown /etc/app/.new.conf.bootconf~
chmod /etc/app/.new.conf.bootconf~
write /etc/app/.new.conf.bootconf~
syncfs /etc/app
sync_file_range /etc/app/.old.conf.bootconf~
sync_file_range /etc/app/.new.conf.bootconf~
rename /etc/app/old.conf
rename /etc/app/new.conf
syncfs /etc/app
rename /var/lib/bootconf/transaction/applied
fsync /var/lib/bootconf/transaction
rename /var/lib/bootconf/transaction/done
fsync /var/lib/bootconf/transaction
unlink /etc/app/.old.conf.bootconf-old~
syncfs /etc/app
unlink /var/lib/bootconf/transaction/done`
	got := strings.Join(calls, "\n")
	if os.Getuid() != 0 {
		want = strings.ReplaceAll(strings.ReplaceAll(want, "chown /etc/app/.old.conf.bootconf~\n", ""), "chown /etc/app/.new.conf.bootconf~\n", "")
	}
	if got != want {
		t.Errorf("%s\n\nwant\n\n%s", got, want)
	}
}

// A directory that is swapped for a link meanwhile: the transaction stays in the one it began in.
func TestSwapped(t *testing.T) {
	dir := old(t)
	outside := t.TempDir()
	root := open(t, dir)
	tx, err := Begin(root, thePlan, theOptions)
	must(t, err)
	must(t, os.Rename(dir+"/etc/app", dir+"/etc/moved"))
	must(t, os.Symlink(outside, dir+"/etc/app"))
	must(t, tx.Stage(nil))
	must(t, tx.Commit())
	if got, err := os.ReadFile(dir + "/etc/moved/new.conf"); string(got) != "new" {
		t.Errorf("in the directory: %q, %v", got, err)
	}
	must(t, tx.Rollback())
	if entries, _ := os.ReadDir(outside); len(entries) > 0 {
		t.Errorf("outside: %v", entries)
	}
	if entries, _ := os.ReadDir(dir + "/etc/moved"); len(entries) != 3 {
		t.Errorf("in the directory after Rollback: %v", entries)
	}
}

// What another program puts where there was nothing before the transaction got that far is not the transaction's.
func TestNotOurs(t *testing.T) {
	dir := old(t)
	tx, err := Begin(open(t, dir), thePlan, theOptions)
	must(t, err)
	must(t, tx.Stage(nil))
	must(t, os.WriteFile(dir+"/etc/app/new.conf", []byte("another's"), 0o644))
	must(t, os.WriteFile(dir+"/etc/made/another.conf", []byte("another's"), 0o644))
	must(t, tx.Rollback())
	for _, p := range []string{"/etc/app/new.conf", "/etc/made/another.conf"} {
		if got, err := os.ReadFile(dir + p); string(got) != "another's" {
			t.Errorf("%s: %q, %v", p, got, err)
		}
	}
}

// Two names for one directory: what one configuration left by the one is not removed if the plan has it by the other.
func TestSameByLink(t *testing.T) {
	dir := old(t)
	must(t, os.WriteFile(dir+"/run/x.conf", []byte("old"), 0o644))
	p := &plan.Plan{Files: []plan.File{file("/run/x.conf", "new", 0o644)}}
	root := open(t, dir)
	_, err := run(root, p, Options{Files: []string{"/var/run/x.conf"}, Directories: []string{"/run"}})
	must(t, err)
	must(t, Done(root))
	if got, err := os.ReadFile(dir + "/run/x.conf"); string(got) != "new" {
		t.Errorf("%q, %v", got, err)
	}
}

func TestError(t *testing.T) {
	dir := old(t)
	root := open(t, dir)
	tx, err := Begin(root, thePlan, theOptions)
	must(t, err)
	must(t, tx.Stage(nil))
	renames := 0
	root.Hook(func(call, path string) error {
		switch {
		case path == "/etc/app/old.conf" && call == "rename":
			if renames++; renames == 1 {
				return syscall.ENOSPC
			}
		case path == "/etc/app/new.conf" && call == "unlink":
			return syscall.EROFS
		}
		return nil
	})
	err = tx.Commit()
	var e *Error
	if !errors.As(err, &e) || !e.Dirty || !errors.Is(err, syscall.ENOSPC) {
		t.Fatalf("%#v", err)
	}
	want := "cannot write /etc/app/old.conf: no space left on device; cannot put back /etc/app/new.conf: read-only file system"
	if err.Error() != want {
		t.Errorf("%v\nwant\n%s", err, want)
	}
}

// BenchmarkFirstBoot writes eight files in three directories, durably, as a first boot does.
func BenchmarkFirstBoot(b *testing.B) {
	p := &plan.Plan{}
	for i := range 8 {
		p.Files = append(p.Files, file(fmt.Sprintf("/etc/d%d/f%d.conf", i%3, i), strings.Repeat("x = y\n", 100), 0o640))
	}
	b.ReportAllocs()
	var cpu syscall.Rusage
	for b.Loop() {
		b.StopTimer()
		dir := old(b)
		root, err := rootfs.Open(dir)
		must(b, err)
		syscall.Sync()
		syscall.Getrusage(syscall.RUSAGE_SELF, &cpu)
		from := cpu
		b.StartTimer()
		_, err = run(root, p, theOptions)
		must(b, err)
		must(b, Done(root))
		b.StopTimer()
		syscall.Getrusage(syscall.RUSAGE_SELF, &cpu)
		spent += cpu.Utime.Nano() + cpu.Stime.Nano() - from.Utime.Nano() - from.Stime.Nano()
		root.Close()
		b.StartTimer()
	}
	b.ReportMetric(float64(spent)/float64(b.N)/1000, "cpu-µs/op")
	spent = 0
}

var spent int64

// BenchmarkUnchanged is a run that finds everything in place.
func BenchmarkUnchanged(b *testing.B) {
	dir := old(b)
	root := open(b, dir)
	_, err := run(root, thePlan, theOptions)
	must(b, err)
	must(b, Done(root))
	o := theOptions
	o.Files, o.Directories = nil, nil
	b.ReportAllocs()
	for b.Loop() {
		tx, err := Begin(root, thePlan, o)
		must(b, err)
		must(b, tx.Stage(nil))
		must(b, tx.Finish())
	}
}

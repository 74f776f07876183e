package apply

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/bootconf/bootconf/internal/rootfs"
)

var errDead = errors.New("dead")

// dieAfter has every call that changes the file system fail from the n-th on, without effect. What is on the disk then
// is what a kill before that call leaves.
func dieAfter(root *rootfs.Root, n int) (died *bool) {
	died = new(bool)
	root.Hook(func(call, path string) error {
		if n--; n < 0 {
			*died = true
			return errDead
		}
		return nil
	})
	return died
}

// whole is a run with its end.
func whole(root *rootfs.Root, o Options) error {
	_, err := run(root, thePlan, o)
	if err == nil {
		err = Done(root)
	}
	return err
}

// again is what a tree looks like after an undisturbed run.
func again(t *testing.T, o Options) map[string]string {
	dir := oldInMemory(t)
	must(t, whole(open(t, dir), o))
	return look(t, dir, false)
}

// A run is killed before each call. The next one finds the old tree or the new, and makes the new one of it.
func TestCrash(t *testing.T) {
	want := again(t, theOptions)
	points := 0
	for n := 0; ; n++ {
		dir := oldInMemory(t)
		root := open(t, dir)
		before := look(t, dir, true)
		died := dieAfter(root, n)
		whole(root, theOptions)
		root.Hook(nil)
		if !*died {
			break
		}
		points++
		what := fmt.Sprintf("killed at %d, journal %v", n, journals(t, dir))
		state := journals(t, dir)
		rec, err := Recover(root, "i-1", "abc")
		if err != nil {
			t.Fatalf("%s: %v", what, err)
		}
		if rec.Applied || slices.Contains(state, done) {
			if rec.Applied && !slices.Equal(rec.Owed, []string{"app.service"}) {
				t.Errorf("%s: owed %q", what, rec.Owed)
			}
			must(t, Done(root))
			differ(t, what+": the new tree", look(t, dir, false), want)
		} else {
			differ(t, what+": the old tree", look(t, dir, true), before)
		}
		must(t, whole(root, theOptions))
		differ(t, what+", run again", look(t, dir, false), want)
		if t.Failed() {
			return
		}
	}
	t.Logf("%d points", points)
	if points < 40 {
		t.Errorf("%d points only", points)
	}
}

// The next run is killed as well, before each of its calls; the third one isn't. The second one is also that of
// another instance, or has other user data.
func TestCrashTwice(t *testing.T) {
	points := 0
	for _, c := range []struct{ identity, userData string }{{"i-1", "abc"}, {"i-2", "abc"}, {"i-1", "def"}} {
		o := theOptions
		o.Identity, o.UserDataSHA256 = c.identity, c.userData
		want := again(t, o)
		for n := 0; ; n += 7 {
			first := true // the second run's point 0
			dead := false
			for m := 0; ; m += 5 {
				dir := oldInMemory(t)
				root := open(t, dir)
				died := dieAfter(root, n)
				whole(root, theOptions)
				if dead = *died; !dead {
					break
				}
				died = dieAfter(root, m)
				whole(root, o)
				root.Hook(nil)
				if !*died && !first {
					break
				}
				first = false
				points++
				if err := whole(root, o); err != nil {
					t.Fatalf("killed at %d, then at %d: %v", n, m, err)
				}
				differ(t, fmt.Sprintf("%v, killed at %d, then at %d", c, n, m), look(t, dir, false), want)
				if t.Failed() {
					return
				}
			}
			if !dead {
				break
			}
		}
	}
	t.Logf("%d points", points)
	if points < 500 {
		t.Errorf("%d points only", points)
	}
}

// One call fails: the old tree is whole and the error says so, or the new one is. Then all further calls fail as well:
// the error is dirty, or nothing has happened, and the next run puts it right.
func TestFault(t *testing.T) {
	want := again(t, theOptions)
	points := 0
	for _, errno := range []error{syscall.ENOSPC, syscall.EIO, syscall.EROFS, syscall.EACCES} {
		for n := 0; ; n++ {
			dir := oldInMemory(t)
			root := open(t, dir)
			before := look(t, dir, true)
			count, failed := 0, ""
			root.Hook(func(call, path string) error {
				if count++; count == n+1 {
					failed = call + " " + path
					return errno
				}
				return nil
			})
			_, err := run(root, thePlan, theOptions)
			what := fmt.Sprintf("%v at %d, %s", errno, n, failed)
			if failed == "" {
				break
			}
			points++
			root.Hook(nil)
			if err == nil { // a failure that doesn't matter
				must(t, Done(root))
				differ(t, what, look(t, dir, false), want)
			} else {
				var e *Error
				if !errors.As(err, &e) || e.Dirty || !errors.Is(err, errno) {
					t.Errorf("%s: %#v", what, err)
				}
				differ(t, what, look(t, dir, true), before)
				if left := slices.DeleteFunc(journals(t, dir), func(s string) bool { return s == ".journal~" }); len(left) > 0 {
					t.Errorf("%s: left %q", what, left)
				}
			}
			must(t, whole(root, theOptions))
			differ(t, what+", run again", look(t, dir, false), want)
			if t.Failed() {
				return
			}
		}
	}
	dirty := 0
	for n := 0; ; n++ {
		dir := oldInMemory(t)
		root := open(t, dir)
		before := look(t, dir, true)
		died := dieAfter(root, n)
		_, err := run(root, thePlan, theOptions)
		root.Hook(nil)
		if !*died {
			break
		}
		points++
		what := fmt.Sprintf("everything fails from %d on", n)
		var e *Error
		if !errors.As(err, &e) {
			t.Fatalf("%s: %v", what, err)
		}
		if e.Dirty {
			dirty++
		} else {
			differ(t, what, look(t, dir, true), before)
		}
		must(t, whole(root, theOptions))
		differ(t, what+", run again", look(t, dir, false), want)
	}
	t.Logf("%d points, %d of them dirty", points, dirty)
	if points < 100 || dirty < 20 {
		t.Errorf("%d points only, %d of them dirty", points, dirty)
	}
}

// The process is killed for real.
func TestKill(t *testing.T) {
	if at := os.Getenv("BOOTCONF_TEST_KILL_AT"); at != "" {
		n, _ := strconv.Atoi(at)
		root := open(t, os.Getenv("BOOTCONF_TEST_ROOT"))
		root.Hook(func(call, path string) error {
			if n--; n < 0 {
				syscall.Kill(os.Getpid(), syscall.SIGKILL)
				select {}
			}
			return nil
		})
		must(t, whole(root, theOptions))
		return
	}
	want := again(t, theOptions)
	points := 0
	for n := 0; ; n++ {
		dir := oldInMemory(t)
		cmd := exec.Command(os.Args[0], "-test.run=^TestKill$")
		cmd.Env = append(os.Environ(), "BOOTCONF_TEST_KILL_AT="+strconv.Itoa(n), "BOOTCONF_TEST_ROOT="+dir)
		out, err := cmd.CombinedOutput()
		if err != nil && err.Error() != "signal: killed" {
			t.Fatalf("%v\n%s", err, out)
		}
		must(t, whole(open(t, dir), theOptions))
		differ(t, fmt.Sprintf("killed at %d", n), look(t, dir, false), want)
		if err == nil {
			break
		}
		points++
	}
	t.Logf("%d points", points)
	if points < 40 {
		t.Errorf("%d points only", points)
	}
}

// A journal that can't be trusted is an error, and nothing is changed.
func TestJournalDamaged(t *testing.T) {
	dir := oldInMemory(t)
	root := open(t, dir)
	tx, err := Begin(root, thePlan, theOptions)
	must(t, err)
	must(t, tx.Stage([]string{"app.service"}))
	must(t, tx.Commit())
	tx.close()
	name := dir + "/var/lib/bootconf/transaction/journal"
	good, err := os.ReadFile(name)
	must(t, err)
	before := look(t, dir, true)
	edited := strings.Replace(string(good), "/etc/app/new.conf", "/etc/app/sam.conf", 1)
	other := &journal{identity: "x"}
	cases := map[string]func(){
		"empty":     func() { must(t, os.WriteFile(name, nil, 0o600)) },
		"edited":    func() { must(t, os.WriteFile(name, []byte(edited), 0o600)) },
		"appended":  func() { must(t, os.WriteFile(name, append(slices.Clone(good), '\n'), 0o600)) },
		"too large": func() { must(t, os.Truncate(name, maxJournal+1)) },
		"two":       func() { must(t, os.WriteFile(dir+"/var/lib/bootconf/transaction/applied", other.encode(), 0o600)) },
		"a link":    func() { must(t, os.Remove(name)); must(t, os.Symlink("/etc/passwd", name)) },
		"directory": func() { must(t, os.Remove(name)); must(t, os.Mkdir(name, 0o700)) },
		"version": func() {
			must(t, os.WriteFile(name, reseal(strings.Replace(string(good), "transaction 1", "transaction 2", 1)), 0o600))
		},
		"verb": func() {
			must(t, os.WriteFile(name, reseal(strings.Replace(string(good), "\ncreate ", "\ncraete ", 1)), 0o600))
		},
		"path": func() {
			must(t, os.WriteFile(name, reseal(strings.Replace(string(good), `"/etc/made"`, `"/etc/../made"`, 1)), 0o600))
		},
		"quotes": func() {
			must(t, os.WriteFile(name, reseal(strings.Replace(string(good), `"/etc/made"`, `"/etc/made`, 1)), 0o600))
		},
	}
	for n := range good {
		cases[fmt.Sprintf("cut off at %d", n)] = func() { must(t, os.WriteFile(name, good[:n], 0o600)) }
	}
	for what, damage := range cases {
		must(t, os.RemoveAll(dir+"/var/lib/bootconf/transaction"))
		must(t, os.Mkdir(dir+"/var/lib/bootconf/transaction", 0o700))
		must(t, os.WriteFile(name, good, 0o600))
		damage()
		for call, err := range map[string]error{
			"Recover": errorOf(Recover(root, "i-2", "abc")),
			"Begin":   errorOf(Begin(root, thePlan, theOptions)),
			"Done":    Done(root),
			"Owed":    errorOf(Owed(root)),
		} {
			var j *JournalError
			if !errors.As(err, &j) {
				t.Errorf("%s, %s: %v", what, call, err)
			}
		}
	}
	differ(t, "damaged", look(t, dir, true), before)
	must(t, os.RemoveAll(dir+"/var/lib/bootconf/transaction"))
	must(t, os.WriteFile(dir+"/var/lib/bootconf/transaction", nil, 0o600))
	if _, err := Recover(root, "", ""); err == nil || errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a file in the directory's place: %v", err)
	}
}

func errorOf[T any](_ T, err error) error { return err }

// reseal gives an edited journal a checksum that is right.
func reseal(text string) []byte {
	body := text[:len(text)-lineOfSum]
	return seal([]byte(body))
}

func FuzzJournal(f *testing.F) {
	f.Add((&journal{identity: "i-1", userData: "abc", owed: []string{"x.service"}, steps: []step{{mkdir, "/etc/a"}, {create, "/etc/a/\xff\n\""}}}).encode())
	f.Add(seal([]byte(heading)))
	f.Fuzz(func(t *testing.T, text []byte) {
		for _, text := range [][]byte{text, seal(text), seal(append([]byte(heading), text...))} {
			j, err := decode(text)
			if (j == nil) == (err == nil) {
				t.Fatalf("%v, %v", j, err)
			}
			if err != nil {
				continue
			}
			if again, err := decode(j.encode()); err != nil || fmt.Sprint(again) != fmt.Sprint(j) {
				t.Fatalf("%v, %v, want %v", again, err, j)
			}
		}
	})
}

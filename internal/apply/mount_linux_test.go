package apply

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/bootconf/bootconf/internal/plan"
	"github.com/bootconf/bootconf/internal/rootfs"
	"github.com/bootconf/bootconf/internal/secret"
)

// private runs the test again in a mount namespace of its own and returns false; in there it returns true.
func private(t *testing.T) bool {
	t.Helper()
	if os.Getenv("BOOTCONF_TEST_PRIVATE") == t.Name() {
		must(t, unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""))
		return true
	}
	if os.Getuid() != 0 {
		t.Skip("NOT TESTED: only root can mount")
	}
	cmd := exec.Command(os.Args[0], "-test.run=^"+t.Name()+"$", "-test.v")
	cmd.Env = append(os.Environ(), "BOOTCONF_TEST_PRIVATE="+t.Name(), "TMPDIR="+t.TempDir())
	cmd.SysProcAttr = &syscall.SysProcAttr{Unshareflags: unix.CLONE_NEWNS}
	if out, err := cmd.CombinedOutput(); err != nil || !strings.Contains(string(out), "--- PASS: "+t.Name()) {
		t.Errorf("in a mount namespace of its own: %v\n%s", err, out)
	}
	return false
}

// mount mounts until the test ends.
func mount(t *testing.T, what, where, kind string, flags uintptr, data string) {
	t.Helper()
	must(t, unix.Mount(what, where, kind, flags, data))
	t.Cleanup(func() { unix.Unmount(where, unix.MNT_DETACH) })
}

// A disk that is full, at every size from nothing free to enough: the old tree, or the new.
func TestDiskFull(t *testing.T) {
	if !private(t) {
		return
	}
	full, fits := 0, 0
	for pages := range 60 {
		dir := old(t)
		mount(t, "tmpfs", dir+"/etc", "tmpfs", 0, fmt.Sprintf("size=%d", (pages+4)*4096))
		must(t, os.MkdirAll(dir+"/etc/app", 0o755))
		must(t, os.WriteFile(dir+"/etc/app/old.conf", []byte("old"), 0o644))
		must(t, os.WriteFile(dir+"/etc/group", []byte("app:x:997:\n"), 0o644))
		before := look(t, dir, true)
		_, err := run(open(t, dir), thePlan, Options{})
		var e *Error
		switch {
		case err == nil:
			fits++
			if got, _ := os.ReadFile(dir + "/etc/app/old.conf"); len(got) != 100000 {
				t.Errorf("%d pages: old.conf has %d bytes", pages, len(got))
			}
		case errors.As(err, &e) && !e.Dirty && errors.Is(err, unix.ENOSPC):
			full++
			differ(t, fmt.Sprintf("%d pages", pages), look(t, dir, true), before)
		default:
			t.Errorf("%d pages: %v", pages, err)
		}
		must(t, unix.Unmount(dir+"/etc", unix.MNT_DETACH))
	}
	if full < 10 || fits < 10 {
		t.Errorf("full %d times, enough %d times", full, fits)
	}
}

// A file system that is read-only from the start, and one that becomes it halfway: then the tree can't be put back
// before it is writable again.
func TestReadOnly(t *testing.T) {
	if !private(t) {
		return
	}
	dir := old(t)
	before := look(t, dir, true)
	mount(t, dir+"/etc", dir+"/etc", "", unix.MS_BIND, "")
	readOnly := func(flag uintptr) { must(t, unix.Mount("", dir+"/etc", "", unix.MS_BIND|unix.MS_REMOUNT|flag, "")) }
	readOnly(unix.MS_RDONLY)
	root := open(t, dir)
	var e *Error
	for _, f := range []plan.File{thePlan.Files[0], thePlan.Files[1], thePlan.Files[5]} {
		_, err := run(root, &plan.Plan{Files: []plan.File{f}}, theOptions)
		if !errors.As(err, &e) || !errors.Is(err, unix.EROFS) || e.Dirty {
			t.Errorf("%s, read-only: %v", f.Path, err)
		}
		if left := journals(t, dir); left != nil {
			t.Errorf("%s, read-only: left %q", f.Path, left)
		}
	}
	differ(t, "read-only", look(t, dir, true), before)
	readOnly(0)

	tx, err := Begin(root, thePlan, theOptions)
	must(t, err)
	must(t, tx.Stage(nil))
	root.Hook(func(call, path string) error {
		if path == "/etc/made/new.conf" {
			readOnly(unix.MS_RDONLY)
		}
		return nil
	})
	err = tx.Commit()
	if !errors.As(err, &e) || !e.Dirty || !errors.Is(err, unix.EROFS) {
		t.Errorf("read-only halfway: %v", err)
	}
	root.Hook(nil)
	if _, err := Recover(root, "", ""); !errors.As(err, &e) || !e.Dirty {
		t.Errorf("recovery while it is read-only: %v", err)
	}
	readOnly(0)
	rec, err := Recover(root, "", "")
	if err != nil || !rec.Undone {
		t.Errorf("recovery: %+v, %v", rec, err)
	}
	differ(t, "recovered", look(t, dir, true), before)
}

// Files that are spread over file systems are one transaction all the same.
func TestSeveralFileSystems(t *testing.T) {
	if !private(t) {
		return
	}
	dir := old(t)
	mount(t, "tmpfs", dir+"/run", "tmpfs", 0, "")
	root := open(t, dir)
	before := look(t, dir, true)
	var synced []string
	root.Hook(func(call, path string) error {
		if call == "syncfs" {
			synced = append(synced, path)
		}
		return nil
	})
	tx, err := run(root, thePlan, theOptions)
	must(t, err)
	if got := strings.Join(synced, " "); got != "/var/lib/bootconf/transaction /etc/app /run /etc/app /run" {
		t.Errorf("synced %s", got)
	}
	if len(tx.Files()) == 0 {
		t.Error("nothing done")
	}
	_, err = Recover(root, "i-2", "")
	must(t, err)
	differ(t, "undone", look(t, dir, true), before)
}

// In the real root, what doesn't outlast a reboot, and what can't be replaced, is refused.
func TestRealRoot(t *testing.T) {
	if !private(t) {
		return
	}
	dir := old(t)
	for _, d := range []string{"/proc", "/sys", "/tmp", "/dev"} {
		must(t, os.MkdirAll(dir+d, 0o755))
	}
	mount(t, dir, dir, "", unix.MS_BIND, "")
	mount(t, "tmpfs", dir+"/run", "tmpfs", 0, "")
	mount(t, "tmpfs", dir+"/dev", "tmpfs", 0, "")
	mount(t, "proc", dir+"/proc", "proc", 0, "")
	mount(t, "sysfs", dir+"/sys", "sysfs", unix.MS_RDONLY, "")
	must(t, os.WriteFile(dir+"/etc/mounted.conf", []byte("below"), 0o644))
	mount(t, dir+"/etc/app/same.conf", dir+"/etc/mounted.conf", "", unix.MS_BIND, "")
	must(t, os.Symlink("/dev", dir+"/etc/dev"))
	must(t, os.Chdir(dir))
	must(t, unix.Chroot("."))
	root, err := rootfs.Open("/")
	must(t, err)
	const memory, kernel = "is on a file system in memory, and the file would be gone after a reboot", "is on a file system of the kernel's own"
	for path, says := range map[string]string{
		"/run/x": memory, "/var/run/made/x": memory, "/dev/x": memory, "/etc/dev/x": memory,
		"/proc/sys/x": kernel, "/sys/made/x": kernel, "/etc/mounted.conf": errMountPoint.Error(),
	} {
		p := &plan.Plan{Files: []plan.File{file(path, "x", 0o644)}}
		if _, err := Begin(root, p, Options{}); err == nil || err.Error() != "cannot write "+path+": "+says {
			t.Errorf("%s: %v", path, err)
		}
	}
	p := &plan.Plan{Files: thePlan.Files[:8]}
	_, err = run(root, p, theOptions)
	must(t, err)
	must(t, Done(root))
	if got, err := os.ReadFile("/etc/app/new.conf"); string(got) != "new" {
		t.Errorf("new.conf: %q, %v", got, err)
	}

	// What an earlier kernel doesn't tell, link(2) does.
	tx, err := Begin(root, &plan.Plan{Files: []plan.File{file("/etc/target.conf", "x", 0o644)}}, Options{})
	must(t, err)
	mount(t, "/etc/app/same.conf", "/etc/target.conf", "", unix.MS_BIND, "")
	if err := tx.Stage(nil); err == nil || err.Error() != "cannot write /etc/target.conf: "+errMountPoint.Error() {
		t.Errorf("mounted meanwhile: %v", err)
	}
}

func setImmutable(t *testing.T, dir string, on bool, paths ...string) {
	t.Helper()
	root := open(t, dir)
	for _, p := range paths {
		d, err := root.OpenDir(p[:strings.LastIndex(p, "/")])
		must(t, err)
		if err := d.SetImmutable(p[strings.LastIndex(p, "/")+1:], on); err != nil {
			t.Skipf("NOT TESTED: no immutable flag here: %v", err)
		}
		d.Close()
	}
}

func isImmutable(t *testing.T, dir, path string) bool {
	t.Helper()
	f, err := os.Open(dir + path)
	must(t, err)
	defer f.Close()
	flags, err := unix.IoctlGetUint32(int(f.Fd()), unix.FS_IOC_GETFLAGS)
	must(t, err)
	return flags&0x10 != 0
}

// The flags of an earlier configuration are lifted, and set again if the transaction is undone. The author's are not.
func TestImmutable(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("NOT TESTED: only root can set the immutable flag")
	}
	dir := old(t)
	ours := []string{"/etc/app/old.conf", "/etc/earlier/gone.conf", "/etc/mixed/gone.conf", "/etc/app", "/etc/earlier", "/etc/mixed"}
	defer setImmutable(t, dir, false, "/etc/mode.conf")
	setImmutable(t, dir, true, append(ours, "/etc/mode.conf")...)
	before := look(t, dir, true)
	check := func(what string) {
		t.Helper()
		differ(t, what, look(t, dir, true), before)
		for _, p := range ours {
			if !isImmutable(t, dir, p) {
				t.Errorf("%s: %s is not immutable", what, p)
			}
		}
	}
	root := open(t, dir)
	_, err := run(root, thePlan, theOptions)
	if !errors.Is(err, unix.EPERM) || !strings.HasPrefix(err.Error(), "cannot write /etc/mode.conf: ") {
		t.Errorf("the author's: %v", err)
	}
	check("the author's")
	setImmutable(t, dir, false, "/etc/mode.conf")
	for n := 0; ; n += 3 {
		died := dieAfter(root, n)
		run(root, thePlan, theOptions)
		root.Hook(nil)
		_, err := Recover(root, "i-2", "")
		must(t, err)
		check(fmt.Sprintf("killed at %d and undone", n))
		if !*died || t.Failed() {
			break
		}
	}
	must(t, whole(root, theOptions))
	for _, p := range []string{"/etc/app/old.conf", "/etc/app", "/etc/mixed"} {
		if isImmutable(t, dir, p) {
			t.Errorf("%s is still immutable", p)
		}
	}
}

// The SELinux label of the old file is that of the new one.
func TestLabel(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("NOT TESTED: only root copies labels")
	}
	dir := old(t)
	const label = "system_u:object_r:etc_t:s0\x00"
	if err := unix.Setxattr(dir+"/etc/app/old.conf", "security.selinux", []byte(label), 0); err != nil {
		t.Skipf("NOT TESTED: cannot set a label: %v", err)
	}
	root := open(t, dir)
	var order []string
	root.Hook(func(call, path string) error {
		if path == "/etc/app/.old.conf.bootconf~" {
			order = append(order, call)
		}
		return nil
	})
	_, err := run(root, thePlan, theOptions)
	must(t, err)
	buf := make([]byte, 100)
	n, err := unix.Getxattr(dir+"/etc/app/old.conf", "security.selinux", buf)
	if err != nil || string(buf[:n]) != label {
		t.Errorf("%q, %v", buf[:max(n, 0)], err)
	}
	if got := strings.Join(order, " "); got != "create chown chmod setxattr write sync_file_range" {
		t.Errorf("order: %s", got)
	}
	if n, err := unix.Getxattr(dir+"/etc/app/new.conf", "security.selinux", buf); err == nil {
		t.Errorf("the new file has a label: %q", buf[:n])
	}
}

// A file that differs in its owner alone is replaced.
func TestOwner(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("NOT TESTED: only root can give files away")
	}
	for _, owner := range [][2]int{{1, 997}, {0, 1}} {
		dir := old(t)
		must(t, os.Chown(dir+"/etc/app/same.conf", owner[0], owner[1]))
		tx, err := run(open(t, dir), &plan.Plan{Files: []plan.File{file("/etc/app/same.conf", "same", 0o644)}}, Options{})
		must(t, err)
		info, err := os.Stat(dir + "/etc/app/same.conf")
		must(t, err)
		st := info.Sys().(*syscall.Stat_t)
		if tx.Files()[0].Action != Replaced || st.Uid != 0 || st.Gid != 997 {
			t.Errorf("%v: %v, %d:%d", owner, tx.Files(), st.Uid, st.Gid)
		}
	}
}

// A directory that is made is root's, also where the one above passes its group on.
func TestMadeDirectory(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("NOT TESTED: only root can give directories away")
	}
	defer syscall.Umask(syscall.Umask(0o077))
	dir := old(t)
	must(t, os.Chown(dir+"/etc/app", 0, 997))
	must(t, os.Chmod(dir+"/etc/app", 0o755|os.ModeSetgid))
	_, err := run(open(t, dir), &plan.Plan{Files: []plan.File{file("/etc/app/made/x", "x", 0o644)}}, Options{})
	must(t, err)
	info, err := os.Stat(dir + "/etc/app/made")
	must(t, err)
	if st := info.Sys().(*syscall.Stat_t); info.Mode() != 0o755|os.ModeDir || st.Uid != 0 || st.Gid != 0 {
		t.Errorf("%v %d:%d", info.Mode(), st.Uid, st.Gid)
	}
}

// An ordinary user may work below a directory of his own: the files are his.
func TestOrdinaryUser(t *testing.T) {
	if os.Getuid() == 0 {
		dir := old(t)
		must(t, exec.Command("chown", "-R", "65534:65534", dir).Run())
		for p := dir; p != "/tmp" && p != "/"; p = p[:strings.LastIndex(p, "/")] {
			must(t, os.Chmod(p, 0o755))
		}
		exe := dir + "/apply.test"
		copied, err := os.ReadFile("/proc/self/exe")
		must(t, err)
		must(t, os.WriteFile(exe, copied, 0o755))
		cmd := exec.Command(exe, "-test.run=^TestOrdinaryUser$", "-test.v")
		cmd.Dir = dir
		cmd.Env = append(os.Environ(), "TMPDIR="+dir+"/run")
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Errorf("%v\n%s", err, out)
		}
		return
	}
	dir := old(t)
	p := &plan.Plan{Files: []plan.File{{Path: "/etc/app/x", Content: secret.New("x"), Owner: "app", Group: "app", Mode: 0o640}}}
	root := open(t, dir)
	must(t, errorOf(run(root, p, Options{})))
	info, err := os.Stat(dir + "/etc/app/x")
	must(t, err)
	if st := info.Sys().(*syscall.Stat_t); int(st.Uid) != os.Getuid() || info.Mode() != 0o640 {
		t.Errorf("%d, %v", st.Uid, info.Mode())
	}
	tx, err := Begin(root, p, Options{})
	must(t, err)
	if tx.Files()[0].Action != Unchanged {
		t.Errorf("the second time: %v", tx.Files())
	}
}

package test

import (
	"bufio"
	"bytes"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// node is one file, directory or link of a tree. Two nodes are equal only if nothing was written in between: a
// regular file that is replaced by one with the same bytes has another inode or another time.
type node struct {
	mode     fs.FileMode
	uid, gid int
	content  string // of a file; the target of a link
	inode    uint64
	modified time.Time
}

// tree is what lies below a root, by absolute path.
type tree map[string]node

// The directories that hold bootconf's own records.
const (
	state = "/var/lib/bootconf"
	run   = "/run/bootconf"
)

// readTree reads everything below root but what lies in, or is, one of the skipped paths.
func readTree(t *testing.T, root string, skip ...string) tree {
	t.Helper()
	out := tree{}
	err := filepath.WalkDir(root, func(name string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		path := strings.TrimPrefix(name, root)
		if slices.Contains(skip, path) {
			return fs.SkipDir
		}
		info, err := os.Lstat(name)
		if err != nil {
			return err
		}
		stat := info.Sys().(*syscall.Stat_t)
		n := node{mode: info.Mode(), uid: int(stat.Uid), gid: int(stat.Gid), inode: stat.Ino}
		switch {
		case info.Mode().IsRegular():
			content, err := os.ReadFile(name)
			if err != nil {
				return err
			}
			n.content, n.modified = string(content), info.ModTime()
		case info.Mode()&fs.ModeSymlink != 0:
			if n.content, err = os.Readlink(name); err != nil {
				return err
			}
		}
		out[path] = n
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// changes is the paths that are new or different in after, and those that are gone.
func changes(before, after tree) (changed, removed []string) {
	for path, n := range after {
		if before[path] != n {
			changed = append(changed, path)
		}
	}
	for path := range before {
		if _, ok := after[path]; !ok {
			removed = append(removed, path)
		}
	}
	slices.Sort(changed)
	slices.Sort(removed)
	return changed, removed
}

// assertUnchanged reports everything that differs.
func assertUnchanged(t *testing.T, when string, before, after tree) {
	t.Helper()
	changed, removed := changes(before, after)
	for _, path := range changed {
		t.Errorf("%s: %s was written", when, path)
	}
	for _, path := range removed {
		t.Errorf("%s: %s is gone", when, path)
	}
}

// copyTree lays from over to. Modes are those of a fresh checkout whatever the umask of this one was.
func copyTree(t *testing.T, from, to string) {
	t.Helper()
	from, err := filepath.EvalSymlinks(from)
	if err != nil {
		t.Fatal(err)
	}
	err = filepath.WalkDir(from, func(name string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		target := to + strings.TrimPrefix(name, from)
		if entry.IsDir() {
			return os.MkdirAll(target, 0o755)
		}
		if err := os.RemoveAll(target); err != nil { // of an earlier layer
			return err
		}
		if entry.Type() == fs.ModeSymlink {
			link, err := os.Readlink(name)
			if err != nil {
				return err
			}
			return os.Symlink(link, target)
		}
		content, err := os.ReadFile(name)
		if err != nil {
			return err
		}
		info, err := entry.Info()
		if err != nil {
			return err
		}
		mode := fs.FileMode(0o644)
		if info.Mode()&0o100 != 0 {
			mode = 0o755
		}
		return os.WriteFile(target, content, mode)
	})
	if err != nil {
		t.Fatal(err)
	}
}

// accounts reads the ids and names of a root's passwd or group.
func accounts(t *testing.T, file string) map[int]string {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	names := map[int]string{}
	for scanner := bufio.NewScanner(bytes.NewReader(text)); scanner.Scan(); {
		fields := strings.Split(scanner.Text(), ":")
		id, err := strconv.Atoi(fields[2])
		if err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		names[id] = fields[0]
	}
	return names
}

// takeOver gives every name of a root's passwd and group the ids of this process: no one but root may give a file
// away.
func takeOver(t *testing.T, root string) {
	t.Helper()
	for file, ids := range map[string][]int{"etc/passwd": {os.Getuid(), os.Getgid()}, "etc/group": {os.Getgid()}} {
		name := filepath.Join(root, file)
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		var out strings.Builder
		for line := range strings.Lines(string(text)) {
			fields := strings.Split(line, ":")
			for i, id := range ids {
				fields[2+i] = strconv.Itoa(id)
			}
			out.WriteString(strings.Join(fields, ":"))
		}
		if err := os.WriteFile(name, []byte(out.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// describe is a node's line in want.modes. Owners are shown by the names of the case's own passwd and group.
func describe(path string, n node, users, groups map[int]string) string {
	mode := uint32(n.mode.Perm())
	for bit, octal := range map[fs.FileMode]uint32{fs.ModeSetuid: 0o4000, fs.ModeSetgid: 0o2000, fs.ModeSticky: 0o1000} {
		if n.mode&bit != 0 {
			mode |= octal
		}
	}
	if n.mode.IsDir() {
		path += "/"
	}
	return fmt.Sprintf("%04o %s:%s %s", mode, users[n.uid], groups[n.gid], path)
}

package rootfs

import (
	"errors"
	"fmt"
	"io/fs"
	"strconv"
	"strings"
)

// UID is the number of a user, given by name or number. Names are looked up in the root's own /etc/passwd, since a
// name has another number on the host; root has the same everywhere.
func (r *Root) UID(user string) (int, error) {
	return r.id("user", user, "/etc/passwd", &r.users)
}

// GID is the number of a group, given by name or number, names from the root's /etc/group.
func (r *Root) GID(group string) (int, error) {
	return r.id("group", group, "/etc/group", &r.groups)
}

func (r *Root) id(what, name, file string, cache **string) (int, error) {
	if name == "root" {
		return 0, nil
	}
	if id, ok := number(name); ok {
		return id, nil
	}
	if *cache == nil {
		data, err := r.ReadFile(file)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return 0, err
		}
		text := string(data)
		*cache = &text
	}
	for line := range strings.Lines(**cache) {
		// name:password:number:…
		if f := strings.SplitN(strings.TrimSuffix(line, "\n"), ":", 4); len(f) >= 3 && f[0] == name {
			if id, ok := number(f[2]); ok {
				return id, nil
			}
		}
	}
	return 0, fmt.Errorf("no %s %q in %s", what, name, file)
}

// number is the number that s is. The largest one means "leave as it is" to chown, and is none.
func number(s string) (int, bool) {
	n, err := strconv.ParseUint(s, 10, 32)
	return int(n), err == nil && n != 1<<32-1
}

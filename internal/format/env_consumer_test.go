package format

import (
	"fmt"
	"maps"
	"path/filepath"
	"strings"
	"testing"
)

var envBatch = map[string]string{
	"VNUMBER={{}}\n": "|", "VNUMBER=\"{{}}\"\n": "|", "VNUMBER='{{}}'\n": "|", "VNUMBER=x{{}}y{{}}\n": "x|y|", "VNUMBER=\"x\"{{}}'y'\n": "x|y",
}

func envFile(t *testing.T) (*batch, string) {
	b := newBatch(t, env{}, "# head\n\n", "# tail", envBatch, hostile())
	return b, write(t, "env", b.file.String())
}

func TestEnvShell(t *testing.T) {
	b, path := envFile(t)
	script := fmt.Sprintf(`. "$1"; i=0; while [ $i -lt %d ]; do eval "printf '%%s\\0' \"\$V$i\""; i=$((i+1)); done`, len(b.want))
	for _, shell := range []string{"dash", "bash"} {
		out := output(t, program(t, shell, shell), "-euc", script, shell, path)
		b.check(t, shell, strings.Split(strings.TrimSuffix(string(out), "\x00"), "\x00"))
	}
}

// systemdReads is a script that reads environment files with the function that reads EnvironmentFile=, in systemd's
// own library, and prints for each what was in it.
const systemdReads = `
import ctypes, sys
read = ctypes.CDLL(sys.argv[1]).load_env_file
read.argtypes = [ctypes.c_void_p, ctypes.c_char_p, ctypes.POINTER(ctypes.POINTER(ctypes.c_char_p))]
for path in sys.argv[2:]:
    out = ctypes.POINTER(ctypes.c_char_p)()
    if (r := read(None, path.encode(), ctypes.byref(out))) < 0:
        sys.exit(f"load_env_file: {r}")
    i, all = 0, b""
    while out and out[i]:
        all += out[i] + b"\0"
        i += 1
    print(all.hex())
`

func systemdLibrary(t *testing.T) string {
	t.Helper()
	libraries, _ := filepath.Glob("/usr/lib/*/systemd/libsystemd-shared-*.so")
	if len(libraries) == 0 {
		missing(t, "libsystemd-shared", "systemd")
	}
	return libraries[0]
}

// variables is NAME=value from a list that ends each with a NUL.
func variables(list string) map[string]string {
	out := map[string]string{}
	for entry := range strings.SplitSeq(list, "\x00") {
		if name, value, ok := strings.Cut(entry, "="); ok && name != "PWD" {
			out[name] = value
		}
	}
	return out
}

func TestEnvSystemd(t *testing.T) {
	b, path := envFile(t)
	read := variables(python(t, systemdReads, systemdLibrary(t), path)[0])
	got := make([]string, len(read))
	for i := range got {
		got[i] = read[fmt.Sprintf("V%d", i)]
	}
	b.check(t, "systemd", got)
}

// TestEnvTemplates has the two readers agree on everything that an author may write.
func TestEnvTemplates(t *testing.T) {
	library := systemdLibrary(t)
	files := grow(t, env{}, "A·A=·B=·C=·=· ·\n·\n·\"·'·\\·$·`·#·;·x·\nD=·\nE=·~·:·*·{a,b}·(·!·-·{{}}·{{}}·{{}}",
		[]string{"V\"x' #;$(id)`\\", "V", "~V", " V ", "V'\\", "V=W", "V*?[a]{b,c}", "V~:~"}, 600)
	var paths []string
	for _, g := range files {
		paths = append(paths, write(t, "env", g.File))
	}
	systemd := python(t, systemdReads, append([]string{library}, paths...)...)
	script := `for f; do env -i sh -c 'set -a; . "$1"; env -0' sh "$f"; printf '\001'; done`
	shell := strings.Split(string(output(t, program(t, "sh", "dash"), append([]string{"-c", script, "sh"}, paths...)...)), "\x01")
	for i, g := range files {
		if one, other := variables(systemd[i]), variables(shell[i]); !maps.Equal(one, other) {
			t.Errorf("%q: systemd reads %q, sh %q", g.File, one, other)
		}
	}
}

package format

import (
	"fmt"
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

// TestEnvSystemd calls the function that reads EnvironmentFile=, in systemd's own library.
func TestEnvSystemd(t *testing.T) {
	libraries, _ := filepath.Glob("/usr/lib/*/systemd/libsystemd-shared-*.so")
	if len(libraries) == 0 {
		missing(t, "libsystemd-shared", "systemd")
	}
	b, path := envFile(t)
	got := python(t, `
import ctypes, sys
read = ctypes.CDLL(sys.argv[1]).load_env_file
read.argtypes = [ctypes.c_void_p, ctypes.c_char_p, ctypes.POINTER(ctypes.POINTER(ctypes.c_char_p))]
out = ctypes.POINTER(ctypes.c_char_p)()
if (r := read(None, sys.argv[2].encode(), ctypes.byref(out))) < 0:
    sys.exit(f"load_env_file: {r}")
i = 0
while out[i]:
    print(out[i].hex())
    i += 1
`, libraries[0], path)
	for i, v := range got {
		name, value, _ := strings.Cut(v, "=")
		if name != fmt.Sprintf("V%d", i) {
			t.Fatalf("variable %d is %s", i, name)
		}
		got[i] = value
	}
	b.check(t, "systemd", got)
}

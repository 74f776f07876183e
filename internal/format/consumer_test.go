package format

import (
	"bytes"
	"encoding/hex"
	"fmt"
	"maps"
	"math/rand"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/bootconf/bootconf/internal/document"
)

// What follows reads files back with the programs that read them in earnest. One that isn't installed is a failure
// where CI or BOOTCONF_TEST_CONSUMERS is set, and a test that is left out elsewhere.

func missing(t *testing.T, what, debian string) {
	t.Helper()
	message := fmt.Sprintf("NOT TESTED: %s is not here; install the Debian package %s", what, debian)
	if os.Getenv("CI") != "" || os.Getenv("BOOTCONF_TEST_CONSUMERS") != "" {
		t.Fatal(message)
	}
	t.Skip(message)
}

// program is the path of a program, which name may be already.
func program(t *testing.T, name, debian string) string {
	t.Helper()
	for _, dir := range append(filepath.SplitList(os.Getenv("PATH")), "/usr/sbin", "/sbin") {
		if strings.HasPrefix(name, "/") {
			dir = ""
		}
		if path := filepath.Join(dir, name); exec.Command("test", "-x", path).Run() == nil {
			return path
		}
	}
	missing(t, name, debian)
	return ""
}

// output runs a program to its end.
func output(t *testing.T, name string, args ...string) []byte {
	t.Helper()
	var out, messages bytes.Buffer
	cmd := exec.Command(name, args...)
	cmd.Stdout, cmd.Stderr = &out, &messages
	if err := cmd.Run(); err != nil {
		t.Fatalf("%s: %v\n%s", cmd, err, messages.Bytes())
	}
	return out.Bytes()
}

// python runs a script of Debian's Python, which prints each value it read in hex.
func python(t *testing.T, script string, args ...string) []string {
	t.Helper()
	path := program(t, "/usr/bin/python3", "python3")
	return unhex(t, output(t, path, append([]string{"-c", script}, args...)...))
}

func unhex(t *testing.T, lines []byte) []string {
	t.Helper()
	var out []string
	for line := range strings.Lines(string(lines)) {
		b, err := hex.DecodeString(strings.TrimSpace(line))
		if err != nil {
			t.Fatalf("%q: %v", line, err)
		}
		out = append(out, string(b))
	}
	return out
}

// write makes a file of the test's own.
func write(t *testing.T, name, content string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// batch is many values in one file, as many as the format holds.
type batch struct {
	file strings.Builder
	want []string // what is to be read back, in the order of the file
}

// newBatch fills templates, in which NUMBER is the number of the value; each comes with what is to be read back, in which
// | is the value. What the format refuses is left out.
func newBatch(t *testing.T, f Format, head, tail string, templates map[string]string, values []string) *batch {
	t.Helper()
	b := &batch{}
	b.file.WriteString(head)
	refused := 0
	for _, original := range slices.Sorted(maps.Keys(templates)) {
		for _, v := range values {
			template := strings.ReplaceAll(original, "NUMBER", strconv.Itoa(len(b.want)))
			text, err := fill(t, f, head+template+tail, str(v))
			if err == nil {
				err = f.Parse([]byte(text))
			}
			if err != nil {
				refused++
				continue
			}
			b.file.WriteString(strings.TrimSuffix(strings.TrimPrefix(text, head), tail))
			b.want = append(b.want, strings.ReplaceAll(templates[original], "|", v))
		}
	}
	b.file.WriteString(tail)
	t.Logf("%d values written, %d refused", len(b.want), refused)
	if len(b.want) < len(values)/3 {
		t.Fatal("most values were refused")
	}
	return b
}

// check compares what a program read.
func (b *batch) check(t *testing.T, who string, got []string) {
	t.Helper()
	if len(got) != len(b.want) {
		t.Errorf("%s read %d values of %d", who, len(got), len(b.want))
	}
	wrong := 0
	for i := range min(len(got), len(b.want)) {
		if got[i] != b.want[i] {
			if wrong++; wrong > 5 {
				t.Fatalf("%s: and more", who)
			}
			t.Errorf("%s read %q, want %q", who, got[i], b.want[i])
		}
	}
}

// grown is a template that was thrown together and that a format took, filled with a value.
type grown struct{ Template, Value, File string }

// grow throws together templates of tokens, the same in every run, until the format has taken n. An author's text
// that the format reads wrongly, so that a value stands where it is syntax, is found with them.
func grow(t *testing.T, f Format, tokens string, values []string, n int) (out []grown) {
	t.Helper()
	r := rand.New(rand.NewSource(1))
	list := strings.Split(tokens, "·")
	for len(out) < n {
		var b strings.Builder
		for range 3 + r.Intn(9) {
			b.WriteString(list[r.Intn(len(list))])
		}
		template, value := b.String(), values[r.Intn(len(values))]
		texts, s, ws := strings.Split(template, marker), f.Start(), []Writer(nil)
		var err error
		for i := 0; i < len(texts) && err == nil; i++ {
			if i > 0 {
				var w Writer
				w, s, err = f.Action(s)
				ws = append(ws, w)
			}
			if err == nil {
				s, err = f.Text(s, texts[i])
			}
		}
		if err != nil || len(ws) == 0 || f.End(s) != nil {
			continue
		}
		file, err := join(texts, ws, str(value))
		if err == nil && f.Parse([]byte(file)) == nil {
			out = append(out, grown{template, value, file})
		}
	}
	return out
}

// checkLeaves looks at what a reader made of what was grown: a JSON list with an object for each file, the values in
// it as one text, and the names. Each value must be there whole, and in no name. A file that the reader refuses is
// null.
func checkLeaves(t *testing.T, who string, files []grown, read string) {
	t.Helper()
	list := tree(t, read)
	refused, wrong := 0, 0
	for i, g := range files {
		n := list.Items[i]
		if n.Kind == document.Null {
			refused++
			continue
		}
		values, names := n.Get("values").Plain(), n.Get("names").Plain()
		if strings.Count(values, g.Value) != strings.Count(g.Template, marker) || strings.Contains(names, "V") {
			if wrong++; wrong < 5 {
				t.Errorf("%s: %q with %q is %q, read as %q and %q", who, g.Template, g.Value, g.File, values, names)
			}
		}
	}
	t.Logf("%s refused %d of %d", who, refused, len(files))
	if refused > len(files)/5 {
		t.Errorf("%s refused %d of %d", who, refused, len(files))
	}
}

// filesOf is the files of what was grown, as a JSON file with a list of texts.
func filesOf(t *testing.T, files []grown) string {
	t.Helper()
	list := &document.Node{Kind: document.Array}
	for _, g := range files {
		list.Items = append(list.Items, str(g.File))
	}
	text, err := jsonNotation.literal(list)
	if err != nil {
		t.Fatal(err)
	}
	return write(t, "files.json", text)
}

// pythonLeaves has a Python expression read each of the files, text, and gives back what checkLeaves takes.
func pythonLeaves(t *testing.T, imports, expression string, files []grown) string {
	t.Helper()
	return python(t, imports+`
import json, sys
def walk(d, values, names):
    if isinstance(d, dict):
        for k, v in d.items():
            names.append(str(k))
            walk(v, values, names)
    elif isinstance(d, list):
        for v in d:
            walk(v, values, names)
    else:
        values.append(str(d))
out = []
for text in json.load(open(sys.argv[1], encoding="utf-8")):
    values, names = [], []
    try:
        walk(`+expression+`, values, names)
        out.append({"values": "\0".join(values), "names": "\0".join(names)})
    except ValueError:
        out.append(None)
print(json.dumps(out).encode().hex())
`, filesOf(t, files))[0]
}

// upTo is the values of at most n bytes.
func upTo(n int, values []string) []string {
	return slices.DeleteFunc(values, func(s string) bool { return len(s) > n })
}

package test

import (
	"bytes"
	"compress/gzip"
	"crypto/ed25519"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"html"
	"maps"
	"math/rand/v2"
	"net/http/httptest"
	"net/url"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"unicode/utf16"

	"github.com/bootconf/bootconf/internal/cli"
	"github.com/bootconf/bootconf/test/imds"
)

// canaryDir holds an image with every kind, every template of theirs and schemas that mark secrets at every depth, and
// user data for it in which <<NAME CLASS>> stands for a value to be made up; "url" behind it has it percent-encoded.
const canaryDir = "testdata/canary"

// TestCanary gives every command user data whose values are marked, as it should be and broken in some hundred ways, and
// looks for the marks in all that is said and recorded. A secret may be in the files it is meant for and nowhere else;
// any other value may also be in a plan, but in no message and no record.
func TestCanary(t *testing.T) {
	image := filepath.Join(t.TempDir(), "image")
	copyTree(t, "cases/_base/root", image)
	copyTree(t, canaryDir+"/root", image)
	if os.Getuid() != 0 {
		takeOver(t, image)
	}
	c := &testCase{replacer: strings.NewReplacer(), env: []string{"PATH=" + os.Getenv("PATH")}, outputs: map[string]string{}}
	if made := c.bootconf(t, "bundle", "--root", image); made.exit != 0 {
		t.Fatalf("the image is broken:\n%s", made.stderr)
	}
	bundle := filepath.Join(filepath.Dir(image), "bundle.json")
	if err := os.WriteFile(bundle, []byte(c.outputs["stdout of bundle --root "+image]), 0o644); err != nil {
		t.Fatal(err)
	}

	cage := &cage{rand: rand.New(rand.NewPCG(20, 26)), values: map[string]canary{}}
	old := cage.value("old", "line")
	docs := cage.documents(t)
	index := cage.index()
	var broken atomic.Int32
	t.Run("documents", func(t *testing.T) {
		const hands = 4
		for hand := range hands {
			t.Run(strconv.Itoa(hand), func(t *testing.T) {
				t.Parallel()
				f := newFlight(t, image, bundle)
				f.old, f.index = old, index
				for i := hand; i < len(docs); i += hands {
					if f.test(t, docs[i], i%sample == hand) != 0 {
						broken.Add(1)
					}
				}
			})
		}
	})
	if broken.Load() < 300 {
		t.Errorf("%d documents are broken, want at least 300", broken.Load())
	}
	t.Logf("%d documents, %d of them broken, %d values in %d forms", len(docs), broken.Load(), len(cage.values), len(index.needles))
}

// sample is of how many documents one goes through the program itself and comes from the metadata service. The others
// go through the command line in this process, which takes a fifth of the time.
const sample = 12

// flight is the way of one document after the other through all commands.
type flight struct {
	*testCase
	image, bundle string
	old           string // a secret of an earlier configuration
	index         *index
	leaks         int
}

func newFlight(t *testing.T, image, bundle string) *flight {
	dir := t.TempDir()
	f := &flight{image: image, bundle: bundle}
	service := &imds.Server{}
	server := httptest.NewServer(service)
	t.Cleanup(server.Close)
	f.testCase = &testCase{
		service:  service,
		root:     filepath.Join(dir, "root"),
		replacer: strings.NewReplacer(),
		env:      []string{"PATH=" + os.Getenv("PATH"), "AWS_EC2_METADATA_SERVICE_ENDPOINT=" + server.URL},
	}
	f.userData = f.root + "/user-data"
	copyTree(t, image, f.root)
	return f
}

// test returns the exit status of a run.
func (f *flight) test(t *testing.T, doc canaryDocument, whole bool) int {
	t.Helper()
	f.outputs = map[string]string{}
	call := f.inProcess
	if whole {
		call = func(t *testing.T, args ...string) int { return f.bootconf(t, args...).exit }
	}
	if err := os.WriteFile(f.userData, doc.text, 0o600); err != nil {
		t.Fatal(err)
	}
	exit := call(t, "validate", "--image", f.image, f.userData)
	if doc.valid && exit != 0 || exit != 0 && exit != 65 {
		t.Errorf("%s: validate: exit %d\n%s", doc.name, exit, f.outputs["stderr of validate --image "+f.image+" "+f.userData])
	}
	call(t, "validate", "--image", f.bundle, "-o", "json", f.userData)
	call(t, "plan", "--image", f.bundle, f.userData)
	call(t, "plan", "--image", f.image, "-o", "json", f.userData)

	sources := []string{"file:/user-data"}
	if doc.faults != (imds.Faults{}) {
		sources, exit = []string{"ec2"}, 69
		call = func(t *testing.T, args ...string) int { return f.bootconf(t, args...).exit }
	} else if whole {
		sources = append(sources, "ec2")
	}
	f.service.UserData, f.service.Faults = doc.text, doc.faults
	for _, source := range sources {
		f.preconfigure(t)
		timeout := "20s"
		if exit == 69 {
			timeout = "500ms"
		}
		call(t, "plan", "--root", f.root, "--source", source, "--timeout", timeout)
		if got := call(t, "run", "--root", f.root, "--source", source, "--timeout", timeout); got != exit {
			t.Errorf("%s: run from %s: exit %d, want %d\n%s", doc.name, source, got, exit, f.outputs["stderr of run --root "+f.root+" --source "+source+" --timeout "+timeout])
		}
		call(t, "status", "--root", f.root)
		call(t, "status", "--root", f.root, "-o", "json")
		call(t, "run", "--root", f.root, "--source", source, "--timeout", timeout, "-o", "json")
		call(t, "plan", "--root", f.root, "-o", "json", f.userData)
		f.records(t, doc)
	}
	for name, text := range f.outputs {
		for _, m := range f.index.find(text) {
			if strings.HasPrefix(name, "stdout of plan ") && (m.public || slices.Contains(doc.moved, m.name)) {
				continue
			}
			t.Errorf("%s: %s is in %s as %q:\n%s", doc.name, m.name, name, m.form, text)
			if f.leaks++; f.leaks == 10 {
				t.Fatal("that is enough of them")
			}
		}
	}
	return exit
}

// inProcess is bootconf without a process of its own.
func (f *flight) inProcess(t *testing.T, args ...string) int {
	t.Helper()
	var stdout, stderr bytes.Buffer
	exit := cli.Main(append([]string{"bootconf"}, args...), strings.NewReader(""), &stdout, &stderr)
	name := strings.Join(args, " ")
	f.outputs["stdout of "+name], f.outputs["stderr of "+name] = stdout.String(), stderr.String()
	return exit
}

// targets is the directory that all files of the image are written to.
const targets = "/etc/canary"

// preconfigure makes the root as it was before any run, but for files with an older secret where the plan has files
// with secrets, one of them readable by all.
func (f *flight) preconfigure(t *testing.T) {
	t.Helper()
	for _, path := range []string{state, run, targets} {
		if err := os.RemoveAll(f.root + path); err != nil {
			t.Fatal(err)
		}
		if err := os.MkdirAll(filepath.Dir(f.root+path), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Mkdir(f.root+targets, 0o755); err != nil {
		t.Fatal(err)
	}
	for name, mode := range map[string]os.FileMode{"database.env": 0o644, "redis.ini": 0o600, "app.json": 0o640, "public": 0o600} {
		if err := os.WriteFile(filepath.Join(f.root+targets, name), []byte(f.before()), mode); err != nil {
			t.Fatal(err)
		}
	}
}

// before is a file of the earlier configuration.
func (f *flight) before() string {
	return "[client]\nlevel: info\nPGHOST=\"db.prod.internal\"\nPGPASSWORD=\"" + f.old + "\"\n"
}

// records adds what a run left to what was said: every file and every name below the root, but for the files that hold
// secrets by intent. In these it finds what there is to find: each secret of a document that is meant to be seen whole.
func (f *flight) records(t *testing.T, doc canaryDocument) {
	t.Helper()
	found := map[string]bool{}
	for name, n := range readTree(t, f.root, "/etc/bootconf", "/user-data") {
		f.outputs["the names of files"] += name + "\n"
		switch base := path.Base(name); {
		case !n.mode.IsRegular():
		case base == "public" && n.content == f.before(): // no run has written it
		case path.Dir(name) != targets || strings.HasPrefix(base, ".") || base == "public":
			f.outputs[name] = n.content
		case doc.secrets != nil:
			for _, m := range f.index.find(n.content) {
				found[m.name] = true
			}
		}
	}
	for _, name := range doc.secrets {
		if !found[name] {
			t.Errorf("%s: %s is in no file that was written", doc.name, name)
		}
	}
}

// canary is a value that is looked for.
type canary struct {
	name   string
	text   string
	public bool // a value that is no secret
}

// cage makes values up, each once.
type cage struct {
	rand   *rand.Rand
	values map[string]canary
}

// word is n characters that occur in no other text: a digit after every two letters, none of them hexadecimal.
func (c *cage) word(n int) string {
	b := make([]byte, n)
	for i := range b {
		b[i] = "ghjkmnpqrstvwxyz"[c.rand.IntN(16)]
		if i%3 == 2 {
			b[i] = "0123456789"[c.rand.IntN(10)]
		}
	}
	return string(b)
}

// value is the value of that name, made up if there is none yet.
func (c *cage) value(name, class string) string {
	name, class = name+" "+class, strings.TrimSuffix(class, "\n")
	if v, ok := c.values[name]; ok {
		return v.text
	}
	text := ""
	switch class {
	case "short":
		text = c.word(5)
	case "word", "long", "public":
		text = c.word(24)
	case "line": // what each format escapes in its own way
		text = c.word(9) + ` '"\$` + "`" + `{{.}}%@#;=:/?&+<%!é☃😀~` + c.word(9)
	case "lines":
		text = c.word(9) + "'\"\\$\n%\t" + c.word(9) + "\nü=" + c.word(9)
	case "dense": // no two characters in a row that stay themselves everywhere
		for range 12 {
			text += c.word(1) + string(`"'\$%;&<>é`[:8][c.rand.IntN(8)])
		}
	case "number":
		text = "7" + strconv.FormatInt(c.rand.Int64N(9e15)+1e15, 10)
	case "pem":
		seed := []byte(c.word(ed25519.SeedSize))
		der, err := x509.MarshalPKCS8PrivateKey(ed25519.NewKeyFromSeed(seed))
		if err != nil {
			panic(err)
		}
		text = string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}))
	default:
		panic("no class " + class)
	}
	c.values[name] = canary{name: name, text: text, public: class == "public"}
	return text
}

// fill puts values in the place of <<NAME CLASS>> and returns the names of those that are secrets.
func (c *cage) fill(text string) (filled string, secrets []string) {
	var b strings.Builder
	for {
		before, rest, more := strings.Cut(text, "<<")
		b.WriteString(before)
		if !more {
			return b.String(), secrets
		}
		place, after, _ := strings.Cut(rest, ">>")
		fields := strings.Fields(place)
		value := c.value(fields[0], fields[1])
		if len(fields) == 3 {
			value = strings.ReplaceAll(url.QueryEscape(value), "+", "%20")
		}
		quoted, err := json.Marshal(value)
		if err != nil {
			panic(err)
		}
		b.Write(quoted[1 : len(quoted)-1])
		if fields[1] != "public" {
			secrets = append(secrets, fields[0]+" "+fields[1])
		}
		text = after
	}
}

// index finds the canaries in a text, in whatever form they are.
type index struct {
	needles []match
	first   map[string][]int // the needles by their first bytes
	short   []int            // those too short for that
}

// match is one form of a canary.
type match struct {
	canary
	form string
}

// key is how many bytes of a needle first goes by.
const key = 6

func (c *cage) index() *index {
	x := &index{first: map[string][]int{}}
	for _, name := range slices.Sorted(maps.Keys(c.values)) {
		for _, form := range forms(c.values[name].text) {
			i := len(x.needles)
			x.needles = append(x.needles, match{c.values[name], form})
			if len(form) < key {
				x.short = append(x.short, i)
			} else {
				x.first[form[:key]] = append(x.first[form[:key]], i)
			}
		}
	}
	return x
}

// find returns one match of each canary that is in text, upper and lower case alike.
func (x *index) find(text string) []match {
	found := map[string]match{}
	for _, folded := range []string{strings.ToLower(text), text} {
		for i := 0; i+key <= len(folded); i++ {
			for _, n := range x.first[folded[i:i+key]] {
				if strings.HasPrefix(folded[i:], x.needles[n].form) {
					found[x.needles[n].name] = x.needles[n]
				}
			}
		}
		for _, n := range x.short {
			if strings.Contains(folded, x.needles[n].form) {
				found[x.needles[n].name] = x.needles[n]
			}
		}
	}
	return slices.Collect(maps.Values(found))
}

// forms is a secret as something might print it: whole and by lines and pieces, quoted for programs and for people,
// encoded, and hashed. Those in which case does not matter are in lower case.
func forms(secret string) []string {
	set := map[string]bool{}
	add := func(s string) {
		if len(s) > 4 {
			set[s], set[strings.ToLower(s)] = true, true
		}
	}
	wholes := []string{secret}
	for line := range strings.Lines(secret) {
		if line = strings.TrimSpace(line); !strings.HasPrefix(line, "-----") {
			wholes = append(wholes, line)
		}
	}
	for _, piece := range strings.FieldsFunc(secret, func(r rune) bool { return !alphanumeric(r) && r != '+' && r != '/' }) {
		if piece != "BEGIN" && piece != "PRIVATE" && piece != "KEY-----" && len(piece) > 5 {
			wholes = append(wholes, piece)
			for i := 0; i+8 <= len(piece); i++ { // a part of it is as good as the whole
				add(piece[i : i+8])
			}
		}
	}
	for _, s := range wholes {
		add(s)
		for _, escape := range escapes {
			add(escape(s))
		}
		add(hex.EncodeToString([]byte(s)))
		add(strings.Trim(fmt.Sprint([]byte(s)), "[]"))
		for shift := range 3 { // wherever in a longer text it stood
			whole := base64.StdEncoding.EncodeToString([]byte("\x00\x00"[:shift] + s))
			whole = strings.TrimRight(whole[4*((shift+2)/3):], "=")
			if len(s) > 5 {
				whole = whole[:len(whole)-1]
				set[whole], set[strings.NewReplacer("+", "-", "/", "_").Replace(whole)] = true, true
			}
		}
		add(fmt.Sprintf("%x", sha256.Sum256([]byte(s))))
	}
	return slices.Collect(maps.Keys(set))
}

func alphanumeric(r rune) bool {
	return r >= '0' && r <= '9' || r|0x20 >= 'a' && r|0x20 <= 'z'
}

// escapes is how the formats, and what prints for people, write a string.
var escapes = []func(string) string{
	url.QueryEscape,
	func(s string) string { return strings.ReplaceAll(url.QueryEscape(s), "+", "%20") },
	url.PathEscape,
	html.EscapeString,
	func(s string) string { return strings.Trim(strconv.Quote(s), `"`) },
	func(s string) string { return strings.Trim(strconv.QuoteToASCII(s), `"`) },
	func(s string) string { b, _ := json.Marshal(s); return string(b[1 : len(b)-1]) },
	func(s string) string { // as json.Encoder without SetEscapeHTML
		var b bytes.Buffer
		e := json.NewEncoder(&b)
		e.SetEscapeHTML(false)
		e.Encode(s)
		return strings.Trim(strings.TrimSpace(b.String()), `"`)
	},
	unicodeEscape,
	func(s string) string { return backslash(s, `\"$`+"`") }, // env, within double quotes
	func(s string) string { return backslash(s, `\":`) },     // pgpass, ini
	func(s string) string { return backslash(s, `\:`) },
	func(s string) string { return backslash(s, `\"`) },
	func(s string) string { return backslash(s, `\"'$`+"`") },
	func(s string) string { return backslash(s, `\"'`) },
	func(s string) string { return strings.ReplaceAll(s, "'", "''") },
	func(s string) string { return strings.ReplaceAll(s, "'", `'\''`) },
	func(s string) string { return strings.ReplaceAll(backslash(s, `\"`), "%", "%%") },
	func(s string) string { return strings.ReplaceAll(backslash(s, `\"`), "$", "$$") },
	func(s string) string { return strings.ReplaceAll(backslash(s, `\"`), "<%", `\x3C%`) },
}

// backslash is s with a backslash before each of chars, and \n and \t for these.
func backslash(s, chars string) string {
	var b strings.Builder
	for _, r := range s {
		if strings.ContainsRune(chars, r) {
			b.WriteByte('\\')
		}
		b.WriteRune(r)
	}
	return strings.NewReplacer("\n", `\n`, "\t", `\t`).Replace(b.String())
}

// unicodeEscape is s with \u for everything but letters and digits.
func unicodeEscape(s string) string {
	var b strings.Builder
	for _, r := range s {
		if alphanumeric(r) {
			b.WriteRune(r)
			continue
		}
		for _, unit := range utf16.Encode([]rune{r}) {
			fmt.Fprintf(&b, `\u%04x`, unit)
		}
	}
	return b.String()
}

// canaryDocument is one user data.
type canaryDocument struct {
	name    string // how it was made, for whoever reads a failure
	text    []byte
	valid   bool        // it must be; what others are is theirs
	faults  imds.Faults // of the metadata service that has it
	secrets []string    // what a run must bring to some file; nil: not looked at
	moved   []string    // secrets that stand where the schema knows none: a plan shows them
}

// documents is all of them.
func (c *cage) documents(t *testing.T) []canaryDocument {
	var docs []canaryDocument
	add := func(text []byte, format string, args ...any) {
		docs = append(docs, canaryDocument{name: fmt.Sprintf(format, args...), text: text})
	}
	for _, file := range []string{"parts.json", "urls.json"} {
		given, err := os.ReadFile(filepath.Join(canaryDir, file))
		if err != nil {
			t.Fatal(err)
		}
		filled, secrets := c.fill(string(given))
		text := []byte(filled)
		secrets = slices.DeleteFunc(secrets, func(s string) bool { return s == "note long" || s == "legacy long" }) // passed over
		for _, name := range []string{"plain", "gzip", "base64", "base64 of gzip"} {
			packed := text
			if strings.Contains(name, "gzip") {
				packed = pack(packed)
			}
			if strings.Contains(name, "base64") {
				packed = []byte(base64.StdEncoding.EncodeToString(packed))
			}
			docs = append(docs, canaryDocument{name: file + " " + name, text: packed, valid: true, secrets: secrets})
			if name == "plain" {
				continue
			}
			for i := 1; i < 8; i++ {
				at := i * len(packed) / 8
				add(packed[:at], "%s, %s, cut at %d", file, name, at)
				add(slices.Concat(packed[:at], []byte{packed[at] ^ 1}, packed[at+1:]), "%s, %s, byte %d changed", file, name, at)
			}
			add(append(slices.Clone(packed), text...), "%s, %s, plain text behind it", file, name)
		}
		docs = append(docs, mutants(t, file, text, c)...)
		docs = append(docs, cuts(file, text)...)
		others := lookalikes(filled)
		for _, name := range slices.Sorted(maps.Keys(others)) {
			add([]byte(others[name]), "%s as %s", file, name)
		}
		at := len(text) - 9
		docs = append(docs, canaryDocument{name: fmt.Sprintf("%s, cut on the way at %d", file, at), text: text, faults: imds.Faults{Truncate: at}})
	}
	return append(docs, c.brokenURLs()...)
}

func pack(text []byte) []byte {
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	w.Write(text)
	w.Close()
	return b.Bytes()
}

// cuts is text with bytes left out, put in and cut off all over it.
func cuts(file string, text []byte) []canaryDocument {
	var docs []canaryDocument
	add := func(at int, what string, parts ...[]byte) {
		docs = append(docs, canaryDocument{name: fmt.Sprintf("%s, %s at %d", file, what, at), text: slices.Concat(parts...)})
	}
	inserts := []string{`"`, `\`, "\x00", "\xff", "\n", ",", "{", "}", "[", ":", `\ud800`, "\xc3", "#", "\u00a0", `"a":`, "//"}
	n := len(text) / 32
	for i := 1; i < 32; i++ {
		at := i * n
		add(at, "cut", text[:at])
		in := inserts[i%len(inserts)]
		add(at+n/3, fmt.Sprintf("%q put in", in), text[:at+n/3], []byte(in), text[at+n/3:])
		add(at+n/2, "a byte left out", text[:at+n/2], text[at+n/2+1:])
	}
	for i, at := 0, 0; ; i++ { // within each string, of which every other is a secret
		next := bytes.IndexByte(text[at:], '"')
		if next < 0 {
			return docs
		}
		at += next + 1
		if i%6 == 2 {
			add(at, "a byte that is no UTF-8 put in", text[:at], []byte("\xfe"), text[at:])
		}
		if i%6 == 4 {
			add(at, "a quote left out", text[:at-1], text[at:])
		}
	}
}

// lookalikes is what else people give as user data.
func lookalikes(text string) map[string]string {
	yaml := strings.NewReplacer("{", "", "}", "", ",\n", "\n", `"`, "").Replace(text)
	return map[string]string{
		"cloud-config":       "#cloud-config\nwrite_files:\n  - content: |\n" + text,
		"YAML":               yaml,
		"YAML with a header": "---\n" + yaml,
		"a script":           "#!/bin/sh\ncat >/etc/app.json <<'EOF'\n" + text + "EOF\n",
		"MIME":               "Content-Type: multipart/mixed; boundary=\"b\"\nMIME-Version: 1.0\n\n--b\n\n" + text + "\n--b--\n",
		"HTML":               "<!DOCTYPE html>\n<html><body>" + text + "</body></html>",
		"XML":                "<?xml version=\"1.0\"?><a>" + text + "</a>",
		"dotenv":             "DATA=" + text,
		"HCL":                "user_data = " + text,
		"a string":           strconv.Quote(text),
		"an array":           "[" + text + "]",
		"marked UTF-8":       "\ufeff" + text,
		"UTF-16":             utf16Text(text),
		"twice":              text + text,
		"with a comment":     strings.Replace(text, "\n", " // "+text[:200]+"\n", 1),
		"in single quotes":   strings.ReplaceAll(text, `"`, "'"),
		"Latin-1":            strings.ReplaceAll(text, "é", "\xe9"),
		"nested too deep":    strings.Repeat(`{"a":`, 70) + text + strings.Repeat("}", 70),
		"too large":          text + strings.Repeat(" ", 1<<20),
	}
}

func utf16Text(s string) string {
	b := []byte{0xff, 0xfe}
	for _, unit := range utf16.Encode([]rune(s)) {
		b = append(b, byte(unit), byte(unit>>8))
	}
	return string(b)
}

// step is a name or an index on the way to a value in a document.
type step = any

// places is the way to every value below v.
func places(v any, to []step) [][]step {
	var out [][]step
	switch v := v.(type) {
	case map[string]any:
		for _, name := range slices.Sorted(maps.Keys(v)) {
			way := append(slices.Clone(to), name)
			out = append(append(out, way), places(v[name], way)...)
		}
	case []any:
		for i := range v {
			way := append(slices.Clone(to), i)
			out = append(append(out, way), places(v[i], way)...)
		}
	}
	return out
}

// parse reads a document that is known to be good.
func parse(t *testing.T, text []byte) map[string]any {
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	var v map[string]any
	if err := d.Decode(&v); err != nil {
		t.Fatal(err)
	}
	return v
}

// duplicate is what a name ends in that is there twice, until write takes it off: Go's maps know no duplicates.
const duplicate = "-DUPLICATE"

func write(t *testing.T, v any) []byte {
	text, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	return bytes.ReplaceAll(text, []byte(duplicate), nil)
}

// mutants is a document with one value or name changed at a time: each way at each place in turn, every eighth of all.
func mutants(t *testing.T, file string, text []byte, c *cage) []canaryDocument {
	stray := c.value("stray", "line")
	type change struct {
		name  string
		value func(v any) any
		key   func(name string) string
	}
	asString := func(v any) string {
		if s, ok := v.(string); ok {
			return s
		}
		b, _ := json.Marshal(v)
		return string(b)
	}
	changes := []change{
		{name: "null", value: func(any) any { return nil }},
		{name: "in an array", value: func(v any) any { return []any{v, v} }},
		{name: "in an object", value: func(v any) any { return map[string]any{"value": v} }},
		{name: "sealed", value: func(v any) any { return map[string]any{"$sealed": v} }},
		{name: "of KMS", value: func(v any) any { return map[string]any{"$kms": v} }},
		{name: "a boolean", value: func(any) any { return true }},
		{name: "a number", value: func(v any) any { return json.Number("1e400") }},
		{name: "a string", value: func(v any) any { return asString(v) + " " }},
		{name: "with a NUL", value: func(v any) any { return asString(v) + "\x00" }},
		{name: "with a newline", value: func(v any) any { return "a\n" + asString(v) + "\n" }},
		{name: "with control characters", value: func(v any) any { return asString(v) + "\a\x1b[31m\u0085\u2028" }},
		{name: "too long", value: func(v any) any { return strings.Repeat(asString(v), 400) }},
		{name: "a URL", value: func(v any) any { return "https://" + asString(v) + "@[::1/" + asString(v) }},
		{name: "a secret from elsewhere", value: func(any) any { return stray }},
		{name: "deleted", key: func(string) string { return "" }},
		{name: "twice", key: func(name string) string { return name + duplicate }},
		{name: "misspelt", key: func(name string) string { return name + "x" }},
		{name: "in capitals", key: strings.ToUpper},
	}
	var docs []canaryDocument
	n := 0
	for i, way := range places(parse(t, text), nil) {
		for j := range changes {
			if n++; n%8 != 0 {
				continue
			}
			change := changes[(i+j)%len(changes)]
			root := parse(t, text)
			var at any = root
			for _, s := range way[:len(way)-1] {
				switch in := at.(type) {
				case map[string]any:
					at = in[s.(string)]
				case []any:
					at = in[s.(int)]
				}
			}
			switch in := at.(type) {
			case map[string]any:
				name := way[len(way)-1].(string)
				if change.value != nil {
					in[name] = change.value(in[name])
					break
				}
				v, to := in[name], change.key(name)
				if !strings.HasSuffix(to, duplicate) {
					delete(in, name)
				}
				if to != "" {
					in[to] = v
				}
			case []any:
				if change.value == nil {
					continue
				}
				k := way[len(way)-1].(int)
				in[k] = change.value(in[k])
			}
			d := canaryDocument{name: fmt.Sprintf("%s, %v %s", file, way, change.name), text: write(t, root)}
			if change.name == "a secret from elsewhere" {
				d.moved = []string{"stray line"}
			}
			docs = append(docs, d)
		}
	}
	return docs
}

// brokenURLs is URLs with a secret in them, each wrong in its way, for every service that takes one.
func (c *cage) brokenURLs() []canaryDocument {
	user, password := c.value("url_user", "long"), url.PathEscape(c.value("url_password", "line"))
	raw := c.value("url_raw", "dense")
	var docs []canaryDocument
	for _, pair := range [][2]string{{"database", "postgresql"}, {"mysql", "mysql"}, {"amqp", "amqps"}, {"redis", "redis"}} {
		service, scheme := pair[0], pair[1]
		for _, u := range []string{
			"SCHEME://USER:PASSWORD@ho st/app", "SCHEME://USER:PASSWORD@/app", "SCHEME://USER:PASSWORD@db:port/app",
			"SCHEME://USER:PASSWORD@db:99999/app", "SCHEME://USER:PASSWORD@@db/app", "SCHEME://USER:PASSWORD@db/PASSWORD@x/y",
			"SCHEME://USER:RAW@db/app", "SCHEME://USER:RAW/x@db/app", "SCHEME://USER:PASSWORD%ZZ@db/app", "SCHEME://USER:PASSWORD%@db/app",
			"SCHEME://USER:PASSWORD%00@db/app", "SCHEME://USER:PASSWORD%FF@db/app", "SCHEME://USER:PASSWORD@[::1/app",
			"SCHEME://USER:PASSWORD@[PASSWORD]/app", "SCHEME://USER:PASSWORD@db/app#PASSWORD", "SCHEME://USER:PASSWORD@db/app?password=PASSWORD",
			"SCHEME://USER:PASSWORD@db/app?sslmode=PASSWORD", "SCHEME://USER:PASSWORD@db/app?secret_PASSWORD", "SCHEME://USER:PASSWORD@db/app?x=%Z&y",
			"SCHEME:USER:PASSWORD@db/app", "SCHEME//USER:PASSWORD@db/app", "USER:PASSWORD@db/app", "//USER:PASSWORD@db/app", "PASSWORD", "USER",
			"http://USER:PASSWORD@db/app", "PASSWORD://db/app", "SCHEME://USER:PASSWORD@db/app\n", " SCHEME://USER:PASSWORD@db/app",
			"SCHEME://USER:PASSWORD@-db-.:0/", "SCHEME://USER:PASSWORD", "SCHEME://PASSWORD", "SCHEME://:PASSWORD@db:1:2/app", "",
		} {
			u = strings.NewReplacer("SCHEME", scheme, "USER", user, "PASSWORD", password, "RAW", raw).Replace(u)
			for _, v := range []any{u, map[string]any{"url": u, "password": c.value("url_password", "line"), "host": "db"}} {
				section, err := json.Marshal(v)
				if err != nil {
					panic(err)
				}
				text := fmt.Appendf(nil, "{\"database\": \"postgresql://app@db/app\",\n%q: %s}", service, section)
				if service == "database" {
					text = fmt.Appendf(nil, "{%q: %s}", service, section)
				}
				docs = append(docs, canaryDocument{
					name:  fmt.Sprintf("%s: %s", service, section),
					text:  text,
					moved: []string{"url_user long"},
				})
			}
		}
	}
	return docs
}

package format

import (
	stdpem "encoding/pem"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

func TestJSONPython(t *testing.T) {
	b := newBatch(t, jsonFormat{}, "[", "0]", map[string]string{"{{}},\n": "|", "\"x{{}}y\",\n": "x|y"}, hostile())
	b.check(t, "Python's json", python(t, `
import json, sys
for v in json.load(open(sys.argv[1], encoding="utf-8"))[:-1]:
    print(v.encode("utf-8").hex())
`, write(t, "f.json", b.file.String())))
}

func TestTOMLPython(t *testing.T) {
	b := newBatch(t, toml{}, "# head\n", "[end]\n", map[string]string{
		"vNUMBER = {{}}\n": "|", "vNUMBER = \"x{{}}y\"\n": "x|y", "vNUMBER = 'x{{}}y'\n": "x|y", "vNUMBER = \"\"\"{{}}{{}}\"\"\"\n": "||", "vNUMBER = '''\n{{}}'''\n": "|", "vNUMBER = \"\"\"\n x\\\n {{}}y\"\"\"\n": " x|y",
	}, hostile())
	b.check(t, "Python's tomllib", python(t, `
import tomllib, sys
d = tomllib.load(open(sys.argv[1], "rb"))
del d["end"]
for i, (k, v) in enumerate(d.items()):
    assert k == f"v{i}", k
    print(v.encode("utf-8").hex())
`, write(t, "f.toml", b.file.String())))

	whole := tree(t, `{"s": "x\n\"", "n": [1, -0, 9223372036854775807, 1e3, 1.5E-3, [true]], "t": {"a b": {"": "y", "z": [{"q": {}}, []]}, "e": {}}}`)
	pieces, err := toml{}.Whole(whole)
	if err != nil {
		t.Fatal(err)
	}
	literal, _ := tomlNotation.literal(whole)
	want := `{"n": [1, 0, 9223372036854775807, 1000.0, 0.0015, [true]], "s": "x\n\"", "t": {"a b": {"": "y", "z": [{"q": {}}, []]}, "e": {}}}`
	for _, file := range []string{joined(pieces), "x = " + literal} {
		got := python(t, `
import tomllib, json, sys
d = tomllib.load(open(sys.argv[1], "rb"))
print(json.dumps(d.get("x", d), sort_keys=True).encode().hex())
`, write(t, "w.toml", file))
		if got[0] != want {
			t.Errorf("%s\nis read as %s", file, got[0])
		}
	}
}

func joined(pieces []Piece) string {
	var b strings.Builder
	for _, p := range pieces {
		b.WriteString(p.Text)
	}
	return b.String()
}

// yamlWhole is what PyYAML and Psych must read alike from a section, as a file and as one literal.
const yamlWhole = `{"yes": "no", "null": null, "n": [1, 0, -5, 123456789012345678901234567890, 1e3, 1.5E-3, 0.5, 1E+2, 12e0], "b": [true, false], "s": ["yes", "~", "1e3", "0x1f", "2001-01-01", "<%= 1 %>", ":sym", "!ruby/object:Object {}", "=", "<<", "12:30"], "": {"a: b": [[], {}, [[1]], {"k": {"l": "m"}}], "- x": "y", "#": "&z", "é😀": 1, "on": 2, "=": 3, "!x": 4}}`

const yamlWant = `{"": {"!x": 4, "#": "&z", "- x": "y", "=": 3, "a: b": [[], {}, [[1]], {"k": {"l": "m"}}], "on": 2, "\u00e9\ud83d\ude00": 1}, "b": [true, false], "n": [1, 0, -5, 123456789012345678901234567890, 1000.0, 0.0015, 0.5, 100.0, 12.0], "null": null, "s": ["yes", "~", "1e3", "0x1f", "2001-01-01", "<%= 1 %>", ":sym", "!ruby/object:Object {}", "=", "<<", "12:30"], "yes": "no"}`

func yamlBatch(t *testing.T, values []string) *batch {
	return newBatch(t, yaml{}, "---\nx: [1]\nv:\n", "", map[string]string{
		"  - {{}}\n": "|", "  - \"x{{}}y{{}}\" # c\n": "x|y|", "  - 'x{{}}y'\n": "x|y", "  - [[ {{}}, {a: \"{{}}\"}]] # c\n": "|", "  - a:   {{}}\n    b: 1\n": "|",
	}, values)
}

func yamlWholes(t *testing.T) []string {
	section := tree(t, yamlWhole)
	pieces, err := yaml{}.Whole(section)
	if err != nil {
		t.Fatal(err)
	}
	literal, err := yamlNotation.literal(section)
	if err != nil {
		t.Fatal(err)
	}
	out := []string{joined(pieces), "x: " + literal + "\n", "x:\n - y:\n    - " + literal + " # c\n"}
	for _, file := range out {
		if err := (yaml{}).Parse([]byte(file)); err != nil {
			t.Fatal(err)
		}
	}
	return out
}

func TestYAMLPython(t *testing.T) {
	program(t, "/usr/bin/python3", "python3")
	if _, err := os.Stat("/usr/lib/python3/dist-packages/yaml"); err != nil {
		missing(t, "PyYAML", "python3-yaml")
	}
	b := yamlBatch(t, upTo(6000, hostile()))
	got := python(t, `
import yaml, json, sys
for v in yaml.load(open(sys.argv[1], encoding="utf-8"), Loader=yaml.SafeLoader)["v"]:
    if isinstance(v, list):
        assert v[0][0] == v[0][1]["a"], v
        v = v[0][0]
    if isinstance(v, dict):
        assert v["b"] == 1, v
        v = v["a"]
    print(v.encode("utf-8").hex())
for f in sys.argv[2:]:
    d = yaml.safe_load(open(f, encoding="utf-8"))
    if "x" in d:
        d = d["x"]
    if isinstance(d, list):
        d = d[0]["y"][0]
    print(json.dumps(d, sort_keys=True).encode().hex())
`, append([]string{write(t, "f.yml", b.file.String())}, yamlFiles(t)...)...)
	b.check(t, "PyYAML", got[:len(got)-3])
	for _, got := range got[len(got)-3:] {
		if got != yamlWant {
			t.Errorf("PyYAML read\n%s, want\n%s", got, yamlWant)
		}
	}
}

func yamlFiles(t *testing.T) []string {
	var out []string
	for _, file := range yamlWholes(t) {
		out = append(out, write(t, "w.yml", file))
	}
	return out
}

// TestYAMLRuby reads as Rails does: ERB, then Psych.
func TestYAMLRuby(t *testing.T) {
	ruby := program(t, "ruby", "ruby")
	b := yamlBatch(t, hostile())
	script := `
require "erb"; require "yaml"; require "json"
def read(f) = YAML.load(ERB.new(File.read(f, encoding: "utf-8")).result, aliases: true)
def sorted(v)
  case v
  when Hash then v.keys.sort.to_h { |k| [k, sorted(v[k])] }
  when Array then v.map { |e| sorted(e) }
  else v
  end
end
read(ARGV[0])["v"].each do |v|
  v = v[0][0] == v[0][1]["a"] ? v[0][0] : raise(v.inspect) if v.is_a?(Array)
  v = v["b"] == 1 ? v["a"] : raise(v.inspect) if v.is_a?(Hash)
  puts v.b.unpack1("H*")
end
ARGV[1..].each do |f|
  d = read(f)
  d = d["x"] if d.key?("x")
  d = d[0]["y"][0] if d.is_a?(Array)
  puts JSON.generate(sorted(d), ascii_only: true).b.unpack1("H*")
end
`
	got := unhex(t, output(t, ruby, append([]string{"-e", script, write(t, "f.yml", b.file.String())}, yamlFiles(t)...)...))
	b.check(t, "Ruby", got[:len(got)-3])
	for _, got := range got[len(got)-3:] {
		if got != strings.NewReplacer(", ", ",", ": ", ":", "a: b", "a: b").Replace(yamlWant) {
			t.Errorf("Ruby read\n%s, want\n%s", got, yamlWant)
		}
	}
}

const yamlTokens = "a: ·- ·a:\n  ·b·key·: ·:· ·  ·\n·\n  ·\n    ·\n- ·\n  - ·\"·'·[·]·{·}·, ·,·#· # c·&x ·*x·!t ·|·>-·|\n·--- ·\\·x y·5·-·<<: ·true·\"k\": ·c: ·\nd: ·\n  e: ·{{}}·{{}}·{{}}·{{}}"

var yamlValues = []string{"V: [\"x' #\n- {y", "Vyes", "V", "V%<", "V - a", "V #c", "V,W]}"}

func TestYAMLTemplatesPython(t *testing.T) {
	program(t, "/usr/bin/python3", "python3")
	if _, err := os.Stat("/usr/lib/python3/dist-packages/yaml"); err != nil {
		missing(t, "PyYAML", "python3-yaml")
	}
	files := grow(t, yaml{}, yamlTokens, yamlValues, 2000)
	checkLeaves(t, "PyYAML", files, pythonLeaves(t, `
import yaml
class Loader(yaml.SafeLoader): pass
def tagged(loader, suffix, node):
    if isinstance(node, yaml.ScalarNode):
        return loader.construct_scalar(node)
    return loader.construct_sequence(node, deep=True) if isinstance(node, yaml.SequenceNode) else loader.construct_mapping(node, deep=True)
Loader.add_multi_constructor("!", tagged)
def read(text):
    try:
        return list(yaml.load_all(text, Loader=Loader))
    except yaml.YAMLError:
        raise ValueError
`, "read(text)", files))
}

func TestYAMLTemplatesRuby(t *testing.T) {
	ruby := program(t, "ruby", "ruby")
	files := grow(t, yaml{}, yamlTokens, yamlValues, 2000)
	out := unhex(t, output(t, ruby, "-e", `
require "json"; require "psych"
def walk(n, values, names)
  case n
  when Psych::Nodes::Mapping
    n.children.each_slice(2) { |k, v| k.is_a?(Psych::Nodes::Scalar) ? names << k.value : walk(k, values, names); walk(v, values, names) }
  when Psych::Nodes::Scalar then values << n.value
  when Psych::Nodes::Alias
  else n.children.each { |c| walk(c, values, names) }
  end
end
out = JSON.parse(File.read(ARGV[0], encoding: "utf-8")).map do |text|
  values, names = [], []
  begin
    walk(Psych.parse_stream(text), values, names)
    {"values" => values.join("\0"), "names" => names.join("\0")}
  rescue Psych::SyntaxError
    nil
  end
end
puts JSON.generate(out).unpack1("H*")
`, filesOf(t, files)))
	checkLeaves(t, "Ruby", files, out[0])
}

func TestTOMLTemplatesPython(t *testing.T) {
	files := grow(t, toml{}, "a = ·b = ·a·=· ·\n·\n·\"·'·\"\"\"·'''·[·]·[[·]]·{·}·, ·,·#· # c·\\·\\\n·.·5·-·true·\nc = ·\nd = ·\n[t]\n·e = ·\n  ·1.5·2001-01-01·\\u0041·{{}}·{{}}·{{}}·{{}}",
		[]string{"V\"x' #\n= [y", "V", "V]", " V", "V'", "V,W]}", "\nV", "V\\"}, 1000)
	checkLeaves(t, "tomllib", files, pythonLeaves(t, "import tomllib", "tomllib.loads(text)", files))
}

func TestINIPython(t *testing.T) {
	b := newBatch(t, ini{}, "[s]\n", "[e]\nx=1\n", map[string]string{"vNUMBER={{}}\n": "|", "vNUMBER = {{}}\n": "|", "vNUMBER=x{{}}y {{}}z\n": "x|y |z"}, hostile())
	got := python(t, `
import configparser, sys
raw = configparser.RawConfigParser()
raw.read(sys.argv[1], encoding="utf-8")
usual = configparser.ConfigParser()
usual.read(sys.argv[1], encoding="utf-8")
for i, (k, v) in enumerate(raw.items("s")):
    assert k == f"v{i}", k
    try:
        assert usual.get("s", k) == v
    except configparser.InterpolationSyntaxError:
        assert "%" in v
    print(v.encode("utf-8").hex())
assert list(raw) == ["DEFAULT", "s", "e"]
`, write(t, "f.ini", b.file.String()))
	b.check(t, "configparser", got)
}

func TestINIMySQL(t *testing.T) {
	path := program(t, "my_print_defaults", "mariadb-client-core or mysql-client-core")
	b := newBatch(t, ini{}, "[s]\n", "[e]\nx=1\n", map[string]string{
		"vNUMBER={{}}\n": "|", "vNUMBER=x{{}}y {{}}z\n": "x|y |z", "vNUMBER=\"{{}}\"\n": "|", "vNUMBER = \"x{{}}y\"\n": "x|y", "vNUMBER='{{}}{{}}'\n": "||",
	}, hostile())
	out := string(output(t, path, "--defaults-file="+write(t, "my.cnf", b.file.String()), "s"))
	var got []string
	for i := range b.want {
		rest, ok := strings.CutPrefix(out, "--v"+strconv.Itoa(i)+"=")
		end := strings.Index(rest, "\n--v"+strconv.Itoa(i+1)+"=")
		if i == len(b.want)-1 {
			end = len(rest) - 1
		}
		if !ok || end < 0 {
			t.Fatalf("there is no v%d in %.100q", i, out)
		}
		got = append(got, rest[:end])
		out = rest[end+1:]
	}
	b.check(t, "my_print_defaults", got)
}

// libpq runs a script that has libpq, with a function connect that takes parameters and gives back a connection to
// nowhere.
func libpq(t *testing.T, script string, args ...string) []string {
	libraries, _ := filepath.Glob("/usr/lib/*/libpq.so.5")
	if len(libraries) == 0 {
		missing(t, "libpq", "libpq5")
	}
	return python(t, `
import ctypes, os, sys
pq = ctypes.CDLL(sys.argv[1])
pq.PQconnectStartParams.restype = ctypes.c_void_p
for f in (pq.PQpass, pq.PQuser, pq.PQdb, pq.PQerrorMessage):
    f.restype, f.argtypes = ctypes.c_char_p, [ctypes.c_void_p]
pq.PQfinish.argtypes = [ctypes.c_void_p]
def connect(**params):
    keys = (ctypes.c_char_p * (len(params) + 1))(*[k.encode() for k in params], None)
    values = (ctypes.c_char_p * (len(params) + 1))(*[v.encode() for v in params.values()], None)
    return pq.PQconnectStartParams(keys, values, 0)
`+script, append([]string{libraries[0]}, args...)...)
}

func TestINILibpq(t *testing.T) {
	b := newBatch(t, ini{}, "", "[end]\nuser=x\n", map[string]string{
		"[sNUMBER]\nhost=/nowhere\nuser={{}}\npassword=x{{}}\n": "|", "[sNUMBER]\nhost=/nowhere\nuser=x{{}}y {{}}z\npassword=xx{{}}y {{}}z\n": "x|y |z",
	}, slices.DeleteFunc(hostile(), func(s string) bool { return s == "" }))
	got := libpq(t, `
os.environ["PGSERVICEFILE"] = sys.argv[2]
i = 0
while True:
    c = connect(service=f"s{i}")
    if b"not found" in pq.PQerrorMessage(c):
        break
    assert b"x" + pq.PQuser(c) == pq.PQpass(c), (pq.PQuser(c), pq.PQpass(c), pq.PQerrorMessage(c))
    print(pq.PQuser(c).hex())
    pq.PQfinish(c)
    i += 1
`, write(t, "pg_service.conf", b.file.String()))
	b.check(t, "libpq", got)
}

func TestPgpassLibpq(t *testing.T) {
	b := newBatch(t, pgpass{}, "# head\n\n", "none:*:*:*:wrong", map[string]string{"hNUMBER:1:d:u:{{}}\n": "|", "hNUMBER:*:d:u:x{{}}y{{}}\n": "x|y|"}, slices.DeleteFunc(hostile(), func(s string) bool { return s == "" }))
	path := write(t, "pgpass", b.file.String())
	got := libpq(t, `
for i in range(int(sys.argv[3])):
    c = connect(passfile=sys.argv[2], host=f"h{i}", hostaddr="127.0.0.1", port="1", dbname="d", user="u", sslmode="disable")
    print((pq.PQpass(c) or b"").hex())
    pq.PQfinish(c)
`, path, strconv.Itoa(len(b.want)))
	b.check(t, "libpq", got)

	// a line is found by a value in its other fields; to libpq a comma parts hosts
	b = newBatch(t, pgpass{}, "", "", map[string]string{"hNUMBER:1:{{}}:{{}}:|\n": "|", "{{}}:NUMBER:d:u:p\n": "|"}, slices.DeleteFunc(hostile(), func(s string) bool { return s == "" || len(s) > 200 || strings.Contains(s, ",") }))
	var args []string
	for i, v := range b.want {
		args = append(args, strconv.Itoa(i), v)
	}
	got = libpq(t, `
args = sys.argv[3:]
for i, v in zip(args[::2], args[1::2]):
    a = connect(passfile=sys.argv[2], host=f"h{i}", hostaddr="127.0.0.1", port="1", dbname=v, user=v, sslmode="disable")
    b = connect(passfile=sys.argv[2], host=v, hostaddr="127.0.0.1", port=i, dbname="d", user="u", sslmode="disable")
    print((v if b"|" in (pq.PQpass(a) or b"") or b"p" == pq.PQpass(b) else "").encode().hex())
    pq.PQfinish(a)
    pq.PQfinish(b)
`, append([]string{write(t, "pgpass", b.file.String())}, args...)...)
	b.check(t, "libpq", got)
}

func TestPropertiesJava(t *testing.T) {
	java := program(t, "java", "default-jdk-headless")
	program(t, "javac", "default-jdk-headless")
	b := newBatch(t, properties{}, "# head \\\n", "end=1", map[string]string{"vNUMBER={{}}\n": "|", "vNUMBER : x{{}}y{{}}\n": "x|y|", "vNUMBER=\\\n  {{}}x\n": "|x"}, hostile())
	source := write(t, "Read.java", `
import java.io.*;
import java.nio.charset.StandardCharsets;
import java.util.*;
public class Read {
    public static void main(String[] args) throws IOException {
        Properties bytes = new Properties(), chars = new Properties();
        bytes.load(new FileInputStream(args[0]));
        chars.load(new InputStreamReader(new FileInputStream(args[0]), StandardCharsets.UTF_8));
        if (!bytes.equals(chars)) throw new IllegalStateException("read differently");
        StringBuilder out = new StringBuilder();
        for (int i = 0; i < bytes.size() - 1; i++) {
            for (byte b : bytes.getProperty("v" + i).getBytes(StandardCharsets.UTF_8)) out.append(String.format("%02x", b));
            out.append("\n");
        }
        System.out.print(out);
    }
}
`)
	b.check(t, "Java", unhex(t, output(t, java, source, write(t, "f.properties", b.file.String()))))
}

func TestPEMOpenSSL(t *testing.T) {
	openssl := program(t, "openssl", "openssl")
	dir := t.TempDir()
	key, cert := filepath.Join(dir, "key"), filepath.Join(dir, "cert")
	output(t, openssl, "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=x", "-keyout", key, "-out", cert)
	for _, path := range []string{key, cert} {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		want, _ := stdpem.Decode(text)
		for _, value := range []string{string(text), strings.TrimSuffix(string(text), "\n"), strings.ReplaceAll(string(text), "\n", "\r\n")} {
			file, err := fill(t, Get("pem"), marker, str(value))
			if err != nil {
				t.Fatal(err)
			}
			args := []string{"x509", "-outform", "DER", "-in"}
			if path == key {
				args[0] = "pkey"
			}
			out := output(t, openssl, append(args, write(t, "pem", file))...)
			if path == cert && string(out) != string(want.Bytes) || len(out) < 500 {
				t.Errorf("openssl read %x", out)
			}
		}
	}
}

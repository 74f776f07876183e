package document

import (
	"bytes"
	"encoding/json"
	"reflect"
	"testing"

	"github.com/bootconf/bootconf/internal/finding"
)

// asJSON is v as encoding/json indents it.
func asJSON(t *testing.T, v any) string {
	t.Helper()
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	if err := enc.Encode(v); err != nil {
		t.Fatal(err)
	}
	return string(bytes.TrimSuffix(b.Bytes(), []byte("\n")))
}

func TestEncode(t *testing.T) {
	for _, text := range []string{
		`null`, `true`, `-1.50e3`, `""`, `[]`, `{}`, `[[],{}]`, `"\u0000\u001f\"\\\/é\n\t<&>😀"`,
		`{"b": [1, {"c": null}], "a": {"x": [], "y": {}}, "": "é"}`,
	} {
		n, found := Parse("", []byte(text))
		if len(found) > 0 {
			t.Fatal(found)
		}
		var indented, compact bytes.Buffer
		if n.Kind != String { // encoding/json leaves the escapes of a string as they are
			if err := json.Indent(&indented, []byte(text), "", "  "); err != nil {
				t.Fatal(err)
			}
			if err := json.Compact(&compact, []byte(text)); err != nil {
				t.Fatal(err)
			}
		} else {
			indented.WriteString(asJSON(t, n.Plain()))
			compact = indented
		}
		if got := string(Encode(n)); got != indented.String() {
			t.Errorf("%s: encoded as\n%s\nwant\n%s", text, got, indented.String())
		}
		if got := string(Compact(n)); got != compact.String() {
			t.Errorf("%s: in one line %s, want %s", text, got, compact.String())
		}
	}
	n := NewObject()
	n.SetString("invalid", "a\xffb")
	n.SetString("secret", "hidden")
	n.Get("secret").Mark()
	if got, want := string(Compact(n)), `{"invalid":"a`+"\ufffd"+`b","secret":"[secret]"}`; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestRecord(t *testing.T) {
	n := NewObject()
	n.SetString("s", "x")
	n.SetIfAny("empty", "")
	n.SetInt("i", -1<<63)
	n.SetFloat("f", 0.001)
	n.SetBool("b", true)
	n.Set("list", NewStrings([]string{"a", "b"}))
	n.Set("none", NewStrings(nil))
	n.AddArray("objects").AddObject().SetString("name", "y")
	want := asJSON(t, struct {
		S       string              `json:"s"`
		I       int64               `json:"i"`
		F       float64             `json:"f"`
		B       bool                `json:"b"`
		List    []string            `json:"list"`
		None    []string            `json:"none"`
		Objects []map[string]string `json:"objects"`
	}{"x", -1 << 63, 0.001, true, []string{"a", "b"}, []string{}, []map[string]string{{"name": "y"}}})
	if got := string(Encode(n)); got != want {
		t.Fatalf("encoded as\n%s\nwant\n%s", got, want)
	}
	r := ReadRecord([]byte(want))
	var names []string
	r.Each("objects", func(r *Record) { names = append(names, r.String("name")) })
	if r.String("s") != "x" || r.Int("i") != -1<<63 || r.Float("f") != 0.001 || !r.Bool("b") || !reflect.DeepEqual(r.Strings("list"), []string{"a", "b"}) || !reflect.DeepEqual(names, []string{"y"}) || r.Wrong {
		t.Errorf("read %+v, names %q", r, names)
	}
	if r.String("missing") != "" || r.Int("missing") != 0 || r.Float("missing") != 0 || r.Bool("missing") || r.Object("missing") != nil || r.Wrong {
		t.Error("what is missing does not read as zero")
	}
}

func TestRecordWrong(t *testing.T) {
	for name, read := range map[string]func(*Record){
		`{"x": 1}`:            func(r *Record) { r.String("x") },
		`{"x": "1"}`:          func(r *Record) { r.Int("x") },
		`{"x": 1.5}`:          func(r *Record) { r.Int("x") },
		`{"x": 1e400}`:        func(r *Record) { r.Float("x") },
		`{"x": "true"}`:       func(r *Record) { r.Bool("x") },
		`{"x": []}`:           func(r *Record) { r.Object("x") },
		`{"x": {}}`:           func(r *Record) { r.Each("x", func(*Record) {}) },
		`{"x": ["a"]}`:        func(r *Record) { r.Each("x", func(*Record) {}) },
		`{"x": ["a", 1]}`:     func(r *Record) { r.Strings("x") },
		`{"x": [{"y": 1}]}`:   func(r *Record) { r.Each("x", func(r *Record) { r.String("y") }) },
		`{"x": [{"path":1}]}`: func(r *Record) { r.Findings("x") },
		`[]`:                  func(*Record) {},
		`{"x": 1, "x": 1}`:    func(*Record) {},
		`{"x": `:              func(*Record) {},
		``:                    func(*Record) {},
	} {
		r := ReadRecord([]byte(name))
		if read(r); !r.Wrong {
			t.Errorf("%s is not wrong", name)
		}
	}
}

func TestRecordFindings(t *testing.T) {
	want := finding.List{
		{Source: "user-data", Pos: finding.Pos{Line: 3, Column: 7}, Path: "amqp.port", Message: `must be "x" <y>`},
		{Source: "/etc/x", Message: "does not exist", Warning: true},
	}
	n := NewObject()
	n.Set("findings", NewFindings(want))
	if got, want := string(Encode(n)), asJSON(t, map[string]any{"findings": want}); got != want {
		t.Errorf("encoded as\n%s\nwant\n%s", got, want)
	}
	r := ReadRecord(Encode(n))
	if got := r.Findings("findings"); !reflect.DeepEqual(got, want) || r.Wrong {
		t.Errorf("read as %+v", got)
	}
}

// A record may hold a finding for each value of the user data, and is larger then than user data may be.
func TestRecordSize(t *testing.T) {
	n := NewObject()
	n.Set("findings", NewFindings(make(finding.List, MaxValues)))
	r := ReadRecord(Encode(n))
	if got := len(r.Findings("findings")); got != MaxValues || r.Wrong {
		t.Errorf("read %d findings", got)
	}
}

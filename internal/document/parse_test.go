package document

import (
	"strings"
	"testing"
)

func TestParseFindings(t *testing.T) {
	for _, c := range []struct{ name, text, want string }{
		{"empty", " \n", "d:2:1: is empty: must be a JSON value"},
		{"cut off", `{"a": {"b": 1`, "d:1:14: ends within the JSON value; is the text cut off?"},
		{"trailing", "{}\n{}", "d:2:1: must end after the JSON value; remove what follows"},
		{"duplicates, all of them", "{\"a\": 1,\n \"a\": 2, \"b\": {\"c\": 1, \"c\": 2}}",
			"d:2:2: a: stands twice, first in line 1, column 2; keep one\nd:2:24: b.c: stands twice, first in line 2, column 16; keep one"},
		{"escaped duplicate", `{"a": 1, "\u0061": 2}`, "d:1:10: a: stands twice, first in line 1, column 2; keep one"},
		{"UTF-8", "{\"a\": \"x\xffy\", \"b\": \"\xc3\"}", "d:1:9: a: must be UTF-8: byte 0xff here is none\nd:1:20: b: must be UTF-8: byte 0xc3 here is none"},
		{"half a pair", `{"a": "\ud800"}`, `d:1:7: a: must not hold half of a surrogate pair (\ud800 to \udfff)`},
		{"comma before bracket", "{\"a\": 1,\n}", "d:1:8: remove the comma before the closing bracket"},
		{"comment", "{ // x\n}", "d:1:3: JSON has no comments; use a key that starts with x- instead"},
		{"single quotes", "{'a': 1}", `d:1:2: strings and names stand in double quotes: "…"`},
		{"newline in a string", "{\"a\": \"s3cr\net\"}", `d:1:12: a string holds a control character or an escape that JSON does not have; write \n, \t or \u00XX`},
		{"bad escape", `{"a": "s3cr\xet"}`, `d:1:12: a string holds a control character or an escape that JSON does not have; write \n, \t or \u00XX`},
		{"missing comma", `{"a": "x" "b": 1}`, "d:1:11: a comma or a colon is missing before this"},
		{"bare word", `{"a": yes}`, "d:1:7: is no JSON here: expected a value, a name in double quotes, a comma or a closing bracket"},
		{"many values", "[" + strings.Repeat("1,", MaxValues) + "1]", "d:1:40000: [19999]: must not have more than 20000 values"},
		{"deep", strings.Repeat("[", MaxDepth+1), "d:1:65: " + strings.Repeat("[0]", MaxDepth) + ": must not be nested more than 64 deep"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, found := Parse("d", []byte(c.text))
			if got := found.Error(); got != c.want {
				t.Errorf("got  %s\nwant %s", got, c.want)
			}
		})
	}
}

func TestParsePositions(t *testing.T) {
	n, found := Parse("d", []byte("{\n  \"a\" : [1e400, -0, \"é\\n\"],\n\"b\":null, \"c\": true}"))
	if len(found) > 0 {
		t.Fatal(found)
	}
	a := n.Get("a")
	for _, c := range []struct {
		name      string
		node      *Node
		line, col int
	}{{"a", a, 2, 9}, {"a[0]", a.Items[0], 2, 10}, {"a[1]", a.Items[1], 2, 17}, {"a[2]", a.Items[2], 2, 21}, {"b", n.Get("b"), 3, 5}, {"c", n.Get("c"), 3, 16}} {
		if c.node.Pos.Line != c.line || c.node.Pos.Column != c.col {
			t.Errorf("%s is at %v, want %d:%d", c.name, c.node.Pos, c.line, c.col)
		}
	}
	if got := a.Items[0].Plain() + a.Items[1].Plain() + a.Items[2].Plain(); got != "1e400-0é\n" {
		t.Errorf("values read as %q", got)
	}
	if n.Members[0].Pos.Column != 3 || n.Members[1].Pos.Line != 3 {
		t.Errorf("names are at %v and %v", n.Members[0].Pos, n.Members[1].Pos)
	}
}

func TestParseCapsFindings(t *testing.T) {
	_, found := Parse("d", []byte("{"+strings.Repeat(`"a":1,`, 5000)+`"a":1}`))
	if len(found) != MaxFindings+1 {
		t.Fatalf("%d findings, want %d", len(found), MaxFindings+1)
	}
	if got, want := found[MaxFindings].Message, "has more faults than the 1000 above; the rest is not read"; got != want {
		t.Errorf("the last is %q, want %q", got, want)
	}
}

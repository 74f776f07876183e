package document

import (
	"strconv"

	"github.com/bootconf/bootconf/internal/finding"
	"github.com/bootconf/bootconf/internal/secret"
)

// Records are written and read as trees, not by encoding/json: its reflection would be 200 KB of the binary.

// NewObject is an object without members.
func NewObject() *Node { return &Node{Kind: Object} }

// NewStrings is an array of strings.
func NewStrings(ss []string) *Node {
	n := &Node{Kind: Array}
	for _, s := range ss {
		n.Items = append(n.Items, NewString(s, finding.Pos{}))
	}
	return n
}

// NewFindings is an array of findings.
func NewFindings(list finding.List) *Node {
	n := &Node{Kind: Array}
	for _, f := range list {
		o := n.AddObject()
		o.SetString("source", f.Source)
		if f.Line > 0 {
			o.SetInt("line", int64(f.Line))
			o.SetInt("column", int64(f.Column))
		}
		o.SetIfAny("path", f.Path)
		o.SetString("message", f.Message)
		if f.Warning {
			o.SetBool("warning", true)
		}
	}
	return n
}

// SetString sets the member of that name to a string that is no secret.
func (n *Node) SetString(name, s string) { n.Set(name, NewString(s, finding.Pos{})) }

// SetIfAny is SetString, but that an empty string is left out.
func (n *Node) SetIfAny(name, s string) {
	if s != "" {
		n.SetString(name, s)
	}
}

// SetInt sets the member of that name to a whole number.
func (n *Node) SetInt(name string, i int64) { n.setNumber(name, strconv.FormatInt(i, 10)) }

// SetFloat sets the member of that name to a number, which must be finite.
func (n *Node) SetFloat(name string, f float64) {
	n.setNumber(name, strconv.FormatFloat(f, 'f', -1, 64))
}

func (n *Node) setNumber(name, digits string) {
	n.Set(name, &Node{Kind: Number, Text: secret.New(digits)})
}

// SetBool sets the member of that name.
func (n *Node) SetBool(name string, b bool) { n.Set(name, &Node{Kind: Bool, Bool: b}) }

// AddArray sets the member of that name to an empty array and returns it.
func (n *Node) AddArray(name string) *Node {
	list := &Node{Kind: Array}
	n.Set(name, list)
	return list
}

// AddObject adds an object without members to the array n and returns it.
func (n *Node) AddObject() *Node {
	o := NewObject()
	n.Items = append(n.Items, o)
	return o
}

// Record reads an object that this program has written, or another with a fixed format. A member that is missing or
// null reads as its zero value; Wrong tells at the end whether one was of another type than asked for.
type Record struct {
	Node  *Node
	Wrong bool
}

// ReadRecord parses a record. Its size is not bounded as Parse's is, and there are no findings: it is a record, or it
// is Wrong.
func ReadRecord(text []byte) *Record {
	n, found := parse("", text, len(text))
	return &Record{n, len(found) > 0 || n.Kind != Object}
}

func (r *Record) get(name string, kind Kind) *Node {
	n := r.Node.Get(name)
	if n == nil || n.Kind == kind {
		return n
	}
	r.Wrong = r.Wrong || n.Kind != Null
	return nil
}

// String is the member of that name, a string.
func (r *Record) String(name string) string { return r.get(name, String).Plain() }

// Int is the member of that name, a whole number.
func (r *Record) Int(name string) int64 {
	n := r.get(name, Number)
	if n == nil {
		return 0
	}
	i, err := strconv.ParseInt(n.Plain(), 10, 64)
	if err != nil {
		r.Wrong = true
	}
	return i
}

// Float is the member of that name, a number.
func (r *Record) Float(name string) float64 {
	n := r.get(name, Number)
	if n == nil {
		return 0
	}
	f, err := strconv.ParseFloat(n.Plain(), 64)
	if err != nil {
		r.Wrong = true
	}
	return f
}

// Bool is the member of that name.
func (r *Record) Bool(name string) bool {
	n := r.get(name, Bool)
	return n != nil && n.Bool
}

// Strings is the member of that name, an array of strings.
func (r *Record) Strings(name string) []string {
	n := r.get(name, Array)
	if n == nil {
		return nil
	}
	for _, item := range n.Items {
		r.Wrong = r.Wrong || item.Kind != String
	}
	return n.Strings()
}

// Object is the member of that name, an object, or nil if there is none. Whether it is Wrong is its own.
func (r *Record) Object(name string) *Record {
	n := r.get(name, Object)
	if n == nil {
		return nil
	}
	return &Record{Node: n}
}

// Each calls read for each element of the member of that name, an array of objects. Wrong is passed on.
func (r *Record) Each(name string, read func(*Record)) {
	n := r.get(name, Array)
	if n == nil {
		return
	}
	for _, item := range n.Items {
		e := &Record{item, item.Kind != Object}
		read(e)
		r.Wrong = r.Wrong || e.Wrong
	}
}

// Findings is the member of that name, as NewFindings has made it.
func (r *Record) Findings(name string) finding.List {
	var list finding.List
	r.Each(name, func(e *Record) {
		list = append(list, finding.Finding{
			Source: e.String("source"), Pos: finding.Pos{Line: int(e.Int("line")), Column: int(e.Int("column"))},
			Path: e.String("path"), Message: e.String("message"), Warning: e.Bool("warning"),
		})
	})
	return list
}

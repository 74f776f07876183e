package format

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/bootconf/bootconf/internal/document"
)

// What the formats have in common.

func refuse(message string) error { return &ValueError{Message: message} }

func refuseAt(path, message string) error { return &ValueError{path, message} }

func fault(offset int, message string) error { return &TextError{offset, message} }

const noValue = "has no value"

// single is a string, number or boolean as it reads, for places that hold no other.
func single(v *document.Node) (string, error) {
	switch v.Kind {
	case document.Null:
		return "", refuse(noValue)
	case document.Bool:
		if v.Bool {
			return "true", nil
		}
		return "false", nil
	case document.String, document.Number:
		return v.Text.Reveal(), nil
	}
	return "", refuse("is an " + v.Kind.String() + ", and only a string, number or boolean can stand here")
}

// singles makes a Writer of what writes a single value as it reads.
func singles(write func(s string) (string, error)) Writer {
	return func(v *document.Node) (string, error) {
		s, err := single(v)
		if err != nil {
			return "", err
		}
		return write(s)
	}
}

// flat writes an object of single values, one a line: name and literal give the two sides.
func flat(section *document.Node, what, separator string, name func(string) (string, error), literal Writer) ([]Piece, error) {
	if section.Kind != document.Object {
		return nil, refuse("is no object, and " + what + " is made of names and values")
	}
	var out pieces
	for _, m := range section.Members {
		key, err := name(m.Name)
		if err != nil {
			return nil, at(document.Join("", m.Name), err)
		}
		value, err := literal(m.Value)
		if err != nil {
			return nil, at(document.Join("", m.Name), err)
		}
		out.text(key + separator)
		out.value(m.Value, value)
		out.text("\n")
	}
	return out.all(), nil
}

// at gives a ValueError that has no path yet the one at which the value stands.
func at(path string, err error) error {
	var e *ValueError
	if errors.As(err, &e) && e.Path == "" {
		return refuseAt(path, e.Message)
	}
	return err
}

// pieces is a file that is being written: those before, and the text behind the last of them.
type pieces struct {
	before []Piece
	last   []byte
}

func (p *pieces) text(s string) { p.last = append(p.last, s...) }

// value adds the literal that stands for v.
func (p *pieces) value(v *document.Node, literal string) {
	if !v.Secret {
		p.text(literal)
		return
	}
	p.before = append(p.all(), Piece{literal, true})
	p.last = nil
}

func (p *pieces) all() []Piece {
	if len(p.last) == 0 {
		return p.before
	}
	return append(p.before, Piece{Text: string(p.last)})
}

func (p *pieces) empty() bool { return len(p.before) == 0 && len(p.last) == 0 }

// notation is how a language of nested values writes them in one line.
type notation struct {
	null   string // empty if it has none
	assign string // between a name and its value
	name   func(name string) (string, error)
	quote  func(s string) string
	number func(digits string) (string, error)
}

// write adds v, which stands at path.
func (n notation) write(out *pieces, v *document.Node, path string) error {
	switch {
	case v.Kind == document.Null:
		if n.null == "" {
			return refuseAt(path, noValue)
		}
		out.value(v, n.null)
	case v.Kind == document.String:
		out.value(v, n.quote(v.Text.Reveal()))
	case v.Kind == document.Number:
		s, err := n.number(v.Text.Reveal())
		if err != nil {
			return at(path, err)
		}
		out.value(v, s)
	case v.Kind == document.Bool:
		s, _ := single(v)
		out.value(v, s)
	case v.Kind == document.Array && len(v.Items) == 0:
		out.value(v, "[]")
	case v.Kind == document.Object && len(v.Members) == 0:
		out.value(v, "{}")
	case v.Kind == document.Array:
		out.text("[")
		for i, item := range v.Items {
			if i > 0 {
				out.text(", ")
			}
			if err := n.write(out, item, document.JoinIndex(path, i)); err != nil {
				return err
			}
		}
		out.text("]")
	case v.Kind == document.Object:
		out.text("{")
		for i, m := range v.Members {
			if i > 0 {
				out.text(", ")
			}
			if err := n.member(out, m, document.Join(path, m.Name)); err != nil {
				return err
			}
		}
		out.text("}")
	}
	return nil
}

func (n notation) member(out *pieces, m document.Member, path string) error {
	name, err := n.name(m.Name)
	if err != nil {
		return at(path, err)
	}
	out.text(name + n.assign)
	return n.write(out, m.Value, path)
}

// literal is the Writer of any value.
func (n notation) literal(v *document.Node) (string, error) {
	var out pieces
	if err := n.write(&out, v, ""); err != nil {
		return "", err
	}
	var b strings.Builder
	for _, p := range out.all() {
		b.WriteString(p.Text)
	}
	return b.String(), nil
}

// holds tells whether s has a rune that bad is true for.
func holds(s string, bad func(r rune) bool) bool { return strings.IndexFunc(s, bad) >= 0 }

// control tells whether r is a control character, tab and line break among them.
func control(r rune) bool { return r < ' ' || r >= 0x7f && r < 0xa0 }

// ascii control characters; those of C1 are letters to whoever reads bytes.
func asciiControl(r rune) bool { return r < ' ' || r == 0x7f }

// word tells whether c may stand in a plain name or number.
func word(c byte) bool {
	return c == '_' || c >= '0' && c <= '9' || c >= 'A' && c <= 'Z' || c >= 'a' && c <= 'z'
}

// backslashed is s with a backslash before each byte of set.
func backslashed(s, set string) string {
	var b strings.Builder
	for i := range len(s) {
		if strings.IndexByte(set, s[i]) >= 0 {
			b.WriteByte('\\')
		}
		b.WriteByte(s[i])
	}
	return b.String()
}

// harmless writes a value into a text whose syntax is not known in full, such as the template of a log message: only
// characters that are no syntax in any of them.
func harmless(where string) func(s string) (string, error) {
	return func(s string) (string, error) {
		for i := range len(s) {
			if !word(s[i]) && !strings.Contains("-.:/+~", s[i:i+1]) {
				return "", refuse("must be of letters, digits and - . _ ~ : / + only: other characters may be syntax " + where)
			}
		}
		return s, nil
	}
}

// walk reads text with the step function of a format whose places need no stack: from a place over a byte to the
// next place, or why the byte can't stand there.
func walk(s State, text string, step func(place uint8, c byte) (uint8, string)) (State, error) {
	for i := range len(text) {
		place, message := step(s.Place, text[i])
		if message != "" {
			return s, fault(i, message)
		}
		s.Place = place
	}
	return s, nil
}

// same joins states of a format that has no two that could be one.
func same(a, b State) (State, bool) { return a, a == b }

// reread reads a finished file as if its author had written all of it, which proves that every literal in it is one.
func reread(f Format, file []byte) error {
	if !utf8.Valid(file) {
		return errors.New("is not UTF-8")
	}
	s, err := f.Text(f.Start(), string(file))
	var t *TextError
	if errors.As(err, &t) {
		return fmt.Errorf("line %d: %s", 1+bytes.Count(file[:t.Offset], []byte("\n")), t.Message)
	}
	return f.End(s)
}

// longLine says which line of file is longer than limit bytes, its end excluded.
func longLine(file []byte, limit int, who string) error {
	n := 0
	for line := range bytes.Lines(file) {
		if n++; len(bytes.TrimSuffix(line, []byte("\n"))) > limit {
			return fmt.Errorf("line %d: is longer than the %d bytes that %s reads of a line", n, limit, who)
		}
	}
	return nil
}

// A place within an escape of hex digits is hexPlace; its stack is that of the place behind it, and then that place
// and the number of digits to come.
const hexPlace uint8 = 255

func pushHex(s State, behind uint8, digits byte) State {
	return State{hexPlace, s.Stack + string([]byte{behind, digits})}
}

func popHex(s State, c byte) (State, bool) {
	last := len(s.Stack) - 1
	digits := s.Stack[last] - 1
	switch {
	case c < '0' || c > '9' && c < 'A' || c > 'F' && c < 'a' || c > 'f':
		return s, false
	case digits == 0:
		return State{s.Stack[last-1], s.Stack[:last-1]}, true
	}
	s.Stack = s.Stack[:last] + string([]byte{digits})
	return s, true
}

const (
	badHex       = "an escape of hex digits ends too early"
	badControl   = "a control character cannot stand here"
	inComment    = "a comment has no place for a value: it could not be told where the value ends"
	inName       = "this is where a name stands, and a value could become any name; write the name and print the value behind it"
	behindEscape = "this is within an escape; the backslash before it would change the value"
)

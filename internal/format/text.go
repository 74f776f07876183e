package format

import (
	"bytes"
	"errors"
	"unicode/utf8"

	"github.com/bootconf/bootconf/internal/document"
)

// text is a file whose syntax, if it has one, is the author's own business. All that a value can't do there is end a
// line, or do what control characters do to a terminal. A string that is the whole file may have lines.
type text struct{}

func (text) Start() State { return State{} }

func (text) Text(s State, text string) (State, error) {
	for i := range len(text) {
		if text[i] == 0 {
			return s, fault(i, "a text cannot hold a NUL")
		}
	}
	return s, nil
}

func (text) Action(s State) (Writer, State, error) {
	return singles(func(v string) (string, error) {
		if holds(v, func(r rune) bool { return control(r) || r == 0x2028 || r == 0x2029 }) {
			return "", refuse("holds a line break or a control character, which a text cannot hold in a line")
		}
		return v, nil
	}), s, nil
}

func (text) Join(a, b State) (State, bool) { return same(a, b) }

func (text) End(State) error { return nil }

// Whole writes a string, number or boolean as it reads, without a line's end that it doesn't have.
func (text) Whole(section *document.Node) ([]Piece, error) {
	s, err := single(section)
	if err != nil {
		return nil, err
	}
	if holds(s, func(r rune) bool { return control(r) && r != '\n' && r != '\t' }) {
		return nil, refuse("holds a control character, which a text cannot hold")
	}
	var out pieces
	out.value(section, s)
	return out.all(), nil
}

// Parse has no grammar to go by. It finds what can only be an accident.
func (text) Parse(file []byte) error {
	switch {
	case !utf8.Valid(file):
		return errors.New("is not UTF-8")
	case bytes.IndexByte(file, 0) >= 0:
		return errors.New("holds a NUL")
	}
	return nil
}

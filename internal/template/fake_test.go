package template

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/bootconf/bootconf/internal/document"
	"github.com/bootconf/bootconf/internal/format"
)

// plain is a format without a grammar, in which everything stands as it reads.
type plain struct{}

func (plain) Start() format.State                                 { return format.State{} }
func (plain) Text(s format.State, _ string) (format.State, error) { return s, nil }
func (plain) End(format.State) error                              { return nil }
func (plain) Join(a, b format.State) (format.State, bool)         { return a, a == b }
func (plain) Parse([]byte) error                                  { return nil }
func (plain) Whole(*document.Node) ([]format.Piece, error)        { return nil, nil }
func (plain) Action(s format.State) (format.Writer, format.State, error) {
	return func(n *document.Node) (string, error) {
		if s, ok := (value{node: n}).scalar(); ok {
			return s, nil
		}
		return "", &format.ValueError{Message: "must be a scalar"}
	}, s, nil
}

// lines is a small format with every kind of place that the real ones have:
//
//	key = "text" # comment
//
// A value is a string in quotes, which an action writes whole or, between quotes, in part. Nothing can be printed in
// a key or comment. A newline within a string can't be held.
type lines struct{ plain }

const (
	atLine uint8 = iota
	inKey
	atValue
	inQuotes
	behind
	inComment
)

func (lines) Text(s format.State, text string) (format.State, error) {
	for i, c := range []byte(text) {
		fault := func(m string) (format.State, error) { return s, &format.TextError{Offset: i, Message: m} }
		switch s.Place {
		case atLine:
			switch {
			case c == '#':
				s.Place = inComment
			case c >= 'a' && c <= 'z':
				s.Place = inKey
			case c != '\n':
				return fault("no key")
			}
		case inKey:
			switch {
			case c == '=':
				s.Place = atValue
			case c != ' ' && (c < 'a' || c > 'z'):
				return fault("no key")
			}
		case atValue:
			switch c {
			case '"':
				s.Place = inQuotes
			case ' ':
			default:
				return fault("no value")
			}
		case inQuotes:
			if c == '"' {
				s.Place = behind
			}
		case behind, inComment:
			switch {
			case c == '\n':
				s.Place = atLine
			case c == '#':
				s.Place = inComment
			case s.Place == behind && c != ' ':
				return fault("something behind the value")
			}
		}
	}
	return s, nil
}

func (lines) Action(s format.State) (format.Writer, format.State, error) {
	write := func(n *document.Node) (string, error) {
		text, ok := (value{node: n}).scalar()
		switch {
		case !ok:
			return "", &format.ValueError{Message: "must be a string, number or boolean"}
		case strings.Contains(text, "\n"):
			return "", &format.ValueError{Message: "must not hold a newline"}
		}
		return strconv.Quote(text), nil
	}
	switch s.Place {
	case atValue:
		return write, format.State{Place: behind}, nil
	case inQuotes:
		return func(n *document.Node) (string, error) {
			s, err := write(n)
			return strings.TrimSuffix(strings.TrimPrefix(s, `"`), `"`), err
		}, s, nil
	case inComment:
		return nil, s, fmt.Errorf("a comment holds no value; move it out")
	}
	return nil, s, fmt.Errorf("a key holds no value")
}

func (lines) End(s format.State) error {
	if s.Place == inQuotes || s.Place == inKey || s.Place == atValue {
		return fmt.Errorf("the last value is not complete")
	}
	return nil
}

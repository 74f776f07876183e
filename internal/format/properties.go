package format

import (
	"errors"
	"fmt"
	"strings"
	"unicode/utf16"

	"github.com/bootconf/bootconf/internal/document"
)

// properties is a file of Java's Properties. What is no ASCII is written as \uXXXX, since some programs read the file
// as Latin-1 and some as UTF-8.
type properties struct{}

const (
	propLine      uint8 = iota // where a line begins
	propComment                //
	propKey                    //
	propKeyEscape              //
	propKeyBlank               // behind a key
	propStart                  // where a value begins; blanks are dropped here
	propValue                  //
	propEscape                 //
	propGoesOn                 // in the blanks of a line that goes on with a value
)

func (properties) Start() State { return State{} }

func (properties) Text(s State, text string) (State, error) {
	for i := range len(text) {
		next, message := propStep(s, text[i])
		if message != "" {
			return s, fault(i, message)
		}
		s = next
	}
	return s, nil
}

func propStep(s State, c byte) (State, string) {
	to := func(place uint8) (State, string) { return State{Place: place}, "" }
	blank := c == ' ' || c == '\t'
	switch {
	case asciiControl(rune(c)) && c != '\t' && c != '\n':
		return s, badControl + "; write lines that end with \\n alone"
	case c >= 0x80 && s.Place != propComment:
		return s, "some readers take this character for others; write it as \\uXXXX"
	}
	switch s.Place {
	case propLine:
		switch {
		case blank || c == '\n':
			return s, ""
		case c == '#' || c == '!':
			return to(propComment)
		case c == '=' || c == ':':
			return s, "a key must stand before it"
		case c == '\\':
			return to(propKeyEscape)
		}
		return to(propKey)
	case propComment:
		if c == '\n' {
			return to(propLine)
		}
	case propKey, propKeyBlank:
		switch {
		case c == '=' || c == ':':
			return to(propStart)
		case blank:
			return to(propKeyBlank)
		case c == '\n' || s.Place == propKeyBlank:
			return s, "= must follow the key"
		case c == '\\':
			return to(propKeyEscape)
		}
	case propKeyEscape:
		if c == '\n' {
			return s, "a key must stand in one line"
		}
		return to(propKey)
	case propStart, propValue, propGoesOn:
		switch {
		case c == '\n':
			return to(propLine)
		case c == '\\':
			return to(propEscape)
		case !blank || s.Place == propValue:
			return to(propValue)
		}
	case propEscape:
		switch c {
		case '\n':
			return to(propGoesOn)
		case 'u':
			return pushHex(State{}, propValue, 4), ""
		}
		return to(propValue)
	case hexPlace:
		s, ok := popHex(s, c)
		if !ok {
			return s, badHex
		}
		return s, ""
	}
	return s, ""
}

func (properties) Action(s State) (Writer, State, error) {
	switch s.Place {
	case propStart, propValue, propGoesOn:
		return singles(propLiteral), s, nil
	case propLine, propKey, propKeyEscape, propKeyBlank:
		return nil, s, errors.New(inName)
	case propComment:
		return nil, s, errors.New(inComment)
	}
	return nil, s, errors.New(behindEscape)
}

func propLiteral(s string) (string, error) { return propEscaped(s, ""), nil }

// propEscaped escapes what a value needs, and each byte of set. Only blanks at the edges need it.
func propEscaped(s, set string) string {
	var b strings.Builder
	for i, r := range s {
		switch {
		case r == '\n':
			b.WriteString(`\n`)
		case r == '\r':
			b.WriteString(`\r`)
		case r == '\t':
			b.WriteString(`\t`)
		case r == ' ' && (i == 0 || i == len(s)-1), r == '\\', r < 0x80 && strings.IndexByte(set, byte(r)) >= 0:
			b.WriteByte('\\')
			b.WriteByte(byte(r))
		case r < ' ' || r >= 0x7f && r <= 0xffff:
			fmt.Fprintf(&b, `\u%04x`, r)
		case r > 0xffff:
			high, low := utf16.EncodeRune(r)
			fmt.Fprintf(&b, `\u%04x\u%04x`, high, low)
		default:
			b.WriteByte(byte(r))
		}
	}
	return b.String()
}

// Join takes the place where a value begins for one in it, and the other way round: what is written is good for both.
func (properties) Join(a, b State) (State, bool) {
	value := func(s State) bool { return s.Place == propStart || s.Place == propValue || s.Place == propGoesOn }
	if value(a) && value(b) && a != b {
		return State{Place: propValue}, true
	}
	return same(a, b)
}

func (properties) End(s State) error {
	switch s.Place {
	case propKey, propKeyEscape, propKeyBlank:
		return errors.New("the last line is no key=value")
	case propEscape, hexPlace:
		return errors.New("the last line ends within an escape")
	}
	return nil
}

func (properties) Whole(section *document.Node) ([]Piece, error) {
	return flat(section, "a properties file", "=", func(name string) (string, error) {
		if name == "" {
			return "", refuse("is an empty name")
		}
		return propEscaped(name, " =:#!"), nil
	}, singles(propLiteral))
}

// Parse takes the file if it is one that is read alike as Latin-1 and as UTF-8. A key may stand twice, since every
// reader takes the last.
func (f properties) Parse(file []byte) error { return reread(f, file) }

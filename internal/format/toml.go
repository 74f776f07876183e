package format

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"

	"github.com/bootconf/bootconf/internal/document"
)

// toml is TOML 1.0. The stack of its states is the open brackets of the value, and in a comment among them the place
// to go back to.
type toml struct{}

const (
	tomlValue    uint8 = iota // where a value is due
	tomlEnd                   // behind a value
	tomlEither                // tomlValue or tomlEnd in an array: where a loop over elements goes round
	tomlLine                  // where a line begins
	tomlKey                   // in a key, up to its =
	tomlKeyEnd                // in an inline table: behind a value
	tomlKeyBasic              // in a key's double quotes
	tomlKeyEscape
	tomlKeyLiteral // in a key's single quotes
	tomlHeader     // in the name of a table
	tomlComment
	tomlBare        // in a number, date or word
	tomlBasic0      // behind the first " of a string: it may be the first of """
	tomlBasic       // in a string in double quotes
	tomlBasicEscape //
	tomlEmpty       // behind ""
	tomlLong0       // behind """, where a line break is dropped
	tomlLong0Value  // the same behind a value, which may have been empty
	tomlLong        // in """
	tomlLongEscape  //
	tomlLongTrim    // in it behind a backslash at a line's end, where blanks are dropped
	tomlLong1       // in it behind "
	tomlLong2       // in it behind ""
	tomlLiteral0    // the same with single quotes
	tomlLiteral
	tomlLiteralEmpty
	tomlLongLiteral
	tomlLongLiteral1
	tomlLongLiteral2
)

func (toml) Start() State { return State{Place: tomlLine} }

func (toml) Text(s State, text string) (State, error) {
	for i := range len(text) {
		next, message := tomlStep(s, text[i])
		if message != "" {
			return s, fault(i, message)
		}
		s = next
	}
	return s, nil
}

// tomlMultiline says which places may hold line breaks.
func tomlMultiline(place uint8) bool {
	return place >= tomlLong0 && place <= tomlLong2 || place >= tomlLongLiteral && place <= tomlLongLiteral2
}

func tomlStep(s State, c byte) (State, string) {
	to := func(place uint8) (State, string) { s.Place = place; return s, "" }
	if asciiControl(rune(c)) && c != '\t' && c != '\n' {
		return s, badControl + "; write lines that end with \\n alone"
	}
	// A quote that turned out not to be one of three, and a number that ends, are done with before c is looked at.
	switch {
	case s.Place == tomlBasic0 && c != '"':
		s.Place = tomlBasic
	case s.Place == tomlLiteral0 && c != '\'':
		s.Place = tomlLiteral
	case s.Place == tomlEmpty && c != '"', s.Place == tomlLiteralEmpty && c != '\'', s.Place == tomlBare && !tomlBareByte(c):
		s = tomlBehind(s.Stack)
	case (s.Place == tomlLong1 || s.Place == tomlLong2 || s.Place == tomlLong0 || s.Place == tomlLong0Value) && c != '"' && c != '\n',
		(s.Place == tomlLong1 || s.Place == tomlLong2) && c == '\n':
		s.Place = tomlLong
	case (s.Place == tomlLongLiteral1 || s.Place == tomlLongLiteral2) && c != '\'':
		s.Place = tomlLongLiteral
	case s.Place == tomlLongTrim && c != ' ' && c != '\t' && c != '\n':
		s.Place = tomlLong
	}
	if c == '\n' && !tomlMultiline(s.Place) {
		return tomlNewline(s)
	}
	blank := c == ' ' || c == '\t' || c == '\n'
	in := top(s.Stack)
	switch s.Place {
	case tomlComment, tomlHeader, tomlLongTrim, tomlBare:
		return s, ""
	case tomlBasic0:
		return to(tomlEmpty)
	case tomlEmpty:
		return to(tomlLong0)
	case tomlLiteral0:
		return to(tomlLiteralEmpty)
	case tomlLiteralEmpty:
		return to(tomlLongLiteral)
	case tomlBasic, tomlLong, tomlKeyBasic:
		switch {
		case c == '\\':
			return to(s.Place + 1)
		case c != '"':
			return s, ""
		case s.Place == tomlKeyBasic:
			return to(tomlKey)
		case s.Place == tomlLong:
			return to(tomlLong1)
		}
		return tomlBehind(s.Stack), ""
	case tomlKeyEscape:
		return to(tomlKeyBasic)
	case tomlBasicEscape, tomlLongEscape:
		switch {
		case c == 'u':
			return pushHex(s, s.Place-1, 4), ""
		case c == 'U':
			return pushHex(s, s.Place-1, 8), ""
		case blank && s.Place == tomlLongEscape:
			return to(tomlLongTrim)
		}
		return to(s.Place - 1)
	case hexPlace:
		s, ok := popHex(s, c)
		if !ok {
			return s, badHex
		}
		return s, ""
	case tomlLong0Value:
		if c == '\n' {
			return s, "a line break right behind this value would be dropped where the value is empty"
		}
		return to(tomlLong1)
	case tomlLong0:
		if c == '\n' {
			return to(tomlLong)
		}
		return to(tomlLong1)
	case tomlLong1, tomlLongLiteral1:
		return to(s.Place + 1)
	case tomlLong2, tomlLongLiteral2:
		return tomlBehind(s.Stack), ""
	case tomlLongLiteral:
		if c == '\'' {
			return to(tomlLongLiteral1)
		}
		return s, ""
	case tomlLiteral:
		if c == '\'' {
			return tomlBehind(s.Stack), ""
		}
		return s, ""
	case tomlKeyLiteral:
		if c == '\'' {
			return to(tomlKey)
		}
		return s, ""
	}
	switch {
	case blank:
		return s, ""
	case c == '#' && (in == '[' || in == 0 && (s.Place == tomlLine || s.Place == tomlEnd)):
		return State{tomlComment, s.Stack + string([]byte{s.Place})}, ""
	}
	switch s.Place {
	case tomlLine, tomlKey, tomlKeyEnd:
		switch {
		case c == '[' && s.Place == tomlLine:
			return to(tomlHeader)
		case c == '=' && s.Place == tomlKey:
			return to(tomlValue)
		case c == '"':
			return to(tomlKeyBasic)
		case c == '\'':
			return to(tomlKeyLiteral)
		case word(c) || c == '-' || c == '.':
			return to(tomlKey)
		case c == '}' && in == '{':
			return tomlBehind(s.Stack[:len(s.Stack)-1]), ""
		case c == ',' && in == '{' && s.Place == tomlKeyEnd:
			return s, ""
		}
		return s, "a key must stand here, and = behind it"
	case tomlValue, tomlEither:
		switch {
		case c == '"':
			return to(tomlBasic0)
		case c == '\'':
			return to(tomlLiteral0)
		case c == '[':
			return State{tomlValue, s.Stack + "["}, ""
		case c == '{':
			return State{tomlKeyEnd, s.Stack + "{"}, ""
		case tomlBareByte(c) && s.Place == tomlValue:
			return to(tomlBare)
		}
	}
	switch {
	case c == ',' && in == '[' && s.Place != tomlValue:
		return to(tomlValue)
	case c == ']' && in == '[':
		return tomlBehind(s.Stack[:len(s.Stack)-1]), ""
	case s.Place == tomlValue:
		return s, "a value must stand here"
	case in == 0:
		return s, "only a comment may follow a value in its line"
	}
	return s, "a comma or a closing bracket must stand here"
}

// tomlNewline is the state behind the end of a line that is not within a string.
func tomlNewline(s State) (State, string) {
	switch s.Place {
	case tomlComment:
		last := len(s.Stack) - 1
		s = State{s.Stack[last], s.Stack[:last]}
		if s.Stack == "" {
			s.Place = tomlLine
		}
		return s, ""
	case tomlLine, tomlHeader:
		return State{Place: tomlLine}, ""
	case tomlEnd, tomlValue, tomlEither:
		if top(s.Stack) == '[' {
			return s, ""
		}
		if s.Place == tomlEnd && s.Stack == "" {
			return State{Place: tomlLine}, ""
		}
	}
	if strings.Contains(s.Stack, "{") {
		return s, "an inline table must stand in one line"
	}
	return s, "the line ends within a key or a value"
}

func tomlBareByte(c byte) bool { return word(c) || c == '-' || c == '+' || c == '.' || c == ':' }

// tomlBehind is the state behind a value within the brackets of stack.
func tomlBehind(stack string) State {
	if top(stack) == '{' {
		return State{tomlKeyEnd, stack}
	}
	return State{tomlEnd, stack}
}

func (toml) Action(s State) (Writer, State, error) {
	switch s.Place {
	case tomlValue:
		return tomlNotation.literal, tomlBehind(s.Stack), nil
	case tomlEither:
		return spaced(tomlNotation.literal), tomlBehind(s.Stack), nil
	case tomlBasic0, tomlBasic:
		return singles(tomlBody), State{tomlBasic, s.Stack}, nil
	case tomlLong0, tomlLong0Value:
		return singles(tomlLongBody), State{tomlLong0Value, s.Stack}, nil
	case tomlLong, tomlLongTrim:
		return singles(tomlLongBody), s, nil
	case tomlLiteral0, tomlLiteral:
		return singles(tomlLiteralBody), State{tomlLiteral, s.Stack}, nil
	case tomlLongLiteral:
		return singles(tomlLiteralBody), s, nil
	case tomlLine, tomlKey, tomlKeyEnd, tomlKeyBasic, tomlKeyEscape, tomlKeyLiteral, tomlHeader:
		return nil, s, errors.New(inName)
	case tomlComment:
		return nil, s, errors.New(inComment)
	case tomlLong1, tomlLong2, tomlLongLiteral1, tomlLongLiteral2:
		return nil, s, errors.New("where the value is empty, the quotes before and behind it would end the string; write a backslash before them")
	case tomlEnd, tomlEmpty, tomlLiteralEmpty:
		return nil, s, errors.New("a value ends right before it; within a list a comma must stand between them")
	case tomlBare:
		return nil, s, errors.New("this is in the middle of a number or word; a value stands by itself or within quotes")
	}
	return nil, s, errors.New(behindEscape)
}

func tomlQuote(s string) string {
	s, _ = tomlBody(s)
	return `"` + s + `"`
}

func tomlBody(s string) (string, error) {
	var b strings.Builder
	for _, r := range s {
		switch {
		case r == '"' || r == '\\':
			b.WriteByte('\\')
			b.WriteRune(r)
		case r == '\n':
			b.WriteString(`\n`)
		case r == '\t':
			b.WriteString(`\t`)
		case r == '\r':
			b.WriteString(`\r`)
		case control(r):
			fmt.Fprintf(&b, `\u%04X`, r)
		default:
			b.WriteRune(r)
		}
	}
	return b.String(), nil
}

// tomlLongBody escapes the blank at the beginning too: the author may have ended the line before it with a
// backslash, and blanks are dropped behind that.
func tomlLongBody(s string) (string, error) {
	if strings.HasPrefix(s, " ") {
		rest, err := tomlBody(s[1:])
		return `\u0020` + rest, err
	}
	return tomlBody(s)
}

func tomlLiteralBody(s string) (string, error) {
	if strings.Contains(s, "'") || holds(s, func(r rune) bool { return asciiControl(r) && r != '\t' }) {
		return "", refuse("holds a single quote, a line break or a control character, which single quotes cannot hold; the template should use double quotes")
	}
	return s, nil
}

var tomlNotation = notation{
	assign: " = ",
	name:   func(name string) (string, error) { return tomlName(name), nil },
	quote:  tomlQuote,
	number: tomlNumber,
}

// tomlNumber is a JSON number as TOML: a whole one of 64 bits, or a float. The two languages write them alike.
func tomlNumber(digits string) (string, error) {
	if !strings.ContainsAny(digits, ".eE") {
		if _, err := strconv.ParseInt(digits, 10, 64); err != nil {
			return "", refuse("is a whole number of over 64 bits, which TOML cannot hold")
		}
		return digits, nil
	}
	return digits, checkFloat(digits, "TOML")
}

// checkFloat refuses a number that a reader with floats of 64 bits takes for infinity or, wrongly, for zero.
func checkFloat(digits, who string) error {
	f, err := strconv.ParseFloat(digits, 64)
	mantissa, _, _ := strings.Cut(strings.ToLower(digits), "e")
	if err != nil || math.IsInf(f, 0) || f == 0 && strings.ContainsAny(mantissa, "123456789") {
		return refuse("is a number beyond what " + who + " can hold, a float of 64 bits")
	}
	return nil
}

// tomlName is a key as it is, or in quotes.
func tomlName(name string) string {
	for i := range len(name) {
		if !word(name[i]) && name[i] != '-' {
			return tomlQuote(name)
		}
	}
	if name == "" {
		return `""`
	}
	return name
}

func (toml) Join(a, b State) (State, bool) {
	if a == b {
		return a, true
	}
	end := func(s State) State {
		switch s.Place {
		case tomlBare, tomlEmpty, tomlLiteralEmpty:
			return tomlBehind(s.Stack)
		case tomlBasic0:
			s.Place = tomlBasic
		case tomlLiteral0:
			s.Place = tomlLiteral
		case tomlLong0:
			s.Place = tomlLong0Value
		}
		return s
	}
	a, b = end(a), end(b)
	elements := func(s State) bool { return s.Place <= tomlEither && top(s.Stack) == '[' }
	if a != b && a.Stack == b.Stack && elements(a) && elements(b) {
		return State{tomlEither, a.Stack}, true
	}
	return a, a == b
}

func (toml) End(s State) error {
	switch s.Place {
	case tomlLine, tomlHeader:
		return nil
	case tomlEnd, tomlBare, tomlEmpty, tomlLiteralEmpty:
		if s.Stack == "" {
			return nil
		}
	case tomlComment:
		if len(s.Stack) == 1 {
			return nil
		}
	case tomlKey, tomlKeyBasic, tomlKeyLiteral, tomlKeyEscape:
		return errors.New("the last line is no key = value")
	case tomlValue, tomlEither:
		if s.Stack == "" {
			return errors.New("the last line has no value")
		}
	default:
		return errors.New("a quote or a bracket is not closed")
	}
	return errors.New("a bracket is not closed")
}

// Whole writes objects as tables, and those within lists inline.
func (toml) Whole(section *document.Node) ([]Piece, error) {
	if section.Kind != document.Object {
		return nil, refuse("is no object, and a TOML file is one")
	}
	var out pieces
	err := tomlTable(&out, section, "", "")
	return out.all(), err
}

func tomlTable(out *pieces, v *document.Node, header, path string) error {
	for _, m := range v.Members {
		if m.Value.Kind == document.Object {
			continue
		}
		if err := tomlNotation.member(out, m, document.Join(path, m.Name)); err != nil {
			return err
		}
		out.text("\n")
	}
	for _, m := range v.Members {
		if m.Value.Kind != document.Object {
			continue
		}
		name := header + tomlName(m.Name)
		if !out.empty() {
			out.text("\n")
		}
		out.text("[" + name + "]\n")
		if err := tomlTable(out, m.Value, name+".", document.Join(path, m.Name)); err != nil {
			return err
		}
	}
	return nil
}

package format

import (
	"errors"
	"fmt"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/bootconf/bootconf/internal/document"
)

// jsonFormat is JSON. The stack of its states is the open brackets. What is missing or too much between values is
// left to Parse, but for one thing: two numbers that could run together.
type jsonFormat struct{}

const (
	jsonValue      uint8 = iota // where a value is due
	jsonEnd                     // behind an element of an array or the whole value
	jsonEither                  // jsonValue or jsonEnd: where a loop over elements goes round
	jsonBare                    // in a number or word
	jsonMember                  // between the members of an object
	jsonColon                   // behind a name
	jsonName                    // in a member's name
	jsonNameEscape              // jsonName + 1
	jsonString                  // in a string
	jsonEscape                  // jsonString + 1
)

func (jsonFormat) Start() State { return State{} }

func (jsonFormat) Text(s State, text string) (State, error) {
	for i := range len(text) {
		next, message := jsonStep(s, text[i])
		if message != "" {
			return s, fault(i, message)
		}
		s = next
	}
	return s, nil
}

func jsonStep(s State, c byte) (State, string) {
	blank := c == ' ' || c == '\t' || c == '\n' || c == '\r'
	bare := word(c) && c != '_' || c == '-' || c == '+' || c == '.'
	if s.Place == jsonBare && !bare {
		s = jsonBehind(s.Stack)
	}
	in := top(s.Stack)
	element := s.Place == jsonValue || s.Place == jsonEither
	switch s.Place {
	case jsonBare:
		return s, ""
	case jsonString, jsonName:
		switch {
		case c < ' ':
			return s, "a string must not hold a control character: write \\n, \\t or \\u00XX"
		case c == '\\':
			s.Place++
		case c == '"' && s.Place == jsonName:
			s.Place = jsonColon
		case c == '"':
			s = jsonBehind(s.Stack)
		}
		return s, ""
	case jsonNameEscape:
		s.Place = jsonName
		return s, ""
	case jsonEscape:
		if c == 'u' {
			return pushHex(s, jsonString, 4), ""
		}
		s.Place = jsonString
		return s, ""
	case hexPlace:
		s, ok := popHex(s, c)
		if !ok {
			return s, badHex
		}
		return s, ""
	}
	switch {
	case blank:
		return s, ""
	case c == '/' || c == '#':
		return s, "JSON has no comments"
	case c == ']' && in == '[' || c == '}' && in == '{' && s.Place == jsonMember:
		return jsonBehind(s.Stack[:len(s.Stack)-1]), ""
	case c == ',' && in == '{' && s.Place == jsonMember:
		return s, ""
	case c == ',' && in == '[' && s.Place != jsonValue:
		s.Place = jsonValue
		return s, ""
	case s.Place == jsonColon && c == ':':
		s.Place = jsonValue
		return s, ""
	case s.Place == jsonMember && c == '"':
		s.Place = jsonName
		return s, ""
	case element && c == '"':
		s.Place = jsonString
		return s, ""
	case element && c == '[':
		return State{jsonValue, s.Stack + "["}, ""
	case element && c == '{':
		return State{jsonMember, s.Stack + "{"}, ""
	case s.Place == jsonValue && bare:
		s.Place = jsonBare
		return s, ""
	case s.Place == jsonEnd || s.Place == jsonEither:
		return s, "a comma or a closing bracket must stand here"
	case s.Place == jsonColon:
		return s, "a colon must follow the name"
	case s.Place == jsonMember:
		return s, "a name in double quotes, a comma or a closing brace must stand here"
	}
	return s, "a value must stand here"
}

// top is the innermost of the open brackets, 0 if there is none.
func top(stack string) byte {
	if stack == "" {
		return 0
	}
	return stack[len(stack)-1]
}

// jsonBehind is the state behind a value within the brackets of stack.
func jsonBehind(stack string) State {
	if top(stack) == '{' {
		return State{jsonMember, stack}
	}
	return State{jsonEnd, stack}
}

func (jsonFormat) Action(s State) (Writer, State, error) {
	switch s.Place {
	case jsonValue:
		return jsonNotation.literal, jsonBehind(s.Stack), nil
	case jsonEither:
		return spaced(jsonNotation.literal), jsonBehind(s.Stack), nil
	case jsonString:
		return singles(jsonBody), s, nil
	case jsonName, jsonColon, jsonNameEscape:
		return nil, s, errors.New(inName)
	case jsonMember:
		return nil, s, errors.New("this is where a member's name stands; a value stands behind a name and a colon")
	case jsonBare:
		return nil, s, errors.New("this is in the middle of a number or word; a value stands by itself or within double quotes")
	case jsonEnd:
		return nil, s, errors.New("a comma must stand before it")
	}
	return nil, s, errors.New(behindEscape)
}

// spaced writes a blank before what has no quotes or brackets: where a comma may be missing it can't run together
// with the value before it, and Parse finds the two.
func spaced(write Writer) Writer {
	return func(v *document.Node) (string, error) {
		s, err := write(v)
		if v.Kind == document.Number || v.Kind == document.Bool || v.Kind == document.Null {
			s = " " + s
		}
		return s, err
	}
}

func jsonBody(s string) (string, error) {
	q := jsonQuote(s)
	return q[1 : len(q)-1], nil
}

func jsonQuote(s string) string {
	q, _ := jsontext.AppendQuote(nil, s) // its one error is for what is no UTF-8
	return string(q)
}

var jsonNotation = notation{
	null: "null", assign: ": ",
	name:   func(name string) (string, error) { return jsonQuote(name), nil },
	quote:  jsonQuote,
	number: func(digits string) (string, error) { return digits, nil },
}

// jsonLines writes v with a line for each member and element.
func jsonLines(out *pieces, v *document.Node, indent string) {
	if len(v.Items)+len(v.Members) == 0 {
		jsonNotation.write(out, v, "") // JSON holds any value
		return
	}
	brackets, inner, next := "{}", indent+"  ", "\n"
	if v.Kind == document.Array {
		brackets = "[]"
	}
	out.text(brackets[:1])
	for _, m := range v.Members {
		out.text(next + inner + jsonQuote(m.Name) + ": ")
		jsonLines(out, m.Value, inner)
		next = ",\n"
	}
	for _, item := range v.Items {
		out.text(next + inner)
		jsonLines(out, item, inner)
		next = ",\n"
	}
	out.text("\n" + indent + brackets[1:])
}

func (jsonFormat) Join(a, b State) (State, bool) {
	if a == b {
		return a, true
	}
	if a.Place == jsonBare {
		a = jsonBehind(a.Stack)
	}
	if b.Place == jsonBare {
		b = jsonBehind(b.Stack)
	}
	elements := func(s State) bool { return s.Place <= jsonEither && top(s.Stack) == '[' }
	if a != b && a.Stack == b.Stack && elements(a) && elements(b) {
		return State{jsonEither, a.Stack}, true
	}
	return a, a == b
}

func (jsonFormat) End(s State) error {
	switch {
	case s == State{}:
		return errors.New("the file holds no value")
	case s.Stack == "" && (s.Place == jsonEnd || s.Place == jsonBare):
		return nil
	case s.Place == jsonString || s.Place == jsonName || s.Place == jsonEscape || s.Place == jsonNameEscape || s.Place == hexPlace:
		return errors.New("a string is not closed")
	}
	return errors.New("a bracket is not closed")
}

func (jsonFormat) Whole(section *document.Node) ([]Piece, error) {
	var out pieces
	jsonLines(&out, section, "")
	out.text("\n")
	return out.all(), nil
}

// Parse reads the file as strictly as user data is read: no name may stand twice.
func (jsonFormat) Parse(file []byte) error {
	_, found := document.Parse("", file)
	if len(found) == 0 {
		return nil
	}
	return fmt.Errorf("line %d: %s", found[0].Line, found[0].Message)
}

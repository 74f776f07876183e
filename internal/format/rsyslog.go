package format

import (
	"errors"
	"fmt"
	"strings"

	"github.com/bootconf/bootconf/internal/document"
)

// rsyslog is rsyslog's RainerScript. A value stands as a parameter of an object, action(target="…"), and nowhere
// else: in the older language of lines and in expressions there is none.
//
// Parameters that are known to take a string as it is get any; the others get letters, digits and a few signs that
// are syntax nowhere. Such are those of template(), where % begins a property, and constant(), whose text is unescaped
// twice.
//
// The stack of a state is the word that may begin an object, or the object and the parameter, apart by a blank; in a
// comment between /* and */ the place to go back to is the last byte.
type rsyslog struct{}

const (
	rsLine      uint8 = iota // where a line begins, or a statement within it
	rsWord                   // in the first word of one
	rsWordBlank              // behind it
	rsOther                  // in what holds no values
	rsOtherWord              // in a word of it
	rsSlash                  // behind a / that may begin a comment
	rsComment                // up to the line's end
	rsLong                   // between /* and */
	rsLongStar
	rsDouble // in a string of an expression
	rsDoubleEscape
	rsSingle
	rsSingleEscape
	rsObject     // between the parameters of an object
	rsObjSlash   //
	rsObjComment //
	rsParam      // in a parameter's name
	rsEquals     // behind it
	rsValue      // where a value is due
	rsList       // where an element of a list is due
	rsListAfter
	rsTick // in backticks
	rsStr  // in a parameter's string
	rsEscape
	rsOctal          // in an escape of up to three digits
	rsProperty       // within % %
	rsPropertyEscape //
)

// maxRSLine is what rsyslog reads of a line at once. It trims what it has read then, and takes a backslash at its end
// for the order to go on.
const maxRSLine = 10000

func (rsyslog) Start() State { return State{} }

func (rsyslog) Text(s State, text string) (State, error) {
	for i := range len(text) {
		next, message := rsStep(s, text[i])
		if message != "" {
			return s, fault(i, message)
		}
		s = next
	}
	return s, nil
}

func rsStep(s State, c byte) (State, string) {
	to := func(place uint8) (State, string) { s.Place = place; return s, "" }
	blank := c == ' ' || c == '\t'
	if asciiControl(rune(c)) && c != '\n' && c != '\t' {
		return s, badControl + "; write lines that end with \\n alone"
	}
	switch s.Place {
	case rsComment:
		if c == '\n' {
			return to(rsLine)
		}
		return s, ""
	case rsObjComment:
		if c == '\n' {
			return to(rsObject)
		}
		return s, ""
	case rsLong, rsLongStar:
		last := len(s.Stack) - 1
		switch {
		case s.Place == rsLongStar && c == '/':
			return State{s.Stack[last], s.Stack[:last]}, ""
		case c == '*':
			return to(rsLongStar)
		}
		return to(rsLong)
	case rsSlash:
		if c == '*' {
			return State{rsLong, string([]byte{rsLine})}, ""
		}
		return rsStep(State{Place: rsOther}, c)
	case rsObjSlash:
		if c == '*' {
			return State{rsLong, s.Stack + string([]byte{rsObject})}, ""
		}
		return s, "a / here can only begin a comment"
	case rsDouble, rsSingle:
		switch {
		case c == '\\':
			return to(s.Place + 1)
		case c == '"' && s.Place == rsDouble, c == '\'' && s.Place == rsSingle:
			return to(rsOther)
		}
		return s, ""
	case rsDoubleEscape, rsSingleEscape:
		return to(s.Place - 1)
	case rsLine, rsWord, rsWordBlank, rsOther, rsOtherWord:
		return rsStatement(s, c)
	}
	switch s.Place {
	case rsObject:
		switch {
		case blank || c == '\n' || c == ',':
			return s, ""
		case c == '#':
			return to(rsObjComment)
		case c == '/':
			return to(rsObjSlash)
		case c == ')':
			return State{Place: rsLine}, ""
		case word(c):
			return State{rsParam, s.Stack + " " + string(rune(c))}, ""
		}
		return s, "a parameter or ) must stand here"
	case rsParam, rsEquals:
		switch {
		case c == '=':
			return to(rsValue)
		case blank || c == '\n':
			return to(rsEquals)
		case s.Place == rsParam && (word(c) || c == '.' || c == '-'):
			return State{rsParam, s.Stack + string(rune(c))}, ""
		}
		return s, "= and a value in double quotes must follow the parameter"
	case rsValue, rsList:
		switch {
		case c == '"':
			return to(rsStr)
		case blank || c == '\n':
			return s, ""
		case c == '`' && s.Place == rsValue:
			return to(rsTick)
		case c == '[' && s.Place == rsValue:
			return State{rsList, s.Stack + "["}, ""
		case c == ']' && s.Place == rsList:
			return rsBehind(s.Stack[:len(s.Stack)-1]), ""
		}
		return s, "a value in double quotes must stand here"
	case rsListAfter:
		switch {
		case c == ',':
			return to(rsList)
		case c == ']':
			return rsBehind(s.Stack[:len(s.Stack)-1]), ""
		case blank || c == '\n':
			return s, ""
		}
		return s, "a comma or ] must stand here"
	case rsTick:
		if c == '`' {
			return rsBehind(s.Stack), ""
		}
		return s, ""
	case rsEscape:
		switch {
		case c >= '0' && c <= '7':
			return to(rsOctal)
		case strings.IndexByte("'\"?\\abfnrtv", c) >= 0:
			return to(rsStr)
		}
		return s, "this is no escape that rsyslog has in a parameter"
	case rsPropertyEscape:
		return to(rsProperty)
	case rsOctal:
		if c >= '0' && c <= '7' {
			return s, ""
		}
		s.Place = rsStr
	}
	switch { // in a string
	case c == '\n':
		return s, "a string must stand in one line: rsyslog may take the end of this one for an order to go on"
	case c == '\\':
		if s.Place == rsProperty {
			return to(rsPropertyEscape)
		}
		return to(rsEscape)
	case c == '"':
		return rsBehind(s.Stack), ""
	case c == '%' && s.Place == rsProperty:
		return to(rsStr)
	case c == '%':
		return to(rsProperty)
	}
	return s, ""
}

// rsBehind is the state behind a value of the parameter that stack names.
func rsBehind(stack string) State {
	if strings.HasSuffix(stack, "[") {
		return State{rsListAfter, stack}
	}
	object, _, _ := strings.Cut(stack, " ")
	return State{rsObject, object}
}

// rsStatement goes on where an object may begin. One can in the first word of a line, and behind a filter of
// priorities, then, else, braces or another object: what else a line begins with may take all of it.
func rsStatement(s State, c byte) (State, string) {
	to := func(place uint8, stack string) (State, string) { return State{place, stack}, "" }
	name := word(c) || strings.IndexByte(".*,;=!-", c) >= 0
	in := s.Place == rsWord || s.Place == rsOtherWord
	if in && name {
		return State{s.Place, s.Stack + string(rune(c))}, ""
	}
	if s.Place == rsWord || s.Place == rsWordBlank {
		switch {
		case c == '(' && rsIsObject(s.Stack):
			return to(rsObject, strings.ToLower(s.Stack))
		case (c == ' ' || c == '\t') && rsIsObject(s.Stack):
			return to(rsWordBlank, s.Stack)
		case c == ' ' || c == '\t' || c == '\n' || c == '{':
			if strings.Contains(s.Stack, ".") || strings.EqualFold(s.Stack, "then") || strings.EqualFold(s.Stack, "else") {
				s = State{Place: rsLine}
				break
			}
			s = State{Place: rsOther}
		default:
			s = State{Place: rsOther}
		}
	}
	if s.Place == rsOtherWord && (strings.EqualFold(s.Stack, "then") || strings.EqualFold(s.Stack, "else")) {
		s = State{Place: rsLine}
	}
	switch {
	case c == '\n':
		return to(rsLine, "")
	case s.Place == rsLine && (c == ' ' || c == '\t' || c == '{' || c == '}' || c == '&'):
		return to(rsLine, "")
	case s.Place == rsLine && c == '#':
		return to(rsComment, "")
	case s.Place == rsLine && c == '/':
		return to(rsSlash, "")
	case s.Place == rsLine && name:
		return to(rsWord, string(rune(c)))
	case c == '"':
		return to(rsDouble, "")
	case c == '\'':
		return to(rsSingle, "")
	case s.Place == rsOther && name:
		return to(rsOtherWord, string(rune(c)))
	}
	return to(rsOther, "")
}

func rsIsObject(name string) bool {
	switch strings.ToLower(name) {
	case "action", "constant", "dyn_stats", "global", "include", "input", "lookup_table", "main_queue", "module",
		"parser", "property", "ruleset", "template", "timezone":
		return true
	}
	return false
}

// rsPlain tells whether the string of a parameter is taken as it is.
func rsPlain(parameter string) bool {
	object, name, _ := strings.Cut(strings.ToLower(strings.TrimSuffix(parameter, "[")), " ")
	if object == "template" || object == "constant" || object == "property" {
		return false
	}
	switch name {
	case "target", "server", "serverport", "port", "address", "device",
		"uid", "usr", "user", "pwd", "pass", "password", "db", "vhost", "exchange",
		"file", "tag", "workdirectory", "streamdriverpermittedpeers", "permittedpeer", "queue.filename", "queue.spooldirectory",
		"defaultnetstreamdrivercafile", "defaultnetstreamdrivercertfile", "defaultnetstreamdriverkeyfile",
		"streamdriver.cafile", "streamdriver.certfile", "streamdriver.keyfile", "tls.cacert", "tls.mycert", "tls.myprivkey":
		return true
	}
	return strings.HasPrefix(name, "netstreamdriver") && strings.HasSuffix(name, "file")
}

func (rsyslog) Action(s State) (Writer, State, error) {
	write := harmless("of a template in rsyslog, or of its message")
	if rsPlain(s.Stack) {
		write = rsBody
	}
	switch s.Place {
	case rsValue, rsList:
		quoted := func(s string) (string, error) {
			s, err := write(s)
			return `"` + s + `"`, err
		}
		return func(v *document.Node) (string, error) {
			if v.Kind == document.Array && s.Place == rsValue {
				return rsArray(v, quoted)
			}
			return rsSingles(quoted)(v)
		}, rsBehind(s.Stack), nil
	case rsStr:
		return rsSingles(write), s, nil
	case rsComment, rsObjComment, rsLong, rsLongStar:
		return nil, s, errors.New(inComment)
	case rsObject, rsParam, rsEquals:
		return nil, s, errors.New(inName)
	case rsListAfter:
		return nil, s, errors.New("a comma must stand before it")
	case rsEscape, rsOctal:
		return nil, s, errors.New(behindEscape)
	case rsProperty, rsPropertyEscape:
		return nil, s, errors.New("a value cannot stand within a property of a template")
	case rsTick:
		return nil, s, errors.New("within backticks a value could name any variable or file")
	}
	return nil, s, errors.New(`only the parameters of an object can hold a value: action(target="…"), not the lines of the older language and no expression`)
}

// rsSingles is singles with rsyslog's words for the booleans.
func rsSingles(write func(string) (string, error)) Writer {
	return func(v *document.Node) (string, error) {
		switch {
		case v.Kind == document.Bool && v.Bool:
			return write("on")
		case v.Kind == document.Bool:
			return write("off")
		}
		return singles(write)(v)
	}
}

func rsArray(v *document.Node, write func(string) (string, error)) (string, error) {
	items := make([]string, len(v.Items))
	for i, item := range v.Items {
		var err error
		if items[i], err = rsSingles(write)(item); err != nil {
			return "", at(document.JoinIndex("", i), err)
		}
	}
	if len(items) == 0 {
		return "", refuse("is empty, and a list of rsyslog cannot be")
	}
	return "[" + strings.Join(items, ", ") + "]", nil
}

// rsBody writes what goes between double quotes.
func rsBody(s string) (string, error) {
	if len(s) > maxRSLine {
		return "", refuse(fmt.Sprintf("is longer than the %d bytes that rsyslog reads of a line", maxRSLine))
	}
	s = strings.NewReplacer(`\`, `\\`, `"`, `\"`, "\n", `\n`, "\t", `\t`, "\r", `\r`).Replace(s)
	if holds(s, asciiControl) {
		return "", refuse("holds a control character, which rsyslog cannot hold")
	}
	return s, nil
}

func (rsyslog) Join(a, b State) (State, bool) { return same(a, b) }

func (rsyslog) End(s State) error {
	switch {
	case s.Place == rsDouble || s.Place == rsDoubleEscape || s.Place == rsSingle || s.Place == rsSingleEscape || s.Place >= rsTick:
		return errors.New("a quote is not closed")
	case s.Place >= rsObject:
		return errors.New("a bracket is not closed")
	case s.Place == rsLong || s.Place == rsLongStar:
		return errors.New("a comment is not closed")
	}
	return nil
}

func (rsyslog) Whole(*document.Node) ([]Piece, error) {
	return nil, refuse("cannot be a whole configuration of rsyslog: the definition needs a template")
}

// Parse reads the file as a template is read, and looks at the length of its lines.
func (f rsyslog) Parse(file []byte) error {
	if err := reread(f, file); err != nil {
		return err
	}
	return longLine(file, maxRSLine, "rsyslog")
}

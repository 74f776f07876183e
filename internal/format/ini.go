package format

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"unicode"

	"github.com/bootconf/bootconf/internal/document"
)

// ini is what libpq's service files, MySQL's option files and Python's configparser read alike, which is little:
// sections, and key=value in one line. The three have different escapes and comments, so a value that one of them
// would change is refused. Python's reader must not be one that interpolates, or stops at a % with an error; where it
// would interpolate without one, at %% and %(, the value is refused.
//
// An author who writes quotes around the whole value writes for MySQL, the only one of them that knows quotes: within
// them values have MySQL's escapes.
type ini struct{}

const (
	iniLine         uint8 = iota // where a line begins
	iniComment                   //
	iniSection                   // within [ ]
	iniBehind                    // behind ] or a closing quote
	iniKey                       //
	iniKeyBlank                  // behind it
	iniStart                     // where a value begins
	iniValue                     // in an unquoted value
	iniBlank                     // in it, behind a blank
	iniPrinted                   // in it, behind a value of ours, which may be empty
	iniBackslash                 // behind a backslash
	iniPercent                   // behind a %
	iniDouble                    // in double quotes
	iniDoubleEscape              // iniDouble + 1
	iniSingle                    // in single quotes
	iniSingleEscape              // iniSingle + 1
)

// The longest lines: libpq fails at a longer one, MySQL reads what is behind that as a line of its own.
const (
	maxINILine   = 1022
	maxMySQLLine = 4094
)

const (
	tooLongINI   = "is longer than the 1022 bytes that libpq takes of a line"
	tooLongMySQL = "is longer than the 4094 bytes that MySQL reads of a line"
)

func (ini) Start() State { return State{} }

func (ini) Text(s State, text string) (State, error) { return walk(s, text, iniStep) }

func iniStep(place uint8, c byte) (uint8, string) {
	blank := c == ' ' || c == '\t'
	if asciiControl(rune(c)) && c != '\t' && c != '\n' {
		return 0, badControl + "; write lines that end with \\n alone"
	}
	if c == '\n' {
		switch place {
		case iniSection:
			return 0, "] must end the name of the section"
		case iniDouble, iniDoubleEscape, iniSingle, iniSingleEscape:
			return 0, "the quotes must end in their line"
		}
		return iniLine, ""
	}
	switch place {
	case iniLine:
		switch {
		case c == '#' || c == ';':
			return iniComment, ""
		case c == '[':
			return iniSection, ""
		case word(c):
			return iniKey, ""
		case blank:
			return 0, "a line must not begin with a blank: to Python it goes on with the value above"
		}
		return 0, "a line must be [section], key=value or a comment"
	case iniComment:
		return iniComment, ""
	case iniSection:
		if c == ']' {
			return iniBehind, ""
		}
		return iniSection, ""
	case iniBehind:
		return 0, "nothing may follow in the line"
	case iniKey, iniKeyBlank:
		switch {
		case c == '=':
			return iniStart, ""
		case blank:
			return iniKeyBlank, ""
		case place == iniKey && (word(c) || c == '-' || c == '.'):
			return iniKey, ""
		}
		return 0, "a key must be of letters, digits, _, - and ., and = must follow it"
	case iniDouble, iniSingle:
		switch {
		case c == '\\':
			return place + 1, ""
		case c == '"' && place == iniDouble, c == '\'' && place == iniSingle:
			return iniBehind, ""
		}
		return place, ""
	case iniDoubleEscape, iniSingleEscape:
		if strings.IndexByte(mysqlEscapes, c) < 0 {
			return 0, "this is no escape that MySQL has"
		}
		return place - 1, ""
	case iniStart:
		switch {
		case c == '"':
			return iniDouble, ""
		case c == '\'':
			return iniSingle, ""
		case blank:
			return iniStart, ""
		case c == ';':
			return 0, "a value cannot begin with a ;: to some readers it begins a comment"
		}
	case iniBlank, iniPrinted:
		switch {
		case c == ';':
			return 0, "a comment must stand in a line of its own: not every reader ends a value here"
		case place == iniPrinted && (c == '"' || c == '\''):
			return 0, "quotes must be around the whole value"
		}
	case iniBackslash:
		if strings.IndexByte(mysqlEscapes, c) >= 0 {
			return 0, "only MySQL takes this for an escape; put the whole value in quotes if no other reads the file"
		}
	case iniPercent:
		if c == '%' || c == '(' {
			return 0, "Python's configparser takes this for its own syntax"
		}
	}
	switch {
	case c == '#':
		return 0, "to MySQL a # begins a comment anywhere; comments must stand in lines of their own"
	case c == '\\':
		return iniBackslash, ""
	case c == '%':
		return iniPercent, ""
	case blank:
		return iniBlank, ""
	}
	return iniValue, ""
}

// mysqlEscapes is what MySQL knows behind a backslash; before any other character it keeps the backslash.
const mysqlEscapes = `btnrs"'\`

func (ini) Action(s State) (Writer, State, error) {
	switch s.Place {
	case iniStart, iniValue, iniBlank, iniPrinted:
		return singles(iniRaw), State{Place: iniPrinted}, nil
	case iniDouble:
		return singles(mysqlBody(`\"`)), s, nil
	case iniSingle:
		return singles(mysqlBody(`\'`)), s, nil
	case iniLine, iniSection, iniKey, iniKeyBlank:
		return nil, s, errors.New(inName)
	case iniComment:
		return nil, s, errors.New(inComment)
	case iniPercent:
		return nil, s, errors.New("the % before it could become syntax together with it")
	case iniBehind:
		return nil, s, errors.New("nothing may follow in the line")
	}
	return nil, s, errors.New(behindEscape)
}

// iniRaw is a value as it is, if all readers take it so.
func iniRaw(s string) (string, error) {
	if message := iniFault(s); message != "" {
		return "", refuse(message)
	}
	return s, nil
}

// iniFault says what is wrong with an unquoted value, or part of one.
func iniFault(s string) string {
	const quotes = "; for MySQL's option files the template can put the value in double quotes"
	switch {
	case strings.ContainsAny(s, "\n\r"):
		return "holds a line break, which an ini file cannot hold" + quotes
	case holds(s, asciiControl):
		return "holds a control character, which an ini file cannot hold"
	case len(s) > maxINILine:
		return tooLongINI
	case s != strings.TrimFunc(s, unicode.IsSpace):
		return "begins or ends with a blank, which readers of ini files drop" + quotes
	// MySQL drops blanks of Latin-1 from what it reads byte by byte: à ends with a byte that is one.
	case strings.HasSuffix(s, "\xa0"):
		return "ends with a character of which MySQL drops a byte" + quotes
	case strings.HasPrefix(s, `"`) || strings.HasPrefix(s, "'"):
		return "begins with a quote, which readers of ini files take differently" + quotes
	case strings.HasPrefix(s, ";") || strings.Contains(s, "#") || strings.Contains(s, " ;") || strings.Contains(s, "\t;"):
		return "holds a # or begins a word with a ;, which can begin a comment in an ini file" + quotes
	case strings.Contains(s, "%%") || strings.Contains(s, "%("):
		return "holds %% or %(, which Python's configparser takes for its own syntax" + quotes
	}
	for rest := s; ; {
		i := strings.IndexByte(rest, '\\')
		if i < 0 {
			return ""
		}
		if i+1 == len(rest) || strings.IndexByte(mysqlEscapes, rest[i+1]) >= 0 {
			return "holds a backslash that MySQL takes for an escape and others do not" + quotes
		}
		rest = rest[i+1:]
	}
}

// mysqlBody writes what goes between quotes of MySQL; set is what needs a backslash there.
func mysqlBody(set string) func(s string) (string, error) {
	return func(s string) (string, error) {
		if len(s) > maxMySQLLine {
			return "", refuse(tooLongMySQL)
		}
		s = backslashed(s, set)
		s = strings.NewReplacer("\n", `\n`, "\t", `\t`, "\r", `\r`, "\b", `\b`).Replace(s)
		if holds(s, asciiControl) {
			return "", refuse("holds a control character, which MySQL's option files cannot hold")
		}
		return s, nil
	}
}

func (ini) Join(a, b State) (State, bool) {
	value := func(s State) bool { return s.Place >= iniStart && s.Place <= iniPrinted }
	if value(a) && value(b) && a != b {
		return State{Place: iniPrinted}, true
	}
	return same(a, b)
}

func (ini) End(s State) error {
	switch s.Place {
	case iniSection:
		return errors.New("] must end the name of the section")
	case iniDouble, iniDoubleEscape, iniSingle, iniSingleEscape:
		return errors.New("a quote is not closed")
	}
	return nil
}

// Whole writes an object of objects as sections, and what is no object before them.
func (ini) Whole(section *document.Node) ([]Piece, error) {
	if section.Kind != document.Object {
		return nil, refuse("is no object, and an ini file is made of names and values")
	}
	var out pieces
	for _, objects := range []bool{false, true} {
		for _, m := range section.Members {
			path := document.Join("", m.Name)
			switch {
			case (m.Value.Kind == document.Object) != objects:
			case !objects:
				if err := iniPair(&out, m, path); err != nil {
					return nil, err
				}
			case m.Name == "" || strings.Contains(m.Name, "]") || holds(m.Name, control) || strings.TrimSpace(m.Name) != m.Name:
				return nil, refuseAt(path, "cannot be the name of a section of an ini file")
			default:
				if !out.empty() {
					out.text("\n")
				}
				out.text("[" + m.Name + "]\n")
				for _, m := range m.Value.Members {
					if err := iniPair(&out, m, document.Join(path, m.Name)); err != nil {
						return nil, err
					}
				}
			}
		}
	}
	return out.all(), nil
}

func iniPair(out *pieces, m document.Member, path string) error {
	for i := range len(m.Name) {
		if c := m.Name[i]; !word(c) && (i == 0 || c != '-' && c != '.') {
			return refuseAt(path, "is no key of an ini file: letters, digits, _, - and . only, beginning with a letter, a digit or _")
		}
	}
	if m.Name == "" {
		return refuseAt(path, "is no key of an ini file: is empty")
	}
	value, err := singles(iniRaw)(m.Value)
	if err != nil {
		return at(path, err)
	}
	out.text(m.Name + "=")
	out.value(m.Value, value)
	out.text("\n")
	return nil
}

// Parse reads the file line by line. No section or key may stand twice: some readers take the first of them, some
// the last, some neither.
func (f ini) Parse(file []byte) error {
	if err := reread(f, file); err != nil {
		return err
	}
	if err := longLine(file, maxMySQLLine, "MySQL"); err != nil {
		return err
	}
	section, seen, n := "", map[string]bool{}, 0
	for line := range bytes.Lines(file) {
		n++
		text := strings.TrimSuffix(string(line), "\n")
		if text == "" || text[0] == '#' || text[0] == ';' {
			continue
		}
		key, value, _ := strings.Cut(text, "=")
		name := section + "\x00" + strings.TrimRight(key, " \t")
		if text[0] == '[' {
			section, name = text, text
		} else if value = strings.Trim(value, " \t"); value == "" || value[0] != '"' && value[0] != '\'' {
			if message := iniFault(value); message != "" {
				return fmt.Errorf("line %d: the value %s", n, message)
			}
			if len(text) > maxINILine {
				return fmt.Errorf("line %d: %s", n, tooLongINI)
			}
		}
		if seen[name] {
			return fmt.Errorf("line %d: the section or key stands twice", n)
		}
		seen[name] = true
	}
	return nil
}

package format

import (
	"errors"
	"fmt"
	"strings"

	"github.com/bootconf/bootconf/internal/document"
)

// env is variables as systemd's EnvironmentFile= and the . of a shell both read them. What one of them expands, joins
// or cuts off and the other takes as it is, is refused.
//
// A value in value position is written in double quotes. Systemd knows quotes only where a value or a quoted part of
// it begins: in the middle of an unquoted word there are escapes instead, and no line break can be written.
type env struct{}

const (
	envLine          uint8 = iota // where a line begins
	envName                       // in a variable's name
	envValue                      // behind = or a closing quote: both readers know quotes here
	envWord                       // in an unquoted word
	envEscape                     // behind its backslash
	envDouble                     // in double quotes
	envDoubleEscape               //
	envSingle                     // in single quotes
	envComment                    //
	envCommentEscape              // behind a backslash in a comment
)

// maxVariable is what Linux allows for NAME=value, MAX_ARG_STRLEN; with a longer one no program starts.
const maxVariable = 128<<10 - 1

const tooLongVariable = "is longer than the 128 KiB that Linux allows for a variable"

func (env) Start() State { return State{} }

func (env) Text(s State, text string) (State, error) { return walk(s, text, envStep) }

func envStep(place uint8, c byte) (uint8, string) {
	if asciiControl(rune(c)) && c != '\n' && c != '\t' {
		return 0, badControl + "; write lines that end with \\n alone"
	}
	switch place {
	case envLine:
		switch {
		case c == ' ' || c == '\t' || c == '\n':
			return envLine, ""
		case c == '#':
			return envComment, ""
		case c == ';':
			return 0, "a comment begins with #: to sh a ; is none"
		case word(c) && (c < '0' || c > '9'):
			return envName, ""
		}
		return 0, "a line must be NAME=value or a comment"
	case envName:
		switch {
		case c == '=':
			return envValue, ""
		case word(c):
			return envName, ""
		case c == ' ' || c == '\t':
			return 0, "no blank may stand before or in NAME=: sh would run it as a command, and systemd knows no export"
		}
		return 0, "a name must be of letters, digits and _, and = must follow it"
	case envValue, envWord:
		switch {
		case c == '\n':
			return envLine, ""
		case c == '"' && place == envValue:
			return envDouble, ""
		case c == '\'' && place == envValue:
			return envSingle, ""
		case c == '"' || c == '\'':
			return 0, "a quote in the middle of a word is one only to sh: put the whole value in quotes"
		case c == '\\':
			return envEscape, ""
		case word(c) || c >= 0x80 || strings.IndexByte("./-,+@:=%^#*?[]{}!", c) >= 0:
			return envWord, ""
		case c == ' ' || c == '\t':
			return 0, "the value must be in quotes: sh ends it at a blank, systemd does not"
		}
		return 0, "the value must be in quotes: to sh this character is syntax"
	case envEscape:
		if c == '\n' {
			return 0, "a line cannot be continued here; put the value in quotes"
		}
		return envWord, ""
	case envDouble:
		switch c {
		case '"':
			return envValue, ""
		case '\\':
			return envDoubleEscape, ""
		case '$', '`':
			return 0, "write a backslash before it, or single quotes around: sh expands it, systemd does not"
		}
		return envDouble, ""
	case envDoubleEscape:
		if c == '\n' {
			return 0, "a line cannot be continued here"
		}
		return envDouble, ""
	case envSingle:
		if c == '\'' {
			return envValue, ""
		}
		return envSingle, ""
	case envCommentEscape:
		if c == '\n' {
			return 0, "a comment must not end with a backslash: older systemd takes the next line for its rest"
		}
		fallthrough
	default:
		switch c {
		case '\n':
			return envLine, ""
		case '\\':
			return envCommentEscape, ""
		}
		return envComment, ""
	}
}

func (env) Action(s State) (Writer, State, error) {
	switch s.Place {
	case envValue:
		return singles(envQuoted), s, nil
	case envWord:
		return singles(envRunOn), s, nil
	case envDouble:
		return singles(envBody), s, nil
	case envSingle:
		return singles(envSingleBody), s, nil
	case envLine, envName:
		return nil, s, errors.New(inName)
	case envComment, envCommentEscape:
		return nil, s, errors.New(inComment)
	}
	return nil, s, errors.New(behindEscape)
}

// envCheck refuses what systemd drops or fails at: it ignores a variable with a control character (in versions
// before 240) and gives up the file at one of the code points that Unicode keeps free.
func envCheck(s string) error {
	switch {
	case holds(s, func(r rune) bool { return asciiControl(r) && r != '\n' && r != '\t' }):
		return refuse("holds a control character, with which systemd drops the variable")
	case holds(s, noncharacter):
		return refuse("holds a code point that Unicode keeps free, with which systemd does not read the file")
	case len(s) > maxVariable:
		return refuse(tooLongVariable)
	}
	return nil
}

func noncharacter(r rune) bool { return r&0xfffe == 0xfffe || r >= 0xfdd0 && r <= 0xfdef }

func envQuoted(s string) (string, error) {
	s, err := envBody(s)
	return `"` + s + `"`, err
}

func envBody(s string) (string, error) {
	return backslashed(s, "\\\"$`"), envCheck(s)
}

func envSingleBody(s string) (string, error) {
	if strings.Contains(s, "'") {
		return "", refuse("holds a single quote, which single quotes cannot hold; the template should use double quotes")
	}
	return s, envCheck(s)
}

func envRunOn(s string) (string, error) {
	if strings.Contains(s, "\n") {
		return "", refuse("holds a line break, which an unquoted word cannot hold; the template should put the whole value in double quotes")
	}
	var b strings.Builder
	for i := range len(s) {
		if c := s[i]; !word(c) && c < 0x80 && strings.IndexByte("./-,+@:=%", c) < 0 {
			b.WriteByte('\\')
		}
		b.WriteByte(s[i])
	}
	return b.String(), envCheck(s)
}

// Join takes a word for what may be the beginning of a value: there, what is written for a word is good too.
func (env) Join(a, b State) (State, bool) {
	if a.Place == envValue && b.Place == envWord || a.Place == envWord && b.Place == envValue {
		return State{Place: envWord}, true
	}
	return same(a, b)
}

func (env) End(s State) error {
	switch s.Place {
	case envLine, envValue, envWord, envComment:
		return nil
	case envName:
		return errors.New("the last line is no NAME=value")
	case envCommentEscape, envEscape:
		return errors.New("the last line ends with a backslash")
	}
	return errors.New("a quote is not closed")
}

func (env) Whole(section *document.Node) ([]Piece, error) {
	return flat(section, "an env file", "=", envKey, singles(envQuoted))
}

func envKey(name string) (string, error) {
	for i := range len(name) {
		if !word(name[i]) {
			return "", refuse("is no name of a variable: letters, digits and _ only")
		}
	}
	if name == "" || name[0] <= '9' {
		return "", refuse("is no name of a variable: must begin with a letter or _")
	}
	return name, nil
}

// Parse takes the file if it is one in which systemd and sh see the same.
func (f env) Parse(file []byte) error {
	if err := reread(f, file); err != nil {
		return err
	}
	place, start, line := envLine, 0, 1
	for i, c := range file {
		place, _ = envStep(place, c)
		if c == '\n' {
			line++
		}
		if place == envLine {
			start = i + 1
		}
		if i-start > maxVariable {
			return fmt.Errorf("line %d: %s", line, tooLongVariable)
		}
	}
	if holds(string(file), noncharacter) {
		return errors.New("holds a code point that Unicode keeps free, with which systemd does not read the file")
	}
	return nil
}

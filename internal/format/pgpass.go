package format

import (
	"bytes"
	"errors"
	"fmt"
	"strings"

	"github.com/bootconf/bootconf/internal/document"
)

// pgpass is libpq's password file: lines of host:port:database:user:password, where * alone stands for any in all
// but the last. A backslash takes its meaning from a colon or a backslash.
type pgpass struct{}

// The places of a field are one of the following and six times its number, from 0.
const (
	pgStart   uint8 = iota // where it begins; of the first field, where the line does
	pgField                // in it
	pgValue                // behind a value, which may be empty
	pgEscape               // behind a backslash
	pgAny                  // behind a * that it begins with, and that may be all of it
	pgComment              // there is one only in the first field
	pgPlaces
)

const pgPassword = 4 * pgPlaces

func (pgpass) Start() State { return State{} }

func (pgpass) Text(s State, text string) (State, error) { return walk(s, text, pgStep) }

func pgStep(place uint8, c byte) (uint8, string) {
	field := place / pgPlaces * pgPlaces
	in := place % pgPlaces
	switch {
	case asciiControl(rune(c)) && c != '\n' && c != '\t':
		return 0, badControl + "; write lines that end with \\n alone"
	case c == '\n' && in == pgEscape:
		return 0, "a backslash must not end the line"
	case c == '\n' && (field == pgPassword || in == pgComment || place == pgStart):
		return pgStart, ""
	case c == '\n':
		return 0, "a line must be host:port:database:user:password"
	case in == pgComment:
		return place, ""
	case in == pgEscape:
		return field + pgField, ""
	case c == '\\':
		return field + pgEscape, ""
	case c == ':' && field == pgPassword:
		return 0, "a colon in the password needs a backslash before it"
	case c == ':':
		return field + pgPlaces, ""
	case c == '#' && place == pgStart:
		return pgComment, ""
	case c == '*' && in == pgStart && field != pgPassword:
		return field + pgAny, ""
	case c == '*' && in == pgValue && field != pgPassword, c == '#' && place == pgValue:
		return 0, "this would be syntax where the value before it is empty"
	}
	return field + pgField, ""
}

func (pgpass) Action(s State) (Writer, State, error) {
	field := s.Place / pgPlaces * pgPlaces
	switch s.Place % pgPlaces {
	case pgStart, pgField, pgValue:
		return singles(func(v string) (string, error) { return pgLiteral(v, field) }), State{Place: field + pgValue}, nil
	case pgComment:
		return nil, s, errors.New(inComment)
	case pgAny:
		return nil, s, errors.New("where the value is empty, the * before it would stand for any; write \\* for one that means itself")
	}
	return nil, s, errors.New(behindEscape)
}

func pgLiteral(s string, field uint8) (string, error) {
	switch {
	case strings.ContainsAny(s, "\n\r"):
		return "", refuse("holds a line break, which a password file cannot hold")
	case holds(s, func(r rune) bool { return asciiControl(r) && r != '\t' }):
		return "", refuse("holds a control character, which a password file cannot hold")
	case s == "*" && field != pgPassword:
		return "", refuse("is *, which stands for any in a password file")
	case strings.HasPrefix(s, "#") && field == 0:
		return "", refuse("begins with #, which makes a line of a password file a comment")
	}
	return backslashed(s, `\:`), nil
}

func (pgpass) Join(a, b State) (State, bool) {
	in := func(s State) bool { return s.Place%pgPlaces <= pgValue && s.Place != pgStart }
	if field := a.Place / pgPlaces; a != b && field == b.Place/pgPlaces && in(a) && in(b) {
		return State{Place: field*pgPlaces + pgValue}, true
	}
	return same(a, b)
}

func (pgpass) End(s State) error {
	if s.Place == pgStart || s.Place == pgComment || s.Place >= pgPassword && s.Place != pgPassword+pgEscape {
		return nil
	}
	return errors.New("the last line is no host:port:database:user:password")
}

func (pgpass) Whole(*document.Node) ([]Piece, error) {
	return nil, refuse("cannot be a whole password file: the definition needs a template of lines host:port:database:user:password")
}

// Parse reads the file line by line. An empty field is no error to libpq, but a line that never applies.
func (f pgpass) Parse(file []byte) error {
	if err := reread(f, file); err != nil {
		return err
	}
	n := 0
	for line := range bytes.Lines(file) {
		n++
		text := strings.TrimSuffix(string(line), "\n")
		if text == "" || text[0] == '#' {
			continue
		}
		place := pgStart
		for i := range len(text) {
			before := place
			if place, _ = pgStep(place, text[i]); place > before && place%pgPlaces == pgStart && before%pgPlaces == pgStart {
				return fmt.Errorf("line %d: a field is empty, so that the line never applies", n)
			}
		}
	}
	return nil
}

package format

import (
	"errors"
	"strings"

	"github.com/bootconf/bootconf/internal/document"
)

// dockerEnv is variables as docker run --env-file reads them: NAME=value, the value raw up to the end of the line,
// quotes and blanks its own. There are no escapes, so that a line break can't be written.
type dockerEnv struct{}

const (
	dockerLine    uint8 = iota // where a line begins
	dockerName                 //
	dockerStart                // where a value begins
	dockerValue                // in it
	dockerComment              //
)

// maxDockerLine is the longest line that docker takes, bufio.MaxScanTokenSize.
const maxDockerLine = 64<<10 - 1

func (dockerEnv) Start() State { return State{} }

func (dockerEnv) Text(s State, text string) (State, error) {
	return walk(s, text, func(place uint8, c byte) (uint8, string) {
		if place == dockerStart && (c == '"' || c == '\'') {
			return 0, "to docker quotes are part of the value: leave them out"
		}
		return dockerStep(place, c)
	})
}

// dockerFile is a finished file, in which a value may begin with a quote of its own.
type dockerFile struct{ dockerEnv }

func (dockerFile) Text(s State, text string) (State, error) { return walk(s, text, dockerStep) }

func dockerStep(place uint8, c byte) (uint8, string) {
	switch {
	case c == 0 || c == '\r':
		return 0, badControl + "; write lines that end with \\n alone"
	case c == '\n' && place == dockerName:
		return 0, "= must follow the name: without it docker takes the variable from its own environment"
	case c == '\n':
		return dockerLine, ""
	}
	switch place {
	case dockerLine:
		switch {
		case c == ' ' || c == '\t':
			return dockerLine, ""
		case c == '#':
			return dockerComment, ""
		case word(c) && (c < '0' || c > '9'):
			return dockerName, ""
		}
		return 0, "a line must be NAME=value or a comment"
	case dockerName:
		switch {
		case c == '=':
			return dockerStart, ""
		case word(c) || c == '.' || c == '-':
			return dockerName, ""
		}
		return 0, "a name must be of letters, digits, _, . and -, and = must follow it"
	case dockerStart:
		return dockerValue, ""
	}
	return place, ""
}

func (dockerEnv) Action(s State) (Writer, State, error) {
	switch s.Place {
	case dockerStart, dockerValue:
		return singles(dockerRaw), State{Place: dockerValue}, nil
	case dockerComment:
		return nil, s, errors.New(inComment)
	}
	return nil, s, errors.New(inName)
}

func dockerRaw(s string) (string, error) {
	switch {
	case strings.ContainsAny(s, "\n\r"):
		return "", refuse("holds a line break, which docker's env file cannot hold")
	case strings.Contains(s, "\x00"):
		return "", refuse("holds a NUL, which a variable cannot hold")
	case len(s) > maxDockerLine:
		return "", refuse("is longer than the 64 KiB that docker reads of a line")
	}
	return s, nil
}

func (dockerEnv) Join(a, b State) (State, bool) {
	if a.Place == dockerStart && b.Place == dockerValue || a.Place == dockerValue && b.Place == dockerStart {
		return State{Place: dockerValue}, true
	}
	return same(a, b)
}

func (dockerEnv) End(s State) error {
	if s.Place == dockerName {
		return errors.New("the last line is no NAME=value")
	}
	return nil
}

func (dockerEnv) Whole(section *document.Node) ([]Piece, error) {
	return flat(section, "an env file", "=", func(name string) (string, error) {
		if s, err := walk(State{}, name, dockerStep); err != nil || s.Place != dockerName || strings.TrimLeft(name, " \t") != name {
			return "", refuse("is no name of a variable: letters, digits, _, . and - only, beginning with a letter or _")
		}
		return name, nil
	}, singles(dockerRaw))
}

func (dockerEnv) Parse(file []byte) error {
	if err := reread(dockerFile{}, file); err != nil {
		return err
	}
	return longLine(file, maxDockerLine, "docker")
}

package format

import (
	"encoding/base64"
	"errors"
	"fmt"
	"strings"

	"github.com/bootconf/bootconf/internal/document"
)

// pem is blocks of RFC 7468: keys, certificates. A value is one or more whole blocks, and stands by itself. It is
// written as it is, with the end of its last line where that is missing.
//
// The stack of a state is the line so far, as much of it as tells what it is.
type pem struct{}

const (
	pemOutside uint8 = iota
	pemInside        // of a block
)

func (pem) Start() State { return State{} }

func (pem) Text(s State, text string) (State, error) {
	for i := range len(text) {
		c := text[i]
		switch {
		case c == '\n' && strings.HasPrefix(s.Stack, "-----END "):
			s = State{pemOutside, ""}
		case c == '\n' && s.Stack != "":
			s = State{pemInside, ""}
		case c == '\n':
		case c == ' ' && s.Stack == "" || asciiControl(rune(c)) || c >= 0x80:
			return s, fault(i, "only the blocks of a PEM file can stand here, each line from its beginning")
		case s.Place == pemOutside && len(s.Stack) < len(pemBegin) && c != pemBegin[len(s.Stack)]:
			return s, fault(i, "outside its blocks a PEM file must be empty")
		case len(s.Stack) < len(pemBegin):
			s.Stack += string(rune(c))
		}
	}
	return s, nil
}

const pemBegin = "-----BEGIN "

func (pem) Action(s State) (Writer, State, error) {
	if (s != State{}) {
		return nil, s, errors.New("a value of a PEM file must stand at the beginning of a line, outside the blocks that are written already")
	}
	return func(v *document.Node) (string, error) {
		text, err := pemText(v)
		if err == nil && !strings.HasSuffix(text, "\n") {
			text += "\n"
		}
		return text, err
	}, s, nil
}

func pemText(v *document.Node) (string, error) {
	if v.Kind != document.String {
		return "", refuse("must be a string of PEM blocks")
	}
	text := v.Text.Reveal()
	if _, err := pemBlocks(text); err != nil {
		return "", refuse("must be PEM blocks: " + err.Error())
	}
	return text, nil
}

// pemBlocks counts the blocks of text, which must hold nothing else.
func pemBlocks(text string) (int, error) {
	var body strings.Builder
	label, blocks, n := "", 0, 0
	headers := false
	for line := range strings.Lines(text) {
		n++
		line = strings.TrimRight(line, " \t\r\n")
		wrong := func(message string) (int, error) { return 0, fmt.Errorf("line %d: %s", n, message) }
		begin, isBegin := strings.CutPrefix(line, pemBegin)
		end, isEnd := strings.CutPrefix(line, "-----END ")
		switch {
		case len(line) > 76 && label != "":
			return wrong("is longer than the 76 characters that every reader takes")
		case label == "" && isBegin:
			var ok bool
			if label, ok = strings.CutSuffix(begin, "-----"); !ok || label == "" || holds(label, func(r rune) bool { return r <= ' ' && r != ' ' || r == '-' || r >= 0x7f }) {
				return wrong("is no -----BEGIN …-----")
			}
			body.Reset()
			headers = false
		case label == "" && line != "":
			return wrong("stands outside of a block")
		case label == "":
		case isEnd:
			if end != label+"-----" {
				return wrong("ends a block of another kind than was begun")
			}
			if der, err := base64.StdEncoding.Strict().DecodeString(body.String()); err != nil || len(der) == 0 {
				return wrong("ends a block that is not base64")
			}
			label = ""
			blocks++
		case body.Len() == 0 && strings.Contains(line, ": "):
			headers = true
		case line == "" && headers:
			headers = false
		case line == "" || headers || strings.ContainsAny(line, "-: \t\r"):
			return wrong("is no base64")
		default:
			body.WriteString(line)
		}
	}
	switch {
	case label != "":
		return 0, errors.New("the last block has no end")
	case blocks == 0:
		return 0, errors.New("there is none")
	}
	return blocks, nil
}

func (pem) Join(a, b State) (State, bool) { return same(a, b) }

func (pem) End(s State) error {
	if s.Place == pemInside && !strings.HasPrefix(s.Stack, "-----END ") {
		return errors.New("a block is not closed")
	}
	return nil
}

// Whole writes a string of PEM blocks.
func (f pem) Whole(section *document.Node) ([]Piece, error) {
	write, _, _ := f.Action(f.Start())
	s, err := write(section)
	if err != nil {
		return nil, err
	}
	var out pieces
	out.value(section, s)
	return out.all(), nil
}

// Parse takes a file of PEM blocks, or one with nothing in it.
func (pem) Parse(file []byte) error {
	if strings.TrimSpace(string(file)) == "" {
		return nil
	}
	_, err := pemBlocks(string(file))
	return err
}

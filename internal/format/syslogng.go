package format

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/bootconf/bootconf/internal/document"
)

// syslogNG is syslog-ng's configuration. A value stands as the argument of an option in a source, a destination or
// the options, as a string, a number, yes or no.
//
// In many options a string is a template, where $ begins a macro or calls a function, and which ones is a matter of
// drivers and versions. So only those known to take a string as it is get any; the others, template() among them,
// get strings of letters, digits and a few signs that are syntax nowhere, and none where a macro could go on into
// them. Filters, parsers and rewrites get none: what is a string there, and what a pattern, is not known.
//
// The stack of a state is the open brackets, each with the name before it, and then the first and the last word of
// the statement; within a string its quote is the last byte.
type syslogNG struct{}

const (
	ngLine    uint8 = iota // where a line begins
	ngSep                  // behind a blank or a bracket
	ngWord                 // in a word
	ngAfter                // behind a string or a value
	ngTick                 // within backticks, which name a variable of the configuration
	ngPragma               // in a line that begins with @
	ngComment              //
	ngStr                  // in a string
	ngEscape               //
	ngStrTick              // within backticks in it
	ngDollar               // in it behind a $ or an escape in hex, which may be one
	ngMacro                // in the name of a macro
	ngBrace                // in one within ${ }
	ngBraced               // behind one
	ngFunc                 // behind $(, up to the end of the string
	ngFuncEsc              //
)

// maxNGLine is what the lexer is sure to read of a line at once. It looks for include statements at the beginning of
// each stretch that it reads.
const maxNGLine = 8000

type ngLexer struct {
	place       uint8
	frames      string // of each open bracket: itself, the name before it, : and the statement's first word
	first, last string
	quote       byte // 0 outside of strings
}

func (l *ngLexer) pack() State {
	if l.place >= ngStr {
		return State{l.place, l.frames + " " + l.first + " " + string(rune(l.quote))}
	}
	return State{l.place, l.frames + " " + l.first + " " + l.last}
}

func unpackNG(s State) *ngLexer {
	l := &ngLexer{place: s.Place}
	var rest string
	l.frames, rest, _ = strings.Cut(s.Stack, " ")
	l.first, l.last, _ = strings.Cut(rest, " ")
	if l.place >= ngStr {
		l.quote, l.last = l.last[0], ""
	}
	return l
}

func (syslogNG) Start() State { return (&ngLexer{}).pack() }

func (syslogNG) Text(s State, text string) (State, error) {
	if s.Place == hexPlace {
		return ngHex(s, text)
	}
	l := unpackNG(s)
	for i := range len(text) {
		c := text[i]
		if l.place == ngEscape && (c == 'x' || c == 'o') {
			l.place = ngStr
			return textFrom(ngHex, pushHex(l.pack(), ngDollar, map[byte]byte{'x': 2, 'o': 3}[c]), text, i+1)
		}
		if message := l.step(c); message != "" {
			return s, fault(i, message)
		}
	}
	return l.pack(), nil
}

// textFrom reads the rest of text, from offset on, with another function.
func textFrom(read func(State, string) (State, error), s State, text string, offset int) (State, error) {
	end, err := read(s, text[offset:])
	var t *TextError
	if errors.As(err, &t) {
		t.Offset += offset
	}
	return end, err
}

func ngHex(s State, text string) (State, error) {
	for i := range len(text) {
		next, ok := popHex(s, text[i])
		if !ok {
			return s, fault(i, badHex)
		}
		if s = next; s.Place != hexPlace {
			return textFrom(syslogNG{}.Text, s, text, i+1)
		}
	}
	return s, nil
}

// step takes the lexer over a byte, or says why it can't stand here.
func (l *ngLexer) step(c byte) string {
	if asciiControl(rune(c)) && c != '\n' && c != '\t' {
		return badControl + "; write lines that end with \\n alone"
	}
	if l.place >= ngStr {
		l.stepString(c)
		return ""
	}
	switch l.place {
	case ngComment, ngPragma:
		if c == '\n' {
			l.place = ngLine
		}
		return ""
	case ngTick:
		if c == '`' {
			l.place = ngWord
		}
		return ""
	}
	if strings.IndexByte(" \t\n,;(){}[]|:#\"'`\\", c) >= 0 && l.place == ngWord && !l.inBrackets() && l.first == "" {
		l.first = l.last
	}
	switch c {
	case '\n':
		l.place = ngLine
	case ' ', '\t', ',':
		l.place = ngSep
		if c == ',' {
			l.last = ""
		}
	case '#':
		l.place = ngComment
	case '@':
		if l.place != ngLine {
			return "a @ can stand only at the beginning of a line or in a string"
		}
		l.place = ngPragma
	case ';':
		l.place, l.first, l.last = ngSep, "", ""
	case '(', '{':
		name := l.last
		if c == '{' {
			name = l.first
		}
		if name == "python" && c == '{' {
			return "Python's code must stand in a file of its own"
		}
		l.frames += string(rune(c)) + name + ":" + l.first
		l.place, l.first, l.last = ngSep, "", ""
	case ')', '}':
		at := strings.LastIndexAny(l.frames, "({")
		if at < 0 || (l.frames[at] == '(') != (c == ')') {
			return "this bracket closes none"
		}
		_, l.first, _ = strings.Cut(l.frames[at:], ":")
		if c == '}' {
			l.first = ""
		}
		l.place, l.last, l.frames = ngSep, "", l.frames[:at]
	case '`':
		l.place, l.last = ngTick, ""
	case '"', '\'':
		if l.place == ngWord || l.place == ngAfter {
			return "a blank must stand before the quote"
		}
		l.place, l.last, l.quote = ngStr, "", c
	case '\\':
		return "a backslash can stand only in a string"
	default:
		switch {
		case l.place == ngAfter:
			return "a blank or a bracket must stand behind a string or a value"
		case c >= 0x80:
			return "this character can stand only in a string"
		case strings.IndexByte("[]|:", c) >= 0: // no part of a word
			l.place, l.last = ngSep, ""
		case l.place == ngWord:
			l.last += string(rune(c))
		default:
			l.place, l.last = ngWord, string(rune(c))
		}
	}
	return ""
}

// inBrackets tells whether the innermost bracket is a round one.
func (l *ngLexer) inBrackets() bool {
	return strings.LastIndexByte(l.frames, '(') > strings.LastIndexByte(l.frames, '{')
}

func (l *ngLexer) stepString(c byte) {
	switch l.place {
	case ngStrTick:
		if c == '`' {
			l.place = ngStr
		}
		return
	case ngEscape:
		l.place = ngStr
		if c == '$' {
			l.place = ngDollar
		}
		return
	case ngFuncEsc:
		l.place = ngFunc
		return
	}
	switch {
	case c == l.quote:
		l.place, l.quote = ngAfter, 0
	case l.place == ngFunc:
		if c == '\\' && l.quote == '"' {
			l.place = ngFuncEsc
		}
	case c == '\\' && l.quote == '"':
		l.place = ngEscape
	case c == '`':
		l.place = ngStrTick
	case l.place == ngBrace:
		if c == '}' {
			l.place = ngBraced
		}
	case c == '$':
		l.place = ngDollar
	case l.place == ngDollar && c == '{':
		l.place = ngBrace
	case l.place == ngDollar && c == '(':
		l.place = ngFunc
	case l.place == ngDollar && word(c), l.place == ngMacro && (word(c) || c == '.' || c == '-'), (l.place == ngMacro || l.place == ngBraced) && c == '@':
		l.place = ngMacro
	default:
		l.place = ngStr
	}
}

// ngPlain tells whether the strings of an option, or of a driver without one, are taken as they are.
func ngPlain(option string) bool {
	switch option {
	case "network", "syslog", "tcp", "tcp6", "udp", "udp6", "unix-dgram", "unix-stream",
		"ip", "localip", "port", "localport", "destport", "servers",
		"ca-dir", "ca-file", "cert-file", "crl-dir", "key-file", "pkcs12-file", "sni",
		"exchange", "host", "password", "user", "username", "vhost",
		"dir", "host-override", "persist-name", "program-override":
		return true
	}
	return false
}

func (syslogNG) Action(s State) (Writer, State, error) {
	if s.Place == hexPlace {
		return nil, s, errors.New(behindEscape)
	}
	l := unpackNG(s)
	statement, _, _ := strings.Cut(l.frames[strings.LastIndexByte(l.frames, '{')+1:], ":")
	switch {
	case l.place == ngComment:
		return nil, s, errors.New(inComment)
	case !l.inBrackets() || l.place == ngPragma:
		return nil, s, errors.New("this is where the name of a statement or an option stands; a value stands in the brackets of an option")
	case statement != "source" && statement != "destination" && statement != "options" && statement != "template":
		return nil, s, errors.New("a value can stand in a source, a destination, a template or the options, not in a filter, parser or rewrite: a string there may be a pattern")
	}
	option, _, _ := strings.Cut(l.frames[strings.LastIndexByte(l.frames, '(')+1:], ":")
	write := harmless("of a template in syslog-ng, or of its message")
	if ngPlain(option) {
		write = ngBody
	}
	switch l.place {
	case ngLine, ngSep:
		l.place, l.last = ngAfter, ""
		return func(v *document.Node) (string, error) { return ngLiteral(v, write) }, l.pack(), nil
	case ngStr:
		if l.quote == '\'' {
			plain := write
			write = func(s string) (string, error) {
				if strings.ContainsAny(s, "'`") || holds(s, asciiControl) {
					return "", refuse("holds a single quote, a backtick or a control character, which single quotes cannot hold; the template should use double quotes")
				}
				if _, err := plain(s); err != nil {
					return "", err
				}
				return s, nil
			}
		}
		return singles(write), s, nil
	case ngWord, ngAfter:
		return nil, s, errors.New("a blank must stand before it, or quotes around the whole")
	case ngTick, ngStrTick:
		return nil, s, errors.New("a value could become the name of any variable within backticks")
	case ngDollar, ngMacro, ngBrace, ngBraced, ngFunc, ngFuncEsc:
		return nil, s, errors.New("a value cannot stand within a macro or right behind one, nor behind the call of a function")
	}
	return nil, s, errors.New(behindEscape)
}

// ngBody writes what goes between double quotes. It escapes by numbers: syslog-ng follows the strings of a line twice,
// and what looks for backticks loses its way at the end of a string behind a backslash and one character.
func ngBody(s string) (string, error) {
	if len(s) > maxNGLine {
		return "", refuse(fmt.Sprintf("is longer than the %d bytes that syslog-ng is sure to read of a line", maxNGLine))
	}
	var b strings.Builder
	for i := range len(s) {
		switch c := s[i]; {
		case c == 0:
			return "", refuse("holds a NUL, which syslog-ng cannot hold")
		case c == '"' || c == '\\' || c == '`' || asciiControl(rune(c)):
			fmt.Fprintf(&b, `\x%02x`, c)
		default:
			b.WriteByte(c)
		}
	}
	return b.String(), nil
}

func ngLiteral(v *document.Node, write func(string) (string, error)) (string, error) {
	switch v.Kind {
	case document.Bool:
		if v.Bool {
			return "yes", nil
		}
		return "no", nil
	case document.Number:
		digits := v.Text.Reveal()
		_, err := strconv.ParseInt(digits, 10, 64)
		if strings.ContainsAny(digits, "eE") || err != nil && !strings.Contains(digits, ".") {
			return "", refuse("is a number that syslog-ng cannot hold: must be a whole one of 64 bits, or a decimal fraction without exponent")
		}
		return digits, nil
	}
	s, err := single(v)
	if err != nil {
		return "", err
	}
	s, err = write(s)
	return `"` + s + `"`, err
}

// Join forgets the last word where two differ, so that the option it may be the name of is one that isn't known.
func (syslogNG) Join(a, b State) (State, bool) {
	if a == b || a.Place >= ngTick || b.Place >= ngTick {
		return a, a == b
	}
	x, y := unpackNG(a), unpackNG(b)
	if x.frames != y.frames || x.first != y.first || !x.inBrackets() {
		return a, false
	}
	x.last = ""
	if x.place = max(x.place, y.place); x.place == ngWord {
		x.place = ngAfter
	}
	return x.pack(), true
}

func (syslogNG) End(s State) error {
	l := unpackNG(s)
	switch {
	case s.Place >= ngStr:
		return errors.New("a quote is not closed")
	case l.frames != "" || s.Place == ngTick:
		return errors.New("a bracket or a backtick is not closed")
	}
	return nil
}

func (syslogNG) Whole(*document.Node) ([]Piece, error) {
	return nil, refuse("cannot be a whole configuration of syslog-ng: the definition needs a template")
}

// Parse reads the file as a template is read, and looks at the length of its lines.
func (f syslogNG) Parse(file []byte) error {
	if err := reread(f, file); err != nil {
		return err
	}
	return longLine(file, maxNGLine, "syslog-ng is sure to read at once")
}

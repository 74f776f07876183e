package format

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/bootconf/bootconf/internal/document"
)

// yaml is the part of YAML that its readers agree on, those of version 1.1 (PyYAML, Ruby's Psych) and of 1.2. A value
// is written in double quotes with every character escaped that any of them takes for syntax or a line's end, and
// numbers so that all take them for numbers. There is no <% in a file, which to Rails is Ruby code.
//
// Left out of what an author may write, with a message: explicit keys, comments within brackets, keys that go on
// behind their quotes, plain text over several lines.
type yaml struct{}

const (
	yamlLine         uint8 = iota // in the blanks that a line begins with
	yamlDash                      // behind a - that may begin an entry
	yamlDash2                     // behind --
	yamlDash3                     // behind ---
	yamlEntry                     // behind "- "
	yamlBegun                     // in plain text that may be a key or a value
	yamlBegunBlank                // in it, behind a blank
	yamlBegunColon                // in it, behind a colon
	yamlQuoted                    // behind a quoted text that may be a key
	yamlColon                     // behind its colon
	yamlValue                     // where a value is due
	yamlValueDash                 // behind a - that begins one
	yamlProperty                  // in an anchor or a tag
	yamlDescribed                 // behind it, where its value is due
	yamlAlias                     // in an alias
	yamlPlain                     // in plain text that is a value
	yamlPlainBlank                //
	yamlPlainColon                //
	yamlDouble                    // in double quotes
	yamlDoubleEscape              //
	yamlSingle                    // in single quotes
	yamlSingleQuote               // behind a ' in them: the end, or the first of two
	yamlEnd                       // behind a value
	yamlEndBlank                  // and a blank
	yamlComment                   //
	yamlBlockHead                 // behind the | or > of a block scalar, up to the line's end
	yamlBlock                     // in the blanks that a line of a block scalar begins with
	yamlBlockText                 // in the rest of it
	yamlFlowKey                   // where a key is due within { }
	yamlFlowPlain                 // in a plain one
	yamlFlowColon                 // behind its colon
)

// yamlLexer is a State opened: where in the text it stands, and what it has to know to go on.
type yamlLexer struct {
	place uint8
	flow  string // the open brackets
	col   int    // in the blanks of a line: the column reached
	owner int    // the column of the key or dash whose value is due
	hex   byte   // digits of an escape to come
	key   byte   // what quotes may be: only a key, only a value, or either
	acted bool   // there is a value of ours in the quotes
	lines bool   // there is a line break in the quotes

	check *yamlCheck // what Parse wants to know; nil while a template is read
}

const (
	yamlIsValue byte = iota
	yamlIsKey
	yamlIsEither
)

// pack is the lexer as a State; what its place has no use for is left out, so that equal places are equal.
func (y *yamlLexer) pack() State {
	quotes := y.place >= yamlDouble && y.place <= yamlSingleQuote || y.place == yamlQuoted
	if !quotes {
		y.key, y.acted, y.lines = 0, false, false
	}
	switch y.place {
	case yamlLine, yamlDash, yamlEntry, yamlBlock:
	default:
		y.col = 0
	}
	switch {
	case y.place == yamlDash, y.place == yamlEntry, y.place >= yamlBegun && y.place <= yamlDescribed, quotes && y.key != yamlIsValue,
		y.place == yamlBlockHead, y.place == yamlBlock, y.place == yamlBlockText:
	default:
		y.owner = 0
	}
	if y.flow != "" {
		y.col, y.owner = 0, 0
	}
	flags := y.key
	if y.acted {
		flags |= 4
	}
	if y.lines {
		flags |= 8
	}
	if y.col == 0 && y.owner == 0 && y.hex == 0 && flags == 0 {
		return State{y.place, y.flow}
	}
	return State{y.place, fmt.Sprintf("%s %d %d %d %d", y.flow, y.col, y.owner, y.hex, flags)}
}

func unpackYAML(s State) *yamlLexer {
	y := &yamlLexer{place: s.Place, flow: s.Stack}
	if flow, rest, ok := strings.Cut(s.Stack, " "); ok {
		f := strings.Fields(rest)
		y.flow = flow
		y.col, _ = strconv.Atoi(f[0])
		y.owner, _ = strconv.Atoi(f[1])
		hex, _ := strconv.Atoi(f[2])
		flags, _ := strconv.Atoi(f[3])
		y.hex, y.key, y.acted, y.lines = byte(hex), byte(flags&3), flags&4 > 0, flags&8 > 0
	}
	return y
}

func (yaml) Start() State { return State{} }

func (yaml) Text(s State, text string) (State, error) {
	y := unpackYAML(s)
	for i := range len(text) {
		if message := yamlForbidden(text[i:]); message != "" {
			return s, fault(i, message)
		}
		if message := y.step(text[i]); message != "" {
			return s, fault(i, message)
		}
	}
	return y.pack(), nil
}

// yamlForbidden says why what text begins with can stand nowhere in a file.
func yamlForbidden(text string) string {
	c := text[0]
	switch {
	case asciiControl(rune(c)) && c != '\n' && c != '\t':
		return badControl + "; write lines that end with \\n alone"
	case c == '<' && strings.HasPrefix(text, "<%"):
		return "Rails takes <% for the beginning of Ruby code"
	case c < 0xc2 || c > 0xef:
		return ""
	}
	for _, mark := range []string{"\u0085", "\u2028", "\u2029", "\ufeff"} {
		if strings.HasPrefix(text, mark) {
			return "some readers take this character for the end of a line, or for none; write it as an escape in double quotes"
		}
	}
	return ""
}

// step takes the lexer over a byte, or says why it can't stand here.
func (y *yamlLexer) step(c byte) string {
	if c == '\t' && y.place != yamlDouble && y.place != yamlSingle && y.place != yamlComment && y.place != yamlBlockText {
		return "a tab is no blank to every reader; write spaces"
	}
	switch y.place {
	case yamlDash, yamlDash2, yamlDash3:
		return y.stepDash(c)
	case yamlLine, yamlEntry:
		return y.stepLine(c)
	case yamlBegun, yamlBegunBlank, yamlBegunColon, yamlQuoted, yamlColon:
		return y.stepBegun(c)
	case yamlDouble, yamlDoubleEscape, yamlSingle, yamlSingleQuote:
		return y.stepQuotes(c)
	case yamlFlowKey, yamlFlowPlain, yamlFlowColon:
		return y.stepFlowKey(c)
	case yamlComment:
		if c == '\n' {
			y.newline()
		}
		return ""
	case yamlBlockHead, yamlBlock, yamlBlockText:
		return y.stepBlock(c)
	}
	return y.stepValue(c)
}

func (y *yamlLexer) newline() {
	y.place, y.col = yamlLine, 0
	if y.flow != "" {
		y.place = yamlEnd
	}
}

func (y *yamlLexer) stepLine(c byte) string {
	switch c {
	case ' ':
		y.col++
	case '\n':
		y.newline()
	case '#':
		y.place = yamlComment
	case '-':
		y.place, y.owner = yamlDash, y.col
		y.check.begin()
	default:
		mode := yamlIsKey
		if y.place == yamlEntry {
			mode = yamlIsEither
		}
		y.check.begin()
		if strings.IndexByte("[{&!*|>", c) < 0 { // of what can be no key the owner is the dash
			y.owner = y.col
		}
		switch c {
		case '"', '\'':
			return y.begin(c, mode)
		case '[', '{', '&', '!', '*', '|', '>':
			if mode == yamlIsKey && c != '[' && c != '{' {
				return "this can stand only behind a key or a dash, in their line"
			}
			if c != '&' && c != '!' {
				y.check.scalar(y.col)
			}
			return y.begin(c, yamlIsValue)
		case ':':
			y.place = yamlBegunColon
		default:
			y.place = yamlBegun
			return yamlPlainStart(c)
		}
	}
	return ""
}

// yamlPlainStart says why plain text can't begin with c.
func yamlPlainStart(c byte) string {
	if strings.IndexByte("?,]}%@`#|>&*!", c) >= 0 {
		return "plain text cannot begin with this character; put it in quotes"
	}
	return ""
}

func (y *yamlLexer) stepDash(c byte) string {
	switch {
	case y.place == yamlDash && (c == ' ' || c == '\n'):
		y.check.entry(y.owner)
		y.place, y.col = yamlEntry, y.owner+2
		if c == '\n' {
			y.newline()
		}
	case y.place < yamlDash3 && c == '-' && y.owner == 0:
		y.place++
	case y.place == yamlDash3 && c == ' ':
		y.check.document()
		y.place = yamlEndBlank
	case y.place == yamlDash3 && c == '\n':
		y.check.document()
		y.newline()
	default:
		y.place = yamlBegun
		return y.stepBegun(c)
	}
	return ""
}

// stepBegun goes on in what is a key if a colon and a blank follow, and a value if not.
func (y *yamlLexer) stepBegun(c byte) string {
	colon := y.place == yamlBegunColon || y.place == yamlColon
	switch {
	case colon && (c == ' ' || c == '\n'):
		y.check.key(y.owner)
		y.place = yamlValue
		if c == '\n' && y.flow == "" {
			y.newline()
		}
	case y.place == yamlColon:
		return "a blank must follow the colon"
	case y.place == yamlQuoted && c == ':':
		y.place = yamlColon
		if y.lines {
			return "a key must stand in one line"
		}
	case y.place == yamlQuoted && y.flow != "":
		return "a colon must follow the key"
	case y.place == yamlQuoted && c != ' ' && c != '\n':
		return "nothing may follow the quotes but a colon or a blank"
	case c == '\n' || y.place == yamlQuoted:
		y.check.scalar(y.owner)
		y.place = yamlEndBlank
		if c == '\n' {
			y.newline()
		}
	case c == '#' && y.place == yamlBegunBlank:
		y.check.scalar(y.owner)
		y.place = yamlComment
	case c == ':':
		y.place = yamlBegunColon
	case c == ' ':
		y.place = yamlBegunBlank
	default:
		y.place = yamlBegun
	}
	return ""
}

// begin enters what c begins, where a value is due or, by mode, a key.
func (y *yamlLexer) begin(c, mode byte) string {
	y.key, y.acted, y.lines, y.hex = mode, false, false, 0
	switch c {
	case '"':
		y.place = yamlDouble
	case '\'':
		y.place = yamlSingle
	case '[':
		y.place, y.flow = yamlValue, y.flow+"["
		y.check.open()
	case '{':
		y.place, y.flow = yamlFlowKey, y.flow+"{"
		y.check.open()
	case '&', '!':
		y.place = yamlProperty
	case '*':
		y.place = yamlAlias
	case '|', '>':
		y.place = yamlBlockHead
		if y.flow != "" {
			return "a block scalar cannot stand within brackets"
		}
	case '-':
		y.place = yamlValueDash
	case ':':
		y.place = yamlPlainColon
	default:
		y.place = yamlPlain
		return yamlPlainStart(c)
	}
	return ""
}

// stepValue goes on where a value is due, in it, and behind it.
func (y *yamlLexer) stepValue(c byte) string {
	in := top(y.flow)
	if y.place >= yamlPlain && y.place <= yamlPlainColon || y.place == yamlAlias || y.place == yamlValueDash {
		switch {
		case c == '\n', in != 0 && strings.IndexByte(",]}", c) >= 0:
			if y.place == yamlPlainColon || y.place == yamlValueDash {
				return "plain text cannot end with this character; put it in quotes"
			}
			y.place = yamlEnd
		case in != 0 && (c == '[' || c == '{'):
			return "within brackets this text must be in quotes"
		case y.place == yamlAlias && c == ' ':
			y.place = yamlEndBlank
			return ""
		case y.place == yamlAlias && (word(c) || c == '-'):
			return ""
		case y.place == yamlAlias:
			return "a name of letters and digits must follow the *"
		case c == '#' && y.place == yamlPlainBlank:
			y.place = yamlEndBlank
		case y.place == yamlPlainColon && (c == ' ' || in != 0):
			return "a text with a colon in it must be in quotes here"
		case y.place == yamlValueDash && c == ' ':
			return "an entry of a list must stand in a line of its own"
		default:
			y.place = yamlPlain
			if c == ' ' {
				y.place = yamlPlainBlank
			}
			if c == ':' {
				y.place = yamlPlainColon
			}
			return ""
		}
	}
	switch {
	case c == '\n' && in == 0:
		y.newline()
	case y.place == yamlProperty:
		if c == ' ' || c == '\n' {
			y.place = yamlDescribed
		} else if in != 0 && strings.IndexByte(",[]{}", c) >= 0 {
			return "a value must follow an anchor or a tag"
		}
	case c == ' ' && y.place == yamlEnd:
		y.place = yamlEndBlank
	case c == ' ' || c == '\n':
	case c == '#' && in == 0 && y.place != yamlEnd:
		y.place = yamlComment
	case c == '#':
		return "a comment can stand only behind a blank, and not within brackets"
	case in == '[' && c == ']' && y.place != yamlDescribed, in == '{' && c == '}' && y.place != yamlDescribed:
		y.place, y.flow = yamlEnd, y.flow[:len(y.flow)-1]
		y.check.closed()
	case in == '{' && c == ',' && y.place != yamlDescribed:
		y.place = yamlFlowKey
	case in == '[' && c == ',' && (y.place == yamlEnd || y.place == yamlEndBlank):
		y.place = yamlValue
	case y.place == yamlValue || y.place == yamlDescribed:
		if c != '&' && c != '!' { // which may be of a block that begins in the next line
			y.check.value()
		}
		return y.begin(c, yamlIsValue)
	case in == 0:
		return "only a comment may follow a value in its line"
	default:
		return "a comma or a closing bracket must stand here"
	}
	return ""
}

func (y *yamlLexer) stepFlowKey(c byte) string {
	switch {
	case y.place == yamlFlowColon && (c == ' ' || c == '\n'):
		y.check.key(-1)
		y.place = yamlValue
	case y.place == yamlFlowColon:
		return "a blank must follow the colon"
	case y.place == yamlFlowKey && (c == ' ' || c == '\n'):
	case y.place == yamlFlowKey && c == '}':
		y.place, y.flow = yamlEnd, y.flow[:len(y.flow)-1]
		y.check.closed()
	case y.place == yamlFlowKey:
		y.check.begin()
		if c == '"' || c == '\'' {
			return y.begin(c, yamlIsKey)
		}
		y.place = yamlFlowPlain
		if c == '[' || c == '{' {
			return "a key must be a text"
		}
		return yamlPlainStart(c)
	case c == ':':
		y.place = yamlFlowColon
	case strings.IndexByte(",[]{}\n", c) >= 0:
		return "a colon and a value must follow the key"
	}
	return ""
}

func (y *yamlLexer) stepQuotes(c byte) string {
	if c == '\n' && y.place != yamlSingleQuote {
		if y.acted {
			return "a quoted text with a value in it must stand in one line: readers drop blanks where it is broken"
		}
		y.lines = true
	}
	switch {
	case y.place == yamlDoubleEscape && y.hex == 0:
		switch c {
		case 'x':
			y.hex = 2
		case 'u':
			y.hex = 4
		case 'U':
			y.hex = 8
		default:
			if strings.IndexByte("0abtnvfre \"/\\N_LP\n", c) < 0 {
				return "this is no escape that YAML has"
			}
			y.place = yamlDouble
		}
	case y.place == yamlDoubleEscape:
		if strings.IndexByte("0123456789abcdefABCDEF", c) < 0 {
			return badHex
		}
		if y.hex--; y.hex == 0 {
			y.place = yamlDouble
		}
	case y.place == yamlDouble && c == '\\':
		y.place = yamlDoubleEscape
	case y.place == yamlSingle && c == '\'':
		y.place = yamlSingleQuote
	case y.place == yamlSingleQuote && c == '\'':
		y.place = yamlSingle
	case y.place == yamlDouble && c == '"':
		y.endQuotes()
	case y.place == yamlSingleQuote:
		y.endQuotes()
		return y.step(c)
	}
	return ""
}

func (y *yamlLexer) endQuotes() {
	y.place = yamlQuoted
	if y.key == yamlIsValue {
		y.place = yamlEnd
	}
}

func (y *yamlLexer) stepBlock(c byte) string {
	switch {
	case c == '\n':
		y.place, y.col = yamlBlock, 0
	case y.place == yamlBlockHead:
		if strings.IndexByte("+-123456789 ", c) < 0 {
			return "only + or - and a digit may follow the | or > of a block scalar"
		}
	case y.place == yamlBlock && c == ' ':
		y.col++
	case y.place == yamlBlock && y.col <= y.owner:
		y.place = yamlLine
		return y.stepLine(c)
	default:
		y.place = yamlBlockText
	}
	return ""
}

func (yaml) Action(s State) (Writer, State, error) {
	y := unpackYAML(s)
	switch y.place {
	case yamlValue, yamlEntry:
		y.place = yamlEnd
		return yamlNotation.literal, y.pack(), nil
	case yamlDouble, yamlSingle:
		switch {
		case y.key == yamlIsKey:
			return nil, s, errors.New(inName)
		case y.lines:
			return nil, s, errors.New("a quoted text with a value in it must stand in one line: readers drop blanks where it is broken")
		}
		y.key, y.acted = yamlIsValue, true
		if y.place == yamlSingle {
			return singles(yamlSingleBody), y.pack(), nil
		}
		return singles(yamlBody), y.pack(), nil
	case yamlLine, yamlFlowKey:
		return nil, s, errors.New("this is where a key stands, and a value could become any key; print it behind a key or a dash, in their line")
	case yamlBegun, yamlBegunBlank, yamlPlain, yamlPlainBlank, yamlFlowPlain, yamlDash, yamlDash2, yamlDash3, yamlValueDash:
		return nil, s, errors.New("this is in the middle of a plain text; put all of it in double quotes")
	case yamlBegunColon, yamlColon, yamlPlainColon, yamlFlowColon:
		return nil, s, errors.New("a blank must stand before it, behind the colon")
	case yamlProperty, yamlDescribed, yamlAlias:
		return nil, s, errors.New("a value cannot be part of an anchor, an alias or a tag, or stand behind one")
	case yamlEnd, yamlEndBlank, yamlQuoted, yamlSingleQuote:
		return nil, s, errors.New("a value ends right before it; within brackets put a comma behind each value, behind the last one too")
	case yamlComment:
		return nil, s, errors.New(inComment)
	case yamlBlockHead, yamlBlock, yamlBlockText:
		return nil, s, errors.New("a block scalar has no escapes; print the value in double quotes")
	}
	return nil, s, errors.New(behindEscape)
}

// yamlQuote is s in double quotes.
func yamlQuote(s string) string {
	b := make([]byte, 0, len(s)+2)
	b = append(b, '"')
	for i, r := range s {
		switch {
		case r == '"' || r == '\\':
			b = append(b, '\\', byte(r))
		case r == '\n':
			b = append(b, `\n`...)
		case r == '\t':
			b = append(b, `\t`...)
		case r == '\r':
			b = append(b, `\r`...)
		case r == '<' && strings.HasPrefix(s[i:], "<%"):
			b = append(b, `\x3c`...)
		case control(r):
			b = fmt.Appendf(b, `\x%02x`, r)
		case r == 0x2028 || r == 0x2029 || r == 0xfeff || noncharacter(r) && r <= 0xffff:
			b = fmt.Appendf(b, `\u%04x`, r)
		case r > 0xffff: // PyYAML before version 5 takes them for no characters
			b = fmt.Appendf(b, `\U%08x`, r)
		default:
			b = append(b, string(r)...)
		}
	}
	return string(append(b, '"'))
}

// yamlBody is what goes between double quotes. Its first and last bytes make no <% with what stands beside them.
func yamlBody(s string) (string, error) {
	q := yamlQuote(s)
	q = q[1 : len(q)-1]
	if strings.HasPrefix(q, "%") {
		q = `\x25` + q[1:]
	}
	if strings.HasSuffix(q, "<") {
		q = q[:len(q)-1] + `\x3c`
	}
	return q, nil
}

func yamlSingleBody(s string) (string, error) {
	if q := yamlQuote(s); q != `"`+backslashed(s, `"\`)+`"` || strings.HasPrefix(s, "%") || strings.HasSuffix(s, "<") {
		return "", refuse("holds a line break, a control character, another that needs an escape, or part of <%, which single quotes cannot hold; the template should use double quotes")
	}
	return strings.ReplaceAll(s, "'", "''"), nil
}

// yamlNumber is a JSON number as YAML. To version 1.1 a float has a point, and its exponent a sign.
func yamlNumber(digits string) (string, error) {
	if !strings.ContainsAny(digits, ".eE") {
		return digits, nil
	}
	if err := checkFloat(digits, "YAML"); err != nil {
		return "", err
	}
	mantissa, exponent, ok := strings.Cut(strings.ToLower(digits), "e")
	if !strings.Contains(mantissa, ".") {
		mantissa += ".0"
	}
	if !ok {
		return mantissa, nil
	}
	if exponent[0] != '-' && exponent[0] != '+' {
		exponent = "+" + exponent
	}
	return mantissa + "e" + exponent, nil
}

var yamlNotation = notation{null: "null", assign: ": ", name: yamlKey, quote: yamlQuote, number: yamlNumber}

// yamlKey is a key in quotes. Readers take a text for a key only if its colon follows within 1024 characters, and
// Ruby takes << for the order to merge even in quotes.
func yamlKey(name string) (string, error) {
	q := yamlQuote(name)
	switch {
	case name == "<<":
		return "", refuse("is a key that some readers of YAML take for an order to merge")
	case len(q) > 1000:
		return "", refuse("is a key longer than the 1024 characters that YAML allows")
	}
	return q, nil
}

// Join takes the end of a value wherever one of the branches may have written one and the other none or its own.
func (yaml) Join(a, b State) (State, bool) {
	if a == b {
		return a, true
	}
	x, y := unpackYAML(a), unpackYAML(b)
	ends := func(y *yamlLexer) bool {
		switch y.place {
		case yamlValue, yamlEntry, yamlEnd, yamlEndBlank, yamlPlain, yamlPlainBlank, yamlBegun, yamlBegunBlank, yamlAlias, yamlSingleQuote, yamlQuoted:
			return true
		}
		return false
	}
	switch {
	case x.flow != y.flow:
	case ends(x) && ends(y):
		return State{yamlEnd, x.flow}, true
	case x.place == y.place && (x.place == yamlDouble || x.place == yamlSingle) && x.key != yamlIsKey && y.key != yamlIsKey:
		x.acted, x.lines = x.acted || y.acted, x.lines || y.lines
		if x.acted {
			x.key = yamlIsValue
		}
		return x.pack(), !x.acted || !x.lines
	}
	return a, false
}

func (yaml) End(s State) error {
	y := unpackYAML(s)
	switch {
	case y.flow != "":
		return errors.New("a bracket is not closed")
	case y.place == yamlDouble || y.place == yamlDoubleEscape || y.place == yamlSingle:
		return errors.New("a quote is not closed")
	}
	return nil
}

// Whole writes objects and lists in lines of their own.
func (yaml) Whole(section *document.Node) ([]Piece, error) {
	var out pieces
	if len(section.Members)+len(section.Items) == 0 {
		err := yamlNotation.write(&out, section, "")
		out.text("\n")
		return out.all(), err
	}
	err := yamlLines(&out, section, "", "")
	return out.all(), err
}

// yamlLines writes the members or items of v; the indent of the first line is written already.
func yamlLines(out *pieces, v *document.Node, indent, path string) error {
	inner := indent + "  "
	value := func(v *document.Node, path, before, beforeLines string) error {
		if len(v.Members)+len(v.Items) > 0 {
			out.text(beforeLines)
			return yamlLines(out, v, inner, path)
		}
		out.text(before)
		err := yamlNotation.write(out, v, path)
		out.text("\n")
		return err
	}
	for i, m := range v.Members {
		if i > 0 {
			out.text(indent)
		}
		path := document.Join(path, m.Name)
		key, err := yamlKey(m.Name)
		if err != nil {
			return at(path, err)
		}
		if yamlPlainKey(m.Name) {
			key = m.Name
		}
		out.text(key + ":")
		if err := value(m.Value, path, " ", "\n"+inner); err != nil {
			return err
		}
	}
	for i, item := range v.Items {
		if i > 0 {
			out.text(indent)
		}
		if err := value(item, document.JoinIndex(path, i), "- ", "- "); err != nil {
			return err
		}
	}
	return nil
}

// yamlPlainKey tells whether every reader takes a name without quotes for the text it is.
func yamlPlainKey(name string) bool {
	for i := range len(name) {
		if !word(name[i]) && name[i] != '-' {
			return false
		}
	}
	if name == "" || name[0] <= '9' {
		return false
	}
	switch strings.ToLower(name) {
	case "y", "n", "yes", "no", "on", "off", "true", "false", "null":
		return false
	}
	return true
}

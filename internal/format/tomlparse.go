package format

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// tomlNode is a table, an array of tables or a value of a TOML file.
type tomlNode struct {
	kind    tomlKind
	members map[string]*tomlNode
	last    *tomlNode // of an array of tables
	value   any       // of a value: a string, []any of an array, the rest as it is written
}

type tomlKind uint8

const (
	tomlIsValue   tomlKind = iota // inline tables too: nothing can be added to them
	tomlIsTable                   // with a header of its own
	tomlIsImplied                 // only the header of a table below it stood yet
	tomlIsDotted                  // by a dotted key
	tomlIsTables                  // [[…]]
)

// Parse reads the file by TOML's grammar: keys and tables that stand twice are found too.
func (f toml) Parse(file []byte) error {
	if err := reread(f, file); err != nil {
		return err
	}
	_, err := tomlRead(string(file))
	return err
}

// tomlRead reads a file that has passed the reading as an author's text: its strings are closed and its lines whole.
func tomlRead(file string) (*tomlNode, error) {
	root := &tomlNode{kind: tomlIsTable, members: map[string]*tomlNode{}}
	p := &tomlParser{text: file}
	if err := p.file(root); err != nil {
		return nil, fmt.Errorf("line %d: %w", 1+strings.Count(file[:p.at], "\n"), err)
	}
	return root, nil
}

type tomlParser struct {
	text string
	at   int
}

func (p *tomlParser) peek() byte {
	if p.at == len(p.text) {
		return 0
	}
	return p.text[p.at]
}

// skip passes over blanks, and with lines set over line breaks and comments.
func (p *tomlParser) skip(lines bool) {
	for {
		switch c := p.peek(); {
		case c == ' ' || c == '\t' || lines && c == '\n':
			p.at++
		case lines && c == '#':
			end := strings.IndexByte(p.text[p.at:], '\n')
			if end < 0 {
				end = len(p.text) - p.at
			}
			p.at += end
		default:
			return
		}
	}
}

func (p *tomlParser) take(s string) bool {
	if strings.HasPrefix(p.text[p.at:], s) {
		p.at += len(s)
		return true
	}
	return false
}

func (p *tomlParser) file(root *tomlNode) error {
	in := root
	for {
		p.skip(true)
		var err error
		switch {
		case p.at == len(p.text):
			return nil
		case p.take("[["):
			in, err = p.header(root, "]]", tomlIsTables)
		case p.take("["):
			in, err = p.header(root, "]", tomlIsTable)
		default:
			err = p.pair(in)
		}
		if err != nil {
			return err
		}
		p.skip(false)
		if c := p.peek(); c != '\n' && c != '#' && c != 0 {
			return errors.New("only a comment may stand behind it in the line")
		}
	}
}

var (
	errTOMLTwice = errors.New("a key or table stands twice")
	errTOMLKey   = errors.New("is no key")
)

func (p *tomlParser) header(root *tomlNode, end string, kind tomlKind) (*tomlNode, error) {
	keys, err := p.keys()
	if err != nil {
		return nil, err
	}
	if !p.take(end) {
		return nil, errors.New("is no name of a table")
	}
	n := root
	for _, key := range keys[:len(keys)-1] {
		next := n.members[key]
		switch {
		case next == nil:
			next = &tomlNode{kind: tomlIsImplied, members: map[string]*tomlNode{}}
			n.members[key] = next
		case next.kind == tomlIsTables:
			next = next.last
		case next.kind == tomlIsValue || next.kind == tomlIsDotted:
			return nil, errTOMLTwice
		}
		n = next
	}
	key := keys[len(keys)-1]
	table := &tomlNode{kind: tomlIsTable, members: map[string]*tomlNode{}}
	have := n.members[key]
	switch {
	case kind == tomlIsTables && have == nil:
		n.members[key] = &tomlNode{kind: tomlIsTables, last: table}
	case kind == tomlIsTables && have.kind == tomlIsTables:
		have.last = table
	case kind == tomlIsTable && have == nil:
		n.members[key] = table
	case kind == tomlIsTable && have.kind == tomlIsImplied:
		have.kind = tomlIsTable
		table = have
	default:
		return nil, errTOMLTwice
	}
	return table, nil
}

// pair reads key = value into the table in.
func (p *tomlParser) pair(in *tomlNode) error {
	keys, err := p.keys()
	if err != nil {
		return err
	}
	if !p.take("=") {
		return errors.New("= must follow the key")
	}
	p.skip(false)
	value, err := p.value()
	if err != nil {
		return err
	}
	for _, key := range keys[:len(keys)-1] {
		next := in.members[key]
		switch {
		case next == nil:
			next = &tomlNode{kind: tomlIsDotted, members: map[string]*tomlNode{}}
			in.members[key] = next
		case next.kind != tomlIsDotted:
			return errTOMLTwice
		}
		in = next
	}
	key := keys[len(keys)-1]
	if in.members[key] != nil {
		return errTOMLTwice
	}
	in.members[key] = value
	return nil
}

// keys reads a dotted key and the blanks behind it.
func (p *tomlParser) keys() ([]string, error) {
	var keys []string
	for {
		p.skip(false)
		start := p.at
		for word(p.peek()) || p.peek() == '-' {
			p.at++
		}
		key := p.text[start:p.at]
		if key == "" {
			c := p.peek()
			if c != '"' && c != '\'' || p.take(`"""`) || p.take(`'''`) {
				return nil, errTOMLKey
			}
			var err error
			if key, err = p.str(); err != nil {
				return nil, err
			}
		}
		keys = append(keys, key)
		p.skip(false)
		if !p.take(".") {
			return keys, nil
		}
	}
}

func (p *tomlParser) value() (*tomlNode, error) {
	switch p.peek() {
	case '"', '\'':
		s, err := p.str()
		return &tomlNode{value: s}, err
	case '[':
		return p.array()
	case '{':
		return p.inline()
	}
	start := p.at
	for tomlBareByte(p.peek()) {
		p.at++
	}
	s := p.text[start:p.at]
	if !tomlScalar(s) {
		return nil, errors.New("is no value")
	}
	return &tomlNode{value: s}, nil
}

func (p *tomlParser) array() (*tomlNode, error) {
	p.at++
	items := []any{}
	for {
		p.skip(true)
		if p.take("]") {
			return &tomlNode{value: items}, nil
		}
		item, err := p.value()
		if err != nil {
			return nil, err
		}
		items = append(items, item)
		p.skip(true)
		if !p.take(",") && p.peek() != ']' {
			return nil, errors.New("a comma must stand between the elements of a list")
		}
	}
}

func (p *tomlParser) inline() (*tomlNode, error) {
	p.at++
	n := &tomlNode{members: map[string]*tomlNode{}}
	p.skip(false)
	if p.take("}") {
		return n, nil
	}
	for {
		if err := p.pair(n); err != nil {
			return nil, err
		}
		p.skip(false)
		if p.take("}") {
			return n, nil
		}
		if !p.take(",") {
			return nil, errors.New("a comma must stand between the members of an inline table")
		}
	}
}

// str reads a string of any of the four kinds.
func (p *tomlParser) str() (string, error) {
	quote := p.text[p.at : p.at+1]
	long := strings.Repeat(quote, 3)
	if p.take(long) {
		p.take("\n")
		quote = long
	} else {
		p.at++
	}
	var b strings.Builder
	for !p.take(quote) {
		c := p.peek()
		switch {
		case p.at == len(p.text):
			return "", errors.New("a quote is not closed")
		case c != '\\' || quote[0] == '\'':
			b.WriteByte(c)
			p.at++
		default:
			p.at++
			r, err := p.escape()
			if err != nil {
				return "", err
			}
			b.WriteString(r)
		}
	}
	return b.String(), nil
}

func (p *tomlParser) escape() (string, error) {
	c := p.peek()
	p.at++
	if i := strings.IndexByte(`btnfr"\`, c); i >= 0 {
		return "\b\t\n\f\r\"\\"[i : i+1], nil
	}
	digits := map[byte]int{'u': 4, 'U': 8}[c]
	switch {
	case digits > 0 && p.at+digits <= len(p.text):
		r, err := strconv.ParseUint(p.text[p.at:p.at+digits], 16, 32)
		if err != nil || !utf8.ValidRune(rune(r)) {
			return "", errors.New("an escape stands for no character")
		}
		p.at += digits
		return string(rune(r)), nil
	case c == ' ' || c == '\t' || c == '\n':
		blank := p.text[p.at-1:]
		rest := strings.TrimLeft(blank, " \t\n")
		if !strings.Contains(blank[:len(blank)-len(rest)], "\n") {
			break
		}
		p.at = len(p.text) - len(rest)
		return "", nil
	}
	return "", errors.New("a backslash is followed by no escape that TOML has")
}

// tomlScalar tells whether s is a boolean, a number or a date.
func tomlScalar(s string) bool {
	switch s {
	case "true", "false", "inf", "+inf", "-inf", "nan", "+nan", "-nan":
		return true
	}
	for _, layout := range []string{"2006-01-02", "15:04:05", "2006-01-02T15:04:05", time.RFC3339} {
		if _, err := time.Parse(layout, s); err == nil {
			return true
		}
	}
	if strings.HasPrefix(s, "_") || strings.HasSuffix(s, "_") || strings.Contains(s, "__") {
		return false
	}
	number := strings.ReplaceAll(s, "_", "")
	if len(number) > 2 && number[0] == '0' && strings.IndexByte("xob", number[1]) >= 0 {
		_, err := strconv.ParseUint(number, 0, 63)
		return err == nil
	}
	if number != "" && (number[0] == '+' || number[0] == '-') {
		number = number[1:]
	}
	whole, fraction, point := strings.Cut(number, ".")
	exponent, hasExponent := "", false
	if point {
		if i := strings.IndexAny(fraction, "eE"); i >= 0 {
			fraction, exponent, hasExponent = fraction[:i], fraction[i+1:], true
		}
	} else if i := strings.IndexAny(whole, "eE"); i >= 0 {
		whole, exponent, hasExponent = whole[:i], whole[i+1:], true
	}
	if exponent != "" && (exponent[0] == '+' || exponent[0] == '-') {
		exponent = exponent[1:]
	}
	return digits(whole) && (whole == "0" || whole[0] != '0') && (!point || digits(fraction)) && (!hasExponent || digits(exponent))
}

func digits(s string) bool { return s != "" && strings.Trim(s, "0123456789") == "" }

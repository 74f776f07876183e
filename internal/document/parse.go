package document

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"
	"sort"
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/bootconf/bootconf/internal/finding"
	"github.com/bootconf/bootconf/internal/secret"
)

// MaxDepth is how deep arrays and objects may be nested.
const MaxDepth = 64

// MaxValues is how many values a document may have, and MaxFindings how many faults of it are reported: what a text of
// the largest size could have of either would take a hundred times its size in memory.
const (
	MaxValues   = 20000
	MaxFindings = 1000
)

// Parse reads one JSON text. Source names it in the findings. With a fault that ends the reading, such as a missing
// comma, or that leaves a string unknown, the tree is nil; with any other, such as a duplicate name, it is whole and the
// rest can still be checked.
func Parse(source string, text []byte) (*Node, finding.List) { return parse(source, text, MaxValues) }

func parse(source string, text []byte, most int) (*Node, finding.List) {
	p := &parser{source: source, text: text, kept: string(text), most: most}
	for i, c := range text {
		if c == '\n' {
			p.lines = append(p.lines, i+1)
		}
	}
	// AllowInvalidUTF8, AllowDuplicateNames: the decoder would stop at the first; the parser reports each.
	p.dec = jsontext.NewDecoder(bytes.NewReader(text), jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true))
	if len(bytes.TrimSpace(text)) == 0 {
		p.report(len(text), nil, "is empty: must be a JSON value")
		return nil, p.found
	}
	n, err := p.value(nil, 0)
	if err == nil {
		end := p.next()
		if _, err = p.dec.ReadToken(); err == io.EOF && p.unreadable {
			return nil, p.found // what it would be checked for is not what was meant
		} else if err == io.EOF {
			return n, p.found
		}
		p.report(end, nil, "must end after the JSON value; remove what follows")
		return nil, p.found
	}
	if !errors.Is(err, errReported) {
		p.syntax(err)
	}
	return nil, p.found
}

// errReported ends the reading after a fault that is in the findings already.
var errReported = errors.New("reported")

type parser struct {
	source string
	text   []byte
	lines  []int // offsets at which lines 2, 3, … begin
	dec    *jsontext.Decoder
	found  finding.List
	values int
	most   int // values that it may have

	unreadable bool // a string or a name could not be read

	kept  string   // the text once more: strings without escapes are parts of it
	nodes []Node   // not used yet
	texts []string // likewise
}

// slab is how many nodes are allocated in one go: a definition has some hundred.
const slab = 64

func (p *parser) node(k Kind, offset int) *Node {
	if len(p.nodes) == 0 {
		p.nodes = make([]Node, slab)
	}
	n := &p.nodes[0]
	p.nodes = p.nodes[1:]
	n.Kind, n.Pos = k, p.pos(offset)
	return n
}

func (p *parser) hide(s string) secret.Text {
	if len(p.texts) == 0 {
		p.texts = make([]string, slab)
	}
	t := &p.texts[0]
	p.texts = p.texts[1:]
	*t = s
	return secret.At(t)
}

func (p *parser) pos(offset int) finding.Pos {
	line := sort.SearchInts(p.lines, offset+1)
	start := 0
	if line > 0 {
		start = p.lines[line-1]
	}
	return finding.Pos{Line: line + 1, Column: offset - start + 1}
}

func (p *parser) report(offset int, at *place, format string, args ...any) {
	p.found = append(p.found, finding.Finding{Source: p.source, Pos: p.pos(offset), Path: at.path(), Message: fmt.Sprintf(format, args...)})
}

// place is where in the document the reading is. Its path is only put together for a finding.
type place struct {
	parent *place // nil: this is a key or an element of the document itself
	key    string // of an object
	index  int    // of an array
	array  bool
}

func (at *place) path() string {
	switch {
	case at == nil:
		return ""
	case at.array:
		return JoinIndex(at.parent.path(), at.index)
	}
	return Join(at.parent.path(), at.key)
}

// next is the offset of the next token: behind blanks and the separator that the decoder reads along with it.
func (p *parser) next() int {
	i := int(p.dec.InputOffset())
	for i < len(p.text) {
		switch p.text[i] {
		case ' ', '\t', '\r', '\n', ',', ':':
			i++
			continue
		}
		return i
	}
	return i
}

func (p *parser) value(path *place, depth int) (*Node, error) {
	kind := p.dec.PeekKind()
	if p.values++; p.values > p.most {
		p.report(p.next(), path, "must not have more than %d values", p.most)
		return nil, errReported
	}
	if len(p.found) >= MaxFindings {
		p.report(p.next(), nil, "has more faults than the %d above; the rest is not read", MaxFindings)
		return nil, errReported
	}
	switch kind {
	case '{', '[':
		n := p.node(Object, p.next())
		if depth == MaxDepth {
			p.report(p.next(), path, "must not be nested more than %d deep", MaxDepth)
			return nil, errReported
		}
		if _, err := p.dec.ReadToken(); err != nil {
			return nil, err
		}
		if kind == '[' {
			n.Kind = Array
			return n, p.array(n, path, depth)
		}
		return n, p.object(n, path, depth)
	}
	raw, err := p.dec.ReadValue()
	if err != nil {
		return nil, err
	}
	start := int(p.dec.InputOffset()) - len(raw)
	n := p.node(Null, start)
	switch kind {
	case 't', 'f':
		n.Kind, n.Bool = Bool, kind == 't'
	case '0':
		n.Kind, n.Text = Number, p.hide(p.kept[start:start+len(raw)])
	case '"':
		n.Kind, n.Text = String, p.hide(p.unquote(raw, start, path))
	}
	return n, nil
}

func (p *parser) array(n *Node, path *place, depth int) error {
	for p.dec.PeekKind() != ']' {
		v, err := p.value(&place{parent: path, index: len(n.Items), array: true}, depth+1)
		if err != nil {
			return err
		}
		n.Items = append(n.Items, v)
	}
	_, err := p.dec.ReadToken()
	return err
}

func (p *parser) object(n *Node, path *place, depth int) error {
	var seen map[string]int // the index of each name's member, once there are too many to go through
	for p.dec.PeekKind() != '}' {
		start := p.next()
		raw, err := p.dec.ReadValue() // the decoder sees to it that a name is a string
		if err != nil {
			return err
		}
		name := p.unquote(raw, start, path)
		at := &place{parent: path, key: name}
		v, err := p.value(at, depth+1)
		if err != nil {
			return err
		}
		if before, twice := member(n, seen, name); twice {
			p.report(start, at, "stands twice, first in line %d, column %d; keep one", before.Line, before.Column)
			continue
		}
		n.Members = append(n.Members, Member{name, p.pos(start), v})
		if len(n.Members) == manyMembers {
			seen = map[string]int{}
			for i := range n.Members {
				seen[n.Members[i].Name] = i
			}
		} else if seen != nil {
			seen[name] = len(n.Members) - 1
		}
	}
	_, err := p.dec.ReadToken()
	return err
}

// manyMembers is where a map becomes faster than going through the names.
const manyMembers = 16

// member is where n has that name already.
func member(n *Node, seen map[string]int, name string) (finding.Pos, bool) {
	if seen != nil {
		i, ok := seen[name]
		if !ok {
			return finding.Pos{}, false
		}
		return n.Members[i].Pos, true
	}
	for i := range n.Members {
		if n.Members[i].Name == name {
			return n.Members[i].Pos, true
		}
	}
	return finding.Pos{}, false
}

// unquote is the string that raw, a JSON string at offset start, stands for. One that is no UTF-8, or escapes half a
// surrogate pair, is reported: any replacement would be a silent change.
func (p *parser) unquote(raw []byte, start int, path *place) string {
	if !utf8.Valid(raw) {
		i := 0
		for r, size := utf8.DecodeRune(raw); r != utf8.RuneError || size > 1; r, size = utf8.DecodeRune(raw[i:]) {
			i += size
		}
		p.report(start+i, path, "must be UTF-8: byte 0x%02x here is none", raw[i])
		p.unreadable = true
		return ""
	}
	if bytes.IndexByte(raw, '\\') < 0 {
		return p.kept[start+1 : start+len(raw)-1]
	}
	s, err := jsontext.AppendUnquote(nil, raw)
	if err != nil {
		p.report(start, path, `must not hold half of a surrogate pair (\ud800 to \udfff)`)
		p.unreadable = true
		return ""
	}
	return string(s)
}

// syntax reports the fault at which the decoder stopped. Its own message is left out, since it quotes the text.
func (p *parser) syntax(err error) {
	at := p.next()
	var s *jsontext.SyntacticError
	if errors.As(err, &s) {
		at = int(s.ByteOffset)
	}
	if errors.Is(err, io.ErrUnexpectedEOF) || at >= len(p.text) {
		p.report(len(p.text), nil, "ends within the JSON value; is the text cut off?")
		return
	}
	c := p.text[at]
	before := bytes.TrimRight(p.text[:at], " \t\r\n")
	after := bytes.TrimLeft(p.text[at+1:], " \t\r\n")
	switch {
	case c == '/' || c == '#':
		p.report(at, nil, "JSON has no comments; use a key that starts with x- instead")
	case c == ',' && len(after) > 0 && (after[0] == '}' || after[0] == ']'):
		p.report(at, nil, "remove the comma before the closing bracket")
	case c == '\'':
		p.report(at, nil, `strings and names stand in double quotes: "…"`)
	case p.inString(at):
		p.report(at, nil, `a string holds a control character or an escape that JSON does not have; write \n, \t or \u00XX`)
	case slices.Contains([]byte(`"{[`), c) && len(before) > 0 && slices.Contains([]byte(`"}]`), before[len(before)-1]):
		p.report(at, nil, "a comma or a colon is missing before this")
	default:
		p.report(at, nil, "is no JSON here: expected a value, a name in double quotes, a comma or a closing bracket")
	}
}

// inString tells whether offset at is within a string: an odd number of unescaped quotes stands before it.
func (p *parser) inString(at int) bool {
	in := false
	for i := 0; i < at; i++ {
		switch {
		case p.text[i] == '\\' && in:
			i++
			if i >= at { // the escape itself is at fault
				return true
			}
		case p.text[i] == '"':
			in = !in
		}
	}
	return in
}

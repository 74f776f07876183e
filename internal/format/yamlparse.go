package format

import (
	"errors"
	"fmt"
	"strings"
)

// Parse reads the file with the lexer that reads templates, and checks how its lines hang together: that each key or
// dash stands where one may, that none of them has two values, and that no key stands twice. That and the lexer's
// own rules prove that every literal is a value by itself: in nothing they accept is a quoted text part of another
// text. What plain words mean is not looked at.
func (f yaml) Parse(file []byte) error {
	if err := reread(f, file); err != nil {
		return err
	}
	c := &yamlCheck{file: string(file)}
	y := &yamlLexer{check: c}
	for ; c.at < len(c.file); c.at++ {
		y.step(c.file[c.at])
		if c.err != nil {
			return fmt.Errorf("line %d: %w", 1+strings.Count(c.file[:c.at], "\n"), c.err)
		}
	}
	if y.place != yamlLine && y.place != yamlBlock { // the end of the last line decides what it was
		if message := y.step('\n'); message != "" {
			return errors.New("last line: " + message)
		}
	}
	return c.err
}

// yamlCheck follows the keys, entries and values of a file. Its methods do nothing on a nil one.
type yamlCheck struct {
	file      string
	at, start int // where the lexer is, and where what it is in began
	blocks    []yamlBlockOpen
	flows     []map[string]bool // the keys of each open bracket
	started   bool              // the document has a value
	err       error
}

// yamlBlockOpen is a mapping or list whose keys or dashes stand in one column.
type yamlBlockOpen struct {
	col     int
	list    bool
	pending bool // the last key or dash has no value yet
	keys    map[string]bool
}

func (c *yamlCheck) begin() {
	if c != nil {
		c.start = c.at
	}
}

func (c *yamlCheck) fail(message string) {
	if c.err == nil {
		c.err = errors.New(message)
	}
}

func (c *yamlCheck) document() {
	if c != nil {
		c.blocks, c.started = nil, false
	}
}

func (c *yamlCheck) open() {
	if c != nil {
		c.flows = append(c.flows, map[string]bool{})
	}
}

func (c *yamlCheck) closed() {
	if c != nil {
		c.flows = c.flows[:len(c.flows)-1]
	}
}

// value is one in the line of its key.
func (c *yamlCheck) value() {
	if c != nil && len(c.flows) == 0 && len(c.blocks) > 0 {
		c.blocks[len(c.blocks)-1].pending = false
	}
}

// up leaves the blocks that end before something that stands in column col.
func (c *yamlCheck) up(col int) *yamlBlockOpen {
	for len(c.blocks) > 0 && c.blocks[len(c.blocks)-1].col > col {
		c.blocks = c.blocks[:len(c.blocks)-1]
	}
	if len(c.blocks) == 0 {
		return nil
	}
	return &c.blocks[len(c.blocks)-1]
}

// within tells whether something in column col can be the value that is due.
func (c *yamlCheck) within(b *yamlBlockOpen, col int) bool {
	if b == nil {
		first := !c.started
		c.started = true
		return first
	}
	if !b.pending || b.col >= col {
		return false
	}
	b.pending = false
	return true
}

// scalar is a value, or the beginning of one in brackets, that is the first in its line or follows a dash.
func (c *yamlCheck) scalar(col int) {
	if c != nil && !c.within(c.up(col), col) {
		c.fail("a key or a dash is missing here, or a text goes on from the line before; put it in quotes")
	}
}

func (c *yamlCheck) entry(col int) {
	if c == nil {
		return
	}
	b := c.up(col)
	switch {
	case b != nil && b.col == col && b.list:
	case b != nil && b.col == col && b.pending: // the list of the key above, not indented
		b.pending = false
		c.blocks = append(c.blocks, yamlBlockOpen{col: col, list: true})
	case c.within(b, col):
		c.blocks = append(c.blocks, yamlBlockOpen{col: col, list: true})
	default:
		c.fail("a list cannot begin here; is the line indented rightly?")
		return
	}
	c.blocks[len(c.blocks)-1].pending = true
}

// key is one in column col, or with -1 one within brackets. It ends where the lexer is, colons and blanks aside.
func (c *yamlCheck) key(col int) {
	if c == nil {
		return
	}
	name := strings.TrimRight(c.file[c.start:c.at], ": ")
	if name == "" {
		c.fail("a key is empty")
	}
	if len(name) > 1 && (name[0] == '"' || name[0] == '\'') && !strings.Contains(name, `\`) {
		name = name[1 : len(name)-1]
	}
	if len(c.flows) > 0 {
		c.name(c.flows[len(c.flows)-1], name)
		return
	}
	b := c.up(col)
	if b != nil && b.list && b.col == col { // behind a list that is not indented
		c.blocks = c.blocks[:len(c.blocks)-1]
		b = c.up(col)
	}
	switch {
	case b != nil && !b.list && b.col == col:
	case c.within(b, col):
		c.blocks = append(c.blocks, yamlBlockOpen{col: col, keys: map[string]bool{}})
	default:
		c.fail("a key cannot stand here; is the line indented rightly?")
		return
	}
	b = &c.blocks[len(c.blocks)-1]
	b.pending = true
	c.name(b.keys, name)
}

func (c *yamlCheck) name(keys map[string]bool, name string) {
	if keys[name] && name != "<<" {
		c.fail("a key stands twice")
	}
	keys[name] = true
}

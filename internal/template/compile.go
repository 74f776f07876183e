package template

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"sort"
	"strconv"
	"strings"
	"text/template/parse"

	"github.com/bootconf/bootconf/internal/finding"
	"github.com/bootconf/bootconf/internal/format"
)

// maxNodes is how large a template may become with its named templates, which are compiled for every place where
// they are called.
const maxNodes = 1 << 16

// Compile reads a template and checks it against its format and the schemas. The template is nil if there is a
// fault, and the findings are all that could be found.
func Compile(src Source) (*Template, finding.List) {
	c := &compiler{Source: src, assigned: map[string]bool{}}
	for i := range len(src.Text) {
		if src.Text[i] == '\n' {
			c.lines = append(c.lines, i+1)
		}
	}
	c.trees = map[string]*parse.Tree{}
	root := newTree(src.Name)
	if _, err := root.Parse(src.Text, "", "", c.trees); err != nil {
		c.syntax(err)
		return nil, c.found
	}
	t := c.compile(root.Root)
	for known := 0; known != len(c.assigned); { // variables whose type changes are known behind the first pass
		known = len(c.assigned)
		t = c.compile(root.Root)
	}
	if c.found.Faults() > 0 {
		return nil, c.found
	}
	return t, c.found
}

// newTree is a tree whose parser leaves the names of functions to the compiler, which reports all unknown ones.
func newTree(name string) *parse.Tree {
	t := parse.New(name)
	t.Mode = parse.SkipFuncCheck
	return t
}

type compiler struct {
	Source
	lines    []int // offsets at which lines 2, 3, … begin
	trees    map[string]*parse.Tree
	assigned map[string]bool // variables that are set again with =, so that their type isn't known

	found finding.List
	scope []variable
	slots int
	nodes int
	facts map[string]bool
	raws  []finding.Pos
	loop  *loop    // the innermost range; nil: outside
	calls []string // the named templates around
	used  map[string]bool

	// What follows a fault in the file's text can't be placed any more; the names go on being checked. Behind a place
	// that was refused the author's text may be at fault only because of it: that isn't reported.
	lost, doubt bool

	// A loop's body is first read only for where it ends. Text that can't stand there the first time round, such as
	// the comma before every element but the first, is passed over then.
	probing bool
}

// loop is the places of the file at which a range's body is left before its end.
type loop struct{ breaks, continues []format.State }

type variable struct {
	name string
	slot int
	typ  typ
}

func (c *compiler) compile(root *parse.ListNode) *Template {
	c.found, c.slots, c.nodes, c.lost, c.doubt = nil, 0, 0, false, false
	c.facts, c.used, c.raws = map[string]bool{}, map[string]bool{}, nil
	dot := sectionType(c.Service, c.Section)
	c.scope = []variable{{"$", c.slot(), dot}}
	body, end, _ := c.list(root, c.Format.Start(), dot)
	if err := c.Format.End(end); err != nil && !c.lost && !c.doubt {
		c.report(parse.Pos(len(c.Text)), "%v", err)
	}
	for _, name := range slices.Sorted(maps.Keys(c.trees)) {
		if tree := c.trees[name]; tree.Root != root && !c.used[name] {
			c.add(finding.Finding{Source: c.Name, Pos: c.pos(tree.Root.Pos), Warning: true,
				Message: fmt.Sprintf("the template %q is defined but never used, and so not checked", name)})
		}
	}
	c.found.Sort()
	return &Template{c.Name, c.Service, body, c.slots, slices.Sorted(maps.Keys(c.facts)), c.raws}
}

func (c *compiler) pos(offset parse.Pos) finding.Pos {
	line := sort.SearchInts(c.lines, int(offset)+1)
	start := 0
	if line > 0 {
		start = c.lines[line-1]
	}
	return finding.Pos{Line: line + 1, Column: int(offset) - start + 1}
}

func (c *compiler) report(at parse.Pos, format string, args ...any) {
	c.add(finding.Finding{Source: c.Name, Pos: c.pos(at), Message: fmt.Sprintf(format, args...)})
}

// add keeps a finding once: a named template is compiled for each place where it is called.
func (c *compiler) add(f finding.Finding) {
	if !slices.Contains(c.found, f) {
		c.found = append(c.found, f)
	}
}

func (c *compiler) slot() int {
	c.slots++
	return c.slots - 1
}

// list compiles nodes from state s on. It is dead if the end can't be reached, because a break or continue is on
// every way there.
func (c *compiler) list(l *parse.ListNode, s format.State, dot typ) (nodes []node, end format.State, dead bool) {
	if l == nil {
		return nil, s, false
	}
	for _, n := range l.Nodes {
		if c.nodes++; c.nodes > maxNodes {
			c.add(finding.Finding{Source: c.Name, Message: fmt.Sprintf("is over %d nodes large, with its named templates at each place where they are called", maxNodes)})
			return nodes, s, false
		}
		var made node
		switch n := n.(type) {
		case *parse.TextNode:
			s = c.text(string(n.Text), s, func(offset int) parse.Pos { return n.Pos + parse.Pos(offset) })
			made = &textNode{string(n.Text)}
		case *parse.ActionNode:
			made, s = c.action(n, s, dot)
		case *parse.IfNode:
			made, s, dead = c.cond(&n.BranchNode, s, dot)
		case *parse.WithNode:
			made, s, dead = c.cond(&n.BranchNode, s, dot)
		case *parse.RangeNode:
			made, s = c.rangeOver(n, s, dot)
		case *parse.TemplateNode:
			made, s = c.call(n, s, dot)
		case *parse.BreakNode:
			c.loop.breaks = append(c.loop.breaks, s)
			made, dead = &jumpNode{leave}, true
		case *parse.ContinueNode:
			c.loop.continues = append(c.loop.continues, s)
			made, dead = &jumpNode{again}, true
		}
		if made != nil {
			nodes = append(nodes, made)
		}
		if dead { // what follows never runs
			return nodes, s, true
		}
	}
	return nodes, s, false
}

// text has the format read text; at says where an offset of it stands in the template.
func (c *compiler) text(text string, s format.State, at func(offset int) parse.Pos) format.State {
	if c.lost {
		return s
	}
	end, err := c.Format.Text(s, text)
	if err == nil {
		return end
	}
	offset := 0
	var fault *format.TextError
	if errors.As(err, &fault) {
		offset = fault.Offset
	}
	if c.probing {
		if before, err := c.Format.Text(s, text[:offset]); err == nil && offset < len(text) {
			return c.text(text[offset+1:], before, at)
		}
		return s
	}
	c.lost = true
	if !c.doubt {
		c.report(at(offset), "%v", err)
	}
	return s
}

func (c *compiler) action(n *parse.ActionNode, s format.State, dot typ) (node, format.State) {
	if name := paramName(n.Pipe); name != "" {
		text, ok := c.Params[name]
		if !ok {
			c.pipe(n.Pipe, dot) // which reports it
			c.doubt = true
		}
		return &textNode{text}, c.text(text, s, func(int) parse.Pos { return n.Pos })
	}
	if len(n.Pipe.Decl) > 0 {
		e, t := c.pipe(n.Pipe, dot)
		return &setNode{c.set(n.Pipe, n.Pipe.Decl[0], t), e}, s
	}
	e, raw := c.raw(n.Pipe, dot)
	if !raw {
		e, _ = c.pipe(n.Pipe, dot)
	} else if at := c.pos(n.Pos); !slices.Contains(c.raws, at) {
		c.raws = append(c.raws, at)
	}
	out := &printNode{e: e, write: writeRaw, at: c.pos(n.Pos)}
	if c.lost {
		return out, s
	}
	write, end, err := c.Format.Action(s)
	if !raw {
		out.write = write
	}
	switch {
	case err == nil:
		return out, end
	case !raw:
		c.report(n.Pos, "nothing can be printed here: %v", err)
		c.doubt = true
	}
	return out, s
}

// paramName is the parameter that an action prints, if it prints nothing else. That is text: a parameter is the
// author's own and may stand where no value can, in a key for one.
func paramName(p *parse.PipeNode) string {
	if len(p.Decl) > 0 || len(p.Cmds) != 1 || len(p.Cmds[0].Args) != 1 {
		return ""
	}
	chain, ok := p.Cmds[0].Args[0].(*parse.ChainNode)
	if !ok || len(chain.Field) != 1 {
		return ""
	}
	if id, ok := chain.Node.(*parse.IdentifierNode); !ok || id.Ident != "param" {
		return ""
	}
	return chain.Field[0]
}

// raw is what an action of the form {{ raw X }} or {{ … | raw }} prints as it is.
func (c *compiler) raw(p *parse.PipeNode, dot typ) (expr, bool) {
	last := p.Cmds[len(p.Cmds)-1]
	id, ok := last.Args[0].(*parse.IdentifierNode)
	if !ok || id.Ident != "raw" {
		return nil, false
	}
	before := *p
	before.Cmds = p.Cmds[:len(p.Cmds)-1]
	switch {
	case len(before.Cmds) > 0 && len(last.Args) == 1:
		e, _ := c.pipe(&before, dot)
		return e, true
	case len(before.Cmds) == 0 && len(last.Args) == 2:
		e, _ := c.operand(last.Args[1], dot)
		return e, true
	}
	c.report(id.Pos, "raw takes 1 argument")
	return constExpr{}, true
}

// set is the slot of a variable that a pipeline declares or sets again.
func (c *compiler) set(p *parse.PipeNode, v *parse.VariableNode, t typ) int {
	name := v.Ident[0]
	if p.IsAssign {
		c.assigned[name] = true
		return c.variable(v).slot
	}
	if c.assigned[name] {
		t = typ{}
	}
	c.scope = append(c.scope, variable{name, c.slot(), t})
	return c.slots - 1
}

func (c *compiler) variable(v *parse.VariableNode) variable {
	for _, have := range slices.Backward(c.scope) {
		if have.name == v.Ident[0] {
			return have
		}
	}
	// The parser takes an assignment for a declaration.
	c.report(v.Pos, "undefined variable %q; declare it with :=", v.Ident[0])
	return variable{}
}

// cond compiles if and with. What follows is written for one place of the file, so both branches must lead there.
func (c *compiler) cond(n *parse.BranchNode, s format.State, dot typ) (node, format.State, bool) {
	defer c.leaveScope(len(c.scope))
	word := "if"
	out := &condNode{with: n.NodeType == parse.NodeWith, slot: -1}
	var t typ
	out.e, t = c.pipe(n.Pipe, dot)
	if len(n.Pipe.Decl) > 0 {
		out.slot = c.set(n.Pipe, n.Pipe.Decl[0], t)
	}
	then := dot
	if out.with {
		word, then = "with", t
	}
	var thenEnd, elseEnd format.State
	var thenDead, elseDead bool
	out.then, thenEnd, thenDead = c.list(n.List, s, then)
	out.els, elseEnd, elseDead = c.list(n.ElseList, s, dot)
	switch {
	case thenDead:
		return out, elseEnd, elseDead
	case elseDead:
		return out, thenEnd, false
	}
	end, ok := c.Format.Join(thenEnd, elseEnd)
	if !ok {
		c.astray(n.Pos, "the file goes on differently with and without this %s: each branch must close what it opens, and open or close the same", word)
		return out, thenEnd, false
	}
	return out, end, false
}

func (c *compiler) leaveScope(n int) { c.scope = c.scope[:n] }

// astray reports that two ways through the template lead to different places of the file.
func (c *compiler) astray(at parse.Pos, format string, args ...any) {
	if !c.lost && !c.doubt {
		c.report(at, format, args...)
	}
	c.doubt = true
}

// rangeOver compiles a range, whose body may run any number of times: it is compiled for a place that is right for the
// first time and for every other.
func (c *compiler) rangeOver(n *parse.RangeNode, s format.State, dot typ) (node, format.State) {
	defer c.leaveScope(len(c.scope))
	out := &rangeNode{key: -1, elem: -1, at: c.pos(n.Pos)}
	var t typ
	out.e, t = c.pipe(n.Pipe, dot)
	elem := c.elem(t, n.Pos)
	switch decl := n.Pipe.Decl; len(decl) {
	case 1:
		out.elem = c.set(n.Pipe, decl[0], elem)
	case 2:
		out.key = c.set(n.Pipe, decl[0], typ{kind: scalar})
		out.elem = c.set(n.Pipe, decl[1], elem)
	}
	around, before := c.loop, *c
	c.probing = true
	begin, _, ok := c.body(n, s, elem)
	if !ok {
		begin = s
	}
	end := begin
	for tries := 0; tries == 0 || ok && end != begin && tries < maxTries; tries++ { // from where it went round to
		begin = end
		c.restart(before)
		end, out.body, ok = c.body(n, begin, elem)
	}
	if !ok || end != begin {
		c.astray(n.Pos, "the body of this range must end at a place of the file like the one it begins at: close in it what it opens")
	}
	if end, ok = c.join(begin, c.loop.breaks); !ok {
		c.astray(n.Pos, "a break leaves this range at a place of the file where its end does not: close before it what is open")
	}
	c.loop = around
	els, last, dead := c.list(n.ElseList, s, dot)
	out.els = els
	if !dead {
		if end, ok = c.join(end, []format.State{last}); !ok {
			c.astray(n.Pos, "the else of this range must end at a place of the file like the one its body ends at")
		}
	}
	return out, end
}

// body compiles the body of a range from begin on, and returns the place that is right for its beginning and for
// where it goes round.
func (c *compiler) body(n *parse.RangeNode, begin format.State, elem typ) (format.State, []node, bool) {
	c.loop = &loop{}
	nodes, last, dead := c.list(n.List, begin, elem)
	ends := c.loop.continues
	if !dead {
		ends = append(ends, last)
	}
	end, ok := c.join(begin, ends)
	return end, nodes, ok
}

// restart takes back what was compiled since before, except that the work is counted.
func (c *compiler) restart(before compiler) {
	nodes := c.nodes
	*c = before
	c.nodes = nodes
}

// maxTries is how often a body is compiled for ever wider places; formats widen a place once or twice.
const maxTries = 8

// join is the place that is right for a and for all of others.
func (c *compiler) join(a format.State, others []format.State) (format.State, bool) {
	good := true
	for _, b := range others {
		j, ok := c.Format.Join(a, b)
		if good = good && ok; ok {
			a = j
		}
	}
	return a, good
}

// call compiles a named template for the place where it is called. One that calls itself has no end to that.
func (c *compiler) call(n *parse.TemplateNode, s format.State, dot typ) (node, format.State) {
	c.used[n.Name] = true
	var e expr = constExpr{}
	t := typ{}
	if n.Pipe != nil {
		e, t = c.pipe(n.Pipe, dot)
		if len(n.Pipe.Decl) > 0 {
			c.report(n.Pipe.Pos, "no variable can be declared here")
		}
	}
	tree := c.trees[n.Name]
	switch {
	case tree == nil || n.Name == c.Name:
		c.report(n.Pos, "the template %q is not defined%s", n.Name, suggest(n.Name, slices.Collect(maps.Keys(c.trees))))
		return nil, s
	case slices.Contains(c.calls, n.Name):
		c.report(n.Pos, "the template %q calls itself, which none may", n.Name)
		return nil, s
	}
	scope, loop := c.scope, c.loop
	c.calls = append(c.calls, n.Name)
	c.scope, c.loop = []variable{{"$", c.slot(), t}}, nil
	out := &callNode{e: e, root: c.slots - 1}
	out.body, s, _ = c.list(tree.Root, s, t)
	c.scope, c.loop = scope, loop
	c.calls = c.calls[:len(c.calls)-1]
	return out, s
}

// suggest is the end of a message about a name that isn't known.
func suggest(name string, candidates []string) string {
	slices.Sort(candidates)
	if near := finding.Nearest(name, candidates); near != "" {
		return fmt.Sprintf("; did you mean %q?", near)
	}
	return ""
}

// syntax reports the error with which the parser stopped. It says the line; the column is that of the action in
// which it stopped, the last before which the text is good.
func (c *compiler) syntax(err error) {
	message := strings.TrimPrefix(err.Error(), "template: "+c.Name+":")
	number, message, _ := strings.Cut(message, ": ")
	line, _ := strconv.Atoi(number)
	message = strings.ReplaceAll(message, " at "+c.Name+":", " at line ")
	if unfinished(err) {
		c.report(parse.Pos(len(c.Text)), "an if, range, with, define or block is not closed; add {{ end }}")
		return
	}
	end := len(c.Text)
	if line > 0 && line <= len(c.lines) {
		end = c.lines[line-1]
	}
	at := max(0, strings.LastIndex(c.Text[:end], "{{"))
	for at > 0 {
		if _, err := newTree(c.Name).Parse(c.Text[:at], "", "", map[string]*parse.Tree{}); err == nil || unfinished(err) {
			break
		}
		at = max(0, strings.LastIndex(c.Text[:at], "{{"))
	}
	c.report(parse.Pos(at), "is no template here: %s", message)
}

func unfinished(err error) bool { return strings.HasSuffix(err.Error(), ": unexpected EOF") }

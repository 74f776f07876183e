package template

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"text/template/parse"

	"github.com/bootconf/bootconf/internal/document"
	"github.com/bootconf/bootconf/internal/finding"
	"github.com/bootconf/bootconf/internal/schema"
)

// Facts is the names that instance knows.
var Facts = []string{"account", "hostname", "id", "image", "local_ipv4", "local_ipv6", "region", "type", "zone"}

// typ is what is known of a value before there is one. The zero typ may be anything.
type typ struct {
	kind   kind
	schema *schema.Schema // of a declared one
	path   string         // its key, for findings
}

type kind uint8

const (
	anything kind = iota
	declared      // by a schema
	scalar        // a string, number or boolean that the template made
	nothing       // the section of a service that takes none
)

func sectionType(service string, s *schema.Schema) typ {
	if s == nil {
		return typ{nothing, nil, service}
	}
	return typ{declared, s, service}
}

// pipe compiles what stands between the braces, less its declarations: each command is the last argument of the next.
func (c *compiler) pipe(p *parse.PipeNode, dot typ) (e expr, t typ) {
	for i, cmd := range p.Cmds {
		var piped *operand
		if i > 0 {
			piped = &operand{e, t}
		}
		e, t = c.command(cmd, piped, dot)
	}
	return e, t
}

// operand is an argument with what is known of it.
type operand struct {
	e expr
	t typ
}

func (c *compiler) command(cmd *parse.CommandNode, piped *operand, dot typ) (expr, typ) {
	first := cmd.Args[0]
	if id, ok := first.(*parse.IdentifierNode); ok {
		var args []operand
		for _, arg := range cmd.Args[1:] {
			e, t := c.operand(arg, dot)
			args = append(args, operand{e, t})
		}
		if piped != nil {
			args = append(args, *piped)
		}
		return c.function(id, args)
	}
	if len(cmd.Args) > 1 || piped != nil {
		c.report(start(first), "%s is no function and takes no argument", first)
	}
	return c.operand(first, dot)
}

func (c *compiler) operand(n parse.Node, dot typ) (expr, typ) {
	switch n := n.(type) {
	case *parse.DotNode:
		return dotExpr{}, dot
	case *parse.NilNode:
		return constExpr{constant(document.Null, "")}, typ{}
	case *parse.BoolNode:
		return constExpr{boolean(n.True)}, typ{kind: scalar}
	case *parse.StringNode:
		return constExpr{constant(document.String, n.Text)}, typ{kind: scalar}
	case *parse.NumberNode:
		return c.number(n), typ{kind: scalar}
	case *parse.FieldNode:
		return c.fields(dotExpr{}, dot, n.Ident, start(n))
	case *parse.VariableNode:
		v := c.variable(n)
		return c.fields(varExpr{v.slot}, v.typ, n.Ident[1:], start(n)+parse.Pos(len(n.Ident[0])))
	case *parse.IdentifierNode:
		return c.function(n, nil)
	case *parse.ChainNode:
		if id, ok := n.Node.(*parse.IdentifierNode); ok && (id.Ident == "instance" || id.Ident == "param") {
			return c.fixed(id, n.Field, n.Pos)
		}
		e, t := c.operand(n.Node, dot)
		return c.fields(e, t, n.Field, n.Pos)
	case *parse.PipeNode:
		if len(n.Decl) > 0 {
			c.report(n.Pos, "no variable can be declared here")
		}
		return c.pipe(n, dot)
	}
	c.report(n.Position(), "%s cannot stand here", n)
	return constExpr{}, typ{}
}

// start is where a node begins. The parser gives for .a.b and $x.a the place of their second link.
func start(n parse.Node) parse.Pos {
	switch n := n.(type) {
	case *parse.FieldNode:
		if len(n.Ident) > 1 {
			return n.Pos - parse.Pos(len(n.Ident[0])+1)
		}
	case *parse.VariableNode:
		if len(n.Ident) > 1 {
			return n.Pos - parse.Pos(len(n.Ident[0]))
		}
	case *parse.ChainNode:
		if id, ok := n.Node.(*parse.IdentifierNode); ok {
			return id.Pos
		}
	}
	return n.Position()
}

// number is a number of the template, with its digits as they are written where JSON writes them so too.
func (c *compiler) number(n *parse.NumberNode) expr {
	text := n.Text
	mantissa, exponent, _ := strings.Cut(strings.ToLower(strings.TrimPrefix(text, "-")), "e")
	whole, fraction, point := strings.Cut(mantissa, ".")
	plain := digits(whole) == len(whole) && whole != "" && (whole[0] != '0' || whole == "0") &&
		digits(fraction) == len(fraction) && point == (fraction != "")
	exponent = strings.TrimLeft(exponent, "+-")
	switch {
	case plain && digits(exponent) == len(exponent):
	case n.IsInt:
		text = strconv.FormatInt(n.Int64, 10)
	case n.IsUint:
		text = strconv.FormatUint(n.Uint64, 10)
	case n.IsFloat:
		text = strconv.FormatFloat(n.Float64, 'g', -1, 64)
	default:
		c.report(n.Pos, "a complex number cannot stand here")
	}
	return constExpr{constant(document.Number, text)}
}

// fields follows a chain of keys that begins at offset at.
func (c *compiler) fields(e expr, t typ, keys []string, at parse.Pos) (expr, typ) {
	for _, key := range keys {
		e, t = fieldExpr{e, key}, c.property(t, key, at)
		at += parse.Pos(len(key) + 1)
	}
	return e, t
}

// property is what is known of the member of that name. One that can't be there is reported.
func (c *compiler) property(t typ, key string, at parse.Pos) typ {
	path := document.Join(t.path, key)
	switch t.kind {
	case declared:
		s, ok := t.schema.Property(key)
		if !ok {
			c.add(finding.Finding{Source: c.Name, Pos: c.pos(at), Path: path, Message: undeclared(t.schema, key)})
			return typ{}
		}
		if s != nil {
			return typ{declared, s, path}
		}
	case scalar:
		c.report(at, "a string, number or boolean has no key %q", key)
	case nothing:
		c.add(finding.Finding{Source: c.Name, Pos: c.pos(at), Path: path, Message: "is not there: the service takes no section, since it has neither a kind nor a schema"})
	}
	return typ{}
}

// undeclared is what the schema says of a key that it doesn't declare: it knows those it does and suggests one.
func undeclared(s *schema.Schema, key string) string {
	probe := &document.Node{Kind: document.Object}
	probe.Set(key, &document.Node{Kind: document.Bool})
	_, found := s.Prepare(probe, "", "")
	for _, f := range found {
		if f.Path == document.Join("", key) {
			return f.Message
		}
	}
	return "no such key in the schema"
}

// elem is what is known of the elements of a list or the values of an object.
func (c *compiler) elem(t typ, at parse.Pos) typ {
	switch t.kind {
	case declared:
		s, ok := t.schema.Elem()
		if !ok {
			c.add(finding.Finding{Source: c.Name, Pos: c.pos(at), Path: t.path, Message: "cannot be ranged over: is neither an array nor an object by the schema"})
			return typ{}
		}
		if s != nil {
			return typ{declared, s, t.path + "[]"}
		}
	case scalar, nothing:
		c.report(at, "only an array or an object can be ranged over")
	}
	return typ{}
}

// fixed is instance.NAME or param.NAME.
func (c *compiler) fixed(id *parse.IdentifierNode, keys []string, at parse.Pos) (expr, typ) {
	known := Facts
	if id.Ident == "param" {
		known = slices.Collect(maps.Keys(c.Params))
	}
	name := keys[0]
	switch {
	case !slices.Contains(known, name) && id.Ident == "param":
		c.report(at, "there is no param.%s%s", name, suggest(name, known))
		return constExpr{}, typ{}
	case !slices.Contains(known, name):
		c.report(at, "there is no instance.%s%s", name, suggest(name, slices.Clone(known)))
		return constExpr{}, typ{}
	}
	var e expr = factExpr{name}
	if id.Ident == "param" {
		e = constExpr{constant(document.String, c.Params[name])}
	} else {
		c.facts[name] = true
	}
	return c.fields(e, typ{kind: scalar}, keys[1:], at+parse.Pos(len(name)+1))
}

// function compiles a call, or a section, which is a function without arguments.
func (c *compiler) function(id *parse.IdentifierNode, args []operand) (expr, typ) {
	name := id.Ident
	fn := lookup(name)
	s, section := c.Uses[name]
	switch {
	case name == "and" || name == "or":
		if len(args) == 0 {
			c.report(id.Pos, "%s takes 1 or more arguments", name)
			return constExpr{}, typ{}
		}
		e := logicExpr{or: name == "or"}
		t := args[0].t
		for _, arg := range args {
			e.operands = append(e.operands, arg.e)
			if arg.t != t {
				t = typ{}
			}
		}
		return e, t
	case name == "raw":
		c.report(id.Pos, "raw must be the last word of an action that prints: {{ raw .x }} or {{ .x | raw }}")
	case name == "instance" || name == "param":
		c.report(id.Pos, "%s stands only with a name behind it: %s.NAME", name, name)
	case name == "call":
		c.report(id.Pos, "call is not available: there are no functions among the values")
	case fn == nil && section:
		if len(args) > 0 {
			c.report(id.Pos, "%s is a section and takes no argument", name)
		}
		return sectionExpr{name}, sectionType(name, s)
	case fn == nil:
		c.report(id.Pos, `there is no function %s, and "uses" names no such section%s`, name, suggest(name, append(slices.Collect(maps.Keys(c.Uses)), functions...)))
	case len(args) < fn.min || fn.max >= 0 && len(args) > fn.max:
		c.report(id.Pos, "%s takes %s, not %d", name, fn.takes(), len(args))
	default:
		return c.checked(id, fn, args)
	}
	return constExpr{}, typ{}
}

func (f *function) takes() string {
	switch {
	case f.max < 0:
		return fmt.Sprintf("%d or more arguments", f.min)
	case f.min == f.max && f.min == 1:
		return "1 argument"
	case f.min == f.max:
		return fmt.Sprintf("%d arguments", f.min)
	}
	return fmt.Sprintf("%d to %d arguments", f.min, f.max)
}

// checked compiles a call with the right number of arguments, as far as they can be checked without their values.
func (c *compiler) checked(id *parse.IdentifierNode, fn *function, args []operand) (expr, typ) {
	e := &callExpr{name: id.Ident, fn: fn, at: c.pos(id.Pos)}
	for _, arg := range args {
		e.args = append(e.args, arg.e)
	}
	t := typ{kind: scalar}
	switch id.Ident {
	case "printf":
		format, ok := literal(args[0])
		if !ok {
			c.report(id.Pos, "the format of printf must be a string in quotes")
			return e, t
		}
		verbs, takes, fault := parseVerbs(format)
		switch {
		case fault != "":
			c.report(id.Pos, "the format of printf %s", fault)
		case takes != len(args)-1:
			c.report(id.Pos, "the format of printf has %d verbs for %d values", takes, len(args)-1)
		}
		e.spec = verbs
		i := 1
		for _, v := range verbs {
			if v.text == "" && i < len(args) {
				c.fits(id, fmt.Sprintf("printf's %%%c", v.verb), args[i], v.takes()...)
				i++
			}
		}
	case "join":
		c.fits(id, id.Ident, args[1], document.Array)
	case "eq", "ne", "lt", "le", "gt", "ge":
		for _, b := range args[1:] {
			c.comparable(id, args[0], b)
		}
	case "url":
		c.urlNames(id, args)
	case "slice":
		t = args[0].t
	case "index":
		t = args[0].t
		for _, arg := range args[1:] {
			if key, ok := literal(arg); ok {
				t = c.property(t, key, id.Pos)
			} else if t.kind == declared {
				t = c.elem(t, id.Pos)
			} else {
				t = typ{}
			}
		}
	}
	return e, t
}

// kinds is the types that an operand can have, or nil if they aren't known.
func (o operand) kinds() []document.Kind {
	if e, ok := o.e.(constExpr); ok && e.v.node != nil {
		return []document.Kind{e.v.node.Kind}
	}
	if o.t.kind == declared {
		return o.t.schema.Types()
	}
	return nil
}

// fits reports an operand that can have none of the types which are good for what.
func (c *compiler) fits(id *parse.IdentifierNode, what string, o operand, good ...document.Kind) {
	kinds := o.kinds()
	if kinds == nil || slices.ContainsFunc(kinds, func(k document.Kind) bool { return slices.Contains(good, k) }) {
		return
	}
	name := "what it is given"
	if o.t.path != "" {
		name = o.t.path
	}
	c.report(id.Pos, "%s cannot take %s, which is %s", what, name, nameKind(kinds[0]))
}

// comparable reports two operands that never have the same type. Null and what is absent compare with everything.
func (c *compiler) comparable(id *parse.IdentifierNode, a, b operand) {
	as, bs := a.kinds(), b.kinds()
	if as == nil || bs == nil || slices.Contains(as, document.Null) || slices.Contains(bs, document.Null) {
		return
	}
	if !slices.ContainsFunc(as, func(k document.Kind) bool { return slices.Contains(bs, k) }) {
		c.report(id.Pos, "%s cannot compare %s with %s", id.Ident, nameKind(as[0]), nameKind(bs[0]))
	}
}

// urlNames checks the names of what url is given.
func (c *compiler) urlNames(id *parse.IdentifierNode, args []operand) {
	if len(args)%2 > 0 {
		c.report(id.Pos, `url takes pairs of a name and a value: url "scheme" "https" "host" .host`)
		return
	}
	seen := map[string]bool{}
	for i := 0; i < len(args); i += 2 {
		name, ok := literal(args[i])
		parameter := strings.HasPrefix(name, "query.") && name != "query."
		switch {
		case !ok:
			c.report(id.Pos, "the names in url must be strings in quotes")
			return
		case !parameter && !slices.Contains(urlParts, name):
			c.report(id.Pos, "url has no part %q%s; the parts are %s and query.NAME", name, suggest(name, slices.Clone(urlParts)), strings.Join(urlParts, ", "))
		case seen[name]:
			c.report(id.Pos, "url is given %q twice", name)
		}
		seen[name] = true
	}
	if !seen["scheme"] {
		c.report(id.Pos, `url needs a "scheme"`)
	}
}

// literal is the string that an operand always is.
func literal(o operand) (string, bool) {
	e, ok := o.e.(constExpr)
	if !ok || !e.v.is(document.String) {
		return "", false
	}
	return e.v.text(), true
}

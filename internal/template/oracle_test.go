package template

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"testing"
	texttemplate "text/template"

	"github.com/bootconf/bootconf/internal/document"
)

// The language is that of text/template, so its own evaluation is the oracle: the same template with the same data
// gives the same text, or both refuse. These differences are meant, and the generator stays clear of them:
//
//   - A key that is absent is false to if, with, and, or, not, and empty to range; text/template with
//     missingkey=error refuses to ask. Equal to nothing for eq. Printed it is an error in both.
//   - What index doesn't find is absent. text/template panics over lists and makes up a zero value for maps.
//   - A field of what is no object is absent, not an error.
//   - A list or an object can't be printed by print, println, printf, html, js and urlquery, nor null.
//   - A number keeps its digits: 1e3 stays 1e3, and numbers compare by their values, whether 1 or 1.0.
//   - A value that a verb of printf doesn't fit is an error, not %!d(string=…); the format is a literal.
//   - slice doesn't cut characters in two and takes two indexes at most; index doesn't go into strings.
//   - html refuses NUL, js escapes what lies beyond 16 bits as two units.
//   - range takes lists and objects, no integers; call doesn't exist; a variable must be declared before it is set.
//   - Literals that can never be compared are found when the template is loaded, also where they wouldn't be reached.
//   - A template can't call itself, nor make a value or a file of over 4 MiB.
func TestOracle(t *testing.T) {
	data := read(t, `{
		"s": "text <&'\"> é", "u": "b", "e": "", "n": 42, "z": 0, "neg": -7, "t": true, "f": false,
		"l": ["x", "y", "x", ""], "nums": [3, 1, 2], "none": [],
		"o": {"b": "second", "a": "first", "n": 5, "deep": {"s": "below", "l": ["p"]}}, "nothing": {}
	}`)
	oracle := goValue(data)
	output, refused := 0, 0
	for seed := range uint64(3000) {
		g := &generator{rand: rand.New(rand.NewPCG(seed, 1))}
		body := g.statements(3, nil) + g.defines
		want, wantErr := runOracle(body, oracle)
		tmpl, found := Compile(anySource(t, plain{}, body))
		if tmpl == nil && strings.Contains(fmt.Sprint(found), " cannot compare ") {
			continue
		}
		if tmpl == nil {
			t.Fatalf("seed %d: %s\n%v (text/template: %q %v)", seed, body, found, want, wantErr)
		}
		pieces, found := tmpl.Execute(Data{Section: data})
		if strings.Contains(fmt.Sprint(found), " over ") { // a limit
			continue
		}
		got := text(pieces)
		if (wantErr != nil) != (len(found) > 0) || wantErr == nil && got != want {
			t.Fatalf("seed %d: %s\ngot  %q %v\nwant %q %v", seed, body, got, found, want, wantErr)
		}
		if wantErr == nil {
			output++
		} else {
			refused++
		}
	}
	t.Logf("%d rendered, %d refused", output, refused)
	if output < 1500 || refused < 200 {
		t.Errorf("%d rendered, %d refused: the generator tries too little", output, refused)
	}
}

func runOracle(text string, data any) (string, error) {
	tmpl, err := texttemplate.New("t").Option("missingkey=error").Parse(text)
	if err != nil {
		return "", err
	}
	var b strings.Builder
	err = tmpl.Execute(&b, data)
	return b.String(), err
}

func goValue(n *document.Node) any {
	switch n.Kind {
	case document.Bool:
		return n.Bool
	case document.Number:
		i, _ := strconv.Atoi(n.Plain())
		return i
	case document.String:
		return n.Plain()
	case document.Array:
		list := []any{}
		for _, v := range n.Items {
			list = append(list, goValue(v))
		}
		return list
	}
	object := map[string]any{}
	for _, m := range n.Members {
		object[m.Name] = goValue(m.Value)
	}
	return object
}

// generator makes templates whose expressions mostly have the types that they need.
type generator struct {
	rand    *rand.Rand
	vars    int
	inLoop  bool
	defines string
}

// known is the variables in sight by the type of their value, and the dot's type in "."; nil if the dot is the data.
type known map[string]string

func (g *generator) pick(of ...string) string { return of[g.rand.IntN(len(of))] }

func (g *generator) statements(depth int, k known) string {
	if k == nil {
		k = known{".": "root"}
	}
	k = maps.Clone(k)
	out := ""
	for range 1 + g.rand.IntN(3) {
		out += g.statement(depth, k)
	}
	return out
}

func (g *generator) statement(depth int, k known) string {
	trim := func(action string) string {
		return g.pick("{{", "{{", "{{- ") + action + g.pick("}}", "}}", " -}}")
	}
	if depth == 0 || g.rand.IntN(3) == 0 {
		switch g.rand.IntN(6) {
		case 5:
			if g.rand.IntN(5) == 0 {
				return trim(g.pick("$.nope", "$.o.nope", "print $.nope", "len $.nope", `html $.nope "x"`))
			}
		case 0:
			return g.pick("text", " ", "\n", "a\n\tb ", "} }")
		case 1:
			kind := g.pick("string", "int", "bool", "strings")
			e := g.expr(kind, 2, k)
			g.vars++
			name := fmt.Sprintf("$v%d", g.vars)
			k[name] = kind
			return trim(name + " := " + e)
		case 2:
			if name := g.variable("string", k); name != "" {
				return trim(name + " = " + g.expr("string", 2, k))
			}
		}
		return trim(g.expr(g.pick("string", "int", "bool"), 3, k))
	}
	inner := maps.Clone(k)
	els := ""
	if g.rand.IntN(2) == 0 {
		els = trim("else") + g.statements(depth-1, k)
	}
	switch g.rand.IntN(4) {
	case 0:
		return trim("if "+g.expr(g.pick("bool", "string", "int", "strings"), 2, k)) + g.statements(depth-1, inner) + els + trim("end")
	case 1:
		kind := g.pick("string", "int", "object", "strings")
		inner["."] = kind
		decl := ""
		if g.rand.IntN(2) == 0 {
			g.vars++
			decl = fmt.Sprintf("$v%d := ", g.vars)
			inner[fmt.Sprintf("$v%d", g.vars)] = kind
		}
		head := trim("with " + decl + g.expr(kind, 2, k))
		return head + g.statements(depth-1, inner) + els + trim("end")
	case 2:
		kind, elem, key := "strings", "string", "int"
		if g.rand.IntN(3) == 0 {
			kind, elem, key = "ints", "int", "int"
		} else if g.rand.IntN(3) == 0 {
			kind, elem, key = "object", "any", "string"
		}
		inner["."] = elem
		head := "range "
		if g.rand.IntN(2) == 0 {
			g.vars += 2
			inner[fmt.Sprintf("$v%d", g.vars-1)], inner[fmt.Sprintf("$v%d", g.vars)] = key, elem
			head += fmt.Sprintf("$v%d, $v%d := ", g.vars-1, g.vars)
		}
		head = trim(head + g.expr(kind, 1, k))
		around := g.inLoop
		g.inLoop = true
		body := g.statements(depth-1, inner)
		if g.rand.IntN(3) == 0 {
			body += trim("if "+g.expr("bool", 1, inner)) + trim(g.pick("break", "continue")) + trim("end") + g.statements(0, inner)
		}
		g.inLoop = around
		return head + body + els + trim("end")
	}
	g.vars++
	name := fmt.Sprintf("t%d", g.vars)
	g.defines += trim(fmt.Sprintf("define %q", name)) + g.statements(depth-1, nil) + trim("end")
	return trim(fmt.Sprintf("template %q $", name))
}

func (g *generator) variable(kind string, k known) string {
	var names []string
	for _, name := range slices.Sorted(maps.Keys(k)) {
		if k[name] == kind && strings.HasPrefix(name, "$v") {
			names = append(names, name)
		}
	}
	if names == nil {
		return ""
	}
	return g.pick(names...)
}

// loose is that type, or now and then another.
func (g *generator) loose(kind string) string {
	if g.rand.IntN(12) == 0 {
		return g.pick("string", "int", "bool")
	}
	return kind
}

// expr is an expression of that type.
func (g *generator) expr(kind string, depth int, k known) string {
	root := "$"
	if k["."] == "root" {
		root = ""
	}
	leaves := map[string][]string{
		"string":  {root + ".s", root + ".u", root + ".e", root + ".o.a", root + ".o.deep.s"},
		"int":     {root + ".n", root + ".z", root + ".neg", root + ".o.n"},
		"bool":    {root + ".t", root + ".f"},
		"strings": {root + ".l", root + ".l", root + ".o.deep.l", root + ".none"},
		"ints":    {root + ".nums"},
		"object":  {root + ".o", root + ".o.deep", root + ".nothing"},
	}[kind]
	if k["."] == kind {
		leaves = append(leaves, ".", ".")
	}
	if v := g.variable(kind, k); v != "" {
		leaves = append(leaves, v, v)
	}
	literals := map[string][]string{
		"string": {`"lit"`, "`b`", `"z\u00e9"`, `""`, `"x"`}, "int": {"0", "1", "2", "-7", "42"}, "bool": {"true", "false"},
	}[kind]
	if len(literals) > 0 && g.rand.IntN(3) == 0 {
		leaves = literals
	}
	leaf := g.pick(leaves...)
	if depth == 0 || g.rand.IntN(3) == 0 {
		return leaf
	}
	sub := func(kind string) string {
		e := g.expr(kind, depth-1, k)
		if strings.ContainsAny(e, " |") && e != `""` {
			return "(" + e + ")"
		}
		return e
	}
	piped := func(fn, kind string) string {
		e := g.expr(g.loose(kind), depth-1, k)
		if g.rand.IntN(2) == 0 || strings.Contains(e, " ") && !strings.Contains(e, "|") && strings.HasPrefix(e, "$v") {
			return e + " | " + fn
		}
		if strings.ContainsAny(e, " |") {
			e = "(" + e + ")"
		}
		return fn + " " + e
	}
	switch kind {
	case "string":
		switch g.rand.IntN(9) {
		case 0:
			return "print " + sub("string") + " " + sub(g.pick("int", "string", "bool")) + " " + sub("int")
		case 1:
			return "println " + sub("string") + " " + sub("int")
		case 2:
			return `printf "%s=%d %v %t %q %5s|%-3d|%x" ` + strings.Join([]string{sub("string"), sub("int"), sub("string"), sub("bool"), sub("string"), sub("string"), sub("int"), sub("string")}, " ")
		case 3:
			return piped(g.pick("html", "js", "urlquery"), "string")
		case 4:
			return "or " + sub("string") + " " + sub("string")
		case 5:
			return "and true " + sub("string")
		case 6:
			return fmt.Sprintf(`printf "%%%ss" `, g.pick("", "3", "-6", ".2")) + sub("string")
		case 7:
			return "slice " + sub("string") + " 0 " + g.pick("0", "1", "99")
		}
		return "print " + sub("int") + " " + sub("int")
	case "int":
		return piped("len", g.pick("string", "strings", "object", "ints"))
	case "bool":
		switch g.rand.IntN(4) {
		case 0:
			return piped("not", g.pick("string", "int", "bool", "strings"))
		case 1:
			kind := g.pick("string", "int", "bool")
			return g.pick("eq", "ne") + " " + sub(kind) + " " + sub(g.loose(kind))
		case 2:
			kind := g.pick("string", "int")
			return g.pick("lt", "le", "gt", "ge") + " " + sub(kind) + " " + sub(g.loose(kind))
		}
		return g.pick("and", "or") + " " + sub("bool") + " " + sub("bool")
	case "strings", "ints":
		if g.rand.IntN(2) == 0 {
			return "slice " + sub(kind) + " " + g.pick("0", "1")
		}
	}
	return leaf
}

package template

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/bootconf/bootconf/internal/document"
)

// function is what a template can call.
type function struct {
	min, max int  // how many arguments it takes; max -1: any number
	absent   bool // it takes absent values too
	eval     func(r *run, e *callExpr, args []value) (value, bool)
}

// functions is the names that a misspelt one may have meant.
var functions = []string{"and", "or", "not", "eq", "ne", "lt", "le", "gt", "ge", "len", "index", "slice", "print", "println",
	"printf", "html", "js", "urlquery", "url", "join", "raw", "instance", "param"}

func lookup(name string) *function {
	switch name {
	case "not":
		return &function{1, 1, true, not}
	case "eq":
		return &function{2, -1, true, eq}
	case "ne":
		return &function{2, 2, true, ne}
	case "lt", "le", "gt", "ge":
		return &function{2, 2, false, order}
	case "len":
		return &function{1, 1, false, length}
	case "index":
		return &function{1, -1, false, index}
	case "slice":
		return &function{1, 3, false, slice}
	case "print", "println":
		return &function{0, -1, false, print}
	case "html", "js", "urlquery":
		return &function{1, -1, false, escape}
	case "printf":
		return &function{1, -1, false, printf}
	case "join":
		return &function{2, 2, false, join}
	case "url":
		return &function{2, -1, true, url}
	}
	return nil
}

func not(_ *run, _ *callExpr, args []value) (value, bool) { return boolean(!args[0].truth()), true }

// eq tells whether the first is equal to any of the others. What is absent is equal to nothing.
func eq(r *run, e *callExpr, args []value) (value, bool) {
	for _, b := range args[1:] {
		c, ok := compare(r, e, args[0], b)
		if !ok {
			return value{}, false
		}
		if c == 0 {
			return boolean(true), true
		}
	}
	return boolean(false), true
}

func ne(r *run, e *callExpr, args []value) (value, bool) {
	c, ok := compare(r, e, args[0], args[1])
	return boolean(c != 0), ok
}

// unequal is what compare gives for two of which one is absent or null: neither is less.
const unequal = 2

// compare is -1, 0 or +1 as a is less than, equal to or greater than b.
func compare(r *run, e *callExpr, a, b value) (int, bool) {
	for _, v := range []value{a, b} {
		if v.is(document.Array) || v.is(document.Object) {
			r.fail(e.at, v, "cannot be given to %s: is %s", e.name, v.what())
			return 0, false
		}
	}
	switch {
	case a.node == nil || b.node == nil:
		return unequal, true
	case a.is(document.Null) != b.is(document.Null):
		return unequal, true
	case a.node.Kind != b.node.Kind:
		at := a
		if len(a.origins()) == 0 {
			at = b
		}
		r.fail(e.at, at, "%s cannot compare %s with %s", e.name, a.what(), b.what())
		return 0, false
	case a.is(document.Number):
		return parseDecimal(a.text()).compare(parseDecimal(b.text())), true
	case a.is(document.Bool) && a.node.Bool != b.node.Bool:
		return unequal, true
	}
	return strings.Compare(a.text(), b.text()), true
}

// order is lt, le, gt and ge, over numbers and over strings.
func order(r *run, e *callExpr, args []value) (value, bool) {
	for _, v := range args {
		if !v.is(document.Number) && !v.is(document.String) {
			r.fail(e.at, v, "cannot be given to %s: is %s", e.name, v.what())
			return value{}, false
		}
	}
	c, ok := compare(r, e, args[0], args[1])
	return boolean(e.name == "lt" && c < 0 || e.name == "le" && c <= 0 || e.name == "gt" && c > 0 || e.name == "ge" && c >= 0), ok
}

// length is the bytes of a string, the elements of a list, the members of an object. It tells so little of a secret
// that it is none.
func length(r *run, e *callExpr, args []value) (value, bool) {
	v := args[0]
	switch v.node.Kind {
	case document.String:
		return number(v.node.Text.Len()), true
	case document.Array, document.Object:
		return number(len(v.node.Items) + len(v.node.Members)), true
	}
	r.fail(e.at, v, "cannot be given to len: is %s", v.what())
	return value{}, false
}

// index goes down into lists by number and into objects by name. What isn't there is absent.
func index(r *run, e *callExpr, args []value) (value, bool) {
	v := args[0]
	for _, key := range args[1:] {
		var child *document.Node
		path := v.path
		switch {
		case v.node == nil: // absent, as is everything in it
		case v.is(document.Array):
			i, ok := integer(r, e, key)
			if !ok {
				return value{}, false
			}
			if i >= 0 && i < len(v.node.Items) {
				child = v.node.Items[i]
			}
			path = document.JoinIndex(path, v.first+i)
		case v.is(document.Object) && key.is(document.String):
			child = v.node.Get(key.text())
			path = document.Join(path, key.text())
		case v.is(document.Object):
			r.fail(e.at, key, "an object has no index that is %s", key.what())
			return value{}, false
		default:
			r.fail(e.at, v, "cannot be given to index: is %s", v.what())
			return value{}, false
		}
		if len(key.origins()) > 0 {
			path = v.path + "[…]" // a message shows no value of the user data, so no key that is one either
		}
		v = v.child(child, path)
	}
	return v, true
}

// integer is a value as an index: an integer within reason.
func integer(r *run, e *callExpr, v value) (int, bool) {
	if v.is(document.Number) {
		if digits, ok := parseDecimal(v.text()).integer(); ok && len(digits) < 10 {
			n := 0
			for _, c := range strings.TrimPrefix(digits, "-") {
				n = 10*n + int(c-'0')
			}
			if digits[0] == '-' {
				n = -n
			}
			return n, true
		}
	}
	r.fail(e.at, v, "cannot be given to %s as an index: must be an integer", e.name)
	return 0, false
}

// slice is the part of a list or string from one index up to another.
func slice(r *run, e *callExpr, args []value) (value, bool) {
	v := args[0]
	size := 0
	switch v.node.Kind {
	case document.String:
		size = v.node.Text.Len()
	case document.Array:
		size = len(v.node.Items)
	default:
		r.fail(e.at, v, "cannot be given to slice: is %s", v.what())
		return value{}, false
	}
	bounds := []int{0, size}
	for i, arg := range args[1:] {
		n, ok := integer(r, e, arg)
		if !ok {
			return value{}, false
		}
		bounds[i] = n
	}
	from, to := bounds[0], bounds[1]
	if from < 0 || to > size || from > to {
		r.fail(e.at, v, "cannot be sliced: is too short")
		return value{}, false
	}
	if v.is(document.Array) {
		n := *v.node
		n.Items = n.Items[from:to]
		v.node, v.first = &n, v.first+from
		return v, true
	}
	text := v.text()
	if from < size && !utf8.RuneStart(text[from]) || to < size && !utf8.RuneStart(text[to]) {
		r.fail(e.at, v, "cannot be sliced there: a character would be cut in two")
		return value{}, false
	}
	return madeString(text[from:to], v), true
}

// scalars is the values as they read, or false if one of them is no string, number or boolean.
func scalars(r *run, e *callExpr, args []value) ([]string, bool) {
	texts := make([]string, len(args))
	good := true
	for i, v := range args {
		s, ok := v.scalar()
		if !ok {
			r.fail(e.at, v, "cannot be given to %s: is %s", e.name, v.what())
			good = false
		}
		texts[i] = s
	}
	return texts, good
}

// print sets the values one behind the other: with a blank between two of which neither is a string, as Go has it;
// println with blanks between all and a newline at the end.
func print(r *run, e *callExpr, args []value) (value, bool) {
	text, ok := sprint(r, e, args)
	if !ok {
		return value{}, false
	}
	return madeString(text, args...), true
}

func sprint(r *run, e *callExpr, args []value) (string, bool) {
	texts, ok := scalars(r, e, args)
	if !ok {
		return "", false
	}
	var b strings.Builder
	for i, s := range texts {
		if i > 0 && (e.name == "println" || !args[i-1].is(document.String) && !args[i].is(document.String)) {
			b.WriteByte(' ')
		}
		b.WriteString(s)
	}
	if e.name == "println" {
		b.WriteByte('\n')
	}
	return b.String(), r.room(b.Len())
}

// room tells whether a function may make a value of that size, and takes the steps for it.
func (r *run) room(size int) bool {
	if size > MaxOutput {
		r.limit("makes a value of over %d bytes", MaxOutput)
		return false
	}
	return r.charge(size / 64)
}

// escape is html, js and urlquery: of their arguments set one behind the other.
func escape(r *run, e *callExpr, args []value) (value, bool) {
	text, ok := sprint(r, e, args)
	if !ok {
		return value{}, false
	}
	switch e.name {
	case "html":
		if strings.IndexByte(text, 0) >= 0 {
			r.fail(e.at, made(&document.Node{}, args...), "cannot be given to html: holds a NUL, which HTML cannot")
			return value{}, false
		}
		text = strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;", `"`, "&#34;", "'", "&#39;").Replace(text)
	case "js":
		text = escapeJS(text)
	case "urlquery":
		text = strings.ReplaceAll(percent(text), "%20", "+")
	}
	if !r.room(len(text)) {
		return value{}, false
	}
	return madeString(text, args...), true
}

// escapeJS is s as it stands within the quotes of a JavaScript string, also where the script stands in a page.
func escapeJS(s string) string {
	var b strings.Builder
	for _, c := range s {
		switch {
		case c == '\\' || c == '\'' || c == '"':
			b.WriteByte('\\')
			b.WriteRune(c)
		case c < ' ' || c == '<' || c == '>' || c == '&' || c == '=' || c > unicode.MaxASCII && !unicode.IsPrint(c):
			for _, unit := range utf16.Encode([]rune{c}) {
				fmt.Fprintf(&b, `\u%04X`, unit)
			}
		default:
			b.WriteRune(c)
		}
	}
	return b.String()
}

// join sets the elements of a list one behind the other with a separator between them: {{ .hosts | join "," }}. An
// element that holds the separator would read as two and is refused.
func join(r *run, e *callExpr, args []value) (value, bool) {
	sep, list := args[0], args[1]
	if !sep.is(document.String) {
		r.fail(e.at, sep, "cannot be the separator of join: is %s, must be a string", sep.what())
		return value{}, false
	}
	if !list.is(document.Array) {
		r.fail(e.at, list, "cannot be given to join: is %s, must be an array", list.what())
		return value{}, false
	}
	var elems []value
	for i, n := range list.node.Items {
		elems = append(elems, list.item(n, i))
	}
	if !r.charge(len(elems)) {
		return value{}, false
	}
	texts, ok := scalars(r, e, elems)
	if !ok {
		return value{}, false
	}
	size := 0
	for i, s := range texts {
		if sep.text() != "" && strings.Contains(s, sep.text()) {
			r.fail(e.at, elems[i], "cannot be joined: holds the separator")
			ok = false
		}
		size += len(s) + len(sep.text())
	}
	if !ok || !r.room(size) {
		return value{}, false
	}
	return madeString(strings.Join(texts, sep.text()), append(elems, sep)...), true
}

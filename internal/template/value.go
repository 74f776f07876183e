package template

import (
	"cmp"
	"strconv"
	"strings"

	"github.com/bootconf/bootconf/internal/document"
	"github.com/bootconf/bootconf/internal/finding"
	"github.com/bootconf/bootconf/internal/secret"
)

// value is a JSON value on its way through a template, or the absence of one.
type value struct {
	node *document.Node // nil: absent
	path string         // its key, as findings write it; empty for what the template's text holds or a function made
	pos  finding.Pos    // where it stands in the user data; for an absent one, where what lacks it stands
	from []value        // what a function made it from, each with a path of its own

	first int // of a part of a list, the index of its first element in the list
}

// get is the member of that name. What has no members has none of that name either: it is absent, not a fault, so
// that a template can ask for tls.mode where tls was left out.
func (v value) get(key string) value {
	return v.child(v.node.Get(key), document.Join(v.path, key))
}

func (v value) child(n *document.Node, path string) value {
	c := value{node: n, path: path, pos: v.pos}
	if n != nil && n.Pos != (finding.Pos{}) { // a default stands nowhere
		c.pos = n.Pos
	}
	return c
}

// item is the i-th element of v, which is n.
func (v value) item(n *document.Node, i int) value {
	return v.child(n, document.JoinIndex(v.path, v.first+i))
}

// text is the string, or the digits.
func (v value) text() string { return v.node.Text.Reveal() }

func (v value) is(k document.Kind) bool { return v.node != nil && v.node.Kind == k }

// truth is what if makes of a value: absent, null, false, zero and empty are false.
func (v value) truth() bool {
	if v.node == nil {
		return false
	}
	switch v.node.Kind {
	case document.Bool:
		return v.node.Bool
	case document.Number:
		return parseDecimal(v.text()).digits != ""
	case document.String:
		return v.text() != ""
	}
	return len(v.node.Items)+len(v.node.Members) > 0
}

// scalar is a string, number or boolean as it reads, and false for all else.
func (v value) scalar() (string, bool) {
	if v.node == nil {
		return "", false
	}
	switch v.node.Kind {
	case document.String, document.Number:
		return v.text(), true
	case document.Bool:
		return strconv.FormatBool(v.node.Bool), true
	}
	return "", false
}

// what names the type of a value for messages.
func (v value) what() string {
	if v.node == nil {
		return "nothing"
	}
	return nameKind(v.node.Kind)
}

func nameKind(k document.Kind) string {
	switch k {
	case document.Null:
		return "null"
	case document.Array, document.Object:
		return "an " + k.String()
	}
	return "a " + k.String()
}

// origins is the values of the user data that v is or was made from.
func (v value) origins() []value {
	if v.path != "" {
		return []value{v}
	}
	return v.from
}

// secretive tells whether n or anything below it is a secret.
func secretive(n *document.Node) bool {
	if n == nil || n.Secret {
		return n != nil
	}
	for _, v := range n.Items {
		if secretive(v) {
			return true
		}
	}
	for _, m := range n.Members {
		if secretive(m.Value) {
			return true
		}
	}
	return false
}

// made is a value that a function made from args: a secret if any of them was one.
func made(n *document.Node, args ...value) value {
	out := value{node: n}
	for _, a := range args {
		n.Secret = n.Secret || secretive(a.node)
		out.from = append(out.from, a.origins()...)
	}
	return out
}

func madeString(s string, args ...value) value {
	return made(&document.Node{Kind: document.String, Text: secret.New(s)}, args...)
}

// constant is a value that the template's text holds.
func constant(kind document.Kind, text string) value {
	return value{node: &document.Node{Kind: kind, Text: secret.New(text)}}
}

func boolean(b bool) value { return value{node: &document.Node{Kind: document.Bool, Bool: b}} }

func number(i int) value { return constant(document.Number, strconv.Itoa(i)) }

// decimal is a JSON number: 0.DIGITS times ten to the exponent. Digits neither begin nor end with a zero, so that
// equal numbers are equal decimals; zero has none.
type decimal struct {
	negative bool
	digits   string
	exponent int
}

// maxExponent bounds what the exponent of a number can be told apart by: 1e9999999999 is as large as a number gets.
const maxExponent = 1 << 30

func parseDecimal(s string) decimal {
	s, negative := strings.CutPrefix(s, "-")
	mantissa, exp, _ := strings.Cut(strings.ToLower(s), "e")
	exponent, err := strconv.Atoi(exp)
	if exp != "" && err != nil {
		exponent = maxExponent
		if exp[0] == '-' {
			exponent = -maxExponent
		}
	}
	exponent = max(-maxExponent, min(exponent, maxExponent))
	whole, fraction, _ := strings.Cut(mantissa, ".")
	digits := strings.TrimLeft(whole+fraction, "0")
	d := decimal{negative, strings.TrimRight(digits, "0"), exponent + len(digits) - len(fraction)}
	if d.digits == "" {
		return decimal{}
	}
	return d
}

// compare is -1, 0 or +1 as a is less than, equal to or greater than b.
func (a decimal) compare(b decimal) int {
	if a.negative != b.negative || a.digits == "" || b.digits == "" {
		return cmp.Compare(a.sign(), b.sign())
	}
	// Digits behind the point compare like strings: a longer one with the same beginning is the greater.
	c := cmp.Or(cmp.Compare(a.exponent, b.exponent), strings.Compare(a.digits, b.digits))
	if a.negative {
		return -c
	}
	return c
}

func (a decimal) sign() int {
	switch {
	case a.digits == "":
		return 0
	case a.negative:
		return -1
	}
	return 1
}

// integer is the number without a point or an exponent, or false if it is no integer or has over 1000 digits.
func (a decimal) integer() (string, bool) {
	if a.digits == "" {
		return "0", true
	}
	if a.exponent < len(a.digits) || a.exponent > 1000 {
		return "", false
	}
	s := a.digits + strings.Repeat("0", a.exponent-len(a.digits))
	if a.negative {
		s = "-" + s
	}
	return s, true
}

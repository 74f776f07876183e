package document

import (
	"strconv"

	"github.com/go-json-experiment/json/jsontext"
)

// Encode is n, which holds no secrets, as JSON indented by two spaces. No newline stands at its end.
func Encode(n *Node) []byte { return appendJSON(nil, n, 0) }

// Compact is n, which holds no secrets, as JSON in one line.
func Compact(n *Node) []byte { return appendJSON(nil, n, -1) }

// appendJSON writes n as JSON: in one line where indent is negative, else indented to that depth.
func appendJSON(b []byte, n *Node, indent int) []byte {
	newline := func(depth int) {
		if indent >= 0 {
			b = append(b, '\n')
			for range depth {
				b = append(b, "  "...)
			}
		}
	}
	inner := indent
	if indent >= 0 {
		inner++
	}
	switch n.Kind {
	case Null:
		return append(b, "null"...)
	case Bool:
		return strconv.AppendBool(b, n.Bool)
	case Number:
		return append(b, n.Plain()...)
	case String:
		return appendString(b, n.Plain())
	case Array:
		b = append(b, '[')
		for i, item := range n.Items {
			if i > 0 {
				b = append(b, ',')
			}
			newline(inner)
			b = appendJSON(b, item, inner)
		}
		if len(n.Items) > 0 {
			newline(indent)
		}
		return append(b, ']')
	}
	b = append(b, '{')
	for i, m := range n.Members {
		if i > 0 {
			b = append(b, ',')
		}
		newline(inner)
		b = appendString(b, m.Name)
		b = append(b, ':')
		if indent >= 0 {
			b = append(b, ' ')
		}
		b = appendJSON(b, m.Value, inner)
	}
	if len(n.Members) > 0 {
		newline(indent)
	}
	return append(b, '}')
}

func appendString(b []byte, s string) []byte {
	b, _ = jsontext.AppendQuote(b, s) // it fails at invalid UTF-8 only, and replaces that
	return b
}

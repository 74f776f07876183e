// Package document is a JSON text as a tree that knows where each of its values stood. It takes the strict reading
// of RFC 8259 (RFC 7493, I-JSON): no duplicate names, no invalid UTF-8, nothing behind the value; and it reports
// every fault it can, not only the first. Strings and numbers stay hidden (package secret) until a schema has said
// that they are no secrets.
package document

import (
	"fmt"

	"github.com/bootconf/bootconf/internal/finding"
	"github.com/bootconf/bootconf/internal/secret"
)

// Kind is the JSON type of a value.
type Kind uint8

// The JSON types.
const (
	Null Kind = iota
	Bool
	Number
	String
	Array
	Object
)

// String is the type's name as JSON Schema writes it.
func (k Kind) String() string {
	return [...]string{"null", "boolean", "number", "string", "array", "object"}[k]
}

// Node is one value.
type Node struct {
	Kind    Kind
	Pos     finding.Pos // of its first byte; of what it was made from, if it stood in no text
	Bool    bool        // the value of a Bool
	Text    secret.Text // the value of a String, the digits of a Number as they were written
	Items   []*Node     // of an Array
	Members []Member    // of an Object, in the order of the text
	Secret  bool        // the value must never be shown: a schema marks it writeOnly
}

// Member is one name and value of an object.
type Member struct {
	Name  string
	Pos   finding.Pos // of the name
	Value *Node
}

// NewString is a String that stands for what was at pos.
func NewString(s string, pos finding.Pos) *Node {
	return &Node{Kind: String, Text: secret.New(s), Pos: pos}
}

// Get is the member of that name, or nil if n is no object or has none.
func (n *Node) Get(name string) *Node {
	if n == nil {
		return nil
	}
	for i := range n.Members {
		if n.Members[i].Name == name {
			return n.Members[i].Value
		}
	}
	return nil
}

// Set replaces the member of that name or adds it at the end.
func (n *Node) Set(name string, v *Node) {
	for i := range n.Members {
		if n.Members[i].Name == name {
			n.Members[i].Value = v
			return
		}
	}
	n.Members = append(n.Members, Member{Name: name, Pos: v.Pos, Value: v})
}

// Delete removes the member of that name, if there is one.
func (n *Node) Delete(name string) {
	for i := range n.Members {
		if n.Members[i].Name == name {
			n.Members = append(n.Members[:i:i], n.Members[i+1:]...)
			return
		}
	}
}

// Clone is a deep copy, so that a default can be filled in more than once.
func (n *Node) Clone() *Node {
	if n == nil {
		return nil
	}
	c := *n
	c.Items = nil
	for _, v := range n.Items {
		c.Items = append(c.Items, v.Clone())
	}
	c.Members = nil
	for _, m := range n.Members {
		c.Members = append(c.Members, Member{m.Name, m.Pos, m.Value.Clone()})
	}
	return &c
}

// Plain is the string or number of n as a string that may be seen, which is for documents that hold no secrets:
// definitions, policies and schemas. It is the mask where n is marked a secret.
func (n *Node) Plain() string {
	if n == nil {
		return ""
	}
	if n.Secret {
		return secret.Mask
	}
	return n.Text.Reveal()
}

// Strings is the elements of an array of strings, as Plain gives them.
func (n *Node) Strings() []string {
	if n == nil {
		return nil
	}
	var out []string
	for _, v := range n.Items {
		out = append(out, v.Plain())
	}
	return out
}

// Secrets appends the text of every string and number at or below n that is marked a secret.
func (n *Node) Secrets(to []secret.Text) []secret.Text {
	if n == nil {
		return to
	}
	if n.Secret && (n.Kind == String || n.Kind == Number) {
		to = append(to, n.Text)
	}
	for _, v := range n.Items {
		to = v.Secrets(to)
	}
	for _, m := range n.Members {
		to = m.Value.Secrets(to)
	}
	return to
}

// Mark marks n and all below it as secrets.
func (n *Node) Mark() {
	n.Secret = true
	for _, v := range n.Items {
		v.Mark()
	}
	for _, m := range n.Members {
		m.Value.Mark()
	}
}

// Join is the path of key below path, as findings write it: amqp.port, hosts[2], env["a b"].
func Join(path, key string) string {
	if !plainKey(key) {
		return fmt.Sprintf("%s[%q]", path, key)
	}
	if path == "" {
		return key
	}
	return path + "." + key
}

// JoinIndex is the path of the i-th element of the array at path.
func JoinIndex(path string, i int) string { return fmt.Sprintf("%s[%d]", path, i) }

func plainKey(key string) bool {
	for i := range len(key) {
		c := key[i]
		if c != '_' && c != '-' && c != '$' && (c < '0' || c > '9') && (c < 'A' || c > 'Z') && (c < 'a' || c > 'z') {
			return false
		}
	}
	return key != ""
}

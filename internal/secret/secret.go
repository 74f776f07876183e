// Package secret holds values that must not be seen. Whatever prints one, by any verb or encoder, gets [secret];
// only Reveal opens it, and a test holds the list of packages that may call it.
package secret

import (
	"fmt"
	"io"
	"log/slog"
	"sort"
	"strings"
)

// Mask stands where a secret would be.
const Mask = "[secret]"

// Text is a string that doesn't print. The zero Text is empty.
//
// The string is behind a pointer: fmt calls no methods on unexported fields of a struct that holds a Text, and
// would print a plain string in there.
type Text struct{ p *string }

// New hides s.
func New(s string) Text { return Text{&s} }

// At hides the string at p, which the caller must not change.
func At(p *string) Text { return Text{p} }

// Reveal is the hidden string.
func (t Text) Reveal() string {
	if t.p == nil {
		return ""
	}
	return *t.p
}

// Len is the length of the hidden string in bytes.
func (t Text) Len() int { return len(t.Reveal()) }

// String is the mask.
func (Text) String() string { return Mask }

// GoString is the mask.
func (Text) GoString() string { return Mask }

// Format writes the mask for every verb.
func (Text) Format(f fmt.State, _ rune) { io.WriteString(f, Mask) }

// MarshalText is the mask.
func (Text) MarshalText() ([]byte, error) { return []byte(Mask), nil }

// MarshalJSON is the mask as a JSON string.
func (Text) MarshalJSON() ([]byte, error) { return []byte(`"` + Mask + `"`), nil }

// LogValue is the mask.
func (Text) LogValue() slog.Value { return slog.StringValue(Mask) }

// Redact replaces each of secrets that text contains with the mask, the longer first where they overlap. Of a secret
// of several lines, each line is one too: a program rarely prints a whole key.
func Redact(text string, secrets []Text) string {
	var hidden []string
	for _, s := range secrets {
		hidden = append(hidden, s.Reveal())
		for line := range strings.Lines(s.Reveal()) {
			hidden = append(hidden, strings.TrimSpace(line))
		}
	}
	sort.SliceStable(hidden, func(i, j int) bool { return len(hidden[i]) > len(hidden[j]) })
	pairs := make([]string, 0, 2*len(hidden))
	for _, s := range hidden {
		if s != "" {
			pairs = append(pairs, s, Mask)
		}
	}
	return strings.NewReplacer(pairs...).Replace(text)
}

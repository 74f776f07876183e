// Package finding is what every check reports: one fault of a document, with where it is and how to mend it.
// A finding is written so that it can be printed anywhere: it never holds the value of a secret.
package finding

import (
	"cmp"
	"fmt"
	"sort"
	"strings"
)

// Pos is a place in a text: line and column count from 1, the column in bytes. The zero Pos is no place.
type Pos struct {
	Line   int `json:"line,omitempty"`
	Column int `json:"column,omitempty"`
}

// Finding is one fault, or with Warning set, something that is allowed but unwise.
type Finding struct {
	Source  string `json:"source"` // the file's name as it was given, or "user-data"
	Pos            // where in it; zero if the whole of it is meant
	Path    string `json:"path,omitempty"` // the key, dotted: amqp.port
	Message string `json:"message"`        // what is wrong and how to mend it
	Warning bool   `json:"warning,omitempty"`
	Image   bool   `json:"-"` // the fault is the image's, whatever the user data
}

// String is the finding on one line, as compilers write theirs: source:line:column: path: message.
func (f Finding) String() string {
	var b strings.Builder
	b.WriteString(f.Source)
	if f.Line > 0 {
		fmt.Fprintf(&b, ":%d:%d", f.Line, f.Column)
	}
	b.WriteString(": ")
	if f.Warning {
		b.WriteString("warning: ")
	}
	if f.Path != "" {
		b.WriteString(f.Path)
		b.WriteString(": ")
	}
	b.WriteString(f.Message)
	return b.String()
}

// List is all the findings of one check. As an error it reads one finding a line.
type List []Finding

// Error joins the findings, one a line.
func (l List) Error() string {
	lines := make([]string, len(l))
	for i, f := range l {
		lines[i] = f.String()
	}
	return strings.Join(lines, "\n")
}

// Err is l as an error, or nil if it holds no fault: warnings alone are none.
func (l List) Err() error {
	if l.Faults() == 0 {
		return nil
	}
	return l
}

// Faults counts the findings that are not warnings.
func (l List) Faults() int {
	n := 0
	for _, f := range l {
		if !f.Warning {
			n++
		}
	}
	return n
}

// Sort orders the findings by source and place, and keeps the order of those at one place.
func (l List) Sort() {
	// package sort, here and elsewhere: slices makes a copy of its code, 20 KB of the binary, for each type
	sort.SliceStable(l, func(i, j int) bool {
		a, b := l[i], l[j]
		return cmp.Or(cmp.Compare(a.Source, b.Source), cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column)) < 0
	})
}

// Nearest is the candidate that word was most likely meant to be, or "" if none is near: at most a third of its
// letters differ, the case of letters aside.
func Nearest(word string, candidates []string) string {
	best, least := "", max(1, len(word)/3)+1
	for _, c := range candidates {
		if d := distance(strings.ToLower(word), strings.ToLower(c)); d < least {
			best, least = c, d
		}
	}
	return best
}

// distance is the optimal string alignment distance: insertions, deletions, replacements and swaps of neighbours.
func distance(a, b string) int {
	if len(a) > 64 || len(b) > 64 { // no one mistypes a name of that length by two letters
		return len(a) + len(b)
	}
	d := make([][]int, len(a)+1)
	for i := range d {
		d[i] = make([]int, len(b)+1)
		d[i][0] = i
	}
	for j := range d[0] {
		d[0][j] = j
	}
	for i := 1; i <= len(a); i++ {
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			d[i][j] = min(d[i-1][j]+1, d[i][j-1]+1, d[i-1][j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				d[i][j] = min(d[i][j], d[i-2][j-2]+1)
			}
		}
	}
	return d[len(a)][len(b)]
}

package plan

import (
	"strings"
	"testing"

	"github.com/bootconf/bootconf/internal/secret"
)

func TestDiff(t *testing.T) {
	file := func(content string, secrets ...string) File {
		f := File{Content: secret.New(content)}
		for _, s := range secrets {
			at := strings.Index(content, s)
			f.Spans = append(f.Spans, Span{Start: at, End: at + len(s)})
		}
		return f
	}
	for _, c := range []struct {
		name    string
		file    File
		old     string
		private bool
		want    string
	}{
		{"new file", file("A=1\nB=s3cret\n", "s3cret"), "", true, "@@ -0,0 +1,2 @@\n+A=1\n+B=[secret]\n"},
		{"unchanged", file("A=s3cret\n", "s3cret"), "A=s3cret\n", true, ""},
		{"a secret changes", file("A=1\nB=s3cret\nC=3\n", "s3cret"), "A=1\nB=0lder\nC=3\n", true,
			"@@ -1,3 +1,3 @@\n A=1\n-[not shown]\n+B=[secret]\n C=3\n"},
		{"nothing secret", file("A=1\n"), "A=2\n", false, "@@ -1,1 +1,1 @@\n-A=2\n+A=1\n"},
		{"the old file was", file("A=1\n"), "PASSWORD=0lder\n", true, "@@ -1,1 +1,1 @@\n-[not shown]\n+A=1\n"},
		{"lines that look like headers", file("++ a\n-- b\n@@ c\n"), "-- x\n", false,
			"@@ -1,1 +1,3 @@\n--- x\n+++ a\n+-- b\n+@@ c\n"},
		{"a secret of several lines", file("BEGIN\nMIIx\nEND\n", "BEGIN\nMIIx\nEND\n"), "", true,
			"@@ -0,0 +1,3 @@\n+[secret]\n+[secret]\n+[secret]\n"},
		{"no newline at the end", file("A=s3cret", "s3cret"), "", true, "@@ -0,0 +1,1 @@\n+A=[secret]\n"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := c.file.Diff([]byte(c.old), c.private); got != c.want {
				t.Errorf("got\n%s\nwant\n%s", got, c.want)
			}
		})
	}
}

package plan

import (
	"strconv"
	"strings"

	"github.com/rogpeppe/go-internal/diff"

	"github.com/bootconf/bootconf/internal/secret"
)

// hidden stands for a line of an old file that may hold a secret of an earlier configuration.
const hidden = "[not shown]"

// Same tells whether content is the file's.
func (f File) Same(content []byte) bool { return string(content) == f.Content.Reveal() }

// Diff is the unified diff from the content of an old file to this one's, without its header, secrets masked; empty if
// they are the same. Where this file can have secrets, or the old one is private, lines that only the old one has are not
// shown: which of its bytes are an earlier secret can't be known.
func (f File) Diff(old []byte, private bool) string {
	private = private || f.Private || len(f.Spans) > 0
	shown := f.maskedLines()
	text := string(diff.Diff("a", old, "b", []byte(f.Content.Reveal())))
	var b strings.Builder
	at := -1 // the index of the next line of the new content; -1: still in the header
	for line := range strings.Lines(text) {
		switch {
		case strings.HasPrefix(line, "@@"):
			at = firstLine(line)
			b.WriteString(line)
		case at < 0: // the names of the files
		case strings.HasPrefix(line, "-"):
			if private {
				line = "-" + hidden + "\n"
			}
			b.WriteString(line)
		case strings.HasPrefix(line, "+"), strings.HasPrefix(line, " "):
			b.WriteString(line[:1] + shown[at] + "\n")
			at++
		}
	}
	return b.String()
}

// firstLine is the index of the first line of the new text that a hunk shows, by its header: @@ -1,2 +3,4 @@.
func firstLine(header string) int {
	_, text, _ := strings.Cut(header, "+")
	digits, _, _ := strings.Cut(text, ",")
	n, _ := strconv.Atoi(digits)
	return max(n-1, 0)
}

// maskedLines is the lines of the content with its secrets masked. A secret of several lines leaves its mask on the
// first of them, and on each of the others.
func (f File) maskedLines() []string {
	content := f.Content.Reveal()
	var out []string
	start := 0
	for line := range strings.Lines(content) {
		end := start + len(line)
		text, at := "", start
		for _, s := range f.Spans {
			from, to := max(s.Start, start), min(s.End, end)
			if from >= to {
				continue
			}
			text += content[at:from] + secret.Mask
			at = to
		}
		out = append(out, strings.TrimSuffix(text+content[at:end], "\n"))
		start = end
	}
	return out
}

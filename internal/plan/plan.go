// Package plan is everything that a run will do, rendered in memory: the files with their bytes, the commands that
// check them and the units that start with them. It is plain data; to make it is render's work, to carry it out that
// of apply and units.
package plan

import (
	"io/fs"
	"time"

	"github.com/bootconf/bootconf/internal/secret"
)

// Plan is the configuration of one instance from one user data.
type Plan struct {
	Services []Service // in the order of their names
	Files    []File    // in the order of their paths
}

// Service is what becomes of one service definition.
type Service struct {
	Name       string
	Configured bool   // false: the user data has no section for this optional service
	Check      *Check // to run once the files are in place; nil if there is none
	Units      []Unit
}

// File is one file to be written.
type File struct {
	Service string // the service it belongs to
	Path    string // absolute and clean, below the root
	Content secret.Text
	Spans   []Span // the parts of Content that came from secrets, in order, not overlapping
	Private bool   // other sections could have brought secrets into it
	Owner   string // a name or a number of the root's passwd
	Group   string
	Mode    fs.FileMode // permission bits, setuid, setgid and sticky
}

// Span is a stretch of bytes, End excluded.
type Span struct{ Start, End int }

// Check is a command that says with its exit status whether the files are good.
type Check struct {
	Command []string
	User    string
	Timeout time.Duration
}

// Unit is a unit that starts with the files of its service, or is restarted for them.
type Unit struct {
	Name     string
	Requires bool // the unit must not start where the configuration failed
	Order    bool // the unit is ordered after bootconf.service; if not, it is restarted
}

// Secrets is the parts of the content that came from secrets, as they are written there: quoted and escaped.
func (f File) Secrets() []secret.Text {
	content := f.Content.Reveal()
	var out []secret.Text
	for _, s := range f.Spans {
		out = append(out, secret.New(content[s.Start:s.End]))
	}
	return out
}

// Replace is a copy of p with r applied to the content of every file, to what came from secrets and to what stands
// between it alike.
func (p *Plan) Replace(r interface{ Replace(string) string }) *Plan {
	out := *p
	out.Files = nil
	for _, f := range p.Files {
		content, text, at := f.Content.Reveal(), "", 0
		var spans []Span
		for _, s := range f.Spans {
			text += r.Replace(content[at:s.Start])
			start := len(text)
			text += r.Replace(content[s.Start:s.End])
			spans = append(spans, Span{start, len(text)})
			at = s.End
		}
		f.Content, f.Spans = secret.New(text+r.Replace(content[at:])), spans
		out.Files = append(out.Files, f)
	}
	return &out
}

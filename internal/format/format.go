// Package format knows, for each kind of configuration file, where in it a template stands and how a value is
// written there so that it can never become syntax. What html/template does for pages, this does for env files,
// YAML, syslog-ng's language and the rest: the template's own text is read by the format's grammar when the
// definition is loaded, and every place where something is printed gets its writer then. A place for which no safe
// way exists has none, and the definition is refused.
package format

import (
	"github.com/bootconf/bootconf/internal/document"
)

// State is where in a file of some format a template stands, between two bytes of it. A format keeps its states as
// coarse as safety allows: what separates the members of an object, say, is not a matter of state, since Parse finds
// it misplaced afterwards.
type State struct {
	Place uint8  // the format's own name for the place
	Stack string // what is open around it, for formats that nest
}

// Writer gives the bytes that stand for a value in one place: a whole literal with its quotes, or what goes between
// quotes that the template's author wrote. It is an error, of type *ValueError, if the format can't hold the value.
type Writer func(v *document.Node) (string, error)

// Piece is a stretch of a file; Secret where it stands for a value that must not be shown.
type Piece struct {
	Text   string
	Secret bool
}

// Format is one kind of configuration file. Its methods are pure.
type Format interface {
	// Start is the state at the beginning of a file.
	Start() State

	// Text reads text that the template's author wrote, from s on, and returns the state behind it. An error is of
	// type *TextError: the text is no such file, or would be read differently by the file's several readers.
	Text(s State, text string) (State, error)

	// Action returns how a value is written at s and the state behind it. An error says why no safe way exists and
	// what to do instead; the engine adds the place.
	Action(s State) (Writer, State, error)

	// Join is the state behind an if of which one branch ends at a and the other at b, or at the beginning of a loop
	// that is entered at a and whose body ends at b. It is false if no state is safe for both, and a where a == b.
	Join(a, b State) (State, bool)

	// End says, with a nil error, that a file may end at s.
	End(s State) error

	// Whole writes a section as a whole file. An error is of type *ValueError.
	Whole(section *document.Node) ([]Piece, error)

	// Parse reads a finished file by the format's grammar. An error says in which line it is broken and never quotes
	// it. A format without a grammar checks what it can, such as control characters.
	Parse(file []byte) error
}

// TextError is a fault in a template's text, Offset bytes into it.
type TextError struct {
	Offset  int
	Message string
}

func (e *TextError) Error() string { return e.Message }

// ValueError says that a format cannot hold a value, and never holds the value itself. Path is where in the value
// the fault is, as document.Join writes it; empty for the value itself.
type ValueError struct {
	Path    string
	Message string
}

func (e *ValueError) Error() string {
	if e.Path == "" {
		return e.Message
	}
	return e.Path + ": " + e.Message
}

// Names is the names of all formats.
var Names = []string{
	"docker-env", "env", "ini", "json", "pem", "pgpass", "properties", "rsyslog", "syslog-ng", "text", "toml", "yaml",
}

// Get is the format of that name, or nil.
func Get(name string) Format {
	switch name {
	case "docker-env":
		return dockerEnv{}
	case "env":
		return env{}
	case "ini":
		return ini{}
	case "json":
		return jsonFormat{}
	case "pem":
		return pem{}
	case "pgpass":
		return pgpass{}
	case "properties":
		return properties{}
	case "rsyslog":
		return rsyslog{}
	case "syslog-ng":
		return syslogNG{}
	case "text":
		return text{}
	case "toml":
		return toml{}
	case "yaml":
		return yaml{}
	}
	return nil
}

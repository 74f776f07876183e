// Package image is what the image's author has baked in: the service definitions and the policy, read from
// /usr/lib/bootconf and /etc/bootconf or from a bundle, and checked against their published schemas. Reading never
// looks at the user data or the instance, so that the same image gives the same result on a laptop and at boot.
package image

import (
	"io/fs"
	"time"

	"github.com/bootconf/bootconf/internal/document"
	"github.com/bootconf/bootconf/internal/schema"
)

// Image is all definitions and the policy of an image.
type Image struct {
	Policy   Policy
	Services []*Service // in the order of their names
}

// Service is one service definition, its kind's schema and templates already in place.
type Service struct {
	Name        string
	Source      string // the path of its service.json, for findings
	Description string
	Kind        string // the built-in kind, or ""
	Required    bool
	Uses        []string       // the services whose sections its templates see
	Schema      *schema.Schema // of its section; nil: it takes none
	Default     *document.Node // the section where the user data has none; nil: there is none
	Files       []File
	Check       *Check
	Units       []Unit
}

// File is one file of a service.
type File struct {
	Node     *document.Node // where the definition says it, for findings
	Path     string
	Template *Template // nil: Value or the whole section
	Value    string    // the key whose value is the whole file; "" if there is none
	Format   string
	Owner    string // default root
	Group    string // default root
	Mode     fs.FileMode
}

// Template is the text of a template and what it is set with.
type Template struct {
	Source string            // the file's path, or KIND/NAME for one of a kind
	Text   string            // a Go template
	Params map[string]string // what param prints, fixed by the definition: the kind's defaults and "with"
}

// Check is the command that proves the files.
type Check struct {
	Command []string
	User    string // default root
	Timeout time.Duration
}

// Unit is a unit that a service names.
type Unit struct {
	Name     string
	Requires bool // default true
	Order    bool // default true
}

// Policy is the image's own settings.
type Policy struct {
	Source    string        // "ec2", "file:PATH" or "auto"
	Timeout   time.Duration // for all of fetching
	OnFailure string        // "degraded", "emergency" or "poweroff"
	Build     bool          // the user data {"bootconf": {"mode": "build"}} is allowed
	Ignore    []string      // top-level keys of the user data to pass over
	Lockout   Lockout
}

// Lockout is the measures that close the instance once it is configured.
type Lockout struct {
	Metadata      bool
	MetadataAllow []string // units that may go on to reach the metadata service
	Login         bool
	Files         bool
	Modules       []string // to load before loading is closed
	CloseModules  bool
}

// Service is the definition of that name, or nil.
func (i *Image) Service(name string) *Service {
	for _, s := range i.Services {
		if s.Name == name {
			return s
		}
	}
	return nil
}

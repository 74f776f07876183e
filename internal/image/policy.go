package image

import (
	"errors"
	"io/fs"
	"path"
	"strings"
	"time"

	published "github.com/bootconf/bootconf/docs/schema"
	"github.com/bootconf/bootconf/internal/document"
	"github.com/bootconf/bootconf/internal/finding"
	"github.com/bootconf/bootconf/internal/paths"
)

// LoadPolicy reads the policy alone. An image without one has the defaults; one whose policy is invalid stops the
// boot when something fails, and something does.
func LoadPolicy(fsys FS) (Policy, finding.List) {
	p, _, found := loadPolicy(fsys)
	return p, found
}

// loadPolicy returns the text's tree too, for further findings.
func loadPolicy(fsys FS) (Policy, *document.Node, finding.List) {
	text, err := fsys.ReadFile(paths.Policy)
	if errors.Is(err, fs.ErrNotExist) {
		return Policy{Source: "auto", Timeout: 120 * time.Second, OnFailure: "degraded"}, nil, nil
	}
	invalid := Policy{Source: "auto", Timeout: 120 * time.Second, OnFailure: "emergency"}
	if err != nil {
		return invalid, nil, finding.List{{Source: paths.Policy, Message: reason(err)}}
	}
	n, found := document.Parse(paths.Policy, text)
	if n == nil {
		return invalid, n, found
	}
	n, more := compile(published.Policy, "policy.schema.json").Prepare(n, paths.Policy, "")
	if found = append(found, more...); found.Faults() > 0 {
		return invalid, n, found
	}
	p := Policy{
		Source:    n.Get("source").Plain(),
		OnFailure: n.Get("on_failure").Plain(),
		Build:     n.Get("build").Bool,
		Ignore:    n.Get("ignore").Strings(),
	}
	report := func(n *document.Node, path, message string) {
		found = append(found, finding.Finding{Source: paths.Policy, Pos: n.Pos, Path: path, Message: message})
	}
	if file, ok := strings.CutPrefix(p.Source, "file:"); ok && path.Clean(file) != file {
		report(n.Get("source"), "source", "must be written as file:"+path.Clean(file))
	}
	timeout, ok := duration(n.Get("timeout"))
	if !ok {
		report(n.Get("timeout"), "timeout", durationFault)
	}
	p.Timeout = timeout
	p.Lockout = lockout(n.Get("lockout"), report)
	if found.Faults() > 0 {
		return invalid, n, found
	}
	return p, n, found
}

// lockout reads the measures, and refuses them: an instance whose image asks to be closed must not run open.
func lockout(n *document.Node, report func(n *document.Node, path, message string)) Lockout {
	var l Lockout
	refuse := func(name string) {
		report(n.Get(name), document.Join("lockout", name), "cannot be taken by this version of bootconf; remove the measure to leave this open")
	}
	if metadata := n.Get("metadata"); metadata != nil {
		l.Metadata, l.MetadataAllow = true, metadata.Get("allow").Strings()
		refuse("metadata")
	}
	if l.Login = n.Get("login").Bool; l.Login {
		refuse("login")
	}
	if l.Files = n.Get("files").Bool; l.Files {
		refuse("files")
	}
	if modules := n.Get("modules"); modules != nil {
		l.CloseModules, l.Modules = true, modules.Strings()
		refuse("modules")
	}
	return l
}

const durationFault = "must be longer than nothing and shorter than a day"

// duration is the time that a string says; not ok if there is none or far too much.
func duration(n *document.Node) (time.Duration, bool) {
	d, err := time.ParseDuration(n.Plain())
	return d, err == nil && d > 0 && d < 24*time.Hour
}

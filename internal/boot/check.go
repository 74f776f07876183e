package boot

import (
	"fmt"
	"slices"
	"strings"

	"github.com/bootconf/bootconf/internal/decode"
	"github.com/bootconf/bootconf/internal/document"
	"github.com/bootconf/bootconf/internal/finding"
	"github.com/bootconf/bootconf/internal/image"
	"github.com/bootconf/bootconf/internal/plan"
	"github.com/bootconf/bootconf/internal/render"
	"github.com/bootconf/bootconf/internal/secret"
	"github.com/bootconf/bootconf/internal/template"
	"github.com/bootconf/bootconf/internal/validate"
)

// UserDataName is what findings call user data that has no file name.
const UserDataName = "user-data"

// LoadImage reads and compiles the definitions and the policy. An error is that of DefinitionsError.
func LoadImage(files image.FS) (*image.Image, *render.Program, error) {
	img, found := image.Load(files)
	if found.Err() != nil {
		// Templates are checked too, so that one look at the console shows every fault of the image.
		_, more := render.Compile(img)
		return nil, nil, DefinitionsError(append(found, more...))
	}
	program, found := render.Compile(img)
	if found.Err() != nil {
		return nil, nil, DefinitionsError(found)
	}
	return img, program, nil
}

// Facts looks up facts of the instance by their names.
type Facts func(names []string) (map[string]string, error)

// standIn is rendered in place of a fact where there is no instance. Any format can hold it in any place.
func standIn(fact string) string {
	return "bootconf-instance-" + strings.ReplaceAll(fact, "_", "-") + "-0"
}

// Placeholders stands for the facts where there is no instance. Show makes <instance.id> of them.
func Placeholders(names []string) (map[string]string, error) {
	facts := map[string]string{}
	for _, name := range names {
		facts[name] = standIn(name)
	}
	return facts, nil
}

// Show is p with what Placeholders gave made readable: <instance.id>.
func Show(p *plan.Plan) *plan.Plan {
	var pairs []string
	for _, fact := range template.Facts {
		pairs = append(pairs, standIn(fact), "<instance."+fact+">")
	}
	return p.Replace(strings.NewReplacer(pairs...))
}

// Checked is user data that the image takes, and what follows from it.
type Checked struct {
	Plan     *plan.Plan
	Build    bool // the instance builds an image: the plan is empty
	Warnings finding.List
	secrets  []secret.Text // of the sections and as the files have them, for what checks print
}

// Check is all of a run that needs no disk: decode, validate, render. Run and validate share it, and so their
// verdict. Present is false where there is no user data.
func Check(img *image.Image, program *render.Program, name string, raw []byte, present bool, facts Facts) (*Checked, error) {
	doc := &document.Node{Kind: document.Object}
	if present {
		var found finding.List
		if doc, found = decode.Decode(name, raw); doc == nil {
			return nil, &invalid{found, false}
		} else if err := found.Err(); err != nil {
			// The tree is whole: what the schemas have to say belongs to the same report.
			_, more := validate.Validate(img, name, doc)
			found = append(found, more...)
			found.Sort()
			return nil, &invalid{found, false}
		}
	} else if service := needed(img); service != "" {
		return nil, &noUserData{service}
	}
	sections, found := validate.Validate(img, name, doc)
	found.Sort()
	if found.Err() != nil {
		return nil, &invalid{found, false}
	}
	if validate.BuildMode(doc) {
		return &Checked{Plan: &plan.Plan{}, Build: true, Warnings: found}, nil
	}
	names := program.Facts(sections)
	if from := img.Policy.Source; len(names) > 0 && strings.HasPrefix(from, "file:") {
		return nil, &imageError{fmt.Errorf("a template prints instance.%s, which the policy's source %s does not have", names[0], from)}
	}
	known, err := facts(names)
	if err != nil {
		return nil, err
	}
	p, more := program.Render(sections, known)
	for i := range more {
		if more[i].Source == template.UserData { // rendering doesn't know the document's name
			more[i].Source = name
		}
	}
	if more.Err() != nil {
		found = append(found, more...)
		found.Sort()
		return nil, &invalid{found, slices.ContainsFunc(more, func(f finding.Finding) bool { return f.Image })}
	}
	var secrets []secret.Text
	for _, section := range sections {
		secrets = section.Secrets(secrets)
	}
	for _, f := range p.Files {
		secrets = append(secrets, f.Secrets()...)
	}
	return &Checked{Plan: p, Warnings: append(found, more...), secrets: secrets}, nil
}

// needed is the name of a service that can't do without user data, or "".
func needed(img *image.Image) string {
	for _, s := range img.Services {
		if s.Required && s.Schema != nil && s.Default == nil {
			return s.Name
		}
	}
	return ""
}

// Services is the names of the services that the user data configures.
func (c *Checked) Services() []string {
	names := []string{}
	for _, s := range c.Plan.Services {
		if s.Configured {
			names = append(names, s.Name)
		}
	}
	return names
}

// Summary is what the user data amounts to, in a few words.
func (c *Checked) Summary() string {
	if c.Build {
		return "leaves the instance alone to build an image"
	}
	return fmt.Sprintf("configures %s with %d files", strings.Join(c.Services(), ", "), len(c.Plan.Files))
}

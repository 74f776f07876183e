package template

import (
	"errors"
	"fmt"
	"slices"
	"sort"
	"strings"

	"github.com/bootconf/bootconf/internal/document"
	"github.com/bootconf/bootconf/internal/finding"
	"github.com/bootconf/bootconf/internal/format"
)

// maxFindings ends a rendering that goes on finding faults: every element of a long list may have the same one.
const maxFindings = 100

// run is one rendering of a template.
type run struct {
	t    *Template
	data Data
	dot  value
	vars []value

	text   []byte
	pieces []piece

	steps int
	found finding.List
	seen  map[finding.Finding]bool
	over  bool // a limit is reached, nothing more is run
}

// piece is a stretch of the output up to end.
type piece struct {
	end    int
	hidden bool
}

// flow is how the rendering goes on behind a node.
type flow uint8

const (
	next  flow = iota
	leave      // the loop
	again      // from the loop's next element on
	stop       // everything
)

type node interface{ run(r *run) flow }

type (
	textNode struct{ text string }

	printNode struct {
		e     expr
		write format.Writer
		at    finding.Pos
	}

	setNode struct {
		slot int
		e    expr
	}

	// condNode is if and, where it sets the dot, with.
	condNode struct {
		with      bool
		slot      int // of the variable that takes the condition's value; -1: none
		e         expr
		then, els []node
	}

	rangeNode struct {
		key, elem int // slots; -1: none
		e         expr
		at        finding.Pos
		body, els []node
	}

	// callNode is a named template, compiled for the place where it is called.
	callNode struct {
		e    expr
		root int // slot of its $
		body []node
	}

	jumpNode struct{ flow flow }
)

func (r *run) list(nodes []node) flow {
	for _, n := range nodes {
		if !r.charge(1) {
			return stop
		}
		if f := n.run(r); f != next {
			return f
		}
	}
	return next
}

// charge takes n steps, and is false once there are no more.
func (r *run) charge(n int) bool {
	if r.steps += n; r.steps > MaxSteps {
		r.limit("takes over %d steps to render; print less, or in fewer loops", MaxSteps)
	}
	return !r.over
}

func (r *run) limit(format string, args ...any) {
	if !r.over {
		r.over = true
		r.found = append(r.found, finding.Finding{Source: r.t.name, Message: fmt.Sprintf(format, args...)})
	}
}

// fail reports that what the template does at a place can't be done with v. The finding stands where v does; where
// v stands nowhere in the user data it stands in the template.
func (r *run) fail(at finding.Pos, v value, format string, args ...any) {
	f := finding.Finding{Source: r.t.name, Pos: at, Message: fmt.Sprintf(format, args...)}
	var paths []string
	for _, o := range v.origins() {
		if !slices.Contains(paths, o.path) {
			paths = append(paths, o.path)
		}
		if f.Source != UserData && o.pos != (finding.Pos{}) {
			f.Source, f.Pos = UserData, o.pos
			f.Message += fmt.Sprintf(" (%s:%d:%d)", r.t.name, at.Line, at.Column)
		}
	}
	f.Path = strings.Join(paths, ", ")
	if r.seen[f] || r.over {
		return
	}
	r.seen[f] = true
	r.found = append(r.found, f)
	r.over = len(r.found) == maxFindings
}

func (r *run) emit(text string, hidden bool) {
	if len(r.text)+len(text) > MaxOutput {
		r.limit("makes a file of over %d bytes", MaxOutput)
	}
	if r.over || text == "" {
		return
	}
	r.text = append(r.text, text...)
	// the texts between two secrets are one piece, the secrets each their own: what reads the file back looks for them
	if last := len(r.pieces) - 1; last >= 0 && !hidden && !r.pieces[last].hidden {
		r.pieces[last].end = len(r.text)
		return
	}
	r.pieces = append(r.pieces, piece{len(r.text), hidden})
}

func (r *run) output() []format.Piece {
	text, start := string(r.text), 0
	out := make([]format.Piece, len(r.pieces))
	for i, p := range r.pieces {
		out[i] = format.Piece{Text: text[start:p.end], Secret: p.hidden}
		start = p.end
	}
	return out
}

func (n *textNode) run(r *run) flow {
	r.emit(n.text, false)
	return next
}

func (n *printNode) run(r *run) flow {
	v, ok := n.e.eval(r)
	switch {
	case !ok:
	case v.node == nil:
		r.fail(n.at, v, "cannot be printed: has no value")
	default:
		text, err := n.write(v.node)
		if err != nil {
			r.refused(n, v, err)
			break
		}
		r.emit(text, secretive(v.node))
	}
	return next
}

// refused reports that the format can't hold v. Of a value that was made from several, those are named that the
// format can't hold by themselves.
func (r *run) refused(n *printNode, v value, err error) {
	var culprits []value
	for _, o := range v.from {
		if _, err := n.write(o.node); err != nil {
			culprits = append(culprits, o)
		}
	}
	if len(culprits) > 0 {
		v.from = culprits
	}
	var fault *format.ValueError
	if errors.As(err, &fault) {
		if v.path != "" {
			v = below(v, fault.Path)
		}
		err = errors.New(fault.Message)
	}
	r.fail(n.at, v, "%v", err)
}

// Below follows the path of a format.ValueError into the value n at base: it is the whole path, and the place in the
// user data of the last on the way that has one.
func Below(n *document.Node, base, path string) (string, finding.Pos) {
	v := below(value{path: base}.child(n, base), path)
	return v.path, v.pos
}

func below(v value, path string) value {
	if path == "" {
		return v
	}
	full := v.path + "." + path
	if strings.HasPrefix(path, "[") {
		full = v.path + path
	}
	for {
		var step *value
		for _, m := range v.members() {
			if rest, ok := strings.CutPrefix(full, m.path); ok && (rest == "" || rest[0] == '.' || rest[0] == '[') {
				step = &m
			}
		}
		if step == nil {
			return value{path: full, pos: v.pos}
		}
		v = *step
	}
}

// members is what an array or object holds.
func (v value) members() []value {
	var out []value
	if v.node == nil {
		return nil
	}
	for i, n := range v.node.Items {
		out = append(out, v.item(n, i))
	}
	for _, m := range v.node.Members {
		out = append(out, v.child(m.Value, document.Join(v.path, m.Name)))
	}
	return out
}

func (n *setNode) run(r *run) flow {
	v, ok := n.e.eval(r)
	if ok {
		r.vars[n.slot] = v
	}
	return next
}

func (n *condNode) run(r *run) flow {
	v, ok := n.e.eval(r)
	if !ok {
		return next
	}
	if n.slot >= 0 {
		r.vars[n.slot] = v
	}
	if !v.truth() {
		return r.list(n.els)
	}
	dot := r.dot
	if n.with {
		r.dot = v
	}
	f := r.list(n.then)
	r.dot = dot
	return f
}

func (n *rangeNode) run(r *run) flow {
	v, ok := n.e.eval(r)
	if !ok {
		return next
	}
	if v.node != nil && v.node.Kind != document.Array && v.node.Kind != document.Object && v.node.Kind != document.Null {
		r.fail(n.at, v, "cannot be ranged over: is %s", v.what())
		return next
	}
	if !v.truth() {
		return r.list(n.els)
	}
	dot := r.dot
	n.each(r, v)
	r.dot = dot
	return next
}

// each runs the loop's body for every element, until one leaves it.
func (n *rangeNode) each(r *run, v value) {
	for i, item := range v.node.Items {
		var key value
		if n.key >= 0 {
			key = number(i)
		}
		if !n.pass(r, key, v.item(item, i)) {
			return
		}
	}
	// by their names, so that the order of the user data makes no difference to the file
	members := slices.Clone(v.node.Members)
	sort.Slice(members, func(i, j int) bool { return members[i].Name < members[j].Name })
	for _, m := range members {
		elem := v.child(m.Value, document.Join(v.path, m.Name))
		key := value{node: document.NewString(m.Name, m.Pos), path: elem.path, pos: elem.pos}
		key.node.Secret = v.node.Secret
		if !n.pass(r, key, elem) {
			return
		}
	}
}

// pass runs the body for one element and is false if the loop ends with it.
func (n *rangeNode) pass(r *run, key, elem value) bool {
	r.dot = elem
	if n.key >= 0 {
		r.vars[n.key] = key
	}
	if n.elem >= 0 {
		r.vars[n.elem] = elem
	}
	f := r.list(n.body)
	return r.charge(1) && (f == next || f == again)
}

func (n *callNode) run(r *run) flow {
	v, ok := n.e.eval(r)
	if !ok {
		return next
	}
	dot := r.dot
	r.dot, r.vars[n.root] = v, v
	f := r.list(n.body)
	r.dot = dot
	return f
}

func (n *jumpNode) run(*run) flow { return n.flow }

// writeRaw is the writer of raw: a value as it reads.
func writeRaw(n *document.Node) (string, error) {
	v := value{node: n}
	text, ok := v.scalar()
	if !ok {
		return "", &format.ValueError{Message: "cannot be printed by raw: is " + v.what()}
	}
	return text, nil
}

package template

import (
	"github.com/bootconf/bootconf/internal/document"
	"github.com/bootconf/bootconf/internal/finding"
	"github.com/bootconf/bootconf/internal/secret"
)

// expr is what stands between the braces. It is false if it can't be evaluated, which is reported by then.
type expr interface {
	eval(r *run) (value, bool)
}

type (
	constExpr   struct{ v value }
	dotExpr     struct{}
	varExpr     struct{ slot int }
	sectionExpr struct{ name string }
	factExpr    struct{ name string }

	fieldExpr struct {
		of  expr
		key string
	}

	// logicExpr is and, or: it evaluates no more than it needs and gives the deciding operand itself.
	logicExpr struct {
		or       bool
		operands []expr
	}

	callExpr struct {
		name string
		fn   *function
		args []expr
		at   finding.Pos
		spec []verb // of printf
	}
)

func (e constExpr) eval(*run) (value, bool) { return e.v, true }

func (dotExpr) eval(r *run) (value, bool) { return r.dot, true }

func (e varExpr) eval(r *run) (value, bool) { return r.vars[e.slot], true }

func (e sectionExpr) eval(r *run) (value, bool) {
	v := value{node: r.data.Uses[e.name], path: e.name}
	if v.node != nil {
		v.pos = v.node.Pos
	}
	return v, true
}

func (e factExpr) eval(r *run) (value, bool) {
	v := value{path: "instance." + e.name}
	if fact, known := r.data.Facts[e.name]; known {
		v.node = &document.Node{Kind: document.String, Text: secret.New(fact)}
	}
	return v, true
}

func (e fieldExpr) eval(r *run) (value, bool) {
	v, ok := e.of.eval(r)
	if !ok {
		return v, false
	}
	return v.get(e.key), true
}

func (e logicExpr) eval(r *run) (v value, ok bool) {
	for _, operand := range e.operands {
		if v, ok = operand.eval(r); !ok || v.truth() == e.or {
			break
		}
	}
	return v, ok
}

func (e *callExpr) eval(r *run) (value, bool) {
	args := make([]value, len(e.args))
	cost, good := 1, true
	for i, a := range e.args {
		v, ok := a.eval(r)
		if ok && v.node == nil && !e.fn.absent {
			r.fail(e.at, v, "cannot be given to %s: has no value", e.name)
			ok = false
		}
		good = good && ok
		args[i] = v
		if ok && v.node != nil {
			cost += v.node.Text.Len() / 64
		}
	}
	if !good || !r.charge(cost) {
		return value{}, false
	}
	return e.fn.eval(r, e, args)
}

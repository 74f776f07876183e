package template

import (
	"fmt"
	"math/big"
	"strconv"
	"strings"

	"github.com/bootconf/bootconf/internal/document"
)

// verb is a piece of a format: text, or where text is empty, one verb of printf.
type verb struct {
	text  string
	flags string // with width and precision, as they stand in the format
	verb  byte
}

// parseVerbs reads a format. It is a literal of the template, so what is wrong with it is known before any value.
func parseVerbs(format string) (verbs []verb, takes int, fault string) {
	for format != "" {
		i := strings.IndexByte(format, '%')
		if i < 0 {
			i = len(format)
		}
		if i > 0 {
			verbs = append(verbs, verb{text: format[:i]})
			format = format[i:]
			continue
		}
		spec := format[1:]
		flags := len(spec) - len(strings.TrimLeft(spec, "+-# 0"))
		width := digits(spec[flags:])
		n := flags + width
		precision := 0
		if n < len(spec) && spec[n] == '.' {
			precision = digits(spec[n+1:])
			n += 1 + precision
		}
		switch {
		case n == len(spec):
			return nil, 0, "ends within a verb; write a percent sign as %%"
		case width > 3 || precision > 3:
			return nil, 0, "has a width of over 999"
		case spec[n] == '%' && n == 0:
			verbs = append(verbs, verb{text: "%"})
			format = spec[1:]
			continue
		case strings.IndexByte("sqvtdxXobeEfFgG", spec[n]) < 0:
			return nil, 0, fmt.Sprintf("has %q, which is no verb for a value of JSON; those are %%s %%q %%v %%t %%d %%x %%X %%o %%b %%e %%f %%g and %%%%", "%"+spec[:n+1])
		case spec[n] == 'v' && strings.Trim(spec[:flags], "-") != "":
			return nil, 0, "has flags for %v; use %s or %d"
		}
		verbs = append(verbs, verb{flags: spec[:n], verb: spec[n]})
		takes++
		format = spec[n+1:]
	}
	return verbs, takes, ""
}

// digits is how many bytes at the beginning of s are digits.
func digits(s string) int { return len(s) - len(strings.TrimLeft(s, "0123456789")) }

// takes is the types of the values that the verb fits.
func (f verb) takes() []document.Kind {
	switch f.verb {
	case 'v':
		return []document.Kind{document.String, document.Number, document.Bool}
	case 't':
		return []document.Kind{document.Bool}
	case 's', 'q':
		return []document.Kind{document.String}
	case 'x', 'X':
		return []document.Kind{document.String, document.Number}
	}
	return []document.Kind{document.Number}
}

// printf formats its arguments. A value that a verb doesn't fit is an error.
func printf(r *run, e *callExpr, args []value) (value, bool) {
	var b strings.Builder
	good, i := true, 1
	for _, verb := range e.spec {
		if verb.text != "" {
			b.WriteString(verb.text)
			continue
		}
		text, ok := verb.format(args[i])
		if !ok {
			if strings.IndexByte("dxXob", verb.verb) >= 0 && args[i].is(document.Number) {
				r.fail(e.at, args[i], "cannot be given to printf's %%%c: must be an integer of up to 1000 digits", verb.verb)
			} else {
				r.fail(e.at, args[i], "cannot be given to printf's %%%c: is %s", verb.verb, args[i].what())
			}
			good = false
		}
		b.WriteString(text)
		i++
	}
	if !good || !r.room(b.Len()) {
		return value{}, false
	}
	return madeString(b.String(), args[1:]...), true
}

func (f verb) format(v value) (string, bool) {
	spec := "%" + f.flags + string(f.verb)
	switch {
	case f.verb == 'v': // as it reads: a number keeps its digits
		s, ok := v.scalar()
		return fmt.Sprintf("%"+f.flags+"s", s), ok
	case f.verb == 't' && v.is(document.Bool):
		return fmt.Sprintf(spec, v.node.Bool), true
	case strings.IndexByte("sqxX", f.verb) >= 0 && v.is(document.String):
		return fmt.Sprintf(spec, v.text()), true
	case strings.IndexByte("dxXob", f.verb) >= 0 && v.is(document.Number):
		digits, ok := parseDecimal(v.text()).integer()
		if !ok {
			return "", false
		}
		n, ok := new(big.Int).SetString(digits, 10)
		return fmt.Sprintf(spec, n), ok
	case strings.IndexByte("eEfFgG", f.verb) >= 0 && v.is(document.Number):
		n, err := strconv.ParseFloat(v.text(), 64)
		return fmt.Sprintf(spec, n), err == nil
	}
	return "", false
}

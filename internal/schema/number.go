package schema

import (
	"math/bits"
	"strings"
)

// number is a JSON number, exactly: 0.digits × 10^exp, without zeros at either end of the digits. Zero has none.
// It is never multiplied out, so that 1e1000000000 costs no more than 1.
type number struct {
	negative bool
	digits   string
	exp      int64
}

// maxExponent bounds the exponents that are told apart.
const maxExponent = 1 << 40

// parseNumber reads a number by JSON's grammar.
func parseNumber(text string) number {
	var n number
	text, n.negative = strings.CutPrefix(text, "-")
	mantissa, exponent := text, ""
	if i := strings.IndexAny(text, "eE"); i >= 0 {
		mantissa, exponent = text[:i], text[i+1:]
	}
	whole, fraction, _ := strings.Cut(mantissa, ".")
	n.digits = whole
	if fraction != "" {
		n.digits += fraction
	}
	n.exp = int64(len(whole)) + parseExponent(exponent)
	lead := len(n.digits) - len(strings.TrimLeft(n.digits, "0"))
	n.exp -= int64(lead)
	n.digits = strings.TrimRight(n.digits[lead:], "0")
	if n.digits == "" {
		return number{}
	}
	return n
}

func parseExponent(text string) int64 {
	negative := strings.HasPrefix(text, "-")
	var e int64
	for _, c := range strings.TrimLeft(text, "+-") {
		e = min(e*10+int64(c-'0'), maxExponent)
	}
	if negative {
		return -e
	}
	return e
}

func (n number) integer() bool { return n.exp >= int64(len(n.digits)) || n.digits == "" }

// plain is a number as most people write it, 5432 for 5.432e3, if it is an integer of at most 20 digits; otherwise as
// it was written.
func (n number) plain(written string) string {
	switch {
	case n.digits == "":
		return "0"
	case !n.integer() || n.exp > 20:
		return written
	case n.negative:
		return "-" + n.digits + strings.Repeat("0", int(n.exp)-len(n.digits))
	}
	return n.digits + strings.Repeat("0", int(n.exp)-len(n.digits))
}

// compare is negative, zero or positive as n is less than, equal to or greater than m.
func (n number) compare(m number) int {
	switch {
	case n.sign() != m.sign():
		return n.sign() - m.sign()
	case n.exp != m.exp:
		if n.exp < m.exp {
			return -n.sign()
		}
		return n.sign()
	}
	return strings.Compare(n.digits, m.digits) * n.sign()
}

func (n number) sign() int {
	switch {
	case n.digits == "":
		return 0
	case n.negative:
		return -1
	}
	return 1
}

// maxDivisor is how many digits a multipleOf may have, so that remainders fit into 64 bits.
const maxDivisor = 18

// multipleOf tells whether n is a whole multiple of m, which is positive and has at most maxDivisor digits.
func (n number) multipleOf(m number) bool {
	if n.digits == "" {
		return true
	}
	// With the digits as integers: n = a·10^i, m = b·10^j.
	i, j := n.exp-int64(len(n.digits)), m.exp-int64(len(m.digits))
	if i < j {
		return false // a would have to be a multiple of ten, and it has no zero at its end
	}
	b := remainder(m.digits, 1<<63)
	return mulMod(remainder(n.digits, b), powMod(10, i-j, b), b) == 0
}

func remainder(digits string, m uint64) uint64 {
	var r uint64
	for _, c := range digits {
		hi, lo := bits.Mul64(r, 10)
		lo, carry := bits.Add64(lo, uint64(c-'0'), 0)
		r = bits.Rem64(hi+carry, lo, m)
	}
	return r
}

func mulMod(a, b, m uint64) uint64 {
	hi, lo := bits.Mul64(a, b)
	return bits.Rem64(hi, lo, m)
}

func powMod(base uint64, exp int64, m uint64) uint64 {
	result, base := 1%m, base%m
	for ; exp > 0; exp >>= 1 {
		if exp&1 == 1 {
			result = mulMod(result, base, m)
		}
		base = mulMod(base, base, m)
	}
	return result
}

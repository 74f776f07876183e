package schema

import (
	"net/netip"
	"strings"
)

// formats is the values of "format", all of them asserted.
var formats = []string{"email", "hostname", "ipv4", "ipv6", "uri"}

// hasFormat tells whether s is of one of formats, and what those that are are called.
func hasFormat(format, s string) (ok bool, phrase string) {
	switch format {
	case "email":
		return isEmail(s), "an e-mail address"
	case "hostname":
		return isHostname(s), "a host name"
	case "ipv4":
		a, err := netip.ParseAddr(s)
		return err == nil && a.Is4(), "an IPv4 address"
	case "ipv6":
		a, err := netip.ParseAddr(s)
		return err == nil && a.Is6() && a.Zone() == "", "an IPv6 address"
	}
	return isURI(s), "a URI"
}

// isHostname follows RFC 1123. A name whose last label is a number is none, or a mistyped address would pass.
func isHostname(s string) bool {
	if len(s) > 253 {
		return false
	}
	digits := false
	for label := range strings.SplitSeq(s, ".") {
		if label == "" || len(label) > 63 || label[0] == '-' || label[len(label)-1] == '-' {
			return false
		}
		digits = true
		for i := range len(label) {
			if !isAlnum(label[i]) && label[i] != '-' {
				return false
			}
			digits = digits && label[i] >= '0' && label[i] <= '9'
		}
	}
	return !digits
}

// isEmail takes the addresses of RFC 5321 without quoted local parts, which no one has.
func isEmail(s string) bool {
	at := strings.LastIndexByte(s, '@')
	if at < 1 || at > 64 {
		return false
	}
	local, domain := s[:at], s[at+1:]
	for i := range len(local) {
		dot := local[i] == '.' && i > 0 && i < at-1 && local[i-1] != '.'
		if !dot && !isAlnum(local[i]) && !strings.ContainsRune("!#$%&'*+-/=?^_`{|}~", rune(local[i])) {
			return false
		}
	}
	if literal, ok := strings.CutPrefix(domain, "["); ok && strings.HasSuffix(literal, "]") {
		a, err := netip.ParseAddr(strings.TrimPrefix(strings.TrimSuffix(literal, "]"), "IPv6:"))
		return err == nil && a.Zone() == ""
	}
	return isHostname(domain)
}

// isURI follows RFC 3986.
func isURI(s string) bool {
	scheme, rest, ok := strings.Cut(s, ":")
	if !ok || !isScheme(scheme) {
		return false
	}
	rest, fragment, _ := strings.Cut(rest, "#")
	if authority, found := strings.CutPrefix(rest, "//"); found {
		end := strings.IndexAny(authority, "/?")
		if end < 0 {
			end = len(authority)
		}
		authority, rest = authority[:end], authority[end:]
		if user, host, found := strings.Cut(authority, "@"); found {
			if badChar(user, ":") != 0 {
				return false
			}
			authority = host
		}
		if host, port, ok := cutPort(authority); !ok || badHost(host) || strings.Trim(port, "0123456789") != "" {
			return false
		}
	}
	return badChar(rest, ":@/?") == 0 && badChar(fragment, ":@/?") == 0
}

// cutPort splits the host and port of a URI's authority; the host keeps its brackets.
func cutPort(s string) (host, port string, ok bool) {
	if strings.HasPrefix(s, "[") {
		end := strings.IndexByte(s, ']')
		if end < 0 || end+1 < len(s) && s[end+1] != ':' {
			return "", "", false
		}
		return s[:end+1], strings.TrimPrefix(s[end+1:], ":"), true
	}
	host, port, _ = strings.Cut(s, ":")
	return host, port, !strings.Contains(port, ":")
}

func badHost(host string) bool {
	if literal, ok := strings.CutPrefix(host, "["); ok {
		a, err := netip.ParseAddr(strings.TrimSuffix(literal, "]"))
		return err != nil || !a.Is6() || a.Zone() != ""
	}
	return badChar(host, "") != 0
}

func isScheme(s string) bool {
	for i := range len(s) {
		c := s[i]
		letter := c|0x20 >= 'a' && c|0x20 <= 'z'
		if !letter && (i == 0 || c != '+' && c != '-' && c != '.' && (c < '0' || c > '9')) {
			return false
		}
	}
	return s != ""
}

// badChar is the first byte of s that a part of a URI can't hold, or 0. Every part can hold what is unreserved, a
// percent-encoding and a delimiter without meaning of its own; more names what else this one can.
func badChar(s, more string) byte {
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case c == '%':
			if i+2 >= len(s) || unhex(s[i+1]) < 0 || unhex(s[i+2]) < 0 {
				return c
			}
			i += 2
		case !isUnreserved(c) && strings.IndexByte("!$&'()*+,;=", c) < 0 && strings.IndexByte(more, c) < 0:
			return max(c, 1)
		}
	}
	return 0
}

func isUnreserved(c byte) bool { return isAlnum(c) || c == '-' || c == '.' || c == '_' || c == '~' }

func isAlnum(c byte) bool { return c >= '0' && c <= '9' || c|0x20 >= 'a' && c|0x20 <= 'z' }

func unhex(c byte) int {
	switch {
	case c >= '0' && c <= '9':
		return int(c - '0')
	case c|0x20 >= 'a' && c|0x20 <= 'f':
		return int(c|0x20-'a') + 10
	}
	return -1
}

// percentDecode undoes percentEncode. S holds no broken encoding.
func percentDecode(s string) string {
	if !strings.Contains(s, "%") {
		return s
	}
	b := make([]byte, 0, len(s))
	for i := 0; i < len(s); i++ {
		if s[i] == '%' {
			b = append(b, byte(unhex(s[i+1])<<4|unhex(s[i+2])))
			i += 2
			continue
		}
		b = append(b, s[i])
	}
	return string(b)
}

// percentEncode encodes every byte of s but the unreserved ones and those in keep.
func percentEncode(s, keep string) string {
	var b strings.Builder
	for i := range len(s) {
		c := s[i]
		if isUnreserved(c) || strings.IndexByte(keep, c) >= 0 {
			b.WriteByte(c)
			continue
		}
		b.WriteByte('%')
		b.WriteByte("0123456789ABCDEF"[c>>4])
		b.WriteByte("0123456789ABCDEF"[c&15])
	}
	return b.String()
}

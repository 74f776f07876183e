package template

import (
	"net/netip"
	"sort"
	"strings"

	"github.com/bootconf/bootconf/internal/document"
)

// urlParts is the names of what url makes a URL of. A name that begins with "query." sets one parameter.
var urlParts = []string{"scheme", "user", "password", "host", "port", "path", "query"}

// url makes a URL of its parts, named in pairs, and encodes each for its own place:
//
//	{{ url "scheme" "https" "user" .user "password" .password "host" .host "port" .port "path" .name "query" .options }}
//
// A part that is absent is left out. A path that is a string is one segment, whatever slashes it holds; one that is
// a list is several. A query is an object; "query.sslmode" adds one parameter to it.
func url(r *run, e *callExpr, args []value) (value, bool) {
	u := urlMaker{r: r, e: e, good: true}
	var b strings.Builder
	var query [][2]string
	part := map[string]value{}
	for i := 0; i+1 < len(args); i += 2 { // the compiler has seen to it that the names are right
		name, v := args[i].text(), args[i+1]
		part[name] = v
		if key, ok := strings.CutPrefix(name, "query."); ok && v.node != nil {
			query = append(query, [2]string{key, u.scalar("query", v)})
		}
	}
	if scheme := part["scheme"]; scheme.node == nil {
		u.fail(scheme, "cannot be given to url: has no value")
	} else {
		b.WriteString(u.scheme(scheme) + "://")
	}
	user, password := part["user"], part["password"]
	if user.node != nil {
		b.WriteString(percent(u.scalar("user", user)))
	}
	if password.node != nil {
		b.WriteString(":" + percent(u.scalar("password", password)))
	}
	if user.node != nil || password.node != nil {
		b.WriteByte('@')
	}
	if host := part["host"]; host.node != nil {
		b.WriteString(u.host(host))
	}
	if port := part["port"]; port.node != nil {
		b.WriteString(":" + u.port(port))
	}
	if path := part["path"]; path.node != nil {
		b.WriteString(u.path(path))
	}
	if options := part["query"]; options.node != nil {
		query = append(query, u.query(options)...)
	}
	sort.SliceStable(query, func(i, j int) bool { return query[i][0] < query[j][0] })
	for i, q := range query {
		sep := "&"
		if i == 0 {
			sep = "?"
		} else if q[0] == query[i-1][0] {
			u.fail(part["query"], "cannot be given to url: holds the parameter %s, which the template sets", q[0])
		}
		b.WriteString(sep + percent(q[0]) + "=" + percent(q[1]))
	}
	if !u.good || !r.room(b.Len()) {
		return value{}, false
	}
	return madeString(b.String(), args...), true
}

type urlMaker struct {
	r    *run
	e    *callExpr
	good bool
}

func (u *urlMaker) fail(v value, format string, args ...any) {
	u.r.fail(u.e.at, v, format, args...)
	u.good = false
}

func (u *urlMaker) scalar(part string, v value) string {
	s, ok := v.scalar()
	if !ok {
		u.fail(v, "cannot be the %s of a URL: is %s", part, v.what())
	}
	return s
}

func (u *urlMaker) scheme(v value) string {
	s := u.scalar("scheme", v)
	for i, c := range []byte(s) {
		letter := c|0x20 >= 'a' && c|0x20 <= 'z'
		if !letter && (i == 0 || !(c >= '0' && c <= '9') && c != '+' && c != '-' && c != '.') {
			u.fail(v, "cannot be the scheme of a URL: must be letters, digits, +, - and .")
			return ""
		}
	}
	if s == "" {
		u.fail(v, "cannot be the scheme of a URL: is empty")
	}
	return s
}

// host is a name, percent-encoded, or an IPv6 address in brackets, whether it came in them or not.
func (u *urlMaker) host(v value) string {
	s := u.scalar("host", v)
	bare := s
	if strings.HasPrefix(s, "[") && strings.HasSuffix(s, "]") {
		bare = s[1 : len(s)-1]
	}
	if ip, err := netip.ParseAddr(bare); err == nil && ip.Is6() {
		address, zone, zoned := strings.Cut(bare, "%")
		if zoned {
			address += "%25" + percent(zone)
		}
		return "[" + address + "]"
	}
	return percent(s)
}

func (u *urlMaker) port(v value) string {
	s := u.scalar("port", v)
	if d, ok := parseDecimal(s).integer(); ok && v.is(document.Number) {
		s = d
	}
	n := 0
	for _, c := range []byte(s) {
		if c < '0' || c > '9' || n > 65535 {
			n = 65536
			break
		}
		n = 10*n + int(c-'0')
	}
	if s == "" || n > 65535 {
		u.fail(v, "cannot be the port of a URL: must be an integer from 0 to 65535")
	}
	return s
}

func (u *urlMaker) path(v value) string {
	segments := []value{v}
	if v.is(document.Array) {
		segments = nil
		for i, n := range v.node.Items {
			segments = append(segments, v.item(n, i))
		}
	}
	var b strings.Builder
	for _, segment := range segments {
		s := u.scalar("path", segment)
		if s == "." || s == ".." { // whoever reads the URL may resolve them, encoded or not
			u.fail(segment, `cannot be the path of a URL: must not be "." or ".."`)
		}
		b.WriteString("/" + percent(s))
	}
	return b.String()
}

func (u *urlMaker) query(v value) [][2]string {
	if !v.is(document.Object) {
		u.fail(v, "cannot be the query of a URL: is %s, must be an object", v.what())
		return nil
	}
	var pairs [][2]string
	for _, m := range v.node.Members {
		pairs = append(pairs, [2]string{m.Name, u.scalar("query", v.child(m.Value, document.Join(v.path, m.Name)))})
	}
	return pairs
}

// percent is s with all but the unreserved characters of RFC 3986 percent-encoded, which reads the same at every
// place of a URL.
func percent(s string) string {
	const hex = "0123456789ABCDEF"
	var b strings.Builder
	for _, c := range []byte(s) {
		if c|0x20 >= 'a' && c|0x20 <= 'z' || c >= '0' && c <= '9' || c == '-' || c == '.' || c == '_' || c == '~' {
			b.WriteByte(c)
			continue
		}
		b.WriteByte('%')
		b.WriteByte(hex[c>>4])
		b.WriteByte(hex[c&15])
	}
	return b.String()
}

package decode

import (
	"bytes"
	"unicode/utf8"
)

const utf8Mark = "UTF-8"

// byteOrderMark is the encoding whose byte-order mark text begins with, or "".
func byteOrderMark(text []byte) string {
	switch {
	case bytes.HasPrefix(text, []byte{0xef, 0xbb, 0xbf}):
		return utf8Mark
	case bytes.HasPrefix(text, []byte{0xff, 0xfe}):
		return "UTF-16, little-endian"
	case bytes.HasPrefix(text, []byte{0xfe, 0xff}):
		return "UTF-16, big-endian"
	}
	return ""
}

// sniff says what text, which does not begin with a blank, looks like if it is not meant to be JSON, and what to do
// about it; unpacked tells that it was packed. It is "" for everything else: the parser has the better words for JSON
// that is merely broken.
func sniff(text []byte, unpacked bool) string {
	head := text[:min(len(text), 512)]
	is := func(prefixes ...string) bool {
		for _, p := range prefixes {
			if len(head) >= len(p) && bytes.EqualFold(head[:len(p)], []byte(p)) {
				return true
			}
		}
		return false
	}
	switch {
	case is("#cloud-config"):
		return "this looks like #cloud-config, which is cloud-init's and not read here"
	case is("#!"):
		return "this looks like a script (#!), and nothing of user data is ever run"
	case is("#include", "#part-handler", "#upstart-job", "#cloud-boothook", "## template:"):
		return "this looks like user data for cloud-init, which is not read here"
	case is("Content-Type:", "MIME-Version:", "Content-Transfer-Encoding:", "From:", "From ", "Received:"):
		return "this looks like MIME, as cloud-init takes several parts; give the JSON alone"
	case is("<!doctype html", "<html", "<head", "<body"):
		return "this looks like an HTML page; did something other than the metadata service answer?"
	case is("<powershell>", "<script>"):
		return "this looks like a script for Windows, and nothing of user data is ever run"
	case is("<"):
		return "this looks like XML or HTML; did something other than the metadata service answer?"
	case isGzip(head), unpacked && isBase64(head):
		return "this looks packed once more; pack it with gzip once, or base64 once, or gzip and then base64"
	case isBase64(head):
		return "this looks like base64, but does not decode; is it cut off?"
	case is("BZh", "\xfd7zXZ\x00", "\x28\xb5\x2f\xfd", "PK\x03\x04", "\x04\x22\x4d\x18"):
		return "this looks compressed by another program than gzip"
	case is("-----BEGIN "):
		return "this looks like PEM"
	case len(head) > 1 && (head[0] == 0) != (head[1] == 0):
		return "this looks like UTF-16; save it as UTF-8"
	case isBinary(head):
		return "this looks like binary data"
	case is("---", "%YAML", "- "):
		return "this looks like YAML; convert it to JSON"
	}
	if head[0] == '{' || head[0] == '"' { // what stands within is the parser's
		return ""
	}
	line, _, _ := bytes.Cut(head, []byte{'\n'})
	line = bytes.TrimRight(line, blanks)
	word := len(line) - len(bytes.TrimLeftFunc(line, isWord))
	after := bytes.TrimLeft(line[word:], " \t")
	switch {
	case word == 0:
		return ""
	case bytes.HasPrefix(after, []byte{':'}) && (len(after) == 1 || after[1] == ' ' || after[1] == '\t'):
		return "this looks like YAML; convert it to JSON"
	case bytes.HasPrefix(after, []byte{'='}):
		return "this looks like lines of NAME=VALUE; convert it to JSON"
	}
	return ""
}

func isWord(r rune) bool {
	return r == '_' || r == '-' || r == '.' || r >= '0' && r <= '9' || r >= 'A' && r <= 'Z' || r >= 'a' && r <= 'z'
}

// isBase64 tells whether head begins as the base64 of gzip, or of an object's opening brace and what can follow it.
func isBase64(head []byte) bool {
	for _, begins := range []string{"H4sI", "eyJ", "eyA", "ewo", "ew0", "ewk"} {
		if bytes.HasPrefix(head, []byte(begins)) {
			return true
		}
	}
	return false
}

// isBinary tells whether head, the beginning of a longer text perhaps, holds what no text does. In what begins as JSON
// that has to be a good part of it: the parser says where a single byte is at fault.
func isBinary(head []byte) bool {
	odd := 0
	for i := 0; i < len(head) && utf8.FullRune(head[i:]); { // the last may be cut
		r, size := utf8.DecodeRune(head[i:])
		if r == utf8.RuneError && size == 1 || isControl(r) {
			odd++
		}
		i += size
	}
	if bytes.IndexByte([]byte(`{["`), head[0]) >= 0 {
		return odd > len(head)/4
	}
	return odd > 0
}

// Package decode turns the bytes of user data into a document: as they are, or unpacked from gzip, base64, or base64
// of gzip. What comes in may be anything; what goes out is a JSON object, or findings that name what the bytes look
// like instead. It never unpacks more than MaxSize, and no finding quotes the text.
package decode

import (
	"bytes"
	"compress/gzip"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"unicode/utf8"

	"github.com/bootconf/bootconf/internal/document"
	"github.com/bootconf/bootconf/internal/finding"
)

// MaxSize is how long the document may be, in bytes, once it is unpacked.
const MaxSize = 1 << 20

// maxPacked is more than any document takes packed: base64 adds a third and line breaks.
const maxPacked = 2 * MaxSize

// Decode reads user data that came from source, which names it in the findings. Their positions are those of the
// unpacked text. The document is nil if the text is no JSON object.
func Decode(source string, raw []byte) (*document.Node, finding.List) {
	d := decoder{source: source}
	text, ok := d.unpack(raw)
	if !ok {
		return nil, d.found
	}
	if len(text) > MaxSize {
		return d.fail(finding.Pos{}, "must be at most %d bytes, is %d", MaxSize, len(text))
	}
	if bom := byteOrderMark(text); bom != "" {
		d.report(finding.Pos{Line: 1, Column: 1}, "begins with a byte-order mark (%s); save it as UTF-8 without one", bom)
		if bom != utf8Mark {
			return nil, d.found
		}
		// Blanks in its place keep the columns of what follows.
		text = append([]byte("   "), text[3:]...)
	}
	rest := bytes.TrimLeft(text, blanks)
	pos := position(text, len(text)-len(rest))
	if len(rest) == 0 {
		return d.fail(finding.Pos{}, "must be a JSON object, is empty%s", d.within)
	}
	if looks := sniff(rest, d.within != ""); looks != "" {
		return d.fail(pos, "must be a JSON object%s; %s", d.within, looks)
	}
	doc, found := document.Parse(source, text)
	d.found = append(d.found, found...)
	if doc != nil && doc.Kind != document.Object {
		return d.fail(doc.Pos, "must be a JSON object, is of type %s", doc.Kind)
	}
	return doc, d.found
}

const blanks = " \t\r\n"

type decoder struct {
	source string
	within string // " within the gzip", say: where the text was found
	found  finding.List
}

func (d *decoder) report(pos finding.Pos, format string, args ...any) {
	d.found = append(d.found, finding.Finding{Source: d.source, Pos: pos, Message: fmt.Sprintf(format, args...)})
}

func (d *decoder) fail(pos finding.Pos, format string, args ...any) (*document.Node, finding.List) {
	d.report(pos, format, args...)
	return nil, d.found
}

// unpack is the text within raw. It is not ok if that can't be had; the findings say why.
func (d *decoder) unpack(raw []byte) (text []byte, ok bool) {
	if len(raw) > maxPacked {
		d.report(finding.Pos{}, "must be at most %d bytes, is %d", MaxSize, len(raw))
		return nil, false
	}
	text = raw
	if inner, is := fromBase64(text); is {
		text = inner
		d.within = " within the base64"
	}
	if isGzip(text) {
		if text, ok = d.gunzip(text); !ok {
			return nil, false
		}
		d.within = " within the gzip"
	}
	return text, true
}

func isGzip(b []byte) bool { return bytes.HasPrefix(b, []byte{0x1f, 0x8b}) }

// fromBase64 is what text holds if it is base64. A JSON object never is: an opening brace is not in the alphabet. A word
// such as null is, so what comes out has to be gzip or text of some kind.
func fromBase64(text []byte) (inner []byte, is bool) {
	text = bytes.TrimSpace(text)
	if len(text) == 0 || !inAlphabet(text) {
		return nil, false
	}
	inner = make([]byte, base64.StdEncoding.DecodedLen(len(text)))
	n, err := base64.StdEncoding.Decode(inner, text) // passes over line breaks
	inner = inner[:n]
	return inner, err == nil && (isGzip(inner) || isText(inner))
}

func inAlphabet(text []byte) bool {
	for _, c := range text {
		if (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && (c < '0' || c > '9') && c != '+' && c != '/' && c != '=' && c != '\n' && c != '\r' {
			return false
		}
	}
	return true
}

// isText tells whether b is text of some kind, and not what a word gives when it is taken for base64.
func isText(b []byte) bool {
	return byteOrderMark(b) != "" || utf8.Valid(b) && !bytes.ContainsFunc(b, isControl)
}

func isControl(r rune) bool { return r < ' ' && r != '\t' && r != '\r' && r != '\n' || r == 0x7f }

func (d *decoder) gunzip(packed []byte) (text []byte, ok bool) {
	zr, err := gzip.NewReader(bytes.NewReader(packed))
	if err == nil {
		// One byte more shows that there is more, without unpacking it.
		text, err = io.ReadAll(io.LimitReader(zr, MaxSize+1))
	}
	switch {
	case len(text) > MaxSize:
		d.report(finding.Pos{}, "must be at most %d bytes, unpacks to more", MaxSize)
	case errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, io.EOF):
		d.report(finding.Pos{}, "looks like gzip, but ends too early; is it cut off?")
	case err != nil:
		d.report(finding.Pos{}, "looks like gzip, but is damaged, or something follows it")
	default:
		return text, true
	}
	return nil, false
}

// position is the line and column of the byte at offset.
func position(text []byte, offset int) finding.Pos {
	before := text[:offset]
	return finding.Pos{Line: bytes.Count(before, []byte{'\n'}) + 1, Column: offset - bytes.LastIndexByte(before, '\n')}
}

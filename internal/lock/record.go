package lock

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strconv"
	"time"

	"github.com/go-json-experiment/json/jsontext"
)

// version is that of the record. Another one is not read: it may say something that this bootconf doesn't know of.
const version = 1

// The names of the record's members.
const (
	keyVersion     = "version"
	keyState       = "state"
	keyIdentity    = "identity"
	keyUserData    = "user_data_sha256"
	keyTime        = "time"
	keyBootconf    = "bootconf_version"
	keyServices    = "services"
	keyFiles       = "files"
	keyDirectories = "directories"
)

// The record ends in the checksum of all that stands before sumPrefix.
const (
	sumPrefix = ",\n  \"checksum\": \"sha256:"
	sumSuffix = "\"\n}\n"
	sumLength = len(sumPrefix) + 2*sha256.Size + len(sumSuffix)
)

func sum(text []byte) string {
	s := sha256.Sum256(text)
	return hex.EncodeToString(s[:])
}

// encode writes the record, a member a line, for whoever reads it at night. It is written and read by hand: the
// reflection of a JSON package would cost more than the rest of a locked boot.
func (r *Record) encode() ([]byte, error) {
	var b bytes.Buffer
	b.WriteString("{\n")
	comma := ""
	var failed error
	member := func(key string, value []byte, err error) {
		if err != nil && failed == nil {
			failed = fmt.Errorf("%s: %w", key, err)
		}
		fmt.Fprintf(&b, "%s  %q: %s", comma, key, value)
		comma = ",\n"
	}
	text := func(key, s string) {
		q, err := jsontext.AppendQuote(nil, s)
		member(key, q, err)
	}
	list := func(key string, ss []string) {
		q := []byte("[")
		var err error
		for i, s := range ss {
			if i > 0 {
				q = append(q, ", "...)
			}
			if q, err = jsontext.AppendQuote(q, s); err != nil {
				break
			}
		}
		member(key, append(q, ']'), err)
	}
	member(keyVersion, strconv.AppendInt(nil, version, 10), nil)
	text(keyState, string(r.State))
	if r.Identity != nil {
		v := jsontext.Value(bytes.Clone(r.Identity))
		err := v.Compact()
		member(keyIdentity, v, err)
	}
	text(keyUserData, r.UserDataSHA256)
	text(keyTime, r.Time)
	text(keyBootconf, r.BootconfVersion)
	list(keyServices, r.Services)
	list(keyFiles, r.Files)
	list(keyDirectories, r.Directories)
	if failed != nil {
		return nil, failed
	}
	s := sum(b.Bytes())
	b.WriteString(sumPrefix + s + sumSuffix)
	// What can't be read back must not be written.
	if _, reason := decode(b.Bytes()); reason != "" {
		return nil, fmt.Errorf("the record %s", reason)
	}
	return b.Bytes(), nil
}

// decode reads what encode has written, and nothing else. The reason why it can't is what the lock is or has.
func decode(text []byte) (r *Record, reason string) {
	cut := len(text) - sumLength
	if cut < 0 || !bytes.HasPrefix(text[cut:], []byte(sumPrefix)) || !bytes.HasSuffix(text, []byte(sumSuffix)) {
		return nil, "is cut off, or was not written by bootconf"
	}
	if string(text[cut+len(sumPrefix):len(text)-len(sumSuffix)]) != sum(text[:cut]) {
		return nil, "was edited"
	}
	r = &Record{}
	d := reader{dec: jsontext.NewDecoder(bytes.NewReader(text))}
	var number string
	d.object(func(key string) {
		switch key {
		case keyVersion:
			number = string(d.value('0'))
		case keyState:
			r.State = State(d.text())
		case keyIdentity:
			r.Identity = bytes.Clone(d.value('{'))
		case keyUserData:
			r.UserDataSHA256 = d.text()
		case keyTime:
			r.Time = d.text()
		case keyBootconf:
			r.BootconfVersion = d.text()
		case keyServices:
			r.Services = d.list()
		case keyFiles:
			r.Files = d.list()
		case keyDirectories:
			r.Directories = d.list()
		case "checksum":
			d.text()
		default:
			d.failed = true
		}
	})
	switch {
	case number != "" && number != strconv.Itoa(version):
		return nil, "is of version " + number + ", and this bootconf knows version 1 only"
	case d.failed || number == "":
		return nil, "is no record of bootconf"
	case r.State != Pending && r.State != Locked:
		return nil, "has an unknown state"
	}
	if _, err := time.Parse(time.RFC3339, r.Time); err != nil {
		return nil, "has no time that can be read"
	}
	return r, ""
}

// reader reads JSON until something isn't as it was expected to be.
type reader struct {
	dec    *jsontext.Decoder
	failed bool
}

func (r *reader) value(kind jsontext.Kind) jsontext.Value {
	if r.failed || r.dec.PeekKind() != kind {
		r.failed = true
		return nil
	}
	v, err := r.dec.ReadValue()
	r.failed = err != nil
	return v
}

func (r *reader) text() string {
	s, err := jsontext.AppendUnquote(nil, r.value('"'))
	if err != nil {
		r.failed = true
	}
	return string(s)
}

func (r *reader) list() []string {
	var out []string
	r.within('[', ']', func() { out = append(out, r.text()) })
	return out
}

func (r *reader) object(member func(key string)) {
	r.within('{', '}', func() { member(r.text()) })
}

// within calls each for every element between two brackets.
func (r *reader) within(open, end jsontext.Kind, each func()) {
	if r.failed || r.dec.PeekKind() != open {
		r.failed = true
		return
	}
	r.dec.ReadToken()
	for !r.failed && r.dec.PeekKind() != end {
		each()
	}
	if _, err := r.dec.ReadToken(); err != nil {
		r.failed = true
	}
}

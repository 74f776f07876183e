package lock

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/bootconf/bootconf/internal/document"
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
	keyChecksum    = "checksum"
)

// The record ends in the checksum of all that stands before sumPrefix.
const (
	sumPrefix = ",\n  \"" + keyChecksum + "\": \"sha256:"
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
		who := document.ReadRecord(r.Identity)
		if who.Wrong {
			return nil, errors.New(keyIdentity + " is no JSON object")
		}
		member(keyIdentity, document.Compact(who.Node), nil)
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
	d := document.ReadRecord(text)
	r = &Record{
		State:           State(d.String(keyState)),
		UserDataSHA256:  d.String(keyUserData),
		Time:            d.String(keyTime),
		BootconfVersion: d.String(keyBootconf),
		Services:        d.Strings(keyServices),
		Files:           d.Strings(keyFiles),
		Directories:     d.Strings(keyDirectories),
	}
	if who := d.Object(keyIdentity); who != nil {
		r.Identity = document.Compact(who.Node)
	}
	number := d.Int(keyVersion)
	switch {
	case number != version && number != 0:
		return nil, fmt.Sprintf("is of version %d, and this bootconf knows version %d only", number, version)
	case d.Wrong || number == 0 || !known(d.Node):
		return nil, "is no record of bootconf"
	case r.State != Pending && r.State != Locked:
		return nil, "has an unknown state"
	}
	if _, err := time.Parse(time.RFC3339, r.Time); err != nil {
		return nil, "has no time that can be read"
	}
	return r, ""
}

// known tells whether n has no other members than a record has.
func known(n *document.Node) bool {
	for _, m := range n.Members {
		switch m.Name {
		case keyVersion, keyState, keyIdentity, keyUserData, keyTime, keyBootconf, keyServices, keyFiles, keyDirectories, keyChecksum:
		default:
			return false
		}
	}
	return true
}

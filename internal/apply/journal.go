package apply

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"path"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/bootconf/bootconf/internal/paths"
	"github.com/bootconf/bootconf/internal/rootfs"
)

// The states of a transaction, which are the names of its journal.
const (
	underWay = "journal"
	applied  = "applied"
	done     = "done"
)

// verb is what a step of the journal does.
type verb string

// The verbs.
const (
	lift    verb = "lift"    // take an immutable flag off; undone by setting it
	mkdir   verb = "mkdir"   // make a directory
	create  verb = "create"  // put a file where there was none
	replace verb = "replace" // put a file in the place of another
	remove  verb = "remove"  // remove a file
	rmdir   verb = "rmdir"   // remove a directory if it is empty, at Done; nothing to undo before
)

type step struct {
	verb verb
	path string // within the root, free of links
}

// journal is what a transaction does, and for whom.
type journal struct {
	identity string
	userData string   // its SHA-256
	owed     []string // units that are to be acted on
	steps    []step
}

// maxJournal is well above that of the largest plan.
const maxJournal = 16 << 20

// JournalError says that the journal of an interrupted transaction can't be trusted. Nothing was changed.
type JournalError struct {
	Path string
	Err  error
}

func (e *JournalError) Error() string {
	return fmt.Sprintf("cannot recover from an interrupted run: %s: %v", e.Path, e.Err)
}

func (e *JournalError) Unwrap() error { return e.Err }

const (
	heading     = "bootconf transaction 1\n"
	sumPrefix   = "sha256 "
	lineOfSum   = len(sumPrefix) + 2*sha256.Size + 1
	keyIdentity = "identity"
	keyUserData = "user-data"
	keyOwed     = "owed"
)

// encode writes the journal: a line for each thing, and the checksum of all lines before in the last.
func (j *journal) encode() []byte {
	var b bytes.Buffer
	b.WriteString(heading)
	line := func(key, value string) {
		b.WriteString(key)
		b.WriteByte(' ')
		b.WriteString(strconv.Quote(value))
		b.WriteByte('\n')
	}
	line(keyIdentity, j.identity)
	line(keyUserData, j.userData)
	for _, u := range j.owed {
		line(keyOwed, u)
	}
	for _, s := range j.steps {
		line(string(s.verb), s.path)
	}
	return seal(b.Bytes())
}

// seal adds the line that the checksum is in.
func seal(text []byte) []byte {
	sum := sha256.Sum256(text)
	text = append(text, sumPrefix...)
	text = hex.AppendEncode(text, sum[:])
	return append(text, '\n')
}

// decode reads what encode has written, and nothing else.
func decode(text []byte) (*journal, error) {
	cut := len(text) - lineOfSum
	if cut < 0 || !bytes.HasPrefix(text[cut:], []byte(sumPrefix)) || text[len(text)-1] != '\n' {
		return nil, errors.New("it is cut off")
	}
	sum := sha256.Sum256(text[:cut])
	if string(text[cut+len(sumPrefix):len(text)-1]) != hex.EncodeToString(sum[:]) {
		return nil, errors.New("it was changed by another program than bootconf")
	}
	body, ok := strings.CutPrefix(string(text[:cut]), heading)
	if !ok {
		return nil, errors.New("it was written by another version of bootconf")
	}
	j := &journal{}
	for line := range strings.Lines(body) {
		key, quoted, _ := strings.Cut(strings.TrimSuffix(line, "\n"), " ")
		value, err := strconv.Unquote(quoted)
		if err != nil {
			return nil, fmt.Errorf("it has a line that is none: %s", strings.TrimSpace(line))
		}
		switch key {
		case keyIdentity:
			j.identity = value
		case keyUserData:
			j.userData = value
		case keyOwed:
			j.owed = append(j.owed, value)
		case string(lift), string(mkdir), string(create), string(replace), string(remove), string(rmdir):
			if !path.IsAbs(value) || path.Clean(value) != value {
				return nil, fmt.Errorf("it has a path that is none: %s", quoted)
			}
			j.steps = append(j.steps, step{verb(key), value})
		default:
			return nil, fmt.Errorf("it has a line that is none: %s", strings.TrimSpace(line))
		}
	}
	return j, nil
}

// stored is a journal on the disk.
type stored struct {
	dir   *rootfs.Dir
	state string
	*journal
}

// load reads the journal, or returns nil if there is none.
func load(root *rootfs.Root) (*stored, error) {
	d, err := root.OpenDir(paths.Transaction)
	if errors.Is(err, unix.ENOENT) {
		return nil, nil
	}
	if err != nil {
		return nil, &JournalError{paths.Transaction, cause(err)}
	}
	s := &stored{dir: d}
	for _, state := range [...]string{underWay, applied, done} {
		if err = s.read(state); err != nil {
			d.Close()
			return nil, &JournalError{path.Join(paths.Transaction, state), err}
		}
	}
	if s.journal == nil {
		d.Close()
		return nil, nil
	}
	return s, nil
}

func (s *stored) read(state string) error {
	f, err := s.dir.Open(state)
	if err == unix.ENOENT {
		return nil
	}
	if err != nil {
		return err
	}
	defer f.Close()
	if s.journal != nil {
		return fmt.Errorf("there is %s as well", s.state)
	}
	text, err := f.ReadAll(maxJournal)
	if err != nil {
		return err
	}
	s.state = state
	s.journal, err = decode(text)
	return err
}

// forget removes the journal, and with it the transaction.
func forget(dir *rootfs.Dir, state string) error {
	if err := dir.Remove(state); err != unix.ENOENT {
		return err
	}
	return nil
}

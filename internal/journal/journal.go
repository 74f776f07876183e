// Package journal is where a run says what it does: the systemd journal with its fields where standard error is
// connected to it, plain lines on standard error elsewhere. Nothing given to it may hold a secret.
package journal

import (
	"fmt"
	"io"

	"github.com/coreos/go-systemd/v22/journal"
)

// Priority is a syslog severity (RFC 5424, section 6.2.1).
type Priority = journal.Priority

// The severities in use.
const (
	Error   = journal.PriErr
	Warning = journal.PriWarning
	Notice  = journal.PriNotice
	Info    = journal.PriInfo
	Debug   = journal.PriDebug
)

// Fields are added to an entry of the journal, by the names of systemd.journal-fields(7): capitals, digits and
// underscores. Ours begin with BOOTCONF_.
type Fields map[string]string

// Log writes entries. It is made by Open.
type Log struct {
	lines io.Writer // nil: the journal
}

// Open is the log of this process: the journal if stderr is its stream (JOURNAL_STREAM of systemd.exec(5)), else
// lines on stderr, those below Notice left out.
func Open(stderr io.Writer) *Log {
	if ok, err := journal.StderrIsJournalStream(); err == nil && ok {
		return &Log{}
	}
	return &Log{lines: stderr}
}

// Service tells whether the log is the journal, which is to say whether systemd started this process as a service.
func (l *Log) Service() bool { return l.lines == nil }

// Print writes one entry.
func (l *Log) Print(p Priority, message string, fields Fields) {
	if l.lines != nil {
		if p <= Notice {
			fmt.Fprintln(l.lines, message)
		}
		return
	}
	// An error is passed over: the result and the console say the same, and there is nowhere else to say it.
	_ = journal.Send(message, p, fields)
}

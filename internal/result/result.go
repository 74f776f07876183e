// Package result is the record of a run: what was done and how it ended. It goes to /var/lib/bootconf/result.json for
// good and to /run/bootconf/status.json for everyone, each replaced in one step, and holds no secret and no hash of
// one.
package result

import (
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"time"

	"github.com/bootconf/bootconf/internal/document"
	"github.com/bootconf/bootconf/internal/finding"
	"github.com/bootconf/bootconf/internal/paths"
)

// The values of Status.
const (
	Pending    = "pending"    // the files are in place, a lockout measure is still owed
	Running    = "running"    // the run has not ended
	Configured = "configured" // the instance is configured and locked
	Failed     = "failed"     // the run ended without that
	Build      = "build"      // the instance builds an image and was left alone
)

// Result is a run's record, version 1. Fields are only ever added. The tags say what Document and ReadStatus do by hand,
// and a test holds them to it.
type Result struct {
	Version    int               `json:"version"`
	Status     string            `json:"status"`
	Exit       int               `json:"exit"`
	InstanceID string            `json:"instance_id,omitempty"`
	Source     string            `json:"source,omitempty"`
	Started    time.Time         `json:"started"`
	Finished   time.Time         `json:"finished,omitzero"`
	DurationMS int64             `json:"duration_ms"`
	Configured time.Time         `json:"configured,omitzero"` // when the instance was configured, on a locked boot
	PID        int               `json:"pid,omitempty"`       // of the run, while it runs
	Dirty      bool              `json:"dirty,omitempty"`     // the files are neither the old nor the new; the next boot mends it
	Stages     []Stage           `json:"stages"`
	Services   []Service         `json:"services"`
	Files      []File            `json:"files"`
	Units      []Unit            `json:"units"`
	Lockout    []Measure         `json:"lockout"`
	Warnings   []finding.Finding `json:"warnings,omitempty"`
	Error      *Error            `json:"error,omitempty"`
}

// Stage is one step of the run and how long it took.
type Stage struct {
	Name       string  `json:"name"`
	DurationMS float64 `json:"duration_ms"`
}

// Service is one definition and whether the user data configured it.
type Service struct {
	Name       string `json:"name"`
	Configured bool   `json:"configured"`
}

// File is one file and what became of it: "created", "replaced", "unchanged" or "removed".
type File struct {
	Path   string `json:"path"`
	Action string `json:"action"`
}

// Unit is one unit, what was done with it and how that ended.
type Unit struct {
	Name   string `json:"name"`
	Action string `json:"action"`
	Result string `json:"result"`
	Detail string `json:"detail,omitempty"`
}

// Measure is one lockout measure and how it ended.
type Measure struct {
	Measure string `json:"measure"`
	Result  string `json:"result"`
}

// Error is why a run failed.
type Error struct {
	Message  string            `json:"message"`
	Findings []finding.Finding `json:"findings,omitempty"`
}

// New is the record of a run that starts now.
func New(now time.Time) *Result {
	return &Result{
		Version: 1, Status: Running, Started: now,
		Stages: []Stage{}, Services: []Service{}, Files: []File{}, Units: []Unit{}, Lockout: []Measure{},
	}
}

// Final tells whether the run has ended.
func (r *Result) Final() bool { return r.Status != Running }

// Files is what the record is kept in.
type Files interface {
	ReadFile(path string) ([]byte, error)
	WriteFileAtomic(path string, data []byte, mode fs.FileMode) error   // over a power cut
	WriteFileVolatile(path string, data []byte, mode fs.FileMode) error // for tmpfs
}

// Publish writes the record for `bootconf status`. It lies on tmpfs and is gone with the boot.
func (r *Result) Publish(files Files) error {
	if err := files.WriteFileVolatile(paths.Status, r.encode(), 0o644); err != nil {
		return fmt.Errorf("cannot write %s: %w", paths.Status, err)
	}
	return nil
}

// Keep writes the record for good.
func (r *Result) Keep(files Files) error {
	if err := files.WriteFileAtomic(paths.Result, r.encode(), 0o600); err != nil {
		return fmt.Errorf("cannot write %s: %w", paths.Result, err)
	}
	return nil
}

func (r *Result) encode() []byte { return append(document.Encode(r.Document()), '\n') }

// ReadStatus is the record of this boot's run, or nil if there is none yet.
func ReadStatus(files interface {
	ReadFile(path string) ([]byte, error)
}) (*Result, error) {
	text, err := files.ReadFile(paths.Status)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("cannot read %s: %w", paths.Status, err)
	}
	r, ok := decode(text)
	if !ok || !slices.Contains([]string{Pending, Running, Configured, Failed, Build}, r.Status) {
		return nil, fmt.Errorf("cannot read %s: it is no result of bootconf", paths.Status)
	}
	return r, nil
}

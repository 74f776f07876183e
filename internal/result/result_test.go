package result

import (
	"bytes"
	"encoding/json"
	"errors"
	"io/fs"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/bootconf/bootconf/internal/finding"
	"github.com/bootconf/bootconf/internal/paths"
)

// disk keeps one file.
type disk struct {
	path, text string
	mode       fs.FileMode
	err        error
}

func (d *disk) ReadFile(string) ([]byte, error) { return []byte(d.text), d.err }

func (d *disk) WriteFileAtomic(path string, data []byte, mode fs.FileMode) error {
	d.path, d.text, d.mode = path, string(data), mode
	return d.err
}

func (d *disk) WriteFileVolatile(path string, data []byte, mode fs.FileMode) error {
	return d.WriteFileAtomic(path, data, mode)
}

var start = time.Date(2026, 3, 1, 2, 3, 4, 50e6, time.UTC)

// full has a value in each field.
func full() *Result {
	return &Result{
		Version: 1, Status: Failed, Exit: 65, InstanceID: "i-0123456789abcdef0", Source: "ec2",
		Started: start, Finished: start.Add(1500 * time.Millisecond), DurationMS: 1500, Configured: start.Add(time.Second),
		PID: 7, Dirty: true,
		Stages:   []Stage{{"fetch", 12.345}, {"check", 0.001}, {"write", 1000}, {"units", 0}},
		Services: []Service{{"amqp", true}, {"database", false}},
		Files:    []File{{"/etc/x <&> \"é\"", "created"}},
		Units:    []Unit{{"a.service", "restart", "done", ""}, {"b.service", "restart", "failed", "exit status 1\n"}},
		Lockout:  []Measure{{"imds", "done"}},
		Warnings: []finding.Finding{{Source: "user-data", Pos: finding.Pos{Line: 1, Column: 2}, Path: "amqp", Message: "is deprecated", Warning: true}},
		Error:    &Error{"invalid", []finding.Finding{{Source: "user-data", Message: "is empty"}}},
	}
}

func TestRecord(t *testing.T) {
	filled := reflect.ValueOf(*full())
	for i := range filled.NumField() {
		if filled.Field(i).IsZero() {
			t.Errorf("the record of the test has no %s", filled.Type().Field(i).Name)
		}
	}
	bare := full()
	bare.Error = &Error{Message: "a fault"}
	for name, r := range map[string]*Result{"full": full(), "new": New(start), "no findings": bare} {
		t.Run(name, func(t *testing.T) {
			var want bytes.Buffer
			enc := json.NewEncoder(&want)
			enc.SetEscapeHTML(false)
			enc.SetIndent("", "  ")
			if err := enc.Encode(r); err != nil {
				t.Fatal(err)
			}
			var kept, published disk
			if err := errors.Join(r.Keep(&kept), r.Publish(&published)); err != nil {
				t.Fatal(err)
			}
			if kept.text != want.String() {
				t.Errorf("kept as\n%s\nwant\n%s", kept.text, want.String())
			}
			if published.text != kept.text || kept.path != paths.Result || kept.mode != 0o600 || published.path != paths.Status || published.mode != 0o644 {
				t.Errorf("published as %+v", published)
			}
			again, err := ReadStatus(&published)
			if err != nil {
				t.Fatal(err)
			}
			for _, list := range []any{&again.Stages, &again.Services, &again.Files, &again.Units, &again.Lockout} {
				if v := reflect.ValueOf(list).Elem(); v.IsNil() {
					v.Set(reflect.MakeSlice(v.Type(), 0, 0))
				}
			}
			if !reflect.DeepEqual(again, r) {
				t.Errorf("read as\n%+v\nwant\n%+v", again, r)
			}
		})
	}
}

// The format is a promise: fields may be added, nothing else.
func TestFormat(t *testing.T) {
	const want = `{
  "version": 1,
  "status": "running",
  "exit": 0,
  "started": "2026-03-01T02:03:04.05Z",
  "duration_ms": 0,
  "stages": [],
  "services": [],
  "files": [],
  "units": [],
  "lockout": []
}
`
	var d disk
	if err := New(start).Keep(&d); err != nil || d.text != want {
		t.Errorf("%v, kept as\n%s", err, d.text)
	}
}

func TestReadStatus(t *testing.T) {
	r, err := ReadStatus(&disk{err: fs.ErrNotExist})
	if r != nil || err != nil {
		t.Errorf("without a file: %v, %v", r, err)
	}
	if _, err := ReadStatus(&disk{err: fs.ErrPermission}); !errors.Is(err, fs.ErrPermission) {
		t.Errorf("with one that can't be read: %v", err)
	}
	r, err = ReadStatus(&disk{text: `{"version": 2, "status": "configured", "later": {"x": []}, "pid": null}`})
	if err != nil || r.Status != Configured || !r.Final() {
		t.Errorf("with one of a later bootconf: %+v, %v", r, err)
	}
	for _, text := range []string{
		``, `null`, `[]`, `{}`, `{"version": 0}`, `{"version": "1"}`, `{"version": 1`, `{"version": 1, "exit": "0"}`,
		`{"version": 1, "started": "yesterday"}`, `{"version": 1, "files": {}}`, `{"version": 1, "files": [{"path": 1}]}`,
		`{"version": 1, "error": {"message": 1}}`, `{"version": 1, "error": "x"}`, `{"version": 1, "warnings": [1]}`,
	} {
		if r, err := ReadStatus(&disk{text: text}); err == nil || !strings.Contains(err.Error(), "it is no result of bootconf") {
			t.Errorf("%s: %+v, %v", text, r, err)
		}
	}
}

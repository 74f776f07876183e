package result

import (
	"time"

	"github.com/bootconf/bootconf/internal/document"
)

// Document is the record as it is written and printed.
func (r *Result) Document() *document.Node {
	n := document.NewObject()
	n.SetInt("version", int64(r.Version))
	n.SetString("status", r.Status)
	n.SetInt("exit", int64(r.Exit))
	n.SetIfAny("instance_id", r.InstanceID)
	n.SetIfAny("source", r.Source)
	n.SetString("started", r.Started.Format(time.RFC3339Nano))
	setTime(n, "finished", r.Finished)
	n.SetInt("duration_ms", r.DurationMS)
	setTime(n, "configured", r.Configured)
	if r.PID != 0 {
		n.SetInt("pid", int64(r.PID))
	}
	if r.Dirty {
		n.SetBool("dirty", true)
	}
	stages := n.AddArray("stages")
	for _, s := range r.Stages {
		o := stages.AddObject()
		o.SetString("name", s.Name)
		o.SetFloat("duration_ms", s.DurationMS)
	}
	services := n.AddArray("services")
	for _, s := range r.Services {
		o := services.AddObject()
		o.SetString("name", s.Name)
		o.SetBool("configured", s.Configured)
	}
	files := n.AddArray("files")
	for _, f := range r.Files {
		o := files.AddObject()
		o.SetString("path", f.Path)
		o.SetString("action", f.Action)
	}
	units := n.AddArray("units")
	for _, u := range r.Units {
		o := units.AddObject()
		o.SetString("name", u.Name)
		o.SetString("action", u.Action)
		o.SetString("result", u.Result)
		o.SetIfAny("detail", u.Detail)
	}
	lockout := n.AddArray("lockout")
	for _, m := range r.Lockout {
		o := lockout.AddObject()
		o.SetString("measure", m.Measure)
		o.SetString("result", m.Result)
	}
	if len(r.Warnings) > 0 {
		n.Set("warnings", document.NewFindings(r.Warnings))
	}
	if r.Error != nil {
		o := document.NewObject()
		o.SetString("message", r.Error.Message)
		if len(r.Error.Findings) > 0 {
			o.Set("findings", document.NewFindings(r.Error.Findings))
		}
		n.Set("error", o)
	}
	return n
}

func setTime(n *document.Node, name string, t time.Time) {
	if !t.IsZero() {
		n.SetString(name, t.Format(time.RFC3339Nano))
	}
}

// decode reads what Document has made, by this bootconf or one whose record has more fields.
func decode(text []byte) (r *Result, ok bool) {
	d := document.ReadRecord(text)
	r = &Result{
		Version:    int(d.Int("version")),
		Status:     d.String("status"),
		Exit:       int(d.Int("exit")),
		InstanceID: d.String("instance_id"),
		Source:     d.String("source"),
		Started:    readTime(d, "started"),
		Finished:   readTime(d, "finished"),
		DurationMS: d.Int("duration_ms"),
		Configured: readTime(d, "configured"),
		PID:        int(d.Int("pid")),
		Dirty:      d.Bool("dirty"),
		Warnings:   d.Findings("warnings"),
	}
	d.Each("stages", func(d *document.Record) {
		r.Stages = append(r.Stages, Stage{Name: d.String("name"), DurationMS: d.Float("duration_ms")})
	})
	d.Each("services", func(d *document.Record) {
		r.Services = append(r.Services, Service{Name: d.String("name"), Configured: d.Bool("configured")})
	})
	d.Each("files", func(d *document.Record) {
		r.Files = append(r.Files, File{Path: d.String("path"), Action: d.String("action")})
	})
	d.Each("units", func(d *document.Record) {
		r.Units = append(r.Units, Unit{Name: d.String("name"), Action: d.String("action"), Result: d.String("result"), Detail: d.String("detail")})
	})
	d.Each("lockout", func(d *document.Record) {
		r.Lockout = append(r.Lockout, Measure{Measure: d.String("measure"), Result: d.String("result")})
	})
	if e := d.Object("error"); e != nil {
		r.Error = &Error{Message: e.String("message"), Findings: e.Findings("findings")}
		d.Wrong = d.Wrong || e.Wrong
	}
	return r, !d.Wrong && r.Version >= 1
}

func readTime(d *document.Record, name string) time.Time {
	s := d.String(name)
	if s == "" {
		return time.Time{}
	}
	t, err := time.Parse(time.RFC3339, s)
	if err != nil {
		d.Wrong = true
	}
	return t
}

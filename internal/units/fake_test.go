package units

import (
	"bufio"
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/coreos/go-systemd/v22/dbus"
	godbus "github.com/godbus/dbus/v5"
)

// fake is the wire's other end: a socket that speaks D-Bus as systemd's own does, over units that a test has written
// down.
type fake struct {
	t      *testing.T
	socket string
	units  map[string]*fakeUnit // by each of their names

	mu      sync.Mutex
	conns   map[*net.UnixConn]bool
	calls   []string // what was asked for, less the questions
	jobs    uint32   // how many there have been
	listing int      // how many times the jobs have been listed
	checked func(properties map[string]any, out *os.File) string
}

// fakeUnit is one unit. Each time it is looked at, it is in the next of its states, and stays in the last.
type fakeUnit struct {
	id     string
	alias  string
	states []string // LOAD/ACTIVE/SUB
	looks  int
	job    string         // the type of the job it has, or ""
	later  string         // the type of the job that it has from the second time on that jobs are listed
	result string         // how a job for it ends: at once, or with "" never
	refuse string         // why there can be no job for it
	hangup bool           // a job for it ends the connection
	props  map[string]any // of every interface
	after  []string
	before []string
}

func newFake(t *testing.T, units ...*fakeUnit) *fake {
	t.Helper()
	// A socket's path is short (sun_path); the directory of the test may not be.
	dir, err := os.MkdirTemp("", "units")
	if err != nil {
		t.Fatal(err)
	}
	f := &fake{t: t, socket: filepath.Join(dir, "private"), units: map[string]*fakeUnit{}, conns: map[*net.UnixConn]bool{}}
	for _, u := range units {
		f.units[u.id] = u
		if u.alias != "" {
			f.units[u.alias] = u
		}
	}
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: f.socket, Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	var serving sync.WaitGroup
	t.Cleanup(func() {
		l.Close()
		f.hangUp()
		serving.Wait()
		os.RemoveAll(dir)
	})
	serving.Go(func() {
		for {
			c, err := l.AcceptUnix()
			if err != nil {
				return
			}
			serving.Go(func() { f.serve(c) })
		}
	})
	return f
}

// systemd is what is tested, connected to the fake.
func (f *fake) systemd() *Systemd {
	return &Systemd{
		dial: func(ctx context.Context) (*dbus.Conn, error) { return dialQuietAt(ctx, f.socket) },
		dialFD: func(ctx context.Context) (*dbus.Conn, error) {
			return dbus.NewConnection(func() (*godbus.Conn, error) {
				conn, err := godbus.Dial("unix:path="+f.socket, godbus.WithContext(ctx))
				if err == nil {
					err = conn.Auth([]godbus.Auth{godbus.AuthExternal(strconv.Itoa(os.Getuid()))})
				}
				return conn, err
			})
		},
		settle:  time.Millisecond,
		recheck: time.Millisecond,
	}
}

// called is what was asked for so far.
func (f *fake) called() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(f.calls)
}

func (f *fake) hangUp() {
	f.mu.Lock()
	defer f.mu.Unlock()
	for c := range f.conns {
		c.Close()
	}
}

func (f *fake) serve(c *net.UnixConn) {
	in := &fdReader{conn: c}
	lines := bufio.NewReaderSize(in, 16)
	for {
		line, err := lines.ReadString('\n')
		if err != nil {
			c.Close()
			return
		}
		switch line = strings.Trim(line, "\x00\r\n"); {
		case line == "AUTH":
			fmt.Fprint(c, "REJECTED EXTERNAL ALSO_Bl\r\n") // a B and an l, as messages begin with
		case strings.HasPrefix(line, "AUTH EXTERNAL"):
			fmt.Fprint(c, "OK 0123456789abcdef0123456789abcdef\r\n")
		case line == "NEGOTIATE_UNIX_FD":
			fmt.Fprint(c, "AGREE_UNIX_FD\r\n")
		}
		if line == "BEGIN" {
			break
		}
	}
	f.mu.Lock()
	f.conns[c] = true
	f.mu.Unlock()
	defer func() {
		f.mu.Lock()
		defer f.mu.Unlock()
		delete(f.conns, c)
		c.Close()
	}()
	for {
		m, err := readMessage(lines, in)
		if err != nil {
			return
		}
		f.mu.Lock()
		f.noise(c)
		f.answer(c, m)
		f.mu.Unlock()
	}
}

// fdReader reads a socket and collects the file descriptors that come along.
type fdReader struct {
	conn *net.UnixConn
	fds  []int
}

func (r *fdReader) Read(p []byte) (int, error) {
	oob := make([]byte, 256)
	n, oobn, _, _, err := r.conn.ReadMsgUnix(p, oob)
	if scms, err := syscall.ParseSocketControlMessage(oob[:max(oobn, 0)]); err == nil {
		for _, scm := range scms {
			fds, _ := syscall.ParseUnixRights(&scm)
			r.fds = append(r.fds, fds...)
		}
	}
	if n <= 0 && err == nil {
		err = io.EOF
	}
	return max(n, 0), err
}

func readMessage(in io.Reader, fds *fdReader) (*godbus.Message, error) {
	head := make([]byte, 16)
	if _, err := io.ReadFull(in, head); err != nil {
		return nil, err
	}
	body, fields := binary.LittleEndian.Uint32(head[4:]), binary.LittleEndian.Uint32(head[12:])
	rest := make([]byte, (fields+7)&^7+body)
	if _, err := io.ReadFull(in, rest); err != nil {
		return nil, err
	}
	defer func() { fds.fds = nil }()
	return godbus.DecodeMessageWithFDs(bytes.NewReader(append(head, rest...)), fds.fds)
}

func (f *fake) send(c *net.UnixConn, m *godbus.Message) {
	var b bytes.Buffer
	if len(m.Body) > 0 {
		m.Headers[godbus.FieldSignature] = godbus.MakeVariant(godbus.SignatureOf(m.Body...))
	}
	if err := m.EncodeTo(&b, binary.LittleEndian); err != nil {
		f.t.Errorf("the fake cannot encode: %v", err)
	}
	c.Write(b.Bytes())
}

func (f *fake) signal(path godbus.ObjectPath, name string, body ...any) {
	dot := strings.LastIndexByte(name, '.')
	for c := range f.conns {
		f.send(c, &godbus.Message{Type: godbus.TypeSignal, Headers: map[godbus.HeaderField]godbus.Variant{
			godbus.FieldPath:      godbus.MakeVariant(path),
			godbus.FieldInterface: godbus.MakeVariant(name[:dot]),
			godbus.FieldMember:    godbus.MakeVariant(name[dot+1:]),
		}, Body: body})
	}
}

// noise is what systemd tells everyone all the time.
func (f *fake) noise(*net.UnixConn) {
	f.signal("/org/freedesktop/systemd1/unit/x_2eservice", "org.freedesktop.DBus.Properties.PropertiesChanged",
		"org.freedesktop.systemd1.Unit", map[string]godbus.Variant{"ActiveState": godbus.MakeVariant("active")}, []string{strings.Repeat("x", 5000)})
	f.signal("/org/freedesktop/systemd1", "org.freedesktop.systemd1.Manager.UnitNew", "x.service", godbus.ObjectPath("/x"))
}

func (f *fake) answer(c *net.UnixConn, m *godbus.Message) {
	member, _ := m.Headers[godbus.FieldMember].Value().(string)
	path, _ := m.Headers[godbus.FieldPath].Value().(godbus.ObjectPath)
	reply := func(body ...any) {
		f.send(c, &godbus.Message{Type: godbus.TypeMethodReply, Body: body,
			Headers: map[godbus.HeaderField]godbus.Variant{godbus.FieldReplySerial: godbus.MakeVariant(m.Serial())}})
	}
	fail := func(name, text string) {
		f.send(c, &godbus.Message{Type: godbus.TypeError, Body: []any{text}, Headers: map[godbus.HeaderField]godbus.Variant{
			godbus.FieldReplySerial: godbus.MakeVariant(m.Serial()), godbus.FieldErrorName: godbus.MakeVariant(name)}})
	}
	switch member {
	case "ListUnitsByNames":
		var out []dbus.UnitStatus
		for _, name := range m.Body[0].([]string) {
			u := f.units[name]
			if u == nil {
				out = append(out, dbus.UnitStatus{Name: name, LoadState: "not-found", ActiveState: "inactive", SubState: "dead", Path: "/", JobPath: "/"})
				continue
			}
			state := strings.Split(u.states[min(u.looks, len(u.states)-1)], "/")
			u.looks++
			s := dbus.UnitStatus{Name: u.id, LoadState: state[0], ActiveState: state[1], SubState: state[2], Path: "/", JobPath: "/", JobType: u.job}
			if u.job != "" {
				s.JobId = 1
			}
			out = append(out, s)
		}
		reply(out)
	case "ListJobs":
		f.listing++
		out := []dbus.JobStatus{}
		for name, u := range f.units {
			job := u.job
			if u.later != "" && f.listing > 1 {
				job = u.later
			}
			if job != "" && name == u.id {
				out = append(out, dbus.JobStatus{Id: 1, Unit: u.id, JobType: job, Status: "waiting", JobPath: "/", UnitPath: "/"})
			}
		}
		reply(out)
	case "RestartUnit", "StartUnit":
		name := m.Body[0].(string)
		f.calls = append(f.calls, fmt.Sprintf("%s %s %s", member, name, m.Body[1]))
		u := f.units[name]
		if u.hangup {
			for c := range f.conns {
				c.Close()
			}
			return
		}
		if u.refuse != "" {
			fail("org.freedesktop.systemd1.TransactionIsDestructive", u.refuse)
			return
		}
		f.jobs++
		job := godbus.ObjectPath(fmt.Sprintf("/org/freedesktop/systemd1/job/%d", f.jobs))
		reply(job)
		if u.job = "restart"; u.result != "" {
			u.job = ""
			f.end(job, u.id, u.result)
		}
	case "StartTransientUnit":
		f.transient(m, reply)
	case "ResetFailedUnit", "KillUnit":
		f.calls = append(f.calls, member+" "+m.Body[0].(string))
		reply()
	case "Get":
		name, _ := strings.CutPrefix(string(path), "/org/freedesktop/systemd1/unit/")
		var u *fakeUnit
		for id := range f.units {
			if dbus.PathBusEscape(id) == name {
				u = f.units[id]
			}
		}
		if u == nil {
			fail("org.freedesktop.DBus.Error.UnknownObject", "no such unit")
			return
		}
		property := m.Body[1].(string)
		value, ok := u.props[property]
		switch {
		case property == "After":
			value = append([]string{}, u.after...)
		case property == "Before":
			value = append([]string{}, u.before...)
		case property == "InvocationID" && !ok:
			value = []byte{1}
		case property == "ConditionResult" && !ok:
			value = true
		case property == "Result" && !ok:
			value = "success"
		case property == "ExecMainStatus" && !ok:
			value = int32(0)
		case !ok:
			fail("org.freedesktop.DBus.Error.UnknownProperty", "no such property")
			return
		}
		if list, ok := value.([]any); ok { // one for each time it is asked
			value = list[0]
			if len(list) > 1 {
				u.props[property] = list[1:]
			}
		}
		reply(godbus.MakeVariant(value))
	default:
		fail("org.freedesktop.DBus.Error.UnknownMethod", "no such method "+member)
	}
}

// end tells everyone that a job has ended.
func (f *fake) end(job godbus.ObjectPath, unit, result string) {
	f.signal("/org/freedesktop/systemd1", "org.freedesktop.systemd1.Manager.JobRemoved", uint32(f.jobs), job, unit, result)
}

// transient starts a unit of the test's: f.checked does its work and says how the job ends, "" for never.
func (f *fake) transient(m *godbus.Message, reply func(...any)) {
	name := m.Body[0].(string)
	f.calls = append(f.calls, fmt.Sprintf("StartTransientUnit %s %s", name, m.Body[1]))
	properties := map[string]any{}
	for _, p := range m.Body[2].([][]any) {
		properties[p[0].(string)] = p[1].(godbus.Variant).Value()
	}
	f.jobs++
	job := godbus.ObjectPath(fmt.Sprintf("/org/freedesktop/systemd1/job/%d", f.jobs))
	f.units[name] = &fakeUnit{id: name, states: []string{"loaded/failed/failed"}, props: map[string]any{}}
	reply(job)
	out := os.NewFile(uintptr(properties["StandardOutputFileDescriptor"].(godbus.UnixFD)), "out")
	syscall.Close(int(properties["StandardErrorFileDescriptor"].(godbus.UnixFD)))
	result := f.checked(properties, out)
	if result == "" {
		return // it hangs, with the pipe open
	}
	out.Close()
	f.end(job, name, result)
}

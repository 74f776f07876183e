package units

import (
	"bufio"
	"bytes"
	"context"
	"encoding/binary"
	"io"
	"net"
	"os"
	"strconv"

	"github.com/coreos/go-systemd/v22/dbus"
	godbus "github.com/godbus/dbus/v5"
)

// private is systemd's own socket.
const private = "/run/systemd/private"

// dialQuiet connects to systemd over connections that carry replies and ends of jobs. systemd sends each connection
// of root every change of every unit, wanted or not; to decode those of a boot costs more than all else that
// bootconf does in it.
func dialQuiet(ctx context.Context) (*dbus.Conn, error) { return dialQuietAt(ctx, private) }

func dialQuietAt(ctx context.Context, socket string) (*dbus.Conn, error) {
	return dbus.NewConnection(func() (*godbus.Conn, error) {
		var d net.Dialer
		c, err := d.DialContext(ctx, "unix", socket)
		if err != nil {
			return nil, err
		}
		conn, err := godbus.NewConn(&quiet{WriteCloser: c, in: bufio.NewReader(c)}, godbus.WithContext(ctx))
		if err != nil {
			c.Close()
			return nil, err
		}
		if err := conn.Auth([]godbus.Auth{godbus.AuthExternal(strconv.Itoa(os.Geteuid()))}); err != nil {
			conn.Close()
			return nil, err
		}
		return conn, nil
	})
}

// quiet is a D-Bus connection less the signals that nobody waits for.
type quiet struct {
	io.WriteCloser
	in   *bufio.Reader
	left int // of the message or line that is being read
}

func (q *quiet) Read(p []byte) (int, error) {
	for q.left == 0 {
		size, wanted, err := q.next()
		if err != nil {
			return 0, err
		}
		if wanted {
			q.left = size
		} else if _, err := q.in.Discard(size); err != nil {
			return 0, err
		}
	}
	n, err := q.in.Read(p[:min(len(p), q.left)])
	q.left -= n
	return n, err
}

// next is the size of what comes next, and whether it is wanted.
func (q *quiet) next() (size int, wanted bool, err error) {
	head, err := q.in.Peek(1)
	if err != nil {
		return 0, false, err
	}
	var order binary.ByteOrder = binary.LittleEndian
	switch head[0] {
	case 'l':
	case 'B':
		order = binary.BigEndian
	default: // a line of the authentication, which goes before all messages
		for size = 1; head[size-1] != '\n'; size++ {
			if head, err = q.in.Peek(size + 1); err != nil {
				return 0, false, err
			}
		}
		return size, true, nil
	}
	// The fixed header is the byte order, the type, flags, the version, the length of the body, the serial and the
	// length of the fields, which are padded to 8 bytes (D-Bus specification, "Message Format").
	const fixed, signal = 16, 4
	if head, err = q.in.Peek(fixed); err != nil {
		return 0, false, err
	}
	body, fields := int(order.Uint32(head[4:])), int(order.Uint32(head[12:]))
	fields = (fields + 7) &^ 7
	size = fixed + fields + body
	if head[1] != signal || fixed+fields > q.in.Size() {
		return size, true, nil
	}
	if head, err = q.in.Peek(fixed + fields); err != nil {
		return 0, false, err
	}
	return size, bytes.Contains(head, []byte("JobRemoved")), nil
}

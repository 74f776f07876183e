package units

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"io"
	"strings"
	"testing"
	"testing/iotest"

	godbus "github.com/godbus/dbus/v5"
)

func TestQuiet(t *testing.T) {
	encode := func(order binary.ByteOrder, kind godbus.Type, member string, body ...any) []byte {
		m := &godbus.Message{Type: kind, Body: body, Headers: map[godbus.HeaderField]godbus.Variant{
			godbus.FieldSignature: godbus.MakeVariant(godbus.SignatureOf(body...)),
		}}
		switch kind {
		case godbus.TypeSignal:
			m.Headers[godbus.FieldPath] = godbus.MakeVariant(godbus.ObjectPath("/org/freedesktop/systemd1"))
			m.Headers[godbus.FieldInterface] = godbus.MakeVariant("org.freedesktop.systemd1.Manager")
			m.Headers[godbus.FieldMember] = godbus.MakeVariant(member)
		case godbus.TypeError:
			m.Headers[godbus.FieldErrorName] = godbus.MakeVariant("org.freedesktop.systemd1.NoSuchUnit")
			fallthrough
		default:
			m.Headers[godbus.FieldReplySerial] = godbus.MakeVariant(uint32(1))
		}
		var b bytes.Buffer
		if err := m.EncodeTo(&b, order); err != nil {
			t.Fatal(err)
		}
		return b.Bytes()
	}
	long := strings.Repeat("JobRemoved", 2000)
	for _, order := range []binary.ByteOrder{binary.LittleEndian, binary.BigEndian} {
		parts := []struct {
			bytes  []byte
			wanted bool
		}{
			{[]byte("REJECTED EXTERNAL l\r\n"), true},
			{[]byte("OK Bl\r\n"), true},
			{encode(order, godbus.TypeSignal, "UnitNew", "x"), false},
			{encode(order, godbus.TypeMethodReply, "", long), true},
			{encode(order, godbus.TypeSignal, "PropertiesChanged", long), false},
			{encode(order, godbus.TypeSignal, "JobRemoved", uint32(1), "a"), true},
			{encode(order, godbus.TypeError, "", "no"), true},
			{encode(order, godbus.TypeSignal, "JobNew", uint32(1)), false},
			{encode(order, godbus.TypeSignal, "JobRemoved", uint32(2), "b"), true},
		}
		var in, want []byte
		for _, p := range parts {
			in = append(in, p.bytes...)
			if p.wanted {
				want = append(want, p.bytes...)
			}
		}
		for name, r := range map[string]io.Reader{"whole": bytes.NewReader(in), "byte by byte": iotest.OneByteReader(bytes.NewReader(in))} {
			got, err := io.ReadAll(&quiet{in: bufio.NewReader(r)})
			if err != nil || !bytes.Equal(got, want) {
				t.Errorf("%s, %v: %d bytes, %v; want %d", name, order, len(got), err, len(want))
			}
		}
		cut := in[:len(in)-3]
		if _, err := io.ReadAll(&quiet{in: bufio.NewReader(bytes.NewReader(cut))}); err != nil && err != io.ErrUnexpectedEOF {
			t.Errorf("cut off: %v", err)
		}
	}
}

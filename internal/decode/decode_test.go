package decode

import (
	"bytes"
	"compress/gzip"
	"encoding/base64"
	"io"
	"runtime"
	"strings"
	"testing"

	"github.com/bootconf/bootconf/internal/document"
)

func pack(t testing.TB, s string) string {
	t.Helper()
	var b bytes.Buffer
	zw := gzip.NewWriter(&b)
	if _, err := io.WriteString(zw, s); err != nil {
		t.Fatal(err)
	}
	if err := zw.Close(); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func b64(s string) string { return base64.StdEncoding.EncodeToString([]byte(s)) }

// wrap breaks lines as base64(1) does.
func wrap(s, end string) string {
	var b strings.Builder
	for len(s) > 76 {
		b.WriteString(s[:76] + end)
		s = s[76:]
	}
	return b.String() + s + end
}

const plain = "{\"database\": {\"password\": \"s3cr3t-canary\"},\n \"amqp\": \"amqp://mq.prod.internal/\", \"windtrap\": {\"workers\": 4}}"

func TestDecode(t *testing.T) {
	full := `{"a": "` + strings.Repeat("x", MaxSize-9) + `"}`
	for _, c := range []struct{ name, raw string }{
		{"plain", plain},
		{"blanks around", "\r\n\t " + plain + "\n\n"},
		{"gzip", pack(t, plain)},
		{"gzip of several members", pack(t, plain[:20]) + pack(t, plain[20:])},
		{"base64", b64(plain)},
		{"base64, a line", b64(plain) + "\n"},
		{"base64, lines", wrap(b64(plain), "\n")},
		{"base64, CRLF lines", wrap(b64(plain), "\r\n")},
		{"base64, blanks around", "  " + b64(plain) + "\n "},
		{"base64 of blanks and text", b64("\n\n " + plain)},
		{"base64 of gzip", b64(pack(t, plain))},
		{"base64 of gzip, lines", wrap(b64(pack(t, plain)), "\n")},
	} {
		t.Run(c.name, func(t *testing.T) {
			doc, found := Decode("user-data", []byte(c.raw))
			if len(found) > 0 {
				t.Fatal(found)
			}
			if got := doc.Get("database").Get("password").Plain() + doc.Get("windtrap").Get("workers").Plain(); got != "s3cr3t-canary4" {
				t.Errorf("values read as %q", got)
			}
		})
	}
	for _, c := range []struct{ name, raw string }{
		{"largest", full}, {"largest, gzip", pack(t, full)}, {"largest, base64", wrap(b64(full), "\r\n")}, {"largest, base64 of gzip", b64(pack(t, full))},
	} {
		t.Run(c.name, func(t *testing.T) {
			doc, found := Decode("user-data", []byte(c.raw))
			if len(found) > 0 {
				t.Fatal(found)
			}
			if n := doc.Get("a").Text.Len(); n != MaxSize-9 {
				t.Errorf("value of %d bytes", n)
			}
		})
	}
}

func TestFindings(t *testing.T) {
	const (
		object = "must be a JSON object; "
		inB64  = "must be a JSON object within the base64; "
		inGzip = "must be a JSON object within the gzip; "
	)
	large := `{"a": "` + strings.Repeat("x", MaxSize) + `"}`
	page := "<?xml version=\"1.0\" encoding=\"iso-8859-1\"?>\n<!DOCTYPE html PUBLIC \"-//W3C//DTD XHTML 1.0 Transitional//EN\"\n"
	for _, c := range []struct{ name, raw, want string }{
		{"empty", "", "user-data: must be a JSON object, is empty"},
		{"blank", " \n\t\r\n", "user-data: must be a JSON object, is empty"},
		{"gzip of nothing", pack(t, ""), "user-data: must be a JSON object, is empty within the gzip"},
		{"cloud-config", "#cloud-config\npassword: s3cr3t-canary\n", "user-data:1:1: " + object + "this looks like #cloud-config, which is cloud-init's and not read here"},
		{"cloud-config, gzip", pack(t, "#cloud-config\n"), "user-data:1:1: " + inGzip + "this looks like #cloud-config, which is cloud-init's and not read here"},
		{"cloud-config, base64", b64("\n\n#cloud-config\n"), "user-data:3:1: " + inB64 + "this looks like #cloud-config, which is cloud-init's and not read here"},
		{"script", "#!/bin/sh\nexport PASSWORD=s3cr3t-canary\n", "user-data:1:1: " + object + "this looks like a script (#!), and nothing of user data is ever run"},
		{"include", "#include\nhttps://s3cr3t-canary/\n", "user-data:1:1: " + object + "this looks like user data for cloud-init, which is not read here"},
		{"jinja", "## template: jinja\n#cloud-config\n", "user-data:1:1: " + object + "this looks like user data for cloud-init, which is not read here"},
		{"MIME by its content type", "Content-Type: multipart/mixed; boundary=\"s3cr3t-canary\"\n", "user-data:1:1: " + object + "this looks like MIME, as cloud-init takes several parts; give the JSON alone"},
		{"MIME by its version", "MIME-Version: 1.0\n", "user-data:1:1: " + object + "this looks like MIME, as cloud-init takes several parts; give the JSON alone"},
		{"MIME by its sender", "From nobody Thu Jan  1 00:00:00 1970\n", "user-data:1:1: " + object + "this looks like MIME, as cloud-init takes several parts; give the JSON alone"},
		{"YAML", "database:\n  password: s3cr3t-canary\n", "user-data:1:1: " + object + "this looks like YAML; convert it to JSON"},
		{"YAML, a value", "password: s3cr3t-canary\n", "user-data:1:1: " + object + "this looks like YAML; convert it to JSON"},
		{"YAML, a document", "---\nx: s3cr3t-canary\n", "user-data:1:1: " + object + "this looks like YAML; convert it to JSON"},
		{"YAML, a list", "\n  - s3cr3t-canary\n", "user-data:2:3: " + object + "this looks like YAML; convert it to JSON"},
		{"YAML beyond ASCII, cut within a letter", "a: " + strings.Repeat("é", 400), "user-data:1:1: " + object + "this looks like YAML; convert it to JSON"},
		{"variables", "PASSWORD=s3cr3t-canary\n", "user-data:1:1: " + object + "this looks like lines of NAME=VALUE; convert it to JSON"},
		{"HTML", "\n<!DOCTYPE html><html><body>s3cr3t-canary", "user-data:2:1: " + object + "this looks like an HTML page; did something other than the metadata service answer?"},
		{"XHTML", page, "user-data:1:1: " + object + "this looks like XML or HTML; did something other than the metadata service answer?"},
		{"PowerShell", "<powershell>s3cr3t-canary</powershell>", "user-data:1:1: " + object + "this looks like a script for Windows, and nothing of user data is ever run"},
		{"PEM", "-----BEGIN PRIVATE KEY-----\ns3cr3t-canary\n", "user-data:1:1: " + object + "this looks like PEM"},
		{"xz", "\xfd7zXZ\x00\x00\x04", "user-data:1:1: " + object + "this looks compressed by another program than gzip"},
		{"zip", "PK\x03\x04\x00", "user-data:1:1: " + object + "this looks compressed by another program than gzip"},
		{"binary", "\x7fELF\x02\x01\x01s3cr3t-canary", "user-data:1:1: " + object + "this looks like binary data"},
		{"UTF-16 without a mark", "{\x00\"\x00a\x00", "user-data:1:1: " + object + "this looks like UTF-16; save it as UTF-8"},
		{"UTF-16", "\xff\xfe{\x00}\x00", "user-data:1:1: begins with a byte-order mark (UTF-16, little-endian); save it as UTF-8 without one"},
		{"UTF-16 in the other order", "\xfe\xff\x00{\x00}", "user-data:1:1: begins with a byte-order mark (UTF-16, big-endian); save it as UTF-8 without one"},
		{"UTF-16, base64", b64("\xff\xfe{\x00}\x00"), "user-data:1:1: begins with a byte-order mark (UTF-16, little-endian); save it as UTF-8 without one"},
		{"UTF-8 with a mark", "\xef\xbb\xbf{}", "user-data:1:1: begins with a byte-order mark (UTF-8); save it as UTF-8 without one"},
		{"UTF-8 with a mark and another fault", "\xef\xbb\xbf{\"a\": s3cr3t-canary}", "user-data:1:1: begins with a byte-order mark (UTF-8); save it as UTF-8 without one\n" +
			"user-data:1:10: is no JSON here: expected a value, a name in double quotes, a comma or a closing bracket"},
		{"UTF-8 with a mark and nothing else", "\xef\xbb\xbf", "user-data:1:1: begins with a byte-order mark (UTF-8); save it as UTF-8 without one\nuser-data: must be a JSON object, is empty"},

		{"base64 twice", b64(b64(plain)), "user-data:1:1: " + inB64 + "this looks packed once more; pack it with gzip once, or base64 once, or gzip and then base64"},
		{"base64 of base64 of gzip", b64(b64(pack(t, plain))), "user-data:1:1: " + inB64 + "this looks packed once more; pack it with gzip once, or base64 once, or gzip and then base64"},
		{"gzip twice", pack(t, pack(t, plain)), "user-data:1:1: " + inGzip + "this looks packed once more; pack it with gzip once, or base64 once, or gzip and then base64"},
		{"gzip of base64", pack(t, b64(plain)), "user-data:1:1: " + inGzip + "this looks packed once more; pack it with gzip once, or base64 once, or gzip and then base64"},
		{"base64 cut off", b64(plain)[:81], "user-data:1:1: " + object + "this looks like base64, but does not decode; is it cut off?"},
		{"base64 of gzip cut off between quanta", b64(pack(t, plain))[:40], "user-data: looks like gzip, but ends too early; is it cut off?"},
		{"gzip cut off", pack(t, plain)[:40], "user-data: looks like gzip, but ends too early; is it cut off?"},
		{"gzip cut off in its header", pack(t, plain)[:5], "user-data: looks like gzip, but ends too early; is it cut off?"},
		{"gzip without its checksum", pack(t, plain)[:len(pack(t, plain))-8], "user-data: looks like gzip, but ends too early; is it cut off?"},
		{"gzip damaged", strings.Replace(pack(t, plain), pack(t, plain)[30:34], "\x00\xff\x00\xff", 1), "user-data: looks like gzip, but is damaged, or something follows it"},
		{"gzip with something behind", pack(t, plain) + "s3cr3t-canary of ten bytes", "user-data: looks like gzip, but is damaged, or something follows it"},

		{"too large", large, "user-data: must be at most 1048576 bytes, is 1048585"},
		{"too large, gzip", pack(t, large), "user-data: must be at most 1048576 bytes, unpacks to more"},
		{"too large, base64", b64(large), "user-data: must be at most 1048576 bytes, is 1048585"},
		{"too large, base64 of gzip", b64(pack(t, large)), "user-data: must be at most 1048576 bytes, unpacks to more"},
		{"far too large", strings.Repeat("A", maxPacked+1), "user-data: must be at most 1048576 bytes, is 2097153"},

		{"a word that is base64 too", "null", "user-data:1:1: must be a JSON object, is of type null"},
		{"a number that is base64 too", " 12345678", "user-data:1:2: must be a JSON object, is of type number"},
		{"an array", "[1, 2]", "user-data:1:1: must be a JSON object, is of type array"},
		{"an array, base64", b64("\n[]"), "user-data:2:1: must be a JSON object, is of type array"},
		{"a string", `"s3cr3t-canary"`, "user-data:1:1: must be a JSON object, is of type string"},
		{"a comment", "// x\n{}", "user-data:1:1: JSON has no comments; use a key that starts with x- instead"},
		{"broken JSON in base64", b64("{\"a\": 1,\n\"a\": s3cr3t-canary}"), "user-data:2:6: is no JSON here: expected a value, a name in double quotes, a comma or a closing bracket"},
		{"one byte that is not UTF-8", "{\"a\": \"s3cr3t-canary\xff\"}", "user-data:1:21: a: must be UTF-8: byte 0xff here is none"},
	} {
		t.Run(c.name, func(t *testing.T) {
			doc, found := Decode("user-data", []byte(c.raw))
			if got := found.Error(); got != c.want {
				t.Errorf("got  %s\nwant %s", got, c.want)
			}
			if doc != nil && doc.Kind != document.Object {
				t.Errorf("gave a document of type %s", doc.Kind)
			}
			if strings.Contains(found.Error(), "canary") {
				t.Error("a finding quotes the text")
			}
		})
	}
}

// A document that has faults, but not such as end the reading, is given, so that the rest is checked too.
func TestDocumentWithFindings(t *testing.T) {
	doc, found := Decode("user-data", []byte("\xef\xbb\xbf{\"a\": 1, \"a\": 2}"))
	if found.Faults() != 2 || doc.Get("a") == nil {
		t.Errorf("document %v with %v", doc, found)
	}
}

func TestBomb(t *testing.T) {
	var b bytes.Buffer
	zw := gzip.NewWriter(&b)
	zeros := make([]byte, 1<<20)
	for range 64 {
		zw.Write(zeros)
	}
	zw.Close()
	for _, c := range []struct{ name, raw string }{{"gzip", b.String()}, {"base64 of gzip", b64(b.String())}} {
		t.Run(c.name, func(t *testing.T) {
			raw := []byte(c.raw)
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			_, found := Decode("user-data", raw)
			runtime.ReadMemStats(&after)
			if want := "user-data: must be at most 1048576 bytes, unpacks to more"; found.Error() != want {
				t.Errorf("got  %s\nwant %s", found.Error(), want)
			}
			if spent := after.TotalAlloc - before.TotalAlloc; spent > 12<<20 {
				t.Errorf("took %d bytes of memory for %d bytes of input", spent, len(raw))
			}
		})
	}
}

func FuzzDecode(f *testing.F) {
	for _, s := range []string{
		"", "{}", plain, pack(f, plain), b64(plain), b64(pack(f, plain)), b64(b64(plain)), pack(f, pack(f, plain)), wrap(b64(plain), "\r\n"),
		"\xef\xbb\xbf{}", "\xff\xfe{\x00}\x00", "#cloud-config\n", "#!/bin/sh\n", "MIME-Version: 1.0\n", "a: b\n", "A=b\n", "<html>", "null", "\x1f\x8b", "\x1f\x8b\x08",
		pack(f, strings.Repeat("{", 4096)), `{"a": 1, "a": 2}`, "{\"a\": \"\xff\"}", `{"a": "\ud800"}`,
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		given := bytes.Clone(raw)
		doc, found := Decode("user-data", raw)
		if !bytes.Equal(raw, given) {
			t.Error("the input was changed")
		}
		if doc == nil && found.Faults() == 0 {
			t.Error("neither a document nor a finding")
		}
		if doc != nil && doc.Kind != document.Object {
			t.Errorf("gave a document of type %s", doc.Kind)
		}
		for _, p := range found {
			if p.Source != "user-data" || p.Message == "" || strings.ContainsRune(p.Message, '\n') || (p.Line == 0) != (p.Column == 0) || p.Column < 0 {
				t.Errorf("a finding that does not read as one: %#v", p)
			}
		}
		// Packing is transparent: the same text gives the same findings, but for where it was found.
		if len(raw) > 0 && raw[0] == '{' {
			if _, packed := Decode("user-data", []byte(b64(pack(t, string(raw))))); len(packed) != len(found) {
				t.Errorf("%d findings packed, %d plain", len(packed), len(found))
			}
		}
	})
}

package secret

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"testing"
)

const canary = "canary-7f3a"

func TestTextNeverPrints(t *testing.T) {
	type holder struct {
		Public  Text
		private Text
		list    []Text
		byName  map[string]Text
	}
	text := New(canary)
	h := holder{text, text, []Text{text}, map[string]Text{"a": text}}
	var out bytes.Buffer
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d", "%T", "%t", "%10s", "%-3v", "%p"} {
		fmt.Fprintf(&out, verb+"\n", text)
		fmt.Fprintf(&out, verb+"\n", &text)
		fmt.Fprintf(&out, verb+"\n", h)
		fmt.Fprintf(&out, verb+"\n", &h)
		fmt.Fprintf(&out, verb+"\n", []any{text, h})
	}
	fmt.Fprintln(&out, text, h, fmt.Errorf("wrapped: %v", text))
	if err := json.NewEncoder(&out).Encode(map[string]any{"a": text, "b": h, "c": map[string]Text{"d": text}}); err != nil {
		t.Fatal(err)
	}
	slog.New(slog.NewJSONHandler(&out, nil)).Info("m", "a", text, "h", h)
	slog.New(slog.NewTextHandler(&out, nil)).Info("m", "a", text, "h", h)
	for _, form := range []string{canary, fmt.Sprintf("%x", canary), fmt.Sprintf("%X", canary), fmt.Sprintf("%d", []byte(canary))} {
		if strings.Contains(out.String(), form) {
			t.Errorf("%q is in the output:\n%s", form, out.String())
		}
	}
	if !strings.Contains(out.String(), Mask) {
		t.Error("the output has no mask at all")
	}
	if text.Reveal() != canary {
		t.Errorf("Reveal gives %q", text.Reveal())
	}
}

func TestRedact(t *testing.T) {
	key := "-----BEGIN KEY-----\nMIIabc\n-----END KEY-----\n"
	for _, c := range []struct {
		text    string
		secrets []string
		want    string
	}{
		{"login s3cret failed", []string{"s3cret"}, "login [secret] failed"},
		{"s3cret-long and s3cret", []string{"s3cret", "s3cret-long"}, "[secret] and [secret]"},
		{"bad line: MIIabc", []string{key}, "bad line: [secret]"},
		{"nothing", []string{""}, "nothing"},
		{"a", []string{"a"}, "[secret]"},
	} {
		var secrets []Text
		for _, s := range c.secrets {
			secrets = append(secrets, New(s))
		}
		if got := Redact(c.text, secrets); got != c.want {
			t.Errorf("Redact(%q) = %q, want %q", c.text, got, c.want)
		}
	}
}

package document

import (
	"encoding/json"
	"os"
	"testing"
)

// The reference is encoding/json into any, which keeps no positions.
func BenchmarkParse(b *testing.B) {
	text, err := os.ReadFile("../kinds/database/schema.json")
	if err != nil {
		b.Fatal(err)
	}
	b.Run("document", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if n, _ := Parse("d", text); n == nil {
				b.Fatal("no document")
			}
		}
	})
	b.Run("encoding/json", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			var v any
			if err := json.Unmarshal(text, &v); err != nil {
				b.Fatal(err)
			}
		}
	})
}

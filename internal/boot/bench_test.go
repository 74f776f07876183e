package boot

import (
	"os"
	"testing"

	"github.com/bootconf/bootconf/internal/rootfs"
)

// BenchmarkCheck is all of a first boot that is neither a request nor a write, on the example image.
func BenchmarkCheck(b *testing.B) {
	root, err := rootfs.Open("../../examples/windtrap/image")
	if err != nil {
		b.Fatal(err)
	}
	defer root.Close()
	raw, err := os.ReadFile("../../examples/windtrap/user-data.json")
	if err != nil {
		b.Fatal(err)
	}
	b.Run("load", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, _, err := LoadImage(root); err != nil {
				b.Fatal(err)
			}
		}
	})
	img, program, err := LoadImage(root)
	if err != nil {
		b.Fatal(err)
	}
	b.Run("check", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, err := Check(img, program, UserDataName, raw, true, Placeholders); err != nil {
				b.Fatal(err)
			}
		}
	})
}

package cli

import (
	"bytes"
	"encoding/json"
	"fmt"
	"runtime"
	"strings"
	"testing"

	"github.com/bootconf/bootconf/internal/document"
	"github.com/bootconf/bootconf/internal/version"
)

// call runs a command line and returns what it printed on standard output.
func call(t *testing.T, stdin string, want int, args ...string) string {
	t.Helper()
	var out, diagnostics bytes.Buffer
	if got := Main(append([]string{"bootconf"}, args...), strings.NewReader(stdin), &out, &diagnostics); got != want {
		t.Fatalf("%q: exit %d, want %d\n%s%s", args, got, want, out.String(), diagnostics.String())
	}
	return out.String()
}

const example = "../../examples/windtrap"

// What programs read is a promise: members may be added, nothing else.
func TestJSON(t *testing.T) {
	got := call(t, "", 0, "version", "-o", "json")
	want := fmt.Sprintf(`{
  "version": %q,
  "commit": %q,
  "date": %q,
  "go": %q,
  "platform": %q
}
`, version.Version, version.Commit, version.Date, runtime.Version(), runtime.GOOS+"/"+runtime.GOARCH)
	if got != want {
		t.Errorf("version: got\n%s\nwant\n%s", got, want)
	}

	got = call(t, "{\n\"nope\": 1}", 65, "validate", "--image", example+"/image", "-o", "json", "-")
	var verdict struct {
		Findings []struct{ Source, Path, Message string }
	}
	if err := json.Unmarshal([]byte(got), &verdict); err != nil {
		t.Fatal(err)
	}
	head := `{
  "source": "stdin",
  "valid": false,
  "bytes": 12,
  "max_bytes": 16384,
  "services": [],
  "findings": [
    {
      "source": "stdin",
      "line": `
	if !strings.HasPrefix(got, head) || len(verdict.Findings) < 2 || verdict.Findings[0].Source != "stdin" || verdict.Findings[0].Message == "" {
		t.Errorf("validate: got\n%s", got)
	}
	got = call(t, "", 0, "validate", "--image", example+"/image", "-o", "json", example+"/user-data.json")
	if tail := "  \"findings\": []\n}\n"; !strings.Contains(got, "\"valid\": true") || !strings.HasSuffix(got, tail) {
		t.Errorf("validate: got\n%s", got)
	}

	got = call(t, "", 0, "plan", "--image", example+"/image", "-o", "json", example+"/user-data.json")
	plan, found := document.Parse("plan", []byte(got))
	if len(found) > 0 {
		t.Fatal(found)
	}
	for list, want := range map[string]string{"files": "service path action owner group mode diff", "units": "name action services"} {
		items := plan.Get(list).Items
		if len(items) == 0 {
			t.Errorf("plan: no %s in\n%s", list, got)
		}
		for _, item := range items {
			var names []string
			for _, m := range item.Members {
				names = append(names, m.Name)
			}
			if got := strings.Join(names, " "); got != want {
				t.Errorf("plan: one of %s has %s, want %s", list, got, want)
			}
		}
	}
}

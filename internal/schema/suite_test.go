package schema

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/bootconf/bootconf/internal/document"
)

// without is what of the official suite needs a keyword that is refused, by file and name of the group. A name may
// be of a single test too.
var without = map[string]string{
	"anchor.json":     "$anchor",
	"dynamicRef.json": "$dynamicRef",
	"refRemote.json":  "references out of the file",

	"default.json/invalid type for default":                                            "a default that doesn't fit its schema is a finding",
	"default.json/invalid string value for default":                                    "a default that doesn't fit its schema is a finding",
	"default.json/the default keyword does not do anything if the property is missing": "a default that doesn't fit its schema is a finding",

	"defs.json/validate definition against metaschema":                                "a reference out of the file",
	"ref.json/remote ref, containing refs itself":                                     "a reference out of the file",
	"ref.json/Recursive references between schemas":                                   "$id within the file",
	"ref.json/refs with relative uris and defs":                                       "$id within the file",
	"ref.json/relative refs with absolute uris and defs":                              "$id within the file",
	"ref.json/$id must be resolved against nearest parent, not just immediate parent": "$id within the file",
	"ref.json/order of evaluation: $id and $ref":                                      "$id within the file",
	"ref.json/order of evaluation: $id and $anchor and $ref":                          "$id within the file",
	"ref.json/simple URN base URI with $ref via the URN":                              "a reference by $id",
	"ref.json/URN base URI with URN and JSON pointer ref":                             "a reference by $id",
	"ref.json/URN base URI with URN and anchor ref":                                   "$anchor",
	"ref.json/URN ref with nested pointer ref":                                        "$id within the file",
	"ref.json/ref to if":                                                "$id within the file",
	"ref.json/ref to then":                                              "$id within the file",
	"ref.json/ref to else":                                              "$id within the file",
	"ref.json/ref with absolute-path-reference":                         "$id within the file",
	"unevaluatedItems.json/unevaluatedItems with $dynamicRef":           "$dynamicRef",
	"unevaluatedProperties.json/unevaluatedProperties with $dynamicRef": "$dynamicRef",
}

// TestSuite runs the official test suite of JSON Schema, as the oracle's module carries it.
func TestSuite(t *testing.T) {
	out, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", "github.com/google/jsonschema-go").Output()
	if err != nil {
		t.Fatalf("cannot find the module with the official test suite: %v", err)
	}
	files, _ := filepath.Glob(filepath.Join(strings.TrimSpace(string(out)), "jsonschema/testdata/draft2020-12/*.json"))
	if len(files) < 40 {
		t.Fatalf("THE OFFICIAL TEST SUITE IS MISSING: found %d files of it", len(files))
	}
	tests := 0
	listed := map[string]bool{}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		var groups []struct {
			Description string
			Schema      json.RawMessage
			Tests       []struct {
				Description string
				Data        json.RawMessage
				Valid       bool
			}
		}
		if err := json.Unmarshal(text, &groups); err != nil {
			t.Fatal(err)
		}
		base := filepath.Base(file)
		for _, g := range groups {
			if without[base] != "" || without[base+"/"+g.Description] != "" {
				listed[base], listed[base+"/"+g.Description] = true, true
				if _, found := Compile(parse(t, string(g.Schema)), "schema"); len(found) == 0 {
					t.Errorf("%s: %s: is listed as refused and is not", base, g.Description)
				}
				continue
			}
			s, found := Compile(parse(t, string(g.Schema)), "schema")
			if len(found) > 0 {
				t.Errorf("%s: %s: refused:\n%v", base, g.Description, found)
				continue
			}
			for _, c := range g.Tests {
				tests++
				c2 := &checker{source: "data"}
				n := parse(t, string(c.Data))
				if got := c2.valid(s, n); got != c.Valid {
					t.Errorf("%s: %s: %s: got %v, want %v", base, g.Description, c.Description, got, c.Valid)
				}
				// What is reported must agree with what is answered.
				if found := c2.findings(s, n, ""); (len(found) == 0) != c.Valid {
					t.Errorf("%s: %s: %s: findings %v, want valid %v", base, g.Description, c.Description, found, c.Valid)
				}
			}
		}
	}
	for name := range without {
		if !listed[name] {
			t.Errorf("%s is listed as refused and is not in the suite", name)
		}
	}
	t.Logf("%d tests of the official suite", tests)
	if tests < 950 {
		t.Errorf("only %d tests were run", tests)
	}
}

func parse(t testing.TB, text string) *document.Node {
	t.Helper()
	n, found := document.Parse("test", []byte(text))
	if n == nil || len(found) > 0 {
		t.Fatalf("cannot parse %.200s: %.200v", text, found.Error())
	}
	return n
}

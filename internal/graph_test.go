// Package internal_test holds what is true of the program as a whole: who imports whom, and who opens secrets.
package internal_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const module = "github.com/bootconf/bootconf/"

// layers is every package from the top down. A package imports only those of the layers below its own, so that no
// stage imports a stage and nothing imports cli; within a layer only as within says.
var layers = [][]string{
	{"cmd/bootconf"},
	{"internal/cli"},
	{"internal/boot", "internal/generator"},
	{"internal/source", "internal/decode", "internal/validate", "internal/render", "internal/apply", "internal/units", "internal/lock", "internal/result"},
	{"internal/image"},
	{"internal/kinds", "internal/template", "internal/schema", "internal/plan", "internal/rootfs", "internal/identity", "internal/journal"},
	{"internal/format"},
	{"internal/document"},
	{"internal/secret", "internal/finding", "internal/paths", "internal/version", "docs/schema"},
}

// within is the imports among packages of one layer.
var within = map[string][]string{
	"internal/template": {"internal/schema"},
}

func TestImports(t *testing.T) {
	level := map[string]int{}
	for i, layer := range layers {
		for _, p := range layer {
			level[p] = i
		}
	}
	files(t, func(pkg, name string, file *ast.File) {
		from, known := level[pkg]
		if !known {
			t.Errorf("%s belongs to no layer", pkg)
			return
		}
		for _, spec := range file.Imports {
			imported, _ := strconv.Unquote(spec.Path.Value)
			to, ours := strings.CutPrefix(imported, module)
			if !ours {
				continue
			}
			below, known := level[to]
			if !known || below < from || below == from && !slices.Contains(within[pkg], to) {
				t.Errorf("%s imports %s, which is not below it", name, to)
			}
		}
	})
}

// opens is the packages that may open a secret: those that read, judge, render or write user data.
var opens = []string{
	"internal/secret", "internal/document", "internal/schema", "internal/format", "internal/template", "internal/render",
	"internal/plan", "internal/apply",
}

func TestWhoOpensSecrets(t *testing.T) {
	files(t, func(pkg, name string, file *ast.File) {
		if slices.Contains(opens, pkg) {
			return
		}
		ast.Inspect(file, func(n ast.Node) bool {
			if s, ok := n.(*ast.SelectorExpr); ok && s.Sel.Name == "Reveal" {
				t.Errorf("%s opens a secret", name)
			}
			return true
		})
	})
}

// files calls each with every Go file of the program that is no test.
func files(t *testing.T, each func(pkg, name string, file *ast.File)) {
	t.Helper()
	count := 0
	for _, top := range []string{"cmd", "internal", "docs"} {
		err := filepath.WalkDir(filepath.Join("..", top), func(name string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() || !strings.HasSuffix(name, ".go") || strings.HasSuffix(name, "_test.go") {
				return err
			}
			if strings.Contains(name, "/testdata/") {
				return nil
			}
			file, err := parser.ParseFile(token.NewFileSet(), name, nil, 0)
			if err != nil {
				return err
			}
			count++
			name = filepath.ToSlash(strings.TrimPrefix(name, "../"))
			each(path.Dir(name), name, file)
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	if count < 20 {
		t.Fatalf("looked at %d files only: is this the repository?", count)
	}
}

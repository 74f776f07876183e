package image

import (
	"io/fs"
	"path"
	"slices"
	"sort"
	"strings"

	published "github.com/bootconf/bootconf/docs/schema"
	"github.com/bootconf/bootconf/internal/document"
	"github.com/bootconf/bootconf/internal/finding"
)

// Bundle is all that Load reads of an image as one JSON text, which OpenBundle understands. An image with findings
// has none.
func Bundle(fsys FS) ([]byte, finding.List) {
	r := &recorder{FS: fsys, files: map[string]string{}}
	if _, found := Load(r); found.Faults() > 0 {
		return nil, found
	}
	files := &document.Node{Kind: document.Object}
	for _, name := range sortedKeys(r.files) {
		files.Set(name, document.NewString(r.files[name], finding.Pos{}))
	}
	bundle := &document.Node{Kind: document.Object}
	bundle.SetInt("bundle", 1)
	bundle.Set("files", files)
	if len(r.masked) > 0 {
		masked := &document.Node{Kind: document.Array}
		for _, name := range r.masked {
			masked.Items = append(masked.Items, document.NewString(name, finding.Pos{}))
		}
		bundle.Set("masked", masked)
	}
	return append(document.Encode(bundle), '\n'), nil
}

func sortedKeys(m map[string]string) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}

// recorder remembers what was read.
type recorder struct {
	FS
	files  map[string]string
	masked []string
}

func (r *recorder) ReadFile(name string) ([]byte, error) {
	text, err := r.FS.ReadFile(name)
	if err == nil {
		r.files[name] = string(text)
	}
	return text, err
}

func (r *recorder) Readlink(name string) (string, error) {
	target, err := r.FS.Readlink(name)
	if err == nil && target == "/dev/null" {
		r.masked = append(r.masked, name)
	}
	return target, err
}

// OpenBundle is the files in the text of a bundle. Name is the bundle's in findings.
func OpenBundle(name string, text []byte) (FS, finding.List) {
	n, found := document.Parse(name, text)
	if n == nil {
		return nil, found
	}
	n, more := compile(published.Bundle, "bundle.schema.json").Prepare(n, name, "")
	if found = append(found, more...); found.Faults() > 0 {
		return nil, found
	}
	b := &bundleFS{files: map[string]string{}}
	for _, m := range n.Get("files").Members {
		b.files[m.Name] = m.Value.Plain()
	}
	b.masked = n.Get("masked").Strings()
	return b, found
}

// bundleFS is the files of a bundle and the links that mask a definition.
type bundleFS struct {
	files  map[string]string
	masked []string
}

func (b *bundleFS) ReadFile(name string) ([]byte, error) {
	text, ok := b.files[name]
	if !ok {
		return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrNotExist}
	}
	return []byte(text), nil
}

func (b *bundleFS) Readlink(name string) (string, error) {
	if !slices.Contains(b.masked, name) {
		return "", &fs.PathError{Op: "readlink", Path: name, Err: fs.ErrNotExist}
	}
	return "/dev/null", nil
}

func (b *bundleFS) ReadDir(dir string) ([]fs.DirEntry, error) {
	types := map[string]fs.FileMode{}
	for name := range b.files {
		if rest, ok := strings.CutPrefix(name, dir+"/"); ok {
			child, _, isDir := strings.Cut(rest, "/")
			if types[child] |= 0; isDir {
				types[child] = fs.ModeDir
			}
		}
	}
	for _, name := range b.masked {
		if path.Dir(name) == dir {
			types[path.Base(name)] = fs.ModeSymlink
		}
	}
	if len(types) == 0 {
		return nil, &fs.PathError{Op: "open", Path: dir, Err: fs.ErrNotExist}
	}
	var entries []fs.DirEntry
	for name, t := range types {
		entries = append(entries, entry{name, t})
	}
	sort.Slice(entries, func(i, j int) bool { return entries[i].Name() < entries[j].Name() })
	return entries, nil
}

// entry is a file, a directory or a link of a bundle, by its name and type alone.
type entry struct {
	name string
	mode fs.FileMode
}

func (e entry) Name() string               { return e.name }
func (e entry) IsDir() bool                { return e.mode.IsDir() }
func (e entry) Type() fs.FileMode          { return e.mode }
func (e entry) Info() (fs.FileInfo, error) { return nil, fs.ErrInvalid }

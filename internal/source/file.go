package source

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
)

// file is user data in a file. A file knows nothing of the instance.
type file struct {
	path string
	o    Options
}

func (f *file) Name() string { return "file:" + f.path }

// UserData reads the file, once: it is there by the time that local file systems are, or not at all.
func (f *file) UserData(context.Context) ([]byte, error) {
	b, err := f.o.Files.ReadFile(f.path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%w: %s does not exist", ErrNoUserData, f.path)
	}
	if err != nil {
		var path *fs.PathError
		if errors.As(err, &path) { // its message would name the path once more
			err = path.Err
		}
		return nil, &UnavailableError{What: "user data", Where: f.path, Cause: err}
	}
	if len(b) > MaxBody {
		return nil, &InvalidError{Where: f.path, Reason: errTooLong.Error()}
	}
	return b, nil
}

func (f *file) InstanceID(context.Context) (string, error) { return "", f.none("id") }

func (f *file) Facts(_ context.Context, names []string) (map[string]string, error) {
	var missing []error
	for _, name := range names {
		missing = append(missing, f.none(name))
	}
	return nil, errors.Join(missing...)
}

func (f *file) none(fact string) error {
	return &FactError{fact, f.Name(), "a file knows nothing of the instance"}
}

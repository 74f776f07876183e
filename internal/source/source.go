// Package source fetches user data: from EC2's metadata service, or from a file. A name and a deadline come in, bytes
// go out, or one of three errors that are never taken for each other: there is no user data, it could not be had, or
// what was had can't be user data. It never follows a redirect, never uses a proxy, never asks the metadata service
// without a token, and no error holds a byte of what was answered.
package source

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"
)

// Source is where user data comes from.
type Source interface {
	// Name is "ec2" or "file:PATH".
	Name() string

	// UserData is the user data as it is there, packed or not. It tries until ctx ends.
	UserData(ctx context.Context) ([]byte, error)

	// InstanceID is the id of this instance. It tries until ctx ends.
	InstanceID(ctx context.Context) (string, error)

	// Facts is what the source says of this instance: values for each of names, which are the keys of {{ instance }}
	// in templates. One that it doesn't have is a *FactError. It tries until ctx ends.
	Facts(ctx context.Context, names []string) (map[string]string, error)
}

// Options is what sources need of their surroundings. What is nil is not there.
type Options struct {
	// Files reads the file of a source "file:PATH".
	Files interface {
		ReadFile(path string) ([]byte, error)
	}

	// Detect names the cloud that DMI speaks of, or says what DMI has instead; identity.Detect does. It is nil where
	// DMI is not this instance's, as with --root.
	Detect func() (cloud, says string)

	// Getenv is os.Getenv. AWS_EC2_METADATA_SERVICE_ENDPOINT and AWS_EC2_METADATA_DISABLED are read.
	Getenv func(string) string

	// Log takes a line whenever the reason changes for which there is no answer yet.
	Log func(line string)
}

// Open is the source that the policy or a flag names: "ec2", "file:PATH", or "auto" for what DMI says. It makes no
// request.
func Open(name string, o Options) (Source, error) {
	if o.Getenv == nil {
		o.Getenv = func(string) string { return "" }
	}
	if o.Log == nil {
		o.Log = func(string) {}
	}
	if path, ok := strings.CutPrefix(name, "file:"); ok {
		if !strings.HasPrefix(path, "/") {
			return nil, fmt.Errorf("cannot use the source %q: the path must be absolute", name)
		}
		return &file{path, o}, nil
	}
	switch name {
	case "ec2":
		return newEC2(o)
	case "auto":
		if o.Detect == nil {
			return nil, errors.New(`cannot tell the source by itself below a root: set "source" in policy.json, or --source`)
		}
		cloud, says := o.Detect()
		if cloud == "ec2" {
			return newEC2(o)
		}
		return nil, fmt.Errorf(`cannot tell the source by itself: %s; set "source" in policy.json to "ec2" or "file:PATH"`, says)
	}
	return nil, fmt.Errorf(`cannot use the source %q: it must be "ec2", "file:PATH" or "auto"`, name)
}

// ErrNoUserData says that the source has no user data: the metadata service said so, or the file does not exist.
var ErrNoUserData = errors.New("there is no user data")

// UnavailableError says that there was no answer, or none that counts as one.
type UnavailableError struct {
	What    string        // what was asked for: "user data"
	Where   string        // the request, or the file's path
	Tries   int           // how often it was tried
	Elapsed time.Duration // and for how long
	Cause   error         // of the last try
	Hint    string        // what that points to, or ""
}

func (e *UnavailableError) Error() string {
	s := fmt.Sprintf("cannot get %s: %s: %v", e.What, e.Where, e.Cause)
	if e.Tries > 0 {
		tries := "1 try"
		if e.Tries > 1 {
			tries = fmt.Sprintf("%d tries", e.Tries)
		}
		s += fmt.Sprintf(" (%s in %v)", tries, e.Elapsed.Round(100*time.Millisecond))
	}
	if e.Hint != "" {
		s += "; " + e.Hint
	}
	return s
}

// Unwrap is the cause.
func (e *UnavailableError) Unwrap() error { return e.Cause }

// InvalidError says that the source answered with what can't be user data.
type InvalidError struct {
	Where  string
	Reason string
}

func (e *InvalidError) Error() string {
	return fmt.Sprintf("the user data from %s is invalid: %s", e.Where, e.Reason)
}

// FactError says that the source does not have a fact.
type FactError struct {
	Fact   string // as templates name it: "local_ipv6"
	Source string
	Reason string
}

func (e *FactError) Error() string {
	return fmt.Sprintf("cannot get instance.%s from the source %s: %s", e.Fact, e.Source, e.Reason)
}

// MaxBody is how many bytes of user data are read. EC2 has 16 KiB of user data; the largest document that is still taken, 1 MiB,
// has 1.4 MiB in base64.
const MaxBody = 2 << 20

var errTooLong = fmt.Errorf("it is longer than %d bytes", MaxBody)

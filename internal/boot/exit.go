package boot

import (
	"errors"
	"fmt"

	"github.com/bootconf/bootconf/internal/decode"
	"github.com/bootconf/bootconf/internal/finding"
	"github.com/bootconf/bootconf/internal/source"
)

// The exit statuses: 0 to 3 are the field's, the others those of sysexits.h.
const (
	ExitOK          = 0
	ExitFailed      = 1  // a unit, a check or a lockout measure
	ExitUsage       = 2  // the command line
	ExitNoResult    = 3  // status: there is no result yet
	ExitUserData    = 65 // EX_DATAERR: the user data is invalid
	ExitNoUserData  = 66 // EX_NOINPUT: there is none, and a required service needs it
	ExitUnavailable = 69 // EX_UNAVAILABLE: the metadata service could not be reached in time
	ExitFault       = 70 // EX_SOFTWARE: a fault in bootconf, or its records can't be trusted
	ExitWrite       = 73 // EX_CANTCREAT: a file could not be written; everything was put back
	ExitBusy        = 75 // EX_TEMPFAIL: another run is in progress
	ExitPermission  = 77 // EX_NOPERM
	ExitDefinitions = 78 // EX_CONFIG: the image's definitions or policy are invalid
)

// ErrNoUserData says that there is no user data.
var ErrNoUserData = source.ErrNoUserData

var (
	errNotRoot = errors.New("not permitted: only root can configure an instance")
	errBusy    = errors.New("another run is in progress")
)

// invalid is findings that end a run: in the user data, or in the image's own definitions.
type invalid struct {
	found       finding.List
	definitions bool
}

// DefinitionsError is found as an error of the image.
func DefinitionsError(found finding.List) error { return &invalid{found, true} }

func (e *invalid) Error() string {
	what := "the user data is invalid"
	if e.definitions {
		what = "the image's definitions are invalid"
	}
	if n := e.found.Faults(); n > 1 {
		return fmt.Sprintf("%s: %d findings", what, n)
	}
	return what + ": 1 finding"
}

// Unwrap gives the findings to errors.As.
func (e *invalid) Unwrap() error { return e.found }

// noUserData is the absence of user data where a service needs it.
type noUserData struct{ service string }

func (e *noUserData) Error() string {
	return fmt.Sprintf("there is no user data, and the service %s is required", e.service)
}

// imageError is an image that asks for what is not there: a source that this machine doesn't have, an owner that the
// image doesn't know.
type imageError struct{ err error }

func (e *imageError) Error() string { return e.err.Error() }
func (e *imageError) Unwrap() error { return e.err }

// failed is a unit or a check that failed: exit 1.
type failed struct{ message string }

func (e *failed) Error() string { return e.message }

// notWritten is a file that could not be put in place: exit 73.
type notWritten struct{ err error }

func (e *notWritten) Error() string { return e.err.Error() }
func (e *notWritten) Unwrap() error { return e.err }

// TooLong is the refusal of user data that is not even read to its end.
func TooLong(name string) error {
	return &invalid{finding.List{{Source: name, Message: fmt.Sprintf("must be at most %d bytes as it is, and %d decoded", source.MaxBody, decode.MaxSize)}}, false}
}

// ExitCode is the exit status that err stands for. It is the only place that decides one.
func ExitCode(err error) int {
	var (
		bad         *invalid
		none        *noUserData
		unavailable *source.UnavailableError
		refused     *source.InvalidError
		writing     *notWritten
		down        *failed
		lacks       *imageError
		fact        *source.FactError
	)
	switch {
	case err == nil:
		return ExitOK
	case errors.As(err, &down):
		return ExitFailed
	case errors.As(err, &bad) && bad.definitions, errors.As(err, &lacks), errors.As(err, &fact):
		return ExitDefinitions
	case errors.As(err, &bad), errors.As(err, &refused):
		return ExitUserData
	case errors.As(err, &none), errors.Is(err, ErrNoUserData):
		return ExitNoUserData
	case errors.As(err, &unavailable):
		return ExitUnavailable
	case errors.As(err, &writing):
		return ExitWrite
	case errors.Is(err, errBusy):
		return ExitBusy
	case errors.Is(err, errNotRoot):
		return ExitPermission
	}
	return ExitFault
}

// Hint is what to do next, or "".
func Hint(err error) string {
	switch ExitCode(err) {
	case ExitUserData:
		return "correct the user data; bootconf validate checks it before a launch"
	case ExitNoUserData:
		return "launch the instance with user data; bootconf schema says what it takes"
	case ExitUnavailable:
		return "see that the instance's metadata options have the endpoint enabled, then reboot: the next boot tries again"
	case ExitWrite:
		return "make room or mend the file system, then reboot: the next boot tries again"
	case ExitBusy:
		return "bootconf status --wait waits for it"
	case ExitPermission:
		return "run it as root, or below a directory of your own with --root"
	case ExitDefinitions:
		return "mend the definitions in the image and build it again"
	case ExitFailed:
		return "see the journal of the unit: journalctl -u UNIT; the next boot tries again"
	}
	return ""
}

// Package version says what was built. The build sets the variables with -ldflags -X; a plain `go build` leaves
// them as they are here.
package version

import "runtime"

// What the build stamps: a version without its v, the commit's full hash and its date in RFC 3339.
var (
	Version = "0.0.0-dev"
	Commit  = "unknown"
	Date    = "unknown"
)

// Info is the build as `bootconf version -o json` gives it.
type Info struct {
	Version  string
	Commit   string
	Date     string
	Go       string
	Platform string
}

// Get is this build.
func Get() Info {
	return Info{Version, Commit, Date, runtime.Version(), runtime.GOOS + "/" + runtime.GOARCH}
}

// Package paths is where bootconf keeps its things, as absolute paths below the root it works on.
package paths

// What the image brings.
const (
	PackagedServices = "/usr/lib/bootconf/services" // a directory per service definition
	ImageServices    = "/etc/bootconf/services"     // replaces a packaged one of the same name
	Policy           = "/etc/bootconf/policy.json"
)

// What bootconf keeps over reboots.
const (
	State       = "/var/lib/bootconf"
	Lock        = State + "/lock.json"
	Result      = State + "/result.json"
	Transaction = State + "/transaction"
)

// What bootconf says of this boot, on tmpfs.
const (
	Run      = "/run/bootconf"
	Status   = Run + "/status.json"
	Hold     = Run + "/hold"     // stands while the files of another instance do
	Services = Run + "/services" // an empty file per configured service
)

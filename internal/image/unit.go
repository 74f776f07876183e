package image

import (
	"strings"

	"github.com/bootconf/bootconf/internal/document"
)

// unit reads one of a definition's units: a name, or an object with more.
func (l *loader) unit(s *Service, n *document.Node, at string) {
	u := Unit{Name: n.Plain(), Requires: true, Order: true}
	name := n
	if n.Kind == document.Object {
		name, at = n.Get("name"), document.Join(at, "name")
		u = Unit{Name: name.Plain(), Requires: n.Get("requires").Bool, Order: n.Get("order").Bool}
	}
	if fault := UnitFault(u.Name, u.Order); fault != "" {
		l.report(s.Source, name.Pos, at, fault)
		return
	}
	for _, other := range s.Units {
		if other.Name == u.Name {
			l.report(s.Source, name.Pos, at, "stands twice in this definition")
			return
		}
	}
	s.Units = append(s.Units, u)
	l.units = append(l.units, mention{s, name, at})
}

// UnitFault says why a definition can't name a unit, or nothing. Order tells whether the unit is to start after
// bootconf.service.
func UnitFault(name string, order bool) string {
	for _, c := range []byte(name) {
		if !strings.ContainsRune("0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ:-_.\\@", rune(c)) {
			return "must be the name of a unit: letters, digits and : - _ . \\ @"
		}
	}
	dot := strings.LastIndexByte(name, '.')
	switch {
	case dot == 0 || name == "" || len(name) > 255:
		return "must be the name of a unit, such as windtrap.service"
	case dot < 0:
		return "must be the name of a unit with its suffix, such as " + name + ".service"
	}
	base, suffix := name[:dot], name[dot+1:]
	switch suffix {
	case "service", "timer", "target":
	case "socket", "path", "mount", "automount", "swap", "slice", "scope", "device":
		return "must be a service, a timer or a target: a " + suffix + " cannot wait for bootconf.service"
	default:
		return "must end in .service, .timer or .target"
	}
	switch {
	case strings.HasPrefix(base, "@"):
		return "must be the name of a unit: nothing stands before the @"
	case strings.HasSuffix(base, "@"):
		return "must be an instance of the template, such as " + base + "main." + suffix
	case name == "bootconf.service":
		return "must not be bootconf.service itself"
	case suffix == "target" && isWholeBoot(base):
		return "must not be " + name + ", which is more than the units of a service; name those"
	case order && isEarly(name):
		return "must not wait for bootconf.service, which itself starts after it or needs it"
	}
	return ""
}

// isWholeBoot tells whether a target is one of those that make up every boot (systemd.special(7)).
func isWholeBoot(target string) bool {
	switch target {
	case "boot-complete", "cryptsetup-pre", "default", "emergency", "exit", "final", "first-boot-complete", "getty", "getty-pre",
		"graphical", "halt", "hibernate", "initrd", "integritysetup", "kexec", "multi-user", "nss-lookup", "nss-user-lookup",
		"poweroff", "reboot", "remote-cryptsetup", "remote-fs", "remote-fs-pre", "remote-veritysetup", "rescue", "rpcbind",
		"shutdown", "sigpwr", "sleep", "soft-reboot", "suspend", "system-update", "system-update-pre", "time-sync", "umount",
		"usb-gadget", "veritysetup", "veritysetup-pre":
		return true
	}
	return false
}

// isEarly tells whether a well-known unit starts before bootconf.service is done: what basic.target waits for, and
// what makes the network that the metadata service is reached over. Others are found by their own ordering at boot.
func isEarly(name string) bool {
	switch name {
	case "basic.target", "sysinit.target", "local-fs.target", "local-fs-pre.target", "swap.target", "cryptsetup.target",
		"sockets.target", "timers.target", "paths.target", "slices.target", "time-set.target",
		"network-pre.target", "network.target", "network-online.target",
		"dbus.service", "dbus-broker.service",
		"systemd-journald.service", "systemd-udevd.service", "systemd-udev-trigger.service", "systemd-sysusers.service",
		"systemd-sysctl.service", "systemd-modules-load.service", "systemd-tmpfiles-setup.service", "systemd-random-seed.service",
		"systemd-networkd.service", "systemd-networkd-wait-online.service", "systemd-resolved.service",
		"NetworkManager.service", "NetworkManager-wait-online.service", "networking.service", "nftables.service", "apparmor.service":
		return true
	}
	return strings.HasPrefix(name, "ifup@")
}

// checkOrder refuses a unit that one definition orders and another restarts.
func (l *loader) checkOrder() {
	first := map[string]*Service{}
	for _, m := range l.units {
		name := m.node.Plain()
		other := first[name]
		if other == nil {
			first[name] = m.service
			continue
		}
		if ordered(other, name) != ordered(m.service, name) {
			l.report(m.service.Source, m.node.Pos, m.path, `must have the same "order" as in the definition of `+other.Name)
		}
	}
}

func ordered(s *Service, unit string) bool {
	for _, u := range s.Units {
		if u.Name == unit {
			return u.Order
		}
	}
	return false
}

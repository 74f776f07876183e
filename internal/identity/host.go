package identity

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// Read is who the instance is whose files lie below root, "/" but in tests. What can't be read is left out.
func Read(root string) Identity {
	h := host(root)
	if c := h.container(); c != "" {
		// DMI is the host's here, and the same for every container on it.
		if id := h.machineID(); id != "" {
			return Identity{Method: MachineID, MachineID: id, Container: c}
		}
		return Identity{Method: None, Container: c}
	}
	i := Identity{Method: None, UUID: h.uuid(), InstanceID: h.assetTag()}
	switch {
	case i.InstanceID != "":
		i.Method = AssetTag
	case i.UUID != "":
		i.Method = UUID
	}
	return i
}

// Detect is the cloud that the instance runs in according to DMI: "ec2", or "" for anything else. Says is what DMI has
// instead, for a message.
func Detect(root string) (cloud, says string) {
	h := host(root)
	if c := h.container(); c != "" {
		return "", fmt.Sprintf("this is a container (%s), where DMI is the host's", shorten(c))
	}
	if h.assetTag() != "" || ec2UUID(h.hypervisorUUID()) {
		return "ec2", ""
	}
	// A random UUID begins with ec2 too, one in 4096: the vendor must say so as well. Xen instances have it in the
	// version of the BIOS only, as in 4.11.amazon.
	amazon := h.dmi("sys_vendor") == "Amazon EC2" || h.dmi("bios_vendor") == "Amazon EC2" || strings.HasSuffix(h.dmi("bios_version"), ".amazon")
	if amazon && ec2UUID(h.productUUID()) {
		return "ec2", ""
	}
	var seen []string
	for _, name := range []string{"sys_vendor", "product_name", "bios_vendor"} {
		if v := h.dmi(name); v != "" {
			seen = append(seen, fmt.Sprintf("%s is %q", name, shorten(v)))
		}
	}
	if len(seen) == 0 {
		return "", "there is no DMI to read"
	}
	return "", "DMI's " + strings.Join(seen, ", ")
}

// host is the root of an instance's files.
type host string

func (h host) read(path string) []byte {
	b, err := os.ReadFile(filepath.Join(string(h), path))
	if err != nil {
		return nil
	}
	return b
}

func (h host) exists(path string) bool {
	_, err := os.Lstat(filepath.Join(string(h), path))
	return err == nil
}

func (h host) dmi(name string) string {
	return string(bytes.TrimSpace(h.read("/sys/class/dmi/id/" + name)))
}

// assetTag is the instance id that a DMI asset tag holds, or "".
func (h host) assetTag() string {
	for _, name := range []string{"board_asset_tag", "chassis_asset_tag"} {
		if tag := h.dmi(name); IsInstanceID(tag) {
			return tag
		}
	}
	return ""
}

func (h host) productUUID() string { return normalUUID(h.dmi("product_uuid")) }

func (h host) hypervisorUUID() string {
	return normalUUID(string(bytes.TrimSpace(h.read("/sys/hypervisor/uuid"))))
}

// uuid is the product UUID. A Xen guest without DMI has the same one from the hypervisor.
func (h host) uuid() string {
	if u := h.productUUID(); u != "" {
		return u
	}
	return h.hypervisorUUID()
}

// container is what runs the container that the files are of, or "". The order is systemd's: its own marks first.
func (h host) container() string {
	for _, path := range []string{"/run/host/container-manager", "/run/systemd/container"} {
		if name := bytes.TrimSpace(h.read(path)); len(name) > 0 {
			return string(name)
		}
	}
	for _, variable := range bytes.Split(h.read("/proc/1/environ"), []byte{0}) {
		if name, ok := bytes.CutPrefix(variable, []byte("container=")); ok && len(name) > 0 {
			return string(name)
		}
	}
	switch {
	case h.exists("/.dockerenv"):
		return "docker"
	case h.exists("/run/.containerenv"):
		return "podman"
	}
	return ""
}

// machineID is /etc/machine-id if it will be the same after a reboot, or "". It will not where something is mounted
// over it, as systemd does while the file can't be written, or where it is a link into who knows what.
func (h host) machineID() string {
	info, err := os.Lstat(filepath.Join(string(h), "/etc/machine-id"))
	if err != nil || !info.Mode().IsRegular() {
		return ""
	}
	mounts := h.read("/proc/self/mountinfo")
	if len(mounts) == 0 {
		return ""
	}
	for line := range bytes.Lines(mounts) {
		// proc(5): ID, parent, device, root, mount point.
		if fields := bytes.Fields(line); len(fields) > 4 && string(fields[4]) == "/etc/machine-id" {
			return ""
		}
	}
	id := string(bytes.TrimSpace(h.read("/etc/machine-id")))
	if !isMachineID(id) { // empty or "uninitialized" among others
		return ""
	}
	return id
}

func isMachineID(s string) bool {
	return len(s) == 32 && strings.Trim(s, "0123456789abcdef") == "" && strings.Trim(s, "0") != ""
}

// normalUUID is s in lower case if it is a UUID that was ever set, or "".
func normalUUID(s string) string {
	s = strings.ToLower(s)
	if len(s) != 36 {
		return ""
	}
	for i := range len(s) {
		if dash := i == 8 || i == 13 || i == 18 || i == 23; dash != (s[i] == '-') || !dash && !strings.Contains("0123456789abcdef", s[i:i+1]) {
			return ""
		}
	}
	if strings.Trim(s, "0-") == "" || strings.Trim(s, "f-") == "" { // SMBIOS: not present, and present but not set
		return ""
	}
	return s
}

// sameUUID compares in both byte orders: SMBIOS 2.6 has the first three fields little-endian, before that it was up to
// the maker, so that one UUID reads in two ways, depending on kernel and hypervisor.
func sameUUID(a, b string) bool { return a == b || a == swapped(b) }

// swapped is the UUID u with the bytes of its first three fields in reverse order.
func swapped(u string) string {
	return u[6:8] + u[4:6] + u[2:4] + u[0:2] + "-" + u[11:13] + u[9:11] + "-" + u[16:18] + u[14:16] + u[18:]
}

// ec2UUID tells whether the UUID u, or "", begins with ec2 in either byte order, as all of EC2's do.
func ec2UUID(u string) bool {
	return u != "" && (strings.HasPrefix(u, "ec2") || strings.HasPrefix(swapped(u), "ec2"))
}

// shorten keeps a name that is not ours from filling a line.
func shorten(s string) string {
	if len(s) > 64 {
		return s[:64] + "…"
	}
	return s
}

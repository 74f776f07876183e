package identity

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

const (
	tagA  = "i-0123456789abcdef0"
	tagB  = "i-0fedcba9876543210"
	uuidA = "ec2a3f10-1122-3344-5566-778899aabbcc"
	// uuidA as a kernel shows it that takes the first three fields for the other byte order.
	uuidASwapped = "103f2aec-2211-4433-5566-778899aabbcc"
	uuidB        = "ec2b0000-1122-3344-5566-778899aabbcc"
	machineA     = "0123456789abcdef0123456789abcdef"
	machineB     = "fedcba9876543210fedcba9876543210"
	mountinfo    = "22 1 8:1 / / rw,relatime - ext4 /dev/sda1 rw\n"
	overID       = mountinfo + "40 22 0:25 /machine-id /etc/machine-id ro,relatime - tmpfs tmpfs rw\n"
)

// root makes a file system with these files and returns where it is.
func root(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, content := range files {
		name = filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// dmi is files below /sys/class/dmi/id, given as name and content in turn.
func dmi(pairs ...string) map[string]string {
	files := map[string]string{}
	for i := 0; i < len(pairs); i += 2 {
		name := "/sys/class/dmi/id/" + pairs[i]
		if strings.HasPrefix(pairs[i], "/") {
			name = pairs[i]
		}
		files[name] = pairs[i+1]
	}
	return files
}

func TestRead(t *testing.T) {
	for _, c := range []struct {
		name  string
		files map[string]string
		want  Identity
	}{
		{"Nitro", dmi("board_asset_tag", tagA+"\n", "chassis_asset_tag", "Amazon EC2\n", "product_uuid", strings.ToUpper(uuidA)+"\n"),
			Identity{Method: AssetTag, InstanceID: tagA, UUID: uuidA}},
		{"tag in the chassis", dmi("board_asset_tag", "\n", "chassis_asset_tag", tagA+"\n"), Identity{Method: AssetTag, InstanceID: tagA}},
		{"tag that is no id", dmi("board_asset_tag", "i-notanid\n", "product_uuid", uuidA+"\n"), Identity{Method: UUID, UUID: uuidA}},
		{"UUID only", dmi("product_uuid", uuidA+"\n"), Identity{Method: UUID, UUID: uuidA}},
		{"Xen without DMI", dmi("/sys/hypervisor/uuid", uuidA+"\n"), Identity{Method: UUID, UUID: uuidA}},
		{"UUID not present", dmi("product_uuid", "00000000-0000-0000-0000-000000000000\n"), Identity{Method: None}},
		{"UUID not set", dmi("product_uuid", "FFFFFFFF-FFFF-FFFF-FFFF-FFFFFFFFFFFF\n"), Identity{Method: None}},
		{"UUID that is none", dmi("product_uuid", "Not Settable 0123456789 0123456789 x\n"), Identity{Method: None}},
		{"machine id does not count outside of containers", dmi("/etc/machine-id", machineA+"\n", "/proc/self/mountinfo", mountinfo), Identity{Method: None}},
		{"nothing", nil, Identity{Method: None}},
		{"container by systemd, DMI ignored", dmi("/run/systemd/container", "systemd-nspawn\n", "/etc/machine-id", machineA+"\n", "/proc/self/mountinfo", mountinfo,
			"board_asset_tag", tagA+"\n", "product_uuid", uuidA+"\n"), Identity{Method: MachineID, MachineID: machineA, Container: "systemd-nspawn"}},
		{"container by its manager", dmi("/run/host/container-manager", "systemd-nspawn\n"), Identity{Method: None, Container: "systemd-nspawn"}},
		{"container by the environment of its init", dmi("/proc/1/environ", "PATH=/bin\x00container=lxc\x00x=y\x00", "product_uuid", uuidA), Identity{Method: None, Container: "lxc"}},
		{"no container by the environment", dmi("/proc/1/environ", "notcontainer=lxc\x00container=\x00", "product_uuid", uuidA), Identity{Method: UUID, UUID: uuidA}},
		{"docker", dmi("/.dockerenv", ""), Identity{Method: None, Container: "docker"}},
		{"podman", dmi("/run/.containerenv", ""), Identity{Method: None, Container: "podman"}},
		{"machine id mounted over", dmi("/.dockerenv", "", "/etc/machine-id", machineA+"\n", "/proc/self/mountinfo", overID), Identity{Method: None, Container: "docker"}},
		{"machine id without a list of mounts", dmi("/.dockerenv", "", "/etc/machine-id", machineA+"\n"), Identity{Method: None, Container: "docker"}},
		{"machine id uninitialized", dmi("/.dockerenv", "", "/etc/machine-id", "uninitialized\n", "/proc/self/mountinfo", mountinfo), Identity{Method: None, Container: "docker"}},
		{"machine id empty", dmi("/.dockerenv", "", "/etc/machine-id", "", "/proc/self/mountinfo", mountinfo), Identity{Method: None, Container: "docker"}},
		{"machine id of zeros", dmi("/.dockerenv", "", "/etc/machine-id", strings.Repeat("0", 32), "/proc/self/mountinfo", mountinfo), Identity{Method: None, Container: "docker"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := Read(root(t, c.files)); got != c.want {
				t.Errorf("got  %+v\nwant %+v", got, c.want)
			}
		})
	}

	t.Run("machine id is a link", func(t *testing.T) {
		dir := root(t, dmi("/.dockerenv", "", "/run/machine-id", machineA+"\n", "/proc/self/mountinfo", mountinfo, "/etc/hostname", "x"))
		if err := os.Symlink("../run/machine-id", filepath.Join(dir, "etc/machine-id")); err != nil {
			t.Fatal(err)
		}
		if got, want := Read(dir), (Identity{Method: None, Container: "docker"}); got != want {
			t.Errorf("got  %+v\nwant %+v", got, want)
		}
	})
}

func TestDetect(t *testing.T) {
	for _, c := range []struct {
		name        string
		files       map[string]string
		cloud, says string
	}{
		{"Nitro", dmi("sys_vendor", "Amazon EC2\n", "board_asset_tag", tagA+"\n"), "ec2", ""},
		{"UUID and vendor", dmi("sys_vendor", "Amazon EC2\n", "product_uuid", uuidA), "ec2", ""},
		{"swapped UUID, vendor of the BIOS", dmi("sys_vendor", "x", "bios_vendor", "Amazon EC2\n", "product_uuid", strings.ToUpper(uuidASwapped)), "ec2", ""},
		{"Xen", dmi("sys_vendor", "Xen\n", "bios_vendor", "Xen\n", "bios_version", "4.11.amazon\n", "product_uuid", uuidA), "ec2", ""},
		{"Xen without DMI", dmi("/sys/hypervisor/uuid", uuidA+"\n"), "ec2", ""},
		{"a UUID that begins so by chance", dmi("sys_vendor", "QEMU\n", "product_name", "Standard PC (Q35 + ICH9, 2009)\n", "bios_vendor", "SeaBIOS\n", "product_uuid", uuidA),
			"", `DMI's sys_vendor is "QEMU", product_name is "Standard PC (Q35 + ICH9, 2009)", bios_vendor is "SeaBIOS"`},
		{"vendor with another UUID", dmi("sys_vendor", "Amazon EC2\n", "product_uuid", machineUUID), "", `DMI's sys_vendor is "Amazon EC2"`},
		{"container on EC2", dmi("/run/systemd/container", "docker\n", "sys_vendor", "Amazon EC2\n", "board_asset_tag", tagA+"\n"),
			"", "this is a container (docker), where DMI is the host's"},
		{"nothing", nil, "", "there is no DMI to read"},
	} {
		t.Run(c.name, func(t *testing.T) {
			cloud, says := Detect(root(t, c.files))
			if cloud != c.cloud || says != c.says {
				t.Errorf("got  %q, %q\nwant %q, %q", cloud, says, c.cloud, c.says)
			}
		})
	}
}

const machineUUID = "4c4c4544-1122-3344-5566-778899aabbcc"

func TestCompare(t *testing.T) {
	var (
		nitroA      = Identity{Method: AssetTag, InstanceID: tagA, UUID: uuidA}
		nitroB      = Identity{Method: AssetTag, InstanceID: tagB, UUID: uuidB}
		xenA        = Identity{Method: UUID, UUID: uuidA, InstanceID: tagA} // the caller had asked for the id
		xenAUnasked = Identity{Method: UUID, UUID: uuidA}
		nowA        = Identity{Method: UUID, UUID: uuidA}
		nowASwapped = Identity{Method: UUID, UUID: uuidASwapped}
		nowB        = Identity{Method: UUID, UUID: uuidB}
		none        = Identity{Method: None}
		inA         = Identity{Method: MachineID, MachineID: machineA, Container: "lxc"}
		inB         = Identity{Method: MachineID, MachineID: machineB, Container: "lxc"}
		inNone      = Identity{Method: None, Container: "lxc"}
	)
	const never = "must not ask"
	for _, c := range []struct {
		name        string
		locked, now Identity
		source      string
		answer      string // what the metadata service says; "": it does not
		want        Outcome
	}{
		{"tag equal", nitroA, nitroA, "ec2", never, Same},
		{"tag equal, UUID not: never two combined", nitroA, Identity{Method: AssetTag, InstanceID: tagA, UUID: uuidB}, "ec2", never, Same},
		{"tag different", nitroA, nitroB, "ec2", never, New},
		{"tag different, UUID equal", nitroA, Identity{Method: AssetTag, InstanceID: tagB, UUID: uuidA}, "ec2", never, New},
		{"tag different, source file", nitroA, nitroB, "file:/x", never, New},
		{"locked on Xen, now Nitro, same id", xenA, Identity{Method: AssetTag, InstanceID: tagA, UUID: uuidB}, "ec2", never, Same},
		{"locked on Xen, now Nitro, other id", xenA, nitroB, "ec2", never, New},
		{"locked on Xen without an id, now Nitro, UUID equal", xenAUnasked, nitroA, "ec2", never, Same},
		{"locked on Xen without an id, now Nitro, UUID different", xenAUnasked, nitroB, "ec2", never, Unknown},

		{"UUID equal", xenA, nowA, "ec2", never, Same},
		{"UUID equal in the other byte order", xenA, nowASwapped, "ec2", never, Same},
		{"UUID equal in the other byte order, the lock's swapped", nowASwapped, nowA, "file:/x", never, Same},
		{"locked on Nitro, now Xen, UUID equal", nitroA, nowA, "ec2", never, Same},
		{"UUID different, id equal", xenA, nowB, "ec2", tagA, Same},
		{"UUID different, id different", xenA, nowB, "ec2", tagB, New},
		{"UUID different, no answer", xenA, nowB, "ec2", "", Unknown},
		{"UUID different, an error page for an answer", xenA, nowB, "ec2", "<html>", Unknown},
		{"UUID different, no id in the lock", xenAUnasked, nowB, "ec2", never, Unknown},
		{"UUID different, source unknown", xenA, nowB, "", never, Unknown},
		{"UUID not readable, id equal", xenA, none, "ec2", tagA, Same},
		{"UUID not readable, id different", xenA, none, "ec2", tagB, New},
		{"UUID not readable, no answer", xenA, none, "ec2", "", Unknown},
		{"lock knows nothing", none, nowA, "ec2", never, Unknown},

		{"source file, UUID equal", xenAUnasked, nowA, "file:/x", never, Same},
		{"source file, UUID different", xenAUnasked, nowB, "file:/x", never, New},
		{"source file, UUID not readable", xenAUnasked, none, "file:/x", never, Unknown},
		{"source file, no UUID in the lock", none, nowB, "file:/x", never, Unknown},

		{"machine id equal", inA, inA, "ec2", never, Same},
		{"machine id different", inA, inB, "ec2", never, New},
		{"machine id different, source file", inA, inB, "file:/x", never, New},
		{"machine id transient now", inA, inNone, "ec2", never, Unknown},
		{"machine id transient when locked", inNone, inB, "ec2", never, Unknown},
		{"locked in a container, now not", inA, nitroB, "ec2", never, Unknown},
		{"locked in a container with the id known, now not", Identity{Method: MachineID, MachineID: machineA, Container: "lxc", InstanceID: tagA}, nitroB, "ec2", never, Unknown},
		{"locked outside, now in a container", nitroA, inB, "ec2", never, Unknown},
	} {
		t.Run(c.name, func(t *testing.T) {
			ask := func(context.Context) (string, error) {
				switch c.answer {
				case never:
					t.Error("asked the metadata service")
				case "":
					return "", errors.New("no route to host")
				}
				return c.answer, nil
			}
			// The lock's identity comes from disk.
			text, err := json.Marshal(c.locked)
			if err != nil {
				t.Fatal(err)
			}
			var locked Identity
			if err := json.Unmarshal(text, &locked); err != nil {
				t.Fatal(err)
			}
			got := Compare(t.Context(), locked, c.now, c.source, ask)
			if got.Outcome != c.want || got.Reason == "" {
				t.Errorf("got %v (%s), want %v", got.Outcome, got.Reason, c.want)
			}
			if asked := IsInstanceID(c.answer); asked != (got.InstanceID != "") {
				t.Errorf("the verdict holds the id %q", got.InstanceID)
			}
			if strings.Contains(got.Reason, machineA) || strings.Contains(got.Reason, machineB) {
				t.Errorf("the reason gives a machine id away: %s", got.Reason)
			}
		})
	}

	t.Run("no one to ask", func(t *testing.T) {
		if got := Compare(t.Context(), xenA, nowB, "ec2", nil); got.Outcome != Unknown {
			t.Errorf("got %v", got.Outcome)
		}
	})
}

func TestRecorded(t *testing.T) {
	text, err := json.Marshal(Identity{Method: AssetTag, InstanceID: tagA, UUID: uuidA})
	if err != nil {
		t.Fatal(err)
	}
	if want := `{"version":1,"method":"asset-tag","instance_id":"` + tagA + `","uuid":"` + uuidA + `"}`; string(text) != want {
		t.Errorf("recorded as %s, want %s", text, want)
	}
	for _, c := range []struct{ name, text string }{
		{"no version", `{"method":"none"}`},
		{"a later version", `{"version":2,"method":"none"}`},
		{"unknown method", `{"version":1,"method":"mac","instance_id":"` + tagA + `"}`},
		{"no method", `{"version":1}`},
		{"empty", `{}`},
		{"method without its value", `{"version":1,"method":"asset-tag","uuid":"` + uuidA + `"}`},
		{"no instance id", `{"version":1,"method":"asset-tag","instance_id":"x"}`},
		{"short UUID", `{"version":1,"method":"uuid","uuid":"ec2"}`},
		{"upper-case UUID", `{"version":1,"method":"uuid","uuid":"` + strings.ToUpper(uuidA) + `"}`},
		{"machine id outside of a container", `{"version":1,"method":"machine-id","machine_id":"` + machineA + `"}`},
		{"truncated", `{"version":1,"method":"no`},
		{"of another type", `{"version":1,"method":["none"]}`},
	} {
		t.Run(c.name, func(t *testing.T) {
			var i Identity
			if err := json.Unmarshal([]byte(c.text), &i); err == nil {
				t.Errorf("read as %+v", i)
			}
		})
	}
}

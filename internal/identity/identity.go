// Package identity knows which instance this is, from what the hardware, or in a container the machine id, says, and
// compares it with the one that a lock was made for. It reads a few files of sysfs, /proc, /run and /etc, and gives an
// Identity to record or a Verdict on one that was recorded. It never talks to the network itself, never combines two
// identities, and never calls an instance new because something could not be read.
package identity

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/bootconf/bootconf/internal/document"
)

// version is that of the recorded form.
const version = 1

// Method is what decides who an instance is.
type Method string

// The methods, the first that the instance has counts.
const (
	AssetTag  Method = "asset-tag"  // the instance id in a DMI asset tag: EC2's Nitro instances
	UUID      Method = "uuid"       // the DMI product UUID, with the instance id where it is known from the metadata service
	MachineID Method = "machine-id" // /etc/machine-id: containers, where DMI is the host's
	None      Method = "none"       // the instance can't be told from another
)

// Identity is who an instance is. It is recorded as JSON, and read and written without encoding/json.
type Identity struct {
	Method     Method
	InstanceID string // from the asset tag; otherwise for the caller to fill in, if known
	UUID       string // lower case, as this kernel shows it
	MachineID  string
	Container  string // what runs the container, "" outside of one
}

// MarshalJSON is the recorded form, in one line.
func (i Identity) MarshalJSON() ([]byte, error) {
	n := document.NewObject()
	n.SetInt("version", version)
	n.SetString("method", string(i.Method))
	n.SetIfAny("instance_id", i.InstanceID)
	n.SetIfAny("uuid", i.UUID)
	n.SetIfAny("machine_id", i.MachineID)
	n.SetIfAny("container", i.Container)
	return document.Compact(n), nil
}

// UnmarshalJSON takes what MarshalJSON gives and nothing else: an identity that another version wrote, or that was
// edited into one that Read can't give, is an error and not a different instance.
func (i *Identity) UnmarshalJSON(text []byte) error {
	r := document.ReadRecord(text)
	v := Identity{
		Method:     Method(r.String("method")),
		InstanceID: r.String("instance_id"),
		UUID:       r.String("uuid"),
		MachineID:  r.String("machine_id"),
		Container:  r.String("container"),
	}
	known := r.Int("version")
	if r.Wrong {
		return errors.New("cannot read the identity: it is no record of bootconf")
	}
	if known != version {
		return fmt.Errorf("cannot read the identity: it is of version %d, and this bootconf knows version %d", known, version)
	}
	if err := v.check(); err != nil {
		return fmt.Errorf("cannot read the identity: %w", err)
	}
	*i = v
	return nil
}

func (i Identity) check() error {
	switch {
	case i.InstanceID != "" && !IsInstanceID(i.InstanceID):
		return errors.New("instance_id is no instance id")
	case i.UUID != "" && normalUUID(i.UUID) != i.UUID:
		return errors.New("uuid is no UUID")
	case i.MachineID != "" && !isMachineID(i.MachineID):
		return errors.New("machine_id is no machine id")
	}
	has := false
	switch i.Method {
	case AssetTag:
		has = i.InstanceID != "" && i.Container == ""
	case UUID:
		has = i.UUID != "" && i.Container == ""
	case MachineID:
		has = i.MachineID != "" && i.Container != ""
	case None:
		has = i.UUID == "" && i.MachineID == ""
	}
	if !has {
		return errors.New("method does not fit the rest")
	}
	return nil
}

// IsInstanceID tells whether s is written as EC2 writes the ids of instances: i- and at least eight hexadecimal digits.
func IsInstanceID(s string) bool {
	digits, ok := strings.CutPrefix(s, "i-")
	return ok && len(digits) >= 8 && len(digits) <= 32 && strings.Trim(digits, "0123456789abcdef") == ""
}

// Outcome is whether an instance is the one that a lock was made for.
type Outcome uint8

// The outcomes. Unknown is to be treated as Same: a lock is never given up for want of knowledge.
const (
	Unknown Outcome = iota
	Same
	New
)

// String is the outcome in a word.
func (o Outcome) String() string { return [...]string{"unknown", "same", "new"}[o] }

// Verdict is an outcome and why.
type Verdict struct {
	Outcome    Outcome
	Reason     string // a clause without a full stop, for the log
	InstanceID string // this instance's, where the metadata service had to be asked for it
}

// Compare tells whether now is the instance that locked was recorded on. Source is where the user data comes from,
// "ec2" or "file:PATH"; ask fetches the instance id from the metadata service and is called only where nothing else
// decides and source is "ec2". It may be nil.
func Compare(ctx context.Context, locked, now Identity, source string, ask func(context.Context) (string, error)) Verdict {
	if (locked.Container != "") != (now.Container != "") {
		return Verdict{Outcome: Unknown, Reason: "one of the lock and this boot is of a container, the other is not, and they have nothing in common"}
	}
	if now.Container != "" {
		return compareContainers(locked, now)
	}
	if now.Method == AssetTag && locked.InstanceID != "" {
		return compareIDs(locked.InstanceID, now.InstanceID, "the DMI asset tag")
	}
	readable := locked.UUID != "" && now.UUID != ""
	if readable && sameUUID(locked.UUID, now.UUID) {
		return Verdict{Outcome: Same, Reason: "the DMI product UUID is that of the lock"}
	}
	if strings.HasPrefix(source, "file:") {
		if readable {
			return Verdict{Outcome: New, Reason: "the DMI product UUID is not that of the lock"}
		}
		return Verdict{Outcome: Unknown, Reason: "there is no DMI product UUID to compare"}
	}
	// A UUID that differs does not yet make a new instance: the metadata service has the last word.
	if source != "ec2" || ask == nil {
		return Verdict{Outcome: Unknown, Reason: "DMI does not decide it, and there is no metadata service to ask"}
	}
	if locked.InstanceID == "" {
		return Verdict{Outcome: Unknown, Reason: "DMI does not decide it, and the lock holds no instance id"}
	}
	id, err := ask(ctx)
	if err != nil {
		return Verdict{Outcome: Unknown, Reason: fmt.Sprintf("DMI does not decide it, and the metadata service did not say: %v", err)}
	}
	if !IsInstanceID(id) {
		return Verdict{Outcome: Unknown, Reason: "DMI does not decide it, and the metadata service answered with what is no instance id"}
	}
	v := compareIDs(locked.InstanceID, id, "the metadata service")
	v.InstanceID = id
	return v
}

func compareIDs(locked, now, whence string) Verdict {
	if locked == now {
		return Verdict{Outcome: Same, Reason: fmt.Sprintf("%s says that this is %s, as in the lock", whence, now)}
	}
	return Verdict{Outcome: New, Reason: fmt.Sprintf("%s says that this is %s, and the lock is of %s", whence, now, locked)}
}

// compareContainers doesn't name the machine ids: machine-id(5) asks to keep them confidential.
func compareContainers(locked, now Identity) Verdict {
	switch {
	case now.MachineID == "":
		return Verdict{Outcome: Unknown, Reason: "this container has no persistent machine id"}
	case locked.MachineID == "":
		return Verdict{Outcome: Unknown, Reason: "the lock was made in a container without a persistent machine id"}
	case locked.MachineID == now.MachineID:
		return Verdict{Outcome: Same, Reason: "the container's machine id is that of the lock"}
	}
	return Verdict{Outcome: New, Reason: "the container's machine id is not that of the lock"}
}

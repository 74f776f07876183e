// Package generator is the part of bootconf that systemd runs before it reads its units (systemd.generator(7)), at
// boot and at every daemon-reload. Service definitions and the policy come in; out go the link that starts
// bootconf.service and the drop-ins that have the listed units wait for it. It decides nothing by what the instance
// went through, so it says the same each time, and it reports no faults of the image: that is for bootconf.service.
package generator

import (
	"bytes"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/bootconf/bootconf/internal/image"
	"github.com/bootconf/bootconf/internal/paths"
)

const (
	unit      = "bootconf.service"
	unitFiles = "/usr/lib/systemd/system/" // where the package puts ours, and systemd its own
	dropIn    = "50-bootconf.conf"
)

// Main writes to the directories that systemd gives as args: normal, early and late. It returns the exit status.
//
// It fails closed. default.target leads to emergency.target before anything else is written and until everything is,
// so that a boot in which this was killed, or could not write, starts no unit without its configuration.
func Main(args []string) int {
	if len(args) != 3 {
		log(errorLevel, "must be called by systemd, with three directories")
		return 2
	}
	if inInitrd() {
		return 0 // the root file system, which holds the definitions, isn't there yet
	}
	g := generator{files: root(""), normal: args[0], early: args[1], log: log}
	if err := g.run(); err != nil {
		log(errorLevel, err.Error())
		log(errorLevel, "this boot goes to emergency.target, since units could start without their configuration")
		return 1
	}
	return 0
}

// inInitrd tells whether this systemd is that of the initial RAM disk.
func inInitrd() bool {
	if v, ok := os.LookupEnv("SYSTEMD_IN_INITRD"); ok {
		return v == "1"
	}
	_, err := os.Stat("/etc/initrd-release")
	return err == nil
}

type generator struct {
	files  image.FS // the root file system
	normal string   // for what has less weight than /etc/systemd/system
	early  string   // for what has more
	log    func(level int, message string)
}

func (g *generator) run() error {
	if err := g.close(); err != nil {
		return err
	}
	definitions := g.definitions()
	for _, u := range g.listed(definitions) {
		if err := g.write(u.name, u.dropIn()); err != nil {
			return err
		}
	}
	if err := g.write(unit, g.own(definitions)); err != nil {
		return err
	}
	if err := g.link("multi-user.target.wants/"+unit, unitFiles+unit); err != nil {
		return err
	}
	return g.open()
}

// close has the boot end in emergency.target.
func (g *generator) close() error {
	err := os.Symlink(unitFiles+"emergency.target", g.defaultTarget())
	// Where another generator has said what this boot is to start (system-update.target, say), it doesn't start
	// multi-user.target, and there is nothing to close.
	if err != nil && !os.IsExist(err) {
		return fmt.Errorf("cannot close the boot: %w", err)
	}
	return nil
}

// open takes back what close did.
func (g *generator) open() error {
	if to, err := os.Readlink(g.defaultTarget()); err == nil && to != unitFiles+"emergency.target" {
		return nil
	}
	if err := os.Remove(g.defaultTarget()); err != nil {
		return fmt.Errorf("cannot open the boot: %w", err)
	}
	return nil
}

func (g *generator) defaultTarget() string { return filepath.Join(g.early, "default.target") }

// write makes the drop-in of a unit.
func (g *generator) write(name, text string) error {
	dir := filepath.Join(g.normal, name+".d")
	err := os.MkdirAll(dir, 0o755)
	if err == nil {
		err = os.WriteFile(filepath.Join(dir, dropIn), []byte(text), 0o644)
	}
	if err != nil {
		return fmt.Errorf("cannot write the drop-in of %s: %w", name, err)
	}
	return nil
}

func (g *generator) link(name, to string) error {
	name = filepath.Join(g.normal, name)
	err := os.MkdirAll(filepath.Dir(name), 0o755)
	if err == nil {
		err = os.Symlink(to, name)
	}
	if err != nil && !os.IsExist(err) {
		return fmt.Errorf("cannot link %s: %w", unit, err)
	}
	return nil
}

const header = "# Made by bootconf-generator from the definitions in /usr/lib/bootconf and /etc/bootconf.\n"

// dropIn is what makes a unit wait for its configuration.
func (u *listed) dropIn() string {
	var b strings.Builder
	b.WriteString(header + "[Unit]\n")
	if u.order {
		b.WriteString("After=" + unit + "\n")
		if u.requires {
			// Requires= would start bootconf again where it failed.
			b.WriteString("Requisite=" + unit + "\n")
			// "|": one of several is enough. A single one is no such condition, since any other of that sort, which the
			// unit may bring, would do in its place.
			alternative := "|"
			if len(u.services) == 1 {
				alternative = ""
			}
			for _, service := range u.services {
				b.WriteString("ConditionPathExists=" + alternative + paths.Services + "/" + service + "\n")
			}
		}
	}
	b.WriteString("ConditionPathExists=!" + paths.Hold + "\n")
	return b.String()
}

// The deadlines that are not the policy's.
const (
	unitsTimeout = 90 * time.Second // for the units that a run restarts
	slack        = 30 * time.Second // for all that has no deadline of its own
)

// own is what the definitions and the policy mean for bootconf.service itself.
func (g *generator) own(definitions []definition) string {
	policy, found := image.LoadPolicy(g.files)
	if found.Err() != nil {
		policy.OnFailure = "emergency" // nobody can say that less was meant
	}
	timeout := policy.Timeout + unitsTimeout + slack
	dirs := []string{paths.State}
	for _, d := range definitions {
		timeout += d.check
		dirs = append(dirs, d.dirs...)
	}
	slices.Sort(dirs)

	var b strings.Builder
	b.WriteString(header + "[Unit]\n")
	for _, dir := range slices.Compact(dirs) {
		b.WriteString("RequiresMountsFor=" + quote(dir) + "\n")
	}
	// As local-fs.target does it: sysinit.target conflicts with emergency.target, so what the boot has started is
	// stopped, and no job that comes later can call that off. OnFailure= also counts where a mount failed and
	// bootconf.service was not even started; FailureAction= does not.
	switch policy.OnFailure {
	case "emergency", "poweroff":
		b.WriteString("OnFailure=" + policy.OnFailure + ".target\nOnFailureJobMode=replace-irreversibly\n")
	}
	fmt.Fprintf(&b, "[Service]\nTimeoutStartSec=%d\n", int(timeout/time.Second))
	return b.String()
}

// quote writes a path as one word of a unit file that takes several, with specifiers.
func quote(path string) string {
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`, `%`, `%%`).Replace(path) + `"`
}

// root is the file system below a directory, as image.FS has it.
type root string

func (r root) ReadFile(path string) ([]byte, error)       { return os.ReadFile(string(r) + path) }
func (r root) ReadDir(path string) ([]fs.DirEntry, error) { return os.ReadDir(string(r) + path) }
func (r root) Readlink(path string) (string, error)       { return os.Readlink(string(r) + path) }

// Levels of the kernel's log. An error reaches the console of a boot with "quiet", too.
const (
	errorLevel   = 3
	warningLevel = 4
)

// log writes to the kernel's log: nothing else is there this early.
func log(level int, message string) {
	var b bytes.Buffer
	for line := range strings.Lines(message) {
		fmt.Fprintf(&b, "<%d>bootconf-generator[%d]: %s\n", level, os.Getpid(), strings.TrimSpace(line))
	}
	// In a container it may be a FIFO that no one reads.
	f, err := os.OpenFile("/dev/kmsg", os.O_WRONLY|syscall.O_NONBLOCK|syscall.O_NOCTTY, 0)
	if err != nil {
		os.Stderr.Write(b.Bytes())
		return
	}
	defer f.Close()
	for line := range bytes.Lines(b.Bytes()) { // a record a write
		f.Write(line)
	}
}

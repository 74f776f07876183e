//go:build boot

package boot

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"math/big"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// Deadlines, all well above what a busy machine takes.
const (
	startTime = 30 * time.Second  // until the system's first process answers
	bootTime  = 180 * time.Second // until the boot is over
	stopTime  = 60 * time.Second
	checkTime = 180 * time.Second
)

// powerOffSignal is SIGRTMIN+4, which asks systemd to power off (systemd(1), Signals).
const powerOffSignal = syscall.Signal(34 + 4)

// system is one system: a disk that lives from boot to boot and, while it runs, its processes.
type system struct {
	t       *testing.T
	suite   string
	machine string // a name that no other system has, nor any of another run of these tests
	lower   string
	dir     string // its disk in upper, logs of boot n in boot-n
	boots   int
	state   string // how the last boot ended

	holder *exec.Cmd     // the first process of the namespaces
	exited chan struct{} // closed when it has ended
	leader int           // the system's first process
}

// newSystem is a system with an empty disk over lower. It ends with the test.
func newSystem(t *testing.T, suite, lower string) *system {
	dir, err := os.MkdirTemp("", "bootconf-")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"upper", "root"} {
		if err := os.Mkdir(filepath.Join(dir, name), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	s := &system{t: t, suite: suite, machine: filepath.Base(dir), lower: lower, dir: dir}
	t.Cleanup(func() {
		if t.Failed() {
			s.report()
		}
		s.kill()
		// what a lockout made immutable must go, too
		if os.RemoveAll(dir) != nil {
			exec.Command("chattr", "-R", "-f", "-i", dir).Run()
			if err := os.RemoveAll(dir); err != nil {
				t.Error(err)
			}
		}
	})
	return s
}

func (s *system) logs() string { return filepath.Join(s.dir, fmt.Sprintf("boot-%d", s.boots)) }

// start boots and waits for the end of it.
func (s *system) start(layers []string, imds string) {
	s.t.Helper()
	s.boots++
	work := filepath.Join(s.dir, "work")
	if err := errors.Join(os.RemoveAll(work), os.Mkdir(work, 0o755), os.Mkdir(s.logs(), 0o755)); err != nil {
		s.t.Fatal(err)
	}
	for _, name := range []string{"imds", "collector", "console"} {
		if err := os.WriteFile(filepath.Join(s.logs(), name), nil, 0o644); err != nil {
			s.t.Fatal(err)
		}
	}
	s.holder = exec.Command("./contain")
	s.holder.Env = []string{
		"PATH=/usr/sbin:/usr/bin:/sbin:/bin", "LOWER=" + s.lower, "DIR=" + s.dir, "LAYERS=" + strings.Join(layers, "\n"),
		"LOGS=" + s.logs(), "MACHINE=" + s.machine, "IMDS=" + imds,
		"COLLECTOR=" + tools.collector + " -certificate " + tools.certificate +
			" -tcp 127.0.0.1:601 -tls 127.0.0.1:6514 -tls 127.0.0.1:12345",
	}
	output, err := os.Create(filepath.Join(s.logs(), "contain"))
	if err != nil {
		s.t.Fatal(err)
	}
	defer output.Close()
	s.holder.Stdout, s.holder.Stderr = output, output
	s.holder.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags: syscall.CLONE_NEWNET | syscall.CLONE_NEWNS | syscall.CLONE_NEWPID,
		Setsid:     true,
		Pdeathsig:  syscall.SIGKILL, // and with it everything in the namespaces
	}
	if err := s.holder.Start(); err != nil {
		s.t.Fatal(err)
	}
	s.exited = make(chan struct{})
	go func(holder *exec.Cmd, exited chan struct{}) {
		holder.Wait()
		close(exited)
	}(s.holder, s.exited)

	s.leader = 0
	up := wait(startTime, func() bool {
		if s.ended() {
			return true
		}
		leader, ok := s.find()
		// the name is systemd's once the container's root is its root
		comm, _ := os.ReadFile(fmt.Sprintf("/proc/%d/comm", leader))
		if ok && string(comm) == "systemd\n" && exists(fmt.Sprintf("/proc/%d/root/run/systemd/private", leader)) {
			s.leader = leader
			return true
		}
		return false
	})
	if !up || s.leader == 0 {
		s.t.Fatalf("boot %d: systemd did not come up", s.boots)
	}

	ctx, cancel := context.WithTimeout(s.t.Context(), bootTime)
	defer cancel()
	out, err := s.inside(ctx, "systemctl", "is-system-running", "--wait").Output()
	s.state = strings.TrimSpace(string(out))
	switch {
	case s.ended():
		s.state = "off"
	case s.state == "":
		s.t.Fatalf("boot %d: it did not end: %v", s.boots, err)
	}
}

// ended tells whether the system is off.
func (s *system) ended() bool {
	select {
	case <-s.exited:
		return true
	default:
		return false
	}
}

// find is the system's first process: the descendant of the holder that is the first of a process namespace below.
func (s *system) find() (int, bool) {
	level := len(namespacePIDs(s.holder.Process.Pid))
	queue := []int{s.holder.Process.Pid}
	for len(queue) > 0 {
		pid := queue[0]
		queue = queue[1:]
		if ids := namespacePIDs(pid); len(ids) == level+1 && ids[level] == "1" {
			return pid, true
		}
		lists, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/children", pid))
		for _, list := range lists {
			text, _ := os.ReadFile(list)
			for _, field := range strings.Fields(string(text)) {
				if child, err := strconv.Atoi(field); err == nil {
					queue = append(queue, child)
				}
			}
		}
	}
	return 0, false
}

// namespacePIDs is the ids of a process in each namespace that it is in, the outermost first.
func namespacePIDs(pid int) []string {
	text, _ := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	for line := range strings.Lines(string(text)) {
		if ids, ok := strings.CutPrefix(line, "NSpid:"); ok {
			return strings.Fields(ids)
		}
	}
	return nil
}

// inside is a command in the running system. The variables of this side stay here.
func (s *system) inside(ctx context.Context, args ...string) *exec.Cmd {
	enter := []string{"--target", strconv.Itoa(s.leader), "--mount", "--uts", "--ipc", "--net", "--pid", "--cgroup",
		"--root", "--wd", "--",
		"env", "-i", "PATH=/usr/sbin:/usr/bin:/sbin:/bin", "LANG=C.UTF-8", "TERM=dumb"}
	return exec.CommandContext(ctx, "nsenter", append(enter, args...)...)
}

// check runs a case's script.
func (s *system) check(script string) {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(s.t.Context(), checkTime)
	defer cancel()
	command := exec.CommandContext(ctx, "bash", script)
	helpers, err := filepath.Abs("helpers")
	if err != nil {
		s.t.Fatal(err)
	}
	command.Env = append(os.Environ(), "BOOT_HELPERS="+helpers, "LEADER="+strconv.Itoa(s.leader), "LOGS="+s.logs(),
		"DIR="+s.dir, "STATE="+s.state, "RELEASE="+s.suite)
	out, err := command.CombinedOutput()
	if err != nil {
		s.t.Errorf("%s: %v\n%s", filepath.Base(script), err, out)
	}
}

// powerOff ends the system as its own shutdown does; the disk stays.
func (s *system) powerOff() {
	s.t.Helper()
	if err := syscall.Kill(s.leader, powerOffSignal); err != nil {
		s.t.Fatal(err)
	}
	if !wait(stopTime, s.ended) {
		s.t.Errorf("boot %d: it did not power off", s.boots)
	}
	s.kill()
}

// kill ends every process of the system and removes its control groups.
func (s *system) kill() {
	if s.holder == nil || s.holder.Process == nil {
		return
	}
	s.holder.Process.Kill()
	<-s.exited
	s.holder = nil
	wait(stopTime, func() bool { return removeGroups(s.machine) })
}

// removeGroups removes a system's tree of control groups; a group goes once its last process is gone.
func removeGroups(machine string) bool {
	mounts, err := os.ReadFile("/proc/mounts")
	if err != nil {
		return true
	}
	done := true
	for line := range strings.Lines(string(mounts)) {
		fields := strings.Fields(line)
		if fields[2] != "cgroup2" {
			continue
		}
		var groups []string
		filepath.WalkDir(filepath.Join(fields[1], machine), func(name string, entry fs.DirEntry, err error) error {
			if err == nil && entry.IsDir() {
				groups = append(groups, name)
			}
			return nil
		})
		for i := len(groups) - 1; i >= 0; i-- { // what is deeper comes later in a walk
			if err := os.Remove(groups[i]); err != nil && !os.IsNotExist(err) {
				done = false
			}
		}
	}
	return done
}

// report logs what helps to understand a failure.
func (s *system) report() {
	for n := 1; n <= s.boots; n++ {
		for _, name := range []string{"contain", "console", "imds", "collector"} {
			text, _ := os.ReadFile(filepath.Join(s.dir, fmt.Sprintf("boot-%d", n), name))
			lines := strings.Split(strings.TrimSpace(string(text)), "\n")
			s.t.Logf("boot %d, %s:\n%s", n, name, strings.Join(lines[max(0, len(lines)-60):], "\n"))
		}
	}
	if s.leader == 0 || s.ended() {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), stopTime)
	defer cancel()
	for _, args := range [][]string{
		{"systemctl", "--no-pager", "--failed"},
		{"journalctl", "--no-pager", "-b", "-u", "bootconf.service", "-u", "syslog-ng.service", "-u", "windtrap.service"},
	} {
		out, _ := s.inside(ctx, args...).CombinedOutput()
		s.t.Logf("%s:\n%s", strings.Join(args, " "), out)
	}
}

// wait polls a condition until it holds, and tells whether it did in time.
func wait(limit time.Duration, condition func() bool) bool {
	deadline := time.After(limit)
	for !condition() {
		select {
		case <-deadline:
			return false
		case <-time.After(20 * time.Millisecond):
		}
	}
	return true
}

// makeCertificates writes a new authority's certificate, and one that it gave to a server of some names, with its key.
func makeCertificates(authority, server string, names ...string) error {
	now := time.Now()
	ca := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "boot test"},
		NotBefore: now.Add(-time.Hour), NotAfter: now.Add(24 * time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	caKey, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return err
	}
	caDER, err := x509.CreateCertificate(rand.Reader, ca, ca, &caKey.PublicKey, caKey)
	if err != nil {
		return err
	}
	leaf := &x509.Certificate{
		SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: names[0]}, DNSNames: names,
		NotBefore: ca.NotBefore, NotAfter: ca.NotAfter,
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return err
	}
	der, err := x509.CreateCertificate(rand.Reader, leaf, ca, &key.PublicKey, caKey)
	if err != nil {
		return err
	}
	keyDER, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(authority), 0o755); err != nil {
		return err
	}
	certificate := func(der []byte) []byte { return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}) }
	private := pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: keyDER})
	return errors.Join(
		os.WriteFile(authority, certificate(caDER), 0o644),
		os.WriteFile(server, append(certificate(der), private...), 0o600),
	)
}

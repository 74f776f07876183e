//go:build linux

package render

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"math/big"
	mathrand "math/rand"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/bootconf/bootconf/internal/document"
	"github.com/bootconf/bootconf/internal/finding"
)

// What follows has real servers, started for the test on loopback, take what the kinds render.

// credentials is what names and passwords are tried as: values that are syntax somewhere, and strings of their
// characters, the same in every run.
func credentials() []string {
	list := append([]string{
		"plain", " leading", "trailing ", "\ttab\t", " ", "a b", "two\nlines", "ends\n", "cr\r", `"quoted"`, `'quoted'`, `a"b`, "a'b", "''", `\`, `\\`,
		`\'`, `\"`, `a\nb`, "$", "$$", "`", "#", "# x", "a #b", ";", "; x", "a ;b", "a=b", "a:b", `a\:b`, "::", "*", "{{", "}}", "${", "a@b", "@/", "//", "/",
		"..", ".", "?sslmode=disable", "a?b", "a&b=c", "a%2Fb", "%2F", "%00", "%zz", "+", "a+b", "x' host='example.com", "host=example.com user=x", "]", "[",
		"postgresql://x@example.com/y", "amqp://x@example.com/y", "true", "false", "no", "on", "NULL", "None", "0", "-1", "007", "1_000", "1:30",
		"--", "---", "-c", "--help", ">", "|", "!x", "&a", ",", "(", ")", "<", "^", "~/x", "\u00a0", "\u2029", "\u200b", "\u202e", "é", "日本語", "😀", "\ufffd",
		"\x01", "\x7f", "\u0085", "PLAIN", "Plain",
	}, hostile...)
	var alphabet []rune
	for _, s := range list {
		if len(s) < 40 {
			alphabet = append(alphabet, []rune(s)...)
		}
	}
	r := mathrand.New(mathrand.NewSource(1))
	for range 40 {
		s := make([]rune, 1+r.Intn(10))
		for i := range s {
			s[i] = alphabet[r.Intn(len(alphabet))]
		}
		list = append(list, string(s))
	}
	seen := map[string]bool{"": true}
	var out []string
	for _, s := range list {
		if !seen[s] {
			out = append(out, s)
		}
		seen[s] = true
	}
	return out
}

// quoted is a JSON string.
func quoted(s string) string {
	return string(document.Encode(document.NewString(s, finding.Pos{})))
}

// checkRefusal looks for a value in what is said of it.
func checkRefusal(t *testing.T, value string, found finding.List) {
	t.Helper()
	if len(value) > 4 && strings.Contains(found.Error(), value) {
		t.Errorf("%q is in its own refusal: %v", value, found)
	}
}

// daemon is a server that runs until the test is over.
type daemon struct {
	cmd   *exec.Cmd
	ended chan struct{}
	mu    sync.Mutex
	said  bytes.Buffer
}

func (d *daemon) Write(p []byte) (int, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.said.Write(p)
}

// log is all that the server has said.
func (d *daemon) log() string {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.said.String()
}

// start runs a server, which ends well on the signal.
func start(t *testing.T, cmd *exec.Cmd, end syscall.Signal) *daemon {
	t.Helper()
	d := &daemon{cmd: cmd, ended: make(chan struct{})}
	cmd.Stdout, cmd.Stderr = d, d
	if cmd.SysProcAttr == nil {
		cmd.SysProcAttr = &syscall.SysProcAttr{}
	}
	cmd.SysProcAttr.Pdeathsig = end
	cmd.WaitDelay = time.Second // a child of its own may hold the pipe
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		cmd.Wait()
		close(d.ended)
	}()
	t.Cleanup(func() {
		cmd.Process.Signal(end)
		select {
		case <-d.ended:
		case <-time.After(30 * time.Second):
			cmd.Process.Kill()
			<-d.ended
			t.Errorf("%s did not end", cmd)
		}
		if t.Failed() {
			said := d.log()
			t.Logf("%s said:\n%s", cmd, said[max(0, len(said)-4000):])
		}
	})
	return d
}

// until waits for a condition, as long as the server runs.
func (d *daemon) until(t *testing.T, what string, condition func() bool) {
	t.Helper()
	deadline, tick := time.After(60*time.Second), time.NewTicker(20*time.Millisecond)
	defer tick.Stop()
	for !condition() {
		select {
		case <-d.ended:
			t.Fatalf("it ended before %s", what)
		case <-deadline:
			t.Fatalf("waited in vain until %s", what)
		case <-tick.C:
		}
	}
}

// isolated runs the test in network, mount and process namespaces of its own: there is nothing but loopback, files can be
// laid over the machine's, and what it started ends with it. It returns true in there.
func isolated(t *testing.T) bool {
	t.Helper()
	if os.Getenv("BOOTCONF_TEST_ISOLATED") != "" {
		if out, err := exec.Command("ip", "link", "set", "lo", "up").CombinedOutput(); err != nil {
			t.Fatalf("ip: %v\n%s", err, out)
		}
		if err := syscall.Mount("", "/", "", syscall.MS_REC|syscall.MS_PRIVATE, ""); err != nil {
			t.Fatal(err)
		}
		over(t, "proc", "/proc", "proc", 0)
		return true
	}
	if os.Getuid() != 0 {
		const message = "NOT TESTED: it needs root, for namespaces"
		if os.Getenv("CI") != "" {
			t.Fatal(message)
		}
		t.Skip(message)
	}
	cmd := exec.Command(os.Args[0], "-test.run=^"+t.Name()+"$", "-test.v")
	cmd.Env = append(os.Environ(), "BOOTCONF_TEST_ISOLATED=1")
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNET | syscall.CLONE_NEWNS | syscall.CLONE_NEWPID, Pdeathsig: syscall.SIGKILL}
	out, err := cmd.CombinedOutput()
	t.Logf("%s", out)
	if err != nil {
		t.Error(err)
	}
	return false
}

// over mounts something for the time of the test.
func over(t *testing.T, source, path, kind string, flags uintptr) {
	t.Helper()
	if err := syscall.Mount(source, path, kind, flags, ""); err != nil {
		t.Fatalf("cannot mount %s: %v", path, err)
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(path, syscall.MNT_DETACH); err != nil {
			t.Error(err)
		}
	})
}

// freePort is a TCP port of 127.0.0.1 that nobody has.
func freePort(t *testing.T) int {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port
}

// serverDir is a directory for a server that must not be root, and who it then is.
func serverDir(t *testing.T) (string, *syscall.Credential) {
	t.Helper()
	dir, err := os.MkdirTemp("", "bootconf-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	if os.Getuid() != 0 {
		return dir, nil
	}
	nobody, err := user.Lookup("nobody")
	if err != nil {
		t.Fatal(err)
	}
	uid, _ := strconv.Atoi(nobody.Uid)
	gid, _ := strconv.Atoi(nobody.Gid)
	if err := os.Chown(dir, uid, gid); err != nil {
		t.Fatal(err)
	}
	return dir, &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}
}

// certificates writes the certificate of a new authority to the file ca, and returns what it gave to a server of some
// names: a certificate and its key, in PEM.
func certificates(t *testing.T, ca string, names ...string) (certificate, key []byte) {
	t.Helper()
	now := time.Now()
	authority := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "test authority"},
		NotBefore: now.Add(-time.Hour), NotAfter: now.Add(24 * time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	server := &x509.Certificate{
		SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: "test server"}, DNSNames: names,
		NotBefore: authority.NotBefore, NotAfter: authority.NotAfter,
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	authorityKey, err1 := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	serverKey, err2 := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err := errors.Join(err1, err2); err != nil {
		t.Fatal(err)
	}
	authorityDER, err1 := x509.CreateCertificate(rand.Reader, authority, authority, &authorityKey.PublicKey, authorityKey)
	serverDER, err2 := x509.CreateCertificate(rand.Reader, server, authority, &serverKey.PublicKey, authorityKey)
	keyDER, err3 := x509.MarshalPKCS8PrivateKey(serverKey)
	if err := errors.Join(err1, err2, err3); err != nil {
		t.Fatal(err)
	}
	block := func(kind string, der []byte) []byte { return pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}) }
	if err := os.WriteFile(ca, block("CERTIFICATE", authorityDER), 0o644); err != nil {
		t.Fatal(err)
	}
	return block("CERTIFICATE", serverDER), block("PRIVATE KEY", keyDER)
}

// put writes a file of the test's own.
func put(t *testing.T, dir, name, text string) string {
	t.Helper()
	path := filepath.Join(dir, name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// tally counts what was tried.
type tally struct{ tried, refused int }

func (c *tally) log(t *testing.T, what string) {
	t.Helper()
	t.Logf("%s: %d tried, %d refused", what, c.tried, c.refused)
}

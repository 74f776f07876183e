//go:build linux

package render

import (
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// amqpClient logs in with the URL and with the parts of each file, and prints a line for each: the file, how, and what
// went wrong.
const amqpClient = `
import subprocess, sys, pika, yaml

def variables(path):
    out = subprocess.run(["sh", "-c", 'set -a; . "$1"; exec env -0', "sh", path], env={"PATH": "/usr/bin:/bin"}, stdout=subprocess.PIPE, check=True).stdout
    return dict(v.decode("utf-8").split("=", 1) for v in out.split(b"\0") if v)

def connect(parameters):
    parameters.retry_delay = 0
    try:
        connection = pika.BlockingConnection(parameters)
        connection.channel().close()
        connection.close()
        return "ok"
    except Exception as e:
        return type(e).__name__

for path in sys.argv[1:]:
    if path.endswith(".yml"):
        with open(path, encoding="utf-8") as f:
            got = yaml.safe_load(f)
    else:
        got = {name.removeprefix("AMQP_").lower(): value for name, value in variables(path).items()}
    print(path, "URL", connect(pika.URLParameters(got["url"])))
    print(path, "parts", connect(pika.ConnectionParameters(got["host"], int(got["port"]), got["vhost"], pika.PlainCredentials(got["user"], got["password"]))))
`

// TestRabbitMQ has a client log in with each of the files, where user, password and virtual host are the same hostile
// value, and no user may enter another's virtual host.
func TestRabbitMQ(t *testing.T) {
	servers, _ := filepath.Glob("/usr/lib/rabbitmq/lib/rabbitmq_server-*/sbin/rabbitmq-server")
	if len(servers) == 0 {
		notHere(t, "rabbitmq-server")
	}
	if exec.Command("/usr/bin/python3", "-c", "import pika, yaml").Run() != nil {
		notHere(t, "python3-pika")
	}
	if !isolated(t) {
		return
	}

	type login struct{ user, password, vhost string }
	var logins []login
	var users, vhosts, permissions []string
	for i, v := range append(credentials(), strings.Repeat("n", 255)) {
		l := login{v, v, v}
		if len(v) > 255 {
			// names can't be as long, and all of a login must fit into a frame of 4 KiB
			l = login{fmt.Sprint("u", i), v[:min(len(v), 3500)], "/"}
		}
		logins = append(logins, l)
		if strings.Contains(v, "\x00") {
			continue
		}
		hash := sha256.Sum256([]byte("salt" + l.password))
		users = append(users, fmt.Sprintf(`{"name": %s, "password_hash": %q, "hashing_algorithm": "rabbit_password_hashing_sha256", "tags": ""}`,
			quoted(l.user), base64.StdEncoding.EncodeToString(append([]byte("salt"), hash[:]...))))
		vhosts = append(vhosts, fmt.Sprintf(`{"name": %s}`, quoted(l.vhost)))
		permissions = append(permissions, fmt.Sprintf(`{"user": %s, "vhost": %s, "configure": "", "write": "", "read": ""}`, quoted(l.user), quoted(l.vhost)))
	}
	dir := t.TempDir()
	definitions := put(t, dir, "definitions.json", `{"users": [`+strings.Join(users, ",\n")+`], "vhosts": [`+strings.Join(vhosts, ",\n")+`], "permissions": [`+strings.Join(permissions, ",\n")+`]}`)
	conf := put(t, dir, "rabbitmq.conf", "listeners.tcp.1 = 127.0.0.1:5672\nload_definitions = "+definitions+"\nlog.console.level = warning\n")
	cmd := exec.Command(servers[len(servers)-1])
	cmd.Dir = dir
	cmd.Env = []string{
		"PATH=" + os.Getenv("PATH"), "HOME=" + dir, "LANG=C.UTF-8", "ERL_EPMD_ADDRESS=127.0.0.1", "RABBITMQ_CONF_ENV_FILE=/dev/null",
		"RABBITMQ_NODENAME=test@localhost", "RABBITMQ_CONFIG_FILE=" + conf, "RABBITMQ_ENABLED_PLUGINS_FILE=" + put(t, dir, "plugins", "[]."),
		"RABBITMQ_MNESIA_BASE=" + filepath.Join(dir, "mnesia"), "RABBITMQ_LOG_BASE=" + filepath.Join(dir, "log"), "RABBITMQ_LOGS=-",
	}
	server := start(t, cmd, syscall.SIGKILL) // its children end with the namespace

	var count tally
	names, wrong := map[string]login{}, map[string]string{}
	var paths []string
	for _, template := range []string{"amqp/env", "amqp/yaml"} {
		render := maker(t, template)
		suffix := map[string]string{"amqp/env": ".env", "amqp/yaml": ".yml"}[template]
		write := func(name string, l login) string {
			count.tried++
			text, found := render(fmt.Sprintf(`{"host": "127.0.0.1", "user": %s, "password": %s, "vhost": %s, "heartbeat": 0}`, quoted(l.user), quoted(l.password), quoted(l.vhost)))
			if found != nil {
				count.refused++
				checkRefusal(t, l.password, found)
				return ""
			}
			if strings.Contains(l.user, "\x00") {
				return "" // YAML has it, but the protocol's logins are apart by it, and the server knows no such user
			}
			path := put(t, dir, name+suffix, text)
			paths, names[path] = append(paths, path), l
			return path
		}
		for i, l := range logins {
			write(fmt.Sprint(i), l)
		}
		wrong[write("password", login{"plain", "Plain", "plain"})] = "ProbableAuthenticationError"
		wrong[write("vhost", login{"plain", "plain", "Plain"})] = "ProbableAccessDeniedError"
	}
	count.log(t, "files")
	if count.refused > count.tried/3 {
		t.Error("most values were refused")
	}

	client := func(paths ...string) string {
		out, err := exec.Command("/usr/bin/python3", append([]string{"-c", amqpClient}, paths...)...).Output()
		if err != nil {
			t.Fatalf("python3: %v", err)
		}
		return string(out)
	}
	first := paths[0]
	server.until(t, "it lets users in", func() bool { return strings.Contains(client(first), " ok\n") })
	lines := 0
	for line := range strings.Lines(client(paths...)) {
		lines++
		fields := strings.Fields(line)
		want := "ok"
		if says, ok := wrong[fields[0]]; ok {
			want = says
		}
		if fields[2] != want {
			l := names[fields[0]]
			t.Errorf("%s, %s: %q, %q, %q: %s, want %s", filepath.Ext(fields[0]), fields[1], l.user, l.password, l.vhost, fields[2], want)
		}
	}
	if lines != 2*len(paths) {
		t.Errorf("%d logins with %d files", lines, len(paths))
	}
}

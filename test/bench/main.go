// Command bench prints what bootconf costs: its size, and the time that a first and a locked run take beside the least
// programs that do the same, in turns on the same machine. `make bench` calls it with the
// binary; it runs in the project's top directory and changes nothing but a temporary one.
package main

import (
	"fmt"
	"log"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/bootconf/bootconf/test/imds"
)

// turns is how often each program is run; the median is what is printed.
const turns = 41

// tags are those of the release, so that the programs differ only in what they do.
const tags = "nethttpomithttp2,netgo,osusergo"

const example = "examples/windtrap"

func main() {
	log.SetFlags(0)
	log.SetPrefix("bench: ")
	if len(os.Args) != 2 {
		log.Fatal("usage: bench BINARY")
	}
	if err := bench(os.Args[1]); err != nil {
		log.Fatal(err)
	}
}

func bench(binary string) error {
	binary, err := filepath.Abs(binary)
	if err != nil {
		return err
	}
	info, err := os.Stat(binary)
	if err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "bootconf-bench-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	reference, empty := filepath.Join(dir, "reference"), filepath.Join(dir, "empty")
	for _, program := range []string{reference, empty} {
		build := exec.Command("go", "build", "-trimpath", "-buildvcs=false", "-tags", tags, "-ldflags", "-s -w",
			"-o", program, "./test/bench/"+filepath.Base(program))
		build.Env = append(os.Environ(), "CGO_ENABLED=0")
		if out, err := build.CombinedOutput(); err != nil {
			return fmt.Errorf("cannot build %s: %w\n%s", program, err, out)
		}
	}
	userData, err := os.ReadFile(filepath.Join(example, "user-data.json"))
	if err != nil {
		return err
	}
	service := httptest.NewServer(&imds.Server{UserData: userData})
	defer service.Close()
	env := []string{"AWS_EC2_METADATA_SERVICE_ENDPOINT=" + service.URL}

	var first, least, locked, start []cost
	for turn := range turns {
		root := filepath.Join(dir, fmt.Sprintf("root-%d", turn))
		if err := makeRoot(root); err != nil {
			return err
		}
		run := exec.Command(binary, "run", "--root", root, "--source", "ec2")
		if first, err = measure(first, run, env); err != nil {
			return err
		}
		files, err := written(root)
		if err != nil {
			return err
		}
		again := exec.Command(binary, "run", "--root", root, "--source", "ec2")
		if locked, err = measure(locked, again, env); err != nil {
			return err
		}
		bare := exec.Command(reference, files...)
		bare.Dir = filepath.Join(dir, fmt.Sprintf("copy-%d", turn))
		if err := os.Mkdir(bare.Dir, 0o755); err != nil {
			return err
		}
		if least, err = measure(least, bare, env); err != nil {
			return err
		}
		if start, err = measure(start, exec.Command(empty), env); err != nil {
			return err
		}
	}

	fmt.Printf("binary        %d bytes, %.2f MiB\n", info.Size(), float64(info.Size())/(1<<20))
	compare("first run", median(first), "requests and writes alone", median(least))
	compare("locked run", median(locked), "an empty program", median(start))
	return nil
}

// makeRoot is a copy of the example's image whose accounts are those of this process.
func makeRoot(root string) error {
	if err := os.CopyFS(root, os.DirFS(filepath.Join(example, "image"))); err != nil {
		return err
	}
	for file, format := range map[string]string{"passwd": "%s:x:%d:%d::/:/bin/sh\n", "group": "%s:x:%[3]d:\n"} {
		var text strings.Builder
		for _, name := range []string{"root", "windtrap"} {
			fmt.Fprintf(&text, format, name, os.Getuid(), os.Getgid())
		}
		if err := os.WriteFile(filepath.Join(root, "etc", file), []byte(text.String()), 0o644); err != nil {
			return err
		}
	}
	return nil
}

// written is the files of a configured root that the example's image does not have, as PATH:SIZE.
func written(root string) ([]string, error) {
	var files []string
	err := filepath.Walk(root, func(name string, info os.FileInfo, err error) error {
		if err != nil || !info.Mode().IsRegular() {
			return err
		}
		path := strings.TrimPrefix(name, root+"/")
		if _, err := os.Lstat(filepath.Join(example, "image", path)); os.IsNotExist(err) {
			files = append(files, fmt.Sprintf("%s:%d", path, info.Size()))
		}
		return nil
	})
	return files, err
}

// cost is what one process took.
type cost struct{ cpu, wall time.Duration }

// measure runs a command and adds what it took.
func measure(costs []cost, command *exec.Cmd, env []string) ([]cost, error) {
	command.Env = env
	var output strings.Builder
	command.Stdout, command.Stderr = &output, &output
	begun := time.Now()
	if err := command.Run(); err != nil {
		return nil, fmt.Errorf("%s: %w\n%s", command, err, output.String())
	}
	state := command.ProcessState
	return append(costs, cost{cpu: state.UserTime() + state.SystemTime(), wall: time.Since(begun)}), nil
}

// median is the median of each figure by itself.
func median(costs []cost) cost {
	var cpu, wall []time.Duration
	for _, c := range costs {
		cpu, wall = append(cpu, c.cpu), append(wall, c.wall)
	}
	slices.Sort(cpu)
	slices.Sort(wall)
	return cost{cpu: cpu[len(cpu)/2], wall: wall[len(wall)/2]}
}

func compare(what string, ours cost, than string, theirs cost) {
	fmt.Printf("%-13s %s\n", what, ours)
	fmt.Printf("              %s; %s\n", theirs, than)
	fmt.Printf("              %.2f times the processor time, medians of %d\n", float64(ours.cpu)/float64(theirs.cpu), turns)
}

func (c cost) String() string {
	ms := func(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }
	return fmt.Sprintf("%6.2f ms processor, %6.2f ms wall", ms(c.cpu), ms(c.wall))
}

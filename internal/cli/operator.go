package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/bootconf/bootconf/internal/boot"
	"github.com/bootconf/bootconf/internal/document"
	"github.com/bootconf/bootconf/internal/finding"
	"github.com/bootconf/bootconf/internal/image"
	"github.com/bootconf/bootconf/internal/rootfs"
	"github.com/bootconf/bootconf/internal/source"
)

// ec2Limit is how many bytes of user data EC2 takes, before the base64 of its API (Amazon EC2 User Guide, "Run
// commands when you launch an EC2 instance").
const ec2Limit = 16384

// maxFile bounds what is read of a bundle.
const maxFile = 8 << 20

// imageFS is the image that the flags name: --image, or the one below --root. Disk is what its files can be compared
// with, or nil for a bundle, which has none.
func (e *env) imageFS() (files image.FS, disk *rootfs.Root, err error) {
	dir := e.flags.root
	if e.flags.image != "" {
		if dir != "/" {
			return nil, nil, &usageError{"--image and --root exclude each other", ""}
		}
		info, err := os.Stat(e.flags.image)
		if err != nil {
			return nil, nil, &usageError{fmt.Sprintf("cannot read --image: %v", err), ""}
		}
		if !info.IsDir() {
			text, err := readFile(e.flags.image, maxFile)
			if err != nil {
				return nil, nil, err
			}
			bundle, found := image.OpenBundle(e.flags.image, text)
			if err := found.Err(); err != nil {
				return nil, nil, boot.DefinitionsError(found)
			}
			return bundle, nil, nil
		}
		dir = e.flags.image
	}
	disk, err = openRoot(dir)
	return disk, disk, err
}

func openRoot(dir string) (*rootfs.Root, error) {
	root, err := rootfs.Open(dir)
	if err != nil {
		return nil, &usageError{fmt.Sprintf("cannot open the root: %v", err), ""}
	}
	return root, nil
}

// userData is the user data to check: FILE, standard input, or that of this instance; and its name for findings.
func (e *env) userData(config boot.Config, img *image.Image) (name string, raw []byte, err error) {
	if len(e.args) == 0 {
		if e.flags.image != "" {
			return "", nil, &usageError{"with --image the user data must be named: FILE, or - for standard input", ""}
		}
		raw, err = boot.Fetch(context.Background(), config, img)
		return boot.UserDataName, raw, err
	}
	if name = e.args[0]; name == "-" {
		name = "stdin"
		raw, err = readAll(e.stdin, source.MaxBody)
	} else {
		raw, err = readFile(name, source.MaxBody)
	}
	if errors.Is(err, errTooLarge) {
		err = boot.TooLong(name)
	}
	return name, raw, err
}

var errTooLarge = errors.New("cannot read: too large")

func readFile(name string, limit int64) ([]byte, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, &usageError{fmt.Sprintf("cannot read: %v", err), ""}
	}
	defer f.Close()
	return readAll(f, limit)
}

func readAll(r io.Reader, limit int64) ([]byte, error) {
	text, err := io.ReadAll(io.LimitReader(r, limit+1))
	if err != nil {
		return nil, &usageError{fmt.Sprintf("cannot read: %v", err), ""}
	}
	if int64(len(text)) > limit {
		return nil, errTooLarge
	}
	return text, nil
}

// checked is the user data and what the code of run makes of it.
func (e *env) checked() (name string, raw []byte, c *boot.Checked, disk *rootfs.Root, err error) {
	files, disk, err := e.imageFS()
	if err != nil {
		return "", nil, nil, nil, err
	}
	img, program, err := boot.LoadImage(files)
	if err != nil {
		return "", nil, nil, nil, err
	}
	config, err := e.config()
	if err != nil {
		return "", nil, nil, nil, err
	}
	config.Root = disk
	name, raw, err = e.userData(config, img)
	if err != nil && !errors.Is(err, boot.ErrNoUserData) {
		return name, nil, nil, nil, err
	}
	c, err = boot.Check(img, program, name, raw, err == nil, boot.Placeholders)
	return name, raw, c, disk, err
}

func (e *env) validate() error {
	name, raw, c, _, err := e.checked()
	if e.flags.output == "json" {
		var found finding.List
		if !errors.As(err, &found) && err != nil {
			return err
		}
		var services []string
		if c != nil {
			services, found = c.Services(), append(found, c.Warnings...)
		}
		v := document.NewObject()
		v.SetString("source", name)
		v.SetBool("valid", err == nil)
		v.SetInt("bytes", int64(len(raw))) // of the user data as it was given
		v.SetInt("max_bytes", ec2Limit)
		v.Set("services", document.NewStrings(services))
		v.Set("findings", document.NewFindings(found))
		if jsonErr := e.json(v); jsonErr != nil || err == nil {
			return jsonErr
		}
		return statusError(boot.ExitCode(err))
	}
	if err != nil {
		return err
	}
	e.findings(c.Warnings)
	fmt.Fprintf(e.stdout, "%s: %s, %s; %d of EC2's %d bytes\n", name, e.paint(e.stdout, green, "valid"), c.Summary(), len(raw), ec2Limit)
	if len(raw) > ec2Limit {
		e.hint("EC2 refuses user data of that size; gzip is understood: gzip -9 " + name)
	}
	return nil
}

func (e *env) schema() error {
	files, _, err := e.imageFS()
	if err != nil {
		return err
	}
	img, _, err := boot.LoadImage(files)
	if err != nil {
		return err
	}
	return e.text(img.Schema())
}

func (e *env) bundle() error {
	root, err := openRoot(e.flags.root)
	if err != nil {
		return err
	}
	if _, _, err := boot.LoadImage(root); err != nil {
		return err
	}
	text, found := image.Bundle(root)
	if found.Err() != nil {
		return boot.DefinitionsError(found)
	}
	return e.text(text)
}

// json prints a document without secrets on standard output, indented.
func (e *env) json(n *document.Node) error { return e.text(append(document.Encode(n), '\n')) }

func (e *env) text(text []byte) error {
	if _, err := e.stdout.Write(text); err != nil {
		return fmt.Errorf("cannot write the output: %w", err)
	}
	return nil
}

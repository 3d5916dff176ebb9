package cli

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"strings"

	"github.com/spf13/cobra"
	"golang.org/x/sys/unix"

	"jocker/final/engine/inroot"
	"jocker/final/engine/layer"
)

// copyOptions are those of cp.
type copyOptions struct {
	owners, follow, quiet bool
}

func cpCommand(a *app) *cobra.Command {
	var o copyOptions
	c := &cobra.Command{Use: "cp [OPTIONS] CONTAINER:SRC_PATH DEST_PATH|-\n       jocker cp [OPTIONS] SRC_PATH|- CONTAINER:DEST_PATH",
		Short: "Copy files/folders between a container and the local filesystem", Args: cobra.ExactArgs(2),
		RunE: func(_ *cobra.Command, args []string) error {
			from, source := splitCopy(args[0])
			to, dest := splitCopy(args[1])
			switch {
			case from != "" && to != "":
				return errors.New("copying between containers is not supported")
			case from == "" && to == "":
				return errors.New("must specify at least one container source: it is CONTAINER:PATH; a local path with a colon is ./PATH")
			case from != "":
				return a.copyFrom(from, source, dest, o)
			}
			return a.copyTo(source, to, dest, o)
		}}
	c.Flags().BoolVarP(&o.owners, "archive", "a", false, "Archive mode (copy all uid/gid information)")
	c.Flags().BoolVarP(&o.follow, "follow-link", "L", false, "Always follow symbol link in SRC_PATH")
	c.Flags().BoolVarP(&o.quiet, "quiet", "q", false, "Suppress the message of success")
	return c
}

// splitCopy takes CONTAINER:PATH apart. What begins with / or . is a path of the host, whatever colons it has.
func splitCopy(arg string) (container, file string) {
	if arg == "" || arg[0] == '/' || arg[0] == '.' {
		return "", arg
	}
	container, file, ok := strings.Cut(arg, ":")
	if !ok || strings.Contains(container, "/") {
		return "", arg
	}
	return container, file
}

// hostPlace is a place on the host. The caller's own links are followed first; below what they lead to nothing is, as what is copied there
// may have brought links itself.
func hostPlace(text string) (place, error) {
	if text == "" {
		return place{}, errors.New("the path is empty")
	}
	wd, err := os.Getwd()
	if err != nil {
		return place{}, err
	}
	full := text
	if !path.IsAbs(text) {
		full = wd + "/" + text
	}
	root, err := inroot.Open("/")
	return newPlace(root, full), err
}

// copyFrom copies out of a container.
func (a *app) copyFrom(name, source, dest string, o copyOptions) error {
	c, err := a.container(name)
	if err != nil {
		return err
	}
	to, err := hostPlace(dest) // in the container's mount name space we have another working directory
	if err != nil {
		return err
	}
	defer func() { to.root.Close() }()
	return c.Files(func(root *inroot.Dir) error {
		from := newPlace(root, source)
		isDir, err := from.prepare(o.follow, name+":"+source)
		if err != nil {
			return err
		}
		if dest == "-" {
			if isTerminal(1) {
				return errors.New("cowardly refusing to copy to a terminal: redirect the output, or name a file")
			}
			return from.pack(os.Stdout)
		}
		x, err := to.target(&from, isDir, dest)
		if err != nil {
			return err
		}
		x.Owners, x.UID, x.GID, x.Tame = o.owners, os.Getuid(), os.Getgid(), !o.owners
		if err := below(&to, &x); err != nil {
			return err
		}
		return o.copy(&from, &to, x, name+":"+source, dest)
	})
}

// below makes the destination's directory the wall: what a container brings along leads nowhere else.
func below(to *place, x *layer.ExtractOptions) error {
	dir, err := to.root.OpenFile(x.Into, unix.O_PATH|unix.O_DIRECTORY, 0)
	if err != nil {
		return err
	}
	defer dir.Close()
	wall, err := inroot.Open(fmt.Sprintf("/proc/self/fd/%d", dir.Fd()))
	if err != nil {
		return err
	}
	to.root.Close()
	to.root, x.Into = wall, "/"
	return nil
}

// copyTo copies into a container.
func (a *app) copyTo(source, name, dest string, o copyOptions) error {
	c, err := a.container(name)
	if err != nil {
		return err
	}
	var from place
	if source != "-" {
		if from, err = hostPlace(source); err != nil {
			return err
		}
		defer from.root.Close()
	}
	return c.Files(func(root *inroot.Dir) error {
		to := newPlace(root, dest)
		if source == "-" {
			if isDir, exists, err := to.stat(); err != nil || !exists || !isDir {
				return fmt.Errorf("destination \"%s:%s\" must be a directory, as standard input is an archive", name, dest)
			}
			return layer.Extract(os.Stdin, root, layer.ExtractOptions{Into: to.path, Owners: true})
		}
		isDir, err := from.prepare(o.follow, source)
		if err != nil {
			return err
		}
		x, err := to.target(&from, isDir, name+":"+dest)
		if err != nil {
			return err
		}
		x.Owners = o.owners
		return o.copy(&from, &to, x, source, name+":"+dest)
	})
}

// copy packs here and unpacks there, through a pipe.
func (o *copyOptions) copy(from, to *place, x layer.ExtractOptions, source, dest string) error {
	r, w := io.Pipe()
	count := &counter{w: w}
	go func() { w.CloseWithError(from.pack(count)) }()
	err := layer.Extract(r, to.root, x)
	r.CloseWithError(errors.New("the other end has gone"))
	if err == nil && !o.quiet {
		fmt.Fprintf(os.Stderr, "Successfully copied %s to %s\n", humanSize(count.n), dest)
	}
	return err
}

// A counter counts what goes through it.
type counter struct {
	w io.Writer
	n int64
}

func (c *counter) Write(p []byte) (int, error) {
	n, err := c.w.Write(p)
	c.n += int64(n)
	return n, err
}

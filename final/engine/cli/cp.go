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

// A place is where something is copied from or to.
type place struct {
	root  *inroot.Dir
	path  string // below the root, clean
	inner bool   // the path ends with "/.": not the directory is meant, but what is in it
	slash bool   // it ends with "/": it has to be a directory
}

func newPlace(root *inroot.Dir, text string) place {
	p := place{root: root, path: path.Clean("/" + text), slash: strings.HasSuffix(text, "/")}
	p.inner = p.path == "/" || strings.HasSuffix(text, "/.") || text == "."
	return p
}

// stat follows links, within the root. exists is false if there is nothing.
func (p *place) stat() (isDir, exists bool, err error) {
	f, err := p.root.OpenFile(p.path, unix.O_PATH, 0)
	if errors.Is(err, os.ErrNotExist) {
		return false, false, nil
	} else if err != nil {
		return false, false, err
	}
	defer f.Close()
	info, err := f.Stat()
	return err == nil && info.IsDir(), true, err
}

// follow replaces the last name as long as it is a link. Each walk begins at the root again.
func (p *place) follow() error {
	for i := 0; i < 40; i++ {
		dir, name, err := p.root.Parent(p.path, false)
		if err != nil {
			return nil // "/" is no link
		}
		buffer := make([]byte, 4096)
		n, err := unix.Readlinkat(dir.FD(), name, buffer)
		dir.Close()
		if err != nil {
			return nil
		}
		if target := string(buffer[:n]); path.IsAbs(target) {
			p.path = path.Clean(target)
		} else {
			p.path = path.Join(path.Dir(p.path), target)
		}
	}
	return fmt.Errorf("%s: too many levels of symbolic links", p.path)
}

// pack writes what is at the place as an archive. base is the name that it has there, "" for what is in a directory.
func (p *place) pack(w io.Writer) error {
	if p.inner {
		dir, err := p.root.OpenFile(p.path, unix.O_PATH|unix.O_DIRECTORY, 0)
		if err != nil {
			return err
		}
		defer dir.Close()
		inside, err := inroot.Open(fmt.Sprintf("/proc/self/fd/%d", dir.Fd()))
		if err != nil {
			return err
		}
		defer inside.Close()
		return layer.PackFile(w, inside, ".")
	}
	dir, name, err := p.root.Parent(p.path, false)
	if err != nil {
		return err
	}
	defer dir.Close()
	return layer.PackFile(w, dir, name)
}

// prepare looks at a source: it has to be there, and is what the path says.
func (p *place) prepare(follow bool, shown string) (isDir bool, err error) {
	if follow {
		if err := p.follow(); err != nil {
			return false, err
		}
	}
	if p.path != "/" {
		dir, name, err := p.root.Parent(p.path, false)
		var st unix.Stat_t
		if err == nil {
			err = unix.Fstatat(dir.FD(), name, &st, unix.AT_SYMLINK_NOFOLLOW)
			dir.Close()
		}
		if errors.Is(err, os.ErrNotExist) {
			return false, fmt.Errorf("%s: no such file or directory", shown)
		} else if err != nil {
			return false, err
		}
		if isDir = st.Mode&unix.S_IFMT == unix.S_IFDIR; isDir || !p.inner && !p.slash {
			return isDir, nil
		}
	}
	isDir, exists, err := p.stat()
	if err == nil && (!exists || !isDir) {
		err = fmt.Errorf("%s: not a directory", shown)
	}
	p.inner = p.inner || p.slash && !follow // a link with a slash is what it leads to
	return isDir, err
}

// target decides what a destination means for a source, as cp(1) does, and says how to extract.
func (p *place) target(source *place, sourceIsDir bool, shown string) (x layer.ExtractOptions, err error) {
	isDir, exists, err := p.stat()
	base := path.Base(source.path)
	switch {
	case err != nil:
		return x, err
	case exists && isDir && source.inner:
		x.Into = p.path
	case exists && isDir:
		x.Into, x.From, x.To = p.path, base, base
	case exists && (sourceIsDir || p.slash || p.inner):
		return x, fmt.Errorf("%s: not a directory", shown)
	case !exists && !sourceIsDir && (p.slash || p.inner):
		return x, fmt.Errorf("%s: no such directory", shown)
	case source.inner: // the directory is made
		made, err := p.root.MkdirAll(p.path)
		if err != nil {
			return x, err
		}
		made.Close()
		x.Into = p.path
	default:
		up := place{root: p.root, path: path.Dir(p.path)}
		if isDir, _, err := up.stat(); err != nil || !isDir {
			return x, fmt.Errorf("%s: no such directory: %s", path.Dir(shown), "it has to be there before something is copied into it")
		}
		x.Into, x.From, x.To = up.path, base, path.Base(p.path)
	}
	return x, nil
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

package cli

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"strings"

	"golang.org/x/sys/unix"

	"jocker/final/engine/inroot"
	"jocker/final/engine/layer"
)

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

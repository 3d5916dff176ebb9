package build

import (
	"fmt"
	"io"
	"os"
	"path"
	"strings"

	"golang.org/x/sys/unix"

	"jocker/final/engine/inroot"
	"jocker/final/runtime/fail"
)

// A writer writes files into the root of a container.
type writer struct {
	root     *inroot.Dir
	tree     *tree
	uid, gid int   // -1: the file's own
	mode     int64 // -1: the file's own
	made     []entry
}

// write writes all items of a COPY to dest.
func (w *writer) write(dest string, folder bool, items []item, c copying) error {
	old := unix.Umask(0)
	defer unix.Umask(old)
	if f, err := w.root.OpenFile("./"+dest, unix.O_PATH|unix.O_DIRECTORY, 0); err == nil {
		f.Close()
		folder = true
	}
	for n := range items {
		i := &items[n]
		at := dest
		if !i.isDir() && folder {
			at = path.Join(dest, i.name)
		}
		if c.add {
			if done, err := w.special(i, at, dest); err != nil {
				return err
			} else if done {
				continue
			}
		}
		for k := range i.entries {
			if err := w.put(&i.entries[k], path.Join(at, i.entries[k].to)); err != nil {
				return fmt.Errorf("copying %s: %w", i.entries[k].from, err)
			}
		}
	}
	for _, f := range c.SourceContents {
		at := dest
		if folder {
			at = path.Join(dest, path.Base(f.Path))
		}
		e := entry{from: f.Path, stat: unix.Stat_t{Mode: unix.S_IFREG | 0o644}}
		if err := w.file(&e, at, strings.NewReader(f.Data)); err != nil {
			return err
		}
	}
	// A directory's time is that of its last change, and each file in it was one.
	for k := len(w.made) - 1; k >= 0; k-- {
		if err := w.touch(&w.made[k], w.made[k].to); err != nil {
			return err
		}
	}
	return nil
}

// put writes one entry to a path in the root. Directories that are missing above it are made.
func (w *writer) put(e *entry, at string) error {
	if e.kind() == unix.S_IFREG {
		f, err := w.tree.open(e)
		if err != nil {
			return err
		}
		defer f.Close()
		return w.file(e, at, f)
	}
	if e.kind() == unix.S_IFDIR {
		return w.directory(e, at)
	}
	parent, name, err := w.place(at)
	if err != nil {
		return err
	}
	defer parent.Close()
	if e.kind() == unix.S_IFLNK {
		err = unix.Symlinkat(e.link, parent.FD(), name)
	} else {
		err = unix.Mknodat(parent.FD(), name, e.stat.Mode, int(e.stat.Rdev))
	}
	if err != nil {
		return fail.Call("mknodat("+at+")", err, "")
	}
	if err := w.own(parent, name, e); err != nil {
		return err
	}
	return w.touch(e, at)
}

// place opens the directory that a path is in, and removes what has the path's last name, unless that is a directory.
func (w *writer) place(at string) (parent *inroot.Dir, name string, err error) {
	if err = makeDirs(w.root, path.Dir(at), w.uid, w.gid); err != nil {
		return nil, "", err
	}
	if parent, name, err = w.root.Parent(at, false); err != nil {
		return nil, "", err
	}
	if err = unix.Unlinkat(parent.FD(), name, 0); err != nil && err != unix.ENOENT {
		parent.Close()
		if err == unix.EISDIR {
			return nil, "", fmt.Errorf("%s is a directory in the image, and what is copied is none", at)
		}
		return nil, "", fail.Call("unlinkat("+at+")", err, "")
	}
	return parent, name, nil
}

// directory makes a directory. One that is there keeps its owner and mode.
func (w *writer) directory(e *entry, at string) error {
	if f, err := w.root.OpenFile("./"+at, unix.O_PATH|unix.O_DIRECTORY, 0); err == nil {
		f.Close()
		return nil
	}
	if err := makeDirs(w.root, path.Dir(at), w.uid, w.gid); err != nil {
		return err
	}
	parent, name, err := w.root.Parent(at, false)
	if err != nil {
		return err
	}
	defer parent.Close()
	if err := unix.Mkdirat(parent.FD(), name, e.stat.Mode&0o7777); err != nil {
		return fail.Call("mkdirat("+at+")", err, "")
	}
	made := *e
	made.to = at
	w.made = append(w.made, made)
	return w.own(parent, name, e)
}

// makeDirs makes a directory and those above it that are missing, for an owner, or root if that is negative.
func makeDirs(root *inroot.Dir, at string, uid, gid int) error {
	if f, err := root.OpenFile("./"+at, unix.O_PATH|unix.O_DIRECTORY, 0); err == nil {
		f.Close()
		return nil
	}
	if up := path.Dir(at); up != at {
		if err := makeDirs(root, up, uid, gid); err != nil {
			return err
		}
	}
	made, err := root.MkdirAll(at)
	if err != nil {
		return err
	}
	defer made.Close()
	if uid < 0 {
		return nil
	}
	if err := unix.Fchownat(made.FD(), "", uid, gid, unix.AT_EMPTY_PATH); err != nil {
		return fail.Call("fchownat("+at+")", err, "")
	}
	return nil
}

// file writes a regular file.
func (w *writer) file(e *entry, at string, r io.Reader) error {
	parent, name, err := w.place(at)
	if err != nil {
		return err
	}
	defer parent.Close()
	fd, err := unix.Openat(parent.FD(), name, unix.O_WRONLY|unix.O_CREAT|unix.O_EXCL|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0o600)
	if err != nil {
		return fail.Call("openat("+at+")", err, "")
	}
	f := os.NewFile(uintptr(fd), at)
	_, err = io.Copy(f, r)
	if err2 := f.Close(); err == nil {
		err = err2
	}
	if err == nil {
		err = w.own(parent, name, e)
	}
	if err == nil && w.tree.owners {
		err = w.capability(e, at)
	}
	if err == nil && e.stat.Mtim.Sec != 0 {
		err = w.touch(e, at)
	}
	return err
}

// own sets the owner and the mode of what was just made.
func (w *writer) own(parent *inroot.Dir, name string, e *entry) error {
	uid, gid := int(e.stat.Uid), int(e.stat.Gid)
	if w.uid >= 0 {
		uid, gid = w.uid, w.gid
	}
	if err := unix.Fchownat(parent.FD(), name, uid, gid, unix.AT_SYMLINK_NOFOLLOW); err != nil {
		return fail.Call("fchownat("+name+")", err, "")
	}
	if e.kind() == unix.S_IFLNK {
		return nil
	}
	mode := e.stat.Mode & 0o7777
	if w.mode >= 0 {
		mode = uint32(w.mode)
	}
	if err := unix.Fchmodat(parent.FD(), name, mode, 0); err != nil { // no link: it was made above, and nothing runs in there
		return fail.Call("fchmodat("+name+")", err, "")
	}
	return nil
}

// touch gives a file the time that it has in the tree.
func (w *writer) touch(e *entry, at string) error {
	parent, name, err := w.root.Parent(at, false)
	if err != nil {
		return nil // the destination is the root itself
	}
	defer parent.Close()
	times := []unix.Timespec{e.stat.Mtim, e.stat.Mtim}
	if err := unix.UtimesNanoAt(parent.FD(), name, times, unix.AT_SYMLINK_NOFOLLOW); err != nil {
		return fail.Call("utimensat("+at+")", err, "")
	}
	return nil
}

// capability copies the capabilities that a program of another stage has (setcap).
func (w *writer) capability(e *entry, at string) error {
	const name = "security.capability"
	from, err := w.tree.open(e)
	if err != nil {
		return err
	}
	defer from.Close()
	value := make([]byte, 64)
	n, err := unix.Fgetxattr(int(from.Fd()), name, value)
	if err != nil {
		return nil // it has none
	}
	to, err := w.root.OpenFile("./"+at, unix.O_RDONLY, 0)
	if err != nil {
		return err
	}
	defer to.Close()
	if err := unix.Fsetxattr(int(to.Fd()), name, value[:n], 0); err != nil {
		return fail.Call("fsetxattr("+at+", "+name+")", err, "")
	}
	return nil
}

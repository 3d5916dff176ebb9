package layer

import (
	"archive/tar"
	"errors"
	"fmt"
	"io"
	"strings"

	"golang.org/x/sys/unix"

	"jocker/final/engine/inroot"
	"jocker/final/runtime/fail"
)

// make makes a file, directory, link or node called name in parent. What is there by an earlier entry of the
// archive is replaced, except a directory by a directory.
func (a *applier) make(parent *inroot.Dir, path, name string, h *tar.Header) error {
	if h.Typeflag == tar.TypeReg {
		return a.regular(parent, name, h)
	}
	opaque, err := a.clear(parent, name, h)
	if err != nil {
		return err
	}
	fd, mode := parent.FD(), uint32(h.Mode&0o7777)
	switch h.Typeflag {
	case tar.TypeDir:
		if err := unix.Mkdirat(fd, name, 0o700); err != nil && err != unix.EEXIST {
			return fail.Call("mkdirat("+name+")", err, "")
		}
		if opaque {
			if err := setOpaque(parent, name); err != nil {
				return err
			}
		}
		a.directories = append(a.directories, directory{path, h})
		return a.dress(parent, name, h)
	case tar.TypeLink:
		return a.link(parent, name, h)
	case tar.TypeSymlink:
		if err := unix.Symlinkat(h.Linkname, fd, name); err != nil {
			return fail.Call("symlinkat("+name+")", err, "")
		}
		if err := unix.Fchownat(fd, name, h.Uid, h.Gid, unix.AT_SYMLINK_NOFOLLOW); err != nil {
			return fail.Call("fchownat("+name+")", err, "")
		}
		return setTimes(parent, name, h)
	case tar.TypeChar:
		mode |= unix.S_IFCHR
	case tar.TypeBlock:
		mode |= unix.S_IFBLK
	case tar.TypeFifo:
		mode |= unix.S_IFIFO
	default:
		return fmt.Errorf("it is of a kind (%q) that layers do not have", h.Typeflag)
	}
	if err := unix.Mknodat(fd, name, mode, int(unix.Mkdev(uint32(h.Devmajor), uint32(h.Devminor)))); err != nil {
		return fail.Call("mknodat("+name+")", err, "")
	}
	return a.dress(parent, name, h)
}

// clear makes room for an entry. It says whether a whiteout was there: then a directory must hide what is below it.
func (a *applier) clear(parent *inroot.Dir, name string, h *tar.Header) (opaque bool, err error) {
	var st unix.Stat_t
	switch err := unix.Fstatat(parent.FD(), name, &st, unix.AT_SYMLINK_NOFOLLOW); {
	case err == unix.ENOENT:
		return false, nil
	case err != nil:
		return false, fail.Call("fstatat("+name+")", err, "")
	}
	isDir := st.Mode&unix.S_IFMT == unix.S_IFDIR
	if isDir && h.Typeflag == tar.TypeDir {
		return false, nil
	}
	if isDir && a.plain {
		return false, errDirectory
	}
	if err := parent.RemoveAll(name); err != nil {
		return false, err
	}
	if isDir { // the next parent may have been in it
		a.parentPath = "\x00"
	}
	return isWhiteout(&st), nil
}

// regular makes a file with the entry's content. Most entries are files, and most of them small, so that the number of
// system calls for one is what unpacking costs beside decompression: open, write, utimensat and close will do.
func (a *applier) regular(parent *inroot.Dir, name string, h *tar.Header) error {
	const flags = unix.O_WRONLY | unix.O_CREAT | unix.O_EXCL | unix.O_NOFOLLOW | unix.O_CLOEXEC
	mode := uint32(h.Mode & 0o7777)
	first := mode // for nobody but root until the owner is set
	if h.Uid != 0 || h.Gid != 0 {
		first = 0o600
	}
	fd, err := unix.Openat(parent.FD(), name, flags, first)
	if err == unix.EEXIST {
		if _, err := a.clear(parent, name, h); err != nil {
			return err
		}
		fd, err = unix.Openat(parent.FD(), name, flags, first)
	}
	if err != nil {
		return fail.Call("openat("+name+", O_CREAT|O_EXCL)", err, "")
	}
	defer unix.Close(fd)
	n, err := io.CopyBuffer(descriptor(fd), struct{ io.Reader }{a.tar}, a.buffer)
	a.result.Size += n
	if err != nil {
		return err
	}
	if h.Uid != 0 || h.Gid != 0 {
		if err := unix.Fchown(fd, h.Uid, h.Gid); err != nil {
			return fail.Call("fchown("+name+")", err, "")
		}
	}
	if first != mode || mode&0o7000 != 0 { // writing and giving away take setuid bits
		if err := unix.Fchmod(fd, mode); err != nil {
			return fail.Call("fchmod("+name+")", err, "")
		}
	}
	if err := setAttributes(fd, h); err != nil {
		return err
	}
	return setTimes(parent, name, h)
}

// A descriptor is a file that is written to. An os.File would ask the kernel what kind of file it is.
type descriptor int

func (d descriptor) Write(p []byte) (n int, err error) {
	for n < len(p) {
		m, err := unix.Write(int(d), p[n:])
		if err != nil && err != unix.EINTR {
			return n, fail.Call("write", err, "")
		}
		n += max(m, 0)
	}
	return n, nil
}

// link makes a hard link to another file of the layer.
func (a *applier) link(parent *inroot.Dir, name string, h *tar.Header) error {
	dir, target, err := a.root.Parent(h.Linkname, false)
	if err != nil {
		return fmt.Errorf("its link %.200q: %w", h.Linkname, err)
	}
	defer dir.Close()
	if err := unix.Linkat(dir.FD(), target, parent.FD(), name, 0); err != nil {
		return fail.Call("linkat("+h.Linkname+", "+name+")", err, "a hard link can only lead to a file that is in the layer before it")
	}
	return nil
}

// dress sets owner, mode, attributes and times of a directory or node.
func (a *applier) dress(parent *inroot.Dir, name string, h *tar.Header) error {
	fd, err := unix.Openat(parent.FD(), name, unix.O_PATH|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
	if err != nil {
		return fail.Call("openat("+name+")", err, "")
	}
	defer unix.Close(fd)
	if err := unix.Fchownat(fd, "", h.Uid, h.Gid, unix.AT_EMPTY_PATH); err != nil {
		return fail.Call("fchownat("+name+")", err, "")
	}
	// There is no fchmod(2) for O_PATH. The link in /proc leads to the very file that is open, not to a name.
	self := fmt.Sprintf("/proc/self/fd/%d", fd)
	if err := unix.Chmod(self, uint32(h.Mode&0o7777)); err != nil {
		return fail.Call("chmod("+name+")", err, "")
	}
	for key, value := range attributes(h) {
		if err := unix.Setxattr(self, key, []byte(value), 0); err != nil {
			return fail.Call("setxattr("+name+", "+key+")", err, "")
		}
	}
	return setTimes(parent, name, h)
}

// setAttributes sets the extended attributes of an open file.
func setAttributes(fd int, h *tar.Header) error {
	for key, value := range attributes(h) {
		if err := unix.Fsetxattr(fd, key, []byte(value), 0); err != nil {
			return fail.Call("fsetxattr("+h.Name+", "+key+")", err, "")
		}
	}
	return nil
}

// attributes returns those extended attributes of an entry that an image may set: see doc.go.
func attributes(h *tar.Header) map[string]string {
	const record = "SCHILY.xattr."
	var all map[string]string
	for key, value := range h.PAXRecords {
		name, ok := strings.CutPrefix(key, record)
		if ok && (name == "security.capability" || strings.HasPrefix(name, "user.") && !strings.HasPrefix(name, "user.overlay.")) {
			if all == nil {
				all = map[string]string{}
			}
			all[name] = value
		}
	}
	return all
}

func setTimes(parent *inroot.Dir, name string, h *tar.Header) error {
	if h.ModTime.IsZero() {
		return nil
	}
	t := unix.NsecToTimespec(h.ModTime.UnixNano())
	if err := unix.UtimesNanoAt(parent.FD(), name, []unix.Timespec{t, t}, unix.AT_SYMLINK_NOFOLLOW); err != nil {
		return fail.Call("utimensat("+name+")", err, "")
	}
	return nil
}

// whiteout hides a name of the layers below.
func whiteout(parent *inroot.Dir, name string) error {
	if name == "" || name == "." || name == ".." {
		return errors.New("it hides a directory that it is in itself")
	}
	err := unix.Mknodat(parent.FD(), name, unix.S_IFCHR, 0)
	if err == unix.EEXIST {
		// The layer has such a file itself: it hides the lower one anyway. A directory would be merged.
		if isDirectory(parent, name) {
			return setOpaque(parent, name)
		}
		return nil
	}
	if err != nil {
		return fail.Call("mknodat("+name+", S_IFCHR, 0)", err, "")
	}
	return nil
}

// isWhiteout says whether a file is a whiteout of overlayfs.
func isWhiteout(st *unix.Stat_t) bool {
	return st.Mode&unix.S_IFMT == unix.S_IFCHR && st.Rdev == 0
}

const opaqueAttribute = "trusted.overlay.opaque"

// setOpaque hides what layers below have in a directory.
func setOpaque(parent *inroot.Dir, name string) error {
	fd, err := unix.Openat(parent.FD(), name, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
	if err != nil {
		return fail.Call("openat("+name+", O_DIRECTORY)", err, "")
	}
	defer unix.Close(fd)
	if err := unix.Fsetxattr(fd, opaqueAttribute, []byte("y"), 0); err != nil {
		return fail.Call("fsetxattr("+name+", "+opaqueAttribute+")", err, "the store's file system must have trusted extended attributes (ext4, xfs, btrfs)")
	}
	return nil
}

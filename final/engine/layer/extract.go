package layer

import (
	"archive/tar"
	"errors"
	"fmt"
	"io"
	"path"
	"strings"

	"golang.org/x/sys/unix"

	"jocker/final/engine/inroot"
)

// ExtractOptions say what Extract makes of an archive's entries.
type ExtractOptions struct {
	Into     string // the path below the root that all names are below
	From, To string // the first part of a name, and what stands in its place; nothing is replaced if From is ""
	Owners   bool   // users and groups are those of the archive, and not UID and GID
	UID, GID int
	Tame     bool // what comes from a stranger gets no power on this machine: no set-user-ID, no capabilities, no device nodes
}

// Extract unpacks an archive into a directory that has files already and may be in use, as `cp` does. Unlike Apply it knows no
// whiteouts, and it puts no file in the place of a directory. Everything happens below root, whatever links are there.
func Extract(r io.Reader, root *inroot.Dir, o ExtractOptions) error {
	old := unix.Umask(0)
	defer unix.Umask(old)
	a := &applier{root: root, tar: tar.NewReader(r), buffer: make([]byte, 256<<10), plain: true}
	defer a.forget()
	for {
		h, err := a.tar.Next()
		if err == io.EOF {
			return a.finish()
		}
		if err != nil {
			return fmt.Errorf("it is not a whole tar archive: %w", err)
		}
		name := h.Name
		if o.change(h) {
			err = a.entry(h)
		}
		if err != nil {
			return fmt.Errorf("the entry %.200q: %w", name, err)
		}
	}
}

// change makes an entry what the options want; false if it is left out.
func (o *ExtractOptions) change(h *tar.Header) bool {
	if h.Name = o.place(h.Name); path.Clean(h.Name) == path.Clean(o.Into) {
		return false // the directory itself, which stays as it is
	}
	if h.Typeflag == tar.TypeLink {
		h.Linkname = o.place(h.Linkname)
	}
	if !o.Owners {
		h.Uid, h.Gid = o.UID, o.GID
	}
	if o.Tame {
		h.Mode &^= unix.S_ISUID | unix.S_ISGID
		delete(h.PAXRecords, "SCHILY.xattr.security.capability")
		return h.Typeflag != tar.TypeChar && h.Typeflag != tar.TypeBlock
	}
	return true
}

func (o *ExtractOptions) place(name string) string {
	name = strings.TrimPrefix(strings.TrimLeft(name, "/"), "./")
	if first, rest, more := strings.Cut(name, "/"); o.From != "" && first == o.From {
		name = o.To
		if more {
			name += "/" + rest
		}
	}
	// Not cleaned: a ".." in an archive is no slip, and is refused.
	return strings.TrimSuffix(o.Into, "/") + "/" + name
}

// PackFile writes the file or directory called name in dir as an archive, in which it has that name, too. With name "." it is what is in dir.
// What is mounted below is part of it, but for the kernel's own file systems, whose files have no end.
func PackFile(w io.Writer, dir *inroot.Dir, name string) error {
	p := &packer{tar: tar.NewWriter(w), links: map[inode]string{}, live: true}
	var err error
	if name == "." {
		err = p.directory(dir.FD(), "")
	} else {
		err = p.entry(dir.FD(), "", name)
	}
	if err != nil {
		return err
	}
	return p.tar.Close()
}

// isKernels says whether a directory is of a file system that holds no files but what the kernel makes up.
func isKernels(fd int) bool {
	var st unix.Statfs_t
	if unix.Fstatfs(fd, &st) != nil {
		return false
	}
	switch int64(st.Type) {
	case unix.PROC_SUPER_MAGIC, unix.SYSFS_MAGIC, unix.CGROUP_SUPER_MAGIC, unix.CGROUP2_SUPER_MAGIC, 0x1cd1 /* devpts */, 0x19800202 /* mqueue */ :
		return true
	}
	return false
}

var errDirectory = errors.New("cannot overwrite directory with non-directory")

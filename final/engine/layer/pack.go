package layer

import (
	"archive/tar"
	"fmt"
	"io"
	"os"
	"path"
	"sort"
	"strconv"
	"time"

	"golang.org/x/sys/unix"

	"jocker/final/engine/inroot"
	"jocker/final/runtime/fail"
)

// Pack writes a directory of overlayfs, a container's changes or a layer, as an uncompressed archive to w. Owners, modes,
// times, hard links and the extended attributes that Apply takes are kept; sockets are left out, as no archive has them.
func Pack(w io.Writer, dir string) error { return PackUntil(w, dir, time.Time{}) }

// PackUntil is Pack, but no file in the archive is younger than latest, if that is not zero: then the same files make the same archive,
// whenever they were made (https://reproducible-builds.org/specs/source-date-epoch).
func PackUntil(w io.Writer, dir string, latest time.Time) error {
	root, err := inroot.Open(dir)
	if err != nil {
		return err
	}
	defer root.Close()
	p := &packer{tar: tar.NewWriter(w), links: map[inode]string{}, latest: latest}
	if err := p.directory(root.FD(), ""); err != nil {
		return err
	}
	return p.tar.Close()
}

// An inode tells files apart.
type inode struct{ dev, ino uint64 }

type packer struct {
	tar    *tar.Writer
	links  map[inode]string // files with several names that are in the archive already
	latest time.Time
	live   bool // the files are a container's, with all that is mounted there
}

// directory writes what is in a directory, in the order of names. path is "" or ends with a slash.
func (p *packer) directory(parent int, at string) error {
	fd, err := unix.Openat(parent, ".", unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return fail.Call("openat("+at+".)", err, "")
	}
	f := file(fd, at)
	defer f.Close()
	names, err := f.Readdirnames(-1)
	if err != nil {
		return err
	}
	sort.Strings(names)
	if at != "" && isOpaque(fd) {
		if err := p.tar.WriteHeader(&tar.Header{Name: at + opaqueName, Typeflag: tar.TypeReg, Mode: 0o600}); err != nil {
			return err
		}
	}
	for _, name := range names {
		if err := p.entry(fd, at, name); err != nil {
			return err
		}
	}
	return nil
}

func isOpaque(fd int) bool {
	var b [8]byte
	n, err := unix.Fgetxattr(fd, opaqueAttribute, b[:])
	return err == nil && n == 1 && b[0] == 'y'
}

// entry writes one file, and what is below it.
func (p *packer) entry(parent int, at, name string) error {
	var st unix.Stat_t
	err := unix.Fstatat(parent, name, &st, unix.AT_SYMLINK_NOFOLLOW)
	if err == unix.ENOENT {
		return nil // the container is running, and has removed it
	} else if err != nil {
		return fail.Call("fstatat("+at+name+")", err, "")
	}
	if isWhiteout(&st) {
		return p.tar.WriteHeader(&tar.Header{Name: at + whiteoutPrefix + name, Typeflag: tar.TypeReg, Mode: 0o600})
	}
	h := Header(&st, at+name)
	if h == nil {
		return nil
	}
	if !p.latest.IsZero() && h.ModTime.After(p.latest) {
		h.ModTime = p.latest
	}
	if st.Nlink > 1 && h.Typeflag != tar.TypeDir {
		id := inode{st.Dev, st.Ino}
		if first, ok := p.links[id]; ok {
			h.Typeflag, h.Linkname, h.Size = tar.TypeLink, first, 0
			return p.tar.WriteHeader(h)
		}
		p.links[id] = h.Name
	}
	switch h.Typeflag {
	case tar.TypeSymlink:
		b := make([]byte, 4096)
		n, err := unix.Readlinkat(parent, name, b)
		if err != nil {
			return fail.Call("readlinkat("+at+name+")", err, "")
		}
		h.Linkname = string(b[:n])
	case tar.TypeDir:
		fd, err := unix.Openat(parent, name, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
		if err != nil {
			return fail.Call("openat("+at+name+")", err, "")
		}
		defer unix.Close(fd)
		if p.live && isKernels(fd) {
			return nil
		}
		readAttributes(fd, h)
		if err := p.tar.WriteHeader(h); err != nil {
			return err
		}
		return p.directory(fd, h.Name)
	case tar.TypeReg:
		return p.regular(parent, name, h)
	}
	return p.tar.WriteHeader(h)
}

// regular writes a file with as many bytes as its header says, even while the container changes it.
func (p *packer) regular(parent int, name string, h *tar.Header) error {
	// A container that is running may have put something else in the file's place, and to open a device is to use it. So
	// first it is held, and then looked at, and then opened.
	held, err := unix.Openat(parent, name, unix.O_PATH|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
	if err == unix.ENOENT {
		return nil
	} else if err != nil {
		return fail.Call("openat("+h.Name+", O_PATH)", err, "")
	}
	defer unix.Close(held)
	var st unix.Stat_t
	if err := unix.Fstat(held, &st); err != nil {
		return fail.Call("fstat("+h.Name+")", err, "")
	}
	if st.Mode&unix.S_IFMT != unix.S_IFREG {
		return fail.Call("open("+h.Name+")", unix.ESTALE, "something else was put in the file's place while it was being read")
	}
	fd, err := unix.Open("/proc/self/fd/"+strconv.Itoa(held), unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return fail.Call("open("+h.Name+")", err, "")
	}
	f := file(fd, name)
	defer f.Close()
	readAttributes(fd, h)
	if err := p.tar.WriteHeader(h); err != nil {
		return err
	}
	n, err := io.Copy(p.tar, io.LimitReader(f, h.Size))
	for err == nil && n < h.Size {
		var m int
		m, err = p.tar.Write(make([]byte, min(h.Size-n, 64<<10)))
		n += int64(m)
	}
	return err
}

// Header returns the archive's header of a file; nil for a socket. Name is the path in the archive. For a symbolic link the
// target is to be added.
func Header(st *unix.Stat_t, name string) *tar.Header {
	h := &tar.Header{Name: name, Mode: int64(st.Mode & 0o7777), Uid: int(st.Uid), Gid: int(st.Gid), ModTime: modTime(st), Format: tar.FormatPAX}
	switch st.Mode & unix.S_IFMT {
	case unix.S_IFREG:
		h.Typeflag, h.Size = tar.TypeReg, st.Size
	case unix.S_IFDIR:
		h.Typeflag, h.Name = tar.TypeDir, path.Clean(name)+"/"
	case unix.S_IFLNK:
		h.Typeflag = tar.TypeSymlink
	case unix.S_IFIFO:
		h.Typeflag = tar.TypeFifo
	case unix.S_IFCHR, unix.S_IFBLK:
		h.Typeflag = tar.TypeChar
		if st.Mode&unix.S_IFMT == unix.S_IFBLK {
			h.Typeflag = tar.TypeBlock
		}
		h.Devmajor, h.Devminor = int64(unix.Major(st.Rdev)), int64(unix.Minor(st.Rdev))
	default:
		return nil
	}
	return h
}

// readAttributes adds a file's extended attributes to its header.
func readAttributes(fd int, h *tar.Header) {
	list := make([]byte, 4096)
	n, err := unix.Flistxattr(fd, list)
	if err != nil || n == 0 {
		return
	}
	records := map[string]string{}
	for _, name := range splitNames(list[:n]) {
		value := make([]byte, 64<<10)
		if n, err := unix.Fgetxattr(fd, name, value); err == nil {
			records["SCHILY.xattr."+name] = string(value[:n])
		}
	}
	for name, value := range attributes(&tar.Header{PAXRecords: records}) {
		if h.PAXRecords == nil {
			h.PAXRecords = map[string]string{}
		}
		h.PAXRecords["SCHILY.xattr."+name] = value
	}
}

func splitNames(list []byte) (names []string) {
	start := 0
	for i, b := range list {
		if b == 0 {
			names = append(names, string(list[start:i]))
			start = i + 1
		}
	}
	return names
}

// Size returns how many bytes the files in a directory take on the disk, and how many files there are.
func Size(dir string) (bytes int64, files int, err error) {
	seen := map[inode]bool{}
	var walk func(path string) error
	walk = func(path string) error {
		entries, err := os.ReadDir(path)
		if err != nil {
			return err
		}
		for _, e := range entries {
			var st unix.Stat_t
			name := path + "/" + e.Name()
			if err := unix.Lstat(name, &st); err != nil {
				continue
			}
			files++
			if id := (inode{st.Dev, st.Ino}); st.Mode&unix.S_IFMT == unix.S_IFREG && !seen[id] {
				bytes += st.Size
				if st.Nlink > 1 {
					seen[id] = true
				}
			}
			if st.Mode&unix.S_IFMT == unix.S_IFDIR {
				if err := walk(name); err != nil && !os.IsNotExist(err) {
					return err
				}
			}
		}
		return nil
	}
	if err := walk(dir); err != nil {
		return 0, 0, fmt.Errorf("counting bytes: %w", err)
	}
	return bytes, files, nil
}

// Package inroot works on files below a directory whose content a stranger chose: an image's layer, a
// container's root, a volume.
//
// In such a directory a path is not what it looks like. etc/passwd is the host's, if etc is a link to /etc; and
// a link that was checked a moment ago can be another one now, because the container is running. The names of many
// holes in `docker cp`, in unpackers and in volumes are variations of this (CVE-2018-15664, CVE-2021-29136,
// CVE-2021-32760, CVE-2022-23648). So no function here takes a path apart and believes in the parts. The kernel walks,
// with the directory as the wall (openat2(2) with RESOLVE_IN_ROOT, Linux 5.6): an absolute link and ".." begin at
// the directory again, as they would in the container. What it found is a file descriptor, which no rename can
// change, and all that follows is said of descriptors: a parent directory, and one name in it that is not followed.
package inroot

import (
	"errors"
	"os"
	"strings"

	"golang.org/x/sys/unix"

	"jocker/final/runtime/fail"
)

// resolve is how paths are walked. Links like /proc/self/fd/3 do not lead through a path and know no wall: they are refused.
const resolve = unix.RESOLVE_IN_ROOT | unix.RESOLVE_NO_MAGICLINKS

// patience is how often a walk is tried again when something was renamed meanwhile and the kernel can't tell
// whether a ".." would still be inside (EAGAIN).
const patience = 256

// A Dir is an open directory, the wall.
type Dir struct {
	fd   int
	path string // for errors
}

// Open opens the directory at path, which is the host's and trusted.
func Open(path string) (*Dir, error) {
	fd, err := unix.Open(path, unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, fail.Call("open("+path+", O_DIRECTORY)", err, "")
	}
	return &Dir{fd, path}, nil
}

// Close closes it.
func (d *Dir) Close() { unix.Close(d.fd) }

// FD returns the descriptor, which stays the Dir's.
func (d *Dir) FD() int { return d.fd }

// openFD opens a path below d. The error is the bare errno.
func (d *Dir) openFD(path string, flags int, mode uint32) (fd int, err error) {
	how := unix.OpenHow{Flags: uint64(flags | unix.O_CLOEXEC), Mode: uint64(mode), Resolve: resolve}
	for i := 0; i < patience; i++ {
		if fd, err = unix.Openat2(d.fd, path, &how); err != unix.EAGAIN && err != unix.EINTR {
			break
		}
	}
	return fd, err
}

// OpenFile opens a path below d as open(2) would. Links are followed, within d. With O_CREAT, mode is the new file's.
func (d *Dir) OpenFile(path string, flags int, mode uint32) (*os.File, error) {
	fd, err := d.openFD(path, flags, mode)
	if err != nil {
		return nil, d.fail("openat2", path, err)
	}
	return os.NewFile(uintptr(fd), d.path+"/"+strings.TrimPrefix(path, "/")), nil
}

// ReadFile returns the content of a regular file, and an error if that is longer than limit bytes. It does not
// wait for ever, as opening a FIFO would.
func (d *Dir) ReadFile(path string, limit int64) ([]byte, error) {
	f, err := d.OpenFile(path, unix.O_RDONLY|unix.O_NONBLOCK, 0)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	info, err := f.Stat()
	switch {
	case err != nil:
		return nil, err
	case !info.Mode().IsRegular():
		return nil, errors.New(f.Name() + " is not a regular file")
	case info.Size() > limit:
		return nil, errors.New(f.Name() + " is too large")
	}
	data := make([]byte, info.Size())
	n, err := f.ReadAt(data, 0)
	if n < len(data) && err != nil {
		return nil, err
	}
	return data, nil
}

// MkdirAll makes a directory and those above it that are missing, with mode 0755, and opens it.
func (d *Dir) MkdirAll(path string) (*Dir, error) {
	fd, err := d.openFD(path, unix.O_PATH|unix.O_DIRECTORY, 0)
	if err == unix.ENOENT {
		fd, err = d.mkdirAll(path)
	}
	if err != nil {
		return nil, d.fail("mkdir", path, err)
	}
	return &Dir{fd, d.path + "/" + strings.TrimPrefix(path, "/")}, nil
}

// mkdirAll makes the parts of a path one by one. It opens what it made from the top again, since a part may be a link.
func (d *Dir) mkdirAll(path string) (fd int, err error) {
	parts := split(path)
	known := ""
	for _, name := range parts {
		up, err := d.openFD("./"+known, unix.O_PATH|unix.O_DIRECTORY, 0)
		if err != nil {
			return -1, err
		}
		if name != ".." {
			err = unix.Mkdirat(up, name, 0o755)
		}
		unix.Close(up)
		if err != nil && err != unix.EEXIST {
			return -1, err
		}
		known += name + "/"
	}
	return d.openFD("./"+known, unix.O_PATH|unix.O_DIRECTORY, 0)
}

// Parent opens the directory that a path is in, and returns the last name of the path, which is not followed.
// Missing directories are made if create is set. A path that names no file in a directory, such as "/" or "a/..", is an error.
func (d *Dir) Parent(path string, create bool) (dir *Dir, name string, err error) {
	parts := split(path)
	if len(parts) == 0 || parts[len(parts)-1] == ".." {
		return nil, "", errors.New("the path " + path + " names no file in a directory")
	}
	up := "./" + strings.Join(parts[:len(parts)-1], "/")
	if create {
		dir, err = d.MkdirAll(up)
	} else {
		var fd int
		if fd, err = d.openFD(up, unix.O_PATH|unix.O_DIRECTORY, 0); err == nil {
			dir = &Dir{fd, d.path + "/" + up}
		} else {
			err = d.fail("openat2", path, err)
		}
	}
	return dir, parts[len(parts)-1], err
}

// RemoveAll removes the one name in d, and if it is a directory all that is in it. It follows nothing. That it is
// not there is no error.
func (d *Dir) RemoveAll(name string) error {
	err := unix.Unlinkat(d.fd, name, 0)
	switch err {
	case nil, unix.ENOENT:
		return nil
	case unix.EISDIR:
	default:
		return d.fail("unlinkat", name, err)
	}
	fd, err := unix.Openat(d.fd, name, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
	if err != nil {
		return d.fail("openat", name, err)
	}
	f := os.NewFile(uintptr(fd), name)
	defer f.Close()
	for {
		names, err := f.Readdirnames(1000)
		for _, n := range names {
			if err := (&Dir{fd, d.path + "/" + name}).RemoveAll(n); err != nil {
				return err
			}
		}
		if err != nil || len(names) == 0 {
			break
		}
		f.Seek(0, 0) // what was removed may have moved the rest
	}
	if err := unix.Unlinkat(d.fd, name, unix.AT_REMOVEDIR); err != nil && err != unix.ENOENT {
		return d.fail("rmdir", name, err)
	}
	return nil
}

// split returns the parts of a path, without empty ones and ".".
func split(path string) []string {
	parts := strings.Split(path, "/")
	n := 0
	for _, p := range parts {
		if p != "" && p != "." {
			parts[n] = p
			n++
		}
	}
	return parts[:n]
}

func (d *Dir) fail(call, path string, err error) error {
	cause := ""
	switch err {
	case unix.ELOOP:
		cause = "links without end, or one of /proc that leads out"
	case unix.EXDEV, unix.EAGAIN:
		cause = "the directories were moved while they were walked; somebody may be attacking"
	case unix.ENOSPC, unix.EDQUOT:
		cause = "the file system is full"
	case unix.ENOSYS:
		cause = "the kernel has no openat2(2), which Linux 5.6 brought"
	}
	return fail.Call(call+"("+d.path+", "+path+")", err, cause)
}

package rootfs

import (
	"errors"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"jocker/final/runtime/fail"
)

// This file finds a path of the container in the container's tree, and nowhere else.
//
// A path in config.json means what it would mean inside: a link to /etc in the image is the image's
// /etc. Who walks such a path from outside by its name ends at the host's /etc. To look first and
// then use the name is no help: between the two, another container that shares a volume can put a
// link there (CVE-2021-30465, CVE-2024-45310). So the kernel walks, with the container's root as a
// wall (openat2(2), RESOLVE_IN_ROOT), and what it found is held as a file descriptor, which no
// rename can change any more. All that follows names the descriptor.
//
// RESOLVE_NO_MAGICLINKS refuses links like /proc/self/fd/3 and /proc/self/exe, which do not lead
// through a path at all and so know no wall.
const inRoot = unix.RESOLVE_IN_ROOT | unix.RESOLVE_NO_MAGICLINKS

// How often to try again when the kernel says that a ".." was walked while somewhere something was
// renamed or mounted, and that it can't tell whether it would still be inside (EAGAIN).
const patience = 256

// openIn opens a path below the directory dir. flags are those of open(2); resolve is RESOLVE_.
// The error is the bare errno.
func openIn(dir int, path string, flags int, resolve uint64) (fd int, err error) {
	how := unix.OpenHow{Flags: uint64(flags | unix.O_CLOEXEC), Resolve: resolve}
	for i := 0; i < patience; i++ {
		if fd, err = unix.Openat2(dir, path, &how); err != unix.EAGAIN && err != unix.EINTR {
			break
		}
	}
	return fd, err
}

// open finds a path of the container. The descriptor is good for naming only (O_PATH).
func (r *Rootfs) open(path string, flags int) (fd int, err error) {
	return openIn(r.root, path, unix.O_PATH|flags, inRoot)
}

// errLink says that a link stands where there must be none.
var errLink = errors.New("it is a symbolic link")

// place finds a path of the container, and makes what is missing: directories, and at the end another
// directory or an empty file.
func (r *Rootfs) place(path string, directory bool) (fd int, err error) {
	if fd, err = r.open(path, 0); err != unix.ENOENT {
		return fd, r.openError(path, err)
	}
	return r.create(path, directory)
}

// create makes what is missing of a path. A link to something that does not exist is followed, in the
// container's tree, and what it leads to is made.
func (r *Rootfs) create(path string, directory bool) (fd int, err error) {
	for links := 0; links < 40; links++ {
		fd, next, err := r.make(path, directory)
		if err != nil || next == "" {
			return fd, err
		}
		if fd, err = r.open(next, 0); err != unix.ENOENT {
			return fd, r.openError(next, err)
		}
		path = next
	}
	return -1, r.openError(path, unix.ELOOP)
}

// make makes what is missing of a path. If it meets a link to something that does not exist, it
// returns the path that it leads to instead.
func (r *Rootfs) make(path string, directory bool) (fd int, next string, err error) {
	parts := split(path)
	fd, known, err := r.deepest(parts)
	if err != nil {
		return -1, "", r.openError(path, err)
	}
	for i := known; i < len(parts); i++ {
		name := parts[i]
		up := fd
		fd, err = makeOne(up, name, directory || i+1 < len(parts))
		if err == unix.EEXIST {
			next, err = linkTarget(up, name)
		}
		unix.Close(up)
		done := strings.Join(parts[:i], "/")
		switch {
		case err != nil:
			return -1, "", makeError("/"+strings.TrimPrefix(done+"/"+name, "/"), err)
		case next != "":
			rest := strings.Join(parts[i+1:], "/")
			if next[0] != '/' {
				next = "/" + done + "/" + next
			}
			return -1, next + "/" + rest, nil
		}
	}
	return fd, "", nil
}

// deepest opens the longest beginning of a path that exists, and says how many parts that is.
func (r *Rootfs) deepest(parts []string) (fd, known int, err error) {
	for known = len(parts) - 1; known > 0; known-- {
		fd, err = r.open(strings.Join(parts[:known], "/"), unix.O_DIRECTORY)
		if err != unix.ENOENT {
			return fd, known, err
		}
	}
	fd, err = r.open("/", unix.O_DIRECTORY)
	return fd, 0, err
}

// makeOne makes one directory or file, and opens it. A link with its name is not followed: EEXIST.
func makeOne(dir int, name string, directory bool) (fd int, err error) {
	flags := unix.O_PATH | unix.O_NOFOLLOW
	if name == ".." {
		return -1, errors.New("the path goes up from a directory that does not exist")
	} else if directory {
		if err = unix.Mkdirat(dir, name, 0o755); err != nil {
			return -1, err
		}
		flags |= unix.O_DIRECTORY
	} else {
		fd, err := unix.Openat(dir, name, unix.O_CREAT|unix.O_EXCL|unix.O_WRONLY|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0o644)
		if err != nil {
			return -1, err
		}
		unix.Close(fd)
	}
	// The name could be another's by now. One level and no link: it can't lead away.
	fd, err = openIn(dir, name, flags, unix.RESOLVE_BENEATH|unix.RESOLVE_NO_SYMLINKS)
	if err == unix.ELOOP {
		err = errLink
	}
	return fd, err
}

// linkTarget reads a link. EEXIST if it is none: somebody else made it just now.
func linkTarget(dir int, name string) (string, error) {
	var b [4096]byte
	n, err := unix.Readlinkat(dir, name, b[:])
	if err != nil || n == 0 {
		return "", unix.EEXIST
	}
	return string(b[:n]), nil
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

// openError says why a path of the container can't be opened; nil for nil.
func (r *Rootfs) openError(path string, err error) error {
	if err == nil {
		return nil
	}
	cause := ""
	switch err {
	case unix.ENOENT:
		cause = "it is not in the container's root file system"
	case unix.ENOTDIR:
		cause = "a part of the path is a file, not a directory"
	case unix.ELOOP:
		cause = "it leads through a link in /proc to an open file, or through links without end; neither is followed"
	case unix.EAGAIN:
		cause = "while the path was walked, something was renamed or mounted, again and again; another container may be attacking this one"
	case unix.EACCES:
		cause = "the root user of the container's user namespace may not search a directory on the way; the directories need to belong to a mapped user"
	case unix.ENOSYS:
		cause = "the kernel has no openat2(2), which Linux 5.6 brought; or an old seccomp profile around the runtime does not know it"
	}
	return fail.Call("openat2("+quote(path)+", O_PATH, RESOLVE_IN_ROOT|RESOLVE_NO_MAGICLINKS)", err, cause)
}

// makeError says why a part of a path can't be made.
func makeError(path string, err error) error {
	cause := ""
	switch err {
	case unix.EROFS:
		cause = "it does not exist, and the file system is read-only; make it in the image, or on the host"
	case unix.EEXIST:
		cause = "somebody else made it at the same moment"
	case unix.EACCES, unix.EPERM, unix.EOVERFLOW:
		cause = "it does not exist, and can't be made: the directory belongs to a user whom the container's user namespace does not map, " +
			"or the file system takes no new files (as /proc); make it in the image, or on the host"
	case unix.ENOENT:
		cause = "it does not exist, and the file system (/proc or /sys) takes no new directories"
	case unix.ENOSPC, unix.EDQUOT:
		cause = "the file system is full"
	case errLink, unix.ENOTDIR:
		cause = "somebody put a link there after it was made; another container may be attacking this one"
	}
	return fail.Call("mkdirat("+quote(path)+", 0755)", err, cause)
}

// quote writes a string as strace(1) does.
func quote(s string) string { return strconv.Quote(s) }

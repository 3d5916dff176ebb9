// Package procfs opens files under /proc and makes sure that they are the kernel's.
//
// Much of what init does to itself it does by writing into /proc: the label under which the program
// will run is "written to /proc/thread-self/attr/exec". But the /proc that init sees belongs to the
// container. An image may bring files of these names in a directory /proc, a volume may be mounted
// over it (CVE-2019-16884) or a piece of procfs over another, so that what should go to attr/exec ends in
// attr/current, in sysrq-trigger or in a file without any effect (CVE-2019-19921, CVE-2025-52881). Then the
// program runs without the label, and nobody notices.
//
// So: the directory must be of the file system type procfs, which no user can make up; it must be its
// root, by the inode number; and from there to the file no step may cross into another mount, for
// which openat2(2) has RESOLVE_NO_XDEV.
package procfs

import (
	"fmt"

	"golang.org/x/sys/unix"

	"jocker/final/runtime/fail"
)

// rootInode is the inode number of the root of a procfs (PROC_ROOT_INO of linux/proc_ns.h).
const rootInode = 1

// Open opens a file below /proc, such as "thread-self/attr/exec", with flags such as O_WRONLY, and
// returns a descriptor that is closed on exec. Links of procfs with a text ("self") are followed; those
// that stand for an object ("self/cwd") are not.
func Open(path string, flags int) (fd int, err error) {
	return open("/proc", path, flags)
}

func open(proc, path string, flags int) (int, error) {
	root, err := unix.Open(proc, unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return -1, fail.Call(fmt.Sprintf("open(%q, O_PATH|O_DIRECTORY)", proc), err,
			"the container has no procfs there; add a mount of type proc to config.json")
	}
	defer unix.Close(root)
	var fs unix.Statfs_t
	if err := unix.Fstatfs(root, &fs); err != nil {
		return -1, fail.Call(fmt.Sprintf("fstatfs(%q)", proc), err, "")
	}
	if fs.Type != unix.PROC_SUPER_MAGIC {
		return -1, fmt.Errorf("%s in the container is no procfs (its file system has the magic number %#x): "+
			"what is written there does not reach the kernel; add a mount of type proc to config.json", proc, fs.Type)
	}
	var st unix.Stat_t
	if err := unix.Fstat(root, &st); err != nil {
		return -1, fail.Call(fmt.Sprintf("fstat(%q)", proc), err, "")
	}
	if st.Ino != rootInode {
		return -1, fmt.Errorf("%s in the container is a piece of a procfs and not its root (inode %d instead of %d): "+
			"what is written there reaches something else", proc, st.Ino, rootInode)
	}
	how := unix.OpenHow{
		Flags:   uint64(flags | unix.O_CLOEXEC | unix.O_NOCTTY),
		Resolve: unix.RESOLVE_BENEATH | unix.RESOLVE_NO_MAGICLINKS | unix.RESOLVE_NO_XDEV,
	}
	for {
		fd, err := unix.Openat2(root, path, &how)
		if err == unix.EAGAIN || err == unix.EINTR { // something was renamed or mounted meanwhile
			continue
		}
		if err != nil {
			cause := ""
			switch err {
			case unix.EXDEV:
				cause = "something is mounted over it, and what is written there would not reach the kernel"
			case unix.ENOSYS:
				cause = "the call came with Linux 5.6"
			}
			return -1, fail.Call(fmt.Sprintf("openat2(%q, %q, RESOLVE_BENEATH|RESOLVE_NO_MAGICLINKS|RESOLVE_NO_XDEV)", proc, path), err, cause)
		}
		return fd, nil
	}
}

// Write writes a text to a file below /proc, as Open opens it, in one write(2), as the kernel wants it there.
// The error wraps the errno, with no cause added if it is write's: the caller knows what it may mean.
func Write(path, text string) error {
	fd, err := Open(path, unix.O_WRONLY)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	_, err = unix.Write(fd, []byte(text))
	return err
}

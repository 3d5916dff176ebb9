package rootfs

import (
	"os"
	"strings"

	"golang.org/x/sys/unix"

	"jocker/final/runtime/fail"
)

// This file fills a tmpfs with what the image has at its place (the option tmpcopyup).
//
// Both trees are held by descriptors, and every name is one level below one: no link is followed, on
// either side (CVE-2022-23648). The tmpfs has no place yet, so nobody can put links into it.

// fill copies the directory from into to, the root of a new tmpfs, and its owner. (The mode is an option of the tmpfs.)
func fill(from, to int) error {
	var st unix.Stat_t
	err := unix.Fstat(from, &st)
	if err == nil && st.Uid|st.Gid != 0 {
		err = unix.Fchownat(to, "", int(st.Uid), int(st.Gid), unix.AT_EMPTY_PATH)
	}
	if err != nil {
		return copyError("fchownat", ".", err)
	}
	return copyUp(from, to)
}

// copyUp copies what is in the directory from into to.
func copyUp(from, to int) error {
	dir, err := unix.Openat(from, ".", unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return copyError("open", ".", err)
	}
	file := os.NewFile(uintptr(dir), ".")
	defer file.Close()
	names, err := file.Readdirnames(-1)
	if err != nil {
		return copyError("getdents64", ".", err)
	}
	for _, name := range names {
		if err := copyOne(dir, to, name); err != nil {
			return err
		}
	}
	return nil
}

// copyOne copies one entry of a directory.
func copyOne(from, to int, name string) error {
	var st unix.Stat_t
	if err := unix.Fstatat(from, name, &st, unix.AT_SYMLINK_NOFOLLOW); err != nil {
		return copyError("fstatat", name, err)
	}
	mode := st.Mode & 0o7777
	var err error
	switch st.Mode & unix.S_IFMT {
	case unix.S_IFDIR:
		return copyDirectory(from, to, name, &st)
	case unix.S_IFREG:
		return copyFile(from, to, name, &st)
	case unix.S_IFLNK:
		var target string
		if target, err = linkTarget(from, name); err == nil {
			err = unix.Symlinkat(target, to, name)
		}
	default:
		err = unix.Mknodat(to, name, st.Mode, int(st.Rdev))
	}
	if err == nil {
		err = unix.Fchownat(to, name, int(st.Uid), int(st.Gid), unix.AT_SYMLINK_NOFOLLOW)
	}
	if err == nil && st.Mode&unix.S_IFMT != unix.S_IFLNK {
		err = unix.Fchmodat(to, name, mode, 0)
	}
	if err == nil {
		err = copyTimes(to, name, &st)
	}
	if err != nil {
		return copyError("mknodat", name, err)
	}
	return nil
}

// copyDirectory copies a directory and all below.
func copyDirectory(from, to int, name string, st *unix.Stat_t) error {
	const flags = unix.O_RDONLY | unix.O_DIRECTORY | unix.O_NOFOLLOW | unix.O_CLOEXEC
	if err := unix.Mkdirat(to, name, 0o700); err != nil {
		return copyError("mkdirat", name, err)
	}
	inner, err := unix.Openat(from, name, flags, 0)
	if err != nil {
		return copyError("openat", name, err)
	}
	defer unix.Close(inner)
	made, err := unix.Openat(to, name, flags, 0)
	if err != nil {
		return copyError("openat", name, err)
	}
	defer unix.Close(made)
	if err := copyUp(inner, made); err != nil {
		return err
	}
	return finishCopy(inner, made, to, name, st)
}

// copyFile copies a file.
func copyFile(from, to int, name string, st *unix.Stat_t) error {
	// Not blocking, should the file have become a fifo since.
	fd, err := unix.Openat(from, name, unix.O_RDONLY|unix.O_NOFOLLOW|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
	if err != nil {
		return copyError("openat", name, err)
	}
	defer unix.Close(fd)
	made, err := unix.Openat(to, name, unix.O_WRONLY|unix.O_CREAT|unix.O_EXCL|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0o600)
	if err != nil {
		return copyError("openat", name, err)
	}
	defer unix.Close(made)
	for {
		n, err := unix.Sendfile(made, fd, nil, 1<<30)
		if err == unix.EINTR || err == unix.EAGAIN {
			continue
		} else if err != nil {
			return copyError("sendfile", name, err)
		} else if n == 0 {
			break
		}
	}
	return finishCopy(fd, made, to, name, st)
}

// finishCopy gives a copy its owner, mode, attributes and times. The owner first: chown takes setuid bits
// and capabilities away.
func finishCopy(fd, made, to int, name string, st *unix.Stat_t) error {
	err := unix.Fchown(made, int(st.Uid), int(st.Gid))
	if err == nil {
		err = unix.Fchmod(made, st.Mode&0o7777)
	}
	if err == nil {
		err = copyAttributes(fd, made)
	}
	if err == nil {
		err = copyTimes(to, name, st)
	}
	if err != nil {
		return copyError("fchown", name, err)
	}
	return nil
}

// copyAttributes copies extended attributes (xattr(7)), such as a program's capabilities. A kind that a
// tmpfs cannot have is left out.
func copyAttributes(fd, made int) error {
	var names [4096]byte
	n, err := unix.Flistxattr(fd, names[:])
	if err == unix.EOPNOTSUPP {
		return nil
	} else if err != nil {
		return err
	}
	for _, name := range strings.Split(strings.TrimRight(string(names[:n]), "\x00"), "\x00") {
		if name == "" {
			continue
		}
		var value [65536]byte // the most that one has (XATTR_SIZE_MAX)
		n, err := unix.Fgetxattr(fd, name, value[:])
		if err == nil {
			err = unix.Fsetxattr(made, name, value[:n], 0)
		}
		if err != nil && err != unix.EOPNOTSUPP && err != unix.ENODATA {
			return err
		}
	}
	return nil
}

func copyTimes(to int, name string, st *unix.Stat_t) error {
	return unix.UtimesNanoAt(to, name, []unix.Timespec{st.Atim, st.Mtim}, unix.AT_SYMLINK_NOFOLLOW)
}

func copyError(call, name string, err error) error {
	cause := "tmpcopyup copies the image's directory into the tmpfs"
	switch errnoOf(err) {
	case unix.ENOSPC:
		cause = "the tmpfs is too small for the image's files; give it a larger size="
	case unix.EPERM:
		cause = "tmpcopyup copies owners and devices, and a user namespace may not make these"
	case unix.EINVAL:
		cause = "tmpcopyup copies owners, and a file has one whom the user namespace does not map"
	}
	return fail.Call(call+"("+quote(name)+")", err, cause)
}

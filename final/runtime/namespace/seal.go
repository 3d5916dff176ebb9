package namespace

import (
	"os"
	"strconv"

	"golang.org/x/sys/unix"

	"jocker/final/runtime/fail"
)

// Seal returns a file descriptor of our own binary that nobody can write through.
func Seal() (int, error) {
	tree, err := unix.OpenTree(unix.AT_FDCWD, "/proc/self/exe", unix.OPEN_TREE_CLONE|unix.OPEN_TREE_CLOEXEC)
	if err != nil {
		return copied()
	}
	defer unix.Close(tree)
	if err := unix.MountSetattr(tree, "", unix.AT_EMPTY_PATH, &unix.MountAttr{Attr_set: unix.MOUNT_ATTR_RDONLY | unix.MOUNT_ATTR_NOSUID | unix.MOUNT_ATTR_NODEV}); err != nil {
		return copied()
	}
	fd, err := unix.Open("/proc/self/fd/"+strconv.Itoa(tree), unix.O_PATH|unix.O_CLOEXEC, 0)
	if err != nil {
		return -1, fail.Call("open(/proc/self/fd)", err, "")
	}
	return fd, nil
}

// copied returns a copy in memory that is sealed.
func copied() (int, error) {
	exe, err := os.Open("/proc/self/exe")
	if err != nil {
		return -1, fail.Call(`open("/proc/self/exe")`, err, "")
	}
	defer exe.Close()
	info, err := exe.Stat()
	if err != nil {
		return -1, fail.Call(`fstat("/proc/self/exe")`, err, "")
	}
	fd, err := unix.MemfdCreate("jocker-runtime", unix.MFD_CLOEXEC|unix.MFD_ALLOW_SEALING)
	if err != nil {
		return -1, fail.Call("memfd_create", err, "")
	}
	for left := info.Size(); left > 0; {
		n, err := unix.Sendfile(fd, int(exe.Fd()), nil, int(left))
		if err != nil || n == 0 {
			unix.Close(fd)
			return -1, fail.Call("sendfile", err, "")
		}
		left -= int64(n)
	}
	if _, err := unix.FcntlInt(uintptr(fd), unix.F_ADD_SEALS, unix.F_SEAL_SEAL|unix.F_SEAL_SHRINK|unix.F_SEAL_GROW|unix.F_SEAL_WRITE); err != nil {
		unix.Close(fd)
		return -1, fail.Call("fcntl(F_ADD_SEALS)", err, "")
	}
	return fd, nil
}

package rootfs

import (
	"fmt"

	"golang.org/x/sys/unix"

	"jocker/final/runtime/fail"
)

// This file is about the null device, which is a tool of the runtime as well.

// null opens the container's /dev/null, and looks whether it is the device. flags are O_PATH or O_RDWR.
func (r *Rootfs) null(flags int) (fd int, err error) {
	fd, err = openIn(r.root, "dev/null", flags|unix.O_NOFOLLOW, inRoot)
	if err != nil {
		return -1, r.openError("/dev/null", err)
	}
	if err = isDevice(fd, &defaults[0], unix.S_IFCHR|0o666); err != nil {
		unix.Close(fd)
		return -1, err
	}
	return fd, nil
}

// ownNull puts the container's null device in place of the host's, where standard input, output or
// error is that. It is the same device, but another file: through the descriptor the container's root
// could take away everybody else's right to use the host's.
func (r *Rootfs) ownNull() error {
	null := -1
	defer func() { closeAll(null) }()
	for fd := 0; fd < 3; fd++ {
		var st unix.Stat_t
		if err := unix.Fstat(fd, &st); err != nil || st.Mode&unix.S_IFMT != unix.S_IFCHR || st.Rdev != unix.Mkdev(1, 3) {
			continue
		}
		if null < 0 {
			var err error
			if null, err = r.null(unix.O_RDWR | unix.O_NOCTTY); err != nil {
				return err
			}
		}
		if err := unix.Dup3(null, fd, 0); err != nil {
			return fail.Call(fmt.Sprintf("dup3(%d, %d, 0)", null, fd), err, "")
		}
	}
	return nil
}

func (r *Rootfs) sayOwnNull() (what, call string) {
	return "use the container's own /dev/null, where the host's was given", `openat2("/dev/null", O_RDWR|O_NOFOLLOW); dup3(...)`
}

package process

import (
	"fmt"

	"golang.org/x/sys/unix"

	"jocker/final/runtime/fail"
)

// The null device is a file like others: it has an owner and a mode, and whoever has it open can ask to change them. If exec's
// standard input is the host's /dev/null, as mostly when nobody types, root of the container could close it to everybody on the
// host by fchmod(2). So the process gets the container's own. (For init package rootfs does the same.)

// isNull tells whether a file is the null device.
func isNull(st *unix.Stat_t) bool {
	return st.Mode&unix.S_IFMT == unix.S_IFCHR && st.Rdev == unix.Mkdev(1, 3)
}

// ownNull puts the container's null device in the place of a descriptor. The path is looked up inside of the container; it may lead
// anywhere there, but to nothing else than that device.
func ownNull(fd int) error {
	const call = `open("/dev/null", O_RDWR|O_NOFOLLOW)`
	const instead = "the host's is not for the container to have; give exec another standard input, output and error, or mend the container's"
	own, err := unix.Open("/dev/null", unix.O_RDWR|unix.O_NOFOLLOW|unix.O_NOCTTY|unix.O_CLOEXEC, 0)
	if err != nil {
		return fail.Call(call, err, instead)
	}
	defer unix.Close(own)
	var st unix.Stat_t
	if err := unix.Fstat(own, &st); err != nil {
		return fail.Call("fstat(/dev/null)", err, "")
	}
	if !isNull(&st) {
		return fmt.Errorf("%s: it is not the null device: %s", call, instead)
	}
	if err := unix.Dup3(own, fd, 0); err != nil {
		return fail.Call(fmt.Sprintf("dup3(%d, %d, 0)", own, fd), err, "")
	}
	return nil
}

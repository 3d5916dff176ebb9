package network

import (
	"os"

	"golang.org/x/sys/unix"

	"jocker/final/runtime/fail"
)

// lock waits until no other command changes the host's network, and keeps others from it until the file is closed.
//
// What is locked is the network name space itself: nsfs has one inode for each, and flock(2) works on it as on any file. So whoever
// shares a network shares the lock, whatever their --root and --state are; and the kernel gives it back if its holder is killed.
// It costs nothing that the kernel doesn't take anyway: it changes one interface at a time (rtnl_mutex).
func lock() (*os.File, error) {
	f, err := os.Open("/proc/thread-self/ns/net")
	if err != nil {
		return nil, err
	}
	for {
		if err = unix.Flock(int(f.Fd()), unix.LOCK_EX); err != unix.EINTR {
			break
		}
	}
	if err != nil {
		f.Close()
		return nil, fail.Call("flock("+f.Name()+", LOCK_EX)", err, "")
	}
	return f, nil
}

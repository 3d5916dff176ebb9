package process

import (
	"fmt"
	"strings"

	"golang.org/x/sys/unix"

	"jocker/final/runtime/fail"
)

// Connect connects to a unix socket at a path, and returns the descriptor, closed on exec. It is for
// the runtime, on whose side the path means something: for --console-socket and for the listenerPath
// of a seccomp filter. what names the setting in an error.
//
// An address has 107 bytes for the path (unix(7)). A longer one is reached through a descriptor.
func Connect(what, path string) (socket int, err error) {
	socket, err = unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return -1, fail.Call("socket(AF_UNIX, SOCK_STREAM)", err, "")
	}
	defer func() {
		if err != nil {
			unix.Close(socket)
			socket = -1
		}
	}()
	name := path
	if strings.HasPrefix(path, "@") { // would mean an abstract address
		name = "./" + path
	}
	if len(path) > 107 {
		fd, err := unix.Open(path, unix.O_PATH|unix.O_CLOEXEC, 0)
		if err != nil {
			return socket, fail.Call(fmt.Sprintf("open(%q, O_PATH)", path), err, what+" must be a unix socket")
		}
		defer unix.Close(fd)
		name = fmt.Sprintf("/proc/self/fd/%d", fd)
	}
	for {
		err = unix.Connect(socket, &unix.SockaddrUnix{Name: name})
		if err != unix.EINTR {
			break
		}
	}
	if err != nil {
		cause := what + " must be a unix socket"
		switch err {
		case unix.ENOENT:
			cause = what + " does not exist; start what listens there first"
		case unix.ECONNREFUSED:
			cause = what + " is not a unix socket, or nobody listens there; start what does first"
		case unix.EPROTOTYPE:
			cause = what + " must be a stream socket"
		}
		return socket, fail.Call(fmt.Sprintf("connect(%q)", path), err, cause)
	}
	return socket, nil
}

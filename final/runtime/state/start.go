package state

import (
	"fmt"
	"strconv"

	"golang.org/x/sys/unix"

	"jocker/final/runtime/fail"
)

const socketName = "start.sock"

// Listen makes start.sock. Init gets the socket, and `start` connects to it. A path in a directory of root's
// needs no further check of who connects; an abstract name, that any process of the network
// namespace can reach, would (CVE-2020-15257). The socket is closed on exec: when the container's program begins, nobody listens any more.
func (d *Dir) Listen() (fd int, err error) {
	fd, err = unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return -1, fail.Call("socket(AF_UNIX, SOCK_STREAM)", err, "")
	}
	name, done, err := d.socketAddress()
	if err == nil {
		err = unix.Bind(fd, name)
		done()
	}
	if err == nil {
		err = unix.Listen(fd, 8)
	}
	if err != nil {
		unix.Close(fd)
		return -1, fail.Call(fmt.Sprintf("bind(%q)", d.File(socketName)), err, cause(err))
	}
	return fd, nil
}

// Dial connects to start.sock. The error wraps ENOENT if the container was started, and ECONNREFUSED
// if it was but `start` died before it could say so.
func (d *Dir) Dial() (fd int, err error) { return d.dial(0) }

// dial does it; flags are of socket(2).
func (d *Dir) dial(flags int) (fd int, err error) {
	fd, err = unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC|flags, 0)
	if err != nil {
		return -1, fail.Call("socket(AF_UNIX, SOCK_STREAM)", err, "")
	}
	name, done, err := d.socketAddress()
	if err == nil {
		err = unix.Connect(fd, name)
		done()
	}
	if err != nil {
		unix.Close(fd)
		return -1, fail.Call(fmt.Sprintf("connect(%q)", d.File(socketName)), err, "")
	}
	return fd, nil
}

// Started removes start.sock.
func (d *Dir) Started() error {
	if err := unix.Unlink(d.File(socketName)); err != nil && err != unix.ENOENT {
		return fail.Call(fmt.Sprintf("unlink(%q)", d.File(socketName)), err, cause(err))
	}
	return nil
}

// socketAddress names the socket. A socket's address has room for 107 bytes, and an id alone may be longer: where
// the path is too long it goes through a file descriptor of the directory, which done closes.
func (d *Dir) socketAddress() (name *unix.SockaddrUnix, done func(), err error) {
	path := d.File(socketName)
	if len(path) <= 107 {
		return &unix.SockaddrUnix{Name: path}, func() {}, nil
	}
	dir, err := unix.Open(d.Path, unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, nil, err
	}
	return &unix.SockaddrUnix{Name: "/proc/self/fd/" + strconv.Itoa(dir) + "/" + socketName}, func() { unix.Close(dir) }, nil
}

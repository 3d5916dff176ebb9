package shim

import (
	"encoding/binary"
	"errors"
	"io"
	"os"
	"strconv"

	"golang.org/x/sys/unix"
)

// A shim and its clients speak over a unix socket that keeps packets apart (SOCK_SEQPACKET): a letter, and what belongs to it.
//
// The socket is a path in a directory of mode 0700, and the shim asks who connects (SO_PEERCRED). containerd's first shims had
// an abstract socket, which has no permissions at all, and any container with the host's network could talk to it (CVE-2020-15257).
const (
	// A client says
	Hello  = 'h' // the first: what it wants, a byte of Want bits
	Input  = 'i' // for standard input
	Close  = 'c' // no more of it
	Resize = 'r' // the terminal's size: rows and columns, 16 bits each
	Signal = 'k' // send this signal, a byte, to the container's first process
	Halt   = 's' // somebody stops it: do not restart
	Policy = 'p' // the restart policy is another: its name, and behind a colon the number of retries
	Rename = 'n' // the container's name is another

	// The shim says
	Output  = 'o' // what came from standard output
	Errors  = 'e' // and from standard error
	Started = 'S' // it runs
	Failed  = 'F' // it could not be started: why
	Exit    = 'x' // it ended: exit code, a byte, and 1 if it is started again or else 0
)

// What a client wants.
const (
	WantOutput = 1 << iota // all Output and Errors from now on
	WantInput              // to send Input
)

// MaxData is the most data that a packet carries.
const MaxData = 16 << 10

// A Conn is an end of such a socket.
type Conn struct{ f *os.File }

// NewConn makes a Conn of a socket's descriptor, and owns it.
func NewConn(fd int) *Conn {
	unix.SetNonblock(fd, true) // Go's poller waits
	return &Conn{os.NewFile(uintptr(fd), "socket")}
}

// Pair returns two connected sockets.
func Pair() (ours *Conn, theirs *os.File, err error) {
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_SEQPACKET|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, nil, os.NewSyscallError("socketpair", err)
	}
	return NewConn(fds[0]), os.NewFile(uintptr(fds[1]), "socket"), nil
}

// Dial connects to the socket called name in a directory. The path goes by a descriptor: it may be longer than the 107 bytes
// that an address takes.
func Dial(dir, name string) (*Conn, error) {
	address, done, err := address(dir, name)
	if err != nil {
		return nil, err
	}
	defer done()
	fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_SEQPACKET|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, os.NewSyscallError("socket", err)
	}
	if err := unix.Connect(fd, address); err != nil {
		unix.Close(fd)
		return nil, os.NewSyscallError("connect", err)
	}
	return NewConn(fd), nil
}

// Listen makes a socket of the given kind called name in a directory, and listens.
func Listen(dir, name string, kind int) (fd int, err error) {
	address, done, err := address(dir, name)
	if err != nil {
		return -1, err
	}
	defer done()
	os.Remove(dir + "/" + name) // a dead shim's
	if fd, err = unix.Socket(unix.AF_UNIX, kind|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0); err != nil {
		return -1, os.NewSyscallError("socket", err)
	}
	if err = unix.Bind(fd, address); err == nil {
		err = unix.Listen(fd, 128)
	}
	if err != nil {
		unix.Close(fd)
		return -1, os.NewSyscallError("bind", err)
	}
	return fd, nil
}

func address(dir, name string) (a unix.Sockaddr, done func(), err error) {
	fd, err := unix.Open(dir, unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, nil, &os.PathError{Op: "open", Path: dir, Err: err}
	}
	return &unix.SockaddrUnix{Name: "/proc/self/fd/" + strconv.Itoa(fd) + "/" + name}, func() { unix.Close(fd) }, nil
}

// Close closes the connection.
func (c *Conn) Close() error { return c.f.Close() }

// Send sends a packet.
func (c *Conn) Send(kind byte, data ...byte) error {
	_, err := c.f.Write(append([]byte{kind}, data...))
	return err
}

// SendRaw sends a packet whose first byte is its kind.
func (c *Conn) SendRaw(packet []byte) error {
	_, err := c.f.Write(packet)
	return err
}

// SendSize sends a Resize.
func (c *Conn) SendSize(rows, columns uint16) error {
	return c.Send(Resize, binary.BigEndian.AppendUint16(binary.BigEndian.AppendUint16(nil, rows), columns)...)
}

// Size reads a Resize.
func Size(data []byte) (rows, columns uint16, ok bool) {
	if len(data) != 4 {
		return 0, 0, false
	}
	return binary.BigEndian.Uint16(data), binary.BigEndian.Uint16(data[2:]), true
}

// Receive reads a packet into buffer, which must have room for MaxData+1 bytes. The data are valid until the next call.
func (c *Conn) Receive(buffer []byte) (kind byte, data []byte, err error) {
	n, err := c.f.Read(buffer)
	if err != nil {
		return 0, nil, err
	}
	if n == 0 {
		return 0, nil, io.EOF
	}
	return buffer[0], buffer[1:n], nil
}

// Peer returns the user at the other end.
func (c *Conn) Peer() (uid uint32, err error) {
	raw, err := c.f.SyscallConn()
	if err != nil {
		return 0, err
	}
	err2 := raw.Control(func(fd uintptr) {
		var cred *unix.Ucred
		if cred, err = unix.GetsockoptUcred(int(fd), unix.SOL_SOCKET, unix.SO_PEERCRED); err == nil {
			uid = cred.Uid
		}
	})
	return uid, errors.Join(err, err2)
}

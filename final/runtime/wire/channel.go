package wire

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"golang.org/x/sys/unix"
)

// MaxMessage is how long a message may be, in bytes. execve(2) takes 6 MiB of arguments and
// environment (three quarters of the largest stack that it considers), and the rest of a config is small beside it.
const MaxMessage = 64 << 20

// maxFiles is how many file descriptors the kernel sends at once (SCM_MAX_FD of linux/net/scm.h).
const maxFiles = 253

// A Channel is one end of a connection between the runtime and init. Its methods block; they are for
// one goroutine at a time, as the two sides talk in turn.
type Channel struct{ fd int }

// Pair returns the two ends of a new connection. Both are closed on exec; whoever starts init hands
// the second over under a number of its choice.
func Pair() (*Channel, *Channel, error) {
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, nil, fmt.Errorf("socketpair(AF_UNIX, SOCK_STREAM): %w", err)
	}
	return &Channel{fds[0]}, &Channel{fds[1]}, nil
}

// Open makes a Channel of a connected socket, which it closes on exec.
func Open(fd int) *Channel {
	unix.CloseOnExec(fd)
	return &Channel{fd}
}

// FD returns the file descriptor. It stays the Channel's.
func (c *Channel) FD() int { return c.fd }

// Close closes this end. The other reads io.EOF from then on.
func (c *Channel) Close() error { return unix.Close(c.fd) }

// Send sends a message of the given kind with v, unless that is nil, as the codec writes it,
// and copies of the file descriptors, of which there are 253 at most. If nobody holds the other
// end any more, the error wraps EPIPE; there is no signal.
func (c *Channel) Send(kind byte, v any, files ...int) error {
	if len(files) > maxFiles {
		return fmt.Errorf("wire: %d file descriptors in one message, %d are possible", len(files), maxFiles)
	}
	message := make([]byte, 5, 512)
	message[0] = kind
	if v != nil {
		message = append(message, Marshal(v)...)
	}
	if len(message) > MaxMessage {
		return fmt.Errorf("wire: a message of %d bytes, %d are possible", len(message), MaxMessage)
	}
	binary.NativeEndian.PutUint32(message[1:], uint32(len(message)-5))
	var rights []byte
	if len(files) > 0 {
		rights = unix.UnixRights(files...)
	}
	for len(message) > 0 {
		n, err := unix.SendmsgN(c.fd, message, rights, nil, unix.MSG_NOSIGNAL)
		if err == unix.EINTR {
			continue
		} else if err != nil {
			return fmt.Errorf("sendmsg: %w", err)
		}
		message, rights = message[n:], nil
	}
	return nil
}

// A Message is what Receive returns.
type Message struct {
	Kind  byte
	Data  []byte
	Files []int // the caller's to close
}

// Decode reads the value that came with the message.
func (m *Message) Decode(v any) error { return Unmarshal(m.Data, v) }

// Receive waits for a message. When the other side is gone, the error is io.EOF; io.ErrUnexpectedEOF
// if it went in the middle of a message.
func (c *Channel) Receive() (*Message, error) {
	var head [5]byte
	var m Message
	rights := make([]byte, unix.CmsgSpace(maxFiles*4))
	for got := 0; got < len(head); {
		n, nr, flags, _, err := unix.Recvmsg(c.fd, head[got:], rights, unix.MSG_CMSG_CLOEXEC)
		if err == unix.EINTR {
			continue
		}
		if err == nil && nr > 0 {
			err = m.take(rights[:nr], flags)
		}
		if err == nil && n == 0 {
			err = io.EOF
			if got > 0 {
				err = io.ErrUnexpectedEOF
			}
		}
		if err != nil {
			m.close()
			if errors.Is(err, unix.ECONNRESET) { // the other side died with data of ours unread
				err = io.EOF
			}
			return nil, err
		}
		got += n
	}
	m.Kind = head[0]
	size := binary.NativeEndian.Uint32(head[1:])
	if size > MaxMessage {
		m.close()
		return nil, fmt.Errorf("wire: a message of %d bytes, %d are possible", size, MaxMessage)
	}
	m.Data = make([]byte, size)
	for got := 0; got < len(m.Data); {
		n, err := unix.Read(c.fd, m.Data[got:])
		if err == unix.EINTR {
			continue
		}
		if err == nil && n == 0 {
			err = io.ErrUnexpectedEOF
		}
		if err != nil {
			m.close()
			return nil, err
		}
		got += n
	}
	return &m, nil
}

// take takes file descriptors out of a control message.
func (m *Message) take(control []byte, flags int) error {
	messages, err := unix.ParseSocketControlMessage(control)
	if err != nil {
		return fmt.Errorf("wire: a damaged control message: %w", err)
	}
	for i := range messages {
		files, err := unix.ParseUnixRights(&messages[i])
		if err != nil {
			return fmt.Errorf("wire: a control message that carries no file descriptors: %w", err)
		}
		m.Files = append(m.Files, files...)
	}
	if flags&unix.MSG_CTRUNC != 0 {
		return fmt.Errorf("wire: not all file descriptors arrived: the limit on open files (RLIMIT_NOFILE) is too low")
	}
	return nil
}

func (m *Message) close() {
	for _, fd := range m.Files {
		unix.Close(fd)
	}
}

// ReceiveFile waits for one file descriptor on a socket of somebody else's making, with whatever
// bytes come along. The descriptor is closed on exec.
func ReceiveFile(fd int) (int, error) {
	rights := make([]byte, unix.CmsgSpace(4))
	for {
		n, nr, flags, _, err := unix.Recvmsg(fd, make([]byte, 4096), rights, unix.MSG_CMSG_CLOEXEC)
		if err == unix.EINTR {
			continue
		} else if err != nil {
			return -1, fmt.Errorf("recvmsg: %w", err)
		}
		var m Message
		if nr > 0 {
			err = m.take(rights[:nr], flags)
		}
		switch {
		case err != nil:
			m.close()
			return -1, err
		case len(m.Files) == 1:
			return m.Files[0], nil
		case n == 0:
			return -1, io.EOF
		}
	}
}

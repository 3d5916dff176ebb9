package shim

import (
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// AcceptTerminal takes the master side of a terminal from a runtime that connects to a console socket: one descriptor in one
// message (runc's document terminals.md tells why). It waits for the runtime until the socket's read deadline.
func AcceptTerminal(socket *os.File) (*os.File, error) {
	raw, err := socket.SyscallConn()
	if err != nil {
		return nil, err
	}
	fd := -1
	err = raw.Read(func(s uintptr) bool {
		var e error
		fd, _, e = unix.Accept4(int(s), unix.SOCK_CLOEXEC)
		return e != unix.EAGAIN && e != unix.EINTR
	})
	if err != nil || fd < 0 {
		return nil, fmt.Errorf("the runtime sent no terminal: %w", err)
	}
	defer unix.Close(fd)
	data, oob := make([]byte, 256), make([]byte, unix.CmsgSpace(4))
	_, n, _, _, err := unix.Recvmsg(fd, data, oob, unix.MSG_CMSG_CLOEXEC)
	if err != nil {
		return nil, os.NewSyscallError("recvmsg", err)
	}
	messages, err := unix.ParseSocketControlMessage(oob[:n])
	if err != nil || len(messages) != 1 {
		return nil, fmt.Errorf("the runtime sent no terminal: %d control messages, %w", len(messages), err)
	}
	fds, err := unix.ParseUnixRights(&messages[0])
	if err != nil || len(fds) != 1 {
		return nil, fmt.Errorf("the runtime sent no terminal: %d descriptors, %w", len(fds), err)
	}
	unix.SetNonblock(fds[0], true) // Go's poller waits
	return os.NewFile(uintptr(fds[0]), "terminal"), nil
}

// SetSize sets the size of a terminal.
func SetSize(terminal *os.File, rows, columns uint16) {
	if raw, err := terminal.SyscallConn(); err == nil {
		raw.Control(func(fd uintptr) {
			unix.IoctlSetWinsize(int(fd), unix.TIOCSWINSZ, &unix.Winsize{Row: rows, Col: columns})
		})
	}
}

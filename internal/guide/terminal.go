package guide

import (
	"fmt"
	"os"
	"syscall"
	"unsafe"

	"github.com/creack/pty"
)

// openTerminal opens a pseudo-terminal of 50 by 200, so that nothing wraps, without echo: the player prints the
// commands itself. It returns the player's end, the programs' end and the settings.
func openTerminal() (ours, theirs *os.File, set *syscall.Termios, err error) {
	ours, theirs, err = pty.Open()
	if err != nil {
		return nil, nil, nil, fmt.Errorf("open a pseudo-terminal: %w: is /dev/pts mounted?", err)
	}
	set = new(syscall.Termios)
	err = pty.Setsize(ours, &pty.Winsize{Rows: 50, Cols: 200})
	if err == nil {
		err = terminalCall(theirs, syscall.TCGETS, set)
	}
	if err == nil {
		set.Lflag &^= syscall.ECHO
		err = terminalCall(theirs, syscall.TCSETS, set)
	}
	if err != nil {
		ours.Close()
		theirs.Close()
		return nil, nil, nil, fmt.Errorf("set up a pseudo-terminal: %w", err)
	}
	return ours, theirs, set, nil
}

// Terminal tells whether a file is a terminal.
func Terminal(f *os.File) bool {
	return terminalCall(f, syscall.TCGETS, new(syscall.Termios)) == nil
}

// terminalCall reads or writes a terminal's settings. (Fd() would make the file blocking for good.)
func terminalCall(f *os.File, request uintptr, set *syscall.Termios) error {
	conn, err := f.SyscallConn()
	if err != nil {
		return err
	}
	var errno syscall.Errno
	err = conn.Control(func(fd uintptr) {
		_, _, errno = syscall.Syscall(syscall.SYS_IOCTL, fd, request, uintptr(unsafe.Pointer(set)))
	})
	if err == nil && errno != 0 {
		err = errno
	}
	return err
}

package container

import (
	"fmt"
	"os"
	"time"

	"golang.org/x/sys/unix"

	"jocker/final/runtime/fail"
	"jocker/final/runtime/wire"
)

// A terminal is what `run` and `exec` do in the foreground where otherwise an engine would sit behind
// the console socket: it takes the master side of the container's terminal, and makes our own
// terminal, if we have one, as transparent as a cable.
//
// Its methods do nothing if it is nil, or if no terminal came.
type terminal struct {
	fds    [2]int // the socket: our end, and the one that init gets
	made   bool
	master *os.File
	saved  *unix.Termios // of our own terminal, before
	done   chan struct{} // closed when the last output is copied
}

// socket makes the socket on which init sends the master side, and returns init's end.
func (t *terminal) socket() (int, error) {
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return -1, fail.Call("socketpair(AF_UNIX, SOCK_STREAM)", err, "")
	}
	t.fds, t.made = fds, true
	return fds[1], nil
}

// take receives the master side.
func (t *terminal) take() error {
	fd, err := wire.ReceiveFile(t.fds[0])
	if err != nil {
		return fmt.Errorf("the container's terminal did not come: %w", err)
	}
	unix.SetNonblock(fd, true) // so that Go waits for it without a thread
	t.master = os.NewFile(uintptr(fd), "terminal")
	return nil
}

// copy connects both terminals, until the container's has no user any more.
func (t *terminal) copy() error {
	if t == nil || !t.made {
		return nil
	}
	if err := t.take(); err != nil {
		return err
	}
	t.resize()
	if old, err := unix.IoctlGetTermios(0, unix.TCGETS); err == nil {
		raw := *old
		raw.Iflag &^= unix.IGNBRK | unix.BRKINT | unix.PARMRK | unix.ISTRIP | unix.INLCR | unix.IGNCR | unix.ICRNL | unix.IXON
		raw.Oflag &^= unix.OPOST
		raw.Lflag &^= unix.ECHO | unix.ECHONL | unix.ICANON | unix.ISIG | unix.IEXTEN
		raw.Cflag = raw.Cflag&^(unix.CSIZE|unix.PARENB) | unix.CS8
		raw.Cc[unix.VMIN], raw.Cc[unix.VTIME] = 1, 0
		if unix.IoctlSetTermios(0, unix.TCSETS, &raw) == nil {
			t.saved = old
		}
	}
	t.done = make(chan struct{})
	go func() {
		defer close(t.done)
		buffer := make([]byte, 32<<10)
		for {
			n, err := t.master.Read(buffer)
			os.Stdout.Write(buffer[:n])
			if err != nil { // EIO: nobody has the other side open any more
				return
			}
		}
	}()
	go func() {
		buffer := make([]byte, 4<<10)
		for {
			n, err := os.Stdin.Read(buffer)
			if _, err := t.master.Write(buffer[:n]); err != nil {
				return
			}
			if err != nil {
				t.master.Write([]byte{4}) // what ends the input on a terminal is ^D
				return
			}
		}
	}()
	return nil
}

// resize gives the container's terminal the size of ours.
func (t *terminal) resize() {
	if t == nil || t.master == nil {
		return
	}
	size, err := unix.IoctlGetWinsize(0, unix.TIOCGWINSZ)
	if err != nil {
		return
	}
	if c, err := t.master.SyscallConn(); err == nil {
		c.Control(func(fd uintptr) { unix.IoctlSetWinsize(int(fd), unix.TIOCSWINSZ, size) })
	}
}

// drain waits until the last output is copied. A process that was left behind may keep the terminal
// open for ever, so it does not wait long.
func (t *terminal) drain() {
	if t == nil || t.done == nil {
		return
	}
	select {
	case <-t.done:
	case <-time.After(time.Second):
	}
}

// close gives our terminal back as it was.
func (t *terminal) close() {
	if t == nil {
		return
	}
	if t.saved != nil {
		unix.IoctlSetTermios(0, unix.TCSETS, t.saved)
	}
	if t.made {
		unix.Close(t.fds[0])
	}
	if t.master != nil {
		t.master.Close()
	}
}

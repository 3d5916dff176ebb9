package main

import (
	"fmt"
	"os"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"jocker/final/engine/shim"
)

// stdio is the container's standard input, output and error: three pipes, or one terminal.
type stdio struct {
	dir           *os.File // of the console socket
	tty           bool
	input         *os.File // we write
	output, fault *os.File // we read; both are the terminal's master side
	theirs        []*os.File
	socket        *os.File // where the runtime sends the master side; nil without a terminal
	done          sync.WaitGroup
	lock          sync.Mutex // for input
	once          bool
}

const consoleSocket = "console.sock"

// openStdio makes them.
func openStdio(o *shim.Options) (s *stdio, err error) {
	s = &stdio{tty: o.TTY, once: o.StdinOnce}
	defer func() {
		if err != nil {
			s.close()
		}
	}()
	null, err := os.OpenFile("/dev/null", os.O_RDWR, 0)
	if err != nil {
		return nil, err
	}
	s.theirs = []*os.File{null, null, null}
	if o.TTY {
		if s.dir, err = os.Open(o.RunDir); err != nil {
			return nil, err
		}
		fd, err := shim.Listen(o.RunDir, consoleSocket, unix.SOCK_STREAM)
		if err == nil {
			s.socket = os.NewFile(uintptr(fd), consoleSocket)
		}
		return s, err
	}
	if o.Stdin {
		if s.theirs[0], s.input, err = os.Pipe(); err != nil {
			return nil, err
		}
	}
	if s.output, s.theirs[1], err = os.Pipe(); err != nil {
		return nil, err
	}
	s.fault, s.theirs[2], err = os.Pipe()
	return s, err
}

// socketPath is the path of the console socket as the runtime gets it. The address of a socket has 107 bytes, and the
// directory's own path may be longer.
func (s *stdio) socketPath() string {
	return fmt.Sprintf("/proc/%d/fd/%d/%s", os.Getpid(), s.dir.Fd(), consoleSocket)
}

// files are the container's ends.
func (s *stdio) files() (fds []uintptr) {
	for _, f := range s.theirs {
		fds = append(fds, f.Fd())
	}
	return fds
}

// created lets go of the container's ends, which it has now itself, and takes the terminal that the runtime has made.
func (s *stdio) created() error {
	for _, f := range s.theirs {
		f.Close()
	}
	s.theirs = nil
	if !s.tty {
		return nil
	}
	// The runtime connected before it ended, so nobody has to wait here.
	var err error
	if s.output, err = shim.AcceptTerminal(s.socket); err != nil {
		return err
	}
	s.input = s.output
	return nil
}

// copy starts to copy what the container writes to the log and to the clients.
func (s *stdio) copy(l *log, c *clients) {
	s.stream(s.output, l, c, shim.Output, "stdout")
	if s.fault != nil {
		s.stream(s.fault, l, c, shim.Errors, "stderr")
	}
}

func (s *stdio) stream(f *os.File, l *log, c *clients, kind byte, name string) {
	s.done.Add(1)
	go func() {
		defer s.done.Done()
		packet := make([]byte, shim.MaxData+1)
		packet[0] = kind
		for {
			n, err := f.Read(packet[1:])
			if n > 0 {
				l.write(name, packet[1:n+1])
				c.broadcast(packet[:n+1])
			}
			if err != nil { // end of file; EIO is a terminal's
				return
			}
		}
	}()
}

// write gives the container input. The end of it does so if there is none.
func (s *stdio) write(data []byte) {
	s.lock.Lock()
	defer s.lock.Unlock()
	if s.input != nil {
		s.input.Write(data) // the container may have closed it
	}
}

// eof ends the container's input. A terminal's is ended by a character.
func (s *stdio) eof() {
	s.lock.Lock()
	defer s.lock.Unlock()
	if s.input != nil && !s.tty {
		s.input.Close()
		s.input = nil
	}
}

// resize sets the size of the terminal.
func (s *stdio) resize(rows, columns uint16) {
	if s.tty && s.output != nil {
		shim.SetSize(s.output, rows, columns)
	}
}

// patience is how long a container that has ended may keep its output open. Its processes are dead, but with the host's PID
// namespace there can be others that have it.
const patience = time.Second

// close waits until all that was written is copied, and closes everything.
func (s *stdio) close() {
	for _, f := range s.theirs {
		f.Close()
	}
	if s.socket != nil {
		s.socket.Close()
		os.Remove(s.socketPath())
		s.dir.Close()
	}
	for _, f := range []*os.File{s.output, s.fault} {
		if f != nil {
			f.SetReadDeadline(time.Now().Add(patience))
		}
	}
	s.done.Wait()
	s.lock.Lock()
	defer s.lock.Unlock()
	for _, f := range []*os.File{s.output, s.fault, s.input} {
		if f != nil {
			f.Close()
		}
	}
	s.input = nil
}

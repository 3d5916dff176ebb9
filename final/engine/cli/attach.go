package cli

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"strings"

	"golang.org/x/sys/unix"

	"jocker/final/engine/shim"
)

// defaultKeys is the sequence of keys that leaves a container without ending it.
const defaultKeys = "ctrl-p,ctrl-q"

// attachOptions say how a terminal and a container are connected.
type attachOptions struct {
	tty, input bool
	proxy      bool // signals that we get are the container's
	keys       string
	quiet      map[byte]bool // of shim.Output and shim.Errors, what is not to be seen
}

// check says whether our standard input can be the container's terminal.
func (o attachOptions) check(tty, input bool) error {
	if _, err := parseKeys(o.keys); err != nil {
		return err
	}
	if tty && input && !isTerminal(0) {
		return errors.New("the input device is not a TTY")
	}
	return nil
}

// streams reads the list of -a: the streams that are connected, all if it is empty.
func (o *attachOptions) streams(list []string) error {
	if len(list) == 0 {
		return nil
	}
	input := false
	o.quiet = map[byte]bool{shim.Output: true, shim.Errors: true}
	for _, name := range list {
		switch strings.ToLower(name) {
		case "stdin":
			input = true
		case "stdout":
			o.quiet[shim.Output] = false
		case "stderr":
			o.quiet[shim.Errors] = false
		default:
			return fmt.Errorf("invalid argument %q for -a: valid streams are STDIN, STDOUT and STDERR", name)
		}
	}
	o.input = o.input && input
	return nil
}

func isTerminal(fd int) bool {
	_, err := unix.IoctlGetTermios(fd, unix.TCGETS)
	return err == nil
}

func terminalSize() (rows, columns uint16) {
	for fd := 0; fd < 3; fd++ {
		if size, err := unix.IoctlGetWinsize(fd, unix.TIOCGWINSZ); err == nil {
			return size.Row, size.Col
		}
	}
	return 0, 0
}

// attach copies between our standard streams and a container's until it ends, and returns its exit code; 0 after the detach keys.
func attach(conn *shim.Conn, o attachOptions) (code int, err error) {
	defer conn.Close()
	keys, err := parseKeys(o.keys)
	if err != nil {
		return 0, err
	}
	if o.tty && isTerminal(0) {
		restore, err := rawMode(0)
		if err != nil {
			return 0, err
		}
		defer restore()
	}
	watchSignals(conn, o)
	detached := make(chan struct{})
	if o.input {
		go func() {
			if copyInput(conn, o.tty, keys) {
				close(detached)
				conn.Close()
			}
		}()
	}
	buffer := make([]byte, shim.MaxData+1)
	for {
		kind, data, err := conn.Receive(buffer)
		if err != nil {
			select {
			case <-detached:
				return 0, nil
			default:
				return 0, &exitError{125, errors.New("the container's shim has gone: it was killed; `jocker ps -a` tells what is left of the container")}
			}
		}
		switch {
		case o.quiet[kind]:
		case kind == shim.Output:
			os.Stdout.Write(data)
		case kind == shim.Errors:
			os.Stderr.Write(data)
		case kind == shim.Exit:
			if len(data) == 2 && data[1] == 0 {
				return int(data[0]), nil
			}
		}
	}
}

// copyInput sends our standard input. It returns true if the keys to detach were pressed.
func copyInput(conn *shim.Conn, tty bool, keys []byte) (detached bool) {
	buffer := make([]byte, shim.MaxData)
	d := detacher{keys: keys}
	if !tty {
		d.keys = nil
	}
	for {
		n, err := os.Stdin.Read(buffer)
		data, detached := d.take(buffer[:n])
		if detached {
			return true
		}
		for len(data) > 0 {
			part := data[:min(len(data), shim.MaxData)]
			if conn.Send(shim.Input, part...) != nil {
				return false
			}
			data = data[len(part):]
		}
		if err != nil {
			conn.Send(shim.Close)
			return false
		}
	}
}

// A detacher looks for the keys to detach in what is typed.
type detacher struct {
	keys []byte
	held []byte // the beginning of the sequence, not passed on yet
}

// take returns what is to be passed on of data, and true if the sequence is complete.
func (d *detacher) take(data []byte) (pass []byte, detached bool) {
	if len(d.keys) == 0 {
		return data, false
	}
	data = append(append([]byte{}, d.held...), data...)
	if bytes.Contains(data, d.keys) {
		return nil, true
	}
	d.held = nil
	for k := min(len(d.keys)-1, len(data)); k > 0; k-- {
		if bytes.HasSuffix(data, d.keys[:k]) {
			d.held = append(d.held, d.keys[:k]...)
			return data[:len(data)-k], false
		}
	}
	return data, false
}

// watchSignals passes on the terminal's size, and signals.
func watchSignals(conn *shim.Conn, o attachOptions) {
	signals := make(chan os.Signal, 16)
	if o.tty {
		signal.Notify(signals, unix.SIGWINCH)
		if rows, columns := terminalSize(); rows != 0 {
			conn.SendSize(rows, columns)
		}
	}
	if o.proxy {
		signal.Notify(signals, unix.SIGHUP, unix.SIGINT, unix.SIGQUIT, unix.SIGTERM, unix.SIGUSR1, unix.SIGUSR2)
	}
	go func() {
		for s := range signals {
			if s == unix.SIGWINCH {
				conn.SendSize(terminalSize())
			} else {
				conn.Send(shim.Signal, byte(s.(unix.Signal)))
			}
		}
	}()
}

// rawMode lets all keys through to the container, which has a terminal of its own to understand them.
func rawMode(fd int) (restore func(), err error) {
	old, err := unix.IoctlGetTermios(fd, unix.TCGETS)
	if err != nil {
		return nil, os.NewSyscallError("ioctl(TCGETS)", err)
	}
	raw := *old
	raw.Iflag &^= unix.IGNBRK | unix.BRKINT | unix.PARMRK | unix.ISTRIP | unix.INLCR | unix.IGNCR | unix.ICRNL | unix.IXON
	raw.Oflag &^= unix.OPOST
	raw.Lflag &^= unix.ECHO | unix.ECHONL | unix.ICANON | unix.ISIG | unix.IEXTEN
	raw.Cflag = raw.Cflag&^(unix.CSIZE|unix.PARENB) | unix.CS8
	raw.Cc[unix.VMIN], raw.Cc[unix.VTIME] = 1, 0
	if err := unix.IoctlSetTermios(fd, unix.TCSETS, &raw); err != nil {
		return nil, os.NewSyscallError("ioctl(TCSETS)", err)
	}
	return func() { unix.IoctlSetTermios(fd, unix.TCSETS, old) }, nil
}

// parseKeys reads --detach-keys: keys with commas between them, a letter or ctrl- and one of a-z @ [ \ ] ^ _.
func parseKeys(text string) (keys []byte, err error) {
	if text == "" {
		return nil, nil
	}
	for _, key := range strings.Split(text, ",") {
		rest, ctrl := strings.CutPrefix(strings.ToLower(key), "ctrl-")
		switch {
		case ctrl && len(rest) == 1 && (rest[0] >= 'a' && rest[0] <= 'z' || strings.Contains(`@[\]^_`, rest)):
			keys = append(keys, rest[0]&0x1f)
		case !ctrl && len(key) == 1:
			keys = append(keys, key[0])
		default:
			return nil, fmt.Errorf("invalid detach keys (%s): unknown character: '%s'", text, key)
		}
	}
	return keys, nil
}

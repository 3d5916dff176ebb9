package engine

import (
	"bytes"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/creack/pty"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

// A session is somebody at a terminal.
type session struct {
	t    *testing.T
	cmd  *exec.Cmd
	term *os.File
	lock sync.Mutex
	seen bytes.Buffer
}

// sit starts a command at a terminal of 30 lines and 100 columns.
func (h *host) sit(args ...string) *session {
	h.t.Helper()
	s := &session{t: h.t, cmd: exec.Command(h.args[0], append(append([]string{}, h.args[1:]...), args...)...)}
	s.cmd.Env = h.env
	var err error
	s.term, err = pty.StartWithSize(s.cmd, &pty.Winsize{Rows: 30, Cols: 100})
	require.NoError(h.t, err)
	go func() {
		buffer := make([]byte, 1024)
		for {
			n, err := s.term.Read(buffer)
			s.lock.Lock()
			s.seen.Write(buffer[:n])
			s.lock.Unlock()
			if err != nil {
				return
			}
		}
	}()
	h.t.Cleanup(func() {
		s.cmd.Process.Kill()
		s.cmd.Wait()
		s.term.Close()
	})
	return s
}

func (s *session) screen() string {
	s.lock.Lock()
	defer s.lock.Unlock()
	return s.seen.String()
}

func (s *session) types(text string) {
	s.t.Helper()
	_, err := s.term.WriteString(text)
	require.NoError(s.t, err)
}

// sees waits until something is on the screen.
func (s *session) sees(text string) {
	s.t.Helper()
	require.Eventually(s.t, func() bool { return strings.Contains(s.screen(), text) }, 15*time.Second, 10*time.Millisecond, "%q is not on the screen", text)
}

// leaves waits for the end of the command, and returns its exit code.
func (s *session) leaves() int {
	s.t.Helper()
	done := make(chan struct{})
	go func() { s.cmd.Wait(); close(done) }()
	select {
	case <-done:
	case <-time.After(15 * time.Second):
		s.t.Fatalf("the command does not end; on the screen: %q", s.screen())
	}
	return s.cmd.ProcessState.ExitCode()
}

// size makes the terminal larger or smaller.
func (s *session) size(rows, columns uint16) {
	require.NoError(s.t, pty.Setsize(s.term, &pty.Winsize{Rows: rows, Cols: columns}))
}

// cooked says whether the terminal is as it was: a command that leaves it raw makes a shell unusable.
func (s *session) cooked() bool {
	t, err := unix.IoctlGetTermios(int(s.term.Fd()), unix.TCGETS)
	return err == nil && t.Lflag&unix.ECHO != 0 && t.Lflag&unix.ICANON != 0
}

func TestTerminalOfRun(t *testing.T) {
	h := newHost(t)
	s := h.sit("run", "--rm", "-it", "--network", "none", "busybox", "sh")
	s.types("stty size; echo tty is $(tty)\n")
	s.sees("30 100")
	s.sees("tty is /dev/pts/0")
	s.size(40, 120)
	require.Eventually(t, func() bool {
		s.types("stty size\n")
		time.Sleep(50 * time.Millisecond)
		return strings.Contains(s.screen(), "40 120")
	}, 10*time.Second, 50*time.Millisecond)
	s.types("sleep 1000\n")
	time.Sleep(200 * time.Millisecond)
	s.types("\x03") // ^C is for the sleep
	s.types("echo alive $((6 * 7))\n")
	s.sees("alive 42")
	s.types("exit 9\n")
	require.Equal(t, 9, s.leaves())
	require.True(t, s.cooked())
}

// The keys that detach leave the container running, with its terminal; whoever attaches goes on where the other was.
func TestDetachKeys(t *testing.T) {
	h := newHost(t)
	s := h.sit("run", "-it", "--name", "talk", "--network", "none", "busybox", "sh")
	s.types("X=kept; echo ready $((1 + 1))\n")
	s.sees("ready 2")
	s.types("\x10") // alone, ctrl-p is held back; with another key it is passed on
	s.types("\x11")
	require.Equal(t, 0, s.leaves())
	require.True(t, s.cooked())
	require.Equal(t, "true", h.ok("inspect", "-f", "{{.State.Running}}", "talk"))

	again := h.sit("attach", "--detach-keys", "ctrl-x,q", "talk")
	again.types("echo still $X; stty size\n")
	again.sees("still kept")
	again.sees("30 100")
	again.types("\x10\x11\x15echo not $((2 * 2))\n") // these are no longer the keys; the shell takes them, and ^U takes them away
	again.sees("not 4")
	again.types("\x18q")
	require.Equal(t, 0, again.leaves())

	last := h.sit("attach", "talk")
	last.types("exit 5\n")
	require.Equal(t, 5, last.leaves())
	started := h.sit("start", "-ai", "talk")
	started.types("exit 6\n")
	require.Equal(t, 6, started.leaves())
}

func TestTerminalOfExec(t *testing.T) {
	h := newHost(t)
	h.ok("run", "-d", "--name", "box", "--network", "none", "busybox", "sleep", "1000")
	s := h.sit("exec", "-it", "box", "sh")
	s.types("stty size; echo tty is $(tty)\n")
	s.sees("30 100")
	s.sees("tty is /dev/pts/0")
	s.size(41, 121)
	require.Eventually(t, func() bool {
		s.types("stty size\n")
		time.Sleep(50 * time.Millisecond)
		return strings.Contains(s.screen(), "41 121")
	}, 10*time.Second, 50*time.Millisecond)
	s.types("exit 4\n")
	require.Equal(t, 4, s.leaves())
	require.True(t, s.cooked())

	left := h.sit("exec", "-it", "box", "sh", "-c", "echo here; sleep 1; echo later; touch /went-on; sleep 1000")
	left.sees("here")
	left.types("\x10\x11")
	require.Equal(t, 0, left.leaves())
	h.eventually("/went-on", "exec", "box", "sh", "-c", "echo /went-on*") // nobody hung up on it
	require.Equal(t, 127, h.sit("exec", "-it", "box", "nosuch").leaves())
	h.ok("exec", "-d", "-t", "box", "sh", "-c", "tty >/its-tty; sleep 1000")
	h.eventually("/dev/pts/1", "exec", "box", "cat", "/its-tty")
}

// SIGINT at a terminal is the container's, also if that has none.
func TestSignalsAreProxied(t *testing.T) {
	h := newHost(t)
	s := h.sit("run", "--rm", "--name", "trap", "--network", "none", "busybox", "sh", "-c", "trap 'echo caught; exit 3' INT; echo ready; while :; do sleep 0.1; done")
	s.sees("ready")
	s.types("\x03")
	s.sees("caught")
	require.Equal(t, 3, s.leaves())
}

// Prune asks somebody who sits at a terminal.
func TestPruneAsks(t *testing.T) {
	h := newHost(t)
	h.ok("create", "--name", "old", "busybox")
	s := h.sit("container", "prune")
	s.sees("[y/N]")
	s.types("n\n")
	require.Equal(t, 0, s.leaves())
	require.Equal(t, "old", h.ok("ps", "-a", "--format", "{{.Names}}"))
	s = h.sit("container", "prune")
	s.types("y\n")
	require.Equal(t, 0, s.leaves())
	require.Empty(t, h.ok("ps", "-aq"))
}

func TestStatsLive(t *testing.T) {
	h := newHost(t)
	h.ok("run", "-d", "--name", "busy", "--network", "none", "busybox", "sh", "-c", "while :; do :; done")
	s := h.sit("stats")
	s.sees("busy")
	s.sees("\x1b[H\x1b[2J")
	s.types("\x03")
	s.leaves()
}

func TestExplain(t *testing.T) {
	h := newHost(t)
	out, errs, code := h.run("", "run", "--rm", "--explain", "busybox", "echo", "hello")
	require.Equal(t, "hello\n 0", out+" "+string(rune('0'+code)))
	for _, part := range []string{"actor         time  lab    what", "  1  engine ", "mount the container's root", "lay a cable from it to the bridge", "shim ", "runtime ", "init ",
		"lab02", "lab06", "clone3(", "pivot_root(", "becomes the program", "from the command's first instruction"} {
		require.Contains(t, errs, part)
	}
	_, errs, code = h.run("", "run", "--rm", "--explain", "busybox", "nosuch")
	require.Equal(t, 127, code)
	require.Contains(t, errs, "stopped here")
	left, _ := os.ReadDir(h.state)
	for _, e := range left {
		require.NotContains(t, e.Name(), "explain-")
	}
}

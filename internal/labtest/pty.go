package labtest

import (
	"os"
	"os/exec"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/creack/pty"
)

// Session is a command at a terminal, and the person who types there.
type Session struct {
	Pid int

	t        testing.TB
	cmd      *exec.Cmd
	limit    time.Duration
	terminal *os.File // the master side: what we write is typed, what we read is on the screen
	ended    chan struct{}

	mu     sync.Mutex
	output string
	closed bool // nobody holds the terminal any more
	seen   int  // up to where Expect has read
}

// Pty starts a command at a terminal of 24 rows and 80 columns, of which it is the session leader: Ctrl-C typed with
// Send("\x03") reaches it as SIGINT, as at a real one.
//
//	s := labtest.Pty(t, "lab03", "run", "-ti", "/bin/sh")
//	s.Expect("# ")
//	s.Send("echo pid=$$\n")
//	s.Expect("pid=1\n")
//	s.Send("exit 3\n")
//	require.Equal(t, 3, s.Wait())
func Pty(t testing.TB, args ...string) *Session {
	t.Helper()
	return Cmd{Args: args}.Pty(t)
}

// Pty is like the function Pty, with everything that a Cmd can say, except Stdin. Timeout is for each Expect and Wait.
func (c Cmd) Pty(t testing.TB) *Session {
	t.Helper()
	s := &Session{t: t, cmd: c.prepare(t), limit: c.limit(), ended: make(chan struct{})}
	terminal, err := pty.StartWithSize(s.cmd, &pty.Winsize{Rows: 24, Cols: 80})
	if err == nil {
		s.terminal, err = interruptible(terminal)
	}
	if err != nil {
		t.Fatalf("labtest: start %q at a terminal: %v", c.Args, err)
	}
	s.Pid = s.cmd.Process.Pid
	go s.read()
	go func() {
		s.cmd.Wait()
		close(s.ended)
	}()
	t.Cleanup(func() {
		if !s.isEnded() {
			killTree(s.cmd.Process)
			<-s.ended
		}
		s.terminal.Close()
	})
	return s
}

// interruptible returns the same file in a form that can be closed while somebody reads it. The library hands over one
// in blocking mode, whose Close waits for the reader, who waits for the command.
func interruptible(blocking *os.File) (*os.File, error) {
	defer blocking.Close()
	fd, _, errno := syscall.Syscall(syscall.SYS_FCNTL, blocking.Fd(), syscall.F_DUPFD_CLOEXEC, 0)
	if errno != 0 {
		return nil, errno
	}
	if err := syscall.SetNonblock(int(fd), true); err != nil {
		return nil, err
	}
	return os.NewFile(fd, blocking.Name()), nil
}

// read collects the screen until everybody has closed the terminal: then reading it is an error (EIO), not an end.
func (s *Session) read() {
	chunk := make([]byte, 4096)
	for {
		n, err := s.terminal.Read(chunk)
		s.mu.Lock()
		s.output += strings.ReplaceAll(string(chunk[:n]), "\r", "")
		s.closed = s.closed || err != nil
		s.mu.Unlock()
		if err != nil {
			return
		}
	}
}

// Send types. A line ends with "\n"; the terminal echoes what is typed, so it appears in the output as well.
func (s *Session) Send(text string) {
	s.t.Helper()
	if _, err := s.terminal.WriteString(text); err != nil {
		s.t.Fatalf("labtest: type %q: %v", text, err)
	}
}

// Expect waits until a text appears after what earlier calls have found. Carriage returns are left out.
func (s *Session) Expect(text string) {
	s.t.Helper()
	s.ExpectRegexp(regexp.QuoteMeta(text))
}

// ExpectRegexp is Expect for a regular expression; it returns the match and its groups.
func (s *Session) ExpectRegexp(expr string) []string {
	s.t.Helper()
	re := regexp.MustCompile(expr)
	var groups []string
	poll(s.limit, func() bool {
		s.mu.Lock()
		defer s.mu.Unlock()
		rest := s.output[s.seen:]
		if groups = re.FindStringSubmatch(rest); groups != nil {
			s.seen += re.FindStringIndex(rest)[1]
		}
		return groups != nil || s.closed
	})
	if groups == nil {
		s.t.Fatalf("labtest: %q doesn't print %q. The screen from where it was expected:\n%s",
			s.cmd.Args, expr, s.Output()[s.seen:])
	}
	return groups
}

// Output returns the whole screen so far, without carriage returns.
func (s *Session) Output() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.output
}

// Resize changes the terminal's size; the kernel sends SIGWINCH to whoever is in its foreground.
func (s *Session) Resize(rows, cols int) {
	s.t.Helper()
	if err := pty.Setsize(s.terminal, &pty.Winsize{Rows: uint16(rows), Cols: uint16(cols)}); err != nil {
		s.t.Fatalf("labtest: resize: %v", err)
	}
}

// Hangup takes the terminal away, as a closed window or a lost connection does: the session leader gets SIGHUP.
func (s *Session) Hangup() { s.terminal.Close() }

// Signal sends a signal to the command itself, not to what it started.
func (s *Session) Signal(sig syscall.Signal) { s.cmd.Process.Signal(sig) }

// Wait waits for the end of the command and returns its exit code, 128+n if signal n killed it.
func (s *Session) Wait() int {
	s.t.Helper()
	select {
	case <-s.ended:
	case <-time.After(s.limit):
		tree := describeTree(s.Pid)
		killTree(s.cmd.Process)
		s.t.Fatalf("labtest: %q doesn't end\n%s\n--- screen\n%s", s.cmd.Args, tree, s.Output())
	}
	poll(Scale(time.Second), func() bool { // the last words may still be on their way
		s.mu.Lock()
		defer s.mu.Unlock()
		return s.closed
	})
	return exitCode(s.cmd)
}

func (s *Session) isEnded() bool {
	select {
	case <-s.ended:
		return true
	default:
		return false
	}
}

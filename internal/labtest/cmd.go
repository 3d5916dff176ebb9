package labtest

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

var errNoMain = errors.New("TestMain is missing: func TestMain(m *testing.M) { labtest.Main(m) }")

// Cmd is a command to check. Only Args is needed; its first word is a lab ("lab03"), a path, or a program in the PATH.
//
//	r := labtest.Cmd{Args: []string{"lab02", "-user", "id"}, User: 65534}.Run(t)
type Cmd struct {
	Args    []string
	Env     []string      // KEY=VALUE, added to the environment of the tests
	Dir     string        // working directory
	Stdin   io.Reader     // nil is /dev/null; an *os.File is handed over, anything else is fed through a pipe
	User    int           // uid and gid to run as, without further groups (65534 is nobody); 0 is root
	Timeout time.Duration // 20 s if zero; see Scale
}

// Result is how a command ended. As a string it shows everything: require.Equal(t, 0, r.Code, r).
type Result struct {
	Stdout, Stderr string
	Code           int // the exit code; 128+n if signal n killed the binary itself
	Duration       time.Duration
}

// String shows the code, the duration and both streams.
func (r Result) String() string {
	return fmt.Sprintf("exit code %d after %v\n--- stdout\n%s--- stderr\n%s---",
		r.Code, r.Duration.Round(time.Millisecond), r.Stdout, r.Stderr)
}

// Run runs a command to its end. It fails the test if the command takes too long, or if something that the command
// left behind still holds its output open.
func Run(t testing.TB, args ...string) Result {
	t.Helper()
	return Cmd{Args: args}.Run(t)
}

// Run is like the function Run, with everything that a Cmd can say.
func (c Cmd) Run(t testing.TB) Result {
	t.Helper()
	return c.Start(t).Wait()
}

// Process is a command that runs beside the test. If the test ends first, the command is killed with all below it.
type Process struct {
	Pid int

	t        testing.TB
	cmd      *exec.Cmd
	out, err buffer
	started  time.Time
	ended    chan struct{} // closed when the fields below are set
	waitErr  error
	late     string // what ran when the time was over
	took     time.Duration
}

// Start starts a command and returns at once. Several can run at the same time.
func (c Cmd) Start(t testing.TB) *Process {
	t.Helper()
	p := &Process{t: t, cmd: c.prepare(t), ended: make(chan struct{})}
	p.cmd.Stdin, p.cmd.Stdout, p.cmd.Stderr = c.Stdin, &p.out, &p.err
	p.cmd.WaitDelay = Scale(dyingTime)
	p.started = time.Now()
	if err := p.cmd.Start(); err != nil {
		t.Fatalf("labtest: start %q: %v", c.Args, err)
	}
	p.Pid = p.cmd.Process.Pid
	go p.watch(c.limit())
	t.Cleanup(func() {
		select {
		case <-p.ended:
		default:
			killTree(p.cmd.Process)
			<-p.ended
		}
	})
	return p
}

// watch waits for the end of the command, or brings it about.
func (p *Process) watch(limit time.Duration) {
	ended := make(chan error, 1)
	go func() { ended <- p.cmd.Wait() }()
	timer := time.NewTimer(limit)
	defer timer.Stop()
	select {
	case p.waitErr = <-ended:
	case <-timer.C:
		p.late = describe(p.Pid, processes()[p.Pid]) + "\n" + describeTree(p.Pid)
		killTree(p.cmd.Process)
		p.waitErr = <-ended
	}
	p.took = time.Since(p.started)
	close(p.ended)
}

// Wait waits for the end of the command. It may be called again, but only by the test's own goroutine.
func (p *Process) Wait() Result {
	p.t.Helper()
	<-p.ended
	r := Result{Stdout: p.out.String(), Stderr: p.err.String(), Code: exitCode(p.cmd), Duration: p.took}
	switch {
	case p.late != "":
		p.t.Fatalf("labtest: %q took too long. At the end of its time there ran\n%s\n%s", p.cmd.Args, p.late, r)
	case errors.Is(p.waitErr, exec.ErrWaitDelay):
		p.t.Errorf("labtest: %q has ended, but something it left behind holds its output open:\n%s\n%s",
			p.cmd.Args, describeTree(supervisor), r)
	}
	return r
}

// Signal sends a signal to the command itself, not to what it started.
func (p *Process) Signal(s syscall.Signal) {
	p.t.Helper()
	if err := p.cmd.Process.Signal(s); err != nil && !errors.Is(err, os.ErrProcessDone) {
		p.t.Errorf("labtest: %v to pid %d: %v", s, p.Pid, err)
	}
}

// Ended says whether the command has ended.
func (p *Process) Ended() bool {
	select {
	case <-p.ended:
		return true
	default:
		return false
	}
}

// Stdout returns what the command has written so far.
func (p *Process) Stdout() string { return p.out.String() }

// Stderr returns what the command has complained so far.
func (p *Process) Stderr() string { return p.err.String() }

// prepare translates a Cmd for os/exec, all but its streams.
func (c Cmd) prepare(t testing.TB) *exec.Cmd {
	t.Helper()
	if len(c.Args) == 0 {
		t.Fatal("labtest: a Cmd needs Args")
	}
	cmd := exec.Command(resolve(t, c.Args[0], c.User), c.Args[1:]...)
	cmd.Env = append(os.Environ(), c.Env...)
	cmd.Dir = c.Dir
	cmd.SysProcAttr = &syscall.SysProcAttr{}
	if c.User != 0 {
		cmd.SysProcAttr.Credential = &syscall.Credential{Uid: uint32(c.User), Gid: uint32(c.User)}
		if cmd.Dir == "" {
			cmd.Dir = "/" // the folder of the tests may be closed to the user
		}
	}
	return cmd
}

func (c Cmd) limit() time.Duration {
	if c.Timeout != 0 {
		return Scale(c.Timeout)
	}
	return Scale(20 * time.Second)
}

// killTree ends a process and all below it. A process that is about to fork would give birth behind our back, so all
// are stopped first. What it misses nevertheless goes to the supervisor, and is killed there at the end. The guards of
// labs are left alone, or the labs' cgroups would stay: they get time to remove them, and end by themselves then.
func killTree(p *os.Process) {
	p.Signal(syscall.SIGSTOP)
	stopped := map[int]bool{p.Pid: true}
	guards := map[int]bool{}
	poll(time.Second, func() bool {
		quiet := true
		for pid, info := range descendants(p.Pid) {
			if isGuard(pid) {
				guards[pid] = true
				continue
			}
			if !stopped[pid] {
				syscall.Kill(pid, syscall.SIGSTOP)
				stopped[pid] = true
			}
			quiet = quiet && strings.Contains("TtZX", info.State)
		}
		state := processes()[p.Pid].State
		return quiet && (state == "" || strings.Contains("TtZX", state))
	})
	p.Kill()
	for pid := range stopped {
		if pid != p.Pid {
			syscall.Kill(pid, syscall.SIGKILL)
		}
	}
	poll(Scale(guardTime), func() bool {
		for pid := range guards {
			if isGuard(pid) {
				return false
			}
		}
		return true
	})
}

// guardTime is how long the guards of labs may take for their work.
const guardTime = 6 * time.Second

// isGuard says whether a process is a lab's guard: the shell that removes the lab's cgroups when the lab has died. It is
// known by the name that it was given as $0.
func isGuard(pid int) bool {
	args := Cmdline(pid)
	return len(args) > 3 && strings.HasPrefix(args[3], "lab") && strings.HasSuffix(args[3], "-guard")
}

func exitCode(cmd *exec.Cmd) int {
	if cmd.ProcessState == nil {
		return -1
	}
	return codeOf(cmd.ProcessState.Sys().(syscall.WaitStatus))
}

func codeOf(ws syscall.WaitStatus) int {
	if ws.Signaled() {
		return 128 + int(ws.Signal())
	}
	return ws.ExitStatus()
}

// buffer is a bytes.Buffer that can be read while it is written.
type buffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (b *buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *buffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}

package container

import (
	"errors"
	"fmt"
	"os"
	"os/signal"

	"golang.org/x/sys/unix"

	"jocker/final/runtime/cgroup"
	"jocker/final/runtime/state"
)

// RunOptions are what `run` takes in addition.
type RunOptions struct {
	Detach, Keep, NoSubreaper bool
}

// Run creates and starts a container. It waits for its end, removes it, and returns the exit code of
// its program, 128 and the signal's number if a signal ended it; with Detach it returns 0 at once.
func Run(o *Options, r RunOptions) (code int, err error) {
	if !r.Detach && o.ConsoleSocket == "" {
		o.terminal = &terminal{}
		defer o.terminal.close()
	}
	if !r.Detach && !r.NoSubreaper {
		// What the container's first process leaves behind, if it has no PID namespace, comes to us.
		if err := unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0); err != nil {
			return 0, fmt.Errorf("prctl(PR_SET_CHILD_SUBREAPER): %w", err)
		}
	}
	o.starts, o.foreground = true, !r.Detach
	c, err := create(o)
	if c == nil || err != nil {
		return 0, err
	}
	defer c.dir.Unlock()
	err = c.start(c.init, c.explain, c.inside)
	c.close()
	if err != nil {
		return 0, errors.Join(err, c.remove(o.Warn))
	}
	if r.Detach {
		return 0, nil
	}
	c.dir.Unlock() // others may kill it, pause it, or exec
	code = wait(c.st.Pid, c.signals, o.terminal)
	c.explainEnd(code, o.Say)
	if r.Keep {
		return code, nil
	}
	if err := c.change(); errors.Is(err, state.ErrNotExist) {
		return code, nil // somebody has removed it meanwhile
	} else if err != nil {
		return 0, err
	}
	return code, c.remove(o.Warn)
}

// explainEnd says why the container was killed, where that can be known and nobody could tell from the exit code.
func (c *Container) explainEnd(code int, say func(string)) {
	switch code {
	case 128 + int(unix.SIGKILL):
		if v, err := c.st.Cgroup.Verdict(); err == nil {
			for _, words := range v.Words() {
				say(words)
			}
		}
	case 128 + int(unix.SIGSYS):
		if r, ok := refused(c.st.Pid, c.st.PidStart); ok {
			say(r.String() + ", and so killed the container's program (linux.seccomp)")
		} else {
			say("the seccomp filter killed the container's program for a system call (SIGSYS); `dmesg | grep type=1326` may name it")
		}
	}
}

// forwarded are the signals that people and supervisors send. Package signal takes some 20 µs for
// each, so it is not all sixty.
var forwarded = []os.Signal{unix.SIGHUP, unix.SIGINT, unix.SIGQUIT, unix.SIGTERM, unix.SIGUSR1, unix.SIGUSR2, unix.SIGCONT, unix.SIGTSTP, unix.SIGWINCH}

// catch keeps signals from ending us: they are the container's.
func catch() chan os.Signal {
	signals := make(chan os.Signal, 64)
	signal.Notify(signals, forwarded...)
	return signals
}

// wait passes on signals until a child ends, copies what goes through the terminal, and returns the exit code.
func wait(pid int, signals chan os.Signal, t *terminal) int {
	go func() {
		for s := range signals {
			if s == unix.SIGWINCH {
				t.resize()
			} else {
				unix.Kill(pid, s.(unix.Signal)) // it is our child, and not waited for: the pid is still its own
			}
		}
	}()
	t.copy()
	var status unix.WaitStatus
	for {
		got, err := unix.Wait4(-1, &status, 0, nil)
		if err == unix.EINTR {
			continue
		}
		if err != nil {
			return 255
		}
		if got == pid {
			break
		}
	}
	t.drain()
	return exitCode(status)
}

// exitCode is a shell's: that of the program, or 128 and the signal's number.
func exitCode(status unix.WaitStatus) int {
	if status.Signaled() {
		return 128 + int(status.Signal())
	}
	return status.ExitStatus()
}

// lastWords says how a child of ours has ended, as the end of a sentence; nothing if it has not.
func lastWords(pid int, group *cgroup.Group) string {
	var status unix.WaitStatus
	got, err := unix.Wait4(pid, &status, 0, nil)
	for errors.Is(err, unix.EINTR) {
		got, err = unix.Wait4(pid, &status, 0, nil)
	}
	switch {
	case err != nil || got != pid:
		return ""
	case !status.Signaled():
		return fmt.Sprintf(": it ended with exit code %d", status.ExitStatus())
	case status.Signal() == unix.SIGKILL:
		return ": it was killed (SIGKILL): the memory limit may be too low to start a container, or somebody killed it"
	case status.Signal() == unix.SIGSYS:
		return ": the seccomp filter killed it (SIGSYS)"
	}
	return fmt.Sprintf(": signal %d (%v) ended it", status.Signal(), status.Signal())
}

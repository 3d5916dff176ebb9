package labtest

import (
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// Sweep says at how many moments KillAtEverySyscall kills. The zero value is the thorough one.
type Sweep struct {
	Stride int // kill before call 1, 1+Stride, 1+2*Stride …; 0 is 1, every call
	Max    int // about as many kills at most, spread over the whole run; 0 is 1000. With LAB_SLOW=1 a quarter of it
}

// dyingTime is how long what a killed command started may take to notice, and to go.
var dyingTime = 2 * time.Second

// KillAtEverySyscall proves that a command can die at any moment. It runs the command again and again, and kills it
// with SIGKILL before its first system call, its second, and so on, until it ends by itself. Only the command's own
// process is killed and followed, with all its threads; what it started must notice by itself that the parent is gone.
// Between two system calls a process can change nothing that others see, so these are all the moments there are.
//
// Each time, within two seconds (see Scale), no process may be left and no mount may be visible that wasn't before;
// then check is called (nil is nothing). What else may stay, an empty cgroup for instance, is for check to say
// and to remove; what check itself starts, for the next run, may be there after that. The first failure ends the sweep. It returns the number of kills, and logs it.
//
// A Go program makes some hundreds of calls, of which the first 150 or so are the Go runtime's own start; their number
// varies a little from run to run. Signals work as always; job control doesn't: a stopped command runs on.
func KillAtEverySyscall(t testing.TB, s Sweep, c Cmd, check func()) (kills int) {
	t.Helper()
	if supervisor == 0 {
		t.Fatalf("labtest: %v", errNoMain)
	}
	before, start := standing(), time.Now()
	run := func(killAt int) outcome {
		t.Helper()
		o, output, err := c.traced(t, killAt)
		if err != nil {
			t.Fatalf("labtest: trace %q: %v\n%s", c.Args, err, output)
		}
		when := "it has ended"
		if o.Killed {
			when = fmt.Sprintf("SIGKILL before system call %d (%s)", killAt, callName(o.Last))
		}
		var left string
		if !poll(Scale(dyingTime), func() bool { left = before.difference(); return left == "" }) {
			before.killLeft()
			t.Fatalf("labtest: %q, %s: this stays:\n%s\n--- its output\n%s", c.Args, when, left, output)
		}
		if check != nil {
			check()
			if t.Failed() {
				t.Fatalf("labtest: %q, %s: the check failed\n--- its output\n%s", c.Args, when, output)
			}
			before = standing()
		}
		return o
	}

	whole := run(0)
	stride := max(s.Stride, 1, (whole.Calls+s.max()-1)/s.max())
	most, killed := whole.Calls, true
	for n := 1; (n <= most || killed) && kills < 2*s.max(); n += stride {
		o := run(n)
		if killed = o.Killed; killed {
			kills++
		}
		most = max(most, o.Calls) // runs differ: after a short one, a longer one may still come to call n
	}
	t.Logf("killed %d times (stride %d, about %d system calls) in %v; by itself it ends with code %d",
		kills, stride, most, time.Since(start).Round(time.Millisecond), whole.Code)
	return kills
}

// KillAt runs a command, and kills it before its system call number n, in the same way; 0 is never. It returns how many
// calls were begun and whether it came to the killing. What it may leave is for the caller to know: here no look is taken.
func KillAt(t testing.TB, c Cmd, n int) (calls int, killed bool) {
	t.Helper()
	o, output, err := c.traced(t, n)
	if err != nil {
		t.Fatalf("labtest: trace %q: %v\n%s", c.Args, err, output)
	}
	return o.Calls, o.Killed
}

func (s Sweep) max() int {
	limit := s.Max
	if limit == 0 {
		limit = 1000
	}
	if slow() {
		limit /= 4
	}
	return max(limit, 1)
}

// traced runs a command once under the tracer. Its streams are files: a pipe would have to be read until the last of
// its orphans lets go of it.
func (c Cmd) traced(t testing.TB, killAt int) (o outcome, output string, err error) {
	t.Helper()
	cmd := c.prepare(t)
	cmd.Stdin = c.Stdin
	if file, isFile := c.Stdin.(*os.File); isFile {
		file.Seek(0, io.SeekStart) // each run reads it from the start; a pipe can't, and is for programs that don't read it
	} else if c.Stdin != nil {
		t.Fatal("labtest: KillAtEverySyscall needs a Stdin that it can use again: nil, or an *os.File")
	}
	out, err := os.CreateTemp(scratch[0], "output-")
	if err != nil {
		return o, "", err
	}
	defer out.Close()
	defer os.Remove(out.Name())
	cmd.Stdout, cmd.Stderr = out, out
	o, err = trace(cmd, killAt, c.limit())
	raw, _ := os.ReadFile(out.Name())
	return o, string(raw), err
}

// state is the part of a host that must be restored without help: mounts and processes.
type state struct {
	mounts    []mount
	processes map[started]string
}

func standing() state { return state{mounts(), startedByTests()} }

// difference returns what is different now, "" if nothing is.
func (before state) difference() string {
	var lines []string
	now := standing()
	for p, description := range now.processes {
		if _, known := before.processes[p]; !known {
			lines = append(lines, description)
		}
	}
	if !slices.Equal(before.mounts, now.mounts) {
		lines = append(lines, cmp.Diff(before.mounts, now.mounts))
	}
	return strings.Join(lines, "\n")
}

// killLeft ends processes that were left over, so that one failure doesn't become many.
func (before state) killLeft() {
	for p := range startedByTests() {
		if _, known := before.processes[p]; !known {
			syscall.Kill(p.Pid, syscall.SIGKILL)
		}
	}
}

// callName names the calls of interest to a container; the others keep their number, as in <asm/unistd.h>.
func callName(nr int) string {
	names := map[int]string{
		syscall.SYS_OPENAT: "openat", syscall.SYS_READ: "read", syscall.SYS_WRITE: "write", syscall.SYS_CLOSE: "close",
		syscall.SYS_CLONE: "clone", 435: "clone3", syscall.SYS_EXECVE: "execve", syscall.SYS_EXIT_GROUP: "exit_group",
		syscall.SYS_WAIT4: "wait4", syscall.SYS_WAITID: "waitid", syscall.SYS_KILL: "kill", 424: "pidfd_send_signal",
		syscall.SYS_MOUNT: "mount", syscall.SYS_UMOUNT2: "umount2", syscall.SYS_PIVOT_ROOT: "pivot_root",
		syscall.SYS_MKDIRAT: "mkdirat", syscall.SYS_UNLINKAT: "unlinkat", syscall.SYS_PIPE2: "pipe2",
		syscall.SYS_UNSHARE: "unshare", syscall.SYS_PRCTL: "prctl", syscall.SYS_FUTEX: "futex",
		syscall.SYS_RT_SIGACTION: "rt_sigaction", syscall.SYS_RT_SIGPROCMASK: "rt_sigprocmask", syscall.SYS_MMAP: "mmap",
		syscall.SYS_EPOLL_CTL: "epoll_ctl", syscall.SYS_FCNTL: "fcntl", syscall.SYS_IOCTL: "ioctl",
	}
	if name, ok := names[nr]; ok {
		return name
	}
	return fmt.Sprintf("number %d", nr)
}

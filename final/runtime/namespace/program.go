package namespace

import (
	"errors"
	"fmt"
	"runtime"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"

	"jocker/final/runtime/fail"
	"jocker/final/runtime/namespace/internal/child"
)

// A program is the list of system calls that leads to a process in its namespaces: while it is
// written, and when it runs. Package internal/child has the rules that it must keep.
type program struct {
	child.Program
	second child.CloneArgs // for a child of the child
	notes  []note          // what each of Ops is, for errors
	keep   []any           // what Ops point to by number
	fds    []int           // what is to be closed at the end
	socket [2]int          // our end of a pair and the child's: it tells what went wrong, and waits for its maps
	grand  *child.Op       // the call that makes the child's child, if there is one
	pid    uintptr         // the latter's pid
	_      uintptr         // stays 0: with pid before it, it is the message that tells of it
	ends   [4]child.Op     // the last calls of a child that does not become cmd
}

// A note tells of a call in words, if need be.
type note struct {
	call  func() string           // as strace(1) prints it
	cause func(unix.Errno) string // what an error of it may mean; may be nil
}

// newProgram begins a list of at most n calls.
func newProgram(n int) (*program, error) {
	p := &program{}
	p.Ops = make([]child.Op, 0, n) // not to be moved, for ops point to one another
	p.notes = make([]note, 0, n)
	p.Clone = child.CloneArgs{Flags: unix.CLONE_CLEAR_SIGHAND, ExitSignal: uint64(unix.SIGCHLD)}
	p.second = child.CloneArgs{Flags: unix.CLONE_CLEAR_SIGHAND | unix.CLONE_PARENT}
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_SEQPACKET|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, fail.Call("socketpair(AF_UNIX, SOCK_SEQPACKET)", err, "")
	}
	p.socket = fds
	return p, nil
}

// close gives back what the program took.
func (p *program) close() {
	for _, fd := range p.fds {
		unix.Close(fd)
	}
	for _, fd := range p.socket {
		if fd >= 0 {
			unix.Close(fd)
		}
	}
}

// add appends a call.
func (p *program) add(n note, nr uintptr, args ...uintptr) *child.Op {
	if len(p.Ops) == cap(p.Ops) {
		panic("namespace: more calls than foreseen")
	}
	op := child.Op{Nr: nr}
	copy(op.Arg[:], args)
	p.Ops, p.notes = append(p.Ops, op), append(p.notes, n)
	return &p.Ops[len(p.Ops)-1]
}

// bytes returns the address of data that a call reads.
func (p *program) bytes(b []byte) uintptr {
	p.keep = append(p.keep, b)
	return uintptr(unsafe.Pointer(&b[0]))
}

// text returns the address of a string, as C has it.
func (p *program) text(s string) uintptr { return p.bytes(append([]byte(s), 0)) }

// vector returns the address of an argument or environment list.
func (p *program) vector(list []string) uintptr {
	v := make([]uintptr, len(list)+1)
	for i, s := range list {
		v[i] = p.text(s)
	}
	p.keep = append(p.keep, v)
	return uintptr(unsafe.Pointer(&v[0]))
}

// place puts the child into a cgroup, and with it the child's child. It is the first of the two that
// is cloned into the cgroup, for in a user namespace it would have no right to, and in a cgroup
// namespace (mounted with nsdelegate) it would be moved in from outside, which is ENOENT.
func (p *program) place(cgroup int) {
	if cgroup >= 0 {
		p.Clone.Flags |= unix.CLONE_INTO_CGROUP
		p.Clone.Cgroup = uint64(cgroup)
	}
}

// grandchild appends the clone, by p.second, of the process that goes on with the list.
func (p *program) grandchild() {
	flags := uintptr(p.second.Flags)
	p.grand = p.add(cloneNote(flags), unix.SYS_CLONE3, uintptr(unsafe.Pointer(&p.second)), unsafe.Sizeof(p.second))
	p.grand.Out, p.grand.Jump = &p.pid, &p.ends[2]
}

// cloneNote describes clone3(2) with flags.
func cloneNote(flags uintptr) note {
	return note{func() string { return "clone3(" + Flags(flags) + ")" }, func(e unix.Errno) string { return newCause(flags, e) }}
}

// above returns a descriptor for the same file that is not among the first n, which the child's files
// will take. It is fd itself if that will do.
func above(fd, n int) (int, error) {
	if fd >= n {
		return fd, nil
	}
	high, err := unix.FcntlInt(uintptr(fd), unix.F_DUPFD_CLOEXEC, n)
	if err != nil {
		return -1, fail.Call(fmt.Sprintf("fcntl(%d, F_DUPFD_CLOEXEC, %d)", fd, n), err, "")
	}
	return high, nil
}

// exec appends what makes the process another program, and is the end of the list: its files, the
// signals and limits that it would have had without Go, and execveat.
func (p *program) exec(c *Command) error {
	files := len(c.Files)
	exe, err := above(c.Exe, files)
	if err != nil {
		return err
	}
	if exe != c.Exe {
		p.fds = append(p.fds, exe)
	}
	socket, err := above(p.socket[1], files)
	if err != nil {
		return err
	}
	if socket != p.socket[1] {
		unix.Close(p.socket[1]) // at once, for its end is what says that the child is ready
		p.socket[1] = socket
	}
	moved := make([]*child.Op, files)
	for i, fd := range c.Files {
		if fd < files && fd != i { // another file is about to take its place
			moved[i] = p.add(literal("fcntl(F_DUPFD_CLOEXEC)"), unix.SYS_FCNTL, uintptr(fd), unix.F_DUPFD_CLOEXEC, uintptr(files))
		}
	}
	for i, fd := range c.Files {
		if fd == i {
			p.add(literal("fcntl(F_SETFD, 0)"), unix.SYS_FCNTL, uintptr(fd), unix.F_SETFD, 0)
			continue
		}
		op := p.add(literal("dup3"), unix.SYS_DUP3, uintptr(fd), uintptr(i), 0)
		if moved[i] != nil {
			moved[i].Out = &op.Arg[0]
		}
	}
	// What our caller left open stays here (CVE-2024-21626). Linux before 5.11 cannot do so in one
	// call; init closes what it finds before the container's program runs, on any kernel.
	p.add(note{}, unix.SYS_CLOSE_RANGE, uintptr(files), 1<<31-1, unix.CLOSE_RANGE_CLOEXEC).Free = 1
	p.add(literal("prlimit(RLIMIT_NOFILE)"), unix.SYS_PRLIMIT64, 0, unix.RLIMIT_NOFILE, uintptr(unsafe.Pointer(&child.Nofile)), 0)
	p.add(literal("prctl(PR_SET_TIMERSLACK)"), unix.SYS_PRCTL, unix.PR_SET_TIMERSLACK, slack).Free = 1
	p.add(literal("rt_sigprocmask"), unix.SYS_RT_SIGPROCMASK, unix.SIG_SETMASK, uintptr(unsafe.Pointer(&p.Mask)), 0, 8)
	p.add(note{func() string { return fmt.Sprintf("execveat(%d, \"\", %q, AT_EMPTY_PATH)", exe, c.Args) }, execCause},
		unix.SYS_EXECVEAT, uintptr(exe), p.text(""), p.vector(c.Args), p.vector(c.Env), unix.AT_EMPTY_PATH)
	return nil
}

// slack is how much later than asked for the kernel may wake the new program, in nanoseconds. A watcher
// thread of every Go program sleeps for 20 µs at a time, and would be two thirds of all the context
// switches that init makes in its few milliseconds. A thread inherits its creator's slack; the main
// thread sets its own back (RestoreTimerSlack), for execve would keep it.
const slack = 50e6

// RestoreTimerSlack gives the calling thread the timer slack that the runtime has, which is what the
// container's program is to have (PR_SET_TIMERSLACK of prctl(2)). Init calls it on its main thread.
func RestoreTimerSlack() {
	unix.RawSyscall(unix.SYS_PRCTL, unix.PR_SET_TIMERSLACK, 0, 0) // it cannot fail
}

func literal(call string) note { return note{call: func() string { return call }} }

// tell is a call that sends a message to the parent.
func (p *program) tell(message *uintptr) child.Op {
	return child.Op{Nr: unix.SYS_WRITE, Arg: [6]uintptr{uintptr(p.socket[1]), uintptr(unsafe.Pointer(message)), 2 * unsafe.Sizeof(*message)}, Free: 1}
}

// run makes the child. maps, if not nil, writes the maps of the new user namespace, for which the
// process waits. When run returns, the process has become the program, or there is none.
func (p *program) run(maps func(pid int) error) (pid int, err error) {
	exit := child.Op{Nr: unix.SYS_EXIT_GROUP, Arg: [6]uintptr{1}}
	p.ends = [4]child.Op{p.tell(&p.Errno), exit, p.tell(&p.pid), exit}
	p.Failed = &p.ends[0]
	syscall.ForkLock.Lock() // so that the child gets no descriptor that another goroutine is about to mark
	first := child.Spawn(&p.Program)
	syscall.ForkLock.Unlock()
	if first < 0 {
		return 0, cloneNote(uintptr(p.Clone.Flags)).fail(unix.Errno(-first))
	}
	unix.Close(p.socket[1])
	p.socket[1] = -1
	if p.grand == nil {
		pid = first
	}
	for {
		if pid > 0 && maps != nil && err == nil {
			if err = maps(pid); err == nil {
				_, _ = unix.Write(p.socket[0], []byte{1}) // a child that is dead says below what it died of
			} else {
				_ = unix.Shutdown(p.socket[0], unix.SHUT_WR)
			}
			maps = nil
		}
		m, end, err2 := p.hear()
		if err == nil {
			err = err2
		}
		if end {
			break
		}
		if m > 0 {
			pid = m
		}
	}
	if p.grand != nil {
		reap(first)
	}
	if err == nil && pid == 0 {
		err = errors.New("the child was killed before it was in its namespaces")
	}
	if err != nil && pid > 0 {
		reap(pid)
	}
	runtime.KeepAlive(p)
	return pid, err
}

// hear reads a message, which is a pid or an error. At the end execve, or death, closed the socket.
func (p *program) hear() (pid int, end bool, err error) {
	var m [2]uintptr
	n := 0
	for {
		n, err = unix.Read(p.socket[0], unsafe.Slice((*byte)(unsafe.Pointer(&m)), unsafe.Sizeof(m)))
		if err != unix.EINTR {
			break
		}
	}
	switch {
	case err != nil:
		return 0, true, fail.Call("read(the child's messages)", err, "")
	case n == 0:
		return 0, true, nil
	case m[1] == 0:
		return int(m[0]), false, nil
	}
	at := (m[1] - uintptr(unsafe.Pointer(&p.Ops[0]))) / unsafe.Sizeof(p.Ops[0])
	return 0, false, p.notes[at].fail(unix.Errno(m[0]))
}

func (n note) fail(errno unix.Errno) error {
	cause := ""
	if n.cause != nil {
		cause = n.cause(errno)
	}
	return fail.Call(n.call(), errno, cause)
}

// reap waits for a child that has ended or is about to.
func reap(pid int) {
	for {
		if _, err := unix.Wait4(pid, nil, 0, nil); err != unix.EINTR {
			return
		}
	}
}

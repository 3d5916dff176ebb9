package namespace

import (
	"fmt"
	"strconv"
	"unsafe"

	"golang.org/x/sys/unix"

	"jocker/final/runtime/fail"
	"jocker/final/runtime/namespace/internal/child"
)

// A Command is the program that a new process becomes.
type Command struct {
	Exe       int      // a file descriptor of the program, from Seal
	Args, Env []string // Args[0] is the program's name
	Files     []int    // what the program has as descriptors 0, 1, 2 and so on
	Cgroup    int      // a file descriptor of a directory of cgroup v2, in which the process is born; -1 on v1 and hybrid
}

// Two kinds of namespaces cannot be entered by a process that shares its memory with another. The
// kernel forbids it for time, since the clock's page is part of the memory; for user it would allow it.
const alone = unix.CLONE_NEWUSER | unix.CLONE_NEWTIME

// share is what spares a child the copy of the parent's memory. The parent sleeps until execve.
const share = unix.CLONE_VM | unix.CLONE_VFORK

// Start makes the process that becomes a container's init, in its namespaces, running cmd. It returns
// when the process has become cmd's program: its pid, as we see it, and a pidfd (closed on exec).
// After an error there is no process.
//
// With namespaces to be joined there are two processes: a first one joins them, and its child, init,
// makes the new ones. For a PID namespace that is joined is that of the children only, and what init
// makes after it entered a user namespace belongs to that. The first makes init its own sibling
// (CLONE_PARENT), and ends.
//
// In a user namespace init begins as its root.
//
// A cgroup namespace shows the cgroup that its maker is in as the root. With cmd.Cgroup that is the one in
// which init is born, even in the clone (the kernel's cgroup_post_fork). Whoever moves init later leaves
// CLONE_NEWCGROUP out of New, and has init make it itself.
func (c *Config) Start(cmd *Command) (pid, pidfd int, err error) {
	joins, err := openAll(c.Join)
	if err != nil {
		return 0, -1, err
	}
	defer closeAll(joins)
	var joined uintptr
	for _, j := range joins {
		joined |= j.Flag
	}
	p, err := newProgram(4*len(cmd.Files) + len(joins) + 30)
	if err != nil {
		return 0, -1, err
	}
	defer p.close()
	if (joined|c.New)&alone == 0 {
		p.Clone.Flags |= share
	}
	made, now := c.New, uintptr(0) // what init makes, and which of that in the clone
	if joined != 0 {
		if err := c.join(p, joins, &made); err != nil {
			return 0, -1, err
		}
		now = inClone(made)
		p.second.Flags |= uint64(now)
		if made&alone == 0 {
			p.second.Flags |= share
		}
		p.grandchild()
	} else {
		now = inClone(made)
		p.Clone.Flags |= uint64(now)
	}
	p.place(cmd.Cgroup)
	if err := c.make(p, made, made&^now); err != nil {
		return 0, -1, err
	}
	if err := p.exec(cmd); err != nil {
		return 0, -1, err
	}
	var maps func(int) error
	if c.New&unix.CLONE_NEWUSER != 0 {
		maps = c.writeMaps
	}
	if pid, err = p.run(maps); err != nil {
		return 0, -1, err
	}
	return pidfdOf(pid)
}

// inClone returns which of the namespaces to be made come into being with the process. After a user
// namespace the others wait until the process is root in it: what it makes before would show an owner
// that does not exist inside (the root of a mqueue file system, for one). A time namespace would be
// entered by the clone, and then it is too late to set its clocks.
func inClone(made uintptr) uintptr {
	if made&unix.CLONE_NEWUSER != 0 {
		return made & (unix.CLONE_NEWUSER | unix.CLONE_NEWPID)
	}
	return made &^ unix.CLONE_NEWTIME
}

// join appends what the first process does. If it enters a user namespace, it makes the time namespace,
// too, as long as it can open its own files in /proc.
func (c *Config) join(p *program, joins []opened, made *uintptr) error {
	user := false
	for _, j := range joins {
		user = user || j.Flag == unix.CLONE_NEWUSER
	}
	var setTime func()
	if user && *made&unix.CLONE_NEWTIME != 0 {
		var err error
		if setTime, err = c.time(p); err != nil {
			return err
		}
		*made &^= unix.CLONE_NEWTIME
	}
	order(joins, func(o *opened) {
		o2 := *o
		p.add(note{func() string { return fmt.Sprintf("setns(%q, %s)", o2.Path, kindOf(o2.Flag).name) }, setnsCause(o2.Flag)},
			unix.SYS_SETNS, uintptr(o2.fd), o2.Flag)
		if o2.Flag == unix.CLONE_NEWUSER {
			p.becomeRoot()
		}
	})
	if setTime != nil {
		p.add(literal("unshare(CLONE_NEWTIME)"), unix.SYS_UNSHARE, unix.CLONE_NEWTIME)
		setTime()
	}
	return nil
}

// make appends what init does after the clone, so that it has the namespaces that are left.
func (c *Config) make(p *program, made, left uintptr) error {
	var setTime func()
	if left&unix.CLONE_NEWTIME != 0 {
		var err error
		if setTime, err = c.time(p); err != nil {
			return err
		}
	}
	if made&unix.CLONE_NEWUSER != 0 {
		p.await()
		p.becomeRoot()
	}
	if left != 0 {
		p.add(note{func() string { return "unshare(" + Flags(left) + ")" }, func(e unix.Errno) string { return newCause(left, e) }},
			unix.SYS_UNSHARE, left)
	}
	if setTime != nil {
		setTime()
	}
	return nil
}

// await appends a wait for the maps, without which a process in a new user namespace is nobody. If the
// runtime dies, so does the process.
func (p *program) await() {
	p.add(literal("close"), unix.SYS_CLOSE, uintptr(p.socket[0]))
	read := p.add(literal("read(the runtime's sign that the maps are written)"), unix.SYS_READ, uintptr(p.socket[1]), p.bytes(make([]byte, 1)), 1)
	exit := p.add(literal("exit_group"), unix.SYS_EXIT_GROUP, 1)
	read.Jump = (*child.Op)(unsafe.Add(unsafe.Pointer(exit), unsafe.Sizeof(*exit)))
}

// becomeRoot appends the step from the host's user, who is nobody in the user namespace, to its root.
// Else execve would take all capabilities away.
func (p *program) becomeRoot() {
	p.add(note{func() string { return "setresgid(0, 0, 0)" }, rootCause("gid")}, unix.SYS_SETRESGID, 0, 0, 0)
	p.add(note{func() string { return "setresuid(0, 0, 0)" }, rootCause("uid")}, unix.SYS_SETRESUID, 0, 0, 0)
}

// time appends the opening of /proc/self/timens_offsets, which must happen before the process becomes
// another user and loses its own files in /proc (PR_SET_DUMPABLE of prctl(2)). set appends the rest, to
// be done after unshare: the offsets are written, once and for all, before anybody is in the namespace.
// An execve would enter it as well, but only since Linux 6.1.
func (c *Config) time(p *program) (set func(), err error) {
	proc, err := unix.Open("/proc", unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, fail.Call(`open("/proc")`, err, "is /proc mounted?")
	}
	p.fds = append(p.fds, proc)
	open := func(path string) *child.Op {
		return p.add(note{func() string { return `open("/proc/` + path + `")` }, func(e unix.Errno) string { return newCause(unix.CLONE_NEWTIME, e) }},
			unix.SYS_OPENAT, uintptr(proc), p.text(path), unix.O_RDWR|unix.O_CLOEXEC)
	}
	var file *child.Op
	if len(c.Offsets) > 0 {
		file = open("self/timens_offsets")
	}
	return func() {
		if file != nil {
			text := c.offsets()
			write := p.add(note{func() string { return fmt.Sprintf(`write("/proc/self/timens_offsets", %q)`, text) }, offsetCause},
				unix.SYS_WRITE, 0, p.bytes([]byte(text)), uintptr(len(text)))
			file.Out = &write.Arg[0]
		}
		ns := open("self/ns/time_for_children")
		ns.Arg[2] = unix.O_RDONLY | unix.O_CLOEXEC
		enter := p.add(note{func() string { return `setns("/proc/self/ns/time_for_children", CLONE_NEWTIME)` }, nil}, unix.SYS_SETNS, 0, unix.CLONE_NEWTIME)
		ns.Out = &enter.Arg[0]
	}, nil
}

// offsets returns the lines of /proc/PID/timens_offsets (time_namespaces(7)).
func (c *Config) offsets() (text string) {
	for _, clock := range [...]string{"monotonic", "boottime"} {
		if o, ok := c.Offsets[clock]; ok {
			text += clock + " " + strconv.FormatInt(o.Secs, 10) + " " + strconv.FormatUint(uint64(o.Nanosecs), 10) + "\n"
		}
	}
	return text
}

// pidfdOf returns a pidfd for our own child, whose pid is not given to another before we wait for it.
func pidfdOf(pid int) (int, int, error) {
	pidfd, err := unix.PidfdOpen(pid, 0)
	if err != nil {
		_ = unix.Kill(pid, unix.SIGKILL)
		reap(pid)
		return 0, -1, fail.Call(fmt.Sprintf("pidfd_open(%d)", pid), err, "")
	}
	return pid, pidfd, nil
}

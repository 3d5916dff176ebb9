package namespace

import (
	"fmt"
	"strconv"

	"golang.org/x/sys/unix"

	"jocker/final/runtime/fail"
	"jocker/final/runtime/proc"
)

// A Target is a process whose namespaces others may enter: a container's init. It is held by a pidfd,
// so that it is that process or none, whatever its number comes to mean.
type Target struct {
	Pid int
	FD  int // the pidfd, closed on exec
}

// Open returns the process that had a pid at a time: started is its start time, as proc.StartTime returned
// it when it was known to be the right one. An error that wraps unix.ESRCH says that it is gone, or has ended
// and only not been waited for.
func Open(pid int, started uint64) (*Target, error) {
	fd, err := unix.PidfdOpen(pid, 0)
	if err != nil {
		cause := "the container's process has ended"
		if err != unix.ESRCH {
			cause = "Linux 5.3 is needed"
		}
		return nil, fail.Call(fmt.Sprintf("pidfd_open(%d)", pid), err, cause)
	}
	now, zombie, err := proc.StartTime(pid)
	switch {
	case err != nil:
		err = fail.Call(fmt.Sprintf(`open("/proc/%d/stat")`, pid), unix.ESRCH, "there is no such process")
	case now != started:
		err = fmt.Errorf("process %d is another one, started later: %w", pid, unix.ESRCH)
	case zombie:
		err = fmt.Errorf("process %d has ended: %w", pid, unix.ESRCH)
	}
	if err != nil {
		unix.Close(fd)
		return nil, err
	}
	return &Target{pid, fd}, nil
}

// Close gives up the hold.
func (t *Target) Close() error { return unix.Close(t.FD) }

// Enter makes a process in all of the target's namespaces that are not our own, running cmd, which
// is started from its descriptor and not from any path that the container could have prepared. It
// returns like Start. In a user namespace the process begins as its root.
//
// setns(2) with a pidfd enters all in one call, which works or changes nothing. It is made by a process
// of its own, so that no thread of the runtime ever leaves the host, and since what it enters as PID
// namespace is only its children's, there is a second one, as in Start.
//
// From the clone on the container's processes can see the new one. They must not get at it while it
// has more rights than they: it has descriptors of the host's (CVE-2016-9962). It has all capabilities
// until it lowers them, and the kernel lets nobody with fewer look into it (ptrace(2), "Ptrace access
// mode checking"), but for somebody with CAP_SYS_PTRACE; and init makes itself unreadable as well
// (PR_SET_DUMPABLE). So cmd.Files should have nothing that the container must not get. A container
// with CAP_SYS_PTRACE and without a user namespace could take over any process that enters it, of any
// runtime: that capability is to be given only together with a user namespace.
func (t *Target) Enter(cmd *Command) (pid, pidfd int, err error) {
	flags, err := t.Differs()
	if err != nil {
		return 0, -1, err
	}
	p, err := newProgram(4*len(cmd.Files) + 20)
	if err != nil {
		return 0, -1, err
	}
	defer p.close()
	p.place(cmd.Cgroup)
	if flags&alone == 0 {
		p.Clone.Flags |= share
	}
	if flags != 0 {
		p.add(note{func() string { return fmt.Sprintf("setns(pidfd of %d, %s)", t.Pid, Flags(flags)) }, setnsCause(0)},
			unix.SYS_SETNS, uintptr(t.FD), flags)
	}
	if flags&unix.CLONE_NEWNS == 0 {
		if err := t.chroot(p); err != nil {
			return 0, -1, err
		}
	}
	if flags&unix.CLONE_NEWUSER != 0 {
		p.becomeRoot()
	}
	if flags&unix.CLONE_NEWPID != 0 {
		p.second.Flags |= share
		p.grandchild()
	}
	if err := p.exec(cmd); err != nil {
		return 0, -1, err
	}
	if pid, err = p.run(nil); err != nil {
		return 0, -1, err
	}
	return pidfdOf(pid)
}

// Differs returns the CLONE_NEW* flags of the target's namespaces that are not our own.
func (t *Target) Differs() (flags uintptr, err error) {
	dirs := [2]string{"/proc/self/ns", "/proc/" + strconv.Itoa(t.Pid) + "/ns"}
	var fds [2]int
	for i, dir := range dirs {
		fds[i], err = unix.Open(dir, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
		if err != nil {
			return 0, fail.Call(fmt.Sprintf("open(%q)", dir), err, "the container's process has ended, or /proc is not mounted")
		}
		defer unix.Close(fds[i])
	}
	// The links read "net:[4026531840]". To look at what they lead to would cost twice as much, for the
	// kernel makes an inode for it each time.
	var link [2][64]byte
	for i := range kinds {
		k := &kinds[i]
		here, err := unix.Readlinkat(fds[0], k.file, link[0][:])
		if err != nil {
			continue // a kernel without this kind
		}
		there, err := unix.Readlinkat(fds[1], k.file, link[1][:])
		switch err {
		case nil:
		case unix.ENOENT: // of a zombie the kernel says so, having let its namespaces go
			return 0, fail.Call(fmt.Sprintf("readlink(%q)", dirs[1]+"/"+k.file), unix.ESRCH, "the container's process has ended")
		default:
			return 0, fail.Call(fmt.Sprintf("readlink(%q)", dirs[1]+"/"+k.file), err, "the container's process belongs to another user")
		}
		if string(link[0][:here]) != string(link[1][:there]) {
			flags |= k.flag
		}
	}
	return flags, nil
}

// chroot appends the way into the root directory of a container without a mount namespace.
func (t *Target) chroot(p *program) error {
	path := "/proc/" + strconv.Itoa(t.Pid) + "/root"
	root, err := unix.Open(path, unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return fail.Call(fmt.Sprintf("open(%q)", path), err, "the container's process has ended")
	}
	p.fds = append(p.fds, root)
	p.add(literal(fmt.Sprintf("fchdir(%q)", path)), unix.SYS_FCHDIR, uintptr(root))
	p.add(literal("chroot(\".\")"), unix.SYS_CHROOT, p.text("."))
	return nil
}

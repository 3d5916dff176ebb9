package namespace

import (
	"fmt"

	"golang.org/x/sys/unix"

	"jocker/final/runtime/fail"
)

// A Command is the program that a new process becomes.
type Command struct {
	Exe       int      // a file descriptor of the program, from Seal
	Args, Env []string // Args[0] is the program's name
	Files     []int    // what the program has as descriptors 0, 1, 2 and so on; nothing else is left open
	Cgroup    int      // a file descriptor of a directory of cgroup v2 that the process is born in, or -1
}

// Start makes the process that becomes a container's init, in its namespaces, running cmd. It returns
// when the process has become cmd's program: its pid, as we see it, and a pidfd (closed on exec).
//
// The cgroup namespace is not made if cmd.Cgroup is -1: see Late.
func (c *Config) Start(cmd *Command) (pid, pidfd int, err error) {
	flags := c.New &^ unix.CLONE_NEWCGROUP
	p, err := newProgram(flags|unix.CLONE_VM|unix.CLONE_VFORK, 2*len(cmd.Files)+10)
	if err != nil {
		return 0, -1, err
	}
	if cmd.Cgroup >= 0 {
		p.Clone.Flags |= unix.CLONE_INTO_CGROUP
		p.Clone.Cgroup = uint64(cmd.Cgroup)
	}
	p.clone = note{call: func() string { return fmt.Sprintf("clone3(%s)", Flags(uintptr(p.Clone.Flags))) }}
	if cmd.Cgroup >= 0 && c.New&unix.CLONE_NEWCGROUP != 0 {
		p.add(literal("unshare(CLONE_NEWCGROUP)"), unix.SYS_UNSHARE, unix.CLONE_NEWCGROUP)
	}
	p.exec(cmd)
	pid, err = p.run(false, nil)
	if err != nil {
		return 0, -1, err
	}
	return open(pid)
}

// Late returns the flags of namespaces that Start left to init: a cgroup namespace shows the cgroup
// that its maker is in as the root, and with cgroup v1 the runtime puts init into its cgroup only
// after Start. Init makes it, once it is told that it is in place, with unix.Unshare.
func (c *Config) Late(cgroup int) uintptr {
	if cgroup >= 0 {
		return 0
	}
	return c.New & unix.CLONE_NEWCGROUP
}

// open returns a pidfd for our own child, which cannot be another process until we wait for it.
func open(pid int) (int, int, error) {
	pidfd, err := unix.PidfdOpen(pid, 0)
	if err != nil {
		return pid, -1, fail.Call(fmt.Sprintf("pidfd_open(%d)", pid), err, "")
	}
	return pid, pidfd, nil
}

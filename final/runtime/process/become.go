package process

import (
	"fmt"

	"golang.org/x/sys/unix"

	"jocker/final/runtime/fail"
	"jocker/final/runtime/process/lookup"
	"jocker/final/runtime/step"
)

// Become returns the steps that turn init, with all its rights, into the user with few.
func (p *Init) Become() []step.Step {
	steps := make([]step.Step, 0, 16)
	add := func(wanted bool, s func() step.Step) {
		if wanted {
			steps = append(steps, s())
		}
	}
	add(p.c.Hostname != "", p.hostname)
	add(p.c.Domainname != "", p.domainname)
	if a := p.c.Process.ExecCPUAffinity; p.c.Exec && a != nil && a.Final != "" {
		steps = append(steps, Affinity(step.Init, "process.execCPUAffinity.final", a.Final))
	}
	add(p.c.Process.Scheduler != nil, p.scheduler)
	add(p.c.Process.IOPriority != nil, p.ioprio)
	add(p.c.Process.ApparmorProfile != "", p.apparmor)
	add(p.c.Process.SelinuxLabel != "", p.selinux)
	add(len(p.c.Process.Rlimits) > 0, p.raiseRlimits)
	add(true, p.umask)
	add(true, p.chdir)
	add(p.c.User != "", p.findUser)
	add(true, p.stdio)
	add(true, p.bounding)
	add(true, p.user)
	add(true, p.capabilities)
	add(p.c.Process.NoNewPrivileges, p.noNewPrivs)
	add(true, p.lookUp)
	return steps
}

func (p *Init) hostname() step.Step {
	call := func() string { return fmt.Sprintf("sethostname(%q)", p.c.Hostname) }
	return do("identity", 2,
		func() (string, string) { return "name the host", call() },
		func() error {
			if err := unix.Sethostname([]byte(p.c.Hostname)); err != nil {
				return fail.Call(call(), err, causeOfName(err))
			}
			return nil
		})
}

func (p *Init) domainname() step.Step {
	call := func() string { return fmt.Sprintf("setdomainname(%q)", p.c.Domainname) }
	return do("identity", 2,
		func() (string, string) { return "name the NIS domain", call() },
		func() error {
			if err := unix.Setdomainname([]byte(p.c.Domainname)); err != nil {
				return fail.Call(call(), err, causeOfName(err))
			}
			return nil
		})
}

func causeOfName(err error) string {
	switch err {
	case unix.EPERM:
		return "it needs CAP_SYS_ADMIN in the user namespace that owns the UTS namespace"
	case unix.EINVAL:
		return "a name has at most 64 bytes"
	}
	return ""
}

// umask sets the mask for new files' modes. Init has worked with 0.
func (p *Init) umask() step.Step {
	mask := uint32(0o022)
	if u := p.c.Process.User.Umask; u != nil {
		mask = *u
	}
	return do("identity", 0,
		func() (string, string) { return "set the file mode mask", fmt.Sprintf("umask(%#o)", mask) },
		func() error { unix.Umask(int(mask)); return nil })
}

// noNewPrivs forbids setuid programs and file capabilities to give any rights, to the process and
// to all that it starts.
func (p *Init) noNewPrivs() step.Step {
	const call = "prctl(PR_SET_NO_NEW_PRIVS, 1)"
	return do("identity", 0,
		func() (string, string) { return "gain no new privileges", call },
		func() error {
			if _, _, errno := unix.RawSyscall6(unix.SYS_PRCTL, unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0, 0); errno != 0 {
				return fail.Call(call, errno, "")
			}
			return nil
		})
}

// lookUp completes the environment and finds the program, as the user and within the container: what
// init finds is what execve will.
func (p *Init) lookUp() step.Step {
	name := p.c.Process.Args[0]
	return do("identity", 3,
		func() (string, string) { return "find the program", fmt.Sprintf("faccessat(%q, X_OK)", name) },
		func() (err error) {
			p.environ()
			p.program, err = lookup.Path(name, p.env)
			return err
		})
}

package process

import (
	"fmt"

	"golang.org/x/sys/unix"

	"jocker/final/runtime/fail"
	"jocker/final/runtime/step"
)

// Begin returns the steps that come first of all: to be left alone, a session and a keyring.
func (p *Init) Begin() []step.Step {
	steps := []step.Step{p.hide(), p.session()}
	if !p.c.NoNewKeyring {
		steps = append(steps, p.keyring())
	}
	return steps
}

// hide keeps the container's processes from looking into init, and at its descriptors, by ptrace(2) and
// /proc/PID (CVE-2016-9962). While init has more rights than they, it is safe from them; but with
// Become it gets to be one of them, and is init still. execve ends it.
func (p *Init) hide() step.Step {
	return do("session", 0,
		func() (string, string) { return "hide from debuggers", hideCall },
		setHidden)
}

const hideCall = "prctl(PR_SET_DUMPABLE, SUID_DUMP_DISABLE)"

func setHidden() error {
	if _, _, errno := unix.RawSyscall(unix.SYS_PRCTL, unix.PR_SET_DUMPABLE, 0, 0); errno != 0 {
		return fail.Call(hideCall, errno, "")
	}
	return nil
}

// session makes init the leader of a new session: without a terminal, out of reach of the signals
// that the runtime's terminal sends, and entitled to a terminal of its own.
func (p *Init) session() step.Step {
	return do("session", 0,
		func() (string, string) { return "lead a new session", "setsid()" },
		Setsid)
}

// Setsid makes the process lead a new session; if it leads one already, that is well. The kernel takes
// its time over it, a tenth of a millisecond and more, for a session is also a group to its scheduler
// (sched(7), "The autogroup feature"). Init may call it beforehand, while it has nothing else to do.
func Setsid() error {
	_, _, errno := unix.RawSyscall(unix.SYS_SETSID, 0, 0, 0)
	if errno == 0 {
		return nil
	}
	if sid, _ := unix.Getsid(0); errno == unix.EPERM && sid == unix.Getpid() {
		return nil
	}
	return fail.Call("setsid()", errno, "the process leads a process group; it must be started without Setpgid")
}

// The permissions of a container's keyring (linux/keyctl.h): its possessor may do everything, and its
// user may view, read, link and search it, so that exec can join it by name. In a user namespace the
// keyring's owner is somebody else to those inside; there others may search it.
const (
	keyPossessorAll = 0x3f000000
	keyUserUse      = 0x00010000 | 0x00020000 | 0x00100000 // view, read, link
	keyUserSearch   = 0x00080000
	keyOtherSearch  = 0x00000008
)

// keyring leaves the session keyring of whoever called the runtime, whose keys (of an encrypted
// file system, of Kerberos) the container could use otherwise: keyrings know no namespace.
func (p *Init) keyring() step.Step {
	name := "_ses." + p.c.ID
	call := func() string { return fmt.Sprintf("keyctl(KEYCTL_JOIN_SESSION_KEYRING, %q)", name) }
	return do("session", 0,
		func() (string, string) { return "use a keyring of its own", call() },
		func() error {
			if label := p.c.Process.SelinuxLabel; label != "" { // new keys have the context of the process that makes them
				if err := setLabel("keycreate", label); err != nil {
					return err
				}
				defer setLabel("keycreate", "")
			}
			ring, err := unix.KeyctlJoinSessionKeyring(name)
			switch err {
			case nil:
			case unix.ENOSYS: // a kernel without keyrings has none to protect
				return nil
			case unix.EDQUOT:
				return fail.Call(call(), err, "the user has as many keys as /proc/sys/kernel/keys/maxkeys and maxbytes allow; "+
					"raise them, or use --no-new-keyring")
			default:
				return fail.Call(call(), err, "a seccomp filter around the runtime may forbid it; use --no-new-keyring")
			}
			if p.c.Exec { // the container's init did the rest
				return nil
			}
			mode := uint32(keyPossessorAll | keyUserUse | keyUserSearch)
			if p.c.UserNamespace {
				mode = keyPossessorAll | keyUserUse | keyOtherSearch
			}
			if err := unix.KeyctlSetperm(ring, mode); err != nil {
				return fail.Call(fmt.Sprintf("keyctl(KEYCTL_SETPERM, %d, %#x)", ring, mode), err, "use --no-new-keyring")
			}
			return nil
		})
}

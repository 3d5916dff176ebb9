package process

import (
	"fmt"

	"golang.org/x/sys/unix"

	"jocker/final/runtime/fail"
	"jocker/final/runtime/step"
)

// Begin returns the steps that come first of all: a session and a keyring of its own.
func (p *Init) Begin() []step.Step {
	steps := []step.Step{p.session()}
	if !p.c.NoNewKeyring {
		steps = append(steps, p.keyring())
	}
	return steps
}

// session makes init the leader of a new session: without a terminal, out of reach of the signals
// that the runtime's terminal sends, and entitled to a terminal of its own.
func (p *Init) session() step.Step {
	return do("session", 0,
		func() (string, string) { return "lead a new session", "setsid()" },
		func() error {
			_, _, errno := unix.RawSyscall(unix.SYS_SETSID, 0, 0, 0)
			if errno == 0 {
				return nil
			}
			if sid, _ := unix.Getsid(0); errno == unix.EPERM && sid == unix.Getpid() {
				return nil // it leads one already
			}
			return fail.Call("setsid()", errno, "the process leads a process group; it must be started without Setpgid")
		})
}

// The permissions of a container's keyring (linux/keyctl.h): its possessor may do everything, and its
// user may find, view, read and link it, so that exec can join it by name. In a user namespace the
// keyring's owner, root outside, is somebody else to everybody inside: there others may search it.
const (
	keyPossessorAll = 0x3f000000
	keyUserUse      = 0x00010000 | 0x00020000 | 0x00080000 | 0x00100000 // view, read, search, link
)

// keyring leaves the session keyring of whoever called the runtime, whose keys (of an encrypted
// file system, of Kerberos) the container could use otherwise: keyrings know no namespace.
func (p *Init) keyring() step.Step {
	name := "_ses." + p.c.ID
	call := func() string { return fmt.Sprintf("keyctl(KEYCTL_JOIN_SESSION_KEYRING, %q)", name) }
	return do("session", 0,
		func() (string, string) { return "use a keyring of its own", call() },
		func() error {
			ring, err := unix.KeyctlJoinSessionKeyring(name)
			switch err {
			case nil:
			case unix.ENOSYS: // a kernel without keyrings has none to protect
				return nil
			case unix.EDQUOT:
				return fail.Call(call(), err, "the user has all the keys that /proc/sys/kernel/keys/maxkeys allows; "+
					"raise that, or use --no-new-keyring")
			default:
				return fail.Call(call(), err, "a seccomp filter around the runtime may forbid it; use --no-new-keyring")
			}
			if p.c.Exec { // container's init has done so
				return nil
			}
			if err := unix.KeyctlSetperm(ring, keyPossessorAll|keyUserUse); err != nil {
				return fail.Call(fmt.Sprintf("keyctl(KEYCTL_SETPERM, %d, %#x)", ring, keyPossessorAll|keyUserUse), err, "use --no-new-keyring")
			}
			return nil
		})
}

package process

import (
	"errors"
	"fmt"
	"unsafe"

	"golang.org/x/sys/unix"

	"jocker/final/runtime/fail"
	"jocker/final/runtime/process/capability"
	"jocker/final/runtime/process/user"
	"jocker/final/runtime/step"
)

// findUser looks up who `exec --user` means.
func (p *Init) findUser() step.Step {
	return do("identity", 0,
		func() (string, string) { return "find user " + p.c.User, `open("/etc/passwd")` },
		func() error {
			request, err := user.Parse(p.c.User)
			if err == nil {
				p.who, err = request.Find(p.who)
			}
			return err
		})
}

// stdio gives standard input, output and error to the user, so that a program may open /dev/stdout
// or /proc/self/fd/1 by its path. They were made outside: a pipe of the engine, a terminal. Devices
// stay whose they are, but for terminals; so does what the user namespace may not touch. The host's null device is exchanged.
func (p *Init) stdio() step.Step {
	return do("identity", 0,
		func() (string, string) {
			return "give standard input, output and error to the user", fmt.Sprintf("fchown(0..2, %d, -1)", p.who.UID)
		},
		func() error {
			uid := p.who.UID
			for fd := 0; fd < 3; fd++ {
				var st unix.Stat_t
				if err := unix.Fstat(fd, &st); err != nil {
					if err == unix.EBADF {
						continue // closed by who called the runtime
					}
					return fail.Call(fmt.Sprintf("fstat(%d)", fd), err, "")
				}
				if p.c.Exec && isNull(&st) {
					if err := ownNull(fd); err != nil {
						return err
					}
					continue
				}
				if st.Uid == uid || st.Mode&unix.S_IFMT == unix.S_IFCHR && !isTerminal(fd) {
					continue
				}
				switch err := unix.Fchown(fd, int(uid), -1); err {
				case nil, unix.EPERM, unix.EINVAL, unix.EROFS:
				default:
					return fail.Call(fmt.Sprintf("fchown(%d, %d, -1)", fd, uid), err, "")
				}
			}
			return nil
		})
}

func isTerminal(fd int) bool {
	_, err := unix.IoctlGetTermios(fd, unix.TCGETS)
	return err == nil
}

// bounding empties the bounding set of what the process is not to have.
func (p *Init) bounding() step.Step {
	return do("identity", 0,
		func() (string, string) {
			caps, _ := capability.Parse(p.c.Process.Capabilities)
			return "bound the capabilities to " + caps.Bounding.String(), "prctl(PR_CAPBSET_DROP, each other)"
		},
		func() error {
			asked, err := capability.Parse(p.c.Process.Capabilities)
			if err != nil {
				return err
			}
			have, err := capability.Current()
			if err != nil {
				return err
			}
			have.Bounding, err = capability.DropBounding(asked.Bounding)
			if err != nil {
				return err
			}
			var missing []string
			p.caps, missing = asked.Grantable(have)
			for _, text := range missing {
				p.warn(text)
			}
			return nil
		})
}

// user changes the groups, then the group, then the user: the other way round the rights to change
// the groups would be gone.
//
// The calls are made for this thread alone, by their numbers. Package syscall's Setuid would stop
// every thread of the process and change them all, as POSIX wants it (nptl(7)); but the other threads
// are the Go runtime's, they vanish at execve, and until then they run nothing of the container's.
func (p *Init) user() step.Step {
	u := &p.who
	return do("identity", 0,
		func() (string, string) {
			return fmt.Sprintf("become user %d of group %d", u.UID, u.GID),
				fmt.Sprintf("setgroups(%v); setresgid(%d); setresuid(%d)", u.AdditionalGids, u.GID, u.UID)
		},
		func() error {
			if u.UID != 0 {
				if err := capability.Keep(); err != nil {
					return err
				}
			}
			if err := setgroups(u.AdditionalGids); err != nil {
				return err
			}
			gid, uid := uintptr(u.GID), uintptr(u.UID)
			if _, _, errno := unix.RawSyscall(unix.SYS_SETRESGID, gid, gid, gid); errno != 0 {
				return fail.Call(fmt.Sprintf("setresgid(%[1]d, %[1]d, %[1]d)", gid), errno, causeOfID(errno, "group"))
			}
			if _, _, errno := unix.RawSyscall(unix.SYS_SETRESUID, uid, uid, uid); errno != 0 {
				return fail.Call(fmt.Sprintf("setresuid(%[1]d, %[1]d, %[1]d)", uid), errno, causeOfID(errno, "user"))
			}
			return nil
		})
}

// setgroups sets the supplementary groups. In a user namespace that was made without rights,
// /proc/PID/setgroups says "deny", for else somebody could leave a group that is kept out of a file
// (user_namespaces(7)). There the groups stay what they are, and none can be added.
func setgroups(groups []uint32) error {
	var first *uint32
	if len(groups) > 0 {
		first = &groups[0]
	}
	_, _, errno := unix.RawSyscall(unix.SYS_SETGROUPS, uintptr(len(groups)), uintptr(unsafe.Pointer(first)), 0)
	if errno == 0 {
		return nil
	}
	call := fmt.Sprintf("setgroups(%v)", groups)
	if errno != unix.EPERM {
		return fail.Call(call, errno, causeOfID(errno, "group"))
	}
	have, err := capability.Current()
	switch {
	case err != nil:
		return err
	case !have.Effective.Has(unix.CAP_SETGID):
		return fail.Call(call, errno, causeOfID(errno, "group"))
	case len(groups) == 0:
		return nil
	}
	return fail.Call(call, errno, "the user namespace denies it, for its group map was written without rights; "+
		"map the groups with newgidmap (an entry in /etc/subgid), or leave out process.user.additionalGids")
}

func causeOfID(errno unix.Errno, what string) string {
	switch errno {
	case unix.EINVAL:
		return "the user namespace maps no such " + what + "; add it to linux." + what[:1] + "idMappings"
	case unix.EPERM:
		if what == "group" {
			return "it needs CAP_SETGID"
		}
		return "it needs CAP_SETUID"
	case unix.EAGAIN:
		return "the user has as many processes as RLIMIT_NPROC allows"
	}
	return ""
}

// capabilities sets all but the bounding set.
//
// To load a seccomp filter needs CAP_SYS_ADMIN, unless no_new_privs is set. If the process is not to
// have that right, init holds it nevertheless until the filter is loaded, so that no calls are left to
// be made under the filter. execve takes it away: see package capability.
func (p *Init) capabilities() step.Step {
	return do("identity", 0,
		func() (string, string) {
			caps, _ := capability.Parse(p.c.Process.Capabilities)
			return "hold the capabilities " + caps.Effective.String(), "capset(...); prctl(PR_CAP_AMBIENT, ...)"
		},
		func() error {
			var extra capability.Set
			if len(p.c.Filter) > 0 && !p.c.Process.NoNewPrivileges {
				have, err := capability.Current()
				if err != nil {
					return err
				}
				extra = have.Permitted & (1 << unix.CAP_SYS_ADMIN)
			}
			if err := p.caps.Apply(extra); err != nil {
				return err
			}
			if err := setHidden(); err != nil { // again: a new user may have undone it, if /proc/sys/fs/suid_dumpable says so
				return err
			}
			return p.enterLate()
		})
}

func isDenied(err error) bool { return errors.Is(err, unix.EACCES) || errors.Is(err, unix.EPERM) }

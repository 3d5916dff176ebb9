package seccomp

import (
	"fmt"
	"runtime"
	"strings"
	"unsafe"

	"github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"
)

// Load gives a program to the kernel, for the calling thread and all that it starts from now on.
// program and flags are those of a Filter.
//
// The caller locks the goroutine to its thread, and has set no_new_privs (prctl(2),
// PR_SET_NO_NEW_PRIVS) or holds CAP_SYS_ADMIN: otherwise a process could start a setuid program
// under a filter that makes it misbehave. Whatever the caller does next, the filter decides; only
// execve should be left.
//
// TSYNC among the flags loads the filter into all threads of the process, where the Go runtime's own
// threads may come to grief. A caller that goes on to execve loses nothing by taking that flag out.
//
// With NEW_LISTENER among the flags, listener is a file descriptor, closed on exec, that receives
// what the filter answers with notify (seccomp_unotify(2)); else it is -1. A kernel before 4.17, to
// which SPEC_ALLOW is unknown, gets the filter without it: the flag only takes a mitigation away. A
// kernel before 3.17 gets it by prctl(2).
//
// An error wraps the errno and says what it is likely to mean.
func Load(program []unix.SockFilter, flags uint) (listener int, err error) {
	if len(program) == 0 || len(program) > MaxInstructions {
		return -1, fmt.Errorf("seccomp: a program has 1 to %d instructions, not %d", MaxInstructions, len(program))
	}
	if err := available(program); err != nil {
		return -1, err
	}
	n, errno := setFilter(program, flags)
	if errno == unix.EINVAL && flags&unix.SECCOMP_FILTER_FLAG_SPEC_ALLOW != 0 {
		flags &^= unix.SECCOMP_FILTER_FLAG_SPEC_ALLOW
		n, errno = setFilter(program, flags)
	}
	if errno == unix.ENOSYS && flags&^unix.SECCOMP_FILTER_FLAG_SPEC_ALLOW == 0 {
		if errno = setFilterOld(program); errno != 0 {
			return -1, loadError("prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER)", errno, flags)
		}
		return -1, nil
	}
	if errno != 0 {
		return -1, loadError("seccomp(SECCOMP_SET_MODE_FILTER"+flagNames(flags)+")", errno, flags)
	}
	switch {
	case flags&unix.SECCOMP_FILTER_FLAG_NEW_LISTENER != 0:
		return n, nil
	case n != 0: // TSYNC says so by a thread's number in place of an errno
		return -1, fmt.Errorf("seccomp(SECCOMP_SET_MODE_FILTER%s): thread %d has a filter of its own, "+
			"and cannot get this one", flagNames(flags), n)
	}
	return -1, nil
}

// available looks for answers in the program that came later than filters themselves. A kernel that
// does not know an answer takes it for a kill.
func available(program []unix.SockFilter) error {
	for _, later := range [...]struct {
		answer uint32
		action specs.LinuxSeccompAction
		since  string
	}{
		{retKillProcess, specs.ActKillProcess, "4.14"},
		{unix.SECCOMP_RET_LOG, specs.ActLog, "4.14"},
		{unix.SECCOMP_RET_USER_NOTIF, specs.ActNotify, "5.0"},
	} {
		for i := range program {
			if program[i].Code != opReturn || program[i].K != later.answer {
				continue
			}
			_, _, errno := unix.RawSyscall(unix.SYS_SECCOMP, unix.SECCOMP_GET_ACTION_AVAIL, 0, uintptr(unsafe.Pointer(&later.answer)))
			if errno != 0 {
				return fmt.Errorf("seccomp: the kernel does not know the action %s, which Linux %s brought: %w", later.action, later.since, errno)
			}
			break
		}
	}
	return nil
}

// setFilter is seccomp(2).
func setFilter(program []unix.SockFilter, flags uint) (int, unix.Errno) {
	p := unix.SockFprog{Len: uint16(len(program)), Filter: &program[0]}
	n, _, errno := unix.RawSyscall(unix.SYS_SECCOMP, unix.SECCOMP_SET_MODE_FILTER, uintptr(flags), uintptr(unsafe.Pointer(&p)))
	runtime.KeepAlive(program)
	return int(n), errno
}

// setFilterOld is prctl(2), which knows no flags.
func setFilterOld(program []unix.SockFilter) unix.Errno {
	p := unix.SockFprog{Len: uint16(len(program)), Filter: &program[0]}
	_, _, errno := unix.RawSyscall(unix.SYS_PRCTL, unix.PR_SET_SECCOMP, unix.SECCOMP_MODE_FILTER, uintptr(unsafe.Pointer(&p)))
	runtime.KeepAlive(program)
	return errno
}

// loadError says what went wrong, and why, as far as the errno tells (seccomp(2), "ERRORS").
func loadError(call string, errno unix.Errno, flags uint) error {
	cause := ""
	switch errno {
	case unix.EACCES:
		cause = "the process needs no_new_privs or CAP_SYS_ADMIN"
	case unix.EINVAL:
		cause = "the kernel has no filters (CONFIG_SECCOMP_FILTER), or takes the program for wrong"
		if flags &^= unix.SECCOMP_FILTER_FLAG_SPEC_ALLOW; flags != 0 {
			cause = "the kernel does not know one of the flags"
		}
	case unix.ENOMEM:
		cause = "all filters of the process together have more than 32768 instructions, or memory is short"
	case unix.EBUSY:
		cause = "another filter of the process has a listener already, and there can be one only"
	case unix.ESRCH:
		cause = "another thread has a filter of its own, and cannot get this one"
	case unix.ENOSYS:
		cause = "the kernel has no seccomp"
	case unix.EPERM:
		cause = "a filter that is loaded already forbids to load another"
	}
	if cause != "" {
		cause = ": " + cause
	}
	return fmt.Errorf("%s: %w (%s)%s", call, errno, unix.ErrnoName(errno), cause)
}

// flagNames writes flags as an argument: ", TSYNC|LOG".
func flagNames(flags uint) string {
	var names []string
	for _, f := range []struct {
		bit  uint
		name string
	}{
		{unix.SECCOMP_FILTER_FLAG_TSYNC, "TSYNC"},
		{unix.SECCOMP_FILTER_FLAG_LOG, "LOG"},
		{unix.SECCOMP_FILTER_FLAG_SPEC_ALLOW, "SPEC_ALLOW"},
		{unix.SECCOMP_FILTER_FLAG_NEW_LISTENER, "NEW_LISTENER"},
		{unix.SECCOMP_FILTER_FLAG_TSYNC_ESRCH, "TSYNC_ESRCH"},
		{unix.SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV, "WAIT_KILLABLE_RECV"},
	} {
		if flags&f.bit != 0 {
			names = append(names, f.name)
		}
	}
	if names == nil {
		return ""
	}
	return ", " + strings.Join(names, "|")
}

// Package fail is the one form in which the runtime says that something went wrong:
//
//	mount("proc", "/proc", "proc", MS_NOSUID): operation not permitted (EPERM): the cause; what to do
//	└ the call, as strace(1) prints it         └ what the kernel said           └ what it is likely to mean here
//
// The kernel answers with one of some 130 numbers, and the same number means different things in
// different places: EINVAL of pivot_root is a shared mount, EINVAL of cgroup.procs a thread. Only
// the code that makes the call knows the place. So it is that code which names the cause, and a
// reader need not look the number up.
package fail

import (
	"errors"
	"fmt"

	"golang.org/x/sys/unix"
)

// Call returns an error for a system call that failed with err. call is written as strace(1) would;
// cause is one clause, or several with "; " between them, and may be empty. The error wraps err.
//
// Of an *os.PathError or *os.SyscallError only the errno in it is shown, for call says the rest.
func Call(call string, err error, cause string) error {
	return &callError{call, err, cause}
}

type callError struct {
	call  string
	err   error
	cause string
}

func (e *callError) Unwrap() error { return e.err }

func (e *callError) Error() string {
	text := e.call + ": "
	var errno unix.Errno
	if errors.As(e.err, &errno) {
		text += fmt.Sprintf("%v (%s)", errno, unix.ErrnoName(errno))
	} else {
		text += e.err.Error()
	}
	if e.cause != "" {
		text += ": " + e.cause
	}
	return text
}

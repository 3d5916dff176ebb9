package seccomp

import (
	"fmt"

	"github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"
)

// The answer of a filter is 32 bits: the action above, 16 bits of data below. For an errno the data
// is the errno, for a tracer it is a message (seccomp(2), "seccomp return values").
const (
	retKillProcess = unix.SECCOMP_RET_KILL_PROCESS
	retKillThread  = unix.SECCOMP_RET_KILL_THREAD
	retErrno       = unix.SECCOMP_RET_ERRNO
	retTrace       = unix.SECCOMP_RET_TRACE
	retData        = unix.SECCOMP_RET_DATA
)

// answer translates an action of the configuration into what a filter returns. entry is the one of
// linux.seccomp.syscalls that it stands in, -1 for the default action.
//
// An errno of 0 makes the call return 0 without having been done. The highest is 4095: a system call
// returns errors as -4095 to -1. The specification wants an error if an errno stands beside an action
// that has no use for one.
func answer(action specs.LinuxSeccompAction, errno *uint, entry int) (uint32, error) {
	var ret uint32
	most := uint(0)
	switch action {
	case specs.ActErrno:
		ret, most = retErrno, 4095
	case specs.ActTrace:
		ret, most = retTrace, retData
	case specs.ActKill, specs.ActKillThread:
		ret = retKillThread
	case specs.ActKillProcess:
		ret = retKillProcess
	case specs.ActTrap:
		ret = unix.SECCOMP_RET_TRAP
	case specs.ActAllow:
		ret = unix.SECCOMP_RET_ALLOW
	case specs.ActLog:
		ret = unix.SECCOMP_RET_LOG
	case specs.ActNotify:
		ret = unix.SECCOMP_RET_USER_NOTIF
	default:
		return 0, fmt.Errorf("%s: %q is not an action of the OCI specification", field(entry, "defaultAction", "action"), action)
	}
	switch {
	case errno == nil && most > 0:
		ret |= uint32(unix.EPERM)
	case errno == nil:
	case most == 0:
		return 0, fmt.Errorf("%s: %s does not return an errno", field(entry, "defaultErrnoRet", "errnoRet"), action)
	case *errno > most:
		return 0, fmt.Errorf("%s: %d is too large, with %s it may be %d at most",
			field(entry, "defaultErrnoRet", "errnoRet"), *errno, action, most)
	default:
		ret |= uint32(*errno)
	}
	return ret, nil
}

// field names a place in the configuration: that of the default, or of an entry.
func field(entry int, ofDefault, ofEntry string) string {
	if entry < 0 {
		return "linux.seccomp." + ofDefault
	}
	return fmt.Sprintf("linux.seccomp.syscalls[%d].%s", entry, ofEntry)
}

// permits says whether an action lets the call happen, now or after a tracer has seen it.
func permits(ret uint32) bool {
	switch ret &^ retData {
	case unix.SECCOMP_RET_ALLOW, unix.SECCOMP_RET_LOG, retTrace:
		return true
	}
	return false
}

// parseFlags translates linux.seccomp.flags into those of seccomp(2). notify says that a rule has
// SCMP_ACT_NOTIFY, for which the kernel has to make a listener.
//
// A list that is absent (not one that is empty) means SPEC_ALLOW, as in runc: without it, kernels
// before 5.16 slow the process down by a mitigation that few want. The man page explains each flag.
func parseFlags(list []specs.LinuxSeccompFlag, notify bool) (bits uint, err error) {
	if list == nil {
		bits = unix.SECCOMP_FILTER_FLAG_SPEC_ALLOW
	}
	for i, name := range list {
		bit := uint(0)
		for _, f := range flags {
			if f.name == name {
				bit = f.bit
			}
		}
		switch {
		case bit == 0:
			return 0, fmt.Errorf("linux.seccomp.flags[%d]: %q is not a flag of the OCI specification", i, name)
		case bit == unix.SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV && !notify:
			return 0, fmt.Errorf("linux.seccomp.flags[%d]: %s needs a rule with %s", i, name, specs.ActNotify)
		}
		bits |= bit
	}
	if notify {
		bits |= unix.SECCOMP_FILTER_FLAG_NEW_LISTENER
		if bits&unix.SECCOMP_FILTER_FLAG_TSYNC != 0 { // both return a number: without this the kernel refuses the pair
			bits |= unix.SECCOMP_FILTER_FLAG_TSYNC_ESRCH
		}
	}
	return bits, nil
}

package seccomp

import (
	"github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"
)

// Actions, Operators and Flags list what Compile takes in linux.seccomp, and Architectures for which
// it makes programs: the answers to the `features` command (features-linux.md, "seccomp").

// Actions returns the known actions.
func Actions() []string {
	return []string{
		string(specs.ActAllow), string(specs.ActErrno), string(specs.ActKill), string(specs.ActKillProcess),
		string(specs.ActKillThread), string(specs.ActLog), string(specs.ActNotify), string(specs.ActTrace),
		string(specs.ActTrap),
	}
}

// Operators returns the known operators.
func Operators() []string {
	return []string{
		string(specs.OpEqualTo), string(specs.OpGreaterEqual), string(specs.OpGreaterThan),
		string(specs.OpLessEqual), string(specs.OpLessThan), string(specs.OpMaskedEqual),
		string(specs.OpNotEqual),
	}
}

// Architectures returns the known architectures. Others are accepted in a profile, and ignored.
func Architectures() []string {
	names := make([]string, 0, columns)
	for i := range archs {
		names = append(names, string(archs[i].oci))
	}
	return names
}

// flags are the flags of the specification, with their bits.
var flags = [...]struct {
	name specs.LinuxSeccompFlag
	bit  uint
}{
	{"SECCOMP_FILTER_FLAG_TSYNC", unix.SECCOMP_FILTER_FLAG_TSYNC}, // has no constant there
	{specs.LinuxSeccompFlagLog, unix.SECCOMP_FILTER_FLAG_LOG},
	{specs.LinuxSeccompFlagSpecAllow, unix.SECCOMP_FILTER_FLAG_SPEC_ALLOW},
	{specs.LinuxSeccompFlagWaitKillableRecv, unix.SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV},
}

// Flags returns the known flags.
func Flags() []string {
	names := make([]string, 0, len(flags))
	for _, f := range flags {
		names = append(names, string(f.name))
	}
	return names
}

// SupportedFlags returns those of the known flags that the running kernel knows too. It asks by
// loading a filter at an address where none can be: for a flag that it knows, the kernel gets as far
// as the address and says EFAULT.
func SupportedFlags() []string {
	var names []string
	for _, f := range flags {
		bits := f.bit
		if bits == unix.SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV {
			bits |= unix.SECCOMP_FILTER_FLAG_NEW_LISTENER
		}
		_, _, errno := unix.RawSyscall(unix.SYS_SECCOMP, unix.SECCOMP_SET_MODE_FILTER, uintptr(bits), 0)
		if errno == unix.EFAULT {
			names = append(names, string(f.name))
		}
	}
	return names
}

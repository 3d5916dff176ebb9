package seccomp

import (
	"encoding/binary"
	"fmt"
	"strconv"
	"strings"
	"unsafe"

	"golang.org/x/sys/unix"
)

// A Refused is a system call that a filter refused, as the kernel reports it.
type Refused struct {
	Arch uint32 // AUDIT_ARCH_*
	Nr   int32
}

// String says which call it was: "seccomp refused ptrace (system call 101 of x86_64)".
func (r Refused) String() string {
	arch, nr := ArchName(r.Arch), r.Nr
	if r.Arch == archs[x32].audit && nr >= x32Bit {
		arch, nr = archs[x32].name, nr&^x32Bit
	}
	if name := Name(r.Arch, r.Nr); name != "" {
		return fmt.Sprintf("seccomp refused %s (system call %d of %s)", name, nr, arch)
	}
	return fmt.Sprintf("seccomp refused system call %d of %s, which has no known name", nr, arch)
}

// FromSiginfo reads a siginfo_t: what a tracer or a signalfd gets when a filter has sent SIGSYS, be it
// by the action trap or by a kill (sigaction(2), "SIGSYS"). info is the structure as the kernel wrote
// it; ok is false if it is too short, of another signal, or not from seccomp.
func FromSiginfo(info []byte) (r Refused, ok bool) {
	const sysSeccomp = 1 // SYS_SECCOMP
	at := 12             // si_signo, si_errno, si_code, and then the part that depends on the signal:
	if unsafe.Sizeof(uintptr(0)) == 8 {
		at = 16
	}
	at += int(unsafe.Sizeof(uintptr(0))) // si_call_addr, si_syscall, si_arch
	if len(info) < at+8 {
		return r, false
	}
	word := func(at int) uint32 { return binary.NativeEndian.Uint32(info[at:]) }
	if word(0) != uint32(unix.SIGSYS) || word(8) != sysSeccomp {
		return r, false
	}
	return Refused{Arch: word(at + 4), Nr: int32(word(at))}, true
}

// FromAudit reads a line of the audit log or of the kernel's log. The kernel writes one when a filter
// kills, or with the flag LOG for every answer but allow, as far as
// /proc/sys/kernel/seccomp/actions_logged lets it:
//
//	audit: type=1326 audit(1700000000.123:42): ... pid=7 comm="sh" ... arch=c000003e syscall=101 ...
//
// pid is the process; ok is false if the line is not of this kind.
func FromAudit(line string) (r Refused, pid int, ok bool) {
	if !strings.Contains(line, "type=1326") && !strings.Contains(line, "type=SECCOMP") {
		return r, 0, false
	}
	found := 0
	for _, field := range strings.Fields(line) {
		key, value, _ := strings.Cut(field, "=")
		switch key {
		case "pid":
			pid, _ = strconv.Atoi(value)
		case "arch":
			if n, err := strconv.ParseUint(value, 16, 32); err == nil {
				r.Arch = uint32(n)
				found++
			}
		case "syscall":
			if n, err := strconv.ParseInt(value, 10, 64); err == nil {
				r.Nr = int32(n)
				found++
			}
		}
	}
	return r, pid, found == 2
}

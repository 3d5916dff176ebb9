package seccomp

import (
	"encoding/binary"
	"fmt"
	"strconv"
	"strings"
	"time"
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

// A Record is what the kernel writes down when a filter kills, or with the flag LOG for every answer but allow, as far as
// /proc/sys/kernel/seccomp/actions_logged lets it.
type Record struct {
	Refused
	Pid   int       // in the first PID namespace, whoever reads it
	Time  time.Time // to a millisecond or ten
	Fatal bool      // the answer was to kill, or to send SIGSYS
}

// FromLog reads a line of /dev/kmsg (Documentation/ABI/testing/dev-kmsg in the kernel). If no audit daemon runs, the records are
// there:
//
//	5,1189,81924713,-;audit: type=1326 audit(1700000000.123:42): ... pid=7 comm="sh" ... sig=31 arch=c000003e syscall=101 ... code=0x80000000
//	│ └ number, time                                                          └ as hexadecimal digits, if there is a blank in it
//	└ urgency, and 8 times who speaks: 0 is the kernel
//
// ok is false if the line is not of this kind. Whoever may write to /dev/kmsg, a privileged container for example, can write the
// same text, but not in the kernel's name.
func FromLog(line string) (r Record, ok bool) {
	prefix, text, _ := strings.Cut(line, ";")
	priority, _, _ := strings.Cut(prefix, ",")
	if n, err := strconv.Atoi(priority); err != nil || n < 0 || n > 7 {
		return r, false
	}
	text, ok = strings.CutPrefix(text, "audit: type=1326 audit(")
	if !ok {
		return r, false
	}
	at, text, _ := strings.Cut(text, ":")
	found := 0
	number := func(text string, base, bits int) uint64 {
		n, err := strconv.ParseUint(text, base, bits)
		if err == nil {
			found++
		}
		return n
	}
	seconds, ms, _ := strings.Cut(at, ".")
	r.Time = time.Unix(int64(number(seconds, 10, 62)), int64(number(ms, 10, 20))*1e6)
	for _, field := range strings.Fields(text) {
		switch key, value, _ := strings.Cut(field, "="); key {
		case "pid":
			r.Pid = int(number(value, 10, 31))
		case "arch":
			r.Arch = uint32(number(value, 16, 32))
		case "syscall":
			if n, err := strconv.ParseInt(value, 10, 64); err == nil {
				r.Nr = int32(n)
				found++
			}
		case "code":
			switch number(value, 0, 32) {
			case unix.SECCOMP_RET_KILL_PROCESS, unix.SECCOMP_RET_KILL_THREAD, unix.SECCOMP_RET_TRAP:
				r.Fatal = true
			}
		}
	}
	return r, found == 6
}

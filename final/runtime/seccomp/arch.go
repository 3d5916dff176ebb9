package seccomp

import (
	"runtime"

	"github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"
)

// The columns of the table of system calls.
const (
	x86_64 = iota
	x32
	x86
	aarch64
	arm
	columns
)

// x32Bit marks a system call of the x32 ABI: 32-bit pointers in 64-bit mode. Such a call reports the
// architecture of x86_64, and only this bit of its number tells the two apart.
const x32Bit = 1 << 30

// An arch is one set of system calls that a kernel can run.
type arch struct {
	oci   specs.Arch
	name  string
	audit uint32 // what seccomp_data.arch holds: AUDIT_ARCH_* of linux/audit.h
	wide  bool   // arguments have 64 bits
	base  uint32 // added to every number
}

// archs has the architectures of the table, by column.
//
// x32 passes its arguments in 64-bit registers, yet only their low halves are compared: that is what
// libseccomp does, and the kernel takes most of them as 32-bit numbers.
var archs = [columns]arch{
	x86_64:  {specs.ArchX86_64, "x86_64", unix.AUDIT_ARCH_X86_64, true, 0},
	x32:     {specs.ArchX32, "x32", unix.AUDIT_ARCH_X86_64, false, x32Bit},
	x86:     {specs.ArchX86, "x86", unix.AUDIT_ARCH_I386, false, 0},
	aarch64: {specs.ArchAARCH64, "aarch64", unix.AUDIT_ARCH_AARCH64, true, 0},
	arm:     {specs.ArchARM, "arm", unix.AUDIT_ARCH_ARM, false, 0},
}

// Native returns the architecture that this program was built for, as the OCI specification names
// it, and whether the package has its system calls.
func Native() (native specs.Arch, known bool) {
	switch runtime.GOARCH {
	case "amd64":
		return specs.ArchX86_64, true
	case "386":
		return specs.ArchX86, true
	case "arm64":
		return specs.ArchAARCH64, true
	case "arm":
		return specs.ArchARM, true
	}
	return "", false
}

// columnOf returns an architecture's column, -1 if the package has none for it.
func columnOf(a specs.Arch) int {
	for i := range archs {
		if archs[i].oci == a {
			return i
		}
	}
	return -1
}

// related says whether one kernel can run both architectures.
func related(a, b int) bool { return (a <= x86) == (b <= x86) }

// validArch says whether the OCI specification knows an architecture (config-linux.md, "Seccomp").
func validArch(a specs.Arch) bool {
	switch a {
	case specs.ArchX86, specs.ArchX86_64, specs.ArchX32, specs.ArchARM, specs.ArchAARCH64,
		specs.ArchMIPS, specs.ArchMIPS64, specs.ArchMIPS64N32,
		specs.ArchMIPSEL, specs.ArchMIPSEL64, specs.ArchMIPSEL64N32,
		specs.ArchPPC, specs.ArchPPC64, specs.ArchPPC64LE, specs.ArchS390, specs.ArchS390X,
		specs.ArchPARISC, specs.ArchPARISC64, specs.ArchRISCV64, specs.ArchLOONGARCH64,
		specs.ArchM68K, specs.ArchSH, specs.ArchSHEB:
		return true
	}
	return false
}

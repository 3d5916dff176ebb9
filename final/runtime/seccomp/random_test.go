package seccomp

import (
	"github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"

	"jocker/final/runtime/seccomp/internal/bpf"
)

// dice makes choices from a string of bytes, so that a fuzzer can play with them. When the bytes are
// used up, every choice is 0.
type dice []byte

func (d *dice) roll(sides int) int {
	n := 0
	for most := 1; most < sides; most <<= 8 {
		if len(*d) == 0 {
			break
		}
		n = n<<8 | int((*d)[0])
		*d = (*d)[1:]
	}
	return n % sides
}

func pick[T any](d *dice, from []T) T { return from[d.roll(len(from))] }

var (
	someActions = []specs.LinuxSeccompAction{
		specs.ActAllow, specs.ActErrno, specs.ActKillProcess, specs.ActTrap, specs.ActLog,
		specs.ActTrace, specs.ActKill, specs.ActKillThread, specs.ActNotify,
	}
	someOps = []specs.LinuxSeccompOperator{
		specs.OpEqualTo, specs.OpNotEqual, specs.OpLessThan, specs.OpLessEqual,
		specs.OpGreaterThan, specs.OpGreaterEqual, specs.OpMaskedEqual,
	}
	someValues = []uint64{
		0, 1, 2, 3, 7, 8, 40, 0xff, 0x100, 0x7fffffff, 0x80000000, 0xffffffff,
		0x100000000, 0x100000001, 0x100000028, 0x2ffffffff, 0x500000003, 0x7fffffffffffffff,
		0xffffffff00000000, 0xffffffffffffffff, 0x7e020000, 0xf0, 5, 6,
	}
	// Calls of all sorts: low and high numbers, multiplexed ones, some that only one architecture
	// has, neighbours.
	someNames = []string{
		"read", "write", "open", "close", "personality", "clone", "socket", "socketcall", "connect",
		"shmat", "ipc", "semop", "getpid", "getppid", "gettid", "ptrace", "openat", "chown32",
		"set_tls", "breakpoint", "arch_prctl", "futex_waitv", "mseal", "uretprobe", "execveat",
		"recvmmsg", "kexec_load", "restart_syscall", "io_setup", "_llseek", "removexattrat", "nonsense",
		"riscv_hwprobe",
	}
	someNatives = []specs.Arch{specs.ArchX86_64, specs.ArchAARCH64, specs.ArchX86, specs.ArchARM}
	someArchs   = []specs.Arch{
		specs.ArchX86_64, specs.ArchX32, specs.ArchX86, specs.ArchAARCH64, specs.ArchARM, specs.ArchS390X,
	}
)

// profile makes a profile.
func (d *dice) profile() *specs.LinuxSeccomp {
	p := &specs.LinuxSeccomp{ListenerPath: "/run/agent"}
	p.DefaultAction = pick(d, someActions[:8])
	p.DefaultErrnoRet = d.errno(p.DefaultAction)
	for n := d.roll(5); n > 0; n-- {
		p.Architectures = append(p.Architectures, pick(d, someArchs))
	}
	// Some profiles have many rules for few calls, with few values.
	names, values := someNames, someValues
	if d.roll(2) == 0 {
		at := d.roll(len(someNames) - 1)
		names = someNames[at : at+2]
		at = d.roll(len(someValues) - 4)
		values = someValues[at : at+5]
	}
	for n := d.roll(14); n > 0; n-- {
		s := specs.LinuxSyscall{Action: pick(d, someActions)}
		s.ErrnoRet = d.errno(s.Action)
		for n := 1 + d.roll(4); n > 0; n-- {
			if d.roll(4) == 0 {
				s.Names = append(s.Names, table[d.roll(len(table))].name)
			} else {
				s.Names = append(s.Names, pick(d, names))
			}
		}
		for n := d.roll(5) - 1; n > 0; n-- {
			s.Args = append(s.Args, specs.LinuxSeccompArg{
				Index: uint(d.roll(3)), Op: pick(d, someOps), Value: pick(d, values), ValueTwo: pick(d, values),
			})
		}
		p.Syscalls = append(p.Syscalls, s)
	}
	return p
}

func (d *dice) errno(action specs.LinuxSeccompAction) *uint {
	if action != specs.ActErrno && action != specs.ActTrace || d.roll(2) == 0 {
		return nil
	}
	n := pick(d, []uint{0, 1, 2, 38, 4093, 4094})
	return &n
}

// call makes a system call that a profile is likely to care about.
func (d *dice) call(p *specs.LinuxSeccomp) bpf.Data {
	c := bpf.Data{Arch: pick(d, []uint32{
		unix.AUDIT_ARCH_X86_64, unix.AUDIT_ARCH_X86_64, unix.AUDIT_ARCH_I386,
		unix.AUDIT_ARCH_AARCH64, unix.AUDIT_ARCH_ARM, unix.AUDIT_ARCH_S390X,
	})}
	switch row := &table[d.roll(len(table))]; d.roll(8) {
	case 0:
		c.Nr = int32(uint32(d.roll(1<<16))<<16 | uint32(d.roll(1<<16)))
	case 1:
		c.Nr = pick(d, []int32{-1, -2, 0, x32Bit, x32Bit - 1, x32Bit + 600, -1 << 31, -1 << 30, 511, 639, 640, armPrivate, armPrivate + 5, armPrivate + 16})
	case 2:
		c.Nr = row.nr[d.roll(columns)]
	default:
		if len(p.Syscalls) > 0 {
			s := pick(d, p.Syscalls)
			if named := lookup(pick(d, s.Names)); named != nil {
				row = named
			}
		}
		c.Nr = row.nr[d.roll(columns)] + int32(pick(d, []int{0, 0, 0, 0, 1, -1}))
	}
	if d.roll(4) == 0 {
		c.Nr |= x32Bit
	}
	for i := range c.Args {
		switch d.roll(4) {
		case 0:
			c.Args[i] = pick(d, someValues)
		case 1:
			c.Args[i] = pick(d, someValues) + 1
		case 2:
			c.Args[i] = pick(d, someValues) - 1
		case 3:
			c.Args[i] = pick(d, someValues)<<32 | uint64(uint32(pick(d, someValues)))
		}
	}
	return c
}

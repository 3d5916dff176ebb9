package seccomp

import (
	"fmt"
	"testing"

	"github.com/opencontainers/runtime-spec/specs-go"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"jocker/final/runtime/seccomp/internal/bpf"
)

// allCaps are the capabilities that the default profile knows.
var allCaps = []string{
	"CAP_DAC_READ_SEARCH", "CAP_SYS_ADMIN", "CAP_SYS_BOOT", "CAP_SYS_CHROOT", "CAP_SYS_MODULE", "CAP_SYS_PACCT",
	"CAP_SYS_PTRACE", "CAP_SYS_RAWIO", "CAP_SYS_TIME", "CAP_SYS_TTY_CONFIG", "CAP_SYS_NICE", "CAP_SYSLOG", "CAP_BPF",
	"CAP_PERFMON",
}

// The program for the default profile is right for every call, with arguments that matter.
func TestDefaultMeaning(t *testing.T) {
	values := []uint64{0, 8, 0x11, 37, 38, 39, 40, 41, 0x20000, 0x20008, 0xffffffff, 0x10000000, 1<<32 + 40, 1<<64 - 1}
	for _, native := range []specs.Arch{specs.ArchX86_64, specs.ArchAARCH64} {
		for _, caps := range [][]string{nil, allCaps} {
			p := DefaultFor(native, caps)
			filter, err := CompileFor(native, p)
			require.NoError(t, err)
			require.NoError(t, bpf.Check(filter.Program))
			require.Empty(t, filter.Unknown)
			r := reference{native, p}
			for column := range archs {
				a := &archs[column]
				for _, from := range []uint32{0, armPrivate} {
					for nr := from; nr < from+slotCount; nr++ {
						d := bpf.Data{Arch: a.audit, Nr: int32(nr | a.base)}
						tries := values
						if Name(d.Arch, d.Nr) == "" {
							tries = values[:1]
						}
						// The reference is slow: only the few calls with conditions get all values.
						if _, rules := r.rules(column, nr); len(rules) == 0 || len(rules[0].args) == 0 {
							tries = tries[:1]
						}
						for _, v := range tries {
							d.Args[0] = v
							got, _ := bpf.Run(filter.Program, d)
							if want := r.verdict(d); got != want {
								t.Fatalf("%s(%#x) %d of %s: program says %s, profile means %s", Name(d.Arch, d.Nr), v, nr, a.name, bpf.Answer(got), bpf.Answer(want))
							}
						}
					}
				}
			}
		}
	}
}

func TestDefaultVerdicts(t *testing.T) {
	m := build(t, specs.ArchX86_64, DefaultFor(specs.ArchX86_64, nil))
	for _, name := range []string{"read", "execve", "openat2", "ptrace", "arch_prctl", "modify_ldt", "removexattrat", "futex_waitv"} {
		require.Equal(t, "allow", m.ask(x86_64, name), name)
	}
	for _, name := range []string{"mount", "unshare", "setns", "bpf", "keyctl", "io_uring_setup", "userfaultfd", "reboot", "chroot", "swapon", "init_module", "clock_settime", "perf_event_open", "pivot_root"} {
		require.Equal(t, "errno 1", m.ask(x86_64, name), name)
	}
	for _, name := range []string{"clone3", "open_tree_attr", "file_getattr"} {
		require.Equal(t, "errno 38", m.ask(x86_64, name), name)
	}
	require.Equal(t, "allow", m.ask(x86_64, "clone", uint64(unix.SIGCHLD)))
	require.Equal(t, "errno 1", m.ask(x86_64, "clone", unix.CLONE_NEWUSER|uint64(unix.SIGCHLD)))
	require.Equal(t, "allow", m.ask(x86_64, "personality", 0xffffffff))
	require.Equal(t, "errno 1", m.ask(x86_64, "personality", 0x40000), "ADDR_NO_RANDOMIZE")
	for family, want := range map[uint64]string{unix.AF_UNIX: "allow", unix.AF_INET6: "allow", unix.AF_ALG: "errno 1", 39: "allow", unix.AF_VSOCK: "errno 1", 41: "allow"} {
		require.Equal(t, want, m.ask(x86_64, "socket", family), family)
	}
	for capability, name := range map[string]string{"CAP_SYS_ADMIN": "mount", "CAP_SYS_CHROOT": "chroot", "CAP_BPF": "bpf", "CAP_SYSLOG": "syslog"} {
		m := build(t, specs.ArchX86_64, DefaultFor(specs.ArchX86_64, []string{capability}))
		require.Equal(t, "allow", m.ask(x86_64, name))
	}
	m = build(t, specs.ArchX86_64, DefaultFor(specs.ArchX86_64, []string{"CAP_SYS_ADMIN"}))
	require.Equal(t, "allow", m.ask(x86_64, "clone3"))
	require.Equal(t, "allow", m.ask(x86_64, "clone", unix.CLONE_NEWUSER))
}

// cost runs the default profile's program for one call, and counts the instructions.
func cost(program []unix.SockFilter, name string, arg uint64) int {
	d := bpf.Data{Arch: unix.AUDIT_ARCH_X86_64, Nr: lookup(name).nr[x86_64], Args: [6]uint64{arg}}
	_, steps := bpf.Run(program, d)
	return steps
}

// average is the cost of a call, over all calls of x86_64.
func average(program []unix.SockFilter) float64 {
	sum, calls := 0, 0
	for _, row := range table {
		if row.nr[x86_64] >= 0 {
			sum += cost(program, row.name, 0)
			calls++
		}
	}
	return float64(sum) / float64(calls)
}

// A list of comparisons would take 190 instructions for the average call, and 370 for a refused one.
func TestDefaultCost(t *testing.T) {
	filter, err := CompileFor(specs.ArchX86_64, DefaultFor(specs.ArchX86_64, nil))
	require.NoError(t, err)
	require.LessOrEqual(t, len(filter.Program), 320)
	require.LessOrEqual(t, average(filter.Program), 11.0)
	for _, c := range []struct {
		name string
		arg  uint64
		most int
	}{
		{"read", 0, 9}, {"write", 0, 9}, {"openat", 0, 11}, {"futex", 0, 11},
		{"clone", uint64(unix.SIGCHLD), 11}, {"personality", 0xffffffff, 14}, {"personality", 5, 14},
		{"socket", unix.AF_INET, 11}, {"socket", unix.AF_VSOCK, 14}, {"mount", 0, 12},
	} {
		require.LessOrEqual(t, cost(filter.Program, c.name, c.arg), c.most, "%s(%#x)", c.name, c.arg)
	}
}

func ExampleDefault() {
	p := DefaultFor(specs.ArchX86_64, []string{"CAP_CHOWN", "CAP_SYS_CHROOT"})
	fmt.Println(p.DefaultAction, p.Architectures, len(p.Syscalls[0].Names))
	// Output: SCMP_ACT_ERRNO [SCMP_ARCH_X86_64 SCMP_ARCH_X86 SCMP_ARCH_X32] 364
}

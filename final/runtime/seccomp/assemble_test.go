package seccomp

import (
	"fmt"
	"testing"

	"github.com/opencontainers/runtime-spec/specs-go"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"jocker/final/runtime/seccomp/internal/bpf"
)

// The program of the package comment, as it is made: calls that are newer than write do not exist
// (errno 38 is ENOSYS), and numbers of x32 kill, but not the -1 with which a tracer skips a call.
func ExampleCompileFor() {
	filter, err := CompileFor(specs.ArchX86_64, &specs.LinuxSeccomp{
		DefaultAction: specs.ActErrno,
		Syscalls:      []specs.LinuxSyscall{{Names: []string{"read", "write"}, Action: specs.ActAllow}},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Print(bpf.List(filter.Program))
	// Output:
	// 0    A = architecture
	// 1    A == 0xc000003e ? 2 : 10
	// 2    A = number
	// 3    A >= 0x2 ? 5 : 4
	// 4    return allow
	// 5    A >= 0xc0000000 ? 6 : 8
	// 6    A == 0xffffffff ? 7 : 10
	// 7    return errno 1
	// 8    A >= 0x80000000 ? 11 : 9
	// 9    A >= 0x40000000 ? 10 : 11
	// 10   return kill thread
	// 11   return errno 38
}

// Conditions on arguments: a whole number of 64 bits, and one bit.
func ExampleCompileFor_arguments() {
	filter, err := CompileFor(specs.ArchX86_64, allowing(
		fails("socket", 97, arg(0, specs.OpEqualTo, unix.AF_VSOCK)),
		fails("clone", 1, arg(0, specs.OpMaskedEqual, unix.CLONE_NEWUSER, unix.CLONE_NEWUSER)),
	))
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Print(bpf.List(filter.Program))
	// Output:
	// 0    A = architecture
	// 1    A == 0xc000003e ? 2 : 17
	// 2    A = number
	// 3    A >= 0x2a ? 10 : 4
	// 4    A == 0x29 ? 5 : 18
	// 5    A = argument 0, low half
	// 6    A == 0x28 ? 7 : 18
	// 7    A = argument 0, high half
	// 8    A == 0x0 ? 9 : 18
	// 9    return errno 97
	// 10   A >= 0x38 ? 11 : 18
	// 11   A >= 0x39 ? 15 : 12
	// 12   A = argument 0, low half
	// 13   A & 0x10000000 ? 14 : 18
	// 14   return errno 1
	// 15   A >= 0xffffffff ? 18 : 16
	// 16   A >= 0x40000000 ? 17 : 18
	// 17   return kill thread
	// 18   return allow
}

// Programs with far jumps: many calls with rules of their own, so that nothing can be shared.
func TestLongJumps(t *testing.T) {
	for _, calls := range []int{30, 100, 150} {
		p := &specs.LinuxSeccomp{DefaultAction: specs.ActErrno, Architectures: []specs.Arch{specs.ArchX86, specs.ArchX32}}
		for i, row := range table {
			if i%(1+len(table)/calls) == 0 {
				p.Syscalls = append(p.Syscalls,
					on(row.name, specs.ActAllow, arg(0, specs.OpEqualTo, uint64(i)), arg(1, specs.OpGreaterThan, uint64(i)*3)),
					fails(row.name, uint(2+i), arg(2, specs.OpEqualTo, uint64(i))))
			}
		}
		filter, err := CompileFor(specs.ArchX86_64, p)
		if err != nil {
			require.ErrorContains(t, err, "instructions, the kernel takes 4096 at most")
			continue
		}
		require.NoError(t, bpf.Check(filter.Program))
		t.Log(calls, "calls,", len(filter.Program), "instructions")
		r := reference{specs.ArchX86_64, p}
		for i, row := range table {
			for column := x86_64; column <= x86; column++ {
				for _, args := range [][6]uint64{{}, {uint64(i), 1 << 40}, {uint64(i), 0, uint64(i)}, {1 << 33}} {
					d := bpf.Data{Arch: archs[column].audit, Nr: row.nr[column] | int32(archs[column].base), Args: args}
					got, _ := bpf.Run(filter.Program, d)
					if want := r.verdict(d); got != want {
						t.Fatalf("%s of %s: %s, want %s", row.name, archs[column].name, bpf.Answer(got), bpf.Answer(want))
					}
				}
			}
		}
	}
}

// Rules that multiply when they are combined are asked one by one.
func TestManyArguments(t *testing.T) {
	p := allowing()
	for i := uint64(0); i < 40; i++ {
		p.Syscalls = append(p.Syscalls, fails("ioctl", uint(i+1),
			arg(0, specs.OpGreaterThan, i*10), arg(1, specs.OpNotEqual, i), arg(2, specs.OpLessThan, 1000-i), arg(3, specs.OpMaskedEqual, 0xff, i)))
	}
	m := build(t, specs.ArchX86_64, p)
	require.Equal(t, "errno 6", m.ask(x86_64, "ioctl", 51, 0, 0, 5))
	require.Equal(t, "allow", m.ask(x86_64, "ioctl", 50, 0, 0, 5))
	require.Equal(t, "allow", m.ask(x86_64, "ioctl", 51, 5, 0, 5))
	require.Equal(t, "allow", m.ask(x86_64, "ioctl", 51, 0, 995, 5))
	require.Less(t, len(m.program), 1500)
}

// Many values of one argument are searched, not listed.
func TestManyValues(t *testing.T) {
	p := allowing()
	for i := uint64(0); i < 300; i++ {
		p.Syscalls = append(p.Syscalls, fails("ioctl", 5, arg(1, specs.OpEqualTo, 0x5400+3*i)))
	}
	m := build(t, specs.ArchX86_64, p)
	require.Equal(t, "errno 5", m.ask(x86_64, "ioctl", 0, 0x5403))
	require.Equal(t, "allow", m.ask(x86_64, "ioctl", 0, 0x5404))
	_, steps := bpf.Run(m.program, bpf.Data{Arch: unix.AUDIT_ARCH_X86_64, Nr: 16, Args: [6]uint64{0, 0x5400 + 3*150}})
	require.Less(t, steps, 25)
}

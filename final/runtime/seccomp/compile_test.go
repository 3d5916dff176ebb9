package seccomp

import (
	"fmt"
	"testing"

	"github.com/opencontainers/runtime-spec/specs-go"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"jocker/final/runtime/seccomp/internal/bpf"
)

// A profile for x86_64 of which the default is to allow: what the tests build on.
func allowing(syscalls ...specs.LinuxSyscall) *specs.LinuxSeccomp {
	return &specs.LinuxSeccomp{DefaultAction: specs.ActAllow, ListenerPath: "/agent", Syscalls: syscalls}
}

// on is an entry for one call.
func on(name string, action specs.LinuxSeccompAction, args ...specs.LinuxSeccompArg) specs.LinuxSyscall {
	return specs.LinuxSyscall{Names: []string{name}, Action: action, Args: args}
}

// fails is an entry that lets a call fail.
func fails(name string, errno uint, args ...specs.LinuxSeccompArg) specs.LinuxSyscall {
	return specs.LinuxSyscall{Names: []string{name}, Action: specs.ActErrno, ErrnoRet: &errno, Args: args}
}

func arg(index uint, op specs.LinuxSeccompOperator, value ...uint64) specs.LinuxSeccompArg {
	a := specs.LinuxSeccompArg{Index: index, Op: op, Value: value[0]}
	if len(value) > 1 {
		a.ValueTwo = value[1]
	}
	return a
}

// A machine asks the program for a profile.
type machine struct {
	t       *testing.T
	program []unix.SockFilter
}

func build(t *testing.T, native specs.Arch, p *specs.LinuxSeccomp) machine {
	t.Helper()
	filter, err := CompileFor(native, p)
	require.NoError(t, err)
	require.NoError(t, bpf.Check(filter.Program))
	return machine{t, filter.Program}
}

// ask returns the answer for a call by name.
func (m machine) ask(column int, name string, args ...uint64) string {
	m.t.Helper()
	row := lookup(name)
	require.NotNil(m.t, row, name)
	return m.number(archs[column].audit, uint32(row.nr[column])|archs[column].base, args...)
}

// number returns the answer for a call by number.
func (m machine) number(arch, nr uint32, args ...uint64) string {
	d := bpf.Data{Arch: arch, Nr: int32(nr)}
	copy(d.Args[:], args)
	answer, _ := bpf.Run(m.program, d)
	return bpf.Answer(answer)
}

func TestOperators(t *testing.T) {
	const big = 0x500000003
	tests := []struct {
		arg         specs.LinuxSeccompArg
		match, miss []uint64
	}{
		{arg(0, specs.OpEqualTo, 40), []uint64{40}, []uint64{0, 39, 41, 1<<32 + 40}},
		{arg(0, specs.OpEqualTo, big), []uint64{big}, []uint64{3, 5, big - 1, big + 1<<32}},
		{arg(0, specs.OpNotEqual, 40), []uint64{0, 39, 41, 1<<32 + 40}, []uint64{40}},
		{arg(0, specs.OpNotEqual, big), []uint64{3, 0x600000003, 0x500000004}, []uint64{big}},
		{arg(0, specs.OpLessThan, 40), []uint64{0, 39}, []uint64{40, 41, 1 << 32, 1<<64 - 1}},
		{arg(0, specs.OpLessThan, big), []uint64{0, big - 1, 0x4ffffffff}, []uint64{big, big + 1, 0x600000000}},
		{arg(0, specs.OpLessThan, 0), nil, []uint64{0, 1, 1<<64 - 1}},
		{arg(0, specs.OpLessEqual, 40), []uint64{0, 40}, []uint64{41, 1 << 32, 1<<32 + 40}},
		{arg(0, specs.OpLessEqual, big), []uint64{big, 0x4ffffffff}, []uint64{big + 1, 0x600000000}},
		{arg(0, specs.OpLessEqual, 1<<32-1), []uint64{0, 1<<32 - 1}, []uint64{1 << 32}},
		{arg(0, specs.OpLessEqual, 1<<64-1), []uint64{0, 1<<64 - 1}, nil},
		{arg(0, specs.OpGreaterThan, 40), []uint64{41, 1 << 32, 1<<64 - 1}, []uint64{0, 40}},
		{arg(0, specs.OpGreaterThan, big), []uint64{big + 1, 0x600000000}, []uint64{big, 0x4ffffffff}},
		{arg(0, specs.OpGreaterThan, 1<<32-1), []uint64{1 << 32}, []uint64{1<<32 - 1}},
		{arg(0, specs.OpGreaterThan, 1<<64-1), nil, []uint64{0, 1<<64 - 1}},
		{arg(0, specs.OpGreaterEqual, 40), []uint64{40, 41, 1 << 32}, []uint64{0, 39}},
		{arg(0, specs.OpGreaterEqual, big), []uint64{big, 0x600000000}, []uint64{big - 1, 0x4ffffffff}},
		{arg(0, specs.OpGreaterEqual, 0), []uint64{0, 1<<64 - 1}, nil},
		{arg(0, specs.OpMaskedEqual, 0xf0, 0x50), []uint64{0x50, 0x5f, 0xff50, 1<<40 + 0x50}, []uint64{0, 0x40, 0xf0}},
		{arg(0, specs.OpMaskedEqual, 0x7e020000, 0), []uint64{0, 0x11, 1 << 32}, []uint64{0x20000, 0x10000000}},
		{arg(0, specs.OpMaskedEqual, 8, 8), []uint64{8, 0xf}, []uint64{0, 7}},
		{arg(0, specs.OpMaskedEqual, 1<<40, 1<<40), []uint64{1 << 40, 3 << 40}, []uint64{0, 1 << 41}},
		{arg(0, specs.OpMaskedEqual, 0xf0, 0x5f), []uint64{0x50, 0x5f}, []uint64{0x4f}}, // bits outside the mask do not count
		{arg(0, specs.OpMaskedEqual, 0, 7), []uint64{0, 7, 8}, nil},
		{arg(5, specs.OpEqualTo, 1), nil, []uint64{1}},
	}
	for _, test := range tests {
		t.Run(fmt.Sprintf("%s %#x %#x", test.arg.Op, test.arg.Value, test.arg.ValueTwo), func(t *testing.T) {
			m := build(t, specs.ArchX86_64, allowing(fails("getpid", 7, test.arg)))
			for _, v := range test.match {
				require.Equal(t, "errno 7", m.ask(x86_64, "getpid", v), "%#x", v)
			}
			for _, v := range test.miss {
				require.Equal(t, "allow", m.ask(x86_64, "getpid", v), "%#x", v)
			}
		})
	}
}

// On 32-bit architectures, values and arguments count as far as 32 bits go.
func TestNarrowArguments(t *testing.T) {
	p := allowing(fails("getpid", 7, arg(0, specs.OpGreaterEqual, 1<<32+5)))
	p.Architectures = []specs.Arch{specs.ArchX86, specs.ArchX32}
	m := build(t, specs.ArchX86_64, p)
	for _, column := range []int{x86, x32} {
		require.Equal(t, "errno 7", m.ask(column, "getpid", 5))
		require.Equal(t, "errno 7", m.ask(column, "getpid", 1<<32+6))
		require.Equal(t, "allow", m.ask(column, "getpid", 1<<32+4))
	}
	require.Equal(t, "allow", m.ask(x86_64, "getpid", 1<<32+4))
}

func TestSeveralConditions(t *testing.T) {
	m := build(t, specs.ArchX86_64, allowing(
		fails("getpid", 2, arg(3, specs.OpEqualTo, 3), arg(0, specs.OpEqualTo, 1)),
		// Two conditions on argument 1 make three rules of this entry.
		fails("gettid", 2, arg(1, specs.OpEqualTo, 3), arg(1, specs.OpEqualTo, 4), arg(0, specs.OpEqualTo, 9)),
		fails("getuid", 2, arg(0, specs.OpEqualTo, 3)),
		fails("getuid", 2, arg(0, specs.OpGreaterThan, 9)),
	))
	require.Equal(t, "errno 2", m.ask(x86_64, "getpid", 1, 0, 0, 3))
	require.Equal(t, "allow", m.ask(x86_64, "getpid", 1, 0, 0, 0))
	require.Equal(t, "allow", m.ask(x86_64, "getpid", 0, 0, 0, 3))

	require.Equal(t, "errno 2", m.ask(x86_64, "gettid", 0, 3))
	require.Equal(t, "errno 2", m.ask(x86_64, "gettid", 0, 4))
	require.Equal(t, "errno 2", m.ask(x86_64, "gettid", 9, 0))
	require.Equal(t, "allow", m.ask(x86_64, "gettid", 8, 5))

	require.Equal(t, "errno 2", m.ask(x86_64, "getuid", 3))
	require.Equal(t, "errno 2", m.ask(x86_64, "getuid", 10))
	require.Equal(t, "allow", m.ask(x86_64, "getuid", 9))
}

func TestPrecedence(t *testing.T) {
	eq := func(v uint64) specs.LinuxSeccompArg { return arg(0, specs.OpEqualTo, v) }
	tests := []struct {
		name  string
		rules []specs.LinuxSyscall
		args  []uint64
		want  string
	}{
		{"the first rule without conditions wins",
			[]specs.LinuxSyscall{fails("getpid", 1), fails("getpid", 2)}, nil, "errno 1"},
		{"also over an earlier one with conditions",
			[]specs.LinuxSyscall{fails("getpid", 1, eq(5)), fails("getpid", 2)}, []uint64{5}, "errno 2"},
		{"and over a later one",
			[]specs.LinuxSyscall{fails("getpid", 2), fails("getpid", 1, eq(5))}, []uint64{5}, "errno 2"},
		{"a rule that repeats the default is none",
			[]specs.LinuxSyscall{on("getpid", specs.ActAllow), fails("getpid", 1, eq(5))}, []uint64{5}, "errno 1"},
		{"a higher argument goes first",
			[]specs.LinuxSyscall{fails("getpid", 1, eq(5)), fails("getpid", 2, arg(1, specs.OpEqualTo, 6))}, []uint64{5, 6}, "errno 2"},
		{"but a rule counts by its lowest argument",
			[]specs.LinuxSyscall{fails("getpid", 1, eq(5), arg(2, specs.OpEqualTo, 7)), fails("getpid", 2, arg(1, specs.OpEqualTo, 6))}, []uint64{5, 6, 7}, "errno 2"},
		{"equal goes before less",
			[]specs.LinuxSyscall{fails("getpid", 1, arg(0, specs.OpLessThan, 9)), fails("getpid", 2, eq(5))}, []uint64{5}, "errno 2"},
		{"less goes before greater",
			[]specs.LinuxSyscall{fails("getpid", 1, arg(0, specs.OpGreaterThan, 2)), fails("getpid", 2, arg(0, specs.OpLessThan, 9))}, []uint64{5}, "errno 2"},
		{"of two lesses the smaller value",
			[]specs.LinuxSyscall{fails("getpid", 1, arg(0, specs.OpLessThan, 9)), fails("getpid", 2, arg(0, specs.OpLessThan, 7))}, []uint64{5}, "errno 2"},
		{"of two greaters the larger value",
			[]specs.LinuxSyscall{fails("getpid", 1, arg(0, specs.OpGreaterThan, 2)), fails("getpid", 2, arg(0, specs.OpGreaterThan, 3))}, []uint64{5}, "errno 2"},
		{"of two masks the first",
			[]specs.LinuxSyscall{fails("getpid", 1, arg(0, specs.OpMaskedEqual, 4, 4)), fails("getpid", 2, arg(0, specs.OpMaskedEqual, 6, 4))}, []uint64{5}, "errno 1"},
		{"a wider rule that came first",
			[]specs.LinuxSyscall{fails("getpid", 1, eq(5)), fails("getpid", 2, eq(5), arg(1, specs.OpEqualTo, 6))}, []uint64{5, 6}, "errno 1"},
		{"a mask of nothing is no condition",
			[]specs.LinuxSyscall{fails("getpid", 1, eq(5)), fails("getpid", 2, arg(0, specs.OpMaskedEqual, 0, 0))}, []uint64{5}, "errno 2"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			m := build(t, specs.ArchX86_64, allowing(test.rules...))
			require.Equal(t, test.want, m.ask(x86_64, "getpid", test.args...))
		})
	}
}

func TestActions(t *testing.T) {
	for action, want := range map[specs.LinuxSeccompAction]string{
		specs.ActKill: "kill thread", specs.ActKillThread: "kill thread", specs.ActKillProcess: "kill process",
		specs.ActTrap: "trap", specs.ActErrno: "errno 1", specs.ActTrace: "trace 1",
		specs.ActLog: "log", specs.ActNotify: "notify",
	} {
		m := build(t, specs.ArchX86_64, allowing(on("getpid", action)))
		require.Equal(t, want, m.ask(x86_64, "getpid"))
		if action != specs.ActNotify {
			m = build(t, specs.ArchX86_64, &specs.LinuxSeccomp{DefaultAction: action, Syscalls: []specs.LinuxSyscall{on("mseal", specs.ActAllow)}})
			require.Equal(t, want, m.ask(x86_64, "getpid"))
			require.Equal(t, "allow", m.ask(x86_64, "mseal"))
		}
	}
	for _, errno := range []uint{0, 38, 4095} {
		m := build(t, specs.ArchX86_64, allowing(fails("getpid", errno)))
		require.Equal(t, fmt.Sprint("errno ", errno), m.ask(x86_64, "getpid"))
	}
	most := uint(65535)
	trace := on("getpid", specs.ActTrace)
	trace.ErrnoRet = &most
	require.Equal(t, "trace 65535", build(t, specs.ArchX86_64, allowing(trace)).ask(x86_64, "getpid"))
}

// Compile works for the machine that the tests run on.
func TestNative(t *testing.T) {
	native, known := Native()
	if !known {
		t.Skip("no system call table for this architecture")
	}
	filter, err := Compile(Default(nil))
	require.NoError(t, err)
	same, err := CompileFor(native, DefaultFor(native, nil))
	require.NoError(t, err)
	require.Equal(t, same, filter)
}

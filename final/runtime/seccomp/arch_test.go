package seccomp

import (
	"testing"

	"github.com/opencontainers/runtime-spec/specs-go"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

// denying is a profile that lets only some calls through, on some architectures.
func denying(names []string, archs ...specs.Arch) *specs.LinuxSeccomp {
	return &specs.LinuxSeccomp{
		DefaultAction: specs.ActErrno, Architectures: archs,
		Syscalls: []specs.LinuxSyscall{{Names: names, Action: specs.ActAllow}},
	}
}

// A call that is newer than all that the profile names does not exist.
func TestNewerCalls(t *testing.T) {
	m := build(t, specs.ArchX86_64, denying([]string{"read", "openat2", "chown32", "set_tls"}, specs.ArchX86, specs.ArchX32))
	require.Equal(t, "allow", m.ask(x86_64, "read"))
	require.Equal(t, "allow", m.ask(x86_64, "openat2"))
	require.Equal(t, "errno 1", m.ask(x86_64, "write"))
	require.Equal(t, "errno 1", m.ask(x86_64, "clone3"), "435 is below 437")
	require.Equal(t, "errno 38", m.ask(x86_64, "pidfd_getfd"), "438 is above")
	require.Equal(t, "errno 38", m.number(unix.AUDIT_ARCH_X86_64, 9999))
	require.Equal(t, "errno 38", m.number(unix.AUDIT_ARCH_X86_64, 1<<31))
	require.Equal(t, "errno 38", m.number(unix.AUDIT_ARCH_X86_64, 1<<32-1))
	require.Equal(t, "allow", m.ask(x32, "openat2"))
	require.Equal(t, "errno 38", m.ask(x32, "rt_sigaction"), "x32 has its own calls from 512 on")
	require.Equal(t, "allow", m.ask(x86, "chown32"))
	require.Equal(t, "errno 38", m.number(unix.AUDIT_ARCH_I386, 438))

	// The rule may do anything, also repeat the default.
	p := denying([]string{"read"})
	p.Syscalls = append(p.Syscalls, on("mseal", specs.ActErrno))
	m = build(t, specs.ArchX86_64, p)
	require.Equal(t, "errno 1", m.ask(x86_64, "mseal"))
	require.Equal(t, "errno 38", m.number(unix.AUDIT_ARCH_X86_64, 463))

	// What lets calls through lets new calls through; what kills does not kill for them.
	for action, want := range map[specs.LinuxSeccompAction]string{
		specs.ActAllow: "allow", specs.ActLog: "log", specs.ActTrace: "trace 1",
		specs.ActKill: "errno 38", specs.ActKillProcess: "errno 38", specs.ActTrap: "errno 38",
	} {
		p := denying([]string{"read"})
		p.DefaultAction = action
		require.Equal(t, want, build(t, specs.ArchX86_64, p).ask(x86_64, "write"), action)
	}

	// Nothing is newer than nothing.
	m = build(t, specs.ArchX86_64, denying([]string{"set_tls"}))
	require.Equal(t, "errno 1", m.number(unix.AUDIT_ARCH_X86_64, 9999))

	// The private calls of arm, far above, do not hide the newer ones.
	m = build(t, specs.ArchAARCH64, denying([]string{"read", "set_tls"}, specs.ArchARM))
	require.Equal(t, "allow", m.ask(arm, "set_tls"))
	require.Equal(t, "errno 1", m.ask(arm, "breakpoint"))
	require.Equal(t, "errno 38", m.ask(arm, "write"))
	require.Equal(t, "errno 38", m.number(unix.AUDIT_ARCH_ARM, armPrivate+16))
}

func TestForeignArchitecture(t *testing.T) {
	m := build(t, specs.ArchX86_64, denying([]string{"read"}))
	require.Equal(t, "allow", m.ask(x86_64, "read"))
	require.Equal(t, "kill thread", m.ask(x86, "read"))
	require.Equal(t, "kill thread", m.ask(aarch64, "read"))
	require.Equal(t, "kill thread", m.number(0, 0))

	// Architectures of other machines are accepted and have no effect.
	m = build(t, specs.ArchX86_64, denying([]string{"read"}, specs.ArchAARCH64, specs.ArchS390X, specs.ArchX86_64, specs.ArchX86_64))
	require.Equal(t, "allow", m.ask(x86_64, "read"))
	require.Equal(t, "kill thread", m.ask(aarch64, "read"))

	m = build(t, specs.ArchAARCH64, denying([]string{"read"}, specs.ArchARM))
	require.Equal(t, "allow", m.ask(aarch64, "read"))
	require.Equal(t, "allow", m.ask(arm, "read"))
	require.Equal(t, "kill thread", m.ask(x86_64, "read"))

	m = build(t, specs.ArchX86, denying([]string{"read"}, specs.ArchX86_64))
	require.Equal(t, "allow", m.ask(x86, "read"))
	require.Equal(t, "allow", m.ask(x86_64, "read"))
}

// x32 shares its AUDIT_ARCH value with x86_64.
func TestX32(t *testing.T) {
	both := build(t, specs.ArchX86_64, denying([]string{"read", "mseal"}, specs.ArchX86_64, specs.ArchX32))
	require.Equal(t, "allow", both.ask(x32, "read"))
	require.Equal(t, "errno 1", both.ask(x32, "write"))

	one := build(t, specs.ArchX86_64, denying([]string{"read", "mseal"}))
	require.Equal(t, "kill thread", one.ask(x32, "read"))
	require.Equal(t, "kill thread", one.number(unix.AUDIT_ARCH_X86_64, 1<<31-1))
	require.Equal(t, "errno 38", one.number(unix.AUDIT_ARCH_X86_64, 1<<31))
	require.Equal(t, "kill thread", one.number(unix.AUDIT_ARCH_X86_64, 1<<32-2))
	require.Equal(t, "errno 1", one.number(unix.AUDIT_ARCH_X86_64, 1<<32-1), "a tracer skips calls with -1")
}

func TestMultiplexed(t *testing.T) {
	p := denying([]string{"connect", "shmat", "mseal"}, specs.ArchX86)
	p.Syscalls = append(p.Syscalls, on("socket", specs.ActAllow, arg(0, specs.OpNotEqual, unix.AF_VSOCK), arg(1, specs.OpEqualTo, 1)))
	m := build(t, specs.ArchX86_64, p)
	require.Equal(t, "allow", m.ask(x86, "connect"))
	require.Equal(t, "allow", m.ask(x86, "socketcall", 3))
	require.Equal(t, "errno 1", m.ask(x86, "socketcall", 2))
	require.Equal(t, "allow", m.ask(x86, "ipc", 21))
	require.Equal(t, "errno 1", m.ask(x86, "ipc", 22))
	require.Equal(t, "errno 1", m.ask(x86, "socket", unix.AF_VSOCK, 1))
	require.Equal(t, "allow", m.ask(x86, "socket", unix.AF_INET, 1))
	require.Equal(t, "allow", m.ask(x86, "socketcall", 1, 1), "the family is out of sight")
	require.Equal(t, "errno 1", m.ask(x86, "socketcall", 1, 2))

	// Rules that only contradict each other there: the wider wins, or else the first.
	p = denying([]string{"mseal"}, specs.ArchX86)
	p.Syscalls = append(p.Syscalls,
		fails("socket", 97, arg(0, specs.OpEqualTo, 1), arg(1, specs.OpEqualTo, 2)), on("socket", specs.ActAllow),
		fails("bind", 97, arg(0, specs.OpEqualTo, 1)), on("bind", specs.ActAllow, arg(0, specs.OpEqualTo, 2)))
	m = build(t, specs.ArchX86_64, p)
	require.Equal(t, "allow", m.ask(x86, "socketcall", 1, 2))
	require.Equal(t, "errno 97", m.ask(x86, "socketcall", 2))
}

func TestUnknownNames(t *testing.T) {
	filter, err := CompileFor(specs.ArchX86_64, denying([]string{"raed", "chown32", "set_tls", "s390_sthyi", "riscv_hwprobe", "write", "Write"}))
	require.NoError(t, err)
	require.Equal(t, []string{"raed", "Write"}, filter.Unknown)
}

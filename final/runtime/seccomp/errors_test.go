package seccomp

import (
	"fmt"
	"testing"

	"github.com/opencontainers/runtime-spec/specs-go"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

// What is wrong with a profile is said in one sentence that begins with the field.
func TestBadProfiles(t *testing.T) {
	five := uint(5)
	four := uint(4096)
	huge := uint(65536)
	with := func(change func(p *specs.LinuxSeccomp)) *specs.LinuxSeccomp {
		p := denying([]string{"read"})
		p.Syscalls = append(p.Syscalls, on("write", specs.ActAllow))
		change(p)
		return p
	}
	tests := []struct {
		want   string
		change func(p *specs.LinuxSeccomp)
	}{
		{`linux.seccomp.defaultAction: "" is not an action of the OCI specification`,
			func(p *specs.LinuxSeccomp) { p.DefaultAction = "" }},
		{`linux.seccomp.defaultAction: "allow" is not an action of the OCI specification`,
			func(p *specs.LinuxSeccomp) { p.DefaultAction = "allow" }},
		{`linux.seccomp.defaultAction: SCMP_ACT_NOTIFY cannot be the default, for the process would have to ask before it can hand over whom to ask`,
			func(p *specs.LinuxSeccomp) { p.DefaultAction = specs.ActNotify }},
		{`linux.seccomp.defaultErrnoRet: SCMP_ACT_KILL does not return an errno`,
			func(p *specs.LinuxSeccomp) { p.DefaultAction, p.DefaultErrnoRet = specs.ActKill, &five }},
		{`linux.seccomp.defaultErrnoRet: 4096 is too large, with SCMP_ACT_ERRNO it may be 4095 at most`,
			func(p *specs.LinuxSeccomp) { p.DefaultErrnoRet = &four }},
		{`linux.seccomp.architectures[1]: "SCMP_ARCH_Z80" is not an architecture of the OCI specification`,
			func(p *specs.LinuxSeccomp) { p.Architectures = []specs.Arch{specs.ArchX86, "SCMP_ARCH_Z80"} }},
		{`linux.seccomp.flags[1]: "SECCOMP_FILTER_FLAG_FAST" is not a flag of the OCI specification`,
			func(p *specs.LinuxSeccomp) {
				p.Flags = []specs.LinuxSeccompFlag{specs.LinuxSeccompFlagLog, "SECCOMP_FILTER_FLAG_FAST"}
			}},
		{`linux.seccomp.flags[0]: SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV needs a rule with SCMP_ACT_NOTIFY`,
			func(p *specs.LinuxSeccomp) {
				p.Flags = []specs.LinuxSeccompFlag{specs.LinuxSeccompFlagWaitKillableRecv}
			}},
		{`linux.seccomp.listenerPath: is empty, but a rule has SCMP_ACT_NOTIFY and somebody must answer`,
			func(p *specs.LinuxSeccomp) { p.Syscalls[1].Action = specs.ActNotify }},
		{`linux.seccomp.listenerMetadata: is set without a listenerPath to send it to`,
			func(p *specs.LinuxSeccomp) { p.ListenerMetadata = "x" }},
		{`linux.seccomp.syscalls[1].names: has no name`,
			func(p *specs.LinuxSeccomp) { p.Syscalls[1].Names = nil }},
		{`linux.seccomp.syscalls[1].names[1]: is empty`,
			func(p *specs.LinuxSeccomp) { p.Syscalls[1].Names = []string{"read", ""} }},
		{`linux.seccomp.syscalls[1].action: "SCMP_ACT_DENY" is not an action of the OCI specification`,
			func(p *specs.LinuxSeccomp) { p.Syscalls[1].Action = "SCMP_ACT_DENY" }},
		{`linux.seccomp.syscalls[1].errnoRet: SCMP_ACT_ALLOW does not return an errno`,
			func(p *specs.LinuxSeccomp) { p.Syscalls[1].ErrnoRet = &five }},
		{`linux.seccomp.syscalls[1].errnoRet: 65536 is too large, with SCMP_ACT_TRACE it may be 65535 at most`,
			func(p *specs.LinuxSeccomp) { p.Syscalls[1].Action, p.Syscalls[1].ErrnoRet = specs.ActTrace, &huge }},
		{`linux.seccomp.syscalls[1].args[0].op: "==" is not an operator of the OCI specification`,
			func(p *specs.LinuxSeccomp) { p.Syscalls[1].Args = []specs.LinuxSeccompArg{{Op: "=="}} }},
		{`linux.seccomp.syscalls[1].args[1].index: 6 is out of range, a system call has arguments 0 to 5`,
			func(p *specs.LinuxSeccomp) {
				p.Syscalls[1].Args = []specs.LinuxSeccompArg{arg(0, specs.OpEqualTo, 1), arg(6, specs.OpEqualTo, 1)}
			}},
		{`linux.seccomp.syscalls[2] contradicts linux.seccomp.syscalls[1]: the same system call with the same arguments gets two actions`,
			func(p *specs.LinuxSeccomp) {
				p.Syscalls[1] = on("write", specs.ActAllow, arg(0, specs.OpEqualTo, 1))
				p.Syscalls = append(p.Syscalls, on("write", specs.ActKill, arg(0, specs.OpEqualTo, 1)))
			}},
		{`linux.seccomp.syscalls[2] contradicts linux.seccomp.syscalls[1]: the same system call with the same arguments gets two actions`,
			func(p *specs.LinuxSeccomp) {
				p.Syscalls[1] = on("write", specs.ActAllow, arg(0, specs.OpEqualTo, 1), arg(1, specs.OpEqualTo, 1))
				p.Syscalls = append(p.Syscalls, on("write", specs.ActKill, arg(0, specs.OpEqualTo, 1)))
			}},
	}
	for _, test := range tests {
		_, err := CompileFor(specs.ArchX86_64, with(test.change))
		require.EqualError(t, err, test.want)
	}
	_, err := CompileFor(specs.ArchS390X, denying([]string{"read"}))
	require.EqualError(t, err, `linux.seccomp: cannot compile for "SCMP_ARCH_S390X"`)
}

func TestTooManyRules(t *testing.T) {
	p := denying([]string{"read"})
	for i := uint64(0); i < 2500; i++ {
		p.Syscalls = append(p.Syscalls, on("ioctl", specs.ActAllow, arg(1, specs.OpEqualTo, 7*i), arg(2, specs.OpEqualTo, i)))
	}
	_, err := CompileFor(specs.ArchX86_64, p)
	require.ErrorContains(t, err, "linux.seccomp.syscalls: the filter has ")
	require.ErrorContains(t, err, " instructions, the kernel takes 4096 at most: there are too many rules with arguments")
}

// A profile without end is refused early.
func TestEndlessRules(t *testing.T) {
	p := denying([]string{"read"})
	for i := uint64(0); i <= MaxInstructions; i++ {
		p.Syscalls = append(p.Syscalls, on("ioctl", specs.ActAllow, arg(1, specs.OpEqualTo, i)))
	}
	_, err := CompileFor(specs.ArchX86_64, p)
	require.EqualError(t, err, "linux.seccomp.syscalls[4097]: is one rule too many for the same system call, 4097 do not fit into a program")
}

func TestFlags(t *testing.T) {
	flags := func(notify bool, list ...specs.LinuxSeccompFlag) uint {
		p := denying([]string{"read"})
		p.Flags = list
		if notify {
			p.ListenerPath, p.ListenerMetadata = "/run/agent", "who"
			p.Syscalls = append(p.Syscalls, on("mknod", specs.ActNotify))
		}
		filter, err := CompileFor(specs.ArchX86_64, p)
		require.NoError(t, err)
		if notify {
			require.Equal(t, "/run/agent who", filter.ListenerPath+" "+filter.ListenerMetadata)
		}
		return filter.Flags
	}
	const listener = unix.SECCOMP_FILTER_FLAG_NEW_LISTENER
	require.EqualValues(t, unix.SECCOMP_FILTER_FLAG_SPEC_ALLOW, flags(false), "no list")
	require.EqualValues(t, 0, flags(false, []specs.LinuxSeccompFlag{}...), "an empty list")
	require.EqualValues(t, unix.SECCOMP_FILTER_FLAG_LOG|unix.SECCOMP_FILTER_FLAG_TSYNC, flags(false, specs.LinuxSeccompFlagLog, "SECCOMP_FILTER_FLAG_TSYNC"))
	require.EqualValues(t, unix.SECCOMP_FILTER_FLAG_SPEC_ALLOW|listener, flags(true))
	require.EqualValues(t, unix.SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV|listener, flags(true, specs.LinuxSeccompFlagWaitKillableRecv))
	require.EqualValues(t, unix.SECCOMP_FILTER_FLAG_TSYNC|unix.SECCOMP_FILTER_FLAG_TSYNC_ESRCH|listener, flags(true, "SECCOMP_FILTER_FLAG_TSYNC"))

	// Without a rule that notifies, a listener is of no use.
	p := denying([]string{"read"})
	p.ListenerPath, p.ListenerMetadata = "/run/agent", "who"
	filter, err := CompileFor(specs.ArchX86_64, p)
	require.NoError(t, err)
	require.Empty(t, filter.ListenerPath+filter.ListenerMetadata)
}

func TestLoadErrors(t *testing.T) {
	_, err := Load(nil, 0)
	require.EqualError(t, err, "seccomp: a program has 1 to 4096 instructions, not 0")
	_, err = Load(make([]unix.SockFilter, MaxInstructions+1), 0)
	require.EqualError(t, err, "seccomp: a program has 1 to 4096 instructions, not 4097")

	tests := []struct {
		errno unix.Errno
		flags uint
		want  string
	}{
		{unix.EACCES, 0, "permission denied (EACCES): the process needs no_new_privs or CAP_SYS_ADMIN"},
		{unix.EINVAL, unix.SECCOMP_FILTER_FLAG_LOG, "invalid argument (EINVAL): the kernel does not know one of the flags"},
		{unix.EINVAL, 0, "invalid argument (EINVAL): the kernel has no filters (CONFIG_SECCOMP_FILTER), or takes the program for wrong"},
		{unix.EBUSY, 0, "device or resource busy (EBUSY): another filter of the process has a listener already, and there can be one only"},
		{unix.EFAULT, 0, "bad address (EFAULT)"},
	}
	for _, test := range tests {
		err := loadError("CALL", test.errno, test.flags)
		require.EqualError(t, err, "CALL: "+test.want)
		require.ErrorIs(t, err, test.errno)
	}
	require.Equal(t, ", TSYNC|LOG|NEW_LISTENER", flagNames(11))
	require.Empty(t, flagNames(0))
}

func ExampleCompile_error() {
	_, err := CompileFor(specs.ArchX86_64, &specs.LinuxSeccomp{
		DefaultAction: specs.ActAllow,
		Syscalls: []specs.LinuxSyscall{{
			Names: []string{"personality"}, Action: specs.ActErrno,
			Args: []specs.LinuxSeccompArg{{Index: 0, Op: "SCMP_CMP_EQUALS", Value: 8}},
		}},
	})
	fmt.Println(err)
	// Output: linux.seccomp.syscalls[0].args[0].op: "SCMP_CMP_EQUALS" is not an operator of the OCI specification
}

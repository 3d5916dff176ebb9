package seccomp

import (
	"encoding/binary"
	"sort"
	"testing"

	"github.com/opencontainers/runtime-spec/specs-go"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

func TestTable(t *testing.T) {
	require.True(t, sort.SliceIsSorted(table[:], func(i, j int) bool { return table[i].name < table[j].name }))
	for _, row := range table {
		require.Same(t, lookup(row.name), lookup(row.name))
		for column, nr := range row.nr {
			if nr < 0 {
				continue
			}
			private := column == arm && nr >= armPrivate && nr < armPrivate+slotCount-ordinary
			require.True(t, nr < ordinary || private, "%s %d", row.name, nr)
			name := Name(archs[column].audit, nr|int32(archs[column].base))
			require.Equal(t, nr, lookup(name).nr[column])
		}
	}
	require.Nil(t, lookup(""))
	require.Nil(t, lookup("zzz"))
	require.True(t, elsewhere("s390_sthyi"))
	require.False(t, elsewhere("s390"))
}

// The table agrees with golang.org/x/sys/unix on the machine that the tests run on.
func TestNativeNumbers(t *testing.T) {
	native, known := Native()
	if !known {
		t.Skip("no system call table for this architecture")
	}
	for name, nr := range map[string]int32{
		"read": unix.SYS_READ, "seccomp": unix.SYS_SECCOMP, "clone3": unix.SYS_CLONE3, "openat2": unix.SYS_OPENAT2,
		"ptrace": unix.SYS_PTRACE, "unshare": unix.SYS_UNSHARE, "futex_waitv": unix.SYS_FUTEX_WAITV,
		"cachestat": unix.SYS_CACHESTAT, "fchmodat2": unix.SYS_FCHMODAT2, "futex_requeue": unix.SYS_FUTEX_REQUEUE,
		"statmount": unix.SYS_STATMOUNT, "lsm_list_modules": unix.SYS_LSM_LIST_MODULES, "mseal": unix.SYS_MSEAL,
	} {
		require.Equal(t, nr, lookup(name).nr[columnOf(native)], name)
	}
}

func TestName(t *testing.T) {
	require.Equal(t, "ptrace", Name(unix.AUDIT_ARCH_X86_64, 101))
	require.Equal(t, "getuid", Name(unix.AUDIT_ARCH_I386, 24))
	require.Equal(t, "rt_sigaction", Name(unix.AUDIT_ARCH_X86_64, 512|x32Bit))
	require.Equal(t, "", Name(unix.AUDIT_ARCH_X86_64, 512), "that is x32's")
	require.Equal(t, "set_tls", Name(unix.AUDIT_ARCH_ARM, armPrivate+5))
	require.Equal(t, "unshare", Name(unix.AUDIT_ARCH_AARCH64, 97))
	require.Equal(t, "", Name(unix.AUDIT_ARCH_S390X, 4))
	require.Equal(t, "", Name(unix.AUDIT_ARCH_X86_64, -1))
}

func TestRefused(t *testing.T) {
	for want, r := range map[string]Refused{
		"seccomp refused ptrace (system call 101 of x86_64)":                                {unix.AUDIT_ARCH_X86_64, 101},
		"seccomp refused ptrace (system call 521 of x32)":                                   {unix.AUDIT_ARCH_X86_64, 521 | x32Bit},
		"seccomp refused mount (system call 21 of x86)":                                     {unix.AUDIT_ARCH_I386, 21},
		"seccomp refused system call 9999 of aarch64, which has no known name":              {unix.AUDIT_ARCH_AARCH64, 9999},
		"seccomp refused system call 1 of architecture 0x80000016, which has no known name": {unix.AUDIT_ARCH_S390X, 1},
		"seccomp refused system call -1 of x86_64, which has no known name":                 {unix.AUDIT_ARCH_X86_64, -1},
	} {
		require.Equal(t, want, r.String())
	}
}

func TestFromAudit(t *testing.T) {
	const line = `audit: type=1326 audit(1700000000.123:42): auid=4294967295 uid=0 gid=0 ses=4294967295 ` +
		`subj=unconfined pid=4711 comm="a b=c arch" exe="/bin/x" sig=31 arch=c000003e syscall=101 compat=0 ip=0x7f code=0x80000000`
	r, pid, ok := FromAudit(line)
	require.True(t, ok)
	require.Equal(t, 4711, pid)
	require.Equal(t, Refused{unix.AUDIT_ARCH_X86_64, 101}, r)

	for _, bad := range []string{"", "type=1300 arch=c000003e syscall=101", "type=1326 arch=c000003e", "type=1326 arch=zz syscall=1"} {
		_, _, ok := FromAudit(bad)
		require.False(t, ok, bad)
	}
}

func TestFromSiginfo(t *testing.T) {
	if native, _ := Native(); native != specs.ArchX86_64 && native != specs.ArchAARCH64 {
		t.Skip("the offsets are those of 64 bits")
	}
	info := make([]byte, 128)
	binary.NativeEndian.PutUint32(info[0:], uint32(unix.SIGSYS))
	binary.NativeEndian.PutUint32(info[8:], 1)
	binary.NativeEndian.PutUint32(info[24:], 101)
	binary.NativeEndian.PutUint32(info[28:], unix.AUDIT_ARCH_X86_64)
	r, ok := FromSiginfo(info)
	require.True(t, ok)
	require.Equal(t, Refused{unix.AUDIT_ARCH_X86_64, 101}, r)
	_, ok = FromSiginfo(info[:31])
	require.False(t, ok)
	info[0] = byte(unix.SIGSEGV)
	_, ok = FromSiginfo(info)
	require.False(t, ok)
}

func TestFeatures(t *testing.T) {
	for _, a := range Actions() {
		_, err := answer(specs.LinuxSeccompAction(a), nil, -1)
		require.NoError(t, err)
	}
	for _, op := range Operators() {
		require.True(t, validOp(specs.LinuxSeccompOperator(op)))
	}
	for _, a := range Architectures() {
		require.True(t, validArch(specs.Arch(a)))
	}
	require.Len(t, Flags(), 4)
	require.Subset(t, Flags(), SupportedFlags())
}

package seccomp

import (
	"encoding/binary"
	"sort"
	"strings"
	"testing"
	"time"

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

const logged = `5,1189,81924713,-;audit: type=1326 audit(1700000000.123:42): auid=4294967295 uid=0 gid=0 ses=4294967295 ` +
	`subj=unconfined pid=4711 comm="a" exe="/bin/x" sig=31 arch=c000003e syscall=101 compat=0 ip=0x7f code=0x80000000`

func TestFromLog(t *testing.T) {
	want := Record{Refused{unix.AUDIT_ARCH_X86_64, 101}, 4711, time.UnixMilli(1700000000123), true}
	for text, edit := range map[string]func(*Record){
		"":                func(*Record) {},
		"code=0x0":        func(*Record) {}, // a thread was killed
		"code=0x30000":    func(*Record) {}, // trap
		"code=0x7ffc0000": func(r *Record) { r.Fatal = false },
		"code=0x50001":    func(r *Record) { r.Fatal = false },
	} {
		line, want := logged, want
		if text != "" {
			line = strings.Replace(line, "code=0x80000000", text, 1)
		}
		edit(&want)
		got, ok := FromLog(line + "\n SUBSYSTEM=x\n")
		require.True(t, ok, line)
		require.Equal(t, want, got)
	}
	for _, bad := range []string{"", ";", "type=1326", strings.Replace(logged, "1326", "1300", 1), strings.Replace(logged, "c000003e", "zz", 1),
		strings.Replace(logged, "syscall=101", "", 1), strings.Replace(logged, "pid=4711", "", 1), strings.Replace(logged, "0.123", "0", 1),
		strings.Replace(logged, "5,", "13,", 1), // written by a program: 8 is the user's
		strings.Replace(logged, "audit:", "box: audit:", 1),
	} {
		_, ok := FromLog(bad)
		require.False(t, ok, bad)
	}
}

func FuzzFromLog(f *testing.F) {
	f.Add(logged)
	f.Fuzz(func(t *testing.T, line string) {
		if r, ok := FromLog(line); ok {
			require.GreaterOrEqual(t, r.Pid, 0)
			require.Contains(t, line, "type=1326")
		}
	})
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

package capability

import (
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/opencontainers/runtime-spec/specs-go"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

func TestParse(t *testing.T) {
	got, err := Parse(&specs.LinuxCapabilities{
		Bounding: []string{"CAP_CHOWN", "CAP_CHECKPOINT_RESTORE"}, Effective: []string{"CAP_KILL"}, Permitted: []string{"CAP_KILL", "CAP_KILL"},
		Inheritable: []string{}, Ambient: []string{"CAP_SYS_ADMIN"},
	})
	require.NoError(t, err)
	require.Empty(t, cmp.Diff(Sets{Bounding: 1<<0 | 1<<40, Effective: 1 << 5, Permitted: 1 << 5, Ambient: 1 << 21}, got))
	got, err = Parse(nil)
	require.NoError(t, err)
	require.Zero(t, got)

	for name, want := range map[string]string{
		"CAP_SYS_ADMlN": `process.capabilities.ambient[1]: there is no capability "CAP_SYS_ADMlN"; did you mean CAP_SYS_ADMIN?`,
		"net_raw":       `process.capabilities.ambient[1]: there is no capability "net_raw"; did you mean CAP_NET_RAW?`,
		"CAP_NET_BIND":  `process.capabilities.ambient[1]: there is no capability "CAP_NET_BIND"; capabilities(7) lists them`,
		"cap_kill":      `process.capabilities.ambient[1]: there is no capability "cap_kill"; did you mean CAP_KILL?`,
		"TEST_CAP":      `process.capabilities.ambient[1]: there is no capability "TEST_CAP"; capabilities(7) lists them`,
		"":              `process.capabilities.ambient[1]: there is no capability ""; capabilities(7) lists them`,
	} {
		_, err := Parse(&specs.LinuxCapabilities{Ambient: []string{"CAP_KILL", name}})
		require.EqualError(t, err, want)
	}
	_, err = Parse(&specs.LinuxCapabilities{Bounding: []string{strings.Repeat("x", 1<<20)}})
	require.Error(t, err)
}

func TestString(t *testing.T) {
	require.Equal(t, "none", Set(0).String())
	require.Equal(t, "CAP_CHOWN CAP_CHECKPOINT_RESTORE capability 63", Set(1|1<<40|1<<63).String())
}

func TestGrantable(t *testing.T) {
	have := Sets{Bounding: 0b1111, Permitted: 0b0111, Inheritable: 0b1000}
	got, missing := Sets{Bounding: 0b11, Effective: 0b11, Permitted: 0b11, Inheritable: 0b1001, Ambient: 0b1}.Grantable(have)
	require.Empty(t, missing)
	require.Empty(t, cmp.Diff(Sets{Bounding: 0b11, Effective: 0b11, Permitted: 0b11, Inheritable: 0b1001, Ambient: 0b1}, got))

	got, missing = Sets{Bounding: 0b10010, Effective: 0b110, Permitted: 0b1010, Inheritable: 0b110, Ambient: 0b111}.Grantable(have)
	require.Empty(t, cmp.Diff(Sets{Bounding: 0b10, Effective: 0b10, Permitted: 0b10, Inheritable: 0b10, Ambient: 0b10}, got))
	require.Empty(t, cmp.Diff([]string{
		"process.capabilities.bounding: CAP_FSETID cannot be granted: the bounding set of the runtime, or the kernel, lacks it",
		"process.capabilities.permitted: CAP_FOWNER cannot be granted: the runtime itself does not have it",
		"process.capabilities.effective: CAP_DAC_READ_SEARCH cannot be granted: it is not in the permitted set",
		"process.capabilities.inheritable: CAP_DAC_READ_SEARCH cannot be granted: it is not in the bounding set, or the runtime itself does not have it",
		"process.capabilities.ambient: CAP_CHOWN CAP_DAC_READ_SEARCH cannot be granted: it is not in both the permitted and the inheritable set",
	}, missing))
}

// The numbers are the kernel's, as far as it names them: in /proc/PID/status by bits only, so it is
// x/sys that is asked, whose constants come from linux/capability.h.
func TestNumbers(t *testing.T) {
	for name, want := range map[string]int{
		"CAP_CHOWN": unix.CAP_CHOWN, "CAP_SETPCAP": unix.CAP_SETPCAP, "CAP_NET_RAW": unix.CAP_NET_RAW, "CAP_SYS_ADMIN": unix.CAP_SYS_ADMIN,
		"CAP_MKNOD": unix.CAP_MKNOD, "CAP_SYSLOG": unix.CAP_SYSLOG, "CAP_AUDIT_READ": unix.CAP_AUDIT_READ, "CAP_CHECKPOINT_RESTORE": unix.CAP_CHECKPOINT_RESTORE,
	} {
		got, known := number(name)
		require.True(t, known)
		require.Equal(t, want, got, name)
	}
	require.Equal(t, unix.CAP_LAST_CAP, len(names)-1)
}

const childEnv = "CAPABILITY_TEST_CHILD"

func TestMain(m *testing.M) {
	if os.Getenv(childEnv) == "" {
		os.Exit(m.Run())
	}
	runtime.LockOSThread()
	have, err := Current()
	must(err)
	have.Bounding, err = DropBounding(1<<63 - 1) // drops nothing
	must(err)
	must(os.WriteFile(os.Getenv(childEnv), []byte(fmt.Sprintf("%016x %016x %016x %016x", uint64(have.Effective), uint64(have.Permitted), uint64(have.Inheritable), uint64(have.Bounding))), 0o600))
	want := Sets{Bounding: 1<<unix.CAP_KILL | 1<<unix.CAP_CHOWN, Effective: 1 << unix.CAP_KILL, Permitted: 1<<unix.CAP_KILL | 1<<unix.CAP_CHOWN,
		Inheritable: 1 << unix.CAP_CHOWN, Ambient: 1 << unix.CAP_CHOWN}
	left, err := DropBounding(want.Bounding | 1<<50)
	must(err)
	fmt.Println(left)
	must(want.Apply(1 << unix.CAP_SYS_ADMIN))
	status()
	must(want.Apply(0))
	status()
	_, err = DropBounding(want.Bounding) // nothing to drop any more, so no right is needed
	must(err)
	_, err = DropBounding(0)
	fmt.Println(err)
	fmt.Println(Sets{Permitted: 1 << unix.CAP_SYS_ADMIN}.Apply(0))
	os.Exit(0)
}

func must(err error) {
	if err != nil {
		panic(err)
	}
}

// status prints the kernel's reading of this thread's five sets.
func status() {
	text, err := os.ReadFile("/proc/thread-self/status")
	must(err)
	for _, line := range strings.Split(string(text), "\n") {
		if strings.HasPrefix(line, "Cap") {
			fmt.Print(strings.Fields(line)[1], " ")
		}
	}
	fmt.Println()
}

func TestKernel(t *testing.T) {
	require.Zero(t, os.Getuid(), "needs root: sudo go test ./final/runtime/process/capability")
	before := t.TempDir() + "/before"
	cmd := exec.Command("/proc/self/exe")
	cmd.Env = []string{childEnv + "=" + before}
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, string(out))
	// inheritable, permitted, effective, bounding, ambient
	require.Equal(t, `CAP_CHOWN CAP_KILL
0000000000000001 0000000000200021 0000000000200020 0000000000000021 0000000000000001 
0000000000000001 0000000000000021 0000000000000020 0000000000000021 0000000000000001 
prctl(PR_CAPBSET_DROP, CAP_CHOWN): operation not permitted (EPERM): it needs CAP_SETPCAP; start the runtime as root, or in a user namespace
capset(effective: none, permitted: CAP_SYS_ADMIN, inheritable: none): operation not permitted (EPERM): a set can only have what the thread's permitted set has
`, string(out))

	read, err := os.ReadFile(before)
	require.NoError(t, err)
	status, err := os.ReadFile("/proc/self/status")
	require.NoError(t, err)
	own := map[string]string{}
	for _, line := range strings.Split(string(status), "\n") {
		name, value, _ := strings.Cut(line, ":\t")
		own[name] = value
	}
	require.Equal(t, strings.Join([]string{own["CapEff"], own["CapPrm"], own["CapInh"], own["CapBnd"]}, " "), string(read))
	last, err := os.ReadFile("/proc/sys/kernel/cap_last_cap")
	require.NoError(t, err)
	n, err := strconv.Atoi(strings.TrimSpace(string(last)))
	require.NoError(t, err)
	require.LessOrEqual(t, n, len(names)-1, "the kernel has capabilities that this package does not know yet")
}

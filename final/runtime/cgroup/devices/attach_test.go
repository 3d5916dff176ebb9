package devices

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

// These tests ask the kernel, as root: a program is attached to a v2 cgroup, which a hybrid host has, too, and a child in
// it opens a device.
const childEnv = "DEVICES_TEST_CHILD"

func TestMain(m *testing.M) {
	if path := os.Getenv(childEnv); path != "" {
		childOpen(path)
		return
	}
	os.Exit(m.Run())
}

// childOpen prints what happens when a device is made, opened for reading and for writing.
func childOpen(path string) {
	node := path + fmt.Sprint(os.Getpid())
	fmt.Print(errno(unix.Mknod(node, unix.S_IFCHR|0o600, int(unix.Mkdev(1, 5)))))
	os.Remove(node)
	for _, mode := range []int{unix.O_RDONLY, unix.O_WRONLY, unix.O_RDWR} {
		_, err := unix.Open(path, mode, 0)
		fmt.Print(" ", errno(err))
	}
}

func errno(err error) string {
	var e syscall.Errno
	errors.As(err, &e)
	if e == 0 {
		return "ok"
	}
	return unix.ErrnoName(e)
}

// newCgroup makes a cgroup in the v2 hierarchy.
func newCgroup(t *testing.T) string {
	t.Helper()
	require.Zero(t, os.Geteuid(), "these tests need root: sudo go test")
	table, err := os.ReadFile("/proc/self/mountinfo")
	require.NoError(t, err)
	for _, line := range strings.Split(string(table), "\n") {
		if left, _, ok := strings.Cut(line, " - cgroup2 "); ok {
			dir := filepath.Join(strings.Fields(left)[4], fmt.Sprintf("devices-test-%d", os.Getpid()))
			require.NoError(t, os.Mkdir(dir, 0o755))
			t.Cleanup(func() { require.NoError(t, os.Remove(dir)) })
			return dir
		}
	}
	t.Skip("this machine has no cgroup v2 (v1 only): v1's devices are tested by package cgroup")
	return ""
}

// try opens /dev/zero, or a copy of it, in the cgroup.
func try(t *testing.T, cgroup string) string {
	t.Helper()
	node := filepath.Join(t.TempDir(), "zero")
	require.NoError(t, unix.Mknod(node, unix.S_IFCHR|0o600, int(unix.Mkdev(1, 5))))
	fd, err := os.Open(cgroup)
	require.NoError(t, err)
	defer fd.Close()
	cmd := exec.Command("/proc/self/exe")
	cmd.Env = []string{childEnv + "=" + node}
	cmd.SysProcAttr = &syscall.SysProcAttr{UseCgroupFD: true, CgroupFD: int(fd.Fd())}
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, os.Stderr
	require.NoError(t, cmd.Run())
	return out.String()
}

func TestAttach(t *testing.T) {
	dir := newCgroup(t)
	require.Equal(t, "ok ok ok ok", try(t, dir))
	for _, test := range []struct {
		rules []Rule
		want  string // mknod, open to read, to write, for both
	}{
		{Defaults(nil), "ok ok ok ok"},
		{[]Rule{{true, 'a', Any, Any, All}, {false, 'c', 1, 5, Write}}, "ok ok EPERM EPERM"},
		{nil, "EPERM EPERM EPERM EPERM"},
		{[]Rule{{true, 'c', 1, 5, Read}}, "EPERM ok EPERM EPERM"},
		{[]Rule{{true, 'c', 1, 5, Read}, {true, 'c', Any, 5, Write}}, "EPERM ok ok ok"},
		{[]Rule{{true, 'b', 1, 5, All}}, "EPERM EPERM EPERM EPERM"},
		{[]Rule{{true, 'a', Any, Any, All}}, "ok ok ok ok"},
	} {
		p, err := Compile(test.rules)
		require.NoError(t, err)
		require.NoError(t, p.Attach(dir))
		require.Equal(t, test.want, try(t, dir), "%v", test.rules)

		fd, err := os.Open(dir)
		require.NoError(t, err)
		programs, err := attached(int(fd.Fd()))
		require.NoError(t, err)
		require.Len(t, programs, 1, "each program takes the place of the last")
		closeAll(programs)
		fd.Close()
	}
}

// The kernel's verifier accepts the longest program.
func TestLoadLongest(t *testing.T) {
	require.Zero(t, os.Geteuid(), "these tests need root: sudo go test")
	rules := make([]Rule, maxRules)
	for i := range rules {
		rules[i] = Rule{i%2 == 0, 'c', int64(i), 1<<20 - 1, Read}
	}
	p, err := Compile(rules)
	require.NoError(t, err)
	fd, err := p.load()
	require.NoError(t, err)
	unix.Close(fd)
}

func TestAttachNowhere(t *testing.T) {
	p, err := Compile(nil)
	require.NoError(t, err)
	require.EqualError(t, p.Attach("/nowhere"), `open("/nowhere", O_RDONLY|O_DIRECTORY): no such file or directory (ENOENT)`)
	err = p.Attach("/tmp")
	require.ErrorIs(t, err, unix.EBADF)
}

package namespace

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

// unified makes a cgroup in the hierarchy of cgroup v2, which hybrid hosts have, too, and returns a
// descriptor of it and its path in the hierarchy.
func unified(t *testing.T) (fd int, path string) {
	t.Helper()
	mounts, err := os.ReadFile("/proc/self/mountinfo")
	require.NoError(t, err)
	dir := ""
	for _, line := range strings.Split(string(mounts), "\n") {
		if f := strings.Fields(line); strings.Contains(line, " - cgroup2 ") && f[3] == "/" {
			dir = f[4]
		}
	}
	require.NotEmpty(t, dir, "no cgroup2 is mounted: mount -t cgroup2 none /sys/fs/cgroup/unified")
	path = fmt.Sprintf("/jocker-namespace-%d", os.Getpid())
	require.NoError(t, os.Mkdir(dir+path, 0o755))
	t.Cleanup(func() { require.NoError(t, os.Remove(dir+path)) })
	fd, err = unix.Open(dir+path, unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	require.NoError(t, err)
	t.Cleanup(func() { unix.Close(fd) })
	return fd, path
}

// line returns the line of /proc/PID/cgroup for cgroup v2.
func line(t *testing.T, text string) string {
	t.Helper()
	for _, l := range strings.FieldsFunc(text, func(r rune) bool { return r == '\n' || r == ';' }) {
		if l = strings.TrimSpace(l); strings.HasPrefix(l, "0::") {
			return l
		}
	}
	t.Fatal("no line for cgroup v2 in ", text)
	return ""
}

// Init is born in its cgroup, which is the root of its cgroup namespace, and so is what enters, and
// nobody else of ours.
func TestCgroup(t *testing.T) {
	flags := uintptr(unix.CLONE_NEWNS | unix.CLONE_NEWPID | unix.CLONE_NEWUTS | unix.CLONE_NEWCGROUP)
	for _, more := range []uintptr{0, unix.CLONE_NEWUSER, unix.CLONE_NEWTIME} {
		t.Run(Flags(flags|more), func(t *testing.T) {
			fd, path := unified(t)
			c := &Config{New: flags | more, UIDs: ids(0, 100000, 65536), GIDs: ids(0, 100000, 65536)}
			inside := func(start func(*Command) (int, int, error)) {
				seen := report(t, func(cmd *Command) (int, int, error) {
					cmd.Cgroup = fd
					return start(cmd)
				})
				requireNew(t, c.New, seen)
				require.Equal(t, "0::/", line(t, seen["cgroup"]))
			}
			inside(c.Start)

			cmd, _ := command(t, "sleep")
			cmd.Cgroup = fd
			pid, pidfd, err := c.Start(cmd)
			require.NoError(t, err)
			defer reap(pid)
			defer unix.Close(pidfd)
			defer unix.PidfdSendSignal(pidfd, unix.SIGKILL, nil, 0)
			text, err := os.ReadFile(procPath(pid, "cgroup"))
			require.NoError(t, err)
			require.Equal(t, "0::"+path, line(t, string(text)))
			inside((&Target{pid, pidfd}).Enter)

			// Its namespaces, joined by another container in the same cgroup.
			joined := &Config{New: unix.CLONE_NEWNS | unix.CLONE_NEWIPC}
			for _, flag := range []uintptr{unix.CLONE_NEWPID, unix.CLONE_NEWUTS, unix.CLONE_NEWCGROUP, more} {
				if flag != 0 {
					joined.Join = append(joined.Join, Join{flag, procPath(pid, filepath.Join("ns", kindOf(flag).file))})
				}
			}
			c.New |= unix.CLONE_NEWIPC
			inside(joined.Start)
		})
	}
}

// A cgroup that has been removed, or whose processes must be in its children.
func TestCgroupRefuses(t *testing.T) {
	fd, _ := unified(t)
	gone := fmt.Sprintf("/proc/self/fd/%d/gone", fd)
	require.NoError(t, os.Mkdir(gone, 0o755))
	goneFD, err := unix.Open(gone, unix.O_PATH|unix.O_CLOEXEC, 0)
	require.NoError(t, err)
	defer unix.Close(goneFD)
	require.NoError(t, os.Remove(gone))
	cmd, _ := command(t, "true")
	cmd.Cgroup = goneFD
	_, _, err = (&Config{New: unix.CLONE_NEWUTS}).Start(cmd)
	require.EqualError(t, err, "clone3(CLONE_VM|CLONE_VFORK|CLONE_NEWUTS|CLONE_CLEAR_SIGHAND|CLONE_INTO_CGROUP): no such file or directory (ENOENT): the cgroup has been removed")
}

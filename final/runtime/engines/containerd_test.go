package engines

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"jocker/internal/labtest"
	"jocker/internal/peers"
)

// TestContainerd runs containers with ctr, containerd's own command.
func TestContainerd(t *testing.T) {
	labtest.Snapshot(t)
	e := start(t)
	e.Containerd(t)
	peers.Need(t, "ctr", "containerd")
	ctr := func(args ...string) labtest.Result {
		t.Helper()
		return e.Cmd(append([]string{"ctr", "--address", e.Path("containerd.sock")}, args...)...).Run(t)
	}
	// ctr imports images, and we have a root file system: it can run that as well
	rootfs := e.Path("rootfs")
	e.Busybox(t)
	run := func(id string, args ...string) labtest.Result {
		t.Helper()
		return ctr(append([]string{"run", "--rm", "--runc-binary", e.runtime, "--env", "PATH=/bin", "--rootfs", rootfs, id}, args...)...)
	}
	require.Equal(t, "hello\n", ok(t, run("hello", "echo", "hello")).Stdout)
	require.Equal(t, 42, run("code", "sh", "-c", "exit 42").Code)
	r := run("missing", "no-such-program")
	require.NotEqual(t, 0, r.Code)
	require.Contains(t, r.Stderr, `exec: "no-such-program": executable file not found in $PATH`)

	ok(t, ctr("run", "--detach", "--runc-binary", e.runtime, "--env", "PATH=/bin", "--memory-limit", "67108864", "--rootfs", rootfs, "sleeper", "sleep", "600"))
	require.Regexp(t, `sleeper +\d+ +RUNNING`, ctr("tasks", "ls").Stdout)
	require.Equal(t, "inside\n", ok(t, ctr("tasks", "exec", "--exec-id", "x", "sleeper", "echo", "inside")).Stdout)
	require.Equal(t, 6, ctr("tasks", "exec", "--exec-id", "y", "sleeper", "sh", "-c", "exit 6").Code)
	ok(t, ctr("tasks", "pause", "sleeper"))
	require.Regexp(t, `sleeper +\d+ +PAUSED`, ctr("tasks", "ls").Stdout)
	ok(t, ctr("tasks", "resume", "sleeper"))
	require.Contains(t, ok(t, ctr("tasks", "metrics", "sleeper")).Stdout, "memory")
	require.Contains(t, ok(t, ctr("tasks", "ps", "sleeper")).Stdout, "PID")
	ok(t, ctr("tasks", "kill", "--signal", "SIGKILL", "sleeper"))
	labtest.Until(t, "the task has ended", func() bool { return ctr("tasks", "rm", "sleeper").Code == 137 || ctr("tasks", "ls", "-q").Stdout == "" })
	ok(t, ctr("containers", "rm", "sleeper"))

	c := e.Cmd("ctr", "--address", e.Path("containerd.sock"), "run", "--rm", "--tty", "--runc-binary", e.runtime, "--env", "PATH=/bin", "--rootfs", rootfs, "terminal", "sh")
	s := c.Pty(t)
	labtest.Until(t, "the terminal has the size that ctr sets after the start", func() bool {
		s.Send("stty size; echo .\n")
		return strings.Contains(s.ExpectRegexp(`(?s)\n(.*)\.\n`)[1], "24 80")
	})
	s.Send("exit 4\n")
	require.Equal(t, 4, s.Wait(), s.Output())
}

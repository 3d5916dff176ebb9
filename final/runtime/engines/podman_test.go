package engines

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"jocker/internal/labtest"
)

// TestPodman runs containers with Podman, which has no daemon: conmon, a small program, stays with each container.
func TestPodman(t *testing.T) {
	labtest.Snapshot(t)
	e := start(t)
	e.Podman(t)
	command := func(args ...string) labtest.Cmd {
		return e.PodmanCmd(append([]string{"--runtime", e.runtime}, args...)...)
	}
	podman := func(args ...string) labtest.Result {
		t.Helper()
		return command(args...).Run(t)
	}
	run := func(args ...string) labtest.Result {
		t.Helper()
		return podman(append([]string{"run", "--rm", "--network", "none"}, args...)...)
	}
	ok(t, podman("import", e.Busybox(t), "busybox"))

	require.Equal(t, "a  b\n", ok(t, run("busybox", "echo", "a  b")).Stdout)
	require.Equal(t, 42, run("busybox", "sh", "-c", "exit 42").Code)
	r := run("busybox", "no-such-program")
	require.Equal(t, 127, r.Code, r)
	require.Contains(t, r.Stderr, "no-such-program")
	r = run("busybox", "/etc/passwd")
	require.Equal(t, 126, r.Code, r)
	require.Equal(t, 125, run("--no-such-flag", "busybox", "true").Code)
	r = ok(t, run("--user", "1000", "--workdir", "/etc", "--hostname", "a.host", "--env", "A=1", "busybox", "sh", "-c", "id; pwd; hostname; echo $A"))
	require.Equal(t, "uid=1000(user) gid=1000(user) groups=1000(user),2000(extra)\n/etc\na.host\n1\n", r.Stdout)
	r = ok(t, run("--memory", "64m", "--pids-limit", "44", "busybox", "sh", "-c", readLimits))
	require.Contains(t, r.Stdout, "memory 67108864\n")
	require.Contains(t, r.Stdout, "pids 44\n")
	r = run("--read-only", "--volume", e.Dir+":/mnt:ro", "busybox", "sh", "-c", "touch /x; touch /mnt/x")
	require.Equal(t, 2, strings.Count(r.Stderr, "Read-only file system"), r)

	id := strings.TrimSpace(ok(t, podman("run", "--detach", "--network", "none", "busybox", "sleep", "600")).Stdout)
	require.Equal(t, "running\n", podman("inspect", "--format", "{{.State.Status}}", id).Stdout)
	require.Equal(t, "inside\n", ok(t, podman("exec", id, "echo", "inside")).Stdout)
	require.Equal(t, 6, podman("exec", id, "sh", "-c", "exit 6").Code)
	require.Equal(t, 127, podman("exec", id, "no-such-program").Code)
	ok(t, podman("pause", id))
	require.Equal(t, "paused\n", podman("inspect", "--format", "{{.State.Status}}", id).Stdout)
	ok(t, podman("unpause", id))
	require.Contains(t, ok(t, podman("top", id)).Stdout, "sleep 600")
	ok(t, podman("stop", "--time", "0", id))
	require.Equal(t, "137\n", podman("inspect", "--format", "{{.State.ExitCode}}", id).Stdout)
	ok(t, podman("rm", id))

	id = strings.TrimSpace(ok(t, podman("run", "--detach", "--network", "none", "--memory", "24m", "--memory-swap", "24m", "busybox", "sh", "-c", "exec tail -c 200m /dev/zero")).Stdout)
	require.Equal(t, "137\n", ok(t, podman("wait", id)).Stdout)
	ok(t, podman("rm", id))

	s := command("run", "--rm", "--interactive", "--tty", "--network", "none", "--env", "PS1=# ", "busybox", "sh").Pty(t)
	s.Expect("# ")
	resize(t, s)
	s.Send("exit 9\n")
	require.Equal(t, 9, s.Wait(), s.Output())
}

package engine

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"jocker/final/engine/shim"
	"jocker/internal/labtest"
)

func TestMain(m *testing.M) { labtest.Main(m) }

// A host is a store and a network of its own, and jocker's command line on it.
type host struct {
	t     *testing.T
	args  []string
	env   []string
	root  string
	state string
	net   *os.File // the name space of its network
}

func newHost(t *testing.T) *host {
	t.Helper()
	require.Zero(t, os.Geteuid(), "these tests make containers: run them as root")
	jocker := labtest.Bin(t, "jocker")
	path := os.Getenv("PATH")
	for _, name := range []string{"jocker-shim", "jocker-runtime", "jocker-registry", "jocker-resolver", "jocker-build"} {
		path = filepath.Dir(labtest.Bin(t, name)) + ":" + path
	}
	root, state := t.TempDir(), t.TempDir()
	ns := newNetwork(t)
	h := &host{t, []string{"nsenter", fmt.Sprintf("--net=/proc/%d/fd/%d", os.Getpid(), ns.Fd()), jocker, "--root", root, "--state", state},
		append(os.Environ(), "PATH="+path), root, state, ns}
	t.Cleanup(func() {
		defer h.noNetwork()
		if ids := strings.Fields(h.ok("ps", "-aq")); len(ids) > 0 {
			h.ok(append([]string{"rm", "-f", "-v"}, ids...)...)
		}
		for _, dir := range []string{root + "/names", root + "/containers", state + "/containers"} {
			left, err := os.ReadDir(dir)
			require.NoError(t, err)
			require.Empty(t, left, "left behind in %s", dir)
		}
		require.Eventually(t, func() bool { left, _ := os.ReadDir(root + "/tmp"); return len(left) == 0 }, labtest.Scale(5*time.Second), 10*time.Millisecond, "tmp is not empty")
	})
	h.ok("init-image")
	return h
}

// run returns what a command prints, and its exit code. It doesn't fail the test, so that it may be called on any goroutine.
func (h *host) run(stdin string, args ...string) (stdout, stderr string, code int) {
	cmd := exec.Command(h.args[0], append(append([]string{}, h.args[1:]...), args...)...)
	var out, errs bytes.Buffer
	cmd.Stdin, cmd.Stdout, cmd.Stderr, cmd.Env = strings.NewReader(stdin), &out, &errs, h.env
	if err := cmd.Run(); err != nil && cmd.ProcessState == nil {
		return "", err.Error(), -1
	}
	return out.String(), errs.String(), cmd.ProcessState.ExitCode()
}

func (h *host) ok(args ...string) string {
	h.t.Helper()
	out, errs, code := h.run("", args...)
	require.Zero(h.t, code, "jocker %q: %s", args, errs)
	return strings.TrimSpace(out)
}

// fails runs a command that must fail with this code, and returns what it says.
func (h *host) fails(code int, args ...string) string {
	h.t.Helper()
	_, errs, got := h.run("", args...)
	require.Equal(h.t, code, got, "jocker %q: %s", args, errs)
	return strings.TrimSpace(errs)
}

func TestRun(t *testing.T) {
	h := newHost(t)
	out, errs, code := h.run("", "run", "--rm", "busybox", "sh", "-c", "echo out; echo err >&2; exit 7")
	require.Equal(t, []any{"out\n", "err\n", 7}, []any{out, errs, code})
	out, _, _ = h.run("in\n", "run", "--rm", "-i", "busybox", "cat")
	require.Equal(t, "in\n", out)
	require.Equal(t, "www-data 33 /srv v1", h.ok("run", "--rm", "-u", "www-data", "-w", "/srv", "-e", "K=v1", "busybox", "sh", "-c", "echo $(id -un) $(id -g) $PWD $K"))
	require.Equal(t, "box", h.ok("run", "--rm", "--network", "none", "-h", "box", "busybox", "hostname"))
	require.Equal(t, "00000000a80425fb", strings.Fields(h.ok("run", "--rm", "busybox", "grep", "CapEff", "/proc/self/status"))[1], "Docker's capabilities")
	require.Equal(t, "2", strings.Fields(h.ok("run", "--rm", "busybox", "grep", "Seccomp:", "/proc/self/status"))[1])
	require.Equal(t, "0", h.ok("run", "--rm", "-cpuset", "0", "-cpushare", "512", "busybox", "sh", "-c", "awk '/Cpus_allowed_list/ { print $2 }' /proc/self/status"), "the book's flags")
}

func TestExitCodes(t *testing.T) {
	h := newHost(t)
	require.Contains(t, h.fails(127, "run", "--rm", "busybox", "nosuch"), "executable file not found")
	h.fails(126, "run", "--rm", "busybox", "/etc/passwd")
	require.Contains(t, h.fails(125, "run", "--rm", "--pull", "never", "nosuch"), "No such image: nosuch")
	h.fails(125, "run", "--rm", "--memory", "x", "busybox")
	require.Contains(t, h.fails(125, "run", "--rm", "Busybox"), "must be lowercase")
	require.Contains(t, h.fails(1, "stop", "nosuch"), "No such container: nosuch")
}

func TestLife(t *testing.T) {
	h := newHost(t)
	id := h.ok("run", "-d", "--name", "web", "--stop-signal", "KILL", "busybox", "sh", "-c", "echo begun; exec sleep 1000")
	require.Len(t, id, 64)
	require.Equal(t, "web true", h.ok("ps", "--format", "{{.Names}}")+" "+h.ok("inspect", "-f", "{{.State.Running}}", "web"))
	require.Contains(t, h.fails(125, "run", "--name", "web", "busybox"), "already in use")
	require.Equal(t, "sleep", h.ok("exec", "web", "cat", "/proc/1/comm"))
	h.fails(3, "exec", "web", "sh", "-c", "exit 3")
	require.Contains(t, h.fails(127, "exec", "web", "nosuch"), "executable file not found")
	h.fails(1, "rm", "web")
	h.ok("pause", "web")
	require.Contains(t, h.ok("ps"), "(Paused)")
	h.ok("unpause", "web")
	h.ok("rename", "web", "web2")
	h.ok("stop", "web2")
	require.Equal(t, "exited 137", h.ok("inspect", "-f", "{{.State.Status}} {{.State.ExitCode}}", "web2"))
	h.ok("start", "web2")
	require.Eventually(t, func() bool { return h.ok("logs", "web2") == "begun\nbegun" }, labtest.Scale(5*time.Second), 20*time.Millisecond)
	h.ok("kill", id[:10])
	require.Equal(t, "137", h.ok("wait", "web2"))
	h.ok("rm", "web2")
}

// A container that is started again at once finds its cable gone, however late the kernel is with taking down the old
// network name space.
func TestStartAtOnce(t *testing.T) {
	h := newHost(t)
	h.ok("create", "--name", "quick", "--stop-signal", "KILL", "busybox", "sleep", "1000")
	for i := 0; i < 20; i++ {
		h.ok("start", "quick")
		h.ok("stop", "quick")
	}
}

func TestWhichLimit(t *testing.T) {
	h := newHost(t)
	h.fails(137, "run", "--name", "fat", "-m", "16m", "busybox", "sh", "-c", "exec tail /dev/zero")
	require.Contains(t, h.ok("ps", "-a"), "memory limit of 16m reached")
	require.Equal(t, "true", h.ok("inspect", "-f", "{{.State.OOMKilled}}", "fat"))
}

func TestRestart(t *testing.T) {
	h := newHost(t)
	h.ok("run", "-d", "--name", "again", "--restart", "on-failure:2", "busybox", "sh", "-c", "echo run; exit 1")
	require.Eventually(t, func() bool {
		return h.ok("inspect", "-f", "{{.State.Status}} {{.RestartCount}}", "again") == "exited 2"
	}, labtest.Scale(10*time.Second), 20*time.Millisecond)
	require.Equal(t, "run\nrun\nrun", h.ok("logs", "again"))
}

func TestImages(t *testing.T) {
	h := newHost(t)
	h.ok("run", "--name", "base", "busybox", "sh", "-c", "echo new >/new; rm /etc/group; rm -r /var; mkdir /var")
	require.ElementsMatch(t, []string{"C /etc", "D /etc/group", "A /new", "C /var"}, strings.Split(h.ok("diff", "base"), "\n"))
	h.ok("commit", "-c", "CMD [\"cat\",\"/new\"]", "base", "mine")
	require.Equal(t, "new", h.ok("run", "--rm", "mine"))
	h.fails(1, "run", "--rm", "mine", "ls", "/etc/group")
	require.Empty(t, h.ok("run", "--rm", "mine", "ls", "/var"), "an opaque directory")
	file := t.TempDir() + "/a.tar"
	h.ok("save", "-o", file, "mine")
	h.ok("rmi", "mine")
	h.fails(1, "history", "mine")
	require.Equal(t, "Loaded image: mine:latest", h.ok("load", "-i", file))
	require.Equal(t, "new", h.ok("run", "--rm", "mine"))
	h.ok("export", "-o", file, "base")
	h.ok("import", file, "flat")
	require.Equal(t, "new", h.ok("run", "--rm", "flat", "cat", "/new"))
	require.Contains(t, h.fails(1, "rmi", "busybox"), "image is being used by stopped container")
}

func TestVolumes(t *testing.T) {
	h := newHost(t)
	h.ok("run", "--rm", "-v", "data:/etc", "busybox", "sh", "-c", "echo x >/etc/mine")
	require.Equal(t, "x", h.ok("run", "--rm", "-v", "data:/d:ro", "busybox", "cat", "/d/mine"))
	require.Contains(t, h.ok("run", "--rm", "-v", "data:/d:ro", "busybox", "cat", "/d/passwd"), "root", "the image's content was copied up")
	h.fails(1, "run", "--rm", "-v", "data:/d:ro", "busybox", "touch", "/d/no")
	h.ok("volume", "rm", "data")
}

func TestOneNameForMany(t *testing.T) {
	h := newHost(t)
	var group sync.WaitGroup
	codes := make([]int, 20)
	for i := range codes {
		i := i
		group.Add(1)
		go func() {
			defer group.Done()
			_, _, codes[i] = h.run("", "create", "--name", "one", "busybox")
		}()
	}
	group.Wait()
	won := 0
	for _, c := range codes {
		if c == 0 {
			won++
		}
	}
	require.Equal(t, 1, won)
	require.Len(t, strings.Fields(h.ok("ps", "-aq")), 1)
}

func TestShimKilled(t *testing.T) {
	h := newHost(t)
	h.ok("run", "-d", "--name", "orphan", "busybox", "sleep", "1000")
	shimPid, err := strconv.Atoi(h.ok("inspect", "-f", "{{.State.ShimPid}}", "orphan"))
	require.NoError(t, err)
	pid, err := strconv.Atoi(h.ok("inspect", "-f", "{{.State.Pid}}", "orphan"))
	require.NoError(t, err)
	require.NoError(t, syscall.Kill(shimPid, syscall.SIGKILL))
	require.Eventually(t, func() bool { return strings.Contains(h.ok("ps"), "(shim lost)") }, labtest.Scale(5*time.Second), 20*time.Millisecond)
	h.ok("rm", "-f", "orphan")
	start, zombie := shim.StartTime(pid)
	require.True(t, start == 0 || zombie, "the container's process still runs")
}

func TestUnderRunc(t *testing.T) {
	h := newHost(t)
	_, err := exec.LookPath("runc")
	require.NoError(t, err, "apt-get install runc")
	require.Equal(t, "hello", h.ok("run", "--rm", "--runtime", "runc", "busybox", "echo", "hello"))
	h.fails(127, "run", "--rm", "--runtime", "runc", "busybox", "nosuch")
}

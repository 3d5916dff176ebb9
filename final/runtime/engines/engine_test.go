package engines

import (
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"jocker/internal/labtest"
	"jocker/internal/ocitest"
)

func TestMain(m *testing.M) { labtest.Main(m) }

// engines are running engines, and their folder.
type engines struct {
	dir     string
	runtime string // the runtime under test, as a path
	inside  int    // the pid of a process in the engines' namespaces
}

// start makes the folder and the namespaces in which engines can be run.
func start(t *testing.T) *engines {
	t.Helper()
	removeCgroups(t)
	dir, err := os.MkdirTemp("", "jocker-engines-")
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, os.RemoveAll(dir)) })
	require.NoError(t, os.WriteFile(filepath.Join(dir, "config.json"), []byte("{}\n"), 0o644)) // of the docker command
	holder := labtest.Cmd{Args: []string{"unshare", "--net", "--mount", "--propagation", "slave",
		"sh", "-c", "ip link set lo up && echo ready && exec sleep 1000"}, Timeout: 20 * time.Minute}.Start(t)
	labtest.Until(t, "the engines' namespaces are there", func() bool { return holder.Stdout() == "ready\n" })
	return &engines{dir: dir, runtime: ocitest.UnderTest(t).Path, inside: holder.Pid}
}

// cmd is a command in the engines' namespaces.
func (e *engines) cmd(args ...string) labtest.Cmd {
	return labtest.Cmd{
		Args:    append([]string{"nsenter", "--net", "--mount", "--wd=" + e.dir, "--target", strconv.Itoa(e.inside)}, args...),
		Env:     []string{"DOCKER_CONFIG=" + e.dir, "DOCKER_HOST=unix://" + e.path("docker.sock"), "XDG_RUNTIME_DIR=" + e.dir},
		Timeout: time.Minute,
	}
}

func (e *engines) path(name string) string { return filepath.Join(e.dir, name) }

// daemon starts a program that serves a socket, and ends it when the test is over.
func (e *engines) daemon(t *testing.T, socket string, args ...string) {
	t.Helper()
	c := e.cmd(args...)
	c.Timeout = 20 * time.Minute
	p := c.Start(t)
	t.Cleanup(func() {
		p.Signal(syscall.SIGTERM)
		result := p.Wait()
		if t.Failed() {
			t.Logf("%s: %s", args[0], lastLines(result.Stderr, 40))
		}
	})
	labtest.Until(t, args[0]+" serves "+socket, func() bool {
		if p.Ended() {
			t.Fatalf("%s: %v", args[0], p.Wait())
		}
		_, err := os.Stat(socket)
		return err == nil
	})
}

// containerd starts containerd.
func (e *engines) containerd(t *testing.T) {
	t.Helper()
	config := e.path("containerd.toml")
	require.NoError(t, os.WriteFile(config, []byte(`version = 2
root = "`+e.path("containerd")+`"
state = "`+e.path("containerd-state")+`"
disabled_plugins = ["io.containerd.grpc.v1.cri"]
[grpc]
  address = "`+e.path("containerd.sock")+`"
`), 0o644))
	e.daemon(t, e.path("containerd.sock"), need(t, "containerd", "containerd"), "--log-level", "warn", "--config", config)
}

// dockerd starts dockerd, whose containers then are run by the runtime under test unless they name another.
func (e *engines) dockerd(t *testing.T) {
	t.Helper()
	need(t, "docker", "docker.io")
	e.daemon(t, e.path("docker.sock"), need(t, "dockerd", "docker.io"), "--log-level", "warn", "--host", "unix://"+e.path("docker.sock"), "--containerd", e.path("containerd.sock"),
		"--data-root", e.path("docker"), "--exec-root", e.path("docker-exec"), "--pidfile", e.path("docker.pid"),
		"--exec-opt", "native.cgroupdriver=cgroupfs", "--add-runtime", "ours="+e.runtime, "--default-runtime", "ours")
	labtest.Until(t, "dockerd answers", func() bool { return e.docker(t, "version").Code == 0 })
	ok(t, e.docker(t, "import", "--change", "CMD [\"/bin/sh\"]", image(t, e.dir), "busybox"))
}

// docker runs a docker command.
func (e *engines) docker(t *testing.T, args ...string) labtest.Result {
	t.Helper()
	return e.cmd(append([]string{"docker"}, args...)...).Run(t)
}

// run is docker run --rm: --network none saves half of the time, and options may say otherwise.
func (e *engines) run(t *testing.T, args ...string) labtest.Result {
	t.Helper()
	return e.docker(t, append([]string{"run", "--rm", "--network", "none"}, args...)...)
}

// background is docker run --detach; the container goes with the test.
func (e *engines) background(t *testing.T, args ...string) (id string) {
	t.Helper()
	r := ok(t, e.docker(t, append([]string{"run", "--detach", "--network", "none"}, args...)...))
	id = strings.TrimSpace(r.Stdout)
	t.Cleanup(func() { e.docker(t, "rm", "--force", "--volumes", id) })
	return id
}

// inspect returns a field of docker inspect, as text.
func (e *engines) inspect(t *testing.T, id, field string) string {
	t.Helper()
	return strings.TrimSpace(ok(t, e.docker(t, "inspect", "--format", "{{"+field+"}}", id)).Stdout)
}

// resize gives our end of a terminal a size, and waits for it to arrive at the other one. It is given again and again,
// for a client may have looked at the old size and not yet be listening for a new one.
func resize(t *testing.T, s *labtest.Session) {
	t.Helper()
	labtest.Until(t, "the container's terminal has the new size", func() bool {
		s.Resize(24, 80)
		s.Resize(33, 101)
		time.Sleep(20 * time.Millisecond)
		s.Send("stty size\n")
		return s.ExpectRegexp(`\n(\d+ \d+)\n`)[1] == "33 101"
	})
}

// image packs a root file system with busybox.
func image(t *testing.T, dir string) string {
	t.Helper()
	rootfs, tar := filepath.Join(dir, "rootfs"), filepath.Join(dir, "busybox.tar")
	require.NoError(t, ocitest.WriteRootfs(rootfs))
	out, err := exec.Command("tar", "-C", rootfs, "-cf", tar, ".").CombinedOutput()
	require.NoError(t, err, string(out))
	return tar
}

// need finds a program.
func need(t *testing.T, name, pkg string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	require.NoError(t, err, "the runtime is tried under engines; install this one with: apt-get install %s", pkg)
	return path
}

func ok(t *testing.T, r labtest.Result) labtest.Result {
	t.Helper()
	require.Equal(t, 0, r.Code, r)
	return r
}

// full says whether there is time.
func full() bool { return os.Getenv("LABTEST_FULL") != "" }

func lastLines(text string, n int) string {
	lines := strings.Split(strings.TrimSpace(text), "\n")
	return strings.Join(lines[max(len(lines)-n, 0):], "\n")
}

// removeCgroups removes, when the test is over, the cgroups that engines make for all their containers and keep.
func removeCgroups(t *testing.T) {
	before := parents()
	t.Cleanup(func() {
		for dir := range parents() {
			if !before[dir] {
				removeCgroup(dir)
			}
		}
	})
}

// removeCgroup removes a cgroup with those below it, if nobody is in them.
func removeCgroup(dir string) {
	entries, _ := os.ReadDir(dir)
	for _, e := range entries {
		if e.IsDir() {
			removeCgroup(filepath.Join(dir, e.Name()))
		}
	}
	os.Remove(dir)
}

func parents() map[string]bool {
	found := map[string]bool{}
	for _, name := range []string{"docker", "default", "machine", "libpod_parent", "buildkit", "conmon"} {
		for _, pattern := range []string{"/sys/fs/cgroup/", "/sys/fs/cgroup/*/"} {
			dirs, _ := filepath.Glob(pattern + name)
			for _, d := range dirs {
				found[d] = true
			}
		}
	}
	return found
}

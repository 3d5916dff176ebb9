// Package peers starts Docker, containerd and Podman from Debian's packages for a test, each with all of its files in a
// folder of the test's, in network and mount namespaces of their own: their bridges, firewall rules and mounts are not
// the machine's, and go with the test. What would remain are cgroups, which are removed.
package peers

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

// Peers are running engines, and their folder.
type Peers struct {
	Dir    string
	inside int // the pid of a process in the engines' namespaces
}

// Start makes the folder and the namespaces in which engines can be run.
func Start(t *testing.T) *Peers {
	t.Helper()
	removeCgroups(t)
	dir, err := os.MkdirTemp("", "jocker-engines-")
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, os.RemoveAll(dir)) })
	require.NoError(t, os.WriteFile(filepath.Join(dir, "config.json"), []byte("{}\n"), 0o644)) // of the docker command
	require.NoError(t, os.WriteFile(filepath.Join(dir, "containers.conf"), []byte(`[engine]
cgroup_manager = "cgroupfs"
events_logger = "file"
[containers]
default_ulimits = ["nofile=1024:1024", "nproc=4096:4096"] # the usual ones are more than some machines allow
`), 0o644))
	holder := labtest.Cmd{Args: []string{"unshare", "--net", "--mount", "--propagation", "slave",
		"sh", "-c", "ip link set lo up && echo ready && exec sleep 1000"}, Timeout: 20 * time.Minute}.Start(t)
	labtest.Until(t, "the engines' namespaces are there", func() bool { return holder.Stdout() == "ready\n" })
	return &Peers{Dir: dir, inside: holder.Pid}
}

// Cmd is a command in the engines' namespaces.
func (p *Peers) Cmd(args ...string) labtest.Cmd {
	return labtest.Cmd{
		Args: append([]string{"nsenter", "--net", "--mount", "--wd=" + p.Dir, "--target", strconv.Itoa(p.inside)}, args...),
		Env: []string{"DOCKER_CONFIG=" + p.Dir, "DOCKER_HOST=unix://" + p.Path("docker.sock"), "XDG_RUNTIME_DIR=" + p.Dir,
			"CONTAINERS_CONF=" + p.Path("containers.conf")},
		Timeout: time.Minute,
	}
}

// Path is a path in their folder.
func (p *Peers) Path(name string) string { return filepath.Join(p.Dir, name) }

// daemon starts a program that serves a socket, and ends it when the test is over.
func (p *Peers) daemon(t *testing.T, socket string, args ...string) {
	t.Helper()
	c := p.Cmd(args...)
	c.Timeout = 20 * time.Minute
	d := c.Start(t)
	t.Cleanup(func() {
		d.Signal(syscall.SIGTERM)
		result := d.Wait()
		if t.Failed() {
			t.Logf("%s: %s", args[0], lastLines(result.Stderr, 40))
		}
	})
	labtest.Until(t, args[0]+" serves "+socket, func() bool {
		if d.Ended() {
			t.Fatalf("%s: %v", args[0], d.Wait())
		}
		_, err := os.Stat(socket)
		return err == nil
	})
}

// Containerd starts containerd.
func (p *Peers) Containerd(t *testing.T) {
	t.Helper()
	config := p.Path("containerd.toml")
	require.NoError(t, os.WriteFile(config, []byte(`version = 2
root = "`+p.Path("containerd")+`"
state = "`+p.Path("containerd-state")+`"
disabled_plugins = ["io.containerd.grpc.v1.cri"]
[grpc]
  address = "`+p.Path("containerd.sock")+`"
`), 0o644))
	p.daemon(t, p.Path("containerd.sock"), Need(t, "containerd", "containerd"), "--log-level", "warn", "--config", config)
}

// Dockerd starts dockerd, which needs Containerd, with further options. Of several with one name, dockerd takes the first.
func (p *Peers) Dockerd(t *testing.T, options ...string) {
	t.Helper()
	Need(t, "docker", "docker.io")
	args := append([]string{Need(t, "dockerd", "docker.io")}, options...)
	p.daemon(t, p.Path("docker.sock"), append(args, "--log-level", "warn", "--host", "unix://"+p.Path("docker.sock"),
		"--containerd", p.Path("containerd.sock"), "--data-root", p.Path("docker"), "--exec-root", p.Path("docker-exec"), "--pidfile", p.Path("docker.pid"),
		"--exec-opt", "native.cgroupdriver=cgroupfs")...)
	labtest.Until(t, "dockerd answers", func() bool { return p.Docker(t, "version").Code == 0 })
}

// Docker runs a docker command.
func (p *Peers) Docker(t *testing.T, args ...string) labtest.Result {
	t.Helper()
	return p.Cmd(append([]string{"docker"}, args...)...).Run(t)
}

// PodmanCmd is a podman command. What it leaves is removed when the test is over.
func (p *Peers) PodmanCmd(args ...string) labtest.Cmd {
	return p.Cmd(append([]string{"podman", "--root", p.Path("podman"), "--runroot", p.Path("podman-run"), "--tmpdir", p.Path("podman-tmp")}, args...)...)
}

// Podman makes podman ready, and removes its containers and images when the test is over.
func (p *Peers) Podman(t *testing.T) {
	t.Helper()
	Need(t, "podman", "podman")
	Need(t, "conmon", "conmon")
	t.Cleanup(func() {
		p.PodmanCmd("rm", "--all", "--force", "--time", "0").Run(t)
		p.PodmanCmd("system", "reset", "--force").Run(t)
	})
}

// Busybox packs a root file system with busybox, and returns the archive's path.
func (p *Peers) Busybox(t *testing.T) string {
	t.Helper()
	require.NoError(t, ocitest.WriteRootfs(p.Path("rootfs")))
	out, err := exec.Command("tar", "-C", p.Path("rootfs"), "-cf", p.Path("busybox.tar"), ".").CombinedOutput()
	require.NoError(t, err, string(out))
	return p.Path("busybox.tar")
}

// Need finds a program; its package is named if it is missing.
func Need(t *testing.T, name, pkg string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	require.NoError(t, err, "other engines are needed as peers; install this one with: apt-get install %s", pkg)
	return path
}

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

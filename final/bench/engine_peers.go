package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"syscall"
	"time"

	"jocker/internal/ocitest"
)

// engines are the three engines, with all of their files in one folder. The network namespace and the mount namespace are this
// process's own, so their bridges, rules and mounts go with it.
type engines struct {
	dir, jocker string
	docker      string // Debian's docker command, also if another comes before it in PATH
	daemons     []*exec.Cmd
	cgroups     map[string]bool // that were there before
	stopped     sync.Once
	EngineResults
}

func (e *engines) path(name string) string { return filepath.Join(e.dir, name) }

// command is a command of an engine's.
func (e *engines) command(peer string, args ...string) []string {
	prefix := map[string][]string{
		"ours":   {e.jocker, "--root", e.path("jocker"), "--state", e.path("jocker-state")},
		"docker": {e.docker, "--host", "unix://" + e.path("docker.sock")},
		"podman": {"podman", "--root", e.path("podman"), "--runroot", e.path("podman-run"), "--tmpdir", e.path("podman-tmp")},
	}[peer]
	return append(append([]string{}, prefix...), args...)
}

// startEngines starts what has to run, and gives each engine the same image.
func startEngines(jocker string) (e *engines, err error) {
	e = &engines{docker: "/usr/bin/docker", cgroups: parents()}
	if e.jocker, err = filepath.Abs(jocker); err != nil {
		return nil, err
	}
	for _, name := range []string{e.jocker, "hyperfine", e.docker, "dockerd", "containerd", "podman", "docker-registry"} {
		if _, err := exec.LookPath(name); err != nil {
			return nil, fmt.Errorf("%w; make bench installs what is missing", err)
		}
	}
	if e.dir, err = os.MkdirTemp("", "jocker-bench-"); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			e.stop()
		}
	}()
	if out, err := exec.Command("ip", "link", "set", "lo", "up").CombinedOutput(); err != nil {
		return nil, fmt.Errorf("ip link set lo up: %w: %s", err, out)
	}
	files := map[string]string{
		"containerd.toml": "version = 2\nroot = \"" + e.path("containerd") + "\"\nstate = \"" + e.path("containerd-state") + "\"\n" +
			"disabled_plugins = [\"io.containerd.grpc.v1.cri\"]\n[grpc]\n  address = \"" + e.path("containerd.sock") + "\"\n",
		"config.json": "{}\n", // of the docker command, at which podman looks, too
		"containers.conf": "[engine]\ncgroup_manager = \"cgroupfs\"\nevents_logger = \"file\"\n" +
			"[containers]\ndefault_ulimits = [\"nofile=1024:1024\", \"nproc=4096:4096\"] # the usual ones are more than some machines allow\n",
	}
	for name, text := range files {
		if err := os.WriteFile(e.path(name), []byte(text), 0o644); err != nil {
			return nil, err
		}
	}
	os.Setenv("CONTAINERS_CONF", e.path("containers.conf"))
	os.Setenv("DOCKER_CONFIG", e.dir)
	if err := e.daemon("containerd.sock", "containerd", "--log-level", "warn", "--config", e.path("containerd.toml")); err != nil {
		return nil, err
	}
	err = e.daemon("docker.sock", "dockerd", "--log-level", "warn", "--host", "unix://"+e.path("docker.sock"), "--containerd", e.path("containerd.sock"),
		"--data-root", e.path("docker"), "--exec-root", e.path("docker-exec"), "--pidfile", e.path("docker.pid"), "--exec-opt", "native.cgroupdriver=cgroupfs")
	if err != nil {
		return nil, err
	}
	if err := ocitest.WriteRootfs(e.path("rootfs")); err != nil {
		return nil, err
	}
	tar := e.path("busybox.tar")
	if out, err := exec.Command("tar", "-C", e.path("rootfs"), "-cf", tar, ".").CombinedOutput(); err != nil {
		return nil, fmt.Errorf("tar: %w: %s", err, out)
	}
	for _, p := range enginePeers {
		if _, err := e.output(p, "import", tar, "busybox"); err != nil {
			return nil, err
		}
	}
	e.versions()
	return e, nil
}

// daemon starts a daemon and waits for its socket.
func (e *engines) daemon(socket, program string, args ...string) error {
	words, err := os.Create(e.path(program + ".log"))
	if err != nil {
		return err
	}
	defer words.Close()
	d := exec.Command(program, args...)
	d.Stdout, d.Stderr = words, words
	if err := d.Start(); err != nil {
		return err
	}
	e.daemons = append(e.daemons, d)
	for range 300 {
		if _, err := os.Stat(e.path(socket)); err == nil {
			return nil
		}
		time.Sleep(100 * time.Millisecond)
	}
	text, _ := os.ReadFile(words.Name())
	return fmt.Errorf("%s serves no socket after 30 seconds: %s", program, text)
}

// stop ends everything that runs, and removes what it has left. An interrupt may come while it does so: then that waits.
func (e *engines) stop() { e.stopped.Do(e.end) }

func (e *engines) end() {
	for _, p := range enginePeers {
		e.removeAll(p)
	}
	for i := len(e.daemons) - 1; i >= 0; i-- {
		e.daemons[i].Process.Signal(syscall.SIGTERM)
		e.daemons[i].Wait()
	}
	e.output("podman", "system", "reset", "--force")
	for dir := range parents() {
		if !e.cgroups[dir] {
			removeCgroup(dir)
		}
	}
	os.RemoveAll(e.dir)
}

// parents are the cgroups that engines make for all of their containers, and keep.
func parents() map[string]bool {
	found := map[string]bool{}
	for _, name := range []string{"docker", "libpod_parent", "conmon", "jocker"} {
		for _, pattern := range []string{"/sys/fs/cgroup/", "/sys/fs/cgroup/*/"} {
			dirs, _ := filepath.Glob(pattern + name)
			for _, d := range dirs {
				found[d] = true
			}
		}
	}
	return found
}

// removeCgroup removes a cgroup with those below it, if nobody is in them.
func removeCgroup(dir string) {
	entries, _ := os.ReadDir(dir)
	for _, entry := range entries {
		if entry.IsDir() {
			removeCgroup(filepath.Join(dir, entry.Name()))
		}
	}
	os.Remove(dir)
}

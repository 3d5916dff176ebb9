package engines

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/opencontainers/runtime-spec/specs-go"
	"github.com/stretchr/testify/require"

	"jocker/internal/labtest"
	"jocker/internal/ocitest"
)

// With --systemd-cgroup systemd makes the cgroup, a scope. That is tried where systemd is PID 1, as in the Vagrant machine; anywhere else the
// runtime has to say that it can't, and so these tests can't be passed over in silence: they are others.

// booted says whether systemd is PID 1, in the way of sd_booted(3).
func booted() bool {
	_, err := os.Lstat("/run/systemd/system")
	return err == nil
}

func TestSystemd(t *testing.T) {
	labtest.Snapshot(t)
	r := ocitest.UnderTest(t)
	if os.Getenv("OCITEST_RUNTIME") == "" {
		labtest.Bin(t, "jocker-systemd") // beside it
	}
	systemd := func(args ...string) labtest.Result { return r.Run(t, append([]string{"--systemd-cgroup"}, args...)...) }
	limit := int64(64 << 20)
	bundle := ocitest.NewBundle(t, func(s *specs.Spec) {
		s.Process.Args = []string{"sleep", "1000"}
		s.Linux.CgroupsPath = "system.slice:jockertest:box"
		s.Linux.Resources.Memory = &specs.LinuxMemory{Limit: &limit, Swap: &limit}
	})
	if !booted() {
		t.Log("systemd is not PID 1 here, so nothing but the refusal is tested; the Vagrant machine has one: vagrant up, make test RUN=Systemd")
		result := systemd("run", "--bundle", bundle, "box")
		require.Equal(t, 1, result.Code, result)
		require.Contains(t, result.Stderr, "does systemd run here? Without it, leave --systemd-cgroup out")
		left, err := os.ReadDir(r.Root)
		require.NoError(t, err)
		require.Empty(t, left)
		return
	}

	const unit = "jockertest-box.scope"
	t.Cleanup(func() { systemd("delete", "--force", "box") })
	create := r.Cmd("--systemd-cgroup", "create", "--bundle", bundle, "box")
	create.Args = append([]string{"sh", "-c", `exec "$@" </dev/null >"$0/output" 2>&1`, bundle}, create.Args...)
	ok(t, create.Run(t))
	require.Equal(t, "active", property(t, unit, "ActiveState"))
	require.Equal(t, "system.slice", property(t, unit, "Slice"))
	require.Equal(t, "yes", property(t, unit, "Delegate"))
	ok(t, systemd("start", "box"))
	pid := pidOf(t, systemd("state", "box"))
	require.Contains(t, cgroupOf(t, pid), "/system.slice/"+unit+"\n")
	r2 := systemd("exec", "box", "sh", "-c", "exec sleep 999 >/dev/null 2>&1 & readlink /proc/self/ns/cgroup; readlink /proc/1/ns/cgroup")
	two := strings.Fields(ok(t, r2).Stdout)
	require.Equal(t, two[0], two[1])

	// systemd knows the limits, and keeps them when it reads its files anew.
	require.Equal(t, "67108864", property(t, unit, memoryMax()))
	ok(t, systemd("update", "--memory", "100663296", "--memory-swap", "100663296", "--pids-limit", "77", "--cpu-quota", "50000", "--cpu-period", "100000", "--cpu-share", "512", "box"))
	require.Equal(t, "100663296", property(t, unit, memoryMax()))
	require.Equal(t, "77", property(t, unit, "TasksMax"))
	require.Equal(t, "500ms", property(t, unit, "CPUQuotaPerSecUSec"))
	ok(t, labtest.Run(t, "systemctl", "daemon-reload"))
	limits := ok(t, systemd("exec", "box", "sh", "-c", readLimits)).Stdout
	for _, line := range []string{"memory 100663296\n", "pids 77\n", "quota 50000 100000\n"} {
		require.Contains(t, limits, line)
	}
	// Devices too, after a reload: on v1 systemd writes that list anew, on v2 it attaches programs of its own.
	require.NotZero(t, systemd("exec", "--cap", "CAP_MKNOD", "box", "sh", "-c", "mknod /dev/kmem c 1 2 && cat /dev/kmem").Code)
	require.Contains(t, systemd("exec", "--cap", "CAP_MKNOD", "box", "sh", "-c", "mknod /dev/loop c 10 237; cat /dev/loop").Stderr, "Operation not permitted")

	ok(t, systemd("pause", "box"))
	require.Contains(t, systemd("state", "box").Stdout, `"paused"`)
	ok(t, systemd("resume", "box"))
	require.NotZero(t, systemd("delete", "box").Code)
	ok(t, systemd("kill", "--all", "box", "KILL"))
	labtest.Until(t, "it has ended", func() bool { return strings.Contains(systemd("state", "box").Stdout, `"stopped"`) })
	ok(t, systemd("delete", "box"))
	require.Equal(t, "inactive", property(t, unit, "ActiveState"))
	require.Equal(t, "not-found", property(t, unit, "LoadState"))

	// The name can be used again at once, also if the last one was killed; and the runtime that was killed leaves nothing.
	for i := 0; i < 3; i++ {
		ok(t, create.Run(t))
		ok(t, systemd("delete", "--force", "box"))
	}
	require.Equal(t, "not-found", property(t, unit, "LoadState"))
	require.Equal(t, 1, systemd("run", "--bundle", bundle, "--pid-file", "/no/where", "box").Code)
	require.Equal(t, "not-found", property(t, unit, "LoadState"))

	hungry := ocitest.NewBundle(t, func(s *specs.Spec) {
		s.Process.Args = []string{"tail", "-c", "200m", "/dev/zero"}
		s.Linux.CgroupsPath = "system.slice:jockertest:hungry"
		s.Linux.Resources.Memory = &specs.LinuxMemory{Limit: &limit, Swap: &limit}
	})
	require.Equal(t, 137, systemd("run", "--bundle", hungry, "hungry").Code)
	require.Equal(t, "not-found", property(t, "jockertest-hungry.scope", "LoadState"))
}

// TestDockerSystemd is Docker with its systemd driver, which calls the runtime with --systemd-cgroup.
func TestDockerSystemd(t *testing.T) {
	if !booted() {
		t.Log("systemd is not PID 1 here: see TestSystemd")
		return
	}
	labtest.Snapshot(t)
	e := start(t)
	if os.Getenv("OCITEST_RUNTIME") == "" {
		labtest.Bin(t, "jocker-systemd")
	}
	e.dockerd(t, "--exec-opt", "native.cgroupdriver=systemd")
	require.Equal(t, "systemd\n", ok(t, e.Docker(t, "info", "--format", "{{.CgroupDriver}}")).Stdout)
	t.Run("scope", func(t *testing.T) {
		id := e.background(t, "--memory", "64m", "busybox", "sleep", "600")
		unit := "docker-" + id + ".scope"
		require.Equal(t, "active", property(t, unit, "ActiveState"))
		require.Equal(t, "67108864", property(t, unit, memoryMax()))
		ok(t, e.Docker(t, "update", "--memory", "96m", "--memory-swap", "96m", id))
		require.Equal(t, "100663296", property(t, unit, memoryMax()))
		ok(t, e.Docker(t, "rm", "--force", id))
		require.Equal(t, "not-found", property(t, unit, "LoadState"))
	})
	for _, p := range []struct {
		name string
		run  func(*testing.T, *engines)
	}{
		{"run", dockerRun}, {"exec", dockerExec}, {"stop", dockerStop}, {"pause", dockerPause}, {"update", dockerUpdate},
		{"events", dockerEvents}, {"limits", dockerLimits}, {"memory", dockerMemory}, {"devices", dockerDevices},
	} {
		t.Run(p.name, func(t *testing.T) { p.run(t, e) })
	}
}

// property asks systemd for a unit's property.
func property(t *testing.T, unit, name string) string {
	t.Helper()
	return strings.TrimSpace(ok(t, labtest.Run(t, "systemctl", "show", "--property", name, "--value", unit)).Stdout)
}

// memoryMax is the name of the property for the memory limit: systemd has one for each version of cgroups.
func memoryMax() string {
	if labtest.Layout() == "v2" {
		return "MemoryMax"
	}
	return "MemoryLimit"
}

func pidOf(t *testing.T, state labtest.Result) int {
	t.Helper()
	var s specs.State
	require.NoError(t, json.Unmarshal([]byte(ok(t, state).Stdout), &s))
	return s.Pid
}

func cgroupOf(t *testing.T, pid int) string {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join("/proc", fmt.Sprint(pid), "cgroup"))
	require.NoError(t, err)
	return string(raw)
}

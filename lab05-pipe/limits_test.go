package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"jocker/internal/labtest"

	"github.com/stretchr/testify/require"
)

// workload waits until a process has a child that runs a program, such as "sleep", and returns its pid.
func workload(t *testing.T, parent int, program string) (pid int) {
	t.Helper()
	labtest.Until(t, program+" runs", func() bool {
		for _, pid = range labtest.Children(parent) {
			if args := labtest.Cmdline(pid); len(args) > 0 && args[0] == program {
				return true
			}
		}
		return false
	})
	return pid
}

// cgroupOf is where the lab with this pid must have its cgroup for a controller. labtest looks the hierarchy up: if
// we asked the lab's own code, both could be wrong in the same way.
func cgroupOf(t *testing.T, controller string, pid int) (dir string, v2 bool) {
	t.Helper()
	root, v2 := labtest.Hierarchy(controller)
	require.NotEmpty(t, root, "this machine has no %s controller", controller)
	return filepath.Join(root, fmt.Sprintf("%s-%d", lab, pid)), v2
}

// TestLimits compares what was asked for with what the kernel's files say, while the container lives.
func TestLimits(t *testing.T) {
	begin(t)
	p := command(t, "-m 100m -cpuset 1 -cpushare 512", "sleep", "100").Start(t)
	pid := workload(t, p.Pid, "sleep")

	cpusetRoot, _ := labtest.Hierarchy("cpuset")
	type files map[string]string
	for controller, want := range map[string]struct{ v1, v2 files }{
		"memory": {
			files{"memory.limit_in_bytes": "104857600", "memory.memsw.limit_in_bytes": "104857600"},
			files{"memory.max": "104857600", "memory.swap.max": "0"}},
		"cpu": {
			files{"cpu.shares": "512"},
			files{"cpu.weight": "20"}},
		"cpuset": {
			files{"cpuset.cpus": "1", "cpuset.mems": labtest.ReadCgroup(cpusetRoot, "cpuset.mems")},
			files{"cpuset.cpus": "1", "cpuset.cpus.effective": "1"}},
	} {
		dir, v2 := cgroupOf(t, controller, p.Pid)
		version := want.v1
		if v2 {
			version = want.v2
		}
		for file, value := range version {
			if _, err := os.Stat(filepath.Join(dir, file)); err != nil && strings.Contains(file, "sw") && !machineHasSwap() {
				continue // a kernel that can't swap has no file for it
			}
			require.Equal(t, value, labtest.ReadCgroup(dir, file), "%s/%s", dir, file)
		}
		require.Contains(t, strings.Fields(labtest.ReadCgroup(dir, "cgroup.procs")), fmt.Sprint(pid), dir)
	}
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	require.NoError(t, err)
	require.Contains(t, string(status), "\nCpus_allowed_list:\t1\n")

	syscall.Kill(pid, syscall.SIGKILL)
	r := p.Wait()
	require.Equal(t, 128+9, r.Code, r)
	require.Contains(t, r.Stderr, lab+": verdict: the kernel killed nobody (peak use ")
}

// TestOutOfMemory: the kernel keeps the limit, and the verdict tells that it was the limit.
func TestOutOfMemory(t *testing.T) {
	begin(t)
	for limit, program := range map[string][]string{
		"20m": {"sh", "-c", "head -c 100m /dev/zero | tail | wc -c; exit 9"}, // tail keeps a whole line in memory: here all of it
		"1":   {"true"},                                                      // not enough to start
	} {
		r := command(t, "-m "+limit, program...).Run(t)
		require.Contains(t, []int{9, 128 + 9}, r.Code, r)
		require.Contains(t, r.Stderr, lab+": verdict: out of memory, the kernel killed ", r)
		require.NotContains(t, r.Stdout, fmt.Sprint(100<<20), r)
	}
}

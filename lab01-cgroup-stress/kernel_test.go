package main

// How the tests of labs 01 to 03 look at a lab that runs; the same file in each of these folders.

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"jocker/internal/labtest"
)

func TestMain(m *testing.M) { labtest.Main(m) }

// pause is the end of a workload that wants to be looked at: it says that it is ready and waits for the end of its input.
const pause = "echo ready; read _"

// paused starts a lab whose workload ends with pause, waits until it is ready, and returns what ends its input.
func paused(t *testing.T, c labtest.Cmd) (p *labtest.Process, release func()) {
	t.Helper()
	r, w, err := os.Pipe()
	require.NoError(t, err)
	c.Stdin = r
	p = c.Start(t)
	r.Close()
	t.Cleanup(func() {
		w.Close()
		for end := time.Now().Add(labtest.Scale(5 * time.Second)); !p.Ended() && time.Now().Before(end); {
			time.Sleep(time.Millisecond) // so that it ends by itself, and cleans up
		}
	})
	labtest.Until(t, "the workload is ready", func() bool { return p.Ended() || strings.Contains(p.Stdout(), "ready\n") })
	if p.Ended() {
		t.Fatalf("%q has ended too early: %s", c.Args, p.Wait())
	}
	return p, func() { w.Close() }
}

// cgroupOf is the folder of the memory cgroup that the lab with this process number makes.
func cgroupOf(t *testing.T, pid int) string {
	t.Helper()
	root, _ := labtest.Hierarchy("memory")
	require.NotEmpty(t, root, "this machine has no memory controller")
	return filepath.Join(root, fmt.Sprintf("%s-%d", lab, pid))
}

// guardOf is the shell that waits for the end of the lab with this process number.
func guardOf(t *testing.T, parent int) int {
	t.Helper()
	for _, pid := range labtest.Children(parent) {
		if slices.Contains(labtest.Cmdline(pid), lab+"-guard") {
			return pid
		}
	}
	t.Fatalf("pid %d has no guard", parent)
	return 0
}

// killWithoutGuard kills the guard and then the lab: all that is left to end the workload is the signal that the kernel
// sends it at the death of its parent. The cgroup stays, and must be empty within two seconds, for it is then removed.
func killWithoutGuard(t *testing.T, p *labtest.Process) {
	t.Helper()
	guard, dir := guardOf(t, p.Pid), cgroupOf(t, p.Pid)
	require.NotEmpty(t, procs(dir))
	require.NoError(t, syscall.Kill(guard, syscall.SIGKILL))
	labtest.Until(t, "the guard is gone", func() bool { return isGone(guard) })
	p.Signal(syscall.SIGKILL)
	require.Equal(t, 137, p.Wait().Code)
	within(t, 2*time.Second, "nobody is left in the cgroup", func() bool { return len(procs(dir)) == 0 })
	require.NoError(t, os.Remove(dir))
}

// ourCgroups lists the memory cgroups that labs of this kind have made and not removed.
func ourCgroups(t *testing.T) []string {
	t.Helper()
	dirs, err := filepath.Glob(filepath.Join(filepath.Dir(cgroupOf(t, 0)), lab+"-*"))
	require.NoError(t, err)
	return dirs
}

// firstStep is what fails first, and is named then, where a lab must not make cgroups.
func firstStep(t *testing.T, pid int) string {
	t.Helper()
	root, v2 := labtest.Hierarchy("memory")
	if v2 { // also if the controller is enabled already: see enable
		return "open " + root + "/cgroup.subtree_control"
	}
	return "mkdir " + cgroupOf(t, pid)
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// procs lists the processes in a cgroup, in ascending order.
func procs(dir string) (pids []int) {
	for _, line := range strings.Fields(labtest.ReadCgroup(dir, "cgroup.procs")) {
		pid, _ := strconv.Atoi(line)
		pids = append(pids, pid)
	}
	slices.Sort(pids)
	return pids
}

// memoryFile reads a file of a memory cgroup, which has one name on v2 and another one on v1.
func memoryFile(dir, v2Name, v1Name string) string {
	if _, v2 := labtest.Hierarchy("memory"); v2 {
		return labtest.ReadCgroup(dir, v2Name)
	}
	return labtest.ReadCgroup(dir, v1Name)
}

// memoryLimit is "max" if there is none, as v2 says; v1 has a number that no machine reaches.
func memoryLimit(dir string) string {
	return orMax(memoryFile(dir, "memory.max", "memory.limit_in_bytes"))
}

// swapLimit is what may be swapped out on v2, and the sum of memory and swap on v1.
func swapLimit(dir string) string {
	return orMax(memoryFile(dir, "memory.swap.max", "memory.memsw.limit_in_bytes"))
}

func orMax(limit string) string {
	if n, err := strconv.ParseInt(limit, 10, 64); err == nil && n > 1<<60 {
		return "max"
	}
	return limit
}

// oomKills is how many processes the kernel has killed in a cgroup for want of memory, in its own words.
func oomKills(dir string) string {
	for _, line := range strings.Split(memoryFile(dir, "memory.events", "memory.oom_control"), "\n") {
		if value, ok := strings.CutPrefix(line, "oom_kill "); ok {
			return value
		}
	}
	return "no oom_kill in " + dir
}

// memoryPlace is the memory cgroup in the content of a /proc/PID/cgroup, as that process sees it.
func memoryPlace(content string) string {
	_, v2 := labtest.Hierarchy("memory")
	for _, line := range strings.Split(content, "\n") {
		if f := strings.SplitN(line, ":", 3); len(f) == 3 && (v2 && f[0] == "0" || slices.Contains(strings.Split(f[1], ","), "memory")) {
			return f[2]
		}
	}
	return "not in " + content
}

// within fails the test unless cond comes true in a time that is a promise of the lab.
func within(t *testing.T, limit time.Duration, what string, cond func() bool) {
	t.Helper()
	for deadline := time.Now().Add(labtest.Scale(limit)); !cond(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("not within %v: %s", labtest.Scale(limit), what)
		}
	}
}

// isGone says whether a process has ended; a zombie has.
func isGone(pid int) bool { return labtest.Cmdline(pid) == nil }

// need fails a test if a tool is missing: a test that didn't run must not look like one that passed.
func need(t *testing.T, tool, debianPackage string) {
	t.Helper()
	if _, err := exec.LookPath(tool); err != nil {
		t.Fatalf("%s is missing: apt-get install %s", tool, debianPackage)
	}
}

// delayed runs a lab whose main thread is held by strace when it is about to write a process number into the lab's
// cgroup.procs. What relies on luck then has none: a workload that doesn't wait has run before it is in the cgroup.
// With -D strace is not the parent of the lab, whose process number is therefore the one that the shell has before.
func delayed(t *testing.T, by time.Duration, args ...string) labtest.Cmd {
	t.Helper()
	need(t, "strace", "strace")
	script := `exec strace -D -qqq -o /dev/null -P "$DIR-$$/cgroup.procs" -e trace=write -e inject=write:delay_enter=$DELAY -- "$LAB" "$@"`
	return labtest.Cmd{
		Args: append([]string{"sh", "-c", script, "sh"}, args...),
		Env: []string{
			"LAB=" + labtest.Bin(t, lab),
			"DIR=" + strings.TrimSuffix(cgroupOf(t, 0), "-0"),
			fmt.Sprintf("DELAY=%d", by.Microseconds()),
		},
	}
}

// times is how often a racy thing is tried: less often on a slow machine.
func times(n int) int {
	if os.Getenv("LAB_SLOW") == "1" {
		return max(n/10, 2)
	}
	return n
}

// sweep is how many moments of death are tried: some of them, or with LABTEST_FULL=1 all.
func sweep() labtest.Sweep {
	if os.Getenv("LABTEST_FULL") == "1" {
		return labtest.Sweep{}
	}
	return labtest.Sweep{Max: 40}
}

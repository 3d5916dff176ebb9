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

// TestEnable looks at what is asked of the kernel: a plain file in place of its own keeps what was written last.
// Nothing is ever disabled.
func TestEnable(t *testing.T) {
	file := filepath.Join(t.TempDir(), "cgroup.subtree_control")
	for _, before := range []string{"", "memory pids\n", "cpu cpuset\n"} {
		for _, controller := range []string{"memory", "cpu", "cpuset"} {
			require.NoError(t, os.WriteFile(file, []byte(before), 0o600))
			require.NoError(t, enable(filepath.Dir(file), controller))
			asked, err := os.ReadFile(file)
			require.NoError(t, err)
			require.Equal(t, "+"+controller, string(asked))
		}
	}
	require.ErrorIs(t, enable(t.TempDir(), "cpu"), os.ErrNotExist)
}

// TestEnableLive runs the lab in a v2 tree whose root enables nothing, as systemd's enables little. For that, a cgroup
// namespace makes a cgroup of ours the root: nobody else's is touched.
func TestEnableLive(t *testing.T) {
	root, v2 := labtest.Hierarchy("memory")
	if !v2 {
		t.Skip("cgroup.subtree_control is of v2, and this machine's memory controller is on v1")
	}
	labtest.Snapshot(t)
	require.NoError(t, os.WriteFile(filepath.Join(root, "cgroup.subtree_control"), []byte("+memory +cpu +cpuset"), 0))
	top := filepath.Join(root, fmt.Sprintf("labtest-%d", os.Getpid()))
	leaf := filepath.Join(top, "leaf")
	for _, dir := range []string{top, leaf} {
		require.NoError(t, os.Mkdir(dir, 0o755))
		t.Cleanup(func() { require.NoError(t, os.Remove(dir)) })
	}
	require.Empty(t, labtest.ReadCgroup(top, "cgroup.subtree_control"))
	r := labtest.Cmd{Args: []string{"sh", "-ec", `
		echo $$ >"$1/cgroup.procs"; shift
		exec unshare --cgroup --mount --propagation private sh -ec '
			umount -l "$0"
			mount -t cgroup2 cgroup2 "$0"
			echo $$ >"$0/leaf/cgroup.procs"
			"$@"
			echo and again >&2
			"$@"' "$@"`,
		"sh", top, root, labtest.Bin(t, "lab04"), "run", "-m", "100m", "-cpuset", "1", "-cpushare", "512", "cat", "/proc/self/cgroup"}}.Run(t)
	require.Equal(t, 0, r.Code, r)
	require.Regexp(t, `^0::/lab04-\d+\n0::/lab04-\d+\n$`, r.Stdout)
	first, second, _ := strings.Cut(r.Stderr, "and again\n")
	for _, controller := range []string{"memory", "cpu", "cpuset"} {
		require.Equal(t, 1, strings.Count(first, "lab04: enabled the "+controller+" controller in "+root+"/cgroup.subtree_control; this stays, others may use it by now\n"), r)
	}
	require.NotContains(t, second, "enabled the", "nothing is left to enable")
	require.ElementsMatch(t, []string{"memory", "cpu", "cpuset"}, strings.Fields(labtest.ReadCgroup(top, "cgroup.subtree_control")), "they stay enabled")
}

// TestLeftBehind: what the workload leaves behind is ended and the cgroups removed; Snapshot sees whether they are.
func TestLeftBehind(t *testing.T) {
	labtest.Snapshot(t)
	r := command(t, "-m 100m -cpushare 512 -cpuset 1",
		"sh", "-c", "for i in 1 2 3 4 5 6 7 8 9 10; do sh -c 'sleep 100 & sleep 100' & done; exit 3").Run(t)
	require.Equal(t, 3, r.Code, r)

	// The namespace ends its processes by itself. One that somebody put into the cgroup from outside is ours to end.
	p := command(t, "-m 100m -cpushare 512 -cpuset 1", "sleep", "100").Start(t)
	pid := workload(t, p.Pid, "sleep")
	script := "sleep 100 & sleep 100"
	for _, controller := range []string{"cpuset", "cpu", "memory"} {
		dir, _ := cgroupOf(t, controller, p.Pid)
		script = "echo $$ >" + filepath.Join(dir, "cgroup.procs") + "; " + script
	}
	guest := labtest.Cmd{Args: []string{"sh", "-c", script}}.Start(t)
	memory, _ := cgroupOf(t, "memory", p.Pid)
	labtest.Until(t, "the guest, its two children and the workload are in the cgroup", func() bool {
		return len(strings.Fields(labtest.ReadCgroup(memory, "cgroup.procs"))) == 4
	})
	syscall.Kill(pid, syscall.SIGKILL)
	require.Equal(t, 128+9, p.Wait().Code)
	require.Equal(t, 128+9, guest.Wait().Code)
}

// TestFailureInTheMiddle: the third limit is refused when the cgroups of the first two are made already.
func TestFailureInTheMiddle(t *testing.T) {
	labtest.Snapshot(t)
	r := command(t, "-m 100m -cpushare 512 -cpuset 1-0", "true").Run(t)
	require.Equal(t, 125, r.Code, r)
	require.Contains(t, r.Stderr, " = 104857600\n")
	require.Regexp(t, `\nlab04: write /\S+/lab04-\d+/cpuset.cpus: invalid argument: the kernel refuses this value\n$`, r.Stderr)
}

// TestSomebodyElses: a cgroup that was there before isn't ours: no limit is written into it, and it isn't removed.
func TestSomebodyElses(t *testing.T) {
	labtest.Snapshot(t)
	for _, controller := range []string{"memory", "cpuset"} {
		root, _ := labtest.Hierarchy(controller)
		c := labtest.Cmd{Args: []string{"sh", "-ec", `mkdir "$1/lab04-$$"; shift; exec "$@"`,
			"sh", root, labtest.Bin(t, "lab04"), "run", "-m", "100m", "-cpuset", "1", "true"}}
		p := c.Start(t)
		dir := filepath.Join(root, fmt.Sprintf("lab04-%d", p.Pid))
		r := p.Wait()
		require.NoError(t, os.Remove(dir))
		require.Equal(t, 125, r.Code, r)
		require.Contains(t, r.Stderr, "lab04: mkdir "+dir+": file exists: a lab in another PID namespace has this number, "+
			"or one that was killed left it; rmdir removes it unless it is in use\n")
	}
}

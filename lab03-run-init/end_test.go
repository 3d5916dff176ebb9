package main

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"jocker/internal/labtest"
)

// tree is a workload of several processes, one in a session of its own and one whose parent has gone.
const tree = `sleep 100 & (sleep 100 &) ; setsid sleep 100 & sh -c "sleep 100; true" & `

// treeOf waits until the tree stands, and lists it.
func treeOf(t *testing.T, dir string) []int {
	t.Helper()
	labtest.Until(t, "six processes run", func() bool {
		sleeping := 0
		for _, pid := range procs(dir) {
			if args := labtest.Cmdline(pid); len(args) > 0 && args[0] == "sleep" {
				sleeping++
			}
		}
		return sleeping == 4 && len(procs(dir)) == 6
	})
	return procs(dir)
}

// areGone waits until none of the processes is left, nor the cgroup: at most two seconds.
func areGone(t *testing.T, pids []int, dir string) {
	t.Helper()
	within(t, 2*time.Second, "container and cgroup are gone", func() bool {
		return !slices.ContainsFunc(pids, func(pid int) bool { return !isGone(pid) }) && !exists(dir)
	})
}

func TestKilledWithTree(t *testing.T) {
	need(t, "setsid", "util-linux")
	labtest.Snapshot(t)
	p, _ := paused(t, labtest.Cmd{Args: []string{"lab03", "run", "-ti", "-m", "100m", "sh", "-c", tree + pause}})
	dir := cgroupOf(t, p.Pid)
	pids := treeOf(t, dir)
	p.Signal(syscall.SIGKILL)
	areGone(t, pids, dir)
	require.Equal(t, 137, p.Wait().Code)
}

// If nobody is left to clean up, process 1 ends nevertheless, and the namespace with it.
func TestKilledWithoutGuard(t *testing.T) {
	need(t, "setsid", "util-linux")
	labtest.Snapshot(t)
	p, _ := paused(t, labtest.Cmd{Args: []string{"lab03", "run", "-ti", "sh", "-c", tree + pause}})
	treeOf(t, cgroupOf(t, p.Pid))
	killWithoutGuard(t, p)
}

// A terminal makes no difference.
func TestKilledAtTheTerminal(t *testing.T) {
	labtest.Snapshot(t)
	s := labtest.Cmd{Args: []string{"lab03", "run", "-ti", "sh", "-i"}, Env: []string{"PS1=ready> "}}.Pty(t)
	s.Expect("ready> ")
	s.Send(tree + "\n")
	dir := cgroupOf(t, s.Pid)
	pids := treeOf(t, dir)
	s.Signal(syscall.SIGKILL)
	areGone(t, pids, dir)
	require.Equal(t, 137, s.Wait())
}

// With process 1 all others go.
func TestProcessOneEnds(t *testing.T) {
	need(t, "setsid", "util-linux")
	labtest.Snapshot(t)
	p, release := paused(t, labtest.Cmd{Args: []string{"lab03", "run", "-ti", "sh", "-c", tree + pause + "; exit 4"}})
	dir := cgroupOf(t, p.Pid)
	pids := treeOf(t, dir)
	release()
	require.Equal(t, 4, p.Wait().Code)
	areGone(t, pids, dir)
}

// Process 1 drops a signal that it has no handler for. It has two seconds, and then the kernel's word.
func TestTermOnProcessOne(t *testing.T) {
	for name, c := range map[string]struct {
		script  string
		code    int
		seconds float64
	}{
		"no handler": {"echo ready; while :; do sleep 0.1; done", 137, 2},
		"handler":    {`trap "exit 5" TERM; echo ready; while :; do sleep 0.1; done`, 5, 0},
		"ignored":    {`trap "" TERM; echo ready; while :; do sleep 0.1; done`, 137, 2},
	} {
		t.Run(name, func(t *testing.T) {
			labtest.Snapshot(t)
			p, _ := paused(t, labtest.Cmd{Args: []string{"lab03", "run", "sh", "-c", c.script}})
			began := time.Now()
			p.Signal(syscall.SIGTERM)
			r := p.Wait()
			require.Equal(t, c.code, r.Code, r)
			require.InDelta(t, c.seconds, time.Since(began).Seconds(), labtest.Scale(500*time.Millisecond).Seconds())
			require.Contains(t, r.Stderr, "lab03: verdict: the kernel killed nobody", "out of memory nobody was")
		})
	}
}

// At whatever moment the parent dies: nothing stays, and if the program has begun, then in its cgroup.
func TestKilledAtEverySyscall(t *testing.T) {
	labtest.Snapshot(t)
	before, marker := ourCgroups(t), filepath.Join(t.TempDir(), "marker")
	script := fmt.Sprintf("cat /proc/self/cgroup >%s; sleep 0.1 & wait", marker)
	labtest.KillAtEverySyscall(t, sweep(), labtest.Cmd{Args: []string{"lab03", "run", "-m", "100m", "sh", "-c", script}}, func() {
		require.Equal(t, before, ourCgroups(t), "a cgroup stays")
		if place, err := os.ReadFile(marker); err == nil && len(place) > 0 {
			require.Regexp(t, `^/lab03-\d+$`, memoryPlace(string(place)))
		}
		os.Remove(marker)
	})
}

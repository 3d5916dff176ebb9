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

// The barrier is lab02's. It stands before /proc is mounted, too.
func TestBarrier(t *testing.T) {
	labtest.Snapshot(t)
	for range times(20) {
		r := delayed(t, labtest.Scale(20*time.Millisecond), "run", "cat", "/proc/self/cgroup").Run(t)
		require.Equal(t, 0, r.Code, r)
		require.Regexp(t, `^/lab03-\d+$`, memoryPlace(r.Stdout), r)
	}
}

// atTheBarrier starts the lab, whose program would make a file named marker, and returns when init waits at the barrier:
// for a second, or more on a slow machine.
func atTheBarrier(t *testing.T) (p *labtest.Process, init int, marker string) {
	t.Helper()
	marker = filepath.Join(t.TempDir(), "marker")
	p = delayed(t, max(time.Second, labtest.Scale(300*time.Millisecond)), "run", "touch", marker).Start(t)
	labtest.Until(t, "init exists", func() bool {
		for _, init = range labtest.Children(p.Pid) {
			if args := labtest.Cmdline(init); len(args) > 1 && args[1] == "init" {
				return isAtThePlacing(t, p.Pid)
			}
		}
		return false
	})
	return p, init, marker
}

func TestParentDiesBeforeTheBarrierOpens(t *testing.T) {
	labtest.Snapshot(t)
	p, init, marker := atTheBarrier(t)
	time.Sleep(labtest.Scale(100 * time.Millisecond)) // plenty for an init that doesn't wait
	require.Equal(t, []string{"/proc/self/exe", "init", "touch", marker}, labtest.Cmdline(init))
	require.False(t, exists(marker))
	p.Signal(syscall.SIGKILL)
	within(t, 2*time.Second, "init and the cgroup are gone", func() bool { return isGone(init) && !exists(cgroupOf(t, p.Pid)) })
	p.Wait()
	require.False(t, exists(marker))
}

// If init can't be moved into its cgroup it must not go on, and the reason must be said, not only the consequence.
func TestCgroupVanishesBeforeTheBarrierOpens(t *testing.T) {
	labtest.Snapshot(t)
	p, _, marker := atTheBarrier(t)
	require.NoError(t, os.Remove(cgroupOf(t, p.Pid)))
	r := p.Wait()
	require.Equal(t, 125, r.Code, r)
	require.False(t, exists(marker))
	require.Contains(t, r.Stderr, "\nlab03: the parent went away before the start: EOF\n")
	require.Regexp(t, `\nlab03: write \S+/cgroup\.procs: no such device\n`, r.Stderr)
}

// isAtThePlacing says whether a lab has its cgroup.procs open: delayed holds it there.
func isAtThePlacing(t *testing.T, pid int) bool {
	t.Helper()
	links, err := filepath.Glob(fmt.Sprintf("/proc/%d/fd/*", pid))
	require.NoError(t, err)
	return slices.ContainsFunc(links, func(link string) bool {
		file, _ := os.Readlink(link)
		return file == filepath.Join(cgroupOf(t, pid), "cgroup.procs")
	})
}

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

// However late the parent writes, the workload is in its cgroup when it begins.
func TestBarrier(t *testing.T) {
	labtest.Snapshot(t)
	for range times(50) {
		r := delayed(t, labtest.Scale(20*time.Millisecond), "cat", "/proc/self/cgroup").Run(t)
		require.Equal(t, 0, r.Code, r)
		require.Regexp(t, `^/lab02-\d+$`, memoryPlace(r.Stdout), r)
	}
}

// atTheBarrier starts the lab and returns when its child waits at the barrier: for a second, or more on a slow machine.
func atTheBarrier(t *testing.T, args ...string) (p *labtest.Process, child int) {
	t.Helper()
	p = delayed(t, max(time.Second, labtest.Scale(300*time.Millisecond)), args...).Start(t)
	labtest.Until(t, "the child exists", func() bool {
		for _, child = range labtest.Children(p.Pid) {
			if args := labtest.Cmdline(child); len(args) > 0 && args[0] == "/proc/self/exe" {
				return isAtThePlacing(t, p.Pid)
			}
		}
		return false
	})
	return p, child
}

func TestNothingBeginsBeforeTheBarrierOpens(t *testing.T) {
	for _, flags := range [][]string{nil, {"-pid", "-mnt", "-m", "100m"}} {
		t.Run(fmt.Sprint(flags), func(t *testing.T) {
			labtest.Snapshot(t)
			marker := filepath.Join(t.TempDir(), "marker")
			p, child := atTheBarrier(t, append(flags, "touch", marker)...)
			time.Sleep(labtest.Scale(100 * time.Millisecond)) // plenty for a child that doesn't wait
			require.NoFileExists(t, marker)
			require.Empty(t, labtest.Children(child))
			require.Empty(t, table(p.Stderr()))
			r := p.Wait()
			require.Equal(t, 0, r.Code, r)
			require.FileExists(t, marker)
		})
	}
}

// Two things stop the child: the kernel's signal at the parent's death, and the end of the pipe.
func TestParentDiesBeforeTheBarrierOpens(t *testing.T) {
	for _, flags := range [][]string{nil, {"-pid", "-m", "100m"}} {
		t.Run(fmt.Sprint(flags), func(t *testing.T) {
			labtest.Snapshot(t)
			marker := filepath.Join(t.TempDir(), "marker")
			p, child := atTheBarrier(t, append(flags, "touch", marker)...)
			p.Signal(syscall.SIGKILL)
			within(t, 2*time.Second, "the child is gone", func() bool { return isGone(child) })
			p.Wait()
			require.NoFileExists(t, marker)
			within(t, 2*time.Second, "the cgroup is gone", func() bool { return !exists(cgroupOf(t, p.Pid)) })
		})
	}
}

// A signal in the meantime is kept for the workload; the parent must live on to clean up.
func TestSignalBeforeTheBarrierOpens(t *testing.T) {
	labtest.Snapshot(t)
	p, _ := atTheBarrier(t, "-m", "100m", "sleep", "100")
	p.Signal(syscall.SIGTERM)
	r := p.Wait()
	require.Equal(t, 143, r.Code, r)
	require.Contains(t, r.Stderr, "lab02: verdict: the kernel killed nobody")
}

// If the child can't be moved into its cgroup it must not run, and the reason must be said, not only the consequence.
func TestCgroupVanishesBeforeTheBarrierOpens(t *testing.T) {
	labtest.Snapshot(t)
	marker := filepath.Join(t.TempDir(), "marker")
	p, _ := atTheBarrier(t, "-m", "100m", "touch", marker)
	require.NoError(t, os.Remove(cgroupOf(t, p.Pid)))
	r := p.Wait()
	require.Equal(t, 125, r.Code, r)
	require.NoFileExists(t, marker)
	require.Contains(t, r.Stderr, "\nlab02: the parent went away before the start: EOF\n")
	require.Regexp(t, `\nlab02: write \S+/cgroup\.procs: no such device\n`, r.Stderr)
}

// A Go process has several threads before it is moved. The file cgroup.procs moves all of them, tasks only one.
func TestAllThreadsAreIn(t *testing.T) {
	labtest.Snapshot(t)
	p, _ := paused(t, labtest.Cmd{Args: []string{"lab02", "sh", "-c", pause}})
	threads, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/cgroup", childOf(t, p.Pid)))
	require.NoError(t, err)
	require.Greater(t, len(threads), 1)
	for _, file := range threads {
		content, err := os.ReadFile(file)
		require.NoError(t, err)
		require.Equal(t, fmt.Sprintf("/lab02-%d", p.Pid), memoryPlace(string(content)))
	}
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

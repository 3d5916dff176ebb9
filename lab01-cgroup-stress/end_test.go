package main

import (
	"path/filepath"
	"slices"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"jocker/internal/labtest"
)

// hasEnded waits until none of the processes is left, nor the cgroup: at most two seconds.
func hasEnded(t *testing.T, pids []int, dir string) {
	t.Helper()
	within(t, 2*time.Second, "workload and cgroup are gone", func() bool {
		return !slices.ContainsFunc(pids, func(pid int) bool { return !isGone(pid) }) && !exists(dir)
	})
}

// families are workloads of one process and three children: whoever ends it must end them, too. Debian's stress has its
// workers die with it. The shell's children don't, and don't mind Ctrl-C either.
var families = map[string][]string{
	"stress": {"lab01", "run", "-m", "100m", "stress", "--vm-bytes", "5m", "--vm-keep", "-m", "3"},
	"shell":  {"lab01", "run", "-m", "100m", "sh", "-c", "sleep 100 & sleep 100 & sleep 100 & wait"},
}

// membersOf waits until the family is complete, and lists it.
func membersOf(t *testing.T, dir string) (pids []int) {
	t.Helper()
	labtest.Until(t, "there are three children", func() bool {
		pids = procs(dir)
		return len(pids) == 4 && !slices.ContainsFunc(pids[1:], func(pid int) bool { // and they are what they will be
			args := labtest.Cmdline(pid)
			return len(args) == 0 || args[0] == "sh"
		})
	})
	return pids
}

func TestSignals(t *testing.T) {
	need(t, "stress", "stress")
	for name, family := range families {
		for _, signal := range []syscall.Signal{syscall.SIGTERM, syscall.SIGHUP, syscall.SIGINT} {
			t.Run(name+" "+signal.String(), func(t *testing.T) {
				labtest.Snapshot(t)
				p := labtest.Cmd{Args: family}.Start(t)
				dir := cgroupOf(t, p.Pid)
				pids := membersOf(t, dir)
				p.Signal(signal)
				r := p.Wait()
				require.Equal(t, 128+int(signal), r.Code, r)
				require.Contains(t, r.Stderr, "lab01: verdict: the kernel killed nobody")
				require.False(t, exists(dir), "the cgroup goes before the lab ends")
				hasEnded(t, pids, dir)
			})
		}
	}
}

func TestCtrlC(t *testing.T) {
	need(t, "stress", "stress")
	for name, family := range families {
		t.Run(name, func(t *testing.T) {
			labtest.Snapshot(t)
			s := labtest.Pty(t, family...)
			dir := cgroupOf(t, s.Pid)
			pids := membersOf(t, dir)
			s.Send("\x03")
			require.Equal(t, 130, s.Wait(), s.Output())
			require.False(t, exists(dir))
			hasEnded(t, pids, dir)
		})
	}
}

// The window is closed, the connection is lost.
func TestHangup(t *testing.T) {
	labtest.Snapshot(t)
	s := labtest.Pty(t, families["shell"]...)
	dir := cgroupOf(t, s.Pid)
	pids := membersOf(t, dir)
	s.Hangup()
	s.Wait()
	hasEnded(t, pids, dir)
}

// An interactive shell lives on after Ctrl-C, and lab01 with it.
func TestShellSurvivesCtrlC(t *testing.T) {
	labtest.Snapshot(t)
	s := labtest.Cmd{Args: []string{"lab01", "run", "-m", "100m", "sh", "-i"}, Env: []string{"PS1=ready> "}}.Pty(t)
	s.Expect("ready> ")
	s.Send("sleep 100\n")
	dir := cgroupOf(t, s.Pid)
	labtest.Until(t, "sleep runs", func() bool { // and not only the shell's child that becomes it
		for _, pid := range procs(dir) {
			if slices.Equal(labtest.Cmdline(pid), []string{"sleep", "100"}) {
				return true
			}
		}
		return false
	})
	s.Send("\x03")
	s.Expect("ready> ")
	time.Sleep(labtest.Scale(100 * time.Millisecond))
	s.Send("echo still $((40 + 2))\n")
	s.Expect("still 42\n")
	s.Send("exit 7\n")
	require.Equal(t, 7, s.Wait(), s.Output())
}

// Who ignores SIGTERM has two seconds.
func TestStubbornWorkload(t *testing.T) {
	labtest.Snapshot(t)
	p, _ := paused(t, labtest.Cmd{Args: []string{"lab01", "run", "sh", "-c", `trap "" TERM; echo ready; while :; do sleep 0.1; done`}})
	began := time.Now()
	p.Signal(syscall.SIGTERM)
	r := p.Wait()
	require.Equal(t, 137, r.Code, r)
	require.InDelta(t, 2, time.Since(began).Seconds(), labtest.Scale(500*time.Millisecond).Seconds())
}

// Who handles it goes at once and with the code of its choice.
func TestPoliteWorkload(t *testing.T) {
	labtest.Snapshot(t)
	p, _ := paused(t, labtest.Cmd{Args: []string{"lab01", "run", "sh", "-c", `trap "exit 5" TERM; echo ready; while :; do sleep 0.1; done`}})
	p.Signal(syscall.SIGTERM)
	require.Equal(t, 5, p.Wait().Code)
}

// What the workload leaves behind ends with it, also in a session of its own.
func TestLeftBehind(t *testing.T) {
	need(t, "setsid", "util-linux")
	labtest.Snapshot(t)
	p := labtest.Cmd{Args: []string{"lab01", "run", "sh", "-c", "setsid sleep 100 & exit 4"}}.Start(t)
	r := p.Wait()
	require.Equal(t, 4, r.Code, r)
	require.False(t, exists(cgroupOf(t, p.Pid)))
}

// A workload may make cgroups below its own, as a container engine in a container does. They go with it, whoever cleans
// up: the lab itself or, after SIGKILL, the guard.
func TestLeftBehindBelow(t *testing.T) {
	script := `dir=$ROOT/lab01-$PPID; mkdir -p "$dir/a/b" "$dir/c"
		for place in a a/b c; do sleep 100 & echo $! >"$dir/$place/cgroup.procs"; done
		` + pause + "; exit 4"
	for name, end := range map[string]func(*labtest.Process, func()){
		"after the end": func(p *labtest.Process, release func()) {
			release()
			r := p.Wait()
			require.Equal(t, 4, r.Code, r)
			require.Less(t, r.Duration, labtest.Scale(3*time.Second), "it must not wait in vain")
			require.NotContains(t, r.Stderr, "can't be removed")
			require.False(t, exists(cgroupOf(t, p.Pid)))
		},
		"after SIGKILL": func(p *labtest.Process, _ func()) { p.Signal(syscall.SIGKILL) },
	} {
		t.Run(name, func(t *testing.T) {
			labtest.Snapshot(t)
			p, release := paused(t, labtest.Cmd{
				Args: []string{"lab01", "run", "sh", "-c", script},
				Env:  []string{"ROOT=" + filepath.Dir(cgroupOf(t, 1))},
			})
			dir := cgroupOf(t, p.Pid)
			pids := procs(dir)
			for _, below := range []string{"a", "a/b", "c"} {
				members := procs(filepath.Join(dir, below))
				require.Len(t, members, 1, below)
				pids = append(pids, members...)
			}
			end(p, release)
			hasEnded(t, pids, dir)
		})
	}
}

// If nobody is left to clean up, the workload's first process ends nevertheless.
func TestKilledWithoutGuard(t *testing.T) {
	labtest.Snapshot(t)
	p, _ := paused(t, labtest.Cmd{Args: []string{"lab01", "run", "sh", "-c", pause}})
	killWithoutGuard(t, p)
}

// No program can catch SIGKILL; the guard can see it.
func TestKilledWithChildren(t *testing.T) {
	need(t, "stress", "stress")
	for name, family := range families {
		t.Run(name, func(t *testing.T) {
			labtest.Snapshot(t)
			p := labtest.Cmd{Args: family}.Start(t)
			dir := cgroupOf(t, p.Pid)
			pids := membersOf(t, dir)
			p.Signal(syscall.SIGKILL)
			hasEnded(t, pids, dir)
			require.Equal(t, 137, p.Wait().Code)
		})
	}
}

// Ctrl-C reaches everybody in the terminal's foreground, but not the guard.
func TestGuardHasASessionOfItsOwn(t *testing.T) {
	labtest.Snapshot(t)
	p, _ := paused(t, labtest.Cmd{Args: []string{"lab01", "run", "sh", "-c", pause}})
	guard := guardOf(t, p.Pid)
	session, _, errno := syscall.Syscall(syscall.SYS_GETSID, uintptr(guard), 0, 0)
	require.Zero(t, errno)
	require.Equal(t, guard, int(session))
}

func TestKilledAtEverySyscall(t *testing.T) {
	labtest.Snapshot(t)
	before := ourCgroups(t)
	nothingStays := func() { require.Equal(t, before, ourCgroups(t), "a cgroup stays") }
	labtest.KillAtEverySyscall(t, sweep(), labtest.Cmd{Args: []string{"lab01", "run", "-m", "100m", "sh", "-c", "sleep 0.1 & wait"}}, nothingStays)
}

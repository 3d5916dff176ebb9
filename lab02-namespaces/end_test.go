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

// families are workloads of one process and three children: whoever ends it must end them, too. Debian's stress has its
// workers die with it. The shell's children don't, and don't mind Ctrl-C either.
var families = map[string][]string{
	"stress": {"stress", "--vm-bytes", "5m", "--vm-keep", "-m", "3"},
	"shell":  {"sh", "-c", "sleep 100 & sleep 100 & sleep 100 & wait"},
}

// membersOf waits until the family is complete, and lists it and the lab's child above it.
func membersOf(t *testing.T, parent int) (pids []int) {
	t.Helper()
	labtest.Until(t, "there are three children", func() bool {
		for _, child := range labtest.Children(parent) {
			if args := labtest.Cmdline(child); len(args) == 0 || args[0] != "/proc/self/exe" {
				continue // the guard
			}
			for _, workload := range labtest.Children(child) {
				children := labtest.Children(workload)
				pids = append([]int{child, workload}, children...)
				return len(children) == 3 && !slices.ContainsFunc(children, func(pid int) bool { // and they are what they will be
					args := labtest.Cmdline(pid)
					return len(args) == 0 || args[0] == "sh"
				})
			}
		}
		return false
	})
	return pids
}

// areGone waits until none of the processes is left, nor the cgroup: at most two seconds.
func areGone(t *testing.T, pids []int, dir string) {
	t.Helper()
	within(t, 2*time.Second, "workload and cgroup are gone", func() bool {
		return !slices.ContainsFunc(pids, func(pid int) bool { return !isGone(pid) }) && !exists(dir)
	})
}

// with is each way to run lab02 that promises to end the whole workload.
var with = map[string]labtest.Cmd{
	"-m":                {Args: []string{"lab02", "-m", "100m"}},
	"-pid":              {Args: []string{"lab02", "-pid"}},
	"-pid -mnt -m":      {Args: []string{"lab02", "-pid", "-mnt", "-m", "100m"}},
	"-pid -user":        {Args: []string{"lab02", "-pid", "-user"}},
	"-pid, not as root": {Args: []string{"lab02", "-pid", "-user"}, User: 65534},
}

// each runs a test for these families and every such way.
func each(t *testing.T, names []string, test func(*testing.T, labtest.Cmd)) {
	need(t, "stress", "stress")
	for _, family := range names {
		for name, c := range with {
			c.Args = append(slices.Clone(c.Args), families[family]...)
			t.Run(family+" "+name, func(t *testing.T) {
				labtest.Snapshot(t)
				test(t, c)
			})
		}
	}
}

func TestSignals(t *testing.T) {
	for _, signal := range []syscall.Signal{syscall.SIGTERM, syscall.SIGHUP, syscall.SIGINT} {
		t.Run(signal.String(), func(t *testing.T) {
			each(t, []string{"shell"}, func(t *testing.T, c labtest.Cmd) {
				p := c.Start(t)
				pids := membersOf(t, p.Pid)
				p.Signal(signal)
				r := p.Wait()
				require.Equal(t, 128+int(signal), r.Code, r)
				areGone(t, pids, cgroupOf(t, p.Pid))
			})
		})
	}
}

// Only the guard, or the end of the PID namespace, can end the children then.
func TestKilledWithChildren(t *testing.T) {
	each(t, []string{"shell", "stress"}, func(t *testing.T, c labtest.Cmd) {
		p := c.Start(t)
		pids := membersOf(t, p.Pid)
		p.Signal(syscall.SIGKILL)
		areGone(t, pids, cgroupOf(t, p.Pid))
		require.Equal(t, 137, p.Wait().Code)
	})
}

// If nobody is left to clean up, the child ends nevertheless, and the workload with it.
func TestKilledWithoutGuard(t *testing.T) {
	for name, args := range map[string][]string{
		"with pid":    {"lab02", "-pid", "-m", "100m", "sh", "-c", "sleep 100 & sleep 100 & " + pause},
		"without pid": {"lab02", "sh", "-c", pause},
	} {
		t.Run(name, func(t *testing.T) {
			labtest.Snapshot(t)
			p, _ := paused(t, labtest.Cmd{Args: args})
			killWithoutGuard(t, p)
		})
	}
}

func TestCtrlC(t *testing.T) {
	each(t, []string{"shell", "stress"}, func(t *testing.T, c labtest.Cmd) {
		s := c.Pty(t)
		pids := membersOf(t, s.Pid)
		s.Send("\x03")
		require.Equal(t, 130, s.Wait(), s.Output())
		areGone(t, pids, cgroupOf(t, s.Pid))
	})
}

// Everybody at the terminal gets Ctrl-C, and the parent hands it on besides: it may reach the child when the workload
// has ended already. The exit code is the workload's nevertheless.
func TestCtrlCComesTwice(t *testing.T) {
	labtest.Snapshot(t)
	for range times(20) {
		s := labtest.Pty(t, "lab02", "-pid", "sh", "-c", "echo ready; exec sleep 100")
		s.Expect("ready")
		labtest.Until(t, "sleep runs", func() bool { return slices.Contains(labtest.Cmdline(workloadOf(t, s.Pid)), "sleep") })
		s.Send("\x03")
		require.Equal(t, 130, s.Wait(), s.Output())
	}
}

// Who ignores SIGTERM has two seconds, from the child as from the parent.
func TestStubbornWorkload(t *testing.T) {
	labtest.Snapshot(t)
	p, _ := paused(t, labtest.Cmd{Args: []string{"lab02", "-pid", "sh", "-c", `trap "" TERM; echo ready; while :; do sleep 0.1; done`}})
	began := time.Now()
	p.Signal(syscall.SIGTERM)
	r := p.Wait()
	require.Equal(t, 137, r.Code, r)
	require.InDelta(t, 2, time.Since(began).Seconds(), labtest.Scale(500*time.Millisecond).Seconds())
}

// What the workload leaves behind ends with it, also in a session of its own.
func TestLeftBehind(t *testing.T) {
	need(t, "setsid", "util-linux")
	for _, args := range [][]string{{"lab02"}, {"lab02", "-pid"}} {
		labtest.Snapshot(t)
		r := labtest.Run(t, append(args, "sh", "-c", "setsid sleep 100 & exit 4")...)
		require.Equal(t, 4, r.Code, r)
	}
}

// At whatever moment the parent dies: nothing stays, and if the workload has begun, then in its cgroup.
func TestKilledAtEverySyscall(t *testing.T) {
	for name, flags := range map[string][]string{
		"with pid":    {"-uts", "-pid", "-mnt", "-m", "100m"},
		"without pid": {"-uts", "-m", "100m"},
	} {
		t.Run(name, func(t *testing.T) {
			labtest.Snapshot(t)
			before, marker := ourCgroups(t), filepath.Join(t.TempDir(), "marker")
			script := fmt.Sprintf("cat /proc/self/cgroup >%s; sleep 0.1 & wait", marker)
			c := labtest.Cmd{Args: append(append([]string{"lab02"}, flags...), "sh", "-c", script)}
			labtest.KillAtEverySyscall(t, sweep(), c, func() {
				require.Equal(t, before, ourCgroups(t), "a cgroup stays")
				if place, err := os.ReadFile(marker); err == nil && len(place) > 0 {
					require.Regexp(t, `^/lab02-\d+$`, memoryPlace(string(place)))
				}
				os.Remove(marker)
			})
		})
	}
}

package main

import (
	"fmt"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"jocker/internal/labtest"
)

// tourOutput is what the tour prints; the numbers of processes and threads depend on the machine.
const tourOutput = `^  /mnt
    cgroup\.procs           \d+ lines +the processes in this cgroup, a number a line; write one to move it here
    tasks                  \d+ lines +the same for threads: a process with three threads has three lines
    cgroup\.clone_children  "0"        1: a new child copies this cgroup's settings \(only cpuset heeds it\)
    notify_on_release      "0"        1: when the last process leaves, run the root's release_agent
    release_agent          ""         the program to run then \(only in the root\)
    cgroup\.sane_behavior   "0"        a relic of the work on v2: always 0 \(only in the root\)
  /mnt/cgroup-1
    cgroup\.procs           ""         the processes in this cgroup, a number a line; write one to move it here
    tasks                  ""         the same for threads: a process with three threads has three lines
    cgroup\.clone_children  "0"        1: a new child copies this cgroup's settings \(only cpuset heeds it\)
    notify_on_release      "0"        1: when the last process leaves, run the root's release_agent
  /proc/self/cgroup: \d+:name=lab01:/cgroup-1
  /proc/self/cgroup: \d+:name=lab01:/
$`

func TestHierarchy(t *testing.T) {
	labtest.Snapshot(t)
	for range 2 { // what the first run makes doesn't hinder the second
		p := labtest.Cmd{Args: []string{"lab01", "hierarchy"}}.Start(t)
		r := p.Wait()
		require.Equal(t, 0, r.Code, r)
		require.Regexp(t, tourOutput, r.Stdout)
		require.Equal(t, fmt.Sprintf(`lab01: mount -t cgroup -o none,name=lab01 lab01 /mnt
lab01: mkdir cgroup-1 cgroup-2
lab01: echo %d > cgroup-1/cgroup.procs   # this program moves itself
lab01: no file here begins with memory. or cpu.: without a controller a hierarchy limits nothing
`, p.Pid), r.Stderr)
		require.Empty(t, ourHierarchy(t), "the hierarchy is gone when the lab is")
	}
}

// ourHierarchy is the line of /proc/self/cgroup that names the hierarchy of the tour, as long as there is one.
func ourHierarchy(t *testing.T) string {
	t.Helper()
	content, err := os.ReadFile("/proc/self/cgroup")
	require.NoError(t, err)
	for _, line := range strings.Split(string(content), "\n") {
		if strings.Contains(line, ":name=lab01:") {
			return line
		}
	}
	return ""
}

// The tour is over in an instant, so strace holds it in the middle, where one of its cgroups exists.
func TestHierarchyInterrupted(t *testing.T) {
	need(t, "strace", "strace")
	for signal, code := range map[syscall.Signal]int{syscall.SIGINT: 130, syscall.SIGTERM: 143} {
		t.Run(signal.String(), func(t *testing.T) {
			labtest.Snapshot(t)
			hold := fmt.Sprintf("inject=mkdirat:delay_exit=%d:when=1", labtest.Scale(500*time.Millisecond).Microseconds())
			p := labtest.Cmd{Args: []string{"strace", "-qqq", "-o", "/dev/null", "-e", "trace=mkdirat", "-e", hold,
				labtest.Bin(t, "lab01"), "hierarchy"}}.Start(t)
			labtest.Until(t, "the tour makes its cgroups", func() bool { return strings.Contains(p.Stderr(), "mkdir") })
			require.NotEmpty(t, ourHierarchy(t))
			require.Len(t, labtest.Children(p.Pid), 1)
			require.NoError(t, syscall.Kill(labtest.Children(p.Pid)[0], signal))
			r := p.Wait()
			require.Equal(t, code, r.Code, r)
			require.Regexp(t, `\nlab01: `+signal.String()+`: unmounted and removed\n$`, r.Stderr)
			require.Empty(t, ourHierarchy(t))
		})
	}
}

// After SIGKILL the cgroups go (the guard) and so does the mount (its namespace). The kernel may keep the empty
// hierarchy; the next tour takes it over and ends it.
func TestHierarchyKilled(t *testing.T) {
	labtest.Snapshot(t)
	labtest.KillAtEverySyscall(t, sweep(), labtest.Cmd{Args: []string{"lab01", "hierarchy"}}, nil)
	r := labtest.Run(t, "lab01", "hierarchy")
	require.Equal(t, 0, r.Code, r)
	require.Regexp(t, tourOutput, r.Stdout)
	require.Eventually(t, func() bool { return ourHierarchy(t) == "" }, labtest.Scale(2*time.Second), 10*time.Millisecond)
}

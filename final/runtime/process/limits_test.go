package process

import (
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/opencontainers/runtime-spec/specs-go"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

func itoa(n int) string { return strconv.Itoa(n) }

// limits reads /proc/PID/limits: "Max open files" to "1024 1024".
func limits(text string) map[string]string {
	got := map[string]string{}
	for _, line := range strings.Split(text, "\n") {
		if len(line) > 60 && strings.HasPrefix(line, "Max") {
			got[strings.TrimSpace(line[:26])] = strings.Join(strings.Fields(line[26:68]), " ")
		}
	}
	return got
}

func TestRlimits(t *testing.T) {
	before := newChild(t, "cat", "/proc/self/limits").output(t)

	c := newChild(t, "cat", "/proc/self/limits")
	c.Process.Rlimits = []specs.POSIXRlimit{
		{Type: "RLIMIT_NOFILE", Soft: 100, Hard: 200},
		{Type: "RLIMIT_CORE", Soft: 0, Hard: 0},
		{Type: "RLIMIT_FSIZE", Soft: 1 << 20, Hard: unix.RLIM_INFINITY},
		{Type: "RLIMIT_NPROC", Soft: 3, Hard: 3}, // fewer than the Go runtime has threads
		{Type: "RLIMIT_AS", Soft: 64 << 20, Hard: 64 << 20},
	}
	want := limits(before)
	want["Max open files"] = "100 200"
	want["Max core file size"] = "0 0"
	want["Max file size"] = "1048576 unlimited"
	want["Max processes"] = "3 3"
	want["Max address space"] = "67108864 67108864"
	require.Empty(t, cmp.Diff(want, limits(c.output(t))))
}

// The Go runtime raises its soft limit of open files. The container gets the original.
func TestFilesRestored(t *testing.T) {
	var own unix.Rlimit
	require.NoError(t, unix.Getrlimit(unix.RLIMIT_NOFILE, &own))
	c := newChild(t, "sh", "-c", "ulimit -Sn; ulimit -Hn")
	c.cmd.Path, c.cmd.Args = "/bin/sh", []string{"sh", "-c", "ulimit -Sn 123; exec /proc/" + itoa(unix.Getpid()) + "/exe"}
	require.Equal(t, "123\n"+strconv.FormatUint(own.Max, 10)+"\n", c.output(t))
}

// A hard limit that can't be raised.
func TestRlimitTooHigh(t *testing.T) {
	c := newChild(t, "true")
	c.Before = "noResource"
	c.Process.Rlimits = []specs.POSIXRlimit{{Type: "RLIMIT_SIGPENDING", Soft: 1, Hard: 101}}
	require.Equal(t, "raise hard limits that are too low: prlimit(0, RLIMIT_SIGPENDING, {soft: 1, hard: 101}): operation not permitted (EPERM): "+
		"the hard limit is now 100, and to raise it needs CAP_SYS_RESOURCE, which the runtime does not have; lower process.rlimits[0].hard", c.fails(t))
}

func init() {
	befores["noResource"] = func(*start, *Init) {
		must(unix.Setrlimit(unix.RLIMIT_SIGPENDING, &unix.Rlimit{Cur: 100, Max: 100}))
		var data [2]unix.CapUserData
		header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
		must(unix.Capget(&header, &data[0]))
		data[0].Effective &^= 1 << unix.CAP_SYS_RESOURCE
		must(unix.Capset(&header, &data[0]))
	}
}

func TestScheduler(t *testing.T) {
	c := newChild(t, "sh", "-c", "cat /proc/self/sched | grep policy; nice; grep Cpus_allowed_list /proc/self/status")
	c.Exec = true
	c.Process.Scheduler = &specs.Scheduler{Policy: specs.SchedBatch, Nice: 5}
	c.Process.ExecCPUAffinity = &specs.CPUAffinity{Final: "0"}
	require.Equal(t, []string{"policy", ":", "3", "5", "Cpus_allowed_list:", "0"}, strings.Fields(c.output(t)))

	c = newChild(t, "true")
	c.Process.Scheduler = &specs.Scheduler{Policy: specs.SchedDeadline, Runtime: 10, Deadline: 5, Period: 5}
	require.Equal(t, "schedule by SCHED_DEADLINE: sched_setattr(0, {SCHED_DEADLINE, nice: 0, priority: 0, runtime: 10, deadline: 5, period: 5, flags: []}): "+
		"invalid argument (EINVAL): the values don't fit the policy, or the kernel does not know a flag; see sched_setattr(2)", c.fails(t))

	c = newChild(t, "true")
	c.Exec = true
	c.Process.ExecCPUAffinity = &specs.CPUAffinity{Final: "8000"}
	require.Equal(t, "run on the CPUs 8000: sched_setaffinity(0, [8000]): invalid argument (EINVAL): "+
		"the machine has none of these CPUs, or the cgroup's cpuset lacks them", c.fails(t))
}

// The kernel's own word, by ioprio_get(2).
func TestIOPriority(t *testing.T) {
	c := newChild(t, "ionice")
	c.Process.IOPriority = &specs.LinuxIOPriority{Class: specs.IOPRIO_CLASS_BE, Priority: 6}
	require.Equal(t, "best-effort: prio 6\n", c.output(t))
}

func TestPersonality(t *testing.T) {
	c := newChild(t, "sh", "-c", "uname -m; cat /proc/self/personality")
	c.Personality = &specs.LinuxPersonality{Domain: specs.PerLinux32}
	out := strings.Fields(c.output(t))
	require.Equal(t, "00000008", out[1])
	require.NotContains(t, []string{"x86_64", "aarch64"}, out[0])
}

func TestOOMScore(t *testing.T) {
	c := newChild(t, "sh", "-c", "read line; cat /proc/self/oom_score_adj")
	pipe, err := c.cmd.StdinPipe()
	require.NoError(t, err)
	started := make(chan bool)
	go func() {
		<-started
		s := OOMScore(321, func() int { return c.cmd.Process.Pid })
		what, call := s.Say()
		require.Equal(t, "set how readily the process is killed for its memory", what)
		require.Equal(t, "write(\"/proc/"+itoa(c.cmd.Process.Pid)+"/oom_score_adj\", \"321\")", call)
		require.NoError(t, s.Do())
		pipe.Close()
	}()
	c.started = started
	require.Equal(t, "321\n", c.output(t))
	require.EqualError(t, OOMScore(1001, unix.Getpid).Do(), "process.oomScoreAdj: 1001 is not within -1000 to 1000")
}

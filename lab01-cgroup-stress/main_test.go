package main

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/require"

	"jocker/internal/labtest"
)

// The kernel's own count, read from outside while the cgroup is there, must agree with the verdict. The shell around
// the workload keeps the cgroup alive after the kill.
func TestLimitKills(t *testing.T) {
	need(t, "stress", "stress")
	for name, workload := range map[string][]string{
		"stress": {"stress"},
		"load":   {labtest.Bin(t, "lab01"), "load"},
	} {
		t.Run(name, func(t *testing.T) {
			labtest.Snapshot(t)
			args := []string{"lab01", "run", "-m", "30m", "--", "sh", "-c", `"$@"; code=$?; ` + pause + `; exit $code`, "sh"}
			args = append(append(args, workload...), "--vm-bytes", "60m", "--vm-keep", "-m", "1")
			p, release := paused(t, labtest.Cmd{Args: args})
			dir := cgroupOf(t, p.Pid)
			require.Equal(t, "31457280", memoryLimit(dir))
			require.Equal(t, "1", oomKills(dir))
			release()
			r := p.Wait()
			require.Equal(t, 1, r.Code, r)
			require.Contains(t, r.Stderr, "lab01: verdict: out of memory, the kernel killed 1 at the limit (peak use 30.0 MiB); a higher -m lets it live\n")
		})
	}
}

// The command of the guide, as it is typed there.
func TestCommandOfTheGuide(t *testing.T) {
	need(t, "stress", "stress")
	for _, workload := range []string{"stress", "load"} {
		t.Run(workload, func(t *testing.T) {
			labtest.Snapshot(t)
			r := labtest.Run(t, "lab01", "run", "-m", "100m", workload, "--vm-bytes", "200m", "--vm-keep", "-m", "1")
			require.Equal(t, 1, r.Code, r)
			require.Regexp(t, `(?m)^lab01: cgroup /sys/fs/cgroup/(memory/)?lab01-\d+$`, r.Stderr)
			require.Regexp(t, `(?m)^lab01: memory.(max|limit_in_bytes) = 104857600$`, r.Stderr)
			require.Contains(t, r.Stderr, "lab01: verdict: out of memory, the kernel killed 1 at the limit (peak use 100.0 MiB)")
		})
	}
}

func TestBelowTheLimitNobodyIsKilled(t *testing.T) {
	need(t, "stress", "stress")
	labtest.Snapshot(t)
	r := labtest.Run(t, "lab01", "run", "-m", "60m", "stress", "--vm-bytes", "30m", "--vm-keep", "-m", "1", "-t", "1")
	require.Equal(t, 0, r.Code, r)
	require.Regexp(t, `lab01: verdict: the kernel killed nobody \(peak use 3\d\.\d MiB\)\n$`, r.Stderr)
}

// Workloads that begin before they are in the cgroup are few, 2 to 5 of 200, so it takes 200 to see them; or a delay.
func TestInTheCgroupBeforeTheFirstInstruction(t *testing.T) {
	labtest.Snapshot(t)
	place := func(c labtest.Cmd) {
		t.Helper()
		r := c.Run(t)
		require.Equal(t, 0, r.Code, r)
		require.Regexp(t, `^/lab01-\d+$`, memoryPlace(r.Stdout), r)
	}
	for range times(200) {
		place(labtest.Cmd{Args: []string{"lab01", "run", "-m", "100m", "cat", "/proc/self/cgroup"}})
	}
	for range times(5) {
		place(delayed(t, labtest.Scale(20*time.Millisecond), "run", "cat", "/proc/self/cgroup"))
	}
}

func TestArgumentsArriveAsTheyAre(t *testing.T) {
	labtest.Snapshot(t)
	words := []string{"a  b", "", "-m", "--", "$0 $HOME `id` $(id)", `"'\`, "*", "two\nlines", "caf\xc3\xa9 \xff", " "}
	r := labtest.Run(t, append([]string{"lab01", "run", "--", "printf", `%s\0`}, words...)...)
	require.Equal(t, 0, r.Code, r)
	if d := cmp.Diff(words, strings.Split(strings.TrimSuffix(r.Stdout, "\x00"), "\x00")); d != "" {
		t.Errorf("arguments (- given, + arrived):\n%s", d)
	}
}

// Everything but the verdict is the workload's own: streams, working directory, environment.
func TestStreamsAndSurroundings(t *testing.T) {
	labtest.Snapshot(t)
	dir := t.TempDir()
	r := labtest.Cmd{
		Args:  []string{labtest.Bin(t, "lab01"), "run", "sh", "-c", `cat; pwd; echo "$WORD"; echo oops >&2`},
		Env:   []string{"WORD=a  b"},
		Dir:   dir,
		Stdin: strings.NewReader("typed\n"),
	}.Run(t)
	require.Equal(t, 0, r.Code, r)
	require.Equal(t, "typed\n"+dir+"\na  b\n", r.Stdout)
	require.Contains(t, r.Stderr, "\noops\n")
}

func TestExitCodes(t *testing.T) {
	labtest.Snapshot(t)
	codes := []int{0, 1, 2, 3, 77, 124, 125, 126, 127, 128, 129, 137, 254, 255}
	if os.Getenv("LABTEST_FULL") == "1" {
		codes = nil
		for code := range 256 {
			codes = append(codes, code)
		}
	}
	for _, code := range codes {
		r := labtest.Run(t, "lab01", "run", "sh", "-c", "exit "+strconv.Itoa(code))
		require.Equal(t, code, r.Code, r)
	}
	for _, signal := range []int{1, 2, 3, 6, 9, 11, 13, 15} { // HUP INT QUIT ABRT KILL SEGV PIPE TERM
		r := labtest.Run(t, "lab01", "run", "sh", "-c", fmt.Sprintf("ulimit -c 0; kill -%d $$", signal))
		require.Equal(t, 128+signal, r.Code, r)
		require.Contains(t, r.Stderr, "lab01: verdict: the kernel killed nobody", "a signal is no lack of memory")
	}
}

func TestNoLimit(t *testing.T) {
	labtest.Snapshot(t)
	p, release := paused(t, labtest.Cmd{Args: []string{"lab01", "run", "sh", "-c", pause}})
	require.Equal(t, "max", memoryLimit(cgroupOf(t, p.Pid)))
	release()
	r := p.Wait()
	require.Regexp(t, `^(?:lab01: enabled .*\n)?lab01: cgroup /\S+\nlab01: no limit \(-m sets one\)\nlab01: verdict: the kernel killed nobody \(peak use .*\)\n$`, r.Stderr)
}

// Without a limit for swap the workload is slowed down where it should be killed. On a machine with swap this is seen
// to happen; elsewhere only the files tell.
func TestSwap(t *testing.T) {
	need(t, "stress", "stress")
	labtest.Snapshot(t)
	limits := func(flags ...string) [2]string {
		args := append(append([]string{"lab01", "run"}, flags...), "sh", "-c", pause)
		p, release := paused(t, labtest.Cmd{Args: args})
		dir := cgroupOf(t, p.Pid)
		limits := [2]string{memoryLimit(dir), swapLimit(dir)}
		release()
		p.Wait()
		return limits
	}
	forbidden := "31457280" // the sum of memory and swap
	if _, v2 := labtest.Hierarchy("memory"); v2 {
		forbidden = "0"
	}
	require.Equal(t, [2]string{"31457280", forbidden}, limits("-m", "30m"))
	require.Equal(t, [2]string{"31457280", "max"}, limits("-m", "30m", "-swap"))

	r := labtest.Run(t, "lab01", "run", "-m", "30m", "-swap", "stress", "--vm-bytes", "40m", "--vm-keep", "-m", "1", "-t", "2")
	swaps, err := os.ReadFile("/proc/swaps")
	require.NoError(t, err)
	if strings.Count(string(swaps), "\n") > 1 {
		require.Equal(t, 0, r.Code, r)
		require.Contains(t, r.Stderr, "the kernel killed nobody")
	} else {
		require.Equal(t, 1, r.Code, r)
		require.Contains(t, r.Stderr, "the kernel killed 1")
	}
}

// The workload needs some memory to start at all.
func TestTooLittleToStart(t *testing.T) {
	for _, limit := range []string{"64k", "4k", "1"} {
		t.Run(limit, func(t *testing.T) {
			labtest.Snapshot(t)
			r := labtest.Run(t, "lab01", "run", "-m", limit, "true")
			require.Equal(t, 137, r.Code, r)
			require.Empty(t, r.Stdout)
			require.Regexp(t, `\nlab01: verdict: out of memory, the kernel killed 1 at the limit \(.*\); a higher -m lets it live\n$`, r.Stderr)
		})
	}
}

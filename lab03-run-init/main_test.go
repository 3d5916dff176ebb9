package main

import (
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/require"

	"jocker/internal/labtest"
)

// containerOf is process 1 of the container that the lab with this process number runs: its child that isn't the guard.
func containerOf(t *testing.T, parent int) int {
	t.Helper()
	for _, pid := range labtest.Children(parent) {
		if args := labtest.Cmdline(pid); args != nil && !slices.Contains(args, "lab03-guard") {
			return pid
		}
	}
	t.Fatalf("pid %d has no container", parent)
	return 0
}

// The kernel's own count, read from outside while the container is there, must agree with the verdict.
func TestLimitKills(t *testing.T) {
	need(t, "stress", "stress")
	labtest.Snapshot(t)
	p, release := paused(t, labtest.Cmd{Args: []string{
		"lab03", "run", "-ti", "-m", "30m", "sh", "-c", "stress --vm-bytes 60m --vm-keep -m 1; code=$?; " + pause + "; exit $code"}})
	dir := cgroupOf(t, p.Pid)
	require.Equal(t, "31457280", memoryLimit(dir))
	require.NotEqual(t, "max", swapLimit(dir))
	require.Equal(t, "1", oomKills(dir))
	require.Equal(t, []int{containerOf(t, p.Pid)}, procs(dir))
	release()
	r := p.Wait()
	require.Equal(t, 1, r.Code, r)
	require.Contains(t, r.Stderr, "lab03: verdict: out of memory, the kernel killed 1 at the limit (peak use 30.0 MiB); a higher -m lets it live\n")
}

func TestStressIsProcessOne(t *testing.T) {
	need(t, "stress", "stress")
	labtest.Snapshot(t)
	r := labtest.Run(t, "lab03", "run", "-m", "100m", "stress", "--vm-bytes", "200m", "--vm-keep", "-m", "1")
	require.Equal(t, 1, r.Code, r)
	require.Contains(t, r.Stdout, "stress: info: [1] dispatching hogs")
	require.Contains(t, r.Stderr, "the kernel killed 1 at the limit (peak use 100.0 MiB)")
}

func TestSwapUnlimited(t *testing.T) {
	labtest.Snapshot(t)
	p, release := paused(t, labtest.Cmd{Args: []string{"lab03", "run", "-ti", "-m", "30m", "-swap", "sh", "-c", pause + "; true"}})
	require.Equal(t, [2]string{"31457280", "max"}, [2]string{memoryLimit(cgroupOf(t, p.Pid)), swapLimit(cgroupOf(t, p.Pid))})
	release()
	require.Equal(t, 0, p.Wait().Code)
}

func TestTooLittleToStart(t *testing.T) {
	for _, limit := range []string{"64k", "4k"} {
		t.Run(limit, func(t *testing.T) {
			labtest.Snapshot(t)
			r := labtest.Run(t, "lab03", "run", "-m", limit, "true")
			require.Equal(t, 137, r.Code, r)
			require.Regexp(t, `\nlab03: verdict: out of memory, the kernel killed 1 at the limit \(.*\); a higher -m lets it live\n$`, r.Stderr)
		})
	}
}

func TestArgumentsArriveAsTheyAre(t *testing.T) {
	labtest.Snapshot(t)
	words := []string{"a  b", "", "-m", "--", "$0 $HOME `id` $(id)", `"'\`, "*", "two\nlines", "caf\xc3\xa9 \xff", " "}
	r := labtest.Run(t, append([]string{"lab03", "run", "--", "printf", `%s\0`}, words...)...)
	require.Equal(t, 0, r.Code, r)
	if d := cmp.Diff(words, strings.Split(strings.TrimSuffix(r.Stdout, "\x00"), "\x00")); d != "" {
		t.Errorf("arguments (- given, + arrived):\n%s", d)
	}
	// A program may look like a flag or a command of ours; and its name is its own business.
	r = labtest.Run(t, "lab03", "run", "sh", "-c", `echo "$0 $*"`, "run", "-ti", "init")
	require.Equal(t, "run -ti init\n", r.Stdout)
}

func TestExitCodes(t *testing.T) {
	labtest.Snapshot(t)
	for _, code := range []int{0, 1, 2, 77, 124, 125, 126, 127, 128, 137, 255} {
		r := labtest.Run(t, "lab03", "run", "sh", "-c", "exit "+strconv.Itoa(code))
		require.Equal(t, code, r.Code, r)
	}
	// The kernel protects process 1 from signals of its own namespace, SIGKILL included; its children it doesn't.
	r := labtest.Run(t, "lab03", "run", "sh", "-c", "kill -9 $$; kill -15 $$; sh -c 'kill -9 $$'; exit $?")
	require.Equal(t, 137, r.Code, r)
	require.Contains(t, r.Stderr, "lab03: verdict: the kernel killed nobody")
}

// Without -ti nobody can type. With it a pipe will do.
func TestInput(t *testing.T) {
	labtest.Snapshot(t)
	c := labtest.Cmd{Args: []string{"lab03", "run", "sh", "-c", "readlink /proc/self/fd/0; cat"}, Stdin: strings.NewReader("typed\n")}
	require.Equal(t, "/dev/null\n", c.Run(t).Stdout)
	c = labtest.Cmd{Args: []string{"lab03", "run", "-ti", "cat"}, Stdin: strings.NewReader("typed\n")}
	require.Equal(t, "typed\n", c.Run(t).Stdout)
}

func TestSurroundings(t *testing.T) {
	labtest.Snapshot(t)
	dir := t.TempDir()
	r := labtest.Cmd{
		Args: []string{labtest.Bin(t, lab), "run", "sh", "-c", `pwd; echo "$WORD"; echo oops >&2`},
		Env:  []string{"WORD=a  b"},
		Dir:  dir,
	}.Run(t)
	require.Equal(t, 0, r.Code, r)
	require.Equal(t, dir+"\na  b\n", r.Stdout)
	require.Contains(t, r.Stderr, "\noops\n")
}

package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/require"

	"jocker/internal/labtest"
)

// The demo of the source, without its mistakes: limited to 100m, stress has its 200m refused, and all of it is in the
// cgroup while it runs.
func TestDemo(t *testing.T) {
	need(t, "stress", "stress")
	labtest.Snapshot(t)
	r := labtest.Run(t, "lab02", "-uts", "-pid", "-mnt", "-m", "100m", "stress", "--vm-bytes", "200m", "--vm-keep", "-m", "1")
	require.Equal(t, 1, r.Code, r)
	require.Contains(t, r.Stderr, "lab02: verdict: out of memory, the kernel killed 1 at the limit (peak use 100.0 MiB); a higher -m lets it live\n")
	require.Len(t, table(r.Stderr), 7)
}

func TestDemoAsTheKernelSeesIt(t *testing.T) {
	need(t, "stress", "stress")
	for name, flags := range map[string][]string{
		"demo":        {"-uts", "-pid", "-mnt", "-m", "30m"},
		"without pid": {"-uts", "-m", "30m"},
	} {
		t.Run(name, func(t *testing.T) {
			labtest.Snapshot(t)
			args := append(append([]string{"lab02"}, flags...), "sh", "-c", "stress --vm-bytes 60m --vm-keep -m 1; code=$?; "+pause+"; exit $code")
			p, release := paused(t, labtest.Cmd{Args: args})
			dir := cgroupOf(t, p.Pid)
			require.Equal(t, "31457280", memoryLimit(dir))
			require.NotEqual(t, "max", swapLimit(dir))
			require.Equal(t, "1", oomKills(dir))
			require.Equal(t, []int{childOf(t, p.Pid), workloadOf(t, p.Pid)}, procs(dir), "the child and what it starts, and nobody else")
			release()
			r := p.Wait()
			require.Equal(t, 1, r.Code, r)
			require.Contains(t, r.Stderr, "the kernel killed 1 at the limit (peak use 30.0 MiB)")
			require.False(t, exists(dir))
		})
	}
}

// With -pid and no limit nothing needs a cgroup; without -pid root needs one to end what the workload has started.
func TestCgroupOnlyIfNeeded(t *testing.T) {
	labtest.Snapshot(t)
	p, release := paused(t, labtest.Cmd{Args: []string{"lab02", "-pid", "sh", "-c", pause}})
	require.False(t, exists(cgroupOf(t, p.Pid)))
	release()
	require.NotContains(t, p.Wait().Stderr, "cgroup /")

	p, release = paused(t, labtest.Cmd{Args: []string{"lab02", "sh", "-c", pause}})
	require.Equal(t, "max", memoryLimit(cgroupOf(t, p.Pid)))
	release()
	require.Contains(t, p.Wait().Stderr, "lab02: no limit (-m sets one)\n")
}

func TestSwapUnlimited(t *testing.T) {
	labtest.Snapshot(t)
	p, _ := paused(t, labtest.Cmd{Args: []string{"lab02", "-pid", "-m", "30m", "-swap", "sh", "-c", pause}})
	require.Equal(t, [2]string{"31457280", "max"}, [2]string{memoryLimit(cgroupOf(t, p.Pid)), swapLimit(cgroupOf(t, p.Pid))})
}

func TestArgumentsArriveAsTheyAre(t *testing.T) {
	labtest.Snapshot(t)
	words := []string{"a  b", "", "-m", "--", "$0 $HOME `id` $(id)", `"'\`, "*", "two\nlines", "caf\xc3\xa9 \xff", " "}
	r := labtest.Run(t, append([]string{"lab02", "-pid", "--", "printf", `%s\0`}, words...)...)
	require.Equal(t, 0, r.Code, r)
	if d := cmp.Diff(words, strings.Split(strings.TrimSuffix(r.Stdout, "\x00"), "\x00")); d != "" {
		t.Errorf("arguments (- given, + arrived):\n%s", d)
	}
}

// The workload has our streams, directory and environment, and nothing of how parent and child talk: neither the
// variable nor the pipe.
func TestSurroundings(t *testing.T) {
	labtest.Snapshot(t)
	dir := t.TempDir()
	r := labtest.Cmd{
		Args:  []string{labtest.Bin(t, lab), "-pid", "sh", "-c", `cat; pwd; echo "$WORD"; env | grep -c LAB02; test -e /proc/self/fd/3 && echo leaked; echo oops >&2`},
		Env:   []string{"WORD=a  b"},
		Dir:   dir,
		Stdin: strings.NewReader("typed\n"),
	}.Run(t)
	require.Equal(t, 0, r.Code, r)
	require.Equal(t, "typed\n"+dir+"\na  b\n0\n", r.Stdout)
	require.Contains(t, r.Stderr, "\noops\n")
}

func TestExitCodes(t *testing.T) {
	labtest.Snapshot(t)
	for _, pid := range [][]string{{"lab02"}, {"lab02", "-pid"}} {
		for _, code := range []int{0, 1, 2, 77, 125, 126, 127, 128, 137, 255} {
			r := labtest.Run(t, append(pid, "sh", "-c", "exit "+strconv.Itoa(code))...)
			require.Equal(t, code, r.Code, r)
		}
		for _, signal := range []int{2, 9, 11, 15} { // INT KILL SEGV TERM
			r := labtest.Run(t, append(pid, "sh", "-c", fmt.Sprintf("ulimit -c 0; kill -%d $$", signal))...)
			require.Equal(t, 128+signal, r.Code, r)
		}
	}
}

// The workload needs some memory to start at all, and so does the child.
func TestTooLittleToStart(t *testing.T) {
	for _, limit := range []string{"64k", "4k"} {
		t.Run(limit, func(t *testing.T) {
			labtest.Snapshot(t)
			marker := filepath.Join(t.TempDir(), "marker")
			r := labtest.Run(t, "lab02", "-pid", "-m", limit, "touch", marker)
			require.Equal(t, 137, r.Code, r)
			require.Regexp(t, `\nlab02: verdict: out of memory, the kernel killed 1 at the limit \(.*\); a higher -m lets it live\n$`, r.Stderr)
			_, err := os.Stat(marker)
			require.ErrorIs(t, err, os.ErrNotExist)
		})
	}
}

package main

import (
	"fmt"
	"os/exec"
	"testing"
	"time"

	"jocker/internal/labtest"

	"github.com/stretchr/testify/require"
)

// delayed makes the lab slow at the write(2)s of its first thread, from number first on: those into its cgroups' files
// and into the pipe to init are among them. strace(1) holds it before each.
func delayed(t *testing.T, first int, by time.Duration, c labtest.Cmd) labtest.Cmd {
	t.Helper()
	_, err := exec.LookPath("strace")
	require.NoError(t, err, "this test needs strace: apt-get install strace")
	c.Args = append([]string{"strace", "-qq", "-o", "/dev/null", "-e", "trace=write", "-e", fmt.Sprintf("inject=write:delay_enter=%d:when=%d+", by.Microseconds(), first),
		labtest.Bin(t, c.Args[0])}, c.Args[1:]...)
	return c
}

// TestBarrier: a program looks, first thing, which cgroups it is in. Without a barrier it would start at once, long
// before it has been moved into them. (The lab's first seven writes, and some more, set the limits.)
func TestBarrier(t *testing.T) {
	begin(t)
	times := max(often/int(labtest.Scale(1)), 3) // fewer on a slow machine
	for begun := 0; begun < times; {
		var batch []*labtest.Process
		for ; len(batch) < 10 && begun < times; begun++ {
			batch = append(batch, delayed(t, 8, labtest.Scale(20*time.Millisecond), command(t, "-m 100m -cpuset 1 -cpushare 512", "cat", "/proc/self/cgroup")).Start(t))
		}
		for _, p := range batch {
			r := p.Wait()
			require.Equal(t, 0, r.Code, r)
			if _, v2 := labtest.Hierarchy("memory"); v2 {
				require.Regexp(t, `(?m)^0::/`+lab+`-\d+$`, r.Stdout)
				continue
			}
			for _, controller := range []string{"memory", "cpu", "cpuset"} {
				require.Regexp(t, `(?m)^\d+:(\w+,)*`+controller+`(,\w+)*:/`+lab+`-\d+$`, r.Stdout)
			}
		}
	}
}

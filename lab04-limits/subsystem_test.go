package main

import (
	"os"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"jocker/internal/labtest"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/require"
)

func TestWeight(t *testing.T) {
	for shares, want := range map[uint64]uint64{
		2: 1, 3: 1, 28: 1, 29: 2, 256: 10, 512: 20, 1024: 39, 2048: 79, 131073: 5000, 262143: 9999, 262144: 10000,
	} {
		require.Equal(t, want, weight(shares), "%d shares", shares)
	}
	for shares := uint64(3); shares <= 262144; shares++ {
		if weight(shares) < weight(shares-1) {
			t.Fatalf("%d shares weigh less than one share less", shares)
		}
	}
}

func TestSettings(t *testing.T) {
	export := cmp.AllowUnexported(setting{})
	noSwap := !machineHasSwap()
	for _, c := range []struct {
		s      subsystem
		name   string
		v1, v2 []setting
	}{
		{memory{bytes: 100 << 20}, "memory",
			[]setting{{"memory.limit_in_bytes", "104857600", false}, {"memory.memsw.limit_in_bytes", "104857600", noSwap}},
			[]setting{{"memory.max", "104857600", false}, {"memory.swap.max", "0", noSwap}}},
		{memory{bytes: 1, swap: true}, "memory",
			[]setting{{"memory.limit_in_bytes", "1", false}},
			[]setting{{"memory.max", "1", false}}},
		{memory{}, "memory", nil, nil},
		{cpu{1024}, "cpu",
			[]setting{{"cpu.shares", "1024", false}},
			[]setting{{"cpu.weight", "39", false}}},
		{cpuset{"0-1,3"}, "cpuset",
			[]setting{{"cpuset.cpus", "0-1,3", false}, {"cpuset.mems", "", false}},
			[]setting{{"cpuset.cpus", "0-1,3", false}}},
	} {
		require.Equal(t, c.name, c.s.controller())
		require.Empty(t, cmp.Diff(c.v1, c.s.v1(), export), "%#v on v1", c.s)
		require.Empty(t, cmp.Diff(c.v2, c.s.v2(), export), "%#v on v2", c.s)
	}
}

// TestShares lets two containers fight for one processor: shares of 1024 and of 256 are a ratio of 4.
func TestShares(t *testing.T) {
	labtest.Snapshot(t)
	run := func(shares string) (*labtest.Process, int) {
		p := command(t, "-cpuset 0 -cpushare "+shares, "sh", "-c", "while :; do :; done").Start(t)
		return p, workload(t, p.Pid, "sh")
	}
	a, many := run("1024")
	b, few := run("256")
	many0, few0 := ticks(t, many), ticks(t, few)
	time.Sleep(2 * time.Second)
	many1, few1 := ticks(t, many), ticks(t, few)
	for _, pid := range []int{many, few} {
		syscall.Kill(pid, syscall.SIGKILL)
	}
	a.Wait()
	b.Wait()
	t.Logf("%d and %d hundredths of a second", many1-many0, few1-few0)
	require.InDelta(t, 4, float64(many1-many0)/float64(few1-few0), 1.8)
}

// ticks returns the processor time that a process has had, in hundredths of a second: on v1 the cpu controller doesn't count it.
func ticks(t *testing.T, pid int) int {
	t.Helper()
	text, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	require.NoError(t, err)
	_, rest, _ := strings.Cut(string(text), ") ")
	fields := strings.Fields(rest)
	user, err1 := strconv.Atoi(fields[11])
	system, err2 := strconv.Atoi(fields[12])
	require.NoError(t, err1)
	require.NoError(t, err2)
	return user + system
}

// TestSwap: -swap limits memory and leaves swap as it is.
func TestSwap(t *testing.T) {
	labtest.Snapshot(t)
	p := command(t, "-m 100m -swap", "sleep", "100").Start(t)
	pid := workload(t, p.Pid, "sleep")
	dir, v2 := cgroupOf(t, "memory", p.Pid)
	if v2 {
		require.Equal(t, "104857600", labtest.ReadCgroup(dir, "memory.max"))
		require.Contains(t, []string{"max", ""}, labtest.ReadCgroup(dir, "memory.swap.max"))
	} else {
		require.Equal(t, "104857600", labtest.ReadCgroup(dir, "memory.limit_in_bytes"))
		require.NotEqual(t, "104857600", labtest.ReadCgroup(dir, "memory.memsw.limit_in_bytes"))
	}
	syscall.Kill(pid, syscall.SIGKILL)
	require.Equal(t, 128+9, p.Wait().Code)
}

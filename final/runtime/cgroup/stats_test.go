package cgroup

import (
	"encoding/json"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/require"
)

// A container's statistics: what is limited is there, and what it used.
func TestStats(t *testing.T) {
	g := create(t)
	cmd := waiting(t, g)
	require.NoError(t, g.Set(resources(t, `{"memory": {"limit": 67108864, "swap": 67108864}, "pids": {"limit": 32}, "cpu": {"quota": 50000, "period": 100000, "cpus": "0"}}`)))
	busy := spawn(t, "spin")
	require.NoError(t, busy.Start())
	require.NoError(t, g.Add(busy.Process.Pid))
	for ticks(t, busy.Process.Pid) < 5 {
	}
	s, err := g.Stats()
	require.NoError(t, err)
	require.Greater(t, s.CPU.Usage.Total, uint64(2e7))
	require.Less(t, s.CPU.Usage.Total, uint64(1e12))
	require.Greater(t, s.CPU.Throttling.Periods, uint64(0))
	require.Equal(t, []uint16{0}, s.CPUSet.CPUs)
	require.Equal(t, []uint16{0}, s.CPUSet.Mems)
	require.EqualValues(t, 67108864, s.Memory.Usage.Limit)
	require.EqualValues(t, 67108864, s.Memory.Swap.Limit)
	require.Greater(t, s.Memory.Usage.Usage, uint64(0))
	require.NotEmpty(t, s.Memory.Raw)
	require.GreaterOrEqual(t, s.Pids.Current, uint64(2))
	require.EqualValues(t, 32, s.Pids.Limit)
	_ = cmd

	// The names are runc's, in its order.
	text, err := json.Marshal(s)
	require.NoError(t, err)
	var all map[string]json.RawMessage
	require.NoError(t, json.Unmarshal(text, &all))
	require.ElementsMatch(t, []string{"cpu", "cpuset", "memory", "pids", "blkio", "hugetlb", "intel_rdt", "network_interfaces"}, keys(all))

	require.NoError(t, g.Delete())
	s, err = g.Stats()
	require.NoError(t, err)
	require.Zero(t, s.Pids)
}

func TestParseStats(t *testing.T) {
	b := &Blkio{}
	parseIOStat(b, []byte("8:0 rbytes=4096 wbytes=1 rios=2 wios=0 dbytes=9 dios=3 cost.usage=5\n259:1 \nx rbytes=1\n"))
	want := &Blkio{
		IoServiceBytesRecursive: []BlkioEntry{{8, 0, "Read", 4096}, {8, 0, "Write", 1}, {8, 0, "Discard", 9}},
		IoServicedRecursive:     []BlkioEntry{{8, 0, "Read", 2}, {8, 0, "Write", 0}, {8, 0, "Discard", 3}},
	}
	if diff := cmp.Diff(want, b); diff != "" {
		t.Error(diff)
	}
	require.Equal(t, []BlkioEntry{{8, 16, "Sync", 5}, {8, 16, "", 7}}, parseBlkio([]byte("8:16 Sync 5\n8:16 7\nTotal 12\n8:16 Sync -1\n")))
	require.Equal(t, &Pressure{Some: PressureLine{0.5, 1, 2.25, 77}, Full: PressureLine{Total: 3}},
		parsePressure([]byte("some avg10=0.50 avg60=1.00 avg300=2.25 total=77\nfull avg10=0.00 avg60=0.00 avg300=0.00 total=3\n")))
	require.Nil(t, parsePressure(nil))
}

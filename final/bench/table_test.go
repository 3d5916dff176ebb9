package main

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestMedian(t *testing.T) {
	require.Equal(t, 2.0, median([]float64{3, 1, 2}))
	require.Equal(t, 2.5, median([]float64{4, 1, 3, 2}))
}

func TestRatio(t *testing.T) {
	round := func(ours, crun float64) Round {
		return Round{"run": {"ours": {ours, ours, 100 * ours}, "crun": {crun}}}
	}
	require.Equal(t, 0.5, ratio([]Round{round(1, 2), round(3, 2), round(10, 100), round(100, 200), round(1, 1)}, "run", "crun"))
}

func TestTable(t *testing.T) {
	r := Results{
		Rounds:   []Round{{"run": {"ours": {0.005}, "crun": {0.008}, "runc": {0.025}}}},
		RSS:      map[string]float64{"ours": 7 * 1024, "crun": 3 * 1024},
		MinLimit: map[string]float64{"ours": 1024},
		Binary:   4e6,
	}
	text := table(r)
	require.Regexp(t, `run /bin/true, against crun +5.00 ms +8.00 ms +25.00 ms +0.62 +1.00 +0.80  goal`, text)
	require.Regexp(t, `peak RSS, MiB .* 7.00 +6.00 +3.00  MISSED`, text)
	require.Regexp(t, `smallest memory limit, MiB .* 1.00 +1.00 +0.50  must`, text)
}

func TestEngineTable(t *testing.T) {
	r := EngineResults{
		Rounds: []Round{{"run": {"ours": {0.030}, "docker": {0.400}, "podman": {0.100}}, "none": {"ours": {0.010}, "docker": {0.1}, "podman": {0.1}}}},
		PSS:    map[string]float64{"ours": 1024, "podman": 512},
		Starts: []float64{0.02, 0.02, 0.03, 0.04, 0.04, 0.04},
		Ps:     []float64{0.003},
		Disk:   64 << 10,
	}
	text := engineTable(r)
	require.Regexp(t, `true, against docker +30.00 ms +400.00 ms +100.00 ms +0.07 +0.20 +0.10  goal`, text)
	require.Regexp(t, `true, against podman .* 0.30 +0.20 +0.10  MISSED`, text)
	require.Regexp(t, `none, against docker .* 0.10 +0.15 +0.08  must`, text)
	require.Regexp(t, `of 6 run -d .* 40.00 ms .* 2.00 +1.50 +1.10  MISSED`, text)
}

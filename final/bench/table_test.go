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

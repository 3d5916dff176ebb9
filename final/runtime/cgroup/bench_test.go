package cgroup

import (
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"jocker/final/runtime/step"
)

// BenchmarkLife is what a container's start and end do: locate, plan, make, limit, open the doors, delete. runc's default
// devices, and the limits of docker run -m 100m --pids-limit 100 --cpus 1.5.
func BenchmarkLife(b *testing.B) {
	r := resources(b, `{"devices": [{"allow": false, "access": "rwm"}], "memory": {"limit": 104857600, "swap": 104857600},
		"cpu": {"quota": 150000, "period": 100000}, "pids": {"limit": 100}}`)
	b.ReportAllocs()
	for i := 0; i < b.N; i++ {
		g, err := Locate("/cgroup-bench", "")
		require.NoError(b, err)
		plan, err := g.Steps(r)
		require.NoError(b, err)
		for _, list := range [][]step.Step{plan.Before, plan.Beside, plan.Late} {
			require.NoError(b, step.Apply(list, step.Runtime, nil, nil))
		}
		doors, err := g.Doors()
		require.NoError(b, err)
		for _, fd := range doors {
			unix.Close(fd)
		}
		require.NoError(b, g.Delete())
	}
}

func BenchmarkLocate(b *testing.B) {
	b.ReportAllocs()
	for i := 0; i < b.N; i++ {
		if _, err := Locate("/cgroup-bench", ""); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkPlan(b *testing.B) {
	r := resources(b, `{"devices": [{"allow": false, "access": "rwm"}], "memory": {"limit": 104857600, "swap": 104857600},
		"cpu": {"quota": 150000, "period": 100000}, "pids": {"limit": 100}}`)
	g, err := Locate("/cgroup-bench", "")
	require.NoError(b, err)
	b.ReportAllocs()
	for i := 0; i < b.N; i++ {
		if _, err := g.Steps(r); err != nil {
			b.Fatal(err)
		}
	}
}

package ocitest

import (
	"testing"

	"github.com/opencontainers/runtime-spec/specs-go"
	"github.com/stretchr/testify/require"

	"jocker/internal/labtest"
)

func TestMain(m *testing.M) { labtest.Main(m) }

func TestPeersRunBundles(t *testing.T) {
	labtest.Snapshot(t)
	bundle := NewBundle(t, func(s *specs.Spec) {
		s.Hostname = "jocker"
		s.Process.Args = []string{"sh", "-c", "hostname; exit 3"}
	})
	for _, r := range []Runtime{Runc(t), Crun(t)} {
		result := r.RunBundle(t, "hello", bundle)
		require.Equal(t, 3, result.Code, "%s: %v", r.Name, result)
		require.Equal(t, "jocker\n", result.Stdout, r.Name)
	}
}

func TestCreateDelete(t *testing.T) {
	labtest.Snapshot(t)
	for _, r := range []Runtime{Runc(t), Crun(t)} {
		bundle := NewBundle(t, func(s *specs.Spec) { s.Process.Args = []string{"sleep", "100"} })
		result := r.Create(t, "sleeper", bundle)
		require.Equal(t, 0, result.Code, "%s: %v", r.Name, result)
		require.Equal(t, 0, r.Run(t, "start", "sleeper").Code, r.Name)
		require.Contains(t, r.Run(t, "state", "sleeper").Stdout, `"running"`, r.Name)
	}
}

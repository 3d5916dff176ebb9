package hook

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/opencontainers/runtime-spec/specs-go"
	"github.com/stretchr/testify/require"
)

func sh(script string, env ...string) specs.Hook {
	return specs.Hook{Path: "/bin/sh", Args: []string{"sh", "-c", script}, Env: env}
}

// A hook gets the state, its own environment and nothing of ours.
func TestRun(t *testing.T) {
	t.Setenv("SECRET", "of the runtime")
	out := filepath.Join(t.TempDir(), "out")
	first, second := sh(`cat >"$OUT"; echo " $SECRET$A" >>"$OUT"`, "OUT="+out, "A=b"), sh(`echo second >>"$OUT"`, "OUT="+out)
	require.NoError(t, Run("prestart", []specs.Hook{first, second}, []byte(`{"pid":7}`)))
	data, err := os.ReadFile(out)
	require.NoError(t, err)
	require.Equal(t, "{\"pid\":7} b\nsecond\n", string(data))
}

// The first hook that fails is the last.
func TestFailure(t *testing.T) {
	never := filepath.Join(t.TempDir(), "never")
	hooks := []specs.Hook{sh("echo oh; echo no >&2; exit 3"), sh("echo >" + never)}
	require.EqualError(t, Run("createRuntime", hooks, nil), "hooks.createRuntime[0] (/bin/sh): exit status 3: oh\nno")
	require.NoFileExists(t, never)
	hooks[0].Path = "/missing"
	require.ErrorContains(t, Run("poststop", hooks[:1], nil), "hooks.poststop[0] (/missing): ")
	require.ErrorContains(t, Run("poststop", []specs.Hook{sh("kill -9 $$")}, nil), "signal: killed")
}

func TestTimeout(t *testing.T) {
	one := 1
	slow := sh("echo busy; exec sleep 60")
	slow.Timeout = &one
	started := time.Now()
	require.EqualError(t, Run("prestart", []specs.Hook{slow}, nil),
		"hooks.prestart[0] (/bin/sh): was not done within its time-out of 1 s, and was killed: busy")
	require.Less(t, time.Since(started), 30*time.Second)
}

// A hook that leaves a process behind with its output still open must not keep the runtime.
func TestBackground(t *testing.T) {
	started := time.Now()
	require.NoError(t, Run("prestart", []specs.Hook{sh("sleep 5 &")}, make([]byte, 1<<20)))
	require.Less(t, time.Since(started), 4*time.Second)
}

package attacks

import (
	"encoding/json"
	"os"
	"path/filepath"

	"github.com/opencontainers/runtime-spec/specs-go"
	"github.com/stretchr/testify/require"
)

// edit changes a bundle's config.json.
func (a *arena) edit(bundle string, change func(*specs.Spec)) {
	a.t.Helper()
	path := filepath.Join(bundle, "config.json")
	raw, err := os.ReadFile(path)
	require.NoError(a.t, err)
	var s specs.Spec
	require.NoError(a.t, json.Unmarshal(raw, &s))
	change(&s)
	raw, err = json.Marshal(s)
	require.NoError(a.t, err)
	require.NoError(a.t, os.WriteFile(path, raw, 0o644))
}

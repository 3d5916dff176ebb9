package main

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"jocker/internal/labtest"
)

// fixture is a folder that holds files as a cgroup does.
func fixture(t *testing.T, files map[string]string) *cgroup {
	t.Helper()
	dir := t.TempDir()
	for name, content := range files {
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte(content), 0o644))
	}
	_, v1 := files["memory.oom_control"]
	return &cgroup{dir: dir, v2: !v1}
}

func TestVerdict(t *testing.T) {
	events := "low 0\nhigh 0\nmax 41\noom 2\noom_kill 2\noom_group_kill 0\n"
	for name, c := range map[string]struct {
		files       map[string]string
		kills, peak int64
	}{
		"v2":                   {map[string]string{"memory.events": events, "memory.peak": "104857600\n"}, 2, 104857600},
		"v2 before Linux 5.19": {map[string]string{"memory.events": events}, 2, 0},
		"v2, all is well":      {map[string]string{"memory.events": "low 0\nhigh 0\nmax 0\noom 0\noom_kill 0\n", "memory.peak": "4096\n"}, 0, 4096},
		"v1": {map[string]string{
			"memory.oom_control":        "oom_kill_disable 0\nunder_oom 0\noom_kill 7\n",
			"memory.max_usage_in_bytes": "31457280\n",
		}, 7, 31457280},
	} {
		t.Run(name, func(t *testing.T) {
			kills, peak, err := fixture(t, c.files).verdict()
			require.NoError(t, err)
			require.Equal(t, c.kills, kills)
			require.Equal(t, c.peak, peak)
		})
	}
}

func TestVerdictUnknown(t *testing.T) {
	_, _, err := fixture(t, map[string]string{"memory.oom_control": "oom_kill_disable 0\nunder_oom 0\n"}).verdict()
	require.EqualError(t, err, "memory.oom_control has no oom_kill: it came with Linux 4.13")
	_, _, err = fixture(t, map[string]string{"memory.events": "oom_kill many\n", "memory.peak": "1\n"}).verdict()
	require.ErrorContains(t, err, `"many"`)
	_, _, err = fixture(t, map[string]string{"memory.events": "oom_kill 0\n", "memory.peak": "max\n"}).verdict()
	require.ErrorContains(t, err, `"max"`)
	_, _, err = fixture(t, nil).verdict()
	require.ErrorIs(t, err, os.ErrNotExist)
}

// A key is a whole word: oom_kill_disable and oom_group_kill have other meanings.
func TestReadKey(t *testing.T) {
	cg := fixture(t, map[string]string{"f": "oom_kill_disable 1\noom 2\noom_group_kill 3\noom_kill 4\nempty\nlast 5"})
	for key, want := range map[string]int64{"oom_kill_disable": 1, "oom": 2, "oom_group_kill": 3, "oom_kill": 4, "last": 5} {
		got, err := cg.readKey("f", key)
		require.NoError(t, err, key)
		require.Equal(t, want, got, key)
	}
	for _, key := range []string{"oo", "kill", "oom_kill 4", "empty"} {
		_, err := cg.readKey("f", key)
		require.Error(t, err, key)
	}
}

// A file that isn't there must not be made, which os.WriteFile would try: the kernel then says "permission denied".
func TestWriteMakesNoFile(t *testing.T) {
	cg := fixture(t, nil)
	err := cg.write("memory.max", "1")
	require.EqualError(t, err, "open "+cg.dir+"/memory.max: no such file or directory: "+
		"this controller isn't enabled in the parent's cgroup.subtree_control, or the kernel lacks it")
	require.NoFileExists(t, cg.dir+"/memory.max")
}

// What is asked of the kernel: a plain file in place of its own keeps what was written last. A controller that is
// listed already is asked for again, since its files may not all be there yet.
func TestEnable(t *testing.T) {
	for _, before := range []string{"cpu io memory pids\n", "", "cpu\n", "memory_other\n"} {
		cg := fixture(t, map[string]string{"cgroup.subtree_control": before})
		require.NoError(t, enable(cg.dir, "memory"))
		require.Equal(t, "+memory", labtest.ReadCgroup(cg.dir, "cgroup.subtree_control"), "before: %q", before)
	}
	require.ErrorIs(t, enable(t.TempDir(), "memory"), os.ErrNotExist)
}

// What the lab finds by custom is what the table of mounts says.
func TestMemoryHierarchy(t *testing.T) {
	root, v2, err := memoryHierarchy()
	require.NoError(t, err)
	wantRoot, wantV2 := labtest.Hierarchy("memory")
	require.Equal(t, wantRoot, root)
	require.Equal(t, wantV2, v2)
}

func TestRemoveWhatIsNotThere(t *testing.T) {
	require.NoError(t, (&cgroup{dir: filepath.Join(t.TempDir(), "never made")}).remove())
}

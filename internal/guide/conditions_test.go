package guide

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestMemoryOnV2 tries the mountinfo of machines with each layout of cgroups.
func TestMemoryOnV2(t *testing.T) {
	for name, c := range map[string]struct {
		mountinfo   string // DIR is the test's folder
		controllers string // of the hierarchy that is mounted there
		want        bool
	}{
		"v2":               {"25 30 0:23 / DIR rw,nosuid shared:4 - cgroup2 cgroup2 rw,nsdelegate", "cpuset cpu io memory pids\n", true},
		"hybrid":           {"31 25 0:27 / DIR rw shared:9 master:2 - cgroup2 cgroup2 rw", "hugetlb\n", false},
		"v2, but empty":    {"31 25 0:27 / DIR rw - cgroup2 cgroup2 rw", "\n", false},
		"v1":               {"35 25 0:31 / DIR rw shared:13 - cgroup cgroup rw,memory", "memory\n", false},
		"other controller": {"25 30 0:23 / DIR rw - cgroup2 cgroup2 rw", "memory_of_things\n", false},
		"second mount":     {"20 30 0:23 / /nowhere rw - cgroup2 cgroup2 rw\n25 30 0:23 / DIR rw - cgroup2 cgroup2 rw", "memory\n", true},
		"no cgroups":       {"22 30 0:20 / /proc rw - proc proc rw", "memory\n", false},
		"cut":              {"22 30 - cgroup2 x", "memory\n", false},
	} {
		t.Run(name, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "with blank")
			require.NoError(t, os.Mkdir(dir, 0o755))
			require.NoError(t, os.WriteFile(filepath.Join(dir, "cgroup.controllers"), []byte(c.controllers), 0o644))
			escaped := strings.ReplaceAll(dir, " ", `\040`)
			mountinfo := filepath.Join(dir, "mountinfo")
			require.NoError(t, os.WriteFile(mountinfo, []byte(strings.ReplaceAll(c.mountinfo, "DIR", escaped)+"\n"), 0o644))
			require.Equal(t, c.want, memoryOnV2(mountinfo))
		})
	}
	require.False(t, memoryOnV2("/nowhere"))
}

func TestSwapOn(t *testing.T) {
	const head = "Filename\t\t\t\tType\t\tSize\t\tUsed\t\tPriority\n"
	file := filepath.Join(t.TempDir(), "swaps")
	for text, want := range map[string]bool{"": false, head: false, head + "/dev/sda2 partition 1 0 -2\n": true} {
		require.NoError(t, os.WriteFile(file, []byte(text), 0o644))
		require.Equal(t, want, swapOn(file), "%q", text)
	}
	require.False(t, swapOn("/nowhere"))
}

func TestOrdinaryUsers(t *testing.T) {
	for setting, want := range map[string]bool{
		"user/max_user_namespaces 0":                     false,
		"user/max_user_namespaces 95000":                 true,
		"kernel/apparmor_restrict_unprivileged_userns 1": false,
		"kernel/apparmor_restrict_unprivileged_userns 0": true,
		"kernel/unprivileged_userns_clone 0":             false,
		"kernel/unprivileged_userns_clone 1":             true,
	} {
		name, value, _ := strings.Cut(setting, " ")
		file := filepath.Join(t.TempDir(), name)
		require.NoError(t, os.MkdirAll(filepath.Dir(file), 0o755))
		require.NoError(t, os.WriteFile(file, []byte(value+"\n"), 0o644))
		require.Equal(t, want, ordinaryUsers(filepath.Dir(filepath.Dir(file))), setting)
	}
	require.True(t, ordinaryUsers("/nowhere"), "a kernel without these settings")
}

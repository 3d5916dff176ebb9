package labtest

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/require"
)

const table = `22 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw,errors=remount-ro
40 22 0:30 / /mnt/with\040space\134 rw shared:7 master:3 propagate_from:2 - tmpfs a\011tab rw,size=4k
41 22 0:31 /sub /mnt/a rw,nosuid - overlay - rw,lowerdir=/a - b
this line is damaged
`

func TestParseMounts(t *testing.T) {
	want := []mount{
		{"/", "/", "rw,relatime", "shared", "ext4", "/dev/sda1", "rw,errors=remount-ro"},
		{"/", `/mnt/with space\`, "rw", "shared master propagate_from", "tmpfs", "a\ttab", "rw,size=4k"},
		{"/sub", "/mnt/a", "rw,nosuid", "", "overlay", "-", "rw,lowerdir=/a - b"},
	}
	require.Empty(t, cmp.Diff(want, parseMounts(table)))
}

func FuzzParseMounts(f *testing.F) {
	f.Add(table)
	f.Fuzz(func(t *testing.T, table string) {
		require.LessOrEqual(t, len(parseMounts(table)), strings.Count(table, "\n")+1)
	})
}

func TestLayout(t *testing.T) {
	const (
		v2     = "31 22 0:27 / %v2 rw - cgroup2 cgroup2 rw,nsdelegate\n"
		cpu    = "33 22 0:29 / /sys/fs/cgroup/cpu,cpuacct rw shared:9 - cgroup cgroup rw,cpu,cpuacct\n"
		part   = "34 22 0:29 /docker/x /mnt/cpu rw - cgroup cgroup rw,cpu,cpuacct\n"
		named  = "35 22 0:30 / /sys/fs/cgroup/systemd rw - cgroup cgroup rw,xattr,name=systemd\n"
		memory = "36 22 0:31 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n"
	)
	unified := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(unified, "cgroup.controllers"), []byte("io pids\n"), 0o644))

	for want, lines := range map[string]string{
		"":       named,
		"v1":     named + cpu + memory,
		"v2":     named + v2,
		"hybrid": part + cpu + v2 + named,
	} {
		require.Equal(t, want, layout(parseMounts(strings.ReplaceAll(lines, "%v2", unified))))
	}

	hybrid := parseMounts(strings.ReplaceAll(part+cpu+v2+named, "%v2", unified))
	for controller, want := range map[string]struct {
		dir string
		v2  bool
	}{
		"cpuacct":      {"/sys/fs/cgroup/cpu,cpuacct", false},
		"pids":         {unified, true},
		"name=systemd": {"/sys/fs/cgroup/systemd", false},
		"memory":       {},
		"cgroup":       {},
	} {
		dir, v2 := hierarchy(hybrid, controller)
		require.Equal(t, want.dir, dir, controller)
		require.Equal(t, want.v2, v2, controller)
	}
	dir, _ := hierarchy(parseMounts(part), "cpu")
	require.Equal(t, "/mnt/cpu", dir, "better a part than nothing")
}

// TestThisMachine asks the kernel in a second way: by being in the cgroup that was found.
func TestThisMachine(t *testing.T) {
	Snapshot(t)
	t.Logf("cgroups: %s", Layout())
	require.Contains(t, []string{"v1", "v2", "hybrid"}, Layout())
	dir, v2 := Hierarchy("pids")
	require.NotEmpty(t, dir)
	require.Equal(t, Layout() == "v2", v2 && Layout() == "v2")

	group := filepath.Join(dir, "labtest-machine")
	require.NoError(t, os.Mkdir(group, 0o755))
	defer os.Remove(group)
	p := Cmd{Args: []string{"sleep", "78"}}.Start(t)
	require.NoError(t, os.WriteFile(filepath.Join(group, "cgroup.procs"), []byte(strconv.Itoa(p.Pid)), 0))
	require.Equal(t, strconv.Itoa(p.Pid), ReadCgroup(group, "cgroup.procs"))
	where, err := os.ReadFile("/proc/" + strconv.Itoa(p.Pid) + "/cgroup")
	require.NoError(t, err)
	require.Contains(t, string(where), ":/labtest-machine\n")
	require.Empty(t, ReadCgroup(group, "no.such.file"))
	p.Signal(9)
	require.Equal(t, 128+9, p.Wait().Code)
}

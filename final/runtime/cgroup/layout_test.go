package cgroup

import (
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/require"
)

func TestParseMounts(t *testing.T) {
	table := strings.Join([]string{
		`22 1 0:21 / /proc rw,nosuid - proc proc rw`,
		`31 23 0:28 / /sys/fs/cgroup rw,relatime - tmpfs tmpfs rw,mode=755`,
		`32 31 0:29 / /sys/fs/cgroup/cpu,cpuacct rw,relatime shared:9 master:1 - cgroup cgroup rw,cpu,cpuacct`,
		`33 31 0:30 /docker/ab /sys/fs/cgroup/me\040mory rw - cgroup none rw,memory,nsroot=/x`,
		`34 31 0:31 / /sys/fs/cgroup/systemd rw - cgroup cgroup rw,xattr,name=systemd`,
		`35 31 0:32 / /sys/fs/cgroup/mine rw - cgroup cgroup rw,name=mine`,
		`36 31 0:33 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw,nsdelegate`,
		`37 31 0:29 / /mnt/again rw - cgroup cgroup rw,cpu,cpuacct`,
		`38 36 0:33 /x/sub /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw`,
		`39 36 0:33 / /short rw - cgroupX a b`,
		`40 36 - cgroup`,
		``,
	}, "\n")
	want := []mount{
		{1, []string{"cpu", "cpuacct"}, "/", entry{"32", "31", "/sys/fs/cgroup/cpu,cpuacct"}},
		{1, []string{"memory"}, "/docker/ab", entry{"33", "31", "/sys/fs/cgroup/me mory"}},
		{1, []string{"name=systemd"}, "/", entry{"34", "31", "/sys/fs/cgroup/systemd"}},
		{2, nil, "/x/sub", entry{"38", "36", "/sys/fs/cgroup/unified"}},
	}
	if diff := cmp.Diff(want, parseMounts([]byte(table)), cmp.AllowUnexported(mount{}, entry{})); diff != "" {
		t.Error(diff)
	}
}

// What something lies upon, anywhere on the way, cannot be seen.
func TestVisible(t *testing.T) {
	const ramdisk = "1 1 0:1 / / rw - rootfs x rw\n"
	const above = "20 1 0:2 / / rw - ext4 x rw\n22 20 0:3 / /sys rw - sysfs x rw\n30 22 0:4 / /sys/fs/cgroup rw - tmpfs x rw\n"
	const base = above + "31 30 0:5 / /sys/fs/cgroup/pids rw - cgroup x rw,pids\n"
	for name, test := range map[string]struct{ table, want string }{
		"nothing":              {base, "/sys/fs/cgroup/pids"},
		"on a path beside":     {base + "40 30 0:6 / /sys/fs/cgroup/pid rw - tmpfs x rw\n", "/sys/fs/cgroup/pids"},
		"on it":                {base + "40 31 0:6 / /sys/fs/cgroup/pids rw - tmpfs x rw\n", ""},
		"below it":             {base + "40 31 0:6 / /sys/fs/cgroup/pids/a rw - tmpfs x rw\n", "/sys/fs/cgroup/pids"},
		"on the one above":     {base + "40 30 0:6 / /sys/fs/cgroup rw - tmpfs x rw\n", ""},
		"on a directory above": {base + "40 22 0:6 / /sys/fs rw - tmpfs x rw\n", ""},
		"again, upon that": {base + "40 31 0:6 / /sys/fs/cgroup/pids rw - tmpfs x rw\n41 40 0:5 / /sys/fs/cgroup/pids rw - cgroup x rw,pids\n",
			"/sys/fs/cgroup/pids"},
		"beneath it": {above + "31 40 0:5 / /sys/fs/cgroup/pids rw - cgroup x rw,pids\n40 30 0:6 / /sys/fs/cgroup/pids rw - tmpfs x rw\n",
			"/sys/fs/cgroup/pids"},
		"on the root":         {base + "40 20 0:6 / / rw - tmpfs x rw\n", "/sys/fs/cgroup/pids"},
		"what is on the root": {ramdisk + base, ""},
		"elsewhere, too":      {base + "40 31 0:6 / /sys/fs/cgroup/pids rw - tmpfs x rw\n41 20 0:5 / /a\\040b rw - cgroup x rw,pids\n", "/a b"},
	} {
		got := ""
		for _, m := range parseMounts([]byte(test.table)) {
			got += m.point
		}
		require.Equal(t, test.want, got, name)
	}
}

func TestUnescape(t *testing.T) {
	for in, want := range map[string]string{
		`/a`: "/a", `a\040b\011c\012d\134e`: "a b\tc\nd\\e", `\`: `\`, `\04`: `\04`, `\999`: `\999`, `\777x`: `\777x`, `x\134134`: `x\134`,
	} {
		require.Equal(t, want, unescape(in), in)
	}
}

func TestMembership(t *testing.T) {
	table := []byte("11:cpu,cpuacct:/a:b\n4:memory:/m\n1:name=systemd:/s\n0::/u\n")
	for controller, want := range map[string]string{"cpu": "/a:b", "cpuacct": "/a:b", "memory": "/m", "name=systemd": "/s", "": "/u"} {
		path, ok := membership(table, controller)
		require.True(t, ok)
		require.Equal(t, want, path)
	}
	_, ok := membership(table, "pids")
	require.False(t, ok)
}

func TestBelow(t *testing.T) {
	for _, test := range [][3]string{
		{"/", "/a/b", "/a/b"}, {"/docker/x", "/docker/x/y", "/y"}, {"/docker/x", "/docker/x", "/"}, {"/docker/x", "/docker/xy", "/"}, {"/docker", "/../z", "/"},
	} {
		require.Equal(t, test[2], below(test[1], test[0]), test)
	}
}

// Paths on this machine.
func TestLocate(t *testing.T) {
	own, err := os.ReadFile("/proc/self/cgroup")
	require.NoError(t, err)
	for _, test := range []struct{ path, want string }{{"", "/box"}, {"/a//b/./c", "/a/b/c"}, {"/x", "/x"}} {
		g, err := Locate(test.path, "box")
		require.NoError(t, err)
		for i := range g.Hierarchies {
			require.Equal(t, test.want, g.Hierarchies[i].Path)
			require.Equal(t, g.Hierarchies[i].Mount+test.want, g.Hierarchies[i].Dir())
		}
	}
	g, err := Locate("a/b", "box")
	require.NoError(t, err)
	for i := range g.Hierarchies {
		h := &g.Hierarchies[i]
		base := h.place(own)
		if h.Version == 2 {
			base = base[:strings.LastIndexByte(base, '/')]
		}
		require.Equal(t, strings.TrimSuffix(base, "/")+"/a/b", h.Path)
	}
	for path, want := range map[string]string{
		"/a/../b":                      `linux.cgroupsPath "/a/../b": a cgroup's path must not contain ".."`,
		"..":                           `linux.cgroupsPath "..": a cgroup's path must not contain ".."`,
		"/":                            `linux.cgroupsPath "/": the root of a hierarchy cannot be a container's cgroup; name one below it`,
		"./.":                          `linux.cgroupsPath "./.": the root of a hierarchy cannot be a container's cgroup; name one below it`,
		"/a\x00":                       `linux.cgroupsPath "/a\x00": a cgroup's path must not contain a zero byte or a newline`,
		"/" + strings.Repeat("x", 256): `linux.cgroupsPath "/` + strings.Repeat("x", 256) + `": a name in it is longer than 255 bytes`,
	} {
		_, err := Locate(path, "box")
		require.EqualError(t, err, want)
	}
}

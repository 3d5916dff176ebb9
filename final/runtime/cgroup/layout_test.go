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
		{1, []string{"cpu", "cpuacct"}, "/", "/sys/fs/cgroup/cpu,cpuacct"},
		{1, []string{"memory"}, "/docker/ab", "/sys/fs/cgroup/me mory"},
		{1, []string{"name=systemd"}, "/", "/sys/fs/cgroup/systemd"},
		{2, nil, "/x/sub", "/sys/fs/cgroup/unified"},
	}
	if diff := cmp.Diff(want, parseMounts([]byte(table)), cmp.AllowUnexported(mount{})); diff != "" {
		t.Error(diff)
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

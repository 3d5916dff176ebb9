package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"jocker/internal/labtest"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/require"
)

var exportMount = cmp.AllowUnexported(mount{})

func TestParseMount(t *testing.T) {
	for line, want := range map[string]mount{
		// A v1 hierarchy, and one that carries two controllers.
		`41 32 0:36 / /sys/fs/cgroup/memory rw,nosuid,nodev,noexec,relatime shared:22 - cgroup cgroup rw,memory`:           {"/", "/sys/fs/cgroup/memory", "cgroup", []string{"rw", "memory"}},
		`36 32 0:33 / /sys/fs/cgroup/cpu,cpuacct rw,nosuid,nodev,noexec,relatime shared:15 - cgroup cgroup rw,cpu,cpuacct`: {"/", "/sys/fs/cgroup/cpu,cpuacct", "cgroup", []string{"rw", "cpu", "cpuacct"}},
		`34 32 0:29 / /sys/fs/cgroup/systemd rw shared:9 - cgroup cgroup rw,xattr,name=systemd`:                            {"/", "/sys/fs/cgroup/systemd", "cgroup", []string{"rw", "xattr", "name=systemd"}},
		// v2.
		`30 23 0:26 / /sys/fs/cgroup rw,nosuid shared:4 - cgroup2 cgroup2 rw,nsdelegate`: {"/", "/sys/fs/cgroup", "cgroup2", []string{"rw", "nsdelegate"}},
		// Optional fields: none, one, several.
		`22 27 0:21 / /proc rw - proc proc rw`:                                        {"/", "/proc", "proc", []string{"rw"}},
		`22 27 0:21 / /proc rw master:1 - proc proc rw`:                               {"/", "/proc", "proc", []string{"rw"}},
		`22 27 0:21 / /proc rw shared:7 master:1 propagate_from:2 - proc proc rw`:     {"/", "/proc", "proc", []string{"rw"}},
		`22 27 0:21 / /proc rw shared:7 new_in_linux_9 unbindable - proc proc rw,x=y`: {"/", "/proc", "proc", []string{"rw", "x=y"}},
		// Escapes: a blank, a tab, a newline, a backslash; what looks like one after a backslash isn't one.
		`41 32 0:36 / /tmp/my\040memory rw - cgroup cgroup rw,memory`:        {"/", "/tmp/my memory", "cgroup", []string{"rw", "memory"}},
		`41 32 0:36 /a\011b /c\012d\134e rw - ext4 /dev/vda rw`:              {"/a\tb", "/c\nd\\e", "ext4", []string{"rw"}},
		`41 32 0:36 / /tmp/\134040 rw - ext4 /dev/vda rw`:                    {"/", `/tmp/\040`, "ext4", []string{"rw"}},
		`41 32 0:36 / /tmp/a\040-\040b rw - ext4 /dev/vda rw`:                {"/", "/tmp/a - b", "ext4", []string{"rw"}},
		`41 32 0:36 / /tmp/- rw - ext4 /dev/vda rw`:                          {"/", "/tmp/-", "ext4", []string{"rw"}},
		`41 32 0:36 / /x rw - 9p host rw,trans=virtio,a\040b,c=\054 `:        {"/", "/x", "9p", []string{"rw", "trans=virtio", `a\040b`, `c=\054`}},
		`41 32 0:36 / /x rw - tmpfs  rw`:                                     {"/", "/x", "tmpfs", []string{"rw"}}, // mounted without a source
		`28 27 0:4 net:[4026531840] /run/netns/a rw - nsfs nsfs rw`:          {"net:[4026531840]", "/run/netns/a", "nsfs", []string{"rw"}},
		`41 32 0:36 /docker/1f /sys/fs/cgroup/cpu ro - cgroup cgroup rw,cpu`: {"/docker/1f", "/sys/fs/cgroup/cpu", "cgroup", []string{"rw", "cpu"}},
	} {
		m, ok := parseMount(line)
		require.True(t, ok, line)
		require.Empty(t, cmp.Diff(want, m, exportMount), line)
	}

	for _, line := range []string{
		``, ` `, `-`, ` - `, ` - cgroup cgroup rw,memory`,
		`41 32 0:36 / /sys/fs/cgroup/memory - cgroup cgroup rw,memory`,    // no mount options
		`41 32 0:36 / /sys/fs/cgroup/memory rw`,                           // cut off
		`41 32 0:36 / /sys/fs/cgroup/memory rw shared:22 - cgroup cgroup`, // no super options
		`41 32 0:36 / /sys/fs/cgroup/memory rw shared:22 -cgroup cgroup rw,memory`,
	} {
		m, ok := parseMount(line)
		require.False(t, ok, line)
		require.Empty(t, cmp.Diff(mount{}, m, exportMount), line)
	}
}

// FuzzParseMount: whatever the line, no panic; and what we write into a line is what comes out of it.
func FuzzParseMount(f *testing.F) {
	f.Add("", "sys/fs/cgroup/memory", "shared:22", "cgroup", "rw,memory")
	f.Add("a b", "c\td\n\\040 - ", "", "cgroup2", "rw")
	f.Fuzz(func(t *testing.T, root, point, optional, fstype, options string) {
		parseMount(root)
		parseMount(root + " - " + point)

		root, point = "/"+root, "/"+point // they always are so
		escape := strings.NewReplacer(" ", `\040`, "\t", `\011`, "\n", `\012`, `\`, `\134`).Replace
		if optional != "" {
			optional = " " + escape(optional)
		}
		line := "41 32 0:36 " + escape(root) + " " + escape(point) + " rw" + optional + " - " + escape(fstype) + " source " + escape(options)
		if optional == " -" {
			return // the kernel never calls an optional field so: it ends them
		}
		m, ok := parseMount(line)
		require.True(t, ok, line)
		require.Empty(t, cmp.Diff(mount{root, point, escape(fstype), strings.Split(escape(options), ",")}, m, exportMount), line)
	})
}

const (
	v1Host = `22 27 0:21 / /proc rw - proc proc rw
31 23 0:28 / /sys/fs/cgroup ro - tmpfs tmpfs rw,mode=755
32 31 0:29 / /sys/fs/cgroup/systemd rw shared:9 - cgroup cgroup rw,xattr,name=systemd
36 31 0:33 / /sys/fs/cgroup/cpu,cpuacct rw shared:15 - cgroup cgroup rw,cpu,cpuacct
38 31 0:34 / /sys/fs/cgroup/cpuset rw shared:16 - cgroup cgroup rw,cpuset
41 31 0:36 / /sys/fs/cgroup/memory rw shared:22 - cgroup cgroup rw,memory
`
	v2Host = `22 27 0:21 / /proc rw - proc proc rw
30 23 0:26 / /sys/fs/cgroup rw shared:4 - cgroup2 cgroup2 rw,nsdelegate
`
	hybridHost = `42 31 0:40 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw
` + v1Host
)

func TestFind(t *testing.T) {
	type answer struct {
		root   string
		v2, ok bool
	}
	v1, v2, none := func(root string) answer { return answer{root, false, true} }, func(root string) answer { return answer{root, true, true} }, answer{}
	for _, c := range []struct {
		name, info string
		enabled    string // the controllers of every cgroup2 mount
		want       map[string]answer
	}{
		{"v1", v1Host, "", map[string]answer{
			"memory": v1("/sys/fs/cgroup/memory"), "cpuset": v1("/sys/fs/cgroup/cpuset"),
			"cpu": v1("/sys/fs/cgroup/cpu,cpuacct"), "cpuacct": v1("/sys/fs/cgroup/cpu,cpuacct"),
			"pids": none, "systemd": none, "": none}},
		{"v2", v2Host, "cpuset cpu memory", map[string]answer{
			"memory": v2("/sys/fs/cgroup"), "cpu": v2("/sys/fs/cgroup"), "cpuset": v2("/sys/fs/cgroup"), "pids": none}},
		{"hybrid", hybridHost, "pids hugetlb", map[string]answer{
			"memory": v1("/sys/fs/cgroup/memory"), "cpu": v1("/sys/fs/cgroup/cpu,cpuacct"),
			"pids": v2("/sys/fs/cgroup/unified"), "io": none}},
		{"a controller isn't the beginning of another, nor a file system that is called so", `
41 31 0:36 / /a rw - cgroup cgroup rw,memory2
41 31 0:36 / /memory rw - tmpfs memory rw,memory
41 31 0:36 / /b rw - cgroupfs cgroup rw,memory
`, "memory2", map[string]answer{"memory": none, "memory2": v1("/a"), "cpu": none}},
		{"several mounts of one hierarchy: the first", `
41 31 0:36 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory
99 31 0:36 / /tmp/my\040memory rw - cgroup cgroup rw,memory
`, "", map[string]answer{"memory": v1("/sys/fs/cgroup/memory")}},
		{"mounts of a part of the tree are no hierarchy", `
41 31 0:36 /docker/1f /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory
42 31 0:26 /user.slice /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw
43 31 0:36 /.. /mnt rw - cgroup cgroup rw,memory
99 31 0:36 / /tmp/my\040memory rw - cgroup cgroup rw,memory
`, "pids", map[string]answer{"memory": v1("/tmp/my memory"), "pids": none}},
		{"no cgroup at all", "22 27 0:21 / /proc rw - proc proc rw\n", "memory", map[string]answer{"memory": none}},
		{"nothing at all", "", "memory", map[string]answer{"memory": none}},
	} {
		t.Run(c.name, func(t *testing.T) {
			for controller, want := range c.want {
				root, v2, ok := find(c.info, controller, func(string) []string { return strings.Fields(c.enabled) })
				require.Equal(t, want, answer{root, v2, ok}, controller)
			}
		})
	}

	// Of two v2 mounts each is asked for its own controllers. (They always have the same; find shouldn't rely on it.)
	root, _, _ := find("1 1 0:1 / /a rw - cgroup2 x rw\n1 1 0:1 / /b\\040c rw - cgroup2 x rw\n", "memory", func(dir string) []string {
		return map[string][]string{"/b c": {"memory"}}[dir]
	})
	require.Equal(t, "/b c", root)
}

// privately is a shell script that begins in a mount namespace of its own, from which nothing gets out.
func privately(script string, args ...string) labtest.Cmd {
	return labtest.Cmd{Args: append([]string{"unshare", "--mount", "--propagation", "private", "sh", "-ec", script}, args...)}
}

// TestUncustomaryPlace moves the hierarchy of the memory controller to a path that mountinfo has to escape.
func TestUncustomaryPlace(t *testing.T) {
	labtest.Snapshot(t)
	customary, _ := labtest.Hierarchy("memory")
	place := filepath.Join(t.TempDir(), "my memory\tof\\040cgroups")
	require.NoError(t, os.Mkdir(place, 0o755))
	r := privately(`mount --bind "$1" "$2"; umount -l "$1"; shift 2; exec "$@"`,
		"sh", customary, place, labtest.Bin(t, "lab04"), "run", "-m", "100m", "cat", "/proc/self/cgroup").Run(t)
	require.Equal(t, 0, r.Code, r)
	require.Contains(t, r.Stderr, "lab04: cgroup "+place+"/lab04-", r)
	require.Regexp(t, `:(|.*memory.*):/lab04-\d+\n`, r.Stdout)
}

func TestNoCgroups(t *testing.T) {
	labtest.Snapshot(t)
	r := privately(`
		awk '/ - cgroup2? / { print $5 }' /proc/self/mountinfo | while read -r point; do umount -l "$point"; done
		if grep ' - cgroup' /proc/self/mountinfo; then exit 1; fi
		exec "$@"`,
		"sh", labtest.Bin(t, "lab04"), "run", "-m", "100m", "true").Run(t)
	require.Equal(t, 125, r.Code, r)
	require.Equal(t, "lab04: no memory controller: no cgroup or cgroup2 mount in /proc/self/mountinfo has it; "+
		"look for cgroup_disable= in /proc/cmdline (a Raspberry Pi needs cgroup_enable=memory there)\n", r.Stderr)
}

package rootfs

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/opencontainers/runtime-spec/specs-go"
	"github.com/stretchr/testify/require"

	"jocker/final/runtime/cgroup"
)

// inCgroup puts a container into a cgroup of its own.
func (b *box) inCgroup() *cgroup.Group {
	b.t.Helper()
	g, err := cgroup.Locate(fmt.Sprintf("/jocker-rootfs-test-%d", os.Getpid()), "")
	require.NoError(b.t, err)
	require.NoError(b.t, g.Create())
	b.t.Cleanup(func() { require.NoError(b.t, g.Delete()) })
	b.Cgroups = hierarchies(g)
	for i := range g.Hierarchies {
		b.join = append(b.join, g.Hierarchies[i].Dir()+"/cgroup.procs")
	}
	return g
}

// hierarchies returns what a mount of type cgroup shows of a container's cgroup: on cgroup v2 the one
// tree, on v1 all of its trees. A tree of v2 beside these has no controller of interest, and is left out.
func hierarchies(g *cgroup.Group) (list []Hierarchy) {
	for i := range g.Hierarchies {
		h := &g.Hierarchies[i]
		switch {
		case h.Version == 1:
			list = append(list, Hierarchy{filepath.Base(h.Mount), strings.Join(h.Controllers, ","), h.Dir()})
		case len(g.Hierarchies) == 1:
			list = append(list, Hierarchy{Path: h.Dir()})
		}
	}
	return list
}

// The container sees its own cgroup as the whole tree, in each hierarchy.
func TestCgroup(t *testing.T) {
	b := newBox(t)
	g := b.inCgroup()
	b.mount("sysfs", "/sys", "sysfs", "nosuid", "noexec", "nodev", "ro")
	b.mount("cgroup", "/sys/fs/cgroup", "cgroup", "nosuid", "noexec", "nodev", "relatime", "ro")
	out := b.must(`for f in $(busybox find /sys/fs/cgroup -name cgroup.procs -maxdepth 2); do echo $f $(busybox cat $f); done
		busybox cat /proc/self/mountinfo`)
	shown, info := "", out
	if i := strings.Index(out, " - "); i >= 0 {
		i = strings.LastIndex(out[:i], "\n") + 1
		shown, info = out[:i], out[i:]
	}
	if len(b.Cgroups) == 1 && b.Cgroups[0].Name == "" {
		require.Equal(t, "/sys/fs/cgroup/cgroup.procs 1\n", firstWords(shown))
		require.Equal(t, map[string]string{"/sys/fs/cgroup": "ro,nosuid,nodev,noexec,relatime"}, pick(parseMountinfo(info), "/sys/fs/cgroup"))
		return
	}
	want := map[string]string{"/sys/fs/cgroup": "/ ro,nosuid,nodev,noexec,relatime - tmpfs tmpfs rw,mode=755"}
	got := map[string]string{}
	for place, line := range parseMountinfo(info) {
		if strings.HasPrefix(place, "/sys/fs/cgroup") {
			line = strings.Replace(line, " master", "", 1)
			if i := strings.Index(line, "- cgroup "); i >= 0 { // the source's name is the host's
				line = line[:i] + "- cgroup " + line[strings.LastIndex(line, " ")+1:]
			}
			got[place] = line
		}
	}
	for _, h := range g.Hierarchies {
		if h.Version == 1 {
			option := strings.Join(h.Controllers, ",")
			want["/sys/fs/cgroup/"+filepath.Base(h.Mount)] = "/ ro,nosuid,nodev,noexec,relatime - cgroup rw," + option
			require.Contains(t, shown, "/sys/fs/cgroup/"+filepath.Base(h.Mount)+"/cgroup.procs 1 ")
		}
	}
	require.Greater(t, len(want), 2)
	require.Empty(t, cmp.Diff(want, got))
}

func firstWords(s string) string {
	f := strings.Fields(s)
	return f[0] + " " + f[1] + "\n"
}

// Without a cgroup namespace the place is the same: the container's own cgroup on v1, the tree on v2.
func TestCgroupNoNamespace(t *testing.T) {
	b := newBox(t)
	g := b.inCgroup()
	b.Namespaces = without(b.Namespaces, specs.CgroupNamespace)
	b.mount("cgroup", "/tmp", "cgroup")
	out := b.must(`busybox find /tmp -name cgroup.procs -print0 | busybox xargs -0 busybox grep -lx 1`)
	for _, h := range b.Cgroups {
		if h.Name == "" {
			require.Equal(t, "/tmp"+g.Hierarchies[0].Path+"/cgroup.procs\n", out)
		} else {
			require.Contains(t, out, "/tmp/"+h.Name+"/cgroup.procs\n")
		}
	}
}

// In a namespace that was there before, the tree begins at its root, and not at the container's cgroup.
func TestCgroupJoined(t *testing.T) {
	b := newBox(t)
	b.inCgroup()
	for i := range b.Namespaces {
		if b.Namespaces[i].Type == specs.CgroupNamespace {
			b.Namespaces[i].Path = "/proc/self/ns/cgroup"
		}
	}
	b.mount("cgroup", "/tmp", "cgroup")
	out := b.must(`busybox find /tmp -name cgroup.procs 2>/dev/null | busybox xargs busybox grep -lxs 1; true`)
	require.Contains(t, out, "/jocker-rootfs-test-")
	require.NotContains(t, out, "/tmp/memory/cgroup.procs")
}

// Controllers that share a hierarchy are each found by their own name.
func TestCgroupLinks(t *testing.T) {
	b := newBox(t)
	list := []Hierarchy{{Name: "cpu,cpuacct", Option: "cpu,cpuacct", Path: b.path("h")}, {Name: "systemd", Option: "name=systemd", Path: b.path("h")}}
	b.write("h/file", "x")
	b.Cgroups = list
	b.mount("cgroup", "/tmp", "cgroup")
	if fs, err := os.ReadFile("/sys/fs/cgroup/cgroup.controllers"); err == nil {
		t.Skipf("this machine has cgroup v2 only (%s), and no links", fs)
	}
	require.Equal(t, "cpu\ncpu,cpuacct\ncpuacct\nsystemd\ncpu,cpuacct\ncpu,cpuacct\nfile\n",
		b.must("busybox ls /tmp; busybox readlink /tmp/cpu; busybox readlink /tmp/cpuacct; busybox ls /tmp/cpu/"))
}

// A user namespace that has no cgroup namespace of its own may not mount cgroup2, and gets what the host sees.
func TestCgroupUserNamespace(t *testing.T) {
	b := userBox(t)
	b.inCgroup()
	b.join = nil // it may not
	b.Namespaces = without(b.Namespaces, specs.CgroupNamespace)
	b.mount("cgroup", "/tmp", "cgroup", "ro", "nosuid")
	require.Regexp(t, `^(/tmp/(.*/)?cgroup.procs\n)+closed\n$`, b.must(
		`for f in /tmp/cgroup.procs /tmp/*/cgroup.procs; do [ -e $f ] && echo $f; done; (echo 0 >/tmp/cgroup.procs) 2>/dev/null || echo closed`))
}

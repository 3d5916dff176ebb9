package cgroup

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// These tests compare whole messages. Those of v2 need a v2 hierarchy with a controller; a hybrid machine may have one.

// part returns the v2 part of a group, and a file of one of its controllers that does not count for threads.
func part(t *testing.T, g *Group) (v2 *Group, file, controller string) {
	t.Helper()
	h := g.v2()
	if h == nil || !h.has("hugetlb") {
		t.Skip("this machine has no v2 hierarchy with the hugetlb controller; internal/vm runs one")
	}
	return &Group{Hierarchies: []Hierarchy{*h}}, "hugetlb.2MB.max", "hugetlb"
}

// child returns a group below, not yet made.
func child(g *Group, name string) *Group {
	c := again(g)
	for i := range c.Hierarchies {
		c.Hierarchies[i].Path += "/" + name
	}
	return c
}

// A cgroup that holds processes gives its children no controllers.
func TestWhyNotEnabled(t *testing.T) {
	all := create(t)
	g, file, controller := part(t, all)
	waiting(t, g)
	box := child(g, "box")
	require.NoError(t, box.Create())
	defer box.Delete()
	h := &box.Hierarchies[0]
	require.EqualError(t, h.write(file, "0"), fmt.Sprintf("write(%q, \"0\"): no such file or directory (ENOENT): the %s controller is not enabled "+
		"in %s/cgroup.subtree_control, and cannot be: that cgroup holds processes itself; move them into a child of it",
		h.Dir()+"/"+file, controller, g.Hierarchies[0].Dir()))
	require.False(t, h.whyEnabled(h.Dir(), file))
	require.Equal(t, "domain", files(g, "cgroup.type")["cgroup.type"], "nor has it become one for threads")
}

// Somebody has closed the gate since.
func TestWhyClosed(t *testing.T) {
	g, file, controller := part(t, create(t))
	box := child(g, "box")
	require.NoError(t, box.Create())
	defer box.Delete()
	gate := g.Hierarchies[0].Dir() + "/cgroup.subtree_control"
	require.NoError(t, writeFile(gate, "-"+controller))
	h := &box.Hierarchies[0]
	require.EqualError(t, h.write(file, "0"), fmt.Sprintf("write(%q, \"0\"): no such file or directory (ENOENT): the %s controller is not enabled "+
		"in %s until now; it is, so try again", h.Dir()+"/"+file, controller, gate))
	require.NoError(t, h.write(file, "0"))
}

// A cgroup for threads has no place for a container below it.
func TestWhyThreaded(t *testing.T) {
	g, _, _ := part(t, create(t))
	threads := child(g, "threads")
	require.NoError(t, os.Mkdir(threads.Hierarchies[0].Dir(), 0o755))
	defer threads.Delete()
	err := writeFile(threads.Hierarchies[0].Dir()+"/cgroup.type", "threaded")
	if err != nil { // the test before has left a domain controller enabled, as Create does everywhere
		require.NoError(t, writeFile(g.Hierarchies[0].Dir()+"/cgroup.subtree_control", "-hugetlb"))
		require.NoError(t, writeFile(threads.Hierarchies[0].Dir()+"/cgroup.type", "threaded"))
	}
	box := child(g, "box")
	require.NoError(t, box.Create())
	defer box.Delete()
	cmd := spawn(t, "wait")
	require.NoError(t, cmd.Start())
	require.EqualError(t, box.Add(cmd.Process.Pid), fmt.Sprintf("write(\"%s/cgroup.procs\", \"%d\"): operation not supported (ENOTSUP): "+
		"the cgroup is of type \"domain invalid\", for threads only; use one whose ancestors are of type domain",
		box.Hierarchies[0].Dir(), cmd.Process.Pid))
}

func TestWhyMissing(t *testing.T) {
	v2 := &Hierarchy{Version: 2, Controllers: []string{"memory"}, Mount: "/tmp", Path: "/"}
	require.Equal(t, "there is no io controller in /tmp/cgroup.controllers: the kernel is built without it, or it is turned off (cgroup_disable=), "+
		"in use by a v1 hierarchy, or not delegated to us", v2.whyMissing("/tmp", "io.max"))
	require.Equal(t, "the cgroup is gone; was it removed meanwhile?", v2.whyMissing("/nowhere", "io.max"))
	v1 := &Hierarchy{Version: 1, Controllers: []string{"memory"}, Mount: "/tmp", Path: "/"}
	require.Equal(t, "this kernel has no such file: it is too old, too new or built without it", v1.whyMissing("/tmp", "memory.new"))

	g := create(t)
	require.ErrorContains(t, g.Set(resources(t, `{"hugepageLimits": [{"pageSize": "3KB", "limit": 0}]}`)),
		"no such file or directory (ENOENT): this machine has no huge pages of 3KB; see /sys/kernel/mm/hugepages")
}

// A limit below what is in use: v1's kernel refuses it, v2's would kill, unless it is asked to look first.
func TestWhyBusy(t *testing.T) {
	g := create(t)
	cmd := spawn(t, "hold")
	cmd.Stdin = nil
	in, err := cmd.StdinPipe()
	require.NoError(t, err)
	defer in.Close()
	out, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	require.NoError(t, g.Add(cmd.Process.Pid))
	_, err = in.Write([]byte{1})
	require.NoError(t, err)
	_, err = out.Read(make([]byte, 1))
	require.NoError(t, err)
	err = g.Set(resources(t, `{"memory": {"limit": 1048576, "checkBeforeUpdate": true}}`))
	if g.find("memory").Version == 2 {
		require.Regexp(t, `^memory.limit is 1048576, but \d+ bytes are in use: the kernel would kill processes of the container \(memory.checkBeforeUpdate\)$`, err)
		return
	}
	require.Regexp(t, `/memory.limit_in_bytes", "1048576"\): device or resource busy \(EBUSY\): more memory than that is in use \(\d+\), and cannot be freed; choose a higher limit$`, err)
}

// A processor that isn't there.
func TestWhyProcessor(t *testing.T) {
	g := create(t)
	online, err := os.ReadFile("/sys/devices/system/cpu/online")
	require.NoError(t, err)
	err = g.Set(resources(t, `{"cpu": {"cpus": "4095"}}`))
	require.ErrorContains(t, err, `/cpuset.cpus", "4095"): `)
	require.ErrorContains(t, err, ": the list is wrong, or names what this machine hasn't; it has "+strings.TrimSpace(string(online)))
}

func TestNoMounts(t *testing.T) {
	require.Empty(t, parseMounts([]byte("22 1 0:1 / /proc rw - proc proc rw\n")))
}

package cgroup

import (
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

// end waits for a child and returns how it ended.
func end(t testing.TB, cmd *exec.Cmd) syscall.WaitStatus {
	t.Helper()
	done := make(chan error, 1)
	go func() { done <- cmd.Wait() }()
	select {
	case <-done:
		return cmd.ProcessState.Sys().(syscall.WaitStatus)
	case <-time.After(20 * time.Second):
		t.Fatal("the child does not end")
		panic("unreachable")
	}
}

// ticks returns how much processor time a process has used, in hundredths of a second.
func ticks(t testing.TB, pid int) (n int) {
	t.Helper()
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	require.NoError(t, err)
	f := strings.Fields(string(stat)[strings.LastIndex(string(stat), ")")+1:])
	var user, system int
	fmt.Sscan(f[11], &user)
	fmt.Sscan(f[12], &system)
	return user + system
}

// nest makes a cgroup below the group, as a container can, and moves a process there.
func nest(t testing.TB, g *Group, pid int) {
	t.Helper()
	sub := &Group{Hierarchies: append([]Hierarchy(nil), g.Hierarchies...)}
	for i := range sub.Hierarchies {
		sub.Hierarchies[i].Path += "/below"
		require.NoError(t, os.Mkdir(sub.Hierarchies[i].Dir(), 0o755))
		require.NoError(t, sub.Hierarchies[i].inherit(sub.Hierarchies[i].Dir()))
	}
	require.NoError(t, sub.Add(pid))
}

func TestFreeze(t *testing.T) {
	g := create(t)
	cmd := spawn(t, "spin")
	require.NoError(t, cmd.Start())
	require.NoError(t, g.Add(cmd.Process.Pid))
	frozen, err := g.Frozen()
	require.NoError(t, err)
	require.False(t, frozen)

	require.NoError(t, g.Freeze())
	frozen, err = g.Frozen()
	require.NoError(t, err)
	require.True(t, frozen)
	before := ticks(t, cmd.Process.Pid)
	time.Sleep(100 * time.Millisecond)
	require.Equal(t, before, ticks(t, cmd.Process.Pid), "it stands still")

	// A group that is frozen takes nobody in.
	require.ErrorContains(t, again(g).Create(), "is in use: process ")

	require.NoError(t, g.Thaw())
	for ticks(t, cmd.Process.Pid) == before {
		time.Sleep(5 * time.Millisecond)
	}
	require.NoError(t, g.Freeze())
	require.NoError(t, g.Kill(unix.SIGKILL), "SIGKILL reaches what is frozen")
	require.Equal(t, syscall.SIGKILL, end(t, cmd).Signal())
}

// again is the same group, for another container.
func again(g *Group) *Group {
	return &Group{Hierarchies: append([]Hierarchy(nil), g.Hierarchies...)}
}

// An empty cgroup that was left frozen is refused, and so is one in which somebody is.
func TestCreateRefuses(t *testing.T) {
	g := create(t)
	require.NoError(t, again(g).Create(), "an empty one will do")
	require.NoError(t, g.Freeze())
	require.ErrorContains(t, again(g).Create(), "is frozen: a process that joins it would stop; thaw it or remove it with rmdir")
	require.NoError(t, g.Thaw())

	g = create(t)
	cmd := waiting(t, g)
	other := again(g)
	require.ErrorContains(t, other.Free(), "is in use")
	err := other.Create()
	require.EqualError(t, err, fmt.Sprintf("cgroup %s is in use: process %d; choose another container id or linux.cgroupsPath, "+
		"or delete the container that has this one", other.Hierarchies[0].Dir(), cmd.Process.Pid))
	require.NoError(t, other.Delete())
	require.NoError(t, syscall.Kill(cmd.Process.Pid, 0), "the other's process was not touched")
	inside(t, g, cmd.Process.Pid)
}

// If one hierarchy refuses, those made before are removed again.
func TestCreateUndoes(t *testing.T) {
	g := newGroup(t)
	last := len(g.Hierarchies) - 1
	if last == 0 {
		g.Hierarchies = append(g.Hierarchies, g.Hierarchies[0])
		last = 1
	}
	right := g.Hierarchies[last]
	defer func() { g.Hierarchies[last] = right }()
	g.Hierarchies[last].Mount = "/dev/null"
	require.EqualError(t, g.Create(), fmt.Sprintf(`mkdir("/dev/null%s", 0755): not a directory (ENOTDIR): a file of the kernel has this name`, right.Path))
	require.NoDirExists(t, g.Hierarchies[0].Dir())
}

// A parent that is empty may be removed by somebody who tidies up, at any moment.
func TestParentComesAndGoes(t *testing.T) {
	parent := fmt.Sprintf("/cgroup-test-parent-%d", os.Getpid())
	stop, done := make(chan bool), make(chan bool)
	above, err := Locate(parent, "unused")
	require.NoError(t, err)
	go func() {
		defer close(done)
		for tidy := true; tidy; {
			for i := range above.Hierarchies {
				syscall.Rmdir(above.Hierarchies[i].Dir())
			}
			select {
			case <-stop:
				tidy = false
			case <-time.After(time.Millisecond):
			}
		}
	}()
	defer func() { close(stop); <-done }()
	for i := 0; i < 300; i++ {
		g, err := Locate(fmt.Sprintf("%s/%d", parent, i), "unused")
		require.NoError(t, err)
		require.NoError(t, g.Create())
		require.NoError(t, g.Delete())
	}
}

// Signals reach every process of a container, also those in cgroups that it has made itself, and Delete removes all.
func TestKill(t *testing.T) {
	g := create(t)
	a, b := waiting(t, g), waiting(t, g)
	if !g.Pure() { // where a group with processes can have groups below
		nest(t, g, b.Process.Pid)
	}
	pids, err := g.Pids()
	require.NoError(t, err)
	require.ElementsMatch(t, []int{a.Process.Pid, b.Process.Pid}, pids)
	require.NoError(t, g.Kill(unix.SIGTERM))
	require.Equal(t, syscall.SIGTERM, end(t, a).Signal())
	require.Equal(t, syscall.SIGTERM, end(t, b).Signal())
	require.NoError(t, g.Kill(unix.SIGKILL), "nobody is left: no error")
}

// A fork bomb does not escape.
func TestKillForking(t *testing.T) {
	g := create(t)
	require.NoError(t, g.Set(resources(t, `{"pids": {"limit": 200}}`)))
	cmd := exec.Command("/bin/sh", "-c", `read x; f() { f & f & }; f; sleep 100`)
	in, err := cmd.StdinPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	require.NoError(t, g.Add(cmd.Process.Pid))
	in.Write([]byte("\n"))
	time.Sleep(100 * time.Millisecond)
	require.NoError(t, g.Delete())
	require.False(t, g.Exists())
	require.True(t, end(t, cmd).Signaled())
}

// Delete kills what still runs, in each hierarchy and below, thaws what is frozen, and can be repeated.
func TestDelete(t *testing.T) {
	g := create(t)
	a, b := waiting(t, g), waiting(t, g)
	go a.Wait()
	nest(t, g, b.Process.Pid)
	require.NoError(t, g.Freeze())
	require.NoError(t, g.Delete())
	require.False(t, g.Exists())
	require.Equal(t, syscall.SIGKILL, end(t, b).Signal())
	require.NoError(t, g.Delete())
	require.NoError(t, g.Kill(unix.SIGKILL))
	pids, err := g.Pids()
	require.NoError(t, err)
	require.Empty(t, pids)
}

// hog starts a child that will use 64 MiB once it is told to, in a group with a limit.
func hog(t *testing.T, g *Group) (cmd *exec.Cmd, start func()) {
	t.Helper()
	cmd = spawn(t, "hog")
	r, w, err := os.Pipe()
	require.NoError(t, err)
	cmd.Stdin = r
	require.NoError(t, cmd.Start())
	r.Close()
	require.NoError(t, g.Add(cmd.Process.Pid))
	return cmd, func() { w.Close() }
}

// The kernel kills at a limit, the watch sees it, and the verdict names it.
func TestOOM(t *testing.T) {
	g := create(t)
	require.NoError(t, g.Set(resources(t, `{"memory": {"limit": 16777216, "swap": 16777216}}`)))
	v, err := g.Verdict()
	require.NoError(t, err)
	require.Empty(t, v.Words())

	cmd, start := hog(t, g)
	watch, err := g.WatchOOM()
	require.NoError(t, err)
	defer watch.Close()
	happened, err := watch.Wait(time.Millisecond)
	require.NoError(t, err)
	require.False(t, happened)
	start()
	happened, err = watch.Wait(20 * time.Second)
	require.NoError(t, err)
	require.True(t, happened)
	require.Equal(t, syscall.SIGKILL, end(t, cmd).Signal())

	v, err = g.Verdict()
	require.NoError(t, err)
	require.EqualValues(t, 1, v.OOMKills)
	require.EqualValues(t, 16777216, v.MemoryLimit)
	words := v.Words()
	require.Len(t, words, 1)
	require.Regexp(t, `^out of memory: the kernel killed 1 process of the container at its limit of 16777216 bytes( at a peak of 167\d{5})?; `+
		`raise linux.resources.memory.limit$`, words[0])

	require.NoError(t, g.Delete())
	for err == nil {
		_, err = watch.Wait(10 * time.Second)
	}
	require.ErrorIs(t, err, io.EOF)
}

// If it was the limit of a cgroup above, the verdict says so.
func TestOOMAbove(t *testing.T) {
	above := create(t)
	require.NoError(t, above.Set(resources(t, `{"memory": {"limit": 16777216, "swap": 16777216}}`)))
	g := &Group{Hierarchies: append([]Hierarchy(nil), above.Hierarchies...)}
	for i := range g.Hierarchies {
		g.Hierarchies[i].Path += "/box"
	}
	require.NoError(t, g.Create())
	defer g.Delete()
	cmd, start := hog(t, g)
	start()
	require.Equal(t, syscall.SIGKILL, end(t, cmd).Signal())
	v, err := g.Verdict()
	require.NoError(t, err)
	require.Equal(t, []string{"out of memory: the kernel killed 1 process, not for the container's own limit, which was never hit, but for that of " +
		"a cgroup above, or because the machine had none left; see dmesg"}, v.Words())
}

// A refused fork is counted.
func TestPidsVerdict(t *testing.T) {
	g := create(t)
	cmd := exec.Command("/bin/sh", "-c", `read x; sleep 5`)
	in, err := cmd.StdinPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	require.NoError(t, g.Add(cmd.Process.Pid))
	require.NoError(t, g.Set(resources(t, `{"pids": {"limit": 1}}`)))
	in.Write([]byte("\n"))
	require.False(t, end(t, cmd).Signaled())
	v, err := g.Verdict()
	require.NoError(t, err)
	require.GreaterOrEqual(t, v.PidsHits, uint64(1))
	words := v.Words()
	require.Len(t, words, 1)
	require.Regexp(t, `^too many processes: the kernel refused \d+ times to start another process or thread \(EAGAIN\) at the limit of 1; `+
		`raise linux.resources.pids.limit$`, words[0])
}

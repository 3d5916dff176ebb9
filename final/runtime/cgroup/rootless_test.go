package cgroup

import (
	"encoding/json"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"testing"

	"github.com/opencontainers/runtime-spec/specs-go"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

// asUser asks, as an ordinary user whose process is in a cgroup, what his limits would be worth.
func asUser(t *testing.T, in *Group) (words []string) {
	t.Helper()
	cmd := spawn(t, "lost")
	cmd.Path = copyOfOurselves(t)
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 1234, Gid: 1234}}
	out, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	require.NoError(t, in.Add(cmd.Process.Pid))
	_, err = out.Read(make([]byte, 1))
	require.NoError(t, err)
	require.NoError(t, syscall.Kill(cmd.Process.Pid, syscall.SIGUSR1))
	require.NoError(t, json.NewDecoder(out).Decode(&words))
	return words
}

// copyOfOurselves returns a test binary that anybody may execute.
func copyOfOurselves(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("/tmp", "cgroup-test-")
	require.NoError(t, err)
	t.Cleanup(func() { os.RemoveAll(dir) })
	require.NoError(t, os.Chmod(dir, 0o755))
	binary, err := os.ReadFile("/proc/self/exe")
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(dir+"/test", binary, 0o755))
	return dir + "/test"
}

func childLost() {
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, syscall.SIGUSR1)
	fmt.Println() // ready
	<-signals
	var words []string
	g, err := Locate("", "box")
	if err == nil {
		words, err = g.Lost(&specs.LinuxResources{
			Memory: &specs.LinuxMemory{Limit: ptr(int64(1 << 20))},
			Pids:   &specs.LinuxPids{Limit: ptr(int64(5))},
			CPU:    &specs.LinuxCPU{Shares: ptr(uint64(512)), Cpus: "0"},
		})
	}
	if err == nil && len(words) == 0 { // then it works
		if err = g.Create(); err == nil {
			err = g.Set(&specs.LinuxResources{Pids: &specs.LinuxPids{Limit: ptr(int64(5))}})
		}
		if err == nil {
			words = []string{"pids.max = " + files(g, "pids.max")["pids.max"]}
			err = g.Delete()
		}
	}
	if err != nil {
		words = []string{err.Error()}
	}
	json.NewEncoder(os.Stdout).Encode(words)
}

func ptr[T any](v T) *T { return &v }

// Nothing was given to the user.
func TestLost(t *testing.T) {
	g := create(t)
	words := asUser(t, g)
	if !g.Pure() {
		require.Equal(t, []string{
			"memory.limit_in_bytes = 1048576 has no effect: on cgroup v1 only root can limit; boot the host with cgroup v2 (systemd.unified_cgroup_hierarchy=1)",
			"cpuset.cpus = 0 has no effect: for the same reason",
			"cpu.shares = 512 has no effect: for the same reason",
			"pids.max = 5 has no effect: for the same reason",
		}, words)
		return
	}
	above := g.v2().Mount
	require.Equal(t, []string{
		"memory.max = 1048576 has no effect: the cgroup " + above + " is not yours; let systemd give you one: systemd-run --user --scope -p Delegate=yes COMMAND",
		"cpuset.cpus = 0 has no effect: for the same reason",
		"cpu.weight = 20 has no effect: for the same reason",
		"pids.max = 5 has no effect: for the same reason",
	}, words)
}

// A part of the v2 tree was given to the user, as systemd does: with some of the controllers, or with all.
func TestDelegated(t *testing.T) {
	g := create(t)
	if !g.Pure() {
		require.NoError(t, g.Delegate(1234))
		st, err := os.Stat(g.Hierarchies[0].Dir() + "/cgroup.procs")
		require.NoError(t, err)
		require.Zero(t, st.Sys().(*syscall.Stat_t).Uid, "v1 is never given away")
		return
	}
	user, login := child(g, "user"), child(child(g, "user"), "login")
	require.NoError(t, user.Create())
	require.NoError(t, user.Delegate(1234))
	require.NoError(t, login.Create())
	dir := user.Hierarchies[0].Dir()
	for file, uid := range map[string]uint32{"": 1234, "/cgroup.procs": 1234, "/cgroup.subtree_control": 1234, "/pids.max": 0, "/memory.max": 0} {
		var st unix.Stat_t
		require.NoError(t, unix.Stat(dir+file, &st))
		require.Equal(t, uid, st.Uid, file)
	}
	require.Equal(t, []string{"pids.max = 5"}, asUser(t, login))

	require.NoError(t, login.Delete())
	require.NoError(t, writeFile(dir+"/cgroup.subtree_control", "-cpu -cpuset"))
	require.NoError(t, writeFile(g.Hierarchies[0].Dir()+"/cgroup.subtree_control", "-cpu -cpuset"))
	require.NoError(t, os.Mkdir(login.Hierarchies[0].Dir(), 0o755))
	words := asUser(t, login)
	require.Len(t, words, 2)
	available := files(user, "cgroup.controllers")["cgroup.controllers"]
	require.Equal(t, fmt.Sprintf("cpuset.cpus = 0 has no effect: the cpuset controller is not among those that you were given (%s/cgroup.controllers: %s); "+
		"as root: systemctl set-property user@1234.service Delegate=\"cpu cpuset io memory pids\"", dir, available), words[0])
	require.NoError(t, user.Delete())
}

package namespace

import (
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/opencontainers/runtime-spec/specs-go"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"jocker/final/runtime/proc"
)

func init() {
	children["full"] = childFull
	children["powerless"] = childPowerless
}

func TestFromSpec(t *testing.T) {
	ns := func(list ...string) (l []specs.LinuxNamespace) {
		for i := 0; i < len(list); i += 2 {
			l = append(l, specs.LinuxNamespace{Type: specs.LinuxNamespaceType(list[i]), Path: list[i+1]})
		}
		return l
	}
	c, err := FromSpec(&specs.Linux{Namespaces: ns("pid", "", "network", "/proc/1/ns/net", "mount", "", "time", "", "user", ""),
		UIDMappings: ids(0, 1, 1), GIDMappings: ids(0, 5, 1), TimeOffsets: map[string]specs.LinuxTimeOffset{"boottime": {Secs: 1}}})
	require.NoError(t, err)
	require.Equal(t, &Config{New: unix.CLONE_NEWPID | unix.CLONE_NEWNS | unix.CLONE_NEWTIME | unix.CLONE_NEWUSER,
		Join: []Join{{unix.CLONE_NEWNET, "/proc/1/ns/net"}}, UIDs: ids(0, 1, 1), GIDs: ids(0, 5, 1),
		Offsets: map[string]specs.LinuxTimeOffset{"boottime": {Secs: 1}}}, c)
	what, call := c.Say(false)
	require.Equal(t, "start init in new time, mount, user, pid and existing network namespaces", what)
	require.Equal(t, `setns("/proc/1/ns/net", CLONE_NEWNET); clone3(CLONE_NEWUSER|CLONE_NEWPID); write(uid_map, "0 1 1\n"); write(gid_map, "0 5 1\n"); `+
		`unshare(CLONE_NEWTIME|CLONE_NEWNS); write(timens_offsets, "boottime 1 0\n"); execveat(the sealed binary)`, call)

	user := ns("user", "")
	for want, linux := range map[string]specs.Linux{
		`linux.namespaces: unknown type "pit"; Linux has pid, network, mount, ipc, uts, user, cgroup and time`:                    {Namespaces: ns("pit", "")},
		`linux.namespaces: type "pid" appears twice`:                                                                              {Namespaces: ns("pid", "", "pid", "/x")},
		`linux.namespaces: the path of type "pid" must be absolute, not "x"`:                                                      {Namespaces: ns("pid", "x")},
		`linux.uidMappings, linux.gidMappings: there is no user namespace to be mapped; add {"type": "user"} to linux.namespaces`: {UIDMappings: ids(0, 0, 1)},
		`linux.uidMappings, linux.gidMappings: the user namespace that is joined has its own already; leave them out`:             {Namespaces: ns("user", "/x"), GIDMappings: ids(0, 0, 1)},
		`linux.timeOffsets: only a new time namespace can be given offsets; add {"type": "time"} to linux.namespaces`:             {TimeOffsets: map[string]specs.LinuxTimeOffset{"boottime": {}}},
		`linux.timeOffsets: unknown clock "realtime"; a time namespace shifts monotonic and boottime`:                             {Namespaces: ns("time", ""), TimeOffsets: map[string]specs.LinuxTimeOffset{"realtime": {}}},
		`linux.uidMappings: a new user namespace needs at least one mapping`:                                                      {Namespaces: user},
		`linux.gidMappings: line 1: size must not be 0`:                                                                           {Namespaces: user, UIDMappings: ids(0, 0, 1), GIDMappings: ids(0, 0, 0)},
		`linux.uidMappings: line 1: goes beyond the id 4294967294`:                                                                {Namespaces: user, UIDMappings: ids(0, 4294967295, 1)},
		`linux.uidMappings: lines 1 and 2 overlap`:                                                                                {Namespaces: user, UIDMappings: append(ids(0, 0, 10), ids(10, 9, 1)...)},
		`linux.uidMappings: containerID 0 is not mapped, but init sets the container up as its root`:                              {Namespaces: user, UIDMappings: ids(1, 0, 10)},
		`linux.uidMappings: has 341 lines, and the kernel takes 340`:                                                              {Namespaces: user, UIDMappings: make([]specs.LinuxIDMapping, 341)},
	} {
		linux := linux
		_, err := FromSpec(&linux)
		require.EqualError(t, err, want)
	}
}

// A path that is no namespace, or another one.
func TestStartWrongPath(t *testing.T) {
	cmd, _ := command(t, "true")
	file := filepath.Join(t.TempDir(), "file")
	require.NoError(t, os.WriteFile(file, nil, 0o644))
	require.NoError(t, unix.Mkfifo(file+".fifo", 0o600))
	for path, want := range map[string]string{
		"/proc/self/ns/uts": `linux.namespaces: "/proc/self/ns/uts" is a uts namespace, and given as network`,
		file:                `linux.namespaces: "` + file + `" is not a namespace; the path of a network namespace is a file like /proc/PID/ns/net, or one that it is bind-mounted to`,
		file + ".fifo":      `linux.namespaces: "` + file + `.fifo" is not a namespace; the path of a network namespace is a file like /proc/PID/ns/net, or one that it is bind-mounted to`,
		file + ".gone":      `open("` + file + `.gone"): no such file or directory (ENOENT): there is no network namespace to be joined; correct the path in linux.namespaces, or leave it out to get a new one`,
		"/proc/4194305/ns/net": `open("/proc/4194305/ns/net"): no such file or directory (ENOENT): the process has ended, and with it its name for the network namespace to be joined; ` +
			`start the container that owns it first`,
	} {
		_, _, err := (&Config{Join: []Join{{unix.CLONE_NEWNET, path}}}).Start(cmd)
		require.EqualError(t, err, want)
	}
}

// Our own namespaces are joined without a call.
func TestStartOwn(t *testing.T) {
	c := &Config{}
	for i := range kinds {
		c.Join = append(c.Join, Join{kinds[i].flag, "/proc/self/ns/" + kinds[i].file})
	}
	requireNew(t, 0, report(t, c.Start))
}

// A PID namespace whose process 1 has ended takes no new ones.
func TestStartDead(t *testing.T) {
	target := sleeper(t, &Config{New: unix.CLONE_NEWPID})
	path := filepath.Join(t.TempDir(), "pid")
	ns, err := unix.Open(procPath(target.Pid, "ns/pid"), unix.O_RDONLY|unix.O_CLOEXEC, 0)
	require.NoError(t, err)
	defer unix.Close(ns)
	require.NoError(t, os.Symlink(fmt.Sprintf("/proc/self/fd/%d", ns), path))
	require.NoError(t, unix.PidfdSendSignal(target.FD, unix.SIGKILL, nil, 0))
	poll := []unix.PollFd{{Fd: int32(target.FD), Events: unix.POLLIN}}
	_, err = unix.Poll(poll, 5000)
	require.NoError(t, err)

	cmd, _ := command(t, "true")
	_, _, err = (&Config{Join: []Join{{unix.CLONE_NEWPID, path}}}).Start(cmd)
	require.EqualError(t, err, "clone3(CLONE_VM|CLONE_VFORK|CLONE_PARENT|CLONE_CLEAR_SIGHAND): cannot allocate memory (ENOMEM): "+
		"memory is short; or the PID namespace to be joined has lost its process 1, and takes no new ones")

	_, _, err = target.Enter(cmd)
	require.ErrorIs(t, err, unix.ESRCH)
	require.ErrorContains(t, err, "ns/time\"): no such process (ESRCH): the container's process has ended")
}

func TestOpen(t *testing.T) {
	started, _, err := proc.StartTime(os.Getpid())
	require.NoError(t, err)
	target, err := Open(os.Getpid(), started)
	require.NoError(t, err)
	target.Close()
	_, err = Open(os.Getpid(), started-1)
	require.EqualError(t, err, fmt.Sprintf("process %d is another one, started later: no such process", os.Getpid()))
	_, err = Open(4194305, 1)
	require.EqualError(t, err, "pidfd_open(4194305): no such process (ESRCH): the container's process has ended")
	require.ErrorIs(t, err, unix.ESRCH)
}

// childFull is root in a user namespace in which there may be no UTS namespaces.
func childFull() {
	err := os.WriteFile("/proc/sys/user/max_uts_namespaces", []byte("0"), 0)
	if err == nil {
		_, _, err = (&Config{New: unix.CLONE_NEWUTS | unix.CLONE_NEWIPC}).Start(&Command{Args: []string{"true"}, Cgroup: -1})
	}
	fmt.Println("error:", err)
}

func TestStartFull(t *testing.T) {
	seen := report(t, func(cmd *Command) (int, int, error) {
		cmd.Args = []string{"full"}
		return (&Config{New: unix.CLONE_NEWUSER, UIDs: ids(0, 100000, 1), GIDs: ids(0, 100000, 1)}).Start(cmd)
	})
	require.Equal(t, "clone3(CLONE_VM|CLONE_VFORK|CLONE_NEWUTS|CLONE_NEWIPC|CLONE_CLEAR_SIGHAND): no space left on device (ENOSPC): "+
		"the sysctl user.max_uts_namespaces is 0, which forbids uts namespaces; sysctl -w user.max_uts_namespaces=10000", seen["error:"])
}

// childPowerless is an ordinary user who asks for namespaces without a user namespace.
func childPowerless() {
	err := syscall.Setuid(65534)
	if err == nil {
		_, _, err = (&Config{New: unix.CLONE_NEWUTS}).Start(&Command{Args: []string{"true"}, Cgroup: -1})
	}
	fmt.Println("error:", err)
}

func TestStartPowerless(t *testing.T) {
	seen := report(t, func(cmd *Command) (int, int, error) {
		cmd.Args = []string{"powerless"}
		return (&Config{}).Start(cmd)
	})
	require.Equal(t, "clone3(CLONE_VM|CLONE_VFORK|CLONE_NEWUTS|CLONE_CLEAR_SIGHAND): operation not permitted (EPERM): making namespaces takes CAP_SYS_ADMIN; "+
		"be root, or give the container a user namespace with uidMappings and gidMappings", seen["error:"])
}

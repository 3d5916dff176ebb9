package namespace

import (
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/opencontainers/runtime-spec/specs-go"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"jocker/final/runtime/proc"
)

// The tests start processes that run this test binary again, as init does the runtime's. Each such
// child runs one of these functions, chosen by its first argument.
var children = map[string]func(){
	"report": childReport,
	"mqueue": childMqueue,
	"sleep":  func() { time.Sleep(time.Hour) },
}

func TestMain(m *testing.M) {
	if f := children[os.Args[0]]; f != nil {
		f()
		os.Exit(0)
	}
	if os.Geteuid() != 0 {
		fmt.Fprintln(os.Stderr, "these tests make namespaces and need root: sudo go test ./final/runtime/namespace")
		os.Exit(1)
	}
	os.Exit(m.Run())
}

// childReport prints what a process can see of itself.
func childReport() {
	for i := range kinds {
		link, err := os.Readlink("/proc/self/ns/" + kinds[i].file)
		if err != nil {
			link = err.Error()
		}
		fmt.Println("ns/"+kinds[i].file, link)
	}
	fmt.Println("pid", os.Getpid())
	fmt.Println("uid", os.Getuid(), os.Getgid())
	for _, file := range []string{"cgroup", "timens_offsets", "uid_map", "gid_map", "setgroups", "status"} {
		b, _ := os.ReadFile("/proc/self/" + file)
		for _, line := range strings.Split(strings.TrimSpace(string(b)), "\n") {
			if line = strings.TrimSpace(line); file == "status" {
				if name, value, _ := strings.Cut(line, ":\t"); name == "CapEff" {
					fmt.Println(name, value)
				}
				continue
			}
			fmt.Println(file, line)
		}
	}
	fds, _ := os.ReadDir("/proc/self/fd")
	for _, fd := range fds {
		link, err := os.Readlink("/proc/self/fd/" + fd.Name())
		if err == nil && !strings.HasPrefix(link, "anon_inode:") && !strings.HasSuffix(link, "/fd") {
			fmt.Println("fd", fd.Name())
		}
	}
}

// command prepares a child whose stdout can be read from the file, when cmd.Files[1] is closed.
func command(t testing.TB, args ...string) (*Command, *os.File) {
	t.Helper()
	exe, _, err := Seal()
	require.NoError(t, err)
	var pipe [2]int
	require.NoError(t, unix.Pipe2(pipe[:], unix.O_CLOEXEC))
	r := os.NewFile(uintptr(pipe[0]), "stdout")
	t.Cleanup(func() { unix.Close(exe); r.Close() })
	return &Command{Exe: exe, Args: args, Env: os.Environ(), Files: []int{0, pipe[1], 2}, Cgroup: -1}, r
}

// own returns a namespace of this process, as /proc has it.
func own(t *testing.T, file string) string {
	link, err := os.Readlink("/proc/self/ns/" + file)
	require.NoError(t, err)
	return link
}

// report starts a child by start and returns what it reported.
func report(t *testing.T, start func(*Command) (int, int, error)) map[string]string {
	t.Helper()
	cmd, out := command(t, "report")
	pid, pidfd, err := start(cmd)
	require.NoError(t, err)
	unix.Close(pidfd)
	seen := map[string]string{}
	require.NoError(t, unix.Close(cmd.Files[1]))
	text, err := io.ReadAll(out)
	require.NoError(t, err)
	reap(pid)
	for _, line := range strings.Split(string(text), "\n") {
		name, value, _ := strings.Cut(line, " ")
		if seen[name] != "" {
			value = seen[name] + "; " + value
		}
		seen[name] = value
	}
	return seen
}

const everything = unix.CLONE_NEWNS | unix.CLONE_NEWPID | unix.CLONE_NEWUTS | unix.CLONE_NEWIPC | unix.CLONE_NEWNET |
	unix.CLONE_NEWUSER | unix.CLONE_NEWCGROUP | unix.CLONE_NEWTIME

// requireNew looks that the namespaces of flags, and no others, are not our own.
func requireNew(t *testing.T, flags uintptr, seen map[string]string) {
	t.Helper()
	var differ uintptr
	for i := range kinds {
		if own(t, kinds[i].file) != seen["ns/"+kinds[i].file] {
			differ |= kinds[i].flag
		}
	}
	require.Equal(t, Flags(flags), Flags(differ))
}

func TestStartNew(t *testing.T) {
	for _, flags := range []uintptr{0, unix.CLONE_NEWPID, unix.CLONE_NEWNS | unix.CLONE_NEWPID | unix.CLONE_NEWUTS | unix.CLONE_NEWIPC | unix.CLONE_NEWNET,
		unix.CLONE_NEWTIME, unix.CLONE_NEWTIME | unix.CLONE_NEWPID | unix.CLONE_NEWNS} {
		t.Run(Flags(flags), func(t *testing.T) {
			c := &Config{New: flags}
			seen := report(t, c.Start)
			if flags&unix.CLONE_NEWPID != 0 {
				require.Equal(t, "1", seen["pid"])
			}
			requireNew(t, flags, seen)
			require.Equal(t, "0; 1; 2", seen["fd"])
		})
	}
}

func TestStartTime(t *testing.T) {
	c := &Config{New: unix.CLONE_NEWTIME | unix.CLONE_NEWPID, Offsets: map[string]specs.LinuxTimeOffset{
		"boottime": {Secs: 100, Nanosecs: 5}, "monotonic": {Secs: -1}}}
	seen := report(t, c.Start)
	requireNew(t, c.New, seen)
	require.Equal(t, "monotonic          -1         0; boottime          100         5", seen["timens_offsets"])
}

// sleeper starts a process in namespaces, to be entered.
func sleeper(t testing.TB, c *Config) *Target {
	t.Helper()
	cmd, _ := command(t, "sleep")
	pid, pidfd, err := c.Start(cmd)
	unix.Close(cmd.Files[1])
	require.NoError(t, err)
	t.Cleanup(func() {
		require.NoError(t, unix.PidfdSendSignal(pidfd, unix.SIGKILL, nil, 0))
		reap(pid)
		unix.Close(pidfd)
	})
	started, _, err := proc.StartTime(pid)
	require.NoError(t, err)
	target, err := Open(pid, started)
	require.NoError(t, err)
	t.Cleanup(func() { target.Close() })
	return target
}

func TestEnter(t *testing.T) {
	for _, flags := range []uintptr{unix.CLONE_NEWUTS, unix.CLONE_NEWPID, unix.CLONE_NEWTIME,
		unix.CLONE_NEWNS | unix.CLONE_NEWPID | unix.CLONE_NEWUTS | unix.CLONE_NEWIPC | unix.CLONE_NEWNET,
		unix.CLONE_NEWUSER, unix.CLONE_NEWUSER | unix.CLONE_NEWPID | unix.CLONE_NEWTIME,
		everything &^ unix.CLONE_NEWCGROUP} {
		t.Run(Flags(flags), func(t *testing.T) {
			c := &Config{New: flags, UIDs: ids(0, 100000, 65536), GIDs: ids(0, 100000, 65536)}
			target := sleeper(t, c)
			seen := report(t, target.Enter)
			requireNew(t, flags, seen)
			if flags&unix.CLONE_NEWPID != 0 {
				pid, err := strconv.Atoi(seen["pid"])
				require.NoError(t, err)
				require.Less(t, pid, 100)
			}
			require.Equal(t, "0 0", seen["uid"])
			require.Equal(t, "0; 1; 2", seen["fd"])
			for i := range kinds {
				link, err := os.Readlink(fmt.Sprintf("/proc/%d/ns/%s", target.Pid, kinds[i].file))
				require.NoError(t, err)
				require.Equal(t, link, seen["ns/"+kinds[i].file])
			}
		})
	}
}

func ids(container, host, size uint32) []specs.LinuxIDMapping {
	return []specs.LinuxIDMapping{{ContainerID: container, HostID: host, Size: size}}
}

func TestStartUser(t *testing.T) {
	for _, flags := range []uintptr{unix.CLONE_NEWUSER, unix.CLONE_NEWUSER | unix.CLONE_NEWPID | unix.CLONE_NEWNS | unix.CLONE_NEWIPC, everything &^ unix.CLONE_NEWCGROUP} {
		t.Run(Flags(flags), func(t *testing.T) {
			c := &Config{New: flags, UIDs: ids(0, 100000, 65536), GIDs: ids(0, 200000, 1000)}
			if flags&unix.CLONE_NEWTIME != 0 {
				c.Offsets = map[string]specs.LinuxTimeOffset{"boottime": {Secs: 7}}
			}
			seen := report(t, c.Start)
			requireNew(t, flags, seen)
			require.Equal(t, "0 0", seen["uid"])
			require.Equal(t, "0     100000      65536", seen["uid_map"])
			require.Equal(t, "0     200000       1000", seen["gid_map"])
			require.Equal(t, "allow", seen["setgroups"])
			require.Equal(t, "000001ffffffffff", seen["CapEff"])
			if flags&unix.CLONE_NEWTIME != 0 {
				require.Equal(t, "monotonic           0         0; boottime            7         0", seen["timens_offsets"])
			}
		})
	}
}

func TestStartJoin(t *testing.T) {
	for _, there := range []uintptr{
		unix.CLONE_NEWNET | unix.CLONE_NEWIPC | unix.CLONE_NEWUTS, unix.CLONE_NEWPID, unix.CLONE_NEWTIME,
		unix.CLONE_NEWUSER, unix.CLONE_NEWUSER | unix.CLONE_NEWNET | unix.CLONE_NEWPID | unix.CLONE_NEWNS,
	} {
		for _, made := range []uintptr{0, unix.CLONE_NEWNS | unix.CLONE_NEWUTS, unix.CLONE_NEWPID, unix.CLONE_NEWUSER | unix.CLONE_NEWNS, unix.CLONE_NEWTIME | unix.CLONE_NEWPID, everything &^ unix.CLONE_NEWCGROUP} {
			made &^= there
			t.Run(Flags(there)+" and "+Flags(made), func(t *testing.T) {
				m := ids(0, 100000, 65536)
				target := sleeper(t, &Config{New: there, UIDs: m, GIDs: m})
				c := &Config{New: made, UIDs: m, GIDs: m}
				for i := range kinds {
					if there&kinds[i].flag != 0 {
						c.Join = append(c.Join, Join{kinds[i].flag, fmt.Sprintf("/proc/%d/ns/%s", target.Pid, kinds[i].file)})
					}
				}
				if made&unix.CLONE_NEWTIME != 0 {
					c.Offsets = map[string]specs.LinuxTimeOffset{"boottime": {Secs: 7}}
				}
				seen := report(t, c.Start)
				requireNew(t, there|made, seen)
				require.Equal(t, "0 0", seen["uid"])
				require.Equal(t, "0; 1; 2", seen["fd"])
				for i := range kinds {
					link, err := os.Readlink(fmt.Sprintf("/proc/%d/ns/%s", target.Pid, kinds[i].file))
					require.NoError(t, err)
					if made&kinds[i].flag != 0 {
						require.NotEqual(t, link, seen["ns/"+kinds[i].file])
					} else {
						require.Equal(t, link, seen["ns/"+kinds[i].file])
					}
				}
				if made&unix.CLONE_NEWTIME != 0 {
					require.Equal(t, "monotonic           0         0; boottime            7         0", seen["timens_offsets"])
				}
			})
		}
	}
}

// What belongs to an IPC namespace has an owner that exists inside.
func TestStartUserOwns(t *testing.T) {
	m := ids(0, 100000, 65536)
	target := sleeper(t, &Config{New: unix.CLONE_NEWUSER, UIDs: m, GIDs: m})
	for _, c := range []*Config{
		{New: unix.CLONE_NEWUSER | unix.CLONE_NEWNS | unix.CLONE_NEWIPC | unix.CLONE_NEWPID, UIDs: m, GIDs: m},
		{New: unix.CLONE_NEWNS | unix.CLONE_NEWIPC | unix.CLONE_NEWPID, Join: []Join{{unix.CLONE_NEWUSER, procPath(target.Pid, "ns/user")}}},
	} {
		seen := report(t, func(cmd *Command) (int, int, error) {
			cmd.Args = []string{"mqueue"}
			return c.Start(cmd)
		})
		require.Equal(t, map[string]string{"mqueue": "0 0", "proc": "<nil>", "": ""}, seen)
	}
}

// childMqueue mounts the message queues and /proc, and prints the owner of the former.
func childMqueue() {
	var st unix.Stat_t
	err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, "")
	if err == nil {
		err = unix.Mount("mqueue", "/mnt", "mqueue", 0, "")
	}
	if err == nil {
		err = unix.Stat("/mnt", &st)
	}
	if err != nil {
		fmt.Println("mqueue", err)
		return
	}
	fmt.Println("mqueue", st.Uid, st.Gid)
	fmt.Println("proc", unix.Mount("proc", "/mnt", "proc", 0, ""))
}

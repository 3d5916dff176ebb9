package namespace

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

// The tests start processes that run this test binary again, as init does the runtime's. Each such
// child runs one of these functions, chosen by its first argument.
var children = map[string]func(){
	"report": childReport,
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
	for _, file := range []string{"cgroup", "timens_offsets"} {
		b, _ := os.ReadFile("/proc/self/" + file)
		for _, line := range strings.Split(strings.TrimSpace(string(b)), "\n") {
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
	fmt.Println("end")
}

// command prepares a child whose stdout can be read from the file.
func command(t *testing.T, args ...string) (*Command, *os.File) {
	t.Helper()
	exe, _, err := Seal()
	require.NoError(t, err)
	r, w, err := os.Pipe()
	require.NoError(t, err)
	t.Cleanup(func() { unix.Close(exe); r.Close(); w.Close() })
	return &Command{Exe: exe, Args: args, Env: os.Environ(), Files: []int{0, int(w.Fd()), 2}, Cgroup: -1}, r
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
	buf := make([]byte, 65536)
	text := ""
	for !strings.HasSuffix(text, "end\n") {
		n, err := out.Read(buf)
		require.NoError(t, err)
		text += string(buf[:n])
	}
	reap(pid)
	for _, line := range strings.Split(text, "\n") {
		name, value, _ := strings.Cut(line, " ")
		if seen[name] != "" {
			value = seen[name] + "; " + value
		}
		seen[name] = value
	}
	return seen
}

func TestStartNew(t *testing.T) {
	c := &Config{New: unix.CLONE_NEWNS | unix.CLONE_NEWPID | unix.CLONE_NEWUTS | unix.CLONE_NEWIPC | unix.CLONE_NEWNET}
	seen := report(t, c.Start)
	require.Equal(t, "1", seen["pid"])
	for i := range kinds {
		if c.New&kinds[i].flag != 0 {
			require.NotEqual(t, own(t, kinds[i].file), seen["ns/"+kinds[i].file])
		} else {
			require.Equal(t, own(t, kinds[i].file), seen["ns/"+kinds[i].file])
		}
	}
	require.Equal(t, "0; 1; 2", seen["fd"])
}

package namespace

import (
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"jocker/final/runtime/namespace/internal/child"
)

func init() {
	children["files"] = childFiles
	children["lower"] = childLower
	children["starts nofile"] = childStartsNofile
	children["nofile"] = func() { fmt.Print(child.Nofile.Cur) }
	children["signals"] = childSignals
}

// childFiles prints what each of its first descriptors reads.
func childFiles() {
	text := ""
	for fd := 0; fd < 6; fd++ {
		b := make([]byte, 10)
		n, err := unix.Pread(fd, b, 0)
		if err != nil {
			n = copy(b, "-")
		}
		text += string(b[:n])
	}
	_, _ = unix.Write(2, []byte(text))
}

// Files are given in any order, even that of each other's numbers. The other descriptors stay behind, also
// one that is not closed on exec.
func TestFiles(t *testing.T) {
	open := make([]int, 8) // 8 files whose contents are their indices
	for i := range open {
		name := fmt.Sprintf("%s/%d", t.TempDir(), i)
		require.NoError(t, os.WriteFile(name, []byte(fmt.Sprint(i)), 0o644))
		fd, err := unix.Open(name, unix.O_RDONLY|unix.O_CLOEXEC, 0)
		require.NoError(t, err)
		defer unix.Close(fd)
		open[i] = fd
	}
	leak, err := unix.Dup(open[7])
	require.NoError(t, err)
	defer unix.Close(leak)
	for want, order := range map[string][]int{"01-3--": {0, 1, -1, 3}, "10-3--": {1, 0, -1, 3}, "33-3--": {3, 3, -1, 3}, "75-10-": {7, 5, -1, 1, 0}} {
		cmd, out := command(t, "files")
		stdout := cmd.Files[1]
		cmd.Files = nil
		for _, i := range order {
			fd := stdout // a pipe, which cannot be read at a position
			if i >= 0 {
				fd = open[i]
			}
			cmd.Files = append(cmd.Files, fd)
		}
		pid, pidfd, err := (&Config{}).Start(cmd)
		require.NoError(t, err)
		unix.Close(pidfd)
		unix.Close(stdout)
		text, err := io.ReadAll(out)
		require.NoError(t, err)
		reap(pid)
		require.Equal(t, want, string(text))
	}
}

// The same with descriptors whose numbers are among those that the child's files get, and the program
// and the socket between them.
func TestFilesCollide(t *testing.T) {
	cmd := exec.Command("/proc/self/exe")
	cmd.Args = []string{"collide"}
	dir := t.TempDir()
	for i := 0; i < 4; i++ {
		name := fmt.Sprintf("%s/%d", dir, i)
		require.NoError(t, os.WriteFile(name, []byte(fmt.Sprint(i)), 0o644))
		f, err := os.Open(name)
		require.NoError(t, err)
		defer f.Close()
		cmd.ExtraFiles = append(cmd.ExtraFiles, f) // 3, 4, 5, 6
	}
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, string(out))
	require.Equal(t, "--321", string(out)) // 0 is /dev/null, which is empty; 1 and 2 are pipes
}

func init() {
	children["collide"] = func() {
		exe, err := unix.Open("/proc/self/exe", unix.O_PATH|unix.O_CLOEXEC, 0)
		if err == nil {
			_ = unix.Dup3(exe, 3, unix.O_CLOEXEC)
			var pid int
			pid, _, err = (&Config{}).Start(&Command{Exe: 3, Args: []string{"files"}, Files: []int{0, 1, 2, 6, 5, 4, 0, 0, 0, 0, 0, 0}, Cgroup: -1})
			reap(pid)
		}
		if err != nil {
			fmt.Println(err)
		}
	}
}

// childLower lowers the limit and starts over.
func childLower() {
	var r unix.Rlimit
	err := unix.Getrlimit(unix.RLIMIT_NOFILE, &r)
	r.Cur = 123
	if err == nil {
		err = unix.Setrlimit(unix.RLIMIT_NOFILE, &r)
	}
	if err == nil {
		err = unix.Exec("/proc/self/exe", []string{os.Args[1]}, os.Environ())
	}
	fmt.Print(err)
}

func childStartsNofile() {
	exe, _, err := Seal()
	if err == nil {
		var pid int
		pid, _, err = (&Config{}).Start(&Command{Exe: exe, Args: []string{"nofile"}, Files: []int{0, 1, 2}, Cgroup: -1})
		reap(pid)
	}
	if err != nil {
		fmt.Print(err)
	}
}

// A child has the soft limit that we were started with, and not the one that Go gave itself.
func TestNofile(t *testing.T) {
	for _, what := range []string{"nofile", "starts nofile"} {
		cmd := exec.Command("/proc/self/exe")
		cmd.Args = []string{"lower", what}
		out, err := cmd.CombinedOutput()
		require.NoError(t, err, string(out))
		require.Equal(t, "123", string(out), what)
	}
}

// childSignals prints which signals it found blocked, or ignored.
func childSignals() { fmt.Print(signals()) }

func signals() (text string) {
	status, _ := os.ReadFile("/proc/self/status")
	for _, line := range strings.Split(string(status), "\n") {
		if strings.HasPrefix(line, "SigBlk:") || strings.HasPrefix(line, "SigIgn:") {
			text += strings.ReplaceAll(line, "\t", " ") + "\n"
		}
	}
	return text
}

// The child's signals are as ours were: what Go handles is not ignored, and what we block for the clone not blocked.
func TestSignals(t *testing.T) {
	ours := strings.Fields(signals()) // a shell's or an engine's choice, mostly none
	for _, c := range []*Config{{}, {New: unix.CLONE_NEWUSER | unix.CLONE_NEWPID, UIDs: ids(0, 100000, 1), GIDs: ids(0, 100000, 1)}} {
		seen := report(t, func(cmd *Command) (int, int, error) {
			cmd.Args = []string{"signals"}
			return c.Start(cmd)
		})
		require.Equal(t, ours, []string{"SigBlk:", seen["SigBlk:"], "SigIgn:", seen["SigIgn:"]})
	}
}

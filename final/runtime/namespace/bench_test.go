package namespace

import (
	"fmt"
	"os"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

func init() { children["true"] = func() {} }

// null prepares a child that does nothing, from a small program if TINY names one, else this binary.
func null(b *testing.B) *Command {
	exe, _, err := Seal()
	require.NoError(b, err)
	if tiny := os.Getenv("TINY"); tiny != "" {
		exe, err = unix.Open(tiny, unix.O_PATH|unix.O_CLOEXEC, 0)
		require.NoError(b, err)
	}
	b.Cleanup(func() { unix.Close(exe) })
	return &Command{Exe: exe, Args: []string{"true"}, Files: []int{0, 1, 2}, Cgroup: -1}
}

func benchmark(b *testing.B, start func() (int, int, error)) {
	for i := 0; i < b.N; i++ {
		pid, pidfd, err := start()
		require.NoError(b, err)
		unix.Close(pidfd)
		reap(pid)
	}
}

// BenchmarkStart is a process from the clone to its end, in no namespaces, those of a container, and
// with a user namespace of its own; and beside it what Go's own way takes.
func BenchmarkStart(b *testing.B) {
	for _, flags := range []uintptr{0, unix.CLONE_NEWPID, unix.CLONE_NEWUSER, unix.CLONE_NEWNS | unix.CLONE_NEWPID | unix.CLONE_NEWUTS | unix.CLONE_NEWIPC,
		unix.CLONE_NEWNS | unix.CLONE_NEWPID | unix.CLONE_NEWUTS | unix.CLONE_NEWIPC | unix.CLONE_NEWNET} {
		cmd := null(b)
		c := &Config{New: flags, UIDs: ids(0, 100000, 65536), GIDs: ids(0, 100000, 65536)}
		b.Run(Flags(flags), func(b *testing.B) { benchmark(b, func() (int, int, error) { return c.Start(cmd) }) })
	}
	b.Run("syscall.StartProcess", func(b *testing.B) {
		cmd := null(b)
		path := fmt.Sprintf("/proc/self/fd/%d", cmd.Exe)
		for i := 0; i < b.N; i++ {
			pid, _, err := syscall.StartProcess(path, cmd.Args, &syscall.ProcAttr{Files: []uintptr{0, 1, 2}})
			require.NoError(b, err)
			reap(pid)
		}
	})
}

// BenchmarkEnter is a process that enters a container.
func BenchmarkEnter(b *testing.B) {
	for _, flags := range []uintptr{unix.CLONE_NEWNS | unix.CLONE_NEWPID | unix.CLONE_NEWUTS | unix.CLONE_NEWIPC | unix.CLONE_NEWNET,
		unix.CLONE_NEWUSER | unix.CLONE_NEWNS | unix.CLONE_NEWPID | unix.CLONE_NEWUTS | unix.CLONE_NEWIPC | unix.CLONE_NEWNET} {
		target := sleeper(b, &Config{New: flags, UIDs: ids(0, 100000, 65536), GIDs: ids(0, 100000, 65536)})
		cmd := null(b)
		b.Run(Flags(flags), func(b *testing.B) { benchmark(b, func() (int, int, error) { return target.Enter(cmd) }) })
	}
	b.Run("Differs", func(b *testing.B) {
		target := sleeper(b, &Config{New: unix.CLONE_NEWPID})
		for i := 0; i < b.N; i++ {
			_, err := target.Differs()
			require.NoError(b, err)
		}
	})
}

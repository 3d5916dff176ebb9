package labtest

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// lines counts what a killed program had written, and forgets it.
func lines(path string) int {
	raw, _ := os.ReadFile(path)
	os.Remove(path)
	return strings.Count(string(raw), "\n")
}

// TestKillAtEverySyscall kills a program that writes five lines, each with a call of its own. If it was killed before
// every call, then each number of lines from none to all was seen.
func TestKillAtEverySyscall(t *testing.T) {
	Snapshot(t)
	file := filepath.Join(t.TempDir(), "lines")
	seen := map[int]int{}
	kills := KillAtEverySyscall(t, Sweep{},
		Cmd{Args: []string{"sh", "-c", "exec >>$FILE; for i in 1 2 3 4 5; do echo $i; done"}, Env: []string{"FILE=" + file}},
		func() { seen[lines(file)]++ })
	require.Len(t, seen, 6, "%v", seen)
	require.Greater(t, kills, 20)

	few := KillAtEverySyscall(t, Sweep{Max: 20}, Cmd{Args: []string{"sh", "-c", ":"}}, nil)
	require.LessOrEqual(t, few, 20)
	require.Less(t, 2, few)
}

// roleThreads is a Go program as a lab is one, and worse: it writes from threads other than its first, while signals
// fly and a child waits at a pipe.
func roleThreads() {
	r, w, err := os.Pipe()
	if err != nil {
		panic(err)
	}
	cat := exec.Command("cat")
	cat.Stdin = r
	if err := cat.Start(); err != nil {
		panic(err)
	}
	r.Close()
	for i := 0; i < 3; i++ {
		done := make(chan bool)
		go func() {
			runtime.LockOSThread() // and never unlocked: each line is written by a thread of its own, which ends
			line(os.Getenv("FILE"))
			for i := 0; i < 20; i++ {
				syscall.Kill(os.Getpid(), syscall.SIGURG) // three system calls, with the signal's handler
			}
			done <- true
		}()
		<-done
	}
	w.Close()
	if err := cat.Wait(); err != nil {
		panic(err)
	}
}

func line(path string) {
	fd, err := syscall.Open(path, syscall.O_CREAT|syscall.O_APPEND|syscall.O_WRONLY, 0o644)
	if err != nil {
		panic(err)
	}
	syscall.Write(fd, []byte("line\n"))
	syscall.Close(fd)
}

func TestKillFollowsThreads(t *testing.T) {
	Snapshot(t)
	file := filepath.Join(t.TempDir(), "lines")
	seen := map[int]int{}
	KillAtEverySyscall(t, Sweep{Max: 100}, self("threads", "FILE="+file), func() { seen[lines(file)]++ })
	moments := 4 // 0, 1, 2 and 3 lines
	if slow() {
		moments = 3 // fewer kills: one may be skipped
	}
	require.GreaterOrEqual(t, len(seen), moments, "%v", seen)
}

func TestKillFindsProcess(t *testing.T) {
	Snapshot(t)
	t.Setenv("LAB_SLOW", "0")
	impatient(t, &dyingTime)
	log := failure(t, func(t testing.TB) {
		KillAtEverySyscall(t, Sweep{}, Cmd{Args: []string{"sh", "-c", "sleep 92 & kill $!; wait"}}, nil)
	})
	require.Contains(t, log, "SIGKILL before system call")
	require.Contains(t, log, "sleep 92")
}

// roleMount mounts something and unmounts it. Between the two it must not die.
func roleMount() {
	if err := syscall.Mount("labtest", os.Getenv("DIR"), "tmpfs", 0, ""); err != nil {
		panic(err)
	}
	for i := 0; i < 50; i++ { // enough time to be killed in
		fmt.Println("mounted")
	}
	if err := syscall.Unmount(os.Getenv("DIR"), 0); err != nil {
		panic(err)
	}
}

func TestKillFindsMount(t *testing.T) {
	Snapshot(t)
	t.Setenv("LAB_SLOW", "0")
	impatient(t, &dyingTime)
	dir := t.TempDir()
	log := failure(t, func(t testing.TB) {
		KillAtEverySyscall(t, Sweep{Stride: 7}, self("mount", "DIR="+dir), nil)
	})
	syscall.Unmount(dir, 0)
	require.Contains(t, log, "SIGKILL before system call")
	require.Contains(t, log, dir)
}

func TestKillCheckFails(t *testing.T) {
	Snapshot(t)
	n := 0
	log := failure(t, func(t testing.TB) {
		KillAtEverySyscall(t, Sweep{}, Cmd{Args: []string{"sh", "-c", "echo its words"}}, func() {
			if n++; n == 3 {
				t.Errorf("no")
			}
		})
	})
	require.Contains(t, log, "SIGKILL before system call 2 ")
	require.Contains(t, log, "the check failed")
}

func TestTrace(t *testing.T) {
	Snapshot(t)
	for script, code := range map[string]int{
		"exit 3":        3,
		"kill -TERM $$": 128 + 15,
		"trap 'exit 7' USR1; kill -USR1 $$; exit 1": 7,
		"kill -STOP $$; exit 5":                     5,
		"exec sh -c 'exit 6'":                       6,
		"echo | cat | cat; sh -c 'exit 8'":          8,
	} {
		o, err := trace(Cmd{Args: []string{"sh", "-c", script}}.prepare(t), 0, Scale(5*time.Second))
		require.NoError(t, err, script)
		require.Equal(t, code, o.Code, script)
		require.False(t, o.Killed)
	}

	o, err := trace(Cmd{Args: []string{"sleep", "93"}}.prepare(t), 1, Scale(5*time.Second))
	require.NoError(t, err)
	require.Equal(t, outcome{Calls: 1, Killed: true, Last: o.Last, Code: 128 + 9}, o)

	_, err = trace(Cmd{Args: []string{"sleep", "94"}}.prepare(t), 0, 100*time.Millisecond)
	require.ErrorContains(t, err, "more than 100ms")

	_, err = trace(Cmd{Args: []string{"/no/such/program"}}.prepare(t), 0, time.Second)
	require.ErrorIs(t, err, os.ErrNotExist)
}

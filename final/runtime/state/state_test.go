package state

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/opencontainers/runtime-spec/specs-go"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"jocker/final/runtime/cgroup"
	"jocker/final/runtime/proc"
)

func TestRoundTrip(t *testing.T) {
	root := filepath.Join(t.TempDir(), "not", "yet")
	d, err := Create(root, "box")
	require.NoError(t, err)
	want := &State{ID: "box", Version: "1.3.0", Pid: 7, PidStart: 8, Bundle: "/b", Rootfs: "/b/r", Created: time.Now().UTC(),
		Annotations: map[string]string{"a": "b"}, Cgroup: &cgroup.Group{}}
	require.NoError(t, d.Save(want))
	d.Unlock()

	d, err = Open(root, "box")
	require.NoError(t, err)
	got, err := d.Load()
	require.NoError(t, err)
	require.Empty(t, cmp.Diff(want, got, cmpopts.IgnoreUnexported(cgroup.Group{}, cgroup.Hierarchy{})))
	ids, err := List(root)
	require.NoError(t, err)
	require.Equal(t, []string{"box"}, ids)

	_, err = Create(root, "box")
	require.ErrorContains(t, err, "container with given ID already exists")
	require.NoError(t, d.Lock())
	require.NoError(t, d.Remove())
	_, err = Open(root, "box")
	require.ErrorIs(t, err, ErrNotExist)
}

func TestCheckID(t *testing.T) {
	for _, good := range []string{"a", "A-b_c.d+9", strings.Repeat("x", 64), "..."} {
		require.NoError(t, CheckID(good))
	}
	for _, bad := range []string{"", ".", "..", "a/b", "../x", "a b", "ä", "a\x00", "a\n", strings.Repeat("x", 1025)} {
		require.ErrorContains(t, CheckID(bad), "invalid container ID format")
		_, err := Open(t.TempDir(), bad)
		require.Error(t, err)
	}
}

func FuzzCheckID(f *testing.F) {
	f.Add("../etc")
	f.Fuzz(func(t *testing.T, id string) {
		if CheckID(id) == nil {
			require.Equal(t, "/run/x/"+id, filepath.Join("/run/x", id), "it must be a name, and no path")
		}
	})
}

// A state that was never written, or only half, is not a crash.
func TestDamaged(t *testing.T) {
	d, err := Create(t.TempDir(), "box")
	require.NoError(t, err)
	s, err := d.Load()
	require.NoError(t, err)
	require.Equal(t, &State{ID: "box"}, s)
	require.NoError(t, os.WriteFile(d.File("state.json"), []byte(`{"id": "box", "pi`), 0o600))
	_, err = d.Load()
	require.ErrorContains(t, err, "is damaged")
}

// Readers see a whole state at any time, however often it is replaced.
func TestAtomic(t *testing.T) {
	d, err := Create(t.TempDir(), "box")
	require.NoError(t, err)
	require.NoError(t, d.Save(&State{ID: "box"}))
	stop := time.Now().Add(200 * time.Millisecond)
	var wait sync.WaitGroup
	for range [2]int{} {
		wait.Add(1)
		go func() {
			defer wait.Done()
			for time.Now().Before(stop) {
				if s, err := d.Load(); err != nil || s.ID != "box" {
					t.Error(s, err)
				}
			}
		}()
	}
	for i := 0; time.Now().Before(stop); i++ {
		require.NoError(t, d.Save(&State{ID: "box", Bundle: strings.Repeat("x", i%9000)}))
	}
	wait.Wait()
}

// Who waits for the lock of a container that is removed meanwhile must not get that of the next one.
func TestLockOfRemoved(t *testing.T) {
	root := t.TempDir()
	d, err := Create(root, "box")
	require.NoError(t, err)
	other, err := Open(root, "box")
	require.NoError(t, err)
	require.True(t, other.Locked())
	got := make(chan error)
	go func() { got <- other.Lock() }()
	time.Sleep(20 * time.Millisecond)
	require.NoError(t, os.RemoveAll(d.Path))
	again, err := Create(root, "box")
	require.NoError(t, err)
	d.Unlock()
	require.ErrorIs(t, <-got, ErrNotExist)
	again.Unlock()
	require.False(t, again.Locked())
}

func TestStatus(t *testing.T) {
	root := t.TempDir()
	d, err := Create(root, "box")
	require.NoError(t, err)
	look, err := Open(root, "box")
	require.NoError(t, err)
	require.Equal(t, specs.StateCreating, look.Status(&State{}))
	d.Unlock()
	require.Equal(t, specs.StateStopped, look.Status(&State{}), "whoever created it has died")

	cmd := exec.Command("sleep", "60")
	require.NoError(t, cmd.Start())
	t.Cleanup(func() { cmd.Process.Kill(); cmd.Wait() })
	start, zombie, err := proc.StartTime(cmd.Process.Pid)
	require.NoError(t, err)
	require.False(t, zombie)
	s := &State{Pid: cmd.Process.Pid, PidStart: start, Cgroup: &cgroup.Group{}}
	require.Equal(t, specs.StateRunning, look.Status(s))

	fd, err := look.Listen()
	require.NoError(t, err)
	require.Equal(t, specs.StateCreated, look.Status(s))
	require.NoError(t, unix.Close(fd))
	require.Equal(t, specs.StateRunning, look.Status(s), "nobody listens any more")
	require.NoError(t, look.Started())
	require.NoError(t, look.Started())

	reused := *s
	reused.PidStart--
	require.Equal(t, specs.StateStopped, look.Status(&reused), "the pid is somebody else's by now")
	require.NoError(t, cmd.Process.Kill())
	require.Eventually(t, func() bool { return look.Status(s) == specs.StateStopped }, 5*time.Second, time.Millisecond, "a zombie is dead")
}

// The socket works however long the path is.
func TestSocketOfLongPath(t *testing.T) {
	d, err := Create(t.TempDir(), strings.Repeat("long", 60))
	require.NoError(t, err)
	fd, err := d.Listen()
	require.NoError(t, err)
	defer unix.Close(fd)
	conn, err := d.Dial()
	require.NoError(t, err)
	unix.Close(conn)
}

// A full disk is an error that says so, and leaves the old state as it was.
func TestFull(t *testing.T) {
	root := t.TempDir()
	require.NoError(t, unix.Mount("tmpfs", root, "tmpfs", 0, "size=16k"), "it takes root: sudo make test")
	t.Cleanup(func() { unix.Unmount(root, unix.MNT_DETACH) })
	d, err := Create(root, "box")
	require.NoError(t, err)
	defer d.Unlock()
	require.NoError(t, d.Save(&State{ID: "box"}))
	err = d.Save(&State{ID: "box", Bundle: strings.Repeat("x", 64<<10)})
	require.ErrorContains(t, err, "no space left on device (ENOSPC): the file system that holds the states is full")
	s, err := d.Load()
	require.NoError(t, err)
	require.Empty(t, s.Bundle)
}

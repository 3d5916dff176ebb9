package labtest

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"syscall"
	"testing"
	"time"
	"unsafe"

	"github.com/stretchr/testify/require"
)

const leakName = "labtest-leak"

// leak does something to the host and returns how to undo it.
type leak func() (undo func() error, err error)

func leakMount(source, target, fstype string, flags uintptr, data string) leak {
	return func() (func() error, error) {
		undo := func() error { return syscall.Unmount(target, 0) }
		return undo, syscall.Mount(source, target, fstype, flags, data)
	}
}

func leakFolder(path string) leak {
	return func() (func() error, error) {
		undo := func() error { return os.Remove(path) }
		return undo, os.Mkdir(path, 0o755)
	}
}

func leakIdentity(set func([]byte) error, get func() string) leak {
	return func() (func() error, error) {
		old := get()
		undo := func() error { return set([]byte(old)) }
		return undo, set([]byte(leakName))
	}
}

// TestSnapshotSees proves each part of the picture by a leak: it shows up, and when it is mended, it is gone.
func TestSnapshotSees(t *testing.T) {
	dir, file := t.TempDir(), filepath.Join(t.TempDir(), "other")
	require.NoError(t, os.WriteFile(file, []byte("other\n"), 0o644))
	pids, _ := Hierarchy("pids")
	require.NotEmpty(t, pids)
	containers := "/var/lib/jocker-labs/containers"

	for _, c := range []struct {
		what    string
		private int // namespaces of its own to do it in
		leak    leak
		want    []string
	}{
		{"mount", 0, leakMount(leakName, dir, "tmpfs", 0, ""), []string{"Mounts", dir, "tmpfs"}},
		{"propagation", syscall.CLONE_NEWNS, func() (func() error, error) {
			undo := func() error { return syscall.Mount("", "/", "", syscall.MS_PRIVATE, "") }
			return undo, syscall.Mount("", "/", "", syscall.MS_SHARED, "")
		}, []string{"Mounts", "Propagation"}},
		{"host name", syscall.CLONE_NEWUTS, leakIdentity(syscall.Sethostname, func() string { h, _ := names(); return h }),
			[]string{"Hostname", leakName}},
		{"domain name", syscall.CLONE_NEWUTS, leakIdentity(syscall.Setdomainname, func() string { _, d := names(); return d }),
			[]string{"Domainname", leakName}},
		{"cgroup", 0, leakFolder(filepath.Join(pids, leakName)), []string{"Cgroups", pids, leakName}},
		{"hierarchy", syscall.CLONE_NEWNS, leakMount("none", dir, "cgroup", 0, "none,name="+leakName), []string{"Hierarchies", leakName}},
		{"link", syscall.CLONE_NEWNET, leakBridge, []string{"Links", leakName}},
		{"file in /", 0, leakFolder("/" + leakName), []string{"Folders", `"/"`, leakName}},
		{"file in /tmp", 0, leakFolder("/tmp/" + leakName), []string{"Folders", `"/tmp"`, leakName}},
		{"container", syscall.CLONE_NEWNS, func() (func() error, error) {
			undo := func() error { return syscall.Unmount("/var/lib", 0) }
			if err := syscall.Mount("tmpfs", "/var/lib", "tmpfs", 0, ""); err != nil {
				return undo, err
			}
			return undo, os.MkdirAll(filepath.Join(containers, leakName), 0o755)
		}, []string{"Folders", containers, leakName}},
		{"sentinel", 0, func() (func() error, error) {
			return writeSentinels, os.WriteFile(filepath.Join(scratch[1], "sentinel"), nil, 0o644)
		}, []string{"Files", scratch[1], "sha256"}},
		{"file in /etc", syscall.CLONE_NEWNS, leakMount(file, "/etc/hosts", "", syscall.MS_BIND, ""), []string{"Files", "/etc/hosts"}},
		{"closed /tmp", syscall.CLONE_NEWNS, leakMount(leakName, "/tmp", "tmpfs", 0, "mode=755"), []string{"Modes", "drwxr-xr-x of 0:0"}},
		{"hidden proc", syscall.CLONE_NEWNS, leakMount("tmpfs", "/proc", "tmpfs", 0, ""), []string{"Proc", "not a procfs"}},
		{"process", 0, func() (func() error, error) {
			out, err := exec.Command("sh", "-c", "sleep 91 >/dev/null 2>&1 & echo $!").Output()
			var pid int
			fmt.Sscan(string(out), &pid)
			return func() error { return syscall.Kill(pid, syscall.SIGKILL) }, err
		}, []string{"Processes", "sleep 91"}},
		{"nftables", 0, leakNft(t), []string{"Nftables", "table ip " + leakName}},
	} {
		t.Run(c.what, func(t *testing.T) {
			var during, after string
			onThread(t, c.private, func() error {
				before := look()
				undo, err := c.leak()
				if err != nil {
					return err
				}
				during = diff(before, look())
				if err := undo(); err != nil {
					return fmt.Errorf("undo: %w", err)
				}
				poll(Scale(settleTime), func() bool { after = diff(before, look()); return after == "" })
				return nil
			})
			for _, want := range c.want {
				require.Contains(t, during, want)
			}
			require.Empty(t, after)
		})
	}
}

// onThread runs a function on an operating system thread with namespaces of its own, and throws the thread away.
// So a test can rename "the host", and the host keeps its name.
func onThread(t *testing.T, namespaces int, do func() error) {
	t.Helper()
	done := make(chan error)
	go func() {
		runtime.LockOSThread() // never unlocked: the thread ends with this function
		err := syscall.Unshare(namespaces)
		if err == nil && namespaces&syscall.CLONE_NEWNS != 0 {
			err = syscall.Mount("", "/", "", syscall.MS_REC|syscall.MS_PRIVATE, "")
		}
		if err == nil {
			err = do()
		}
		done <- err
	}()
	require.NoError(t, <-done)
}

// leakBridge makes a link with the oldest of the calls that can, ioctl(2).
func leakBridge() (undo func() error, err error) {
	bridge := func(request uintptr) error {
		fd, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_DGRAM|syscall.SOCK_CLOEXEC, 0)
		if err != nil {
			return err
		}
		defer syscall.Close(fd)
		name := append([]byte(leakName), 0)
		if _, _, errno := syscall.Syscall(syscall.SYS_IOCTL, uintptr(fd), request, uintptr(unsafe.Pointer(&name[0]))); errno != 0 {
			return fmt.Errorf("ioctl %#x: %w", request, errno)
		}
		return nil
	}
	const siocbraddbr, siocbrdelbr = 0x89a0, 0x89a1
	return func() error { return bridge(siocbrdelbr) }, bridge(siocbraddbr)
}

// leakNft uses a stand-in for nft, so that the machine needs none and keeps its tables.
func leakNft(t *testing.T) leak {
	dir := t.TempDir()
	tables, program, real := filepath.Join(dir, "tables"), filepath.Join(dir, "nft"), nft
	nft = func() string { return program }
	t.Cleanup(func() { nft = real })
	write := func(text string) error { return os.WriteFile(tables, []byte(text), 0o644) }
	require.NoError(t, write("table ip nat\n"))
	require.NoError(t, os.WriteFile(program, []byte("#!/bin/sh\n[ \"$*\" = 'list tables' ] && cat "+tables), 0o755))
	return func() (func() error, error) {
		undo := func() error { return write("table ip nat\n") }
		return undo, write("table ip nat\ntable ip " + leakName + "\n")
	}
}

func TestSnapshotAllows(t *testing.T) {
	process := map[started]string{{1234, "5"}: "sleep"}
	before := host{
		Processes: process,
		Subtree:   map[string][]string{"/sys/fs/cgroup": {"cpu", "memory"}},
	}
	for name, c := range map[string]struct {
		after host
		equal bool
	}{
		"nothing new":          {before, true},
		"a process ended":      {host{Subtree: before.Subtree}, true},
		"a process came":       {host{Subtree: before.Subtree, Processes: map[started]string{{1234, "6"}: "sleep"}}, false},
		"a controller enabled": {host{Subtree: map[string][]string{"/sys/fs/cgroup": {"cpu", "cpuset", "memory"}}}, true},
		"a controller lost":    {host{Subtree: map[string][]string{"/sys/fs/cgroup": {"memory", "pids"}}}, false},
		"a hierarchy lost":     {host{}, false},
	} {
		t.Run(name, func(t *testing.T) {
			if c.equal {
				require.Empty(t, diff(before, c.after))
			} else {
				require.NotEmpty(t, diff(before, c.after))
			}
		})
	}
}

// impatient shortens a time limit for one test: what it waits for will not come.
func impatient(t *testing.T, limit *time.Duration) {
	old := *limit
	*limit = 400 * time.Millisecond
	t.Cleanup(func() { *limit = old })
}

// TestSnapshotNeighbours makes cgroups as others on the machine do, while a test runs.
func TestSnapshotNeighbours(t *testing.T) {
	dir, _ := Hierarchy("pids")
	gone, busy := filepath.Join(dir, "labtest-gone"), filepath.Join(dir, "labtest-busy")
	require.NoError(t, os.Mkdir(gone, 0o755))
	defer os.Remove(gone)
	before := look()
	require.NoError(t, os.Remove(gone))
	require.Empty(t, diff(before, look()))

	require.NoError(t, os.MkdirAll(filepath.Join(busy, "below"), 0o755))
	defer os.Remove(busy)
	defer os.Remove(filepath.Join(busy, "below"))
	require.Contains(t, diff(before, look()), "labtest-busy", "an empty one may be ours")

	p := Cmd{Args: []string{"sleep", "95"}}.Start(t)
	procs := filepath.Join(busy, "below", "cgroup.procs")
	require.NoError(t, os.WriteFile(procs, []byte(strconv.Itoa(p.Pid)), 0))
	require.Contains(t, diff(before, look()), "labtest-busy", "with our process it certainly is")

	real := supervisor
	supervisor = p.Pid // so that the process isn't ours any more
	theirs := strangersIn(busy)
	supervisor = real
	require.True(t, theirs, "with a process of others it isn't")
	p.Signal(syscall.SIGKILL)
	p.Wait()
}

func TestSnapshotFails(t *testing.T) {
	Snapshot(t)
	t.Setenv("LAB_SLOW", "0")
	impatient(t, &settleTime)
	dir := t.TempDir()
	log := failure(t, func(t testing.TB) {
		Snapshot(t)
		require.NoError(t, syscall.Mount(leakName, dir, "tmpfs", 0, ""))
	})
	require.NoError(t, syscall.Unmount(dir, 0))
	require.Contains(t, log, "the host is not as it was")
	require.Contains(t, log, dir)

	require.Empty(t, failure(t, func(t testing.TB) {
		Snapshot(t)
		require.NoError(t, syscall.Mount(leakName, dir, "tmpfs", 0, ""))
		t.Cleanup(func() { syscall.Unmount(dir, 0) }) // what the test itself cleans up is no leak
	}))
}

func TestSnapshotWaits(t *testing.T) {
	Snapshot(t) // what ends by itself, a little later, is no leak
	require.NoError(t, exec.Command("sh", "-c", "sleep 0.2 >/dev/null 2>&1 &").Run())
}

package main

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"unsafe"

	"jocker/internal/labtest"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/require"
)

// TestDev compares the whole of a container's /dev, seen from outside, with what must be in it. The umask is a strict one.
func TestDev(t *testing.T) {
	begin(t)
	c := command(t, "", "sleep", "100")
	c.Args = append([]string{"sh", "-c", `umask 077; exec "$@"`, "sh", labtest.Bin(t, lab)}, c.Args[1:]...)
	p := c.Start(t)
	pid := workload(t, p.Pid, "sleep")
	dev := fmt.Sprintf("/proc/%d/root/dev", pid)

	found := map[string]string{}
	require.NoError(t, filepath.WalkDir(dev, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || path == dev {
			return err
		}
		info, err := entry.Info()
		if err != nil {
			return err
		}
		name, _ := filepath.Rel(dev, path)
		stat := info.Sys().(*syscall.Stat_t)
		switch info.Mode().Type() {
		case fs.ModeSymlink:
			target, _ := os.Readlink(path)
			found[name] = "-> " + target
		case fs.ModeDevice | fs.ModeCharDevice:
			found[name] = fmt.Sprintf("c %d:%d %o", stat.Rdev>>8&0xfff, stat.Rdev&0xff, stat.Mode&0o7777)
		default:
			found[name] = fmt.Sprintf("%c %o", info.Mode().String()[0], stat.Mode&0o7777)
		}
		if stat.Uid != 0 || stat.Gid != 0 {
			found[name] += fmt.Sprintf(" of %d:%d", stat.Uid, stat.Gid)
		}
		return nil
	}))
	require.Empty(t, cmp.Diff(map[string]string{
		"null": "c 1:3 666", "zero": "c 1:5 666", "full": "c 1:7 666", "random": "c 1:8 666", "urandom": "c 1:9 666", "tty": "c 5:0 666",
		"fd": "-> /proc/self/fd", "stdin": "-> /proc/self/fd/0", "stdout": "-> /proc/self/fd/1", "stderr": "-> /proc/self/fd/2",
		"ptmx": "-> pts/ptmx", "pts/ptmx": "c 5:2 666", "pts": "d 755", "shm": "d 1777",
	}, found))

	// A new terminal in the container gets a name in the container, 0 since it is the first there.
	ptmx, err := os.OpenFile(dev+"/ptmx", os.O_RDWR|syscall.O_NOCTTY, 0)
	require.NoError(t, err)
	defer ptmx.Close()
	var number, unlock int32
	ioctl(t, ptmx, syscall.TIOCSPTLCK, &unlock)
	ioctl(t, ptmx, syscall.TIOCGPTN, &number)
	require.Zero(t, number)
	terminal, err := os.OpenFile(dev+"/pts/0", os.O_RDWR|syscall.O_NOCTTY, 0)
	require.NoError(t, err)
	defer terminal.Close()
	info, err := terminal.Stat()
	require.NoError(t, err)
	require.Equal(t, fs.FileMode(0o620), info.Mode().Perm())
	_, err = ptmx.WriteString("typed\n")
	require.NoError(t, err)
	line := make([]byte, 100)
	n, err := terminal.Read(line)
	require.NoError(t, err)
	require.Equal(t, "typed\n", string(line[:n]))

	syscall.Kill(pid, syscall.SIGKILL)
	p.Wait()
}

func ioctl(t *testing.T, f *os.File, request uintptr, number *int32) {
	t.Helper()
	_, _, errno := syscall.Syscall(syscall.SYS_IOCTL, f.Fd(), request, uintptr(unsafe.Pointer(number)))
	require.Zero(t, errno)
}

// TestDevWorks: the kernel's drivers are behind the nodes.
func TestDevWorks(t *testing.T) {
	begin(t)
	r := script(t, "", `
		echo lost >/dev/null; cat /dev/null
		head -c 3 /dev/zero | od -An -tx1
		echo x 2>/dev/null >/dev/full || echo full
		head -c 4096 /dev/urandom | wc -c; head -c 16 /dev/random | wc -c
		echo kept >/dev/shm/file; cat /dev/shm/file
		echo through >/dev/stdout; echo a pipe | cat /dev/stdin; echo another | cat /dev/fd/0
		head -c 1m /dev/zero 2>/dev/null >/dev/big; [ $(stat -c %s /dev/big) -lt 100000 ] && echo /dev is small`).Run(t)
	require.Equal(t, " 00 00 00\nfull\n4096\n16\nkept\nthrough\na pipe\nanother\n/dev is small\n", r.Stdout, r)
}

package main

import (
	"os"
	"path/filepath"
	"syscall"
)

// nodes are the devices that every program may count on.
var nodes = []struct {
	name         string
	major, minor int
}{
	{"null", 1, 3}, {"zero", 1, 5}, {"full", 1, 7}, {"random", 1, 8}, {"urandom", 1, 9}, {"tty", 5, 0},
}

// links are names in /dev for things that are elsewhere.
var links = map[string]string{
	"fd": "/proc/self/fd", "stdin": "/proc/self/fd/0", "stdout": "/proc/self/fd/1", "stderr": "/proc/self/fd/2",
	"ptmx": "pts/ptmx",
}

// Task 6.4: mountDev makes a small /dev below root: none of the host's disks are in it.
//
// Mount a tmpfs on dev (nosuid; options "mode=755,size=64k"). Make each of nodes with
// mknod: a character device, S_IFCHR|0666, of number major<<8 | minor. The umask takes bits away,
// so chmod it to 0666 afterwards. Then make the links and call mountPseudo.
//
//lab:task 6.4
func mountDev(root string) error {
	dev := filepath.Join(root, "dev")
	if err := syscall.Mount("tmpfs", dev, "tmpfs", syscall.MS_NOSUID, "mode=755,size=64k"); err != nil {
		return os.NewSyscallError("mount tmpfs on /dev", err)
	}
	for _, node := range nodes {
		path := filepath.Join(dev, node.name)
		if err := syscall.Mknod(path, syscall.S_IFCHR|0o666, node.major<<8|node.minor); err != nil {
			return os.NewSyscallError("mknod /dev/"+node.name, err)
		}
		if err := os.Chmod(path, 0o666); err != nil {
			return err
		}
	}
	for name, target := range links {
		if err := os.Symlink(target, filepath.Join(dev, name)); err != nil {
			return err
		}
	}
	return mountPseudo(dev)
}

// mountPseudo mounts terminals of the container's own on pts, and memory to share on shm.
func mountPseudo(dev string) error {
	const flags = syscall.MS_NOSUID | syscall.MS_NOEXEC
	for _, m := range []struct {
		name, fstype, options string
		flags                 uintptr
	}{
		{"pts", "devpts", "newinstance,ptmxmode=0666,mode=0620", flags},
		{"shm", "tmpfs", "mode=1777,size=64m", flags | syscall.MS_NODEV},
	} {
		path := filepath.Join(dev, m.name)
		if err := os.Mkdir(path, 0o755); err != nil {
			return err
		}
		if err := syscall.Mount(m.fstype, path, m.fstype, m.flags, m.options); err != nil {
			return os.NewSyscallError("mount "+m.fstype+" on /dev/"+m.name, err)
		}
	}
	return nil
}

package container

import (
	"errors"
	"fmt"
	"os"
	"strconv"

	"golang.org/x/sys/unix"

	"jocker/final/engine/inroot"
	"jocker/final/engine/shim"
	"jocker/final/runtime/fail"
)

// Files calls f with the container's root directory as the container sees it, with its volumes. It need not run; if it does not
// it can't be started meanwhile.
//
// Whoever works in there is among strangers, who are running. Docker's `cp` was a hole twice: it checked a path and then used it, and the container put
// a link in between (CVE-2018-15664); and to be safe from that it changed its root to the container's, where it loaded
// the container's libraries as the host's root (CVE-2019-14271). Here neither a path is believed nor a root changed: all work is
// done through package inroot, by a program that loads no libraries.
func (c *Container) Files(f func(root *inroot.Dir) error) error {
	lock, err := c.Lock()
	if err != nil {
		return err
	}
	defer func() { lock.Unlock() }()
	status, err := c.Status()
	if err != nil {
		return err
	}
	if !status.Running() {
		return c.inMountNamespace(func() error {
			root, err := inroot.Open(c.Dir() + "/rootfs")
			if err != nil {
				return err
			}
			defer root.Close()
			if err := c.mountVolumes(root); err != nil {
				return err
			}
			return f(root)
		})
	}
	lock.Unlock()
	lock = nil
	// Opened before it is asked whether the process is still the container's: pids are used again.
	root, err := inroot.Open("/proc/" + strconv.Itoa(status.Pid) + "/root")
	if err != nil {
		return err
	}
	defer root.Close()
	if !shim.Alive(status.Pid, status.PidStart) {
		return fmt.Errorf("Container %s has just ended; try again", c.ID)
	}
	return f(root)
}

// mountVolumes mounts volumes and directories of the host where the container has them. The places are opened within the root, and
// mounted on by their descriptors: an image may have made them links (CVE-2021-30465).
func (c *Container) mountVolumes(root *inroot.Dir) error {
	for _, m := range c.Mounts {
		if m.Type == "tmpfs" {
			continue
		}
		source, err := os.Stat(m.Source)
		if err != nil {
			return fmt.Errorf("the mount's source: %w", err)
		}
		if source.IsDir() {
			made, err := root.MkdirAll(m.Destination)
			if err != nil {
				return err
			}
			made.Close()
		}
		at, err := root.OpenFile(m.Destination, unix.O_PATH, 0)
		if errors.Is(err, os.ErrNotExist) {
			continue // a file, which is made when the container starts
		} else if err != nil {
			return err
		}
		target := "/proc/self/fd/" + strconv.Itoa(int(at.Fd()))
		err = unix.Mount(m.Source, target, "", unix.MS_BIND|unix.MS_REC, "")
		if err == nil && !m.RW {
			err = readOnly(root, m.Destination)
		}
		at.Close()
		if err != nil {
			return fail.Call("mount("+m.Source+", "+m.Destination+", MS_BIND)", err, "")
		}
	}
	return nil
}

// readOnly makes what is mounted at a path read-only: what the container may not write, `cp` does not write for it.
func readOnly(root *inroot.Dir, path string) error {
	at, err := root.OpenFile(path, unix.O_PATH, 0) // the mount, now
	if err != nil {
		return err
	}
	defer at.Close()
	return unix.Mount("", "/proc/self/fd/"+strconv.Itoa(int(at.Fd())), "", unix.MS_BIND|unix.MS_REMOUNT|unix.MS_RDONLY, "")
}

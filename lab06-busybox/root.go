package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
)

// Task 6.1: overlayOptions returns the options for mounting layers as one tree: what a layer has covers what
// those below it have, and what is written goes into the directory upper.
//
// Lowerdir lists the read-only layers, the uppermost first, separated by colons; upperdir
// is upper, and workdir is work.
//
//lab:task 6.1
func overlayOptions(layers []string, upper, work string) string {
	return fmt.Sprintf("lowerdir=%s,upperdir=%s,workdir=%s", strings.Join(layers, ":"), upper, work)
}

// enterRoot gives the container its own root. It works in the container's mount namespace, so that
// nothing of it is seen outside, and all of it goes with the container's last process.
func (c *container) enterRoot() error {
	if err := syscall.Mount("", "/", "", syscall.MS_REC|syscall.MS_PRIVATE, ""); err != nil {
		return os.NewSyscallError("mount --make-rprivate /", err)
	}
	layers, err := c.layers()
	if err != nil {
		return err
	}
	root, options := c.path("merged"), overlayOptions(layers, c.path("upper"), c.path("work"))
	err = syscall.Mount("overlay", root, "overlay", 0, options)
	if err == nil && syscall.Access(root, 2) != nil { // 2 is W_OK: on a full disk overlayfs may mount read-only
		err = syscall.ENOSPC
	}
	if err == syscall.ENOSPC {
		return noRoom(fmt.Errorf("mount overlay on %s: %w", root, err))
	} else if err != nil {
		return fail(125, "mount overlay on %s: %v: the store must lie on a file system like ext4, xfs or tmpfs, not on overlayfs or a shared folder, and without ':' or ',' in its path (JOCKER_LABS=DIR moves it)", root, err)
	}
	for _, step := range []func(root string) error{mountKernel, mountDev, pivotRoot} {
		if err := step(root); err != nil {
			return err
		}
	}
	return os.NewSyscallError("sethostname", syscall.Sethostname([]byte(c.hostname())))
}

// Task 6.2: mountKernel mounts what the kernel tells about processes and devices. /sys is read-only: what is
// in it is the host's. (So is much in /proc/sys: a real runtime masks that.)
//
// Mount "proc" on proc below root, as in lab03, and "sysfs" on sys with the same flags,
// and read-only.
//
//lab:task 6.2
func mountKernel(root string) error {
	const flags = syscall.MS_NOEXEC | syscall.MS_NOSUID | syscall.MS_NODEV
	if err := syscall.Mount("proc", filepath.Join(root, "proc"), "proc", flags, ""); err != nil {
		return os.NewSyscallError("mount proc", err)
	}
	err := syscall.Mount("sysfs", filepath.Join(root, "sys"), "sysfs", flags|syscall.MS_RDONLY, "")
	return os.NewSyscallError("mount sysfs", err)
}

// Task 6.3: pivotRoot makes root the root of this mount namespace, and lets go of the old one.
//
// Chdir to root. pivot_root(".", ".") makes root the new / and stacks the old / on top of
// it. unmount(".", MNT_DETACH) then takes the old one off: with all that is mounted in it, although
// it is in use. Last, chdir to "/". A root on the old root's own mount gets EBUSY, and a mount
// tree that is still shared EINVAL; without the unmount the whole host stays in reach.
//
//lab:task 6.3
func pivotRoot(root string) error {
	if err := os.Chdir(root); err != nil {
		return err
	}
	if err := syscall.PivotRoot(".", "."); err != nil {
		return os.NewSyscallError("pivot_root", err)
	}
	if err := syscall.Unmount(".", syscall.MNT_DETACH); err != nil {
		return os.NewSyscallError("umount of the old root", err)
	}
	return os.Chdir("/")
}

package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
)

// overlayOptions returns the options for mounting layers as one tree: what a layer has covers what
// those below it have, and what is written goes into the directory upper.
//
// Task 6.1: lowerdir lists the read-only layers, the uppermost first, separated by colons; upperdir
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
	if err := syscall.Mount("overlay", root, "overlay", 0, options); err != nil {
		return fail(125, "mount overlay on %s: %v: the store must lie on a file system like ext4, xfs or tmpfs, not on overlayfs or a shared folder, and without ':' or ',' in its path (JOCKER_LABS=DIR moves it)", root, err)
	}
	for _, step := range []func(root string) error{mountKernel, mountDev, pivotRoot} {
		if err := step(root); err != nil {
			return err
		}
	}
	return os.NewSyscallError("sethostname", syscall.Sethostname([]byte(c.hostname())))
}

// mountKernel mounts what the kernel tells about processes and devices. /sys is read-only: what is
// in it is the host's. (/proc/sys is too; final masks and protects it.)
//
// Task 6.2: mount "proc" on proc below root, as in lab03, and "sysfs" on sys with the same flags,
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

// pivotRoot makes root the root of this mount namespace, and lets go of the old one.
//
// Task 6.3: chdir to root. pivot_root(".", ".") makes root the new / and stacks the old / on top of
// it. unmount(".", MNT_DETACH) then takes the old one off: with all that is mounted in it, although
// it is in use. Last, chdir to "/". A root that isn't a mount point gets EBUSY, and a mount tree
// that is still shared EINVAL; without the unmount the whole host stays in reach.
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

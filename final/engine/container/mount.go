package container

import (
	"errors"
	"os"
	"runtime"
	"strconv"

	"golang.org/x/sys/unix"

	"jocker/final/engine/image"
	"jocker/final/runtime/fail"
)

// inMountNamespace calls f on a thread that has a mount name space of its own, in which the container's root is mounted on
// rootfs. What f starts inherits it, and when f and all that are gone the kernel unmounts everything.
func (c *Container) inMountNamespace(f func() error) error {
	done := make(chan error)
	go func() {
		// Never unlocked: the thread ends with this function, as no other goroutine may run in that name space.
		runtime.LockOSThread()
		err := c.mountRoot()
		if err == nil {
			err = f()
		}
		done <- err
	}()
	return <-done
}

// mountRoot makes the mount name space, and mounts the overlay.
func (c *Container) mountRoot() error {
	defer c.store.explanation.step(6, "mount the container's root: its layers, and above them what it changes", "unshare(CLONE_NEWNS); mount(\"overlay\", \"rootfs\")")()
	if err := unix.Unshare(unix.CLONE_NEWNS); err != nil {
		return fail.Call("unshare(CLONE_NEWNS)", err, "it takes root (CAP_SYS_ADMIN)")
	}
	// What is mounted here stays here; what the host mounts or unmounts later arrives here too.
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_SLAVE, ""); err != nil {
		return fail.Call(`mount("", "/", MS_REC|MS_SLAVE)`, err, "")
	}
	// Relative names of the layers keep the options within the 4096 bytes that mount(2) takes.
	if err := unix.Chdir(c.store.Images.LayersDir()); err != nil {
		return fail.Call("chdir("+c.store.Images.LayersDir()+")", err, "")
	}
	return c.mountOverlay()
}

// mountOverlay stacks the layers, read-only, and above them the container's own directory.
//
// With the three options switched off overlayfs notes in the upper directory what changed and nothing else. Otherwise a renamed
// directory or a file of which only the owner changed would be a reference to the layers below (redirect_dir, metacopy), and as
// a layer of another image it would refer to nothing.
func (c *Container) mountOverlay() error {
	dir := c.Dir()
	lower := image.LowerDirs(append(append([]string{}, c.Layers...), image.InitLayer))
	data := "lowerdir=" + lower + ",upperdir=" + dir + "/diff,workdir=" + dir + "/work,index=off,redirect_dir=off,metacopy=off"
	if c.HostConfig.AutoRemove {
		// What goes with the container need not survive a power failure. Without this option unmounting writes back all that
		// the host's file system has in memory, from whomever. The mark says that it was in use, and the kernel would refuse it.
		os.RemoveAll(dir + "/work/work/incompat/volatile")
		data += ",volatile"
	}
	err := unix.Mount("overlay", dir+"/rootfs", "overlay", 0, data)
	if err == nil {
		return nil
	}
	cause := ""
	switch {
	case errors.Is(err, unix.EINVAL):
		cause = "the file system of " + c.store.Root + " can't be the upper directory of an overlay (an overlay itself can't, nor NFS); use --root with a directory on ext4, xfs or btrfs"
	case errors.Is(err, unix.ENODEV):
		cause = "the kernel has no overlayfs (CONFIG_OVERLAY_FS)"
	case errors.Is(err, unix.ENOENT):
		cause = "a layer is missing; the image was removed by other means than jocker"
	}
	return fail.Call(`mount("overlay", "`+dir+`/rootfs", "overlay", "lowerdir=...")`, err, cause)
}

// View mounts the container's root for a look, calls f with its path, and unmounts it. The container need not run; if it does,
// f sees the same files, but not what is mounted in it.
func (c *Container) View(f func(root string) error) error {
	status, err := c.Status()
	if err != nil {
		return err
	}
	if !status.Running() {
		return c.inMountNamespace(func() error { return f(c.Dir() + "/rootfs") })
	}
	// One overlay can't be mounted twice with the same upper directory, so it is borrowed from the shim's or the container's mounts.
	return f("/proc/" + strconv.Itoa(status.Pid) + "/root")
}

// LayerDir returns the directory of one of the container's layers.
func (c *Container) LayerDir(name string) string {
	return c.store.Images.LayersDir() + "/" + name + "/fs"
}

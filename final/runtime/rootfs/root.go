package rootfs

import (
	"fmt"

	"golang.org/x/sys/unix"

	"jocker/final/runtime/fail"
)

// This file makes the container's tree the root: at first a mount of its own, apart from the host's,
// and at last the only one.

// propagation returns what the host's mounts are made to in the container's namespace.
func (c *Config) propagation() (flags uint64, err error) {
	if c.Propagation == "" {
		return unix.MS_SLAVE | unix.MS_REC, nil
	}
	flags, ok := propagationFlags(c.Propagation)
	if !ok {
		return 0, fmt.Errorf("linux.rootfsPropagation: %q is none of shared, slave, private, unbindable, rshared, rslave, rprivate, runbindable", c.Propagation)
	}
	return flags, nil
}

// isolate makes an end of the sharing with the host. A new mount namespace starts as a copy, and where / is
// shared, as systemd makes it, what is mounted in the copy shows up in the original too: a lost /proc
// on the host is the classic. As slaves, the mounts still hear of the host's.
func (r *Rootfs) isolate() error {
	unix.Umask(0o022) // for what is made below; the process gets its own later
	flags, _ := r.cfg.propagation()
	if err := unix.Mount("", "/", "", uintptr(flags), ""); err != nil {
		cause := ""
		if err == unix.EINVAL {
			cause = "the runtime's own / is not a mount, as in a chroot; start it elsewhere, or make / a mount: mount --bind / /"
		} else if err == unix.EPERM {
			cause = "this needs CAP_SYS_ADMIN in the user namespace that owns the mount namespace"
		}
		return fail.Call(isolateCall(flags), err, cause)
	}
	return nil
}

func isolateCall(flags uint64) string {
	return `mount("", "/", "", ` + propagationName(flags) + `)`
}

func (r *Rootfs) sayIsolate() (what, call string) {
	flags, _ := r.cfg.propagation()
	return "set the propagation of all mounts", isolateCall(flags)
}

// bindRoot makes the root file system a mount, which pivot_root wants, by binding it onto itself.
func (r *Rootfs) bindRoot() error {
	dir, err := openRoot(r.cfg.Root)
	if err != nil {
		return err
	}
	defer unix.Close(dir)
	if flags, _ := r.cfg.propagation(); flags&(unix.MS_SLAVE|unix.MS_PRIVATE) == 0 || flags&unix.MS_REC == 0 {
		if err := privateParent(dir); err != nil {
			return err
		}
	}
	tree, err := cloneTree(dir, "", true)
	if err != nil {
		return err
	}
	err = unix.MoveMount(tree, "", dir, "", unix.MOVE_MOUNT_F_EMPTY_PATH|unix.MOVE_MOUNT_T_EMPTY_PATH)
	if err != nil {
		unix.Close(tree)
		return fail.Call("move_mount(tree, "+quote(r.cfg.Root)+")", err, "")
	}
	r.root = tree // the directory as the new mount shows it
	return nil
}

func (r *Rootfs) sayBindRoot() (what, call string) {
	root := quote(r.cfg.Root)
	return "make the root file system a mount of its own", "open_tree(" + root + ", OPEN_TREE_CLONE|AT_RECURSIVE); move_mount(" + root + ")"
}

// openRoot opens the root file system by the host's path.
func openRoot(root string) (dir int, err error) {
	dir, err = unix.Open(root, unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err == nil {
		return dir, nil
	}
	cause := ""
	switch err {
	case unix.ENOENT:
		cause = "there is no root file system; root.path in config.json names it, relative to the bundle"
	case unix.ENOTDIR:
		cause = "root.path names a file; it must be a directory"
	case unix.EACCES:
		cause = "a directory on the way may not be searched by the container's root user; chmod o+x it, or let it belong to a mapped user"
	}
	return -1, fail.Call("open("+quote(root)+", O_PATH|O_DIRECTORY)", err, cause)
}

// privateParent makes the mount that the directory lies in private. The kernel refuses pivot_root
// otherwise; and a mount made on the directory would show up on the host, if the mount is still shared with it.
func privateParent(dir int) error {
	id, err := mountID(dir)
	fd, owned := dir, false
	for err == nil {
		var up int
		if up, err = unix.Openat(fd, "..", unix.O_PATH|unix.O_CLOEXEC, 0); err != nil {
			break
		}
		var upID uint64
		upID, err = mountID(up)
		if err != nil || upID != id || sameFile(fd, up) {
			unix.Close(up)
			break
		}
		if owned {
			unix.Close(fd)
		}
		fd, owned = up, true
	}
	if err == nil {
		err = propagate(fd, unix.MS_PRIVATE)
	}
	if owned {
		unix.Close(fd)
	}
	if err != nil {
		return fail.Call("mount_setattr(mount of root.path, MS_PRIVATE)", err, "")
	}
	return nil
}

// mountID returns the kernel's number of the mount that a descriptor was opened through.
func mountID(fd int) (uint64, error) {
	var st unix.Statx_t
	err := unix.Statx(fd, "", unix.AT_EMPTY_PATH, unix.STATX_MNT_ID, &st)
	return st.Mnt_id, err
}

// sameFile says whether two descriptors are of one file.
func sameFile(a, b int) bool {
	var x, y unix.Stat_t
	return unix.Fstat(a, &x) == nil && unix.Fstat(b, &y) == nil && x.Dev == y.Dev && x.Ino == y.Ino
}

// pivot exchanges the roots, and lets go of the host's.
//
// pivot_root(".", ".") stacks the old root on the new one, at the same place, so that nobody needs a
// directory to put it in (pivot_root(2)). Before it is taken off, it must not be shared, or the host's mounts
// would go too.
func (r *Rootfs) pivot() error {
	old, err := unix.Open("/", unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return fail.Call(`open("/", O_PATH|O_DIRECTORY)`, err, "")
	}
	defer unix.Close(old)
	if err := unix.Fchdir(r.root); err != nil {
		return fail.Call("fchdir("+quote(r.cfg.Root)+")", err, "")
	}
	if err := unix.PivotRoot(".", "."); err != nil {
		cause := ""
		if err == unix.EINVAL {
			cause = "the runtime's / cannot be exchanged, as on a machine that runs from its initramfs; --no-pivot goes around it"
		}
		return fail.Call(`pivot_root(".", ".")`, err, cause)
	}
	if err := propagate(old, unix.MS_SLAVE|unix.MS_REC); err != nil {
		return fail.Call("mount_setattr(old root, MS_SLAVE|MS_REC)", err, "")
	}
	if err := unix.Fchdir(old); err != nil {
		return fail.Call("fchdir(old root)", err, "")
	}
	if err := unix.Unmount(".", unix.MNT_DETACH); err != nil {
		return fail.Call(`umount2(".", MNT_DETACH)`, err, "")
	}
	return toRoot()
}

func (r *Rootfs) sayPivot() (what, call string) {
	return "make it the root, and let go of the host's", `pivot_root(".", "."); umount2(".", MNT_DETACH)`
}

// toRoot leaves the directory that a change of root has put out of reach.
func toRoot() error {
	if err := unix.Chdir("/"); err != nil {
		return fail.Call(`chdir("/")`, err, "")
	}
	return nil
}

// chroot is for containers without a mount namespace.
func (r *Rootfs) chroot() error {
	dir, err := openRoot(r.cfg.Root)
	if err != nil {
		return err
	}
	r.root = dir
	if err := unix.Fchdir(dir); err != nil {
		return fail.Call("fchdir("+quote(r.cfg.Root)+")", err, "")
	}
	if err := unix.Chroot("."); err != nil {
		return fail.Call("chroot("+quote(r.cfg.Root)+")", err, "this needs CAP_SYS_CHROOT")
	}
	return toRoot()
}

func (r *Rootfs) sayChroot() (what, call string) {
	return "make it the root", "chroot(" + quote(r.cfg.Root) + ")"
}

// propagateRoot gives the new / the propagation that config.json asks for. Before pivot_root it would have
// been the host's too.
func (r *Rootfs) propagateRoot() error {
	flags, _ := r.cfg.propagation()
	if err := propagate(r.root, flags); err != nil {
		return fail.Call(`mount_setattr("/", `+propagationName(flags)+")", err, "")
	}
	return nil
}

func (r *Rootfs) sayPropagateRoot() (what, call string) {
	flags, _ := r.cfg.propagation()
	return "set the propagation of /", `mount_setattr("/", ` + propagationName(flags) + ")"
}

package rootfs

import (
	"fmt"
	"path"
	"strings"

	"github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"

	"jocker/final/runtime/fail"
)

// This file fills /dev: devices that every program expects, those of config.json, and links.
//
// A device file is no more than a type and two numbers; whether they may be used is a matter of the
// device cgroup. In a user namespace mknod(2) is forbidden, for a file that root of the namespace
// made could be used by the host's users, so the host's own files are bound there.

// defaults are the devices that each container has (config-linux.md, "Default Devices"). The console
// is bound later, if there is one.
var defaults = [...]specs.LinuxDevice{
	{Path: "/dev/null", Type: "c", Major: 1, Minor: 3},
	{Path: "/dev/zero", Type: "c", Major: 1, Minor: 5},
	{Path: "/dev/full", Type: "c", Major: 1, Minor: 7},
	{Path: "/dev/random", Type: "c", Major: 1, Minor: 8},
	{Path: "/dev/urandom", Type: "c", Major: 1, Minor: 9},
	{Path: "/dev/tty", Type: "c", Major: 5, Minor: 0},
}

// links are those that each container has in /dev ("Dev symbolic links" in runtime-linux.md).
var links = [...][2]string{
	{"fd", "/proc/self/fd"},
	{"stdin", "/proc/self/fd/0"},
	{"stdout", "/proc/self/fd/1"},
	{"stderr", "/proc/self/fd/2"},
}

// ownDev says whether /dev is the container's own. If somebody binds one, it is taken as it is.
func (r *Rootfs) ownDev() bool {
	for i := range r.mounts {
		if m := &r.mounts[i]; m.bind && m.dest == "/dev" {
			return false
		}
	}
	return true
}

// dev opens the container's /dev. It must be a directory of the tree itself: a link could lead to a
// volume, and the devices would be made on the host (CVE-2026-41579, CVE-2026-47766).
func (r *Rootfs) dev() (fd int, err error) {
	const flags, resolve = unix.O_PATH | unix.O_DIRECTORY, inRoot | unix.RESOLVE_NO_SYMLINKS
	fd, err = openIn(r.root, "dev", flags, resolve)
	if err == unix.ENOENT {
		if err = unix.Mkdirat(r.root, "dev", 0o755); err != nil {
			return -1, makeError("/dev", err)
		}
		fd, err = openIn(r.root, "dev", flags, resolve)
	}
	if err != nil {
		cause := ""
		if err == unix.ELOOP {
			cause = "the image's /dev is a symbolic link, and it must be a directory"
		} else if err == unix.ENOTDIR {
			cause = "the image's /dev is a file, and it must be a directory"
		}
		return -1, fail.Call(`openat2("/dev", O_PATH|O_DIRECTORY, RESOLVE_IN_ROOT|RESOLVE_NO_SYMLINKS)`, err, cause)
	}
	return fd, nil
}

// makeDevices makes the devices.
func (r *Rootfs) makeDevices() error {
	dev, err := r.dev()
	if err != nil {
		return err
	}
	defer unix.Close(dev)
	mask := unix.Umask(0) // a device has the mode that it is given
	defer unix.Umask(mask)
	for i := range defaults {
		if d := &defaults[i]; !r.named(d.Path) {
			if err := r.makeDevice(dev, d); err != nil {
				return err
			}
		}
	}
	for i := range r.cfg.Devices {
		if err := r.makeDevice(dev, &r.cfg.Devices[i]); err != nil {
			return err
		}
	}
	return nil
}

func (r *Rootfs) sayDevices() (what, call string) {
	var names, calls []string
	add := func(d *specs.LinuxDevice) {
		names = append(names, d.Path)
		mode, _ := deviceMode(d)
		calls = append(calls, mknodCall(d, mode))
	}
	for i := range defaults {
		if !r.named(defaults[i].Path) {
			add(&defaults[i])
		}
	}
	for i := range r.cfg.Devices {
		add(&r.cfg.Devices[i])
	}
	return "make the devices " + strings.Join(names, " "), strings.Join(calls, "; ")
}

func mknodCall(d *specs.LinuxDevice, mode uint32) string {
	kind := map[uint32]string{unix.S_IFCHR: "S_IFCHR", unix.S_IFBLK: "S_IFBLK", unix.S_IFIFO: "S_IFIFO"}[mode&unix.S_IFMT]
	return fmt.Sprintf("mknodat(%s, %s|%#o, makedev(%d, %d))", quote(d.Path), kind, mode&0o7777, d.Major, d.Minor)
}

// named says whether config.json has a device of its own at this path.
func (r *Rootfs) named(name string) bool {
	for i := range r.cfg.Devices {
		if path.Clean(r.cfg.Devices[i].Path) == name {
			return true
		}
	}
	return false
}

// deviceMode returns type and permissions as mknod(2) takes them.
func deviceMode(d *specs.LinuxDevice) (mode uint32, err error) {
	if !path.IsAbs(d.Path) || path.Clean(d.Path) == "/" || strings.IndexByte(d.Path, 0) >= 0 {
		return 0, fmt.Errorf("linux.devices: %q is not the absolute path of a file", d.Path)
	}
	mode = 0o666
	if d.FileMode != nil {
		mode = uint32(*d.FileMode) & 0o7777 // config.json has the kernel's bits
	}
	switch d.Type {
	case "c", "u":
		mode |= unix.S_IFCHR
	case "b":
		mode |= unix.S_IFBLK
	case "p":
		mode |= unix.S_IFIFO
	default:
		return 0, fmt.Errorf("linux.devices: %s has the type %q; it must be c, u (character), b (block) or p (fifo)", d.Path, d.Type)
	}
	return mode, nil
}

// makeDevice makes one device; dev is the container's /dev.
func (r *Rootfs) makeDevice(dev int, d *specs.LinuxDevice) error {
	parent, name := path.Split(path.Clean(d.Path))
	in := dir{dev, "/dev"}
	if parent != "/dev/" {
		fd, err := r.place(parent, true)
		if err != nil {
			return err
		}
		defer unix.Close(fd)
		in = dir{fd, path.Clean(parent)}
	}
	mode, err := deviceMode(d)
	if err != nil {
		return err
	}
	if r.cfg.has(specs.UserNamespace) && d.Type != "p" {
		return bindDevice(in, name, d, mode)
	}
	err = unix.Mknodat(in.fd, name, mode, int(unix.Mkdev(uint32(d.Major), uint32(d.Minor))))
	switch err {
	case nil:
		if d.UID == nil && d.GID == nil {
			return nil
		}
		return ownDevice(in, name, d, mode)
	case unix.EEXIST:
		return ownDevice(in, name, d, mode)
	case unix.EPERM: // the runtime itself is in a container
		return bindDevice(in, name, d, mode)
	}
	return fail.Call(mknodCall(d, mode), err, mknodCause(err))
}

func mknodCause(err error) string {
	switch err {
	case unix.EROFS:
		return "the file system is read-only; mount a tmpfs on /dev"
	case unix.ENOSPC, unix.EDQUOT:
		return "the file system is full"
	}
	return ""
}

// ownDevice gives a device its owner. It holds the file itself, not its name, and looks whether it is the device that
// it should be.
func ownDevice(in dir, name string, d *specs.LinuxDevice, mode uint32) error {
	fd, err := unix.Openat(in.fd, name, unix.O_PATH|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
	if err != nil {
		return fail.Call("openat("+quote(d.Path)+", O_PATH|O_NOFOLLOW)", err, "")
	}
	defer unix.Close(fd)
	if err := isDevice(fd, d, mode); err != nil {
		return err
	}
	uid, gid := -1, -1
	if d.UID != nil {
		uid = int(*d.UID)
	}
	if d.GID != nil {
		gid = int(*d.GID)
	}
	if uid < 0 && gid < 0 {
		return nil
	}
	if err := unix.Fchownat(fd, "", uid, gid, unix.AT_EMPTY_PATH); err != nil {
		return fail.Call(fmt.Sprintf("fchownat(%s, %d, %d)", quote(d.Path), uid, gid), err, "")
	}
	return nil
}

// isDevice looks whether a file is the device that it should be.
func isDevice(fd int, d *specs.LinuxDevice, mode uint32) error {
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		return fail.Call("fstat("+quote(d.Path)+")", err, "")
	}
	if st.Mode&unix.S_IFMT != mode&unix.S_IFMT ||
		mode&unix.S_IFMT != unix.S_IFIFO && st.Rdev != unix.Mkdev(uint32(d.Major), uint32(d.Minor)) {
		return fail.Call(mknodCall(d, mode), unix.EEXIST, "something else has this name in the image; remove it, or mount a tmpfs on /dev")
	}
	return nil
}

// bindDevice binds the host's device file.
func bindDevice(in dir, name string, d *specs.LinuxDevice, mode uint32) error {
	tree, err := cloneTree(unix.AT_FDCWD, d.Path, false)
	if err != nil {
		return err
	}
	defer unix.Close(tree)
	if err := isDevice(tree, d, mode); err != nil {
		return err
	}
	place, err := makeFile(in, name)
	if err != nil {
		return err
	}
	m := mount{dest: d.Path}
	return m.attach(tree, place)
}

// makeLinks makes the links. One that is there already is left; only /dev/ptmx must be right, for
// the host's would open terminals of the host.
func (r *Rootfs) makeLinks() error {
	dev, err := r.dev()
	if err != nil {
		return err
	}
	defer unix.Close(dev)
	for _, l := range links {
		if err := link(dev, l[0], l[1]); err != nil && err != unix.EEXIST {
			return linkError(l[0], l[1], err)
		}
	}
	if unix.Access("/proc/kcore", unix.F_OK) == nil {
		if err := link(dev, "core", "/proc/kcore"); err != nil && err != unix.EEXIST {
			return linkError("core", "/proc/kcore", err)
		}
	}
	err = link(dev, "ptmx", "pts/ptmx")
	if err == unix.EEXIST {
		if err = unix.Unlinkat(dev, "ptmx", 0); err == nil {
			err = link(dev, "ptmx", "pts/ptmx")
		}
	}
	if err != nil {
		return linkError("ptmx", "pts/ptmx", err)
	}
	return nil
}

func link(dev int, name, to string) error { return unix.Symlinkat(to, dev, name) }

func linkError(name, to string, err error) error {
	return fail.Call("symlinkat("+quote(to)+", "+quote("/dev/"+name)+")", err, mknodCause(err))
}

func (r *Rootfs) sayLinks() (what, call string) {
	return "make the links fd stdin stdout stderr ptmx in /dev", `symlinkat("/proc/self/fd", "/dev/fd"); ...; symlinkat("pts/ptmx", "/dev/ptmx")`
}

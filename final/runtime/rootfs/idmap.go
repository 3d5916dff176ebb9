package rootfs

import (
	"errors"
	"fmt"
	"runtime"
	"syscall"

	"github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"

	"jocker/final/runtime/fail"
)

// This file translates the owners of files, for one view of them (mount_setattr(2), MOUNT_ATTR_IDMAP).
//
// In a user namespace the host's user 100000 is root. A directory that belongs to the host's user 1000 would belong to nobody there.
// A mapped view shows the ids shifted, in both directions: no file has to change its owner.

// planIdmap looks at the id mappings of a mount.
func (m *mount) planIdmap(cfg *Config) error {
	own := len(m.UIDMappings) > 0 || len(m.GIDMappings) > 0
	switch {
	case own && (len(m.UIDMappings) == 0 || len(m.GIDMappings) == 0):
		return errors.New("uidMappings and gidMappings belong together; one of them is missing")
	case own && !m.bind:
		return errors.New("ids can be mapped for bind mounts only, so uidMappings and gidMappings need the option bind or rbind")
	case own && m.idmap == noIdmap:
		m.idmap = idmapTop
	case !own && m.idmap != noIdmap && !cfg.has(specs.UserNamespace):
		return errors.New("the options idmap and ridmap need uidMappings and gidMappings, or a user namespace of which to take them")
	}
	return nil
}

// mapIDs gives a view other ids: a file of host id 100000 is seen as 0 inside, or as the mappings say.
func (r *Rootfs) mapIDs(m *mount, tree int) error {
	ns, err := r.mapping(m)
	if err != nil {
		return err
	}
	defer unix.Close(ns)
	at := uint(unix.AT_EMPTY_PATH)
	if m.idmap == idmapRecursive {
		at |= unix.AT_RECURSIVE
	}
	attr := unix.MountAttr{Attr_set: unix.MOUNT_ATTR_IDMAP, Userns_fd: uint64(ns)}
	if err := unix.MountSetattr(tree, "", at, &attr); err != nil {
		cause := ""
		switch err {
		case unix.EINVAL:
			cause = "the file system of the source (or one below, with ridmap) does not know ids that differ between mounts, or not in this kernel"
		case unix.EPERM:
			cause = "the source is mapped already, or the runtime has no rights over its file system, as an ordinary user"
		case unix.ENOSYS:
			cause = setattrCause(err)
		}
		return fail.Call("mount_setattr("+quote(m.Source)+", MOUNT_ATTR_IDMAP)", err, cause)
	}
	return nil
}

// mapping returns a user namespace that has the mapping that a mount wants. The kernel takes it as the
// name of the mapping, no more.
func (r *Rootfs) mapping(m *mount) (ns int, err error) {
	uids, gids := m.UIDMappings, m.GIDMappings
	if len(uids) == 0 {
		for i := range r.cfg.Namespaces {
			if n := &r.cfg.Namespaces[i]; n.Type == specs.UserNamespace && n.Path != "" {
				if ns, err = unix.Open(n.Path, unix.O_RDONLY|unix.O_CLOEXEC, 0); err != nil {
					return -1, fail.Call("open("+quote(n.Path)+")", err, "the user namespace that linux.namespaces names does not exist")
				}
				return ns, nil
			}
		}
		uids, gids = r.cfg.UIDMappings, r.cfg.GIDMappings
	}
	return userNamespace(uids, gids)
}

// userNamespace makes a user namespace with these mappings. A namespace begins with a process; this
// one is stopped by the tracing of its first execve, and killed when the namespace is held by a
// descriptor.
func userNamespace(uids, gids []specs.LinuxIDMapping) (ns int, err error) {
	runtime.LockOSThread() // the tracer is a thread
	defer runtime.UnlockOSThread()
	pid, err := syscall.ForkExec("/proc/self/exe", []string{"user namespace"}, &syscall.ProcAttr{Sys: &syscall.SysProcAttr{
		Cloneflags:  syscall.CLONE_NEWUSER,
		UidMappings: idMaps(uids), GidMappings: idMaps(gids),
		GidMappingsEnableSetgroups: true,
		Ptrace:                     true,
		Pdeathsig:                  syscall.SIGKILL,
	}})
	if err != nil {
		cause := ""
		switch errnoOf(err) {
		case unix.EINVAL:
			cause = "the mappings contradict each other, or there are more than 340"
		case unix.EPERM:
			cause = "these ids may not be mapped by this user, or user namespaces are switched off"
		case unix.ENOSPC:
			cause = "there are too many user namespaces (/proc/sys/user/max_user_namespaces)"
		}
		return -1, fail.Call("clone(CLONE_NEWUSER)", err, cause)
	}
	name := fmt.Sprintf("/proc/%d/ns/user", pid)
	ns, err = unix.Open(name, unix.O_RDONLY|unix.O_CLOEXEC, 0)
	unix.Kill(pid, unix.SIGKILL)
	for {
		var status unix.WaitStatus
		if _, err := unix.Wait4(pid, &status, unix.WALL, nil); err != unix.EINTR && (err != nil || !status.Stopped()) {
			break
		}
	}
	if err != nil {
		return -1, fail.Call("open("+quote(name)+")", err, "mapped ids need the host's /proc")
	}
	return ns, nil
}

// idMaps converts mappings for the syscall package.
func idMaps(list []specs.LinuxIDMapping) (maps []syscall.SysProcIDMap) {
	for _, m := range list {
		maps = append(maps, syscall.SysProcIDMap{ContainerID: int(m.ContainerID), HostID: int(m.HostID), Size: int(m.Size)})
	}
	return maps
}

package rootfs

import (
	"errors"
	"fmt"
	"os"
	"runtime"
	"syscall"

	"github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"

	"jocker/final/runtime/fail"
	"jocker/final/runtime/step"
)

// This file is the runtime's half: it opens what init could not.
//
// Root of a user namespace is nobody special on the host: a directory that only the host's root may
// enter is closed to it. And only who has rights over a file system, which is the host's, may mount a
// view of it with other ids. So with a user namespace, and for views with other ids, the runtime
// makes the views of the sources, and hands them to init as descriptors.

// Sources returns the runtime's steps, which come before init needs the files. Files has them afterwards.
func (r *Rootfs) Sources() (steps []step.Step) {
	for i := range r.mounts {
		m := &r.mounts[i]
		if m.host < 0 {
			continue
		}
		steps = append(steps, step.Step{Actor: step.Runtime, Stage: "sources", Lab: 6,
			Do: func() error { return r.openSource(m) },
			Say: func() (what, call string) {
				call = "open_tree(" + quote(m.Source) + ", OPEN_TREE_CLONE)"
				if m.idmap != noIdmap {
					call += "; mount_setattr(MOUNT_ATTR_IDMAP)"
				}
				return "open " + m.Source + " for " + m.dest, call
			}})
	}
	return steps
}

// Files returns what Sources opened. The runtime sends the files to init, and closes them.
func (r *Rootfs) Files() []*os.File { return r.files }

// Take gives init the files that the runtime sent. Mount's steps close them.
func (r *Rootfs) Take(files []*os.File) { r.files = files }

// openSource makes a view for init.
func (r *Rootfs) openSource(m *mount) error {
	tree, err := m.clone()
	if err != nil {
		return err
	}
	// The view would belong to the host's group of mounts; init's own are what isolate made them.
	flags, _ := r.cfg.propagation()
	if flags&unix.MS_SHARED == 0 {
		if err := propagate(tree, flags|unix.MS_REC); err != nil {
			unix.Close(tree)
			return fail.Call("mount_setattr("+quote(m.Source)+", "+propagationName(flags|unix.MS_REC)+")", err, "")
		}
	}
	if m.idmap != noIdmap {
		if err := r.mapIDs(m, tree); err != nil {
			unix.Close(tree)
			return err
		}
	}
	r.files = append(r.files, os.NewFile(uintptr(tree), m.Source))
	return nil
}

// fromHost returns the view that the runtime sent.
func (r *Rootfs) fromHost(m *mount) (tree int, err error) {
	if m.host >= len(r.files) {
		return -1, errors.New("the runtime has not sent the source " + m.Source)
	}
	// A number of its own, for the file closes its number when it is collected.
	tree, err = unix.FcntlInt(r.files[m.host].Fd(), unix.F_DUPFD_CLOEXEC, 3)
	r.files[m.host].Close()
	if err != nil {
		return -1, fail.Call("fcntl(F_DUPFD_CLOEXEC)", err, "")
	}
	return tree, nil
}

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

// needsHost says whether the runtime opens the source.
func (m *mount) needsHost(cfg *Config) bool {
	return m.bind && !m.remount && (m.idmap != noIdmap || cfg.has(specs.UserNamespace) && !cfg.Rootless)
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

package rootfs

import (
	"strings"

	"github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"

	"jocker/final/runtime/fail"
)

// This file mounts the type cgroup, which means: show the container its cgroups, whatever kind the host has.

// What each hierarchy of cgroup v1 gets, whatever the options say.
const hierarchyAttributes = unix.MOUNT_ATTR_NOSUID | unix.MOUNT_ATTR_NODEV | unix.MOUNT_ATTR_NOEXEC

// doCgroup mounts the container's cgroups.
func (m *mount) doCgroup(r *Rootfs) error {
	var fs unix.Statfs_t
	if err := unix.Statfs("/sys/fs/cgroup", &fs); err == nil && fs.Type == unix.CGROUP2_SUPER_MAGIC {
		return m.doNew(r, "cgroup2")
	}
	return m.doHierarchies(r)
}

func (m *mount) sayCgroup(cfg *Config, set string) (what, call string) {
	what = "show the container its cgroups on " + m.dest
	if len(cfg.Cgroups) == 0 || cfg.Cgroups[0].Name == "" {
		return what, `fsopen("cgroup2"); fsmount(` + set + "); move_mount(" + quote(m.dest) + ")"
	}
	call = `fsopen("tmpfs"); fsmount(` + attributeNames(hierarchyAttributes, 0) + "); move_mount(" + quote(m.dest) + ")"
	for _, h := range cfg.Cgroups {
		call += "; open_tree(" + quote(h.Path) + ", OPEN_TREE_CLONE); move_mount(" + quote(m.dest+"/"+h.Name) + ")"
	}
	return what, call
}

// doHierarchies mounts cgroup v1: a tmpfs with a directory for each hierarchy.
func (m *mount) doHierarchies(r *Rootfs) error {
	place, _, err := r.target(m, true)
	if err != nil {
		return err
	}
	all, err := newMount("tmpfs", "tmpfs", nil, r.labelled("tmpfs", []string{"mode=755"}), hierarchyAttributes)
	if err != nil {
		unix.Close(place)
		return err
	}
	defer unix.Close(all)
	if err := m.attach(all, place); err != nil {
		return err
	}
	for i := range r.cfg.Cgroups {
		if err := m.doHierarchy(r, all, &r.cfg.Cgroups[i]); err != nil {
			return err
		}
	}
	if m.set&unix.MOUNT_ATTR_RDONLY == 0 {
		return nil
	}
	readOnly := options{set: unix.MOUNT_ATTR_RDONLY}
	return readOnly.attributes(all)
}

// doHierarchy mounts one hierarchy in the directory all. Links lead to it from each controller that
// it is shared by: cpu -> cpu,cpuacct.
func (m *mount) doHierarchy(r *Rootfs, all int, h *Hierarchy) error {
	where := m.dest + "/" + h.Name
	if err := unix.Mkdirat(all, h.Name, 0o755); err != nil {
		return fail.Call("mkdirat("+quote(where)+", 0755)", err, "")
	}
	tree, err := m.hierarchy(r, h)
	if err != nil {
		return err
	}
	defer unix.Close(tree)
	// The name is one of a directory that nobody else can reach yet.
	if err := unix.MoveMount(tree, "", all, h.Name, unix.MOVE_MOUNT_F_EMPTY_PATH); err != nil {
		return fail.Call("move_mount(tree, "+quote(where)+")", err, "")
	}
	if !strings.Contains(h.Name, ",") {
		return nil
	}
	for _, controller := range strings.Split(h.Name, ",") {
		if err := unix.Symlinkat(h.Name, all, controller); err != nil && err != unix.EEXIST {
			return fail.Call("symlinkat("+quote(h.Name)+", "+quote(m.dest+"/"+controller)+")", err, "")
		}
	}
	return nil
}

// hierarchy returns a mount of one hierarchy. In a cgroup namespace it begins at the namespace's
// root. The namespace of a new container begins at the container's cgroup, and then a bind of the cgroup's directory is the
// same mount, cheaper and without the kernel's lock on all cgroups.
func (m *mount) hierarchy(r *Rootfs, h *Hierarchy) (tree int, err error) {
	o := options{set: hierarchyAttributes | m.set&unix.MOUNT_ATTR_RDONLY}
	if h.Path != "" && !joinsCgroup(r.cfg) {
		if tree, err = cloneTree(unix.AT_FDCWD, h.Path, false); err != nil {
			return -1, err
		}
		if err = o.attributes(tree); err != nil {
			unix.Close(tree)
			return -1, err
		}
		return tree, nil
	}
	if h.Option == "" {
		return newMount("cgroup2", "cgroup", nil, nil, o.set)
	}
	return newMount("cgroup", "cgroup", nil, strings.Split(h.Option, ","), o.set)
}

// joinsCgroup says whether the container's cgroup namespace is one that was there before.
func joinsCgroup(c *Config) bool {
	for i := range c.Namespaces {
		if ns := &c.Namespaces[i]; ns.Type == specs.CgroupNamespace {
			return ns.Path != ""
		}
	}
	return false
}

// instead returns a bind of what the host sees, for a file system of the kernel's own that a user
// namespace may not mount: the kernel lets it mount only views of namespaces that are its own. It
// returns -1 if there is nothing of the kind. The container sees no more than it may anyway, for it
// shares the namespace.
func (m *mount) instead(r *Rootfs, kind string, err error) (tree int) {
	errno := errnoOf(err)
	if errno != unix.EPERM && !(errno == unix.EBUSY && kind == "cgroup2") {
		return -1
	}
	source, own := "", specs.LinuxNamespaceType("")
	switch kind {
	case "proc":
		source, own = "/proc", specs.PIDNamespace
	case "sysfs":
		source, own = "/sys", specs.NetworkNamespace
	case "mqueue":
		source, own = "/dev/mqueue", specs.IPCNamespace
	case "cgroup2":
		source = "/sys/fs/cgroup"
		if len(r.cfg.Cgroups) > 0 && r.cfg.has(specs.CgroupNamespace) {
			source = r.cfg.Cgroups[0].Path
		}
	default:
		return -1
	}
	if own != "" && r.cfg.has(own) {
		return -1
	}
	tree, err = cloneTree(unix.AT_FDCWD, source, true)
	if err != nil {
		return -1
	}
	o := m.options
	if err := o.attributes(tree); err != nil {
		unix.Close(tree)
		return -1
	}
	return tree
}

package rootfs

import (
	"fmt"
	"path"

	"github.com/opencontainers/runtime-spec/specs-go"
)

// A Config is the part of config.json that is about files. It is plain data: the runtime sends it to
// init, and both make the same plan from it.
type Config struct {
	Root     string // absolute path of the root file system on the host
	Readonly bool   // the container's / is read-only
	Bundle   string // absolute path; relative sources of bind mounts start here

	Mounts        []specs.Mount
	Devices       []specs.LinuxDevice // beside the default ones
	MaskedPaths   []string
	ReadonlyPaths []string
	Sysctl        map[string]string
	Propagation   string // of the container's /: linux.rootfsPropagation, may be empty
	MountLabel    string // SELinux label for mounts

	Namespaces               []specs.LinuxNamespace
	UIDMappings, GIDMappings []specs.LinuxIDMapping // of the container's user namespace

	Cgroups []Hierarchy // what a mount of type cgroup shows

	NoPivot  bool // runc's --no-pivot: MS_MOVE and chroot in place of pivot_root
	Rootless bool // the runtime is an ordinary user, who can do nothing for init outside of its user namespace
}

// A Hierarchy is one tree of cgroups, and where in it the container is.
type Hierarchy struct {
	// Name is its directory below /sys/fs/cgroup: "memory", "cpu,cpuacct" or "systemd" on cgroup v1;
	// empty for the one tree of cgroup v2.
	Name string
	// Option is what a mount of it is called by: "memory", "cpu,cpuacct" or "name=systemd".
	Option string
	// Path is the container's cgroup as a directory on the host.
	Path string
}

// FromSpec returns the part of a spec that is about files. bundle is the absolute path of the
// directory that config.json lies in.
func FromSpec(spec *specs.Spec, bundle string) Config {
	c := Config{Bundle: bundle, Mounts: spec.Mounts}
	if spec.Root != nil {
		c.Root, c.Readonly = absolute(bundle, spec.Root.Path), spec.Root.Readonly
	}
	if l := spec.Linux; l != nil {
		c.Devices, c.Sysctl = l.Devices, l.Sysctl
		c.MaskedPaths, c.ReadonlyPaths = l.MaskedPaths, l.ReadonlyPaths
		c.Propagation, c.MountLabel = l.RootfsPropagation, l.MountLabel
		c.Namespaces, c.UIDMappings, c.GIDMappings = l.Namespaces, l.UIDMappings, l.GIDMappings
	}
	return c
}

// absolute returns a path that starts at dir if it is relative.
func absolute(dir, name string) string {
	if path.IsAbs(name) {
		return path.Clean(name)
	}
	return path.Join(dir, name)
}

// has says whether the container has a namespace of this kind that is not the runtime's own.
func (c *Config) has(kind specs.LinuxNamespaceType) bool {
	for i := range c.Namespaces {
		if c.Namespaces[i].Type == kind {
			return true
		}
	}
	return false
}

// check looks for what can't work, before anything is made.
func (c *Config) check() error {
	if !path.IsAbs(c.Root) {
		return fmt.Errorf("root.path: %q is not an absolute path", c.Root)
	}
	if !c.has(specs.MountNamespace) {
		// Without a mount namespace each mount would be the host's.
		for _, list := range []struct {
			what string
			n    int
		}{
			{"mounts", len(c.Mounts)}, {"linux.maskedPaths", len(c.MaskedPaths)}, {"linux.readonlyPaths", len(c.ReadonlyPaths)},
			{"linux.rootfsPropagation", len(c.Propagation)}, {"linux.devices", len(c.Devices)},
		} {
			if list.n > 0 {
				return fmt.Errorf("%s: the container has no mount namespace, so this would change the host; "+
					"add {\"type\": \"mount\"} to linux.namespaces", list.what)
			}
		}
		if c.Readonly {
			return fmt.Errorf("root.readonly: the container has no mount namespace, so this would change the host; " +
				"add {\"type\": \"mount\"} to linux.namespaces")
		}
	}
	if _, err := c.propagation(); err != nil {
		return err
	}
	for _, d := range c.Devices {
		if _, err := deviceMode(&d); err != nil {
			return err
		}
	}
	for key := range c.Sysctl {
		if err := c.checkSysctl(key); err != nil {
			return err
		}
	}
	return nil
}

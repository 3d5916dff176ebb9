package container

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"sort"
	"strconv"
	"strings"

	"github.com/opencontainers/runtime-spec/specs-go"

	"jocker/final/engine/image"
	"jocker/final/engine/inroot"
	"jocker/final/runtime/seccomp"
)

// Paths that are hidden from a container, and that it may only read: they tell about the host, or change it, and are not of
// any name space. The lists are Docker's.
var (
	maskedPaths = []string{"/proc/asound", "/proc/acpi", "/proc/interrupts", "/proc/kcore", "/proc/keys", "/proc/latency_stats", "/proc/timer_list",
		"/proc/timer_stats", "/proc/sched_debug", "/proc/scsi", "/sys/firmware", "/sys/devices/virtual/powercap"}
	readonlyPaths = []string{"/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"}
)

// A launch is what is decided anew at each start.
type launch struct {
	root          *inroot.Dir // the container's root, mounted
	netns         string      // path of its network name space; "" for the host's
	rows, columns uint16      // of the terminal; 0 if unknown
}

// spec makes config.json.
func (c *Container) spec(l launch) (*specs.Spec, error) {
	h := &c.HostConfig
	process, err := c.process(l)
	if err != nil {
		return nil, err
	}
	namespaces, err := c.namespaces(l.netns)
	if err != nil {
		return nil, err
	}
	mounts, err := c.mounts(l.root)
	if err != nil {
		return nil, err
	}
	s := &specs.Spec{
		Version:     "1.0.2", // nothing newer is used, and every runtime takes it
		Process:     process,
		Root:        &specs.Root{Path: "rootfs", Readonly: h.ReadonlyRootfs},
		Mounts:      mounts,
		Annotations: h.Annotations,
		Linux: &specs.Linux{
			Namespaces:    namespaces,
			Resources:     h.Resources.Spec(),
			CgroupsPath:   "/jocker/" + c.ID,
			Sysctl:        h.sysctls(l.netns != "" && !strings.HasPrefix(h.NetworkMode, "container:")),
			MaskedPaths:   maskedPaths,
			ReadonlyPaths: readonlyPaths,
		},
	}
	if h.UTSMode != "host" {
		s.Hostname = c.Config.Hostname
	}
	if s.Linux.Devices, s.Linux.Resources.Devices, err = c.devices(); err != nil {
		return nil, err
	}
	return s, c.secure(s)
}

// sysctls are those asked for; and in a network of the container's own ports below 1024 and ping need no rights, as at Docker.
// They keep a machine's users from each other, and here is one.
func (h *HostConfig) sysctls(ownNetwork bool) map[string]string {
	if !ownNetwork {
		return h.Sysctls
	}
	all := map[string]string{"net.ipv4.ip_unprivileged_port_start": "0", "net.ipv4.ping_group_range": "0 2147483647"}
	for name, value := range h.Sysctls {
		all[name] = value
	}
	return all
}

// secure adds what --security-opt and --privileged say.
func (c *Container) secure(s *specs.Spec) error {
	profile := ""
	for _, option := range c.HostConfig.SecurityOpt {
		key, value, _ := strings.Cut(strings.Replace(option, ":", "=", 1), "=")
		switch {
		case key == "no-new-privileges" && (value == "" || value == "true"):
			s.Process.NoNewPrivileges = true
		case key == "no-new-privileges" && value == "false":
		case key == "seccomp":
			profile = value
		case key == "apparmor":
			if value != "unconfined" {
				s.Process.ApparmorProfile = value
			}
		case key == "systempaths" && value == "unconfined":
			s.Linux.MaskedPaths, s.Linux.ReadonlyPaths = nil, nil
		case key == "label":
			if value != "disable" {
				return fmt.Errorf("--security-opt %s: SELinux labels are not made by jocker; only label=disable is known", option)
			}
		default:
			return fmt.Errorf("invalid --security-opt: %q", option)
		}
	}
	if c.HostConfig.Privileged {
		s.Linux.MaskedPaths, s.Linux.ReadonlyPaths = nil, nil
		if profile == "" {
			return nil
		}
	}
	switch profile {
	case "unconfined":
	case "", "builtin", "default":
		s.Linux.Seccomp = seccomp.Default(s.Process.Capabilities.Bounding)
	default:
		data, err := os.ReadFile(profile)
		if err != nil {
			return fmt.Errorf("opening seccomp profile (%s) failed: %w", profile, errors.Unwrap(err))
		}
		s.Linux.Seccomp = &specs.LinuxSeccomp{}
		if err := json.Unmarshal(data, s.Linux.Seccomp); err != nil {
			return fmt.Errorf("decoding seccomp profile (%s) failed: %w", profile, err)
		}
	}
	return nil
}

// process is the program and how it runs.
func (c *Container) process(l launch) (*specs.Process, error) {
	h := &c.HostConfig
	user, home, err := findUser(l.root, c.Config.User, h.GroupAdd)
	if err != nil {
		return nil, err
	}
	caps, err := capabilities(h, canHave)
	if err != nil {
		return nil, err
	}
	p := &specs.Process{
		Terminal:     c.Config.Tty,
		User:         user,
		Args:         append([]string{c.Path}, c.Args...),
		Env:          c.env(home),
		Cwd:          c.Config.WorkingDir,
		Capabilities: &specs.LinuxCapabilities{Bounding: caps},
		Rlimits:      h.rlimits(),
	}
	if user.UID == 0 { // other users have none, as after execve(2)
		p.Capabilities.Effective, p.Capabilities.Permitted = caps, caps
	}
	if p.Cwd == "" {
		p.Cwd = "/"
	}
	if h.OomScoreAdj != 0 {
		p.OOMScoreAdj = &h.OomScoreAdj
	}
	if l.rows != 0 {
		p.ConsoleSize = &specs.Box{Height: uint(l.rows), Width: uint(l.columns)}
	}
	if h.Init {
		p.Args = append([]string{initPath, "init", "--"}, p.Args...)
	}
	return p, nil
}

// env is the program's environment.
func (c *Container) env(home string) []string {
	base := []string{image.DefaultPath, "HOSTNAME=" + c.Config.Hostname}
	if c.Config.Hostname == "" {
		base = base[:1]
	}
	if c.Config.Tty {
		base = append(base, "TERM=xterm")
	}
	return MergeEnv(append(base, "HOME="+home), c.Config.Env)
}

// namespaces are those that the container gets or joins.
func (c *Container) namespaces(netns string) (list []specs.LinuxNamespace, err error) {
	h := &c.HostConfig
	list = []specs.LinuxNamespace{{Type: specs.MountNamespace}}
	if netns != "" {
		list = append(list, specs.LinuxNamespace{Type: specs.NetworkNamespace, Path: netns})
	}
	for _, n := range []struct {
		kind   specs.LinuxNamespaceType
		file   string
		mode   string
		shared bool // can be another container's
	}{
		{specs.PIDNamespace, "pid", h.PidMode, true},
		{specs.IPCNamespace, "ipc", h.IpcMode, true},
		{specs.UTSNamespace, "uts", h.UTSMode, false},
		{specs.CgroupNamespace, "cgroup", c.cgroupns(), false},
	} {
		other, isContainer := strings.CutPrefix(n.mode, "container:")
		switch {
		case n.mode == "host":
		case n.mode == "" || n.mode == "private" || n.file == "ipc" && (n.mode == "shareable" || n.mode == "none"):
			list = append(list, specs.LinuxNamespace{Type: n.kind})
		case isContainer && n.shared:
			pid, err := c.store.pidOf(other)
			if err != nil {
				return nil, err
			}
			list = append(list, specs.LinuxNamespace{Type: n.kind, Path: "/proc/" + strconv.Itoa(pid) + "/ns/" + n.file})
		default:
			return nil, fmt.Errorf("--%s %s: it is host, private%s", n.file, n.mode, map[bool]string{true: " or container:NAME"}[n.shared])
		}
	}
	return list, nil
}

// cgroupns is the mode of the cgroup name space: as with Docker it is the container's own on cgroup v2 only.
func (c *Container) cgroupns() string {
	if mode := c.HostConfig.CgroupnsMode; mode != "" {
		return mode
	}
	if _, err := os.Stat("/sys/fs/cgroup/cgroup.controllers"); err == nil {
		return "private"
	}
	return "host"
}

// pidOf returns the process of a running container.
func (s *Store) pidOf(name string) (int, error) {
	c, err := s.Find(name)
	if err != nil {
		return 0, err
	}
	status, err := c.Status()
	if err != nil {
		return 0, err
	}
	if !status.Running() {
		return 0, fmt.Errorf("cannot join the namespace of container %s: it is not running", name)
	}
	return status.Pid, nil
}

// mounts are all mounts but the root.
func (c *Container) mounts(root *inroot.Dir) ([]specs.Mount, error) {
	h := &c.HostConfig
	sys := "ro"
	if h.Privileged {
		sys = "rw"
	}
	shm := h.ShmSize
	if shm == 0 {
		shm = 64 << 20
	}
	all := []specs.Mount{
		{Destination: "/proc", Type: "proc", Source: "proc", Options: []string{"nosuid", "noexec", "nodev"}},
		{Destination: "/dev", Type: "tmpfs", Source: "tmpfs", Options: []string{"nosuid", "strictatime", "mode=755", "size=65536k"}},
		{Destination: "/dev/pts", Type: "devpts", Source: "devpts", Options: []string{"nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620", "gid=5"}},
		{Destination: "/sys", Type: "sysfs", Source: "sysfs", Options: []string{"nosuid", "noexec", "nodev", sys}},
		{Destination: "/sys/fs/cgroup", Type: "cgroup", Source: "cgroup", Options: []string{sys, "nosuid", "noexec", "nodev"}},
		{Destination: "/dev/mqueue", Type: "mqueue", Source: "mqueue", Options: []string{"nosuid", "noexec", "nodev"}},
	}
	if h.IpcMode == "host" {
		all = append(all, specs.Mount{Destination: "/dev/shm", Type: "bind", Source: "/dev/shm", Options: []string{"rbind", "rprivate"}})
	} else if h.IpcMode != "none" {
		all = append(all, specs.Mount{Destination: "/dev/shm", Type: "tmpfs", Source: "shm",
			Options: []string{"nosuid", "noexec", "nodev", "mode=1777", "size=" + strconv.FormatInt(shm, 10)}})
	}
	taken := map[string]bool{}
	for _, m := range c.Mounts {
		taken[m.Destination] = true
	}
	for _, name := range []string{"resolv.conf", "hostname", "hosts"} {
		if taken["/etc/"+name] {
			continue
		}
		mount := specs.Mount{Destination: "/etc/" + name, Type: "bind", Source: c.Dir() + "/" + name, Options: []string{"rbind", "rprivate"}}
		if h.ReadonlyRootfs {
			mount.Options = append(mount.Options, "ro")
		}
		all = append(all, mount)
	}
	for path, options := range h.Tmpfs {
		o := []string{"noexec", "nosuid", "nodev"}
		if options != "" {
			o = append(o, strings.Split(options, ",")...)
		}
		all = append(all, specs.Mount{Destination: path, Type: "tmpfs", Source: "tmpfs", Options: o})
	}
	own := append([]MountPoint{}, c.Mounts...)
	sort.SliceStable(own, func(i, j int) bool {
		return strings.Count(own[i].Destination, "/") < strings.Count(own[j].Destination, "/")
	})
	for _, m := range own {
		mount, err := c.mountOf(root, m)
		if err != nil {
			return nil, err
		}
		all = append(all, mount)
	}
	if h.Init {
		program, err := FindProgram("jocker-shim")
		if err != nil {
			return nil, err
		}
		all = append(all, specs.Mount{Destination: initPath, Type: "bind", Source: program, Options: []string{"bind", "ro"}})
	}
	return all, nil
}

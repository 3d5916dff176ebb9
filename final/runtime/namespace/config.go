package namespace

import (
	"fmt"

	"github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"
)

// A Config says in which namespaces a container's init starts. It is plain data.
type Config struct {
	// New has the CLONE_NEW* flags of the namespaces to be made.
	New uintptr
	// Join has those that exist already, as the container's of a pod do.
	Join []Join
	// UIDs and GIDs are the mappings of a new user namespace.
	UIDs, GIDs []specs.LinuxIDMapping
	// Offsets are those of a new time namespace, by clock: "monotonic", "boottime".
	Offsets map[string]specs.LinuxTimeOffset
}

// A Join is a namespace to be joined.
type Join struct {
	Flag uintptr // its kind, one CLONE_NEW* flag
	Path string  // absolute; for example /proc/42/ns/net, or a file that it is bind-mounted to
}

// A kind of namespace has three names, and a file in /proc/PID/ns.
type kind struct {
	spec specs.LinuxNamespaceType
	file string
	flag uintptr
	name string // of the flag
	max  string // the limit in /proc/sys/user
}

// kinds are in the order in which strace prints the flags.
var kinds = [...]kind{
	{specs.TimeNamespace, "time", unix.CLONE_NEWTIME, "CLONE_NEWTIME", "max_time_namespaces"},
	{specs.MountNamespace, "mnt", unix.CLONE_NEWNS, "CLONE_NEWNS", "max_mnt_namespaces"},
	{specs.CgroupNamespace, "cgroup", unix.CLONE_NEWCGROUP, "CLONE_NEWCGROUP", "max_cgroup_namespaces"},
	{specs.UTSNamespace, "uts", unix.CLONE_NEWUTS, "CLONE_NEWUTS", "max_uts_namespaces"},
	{specs.IPCNamespace, "ipc", unix.CLONE_NEWIPC, "CLONE_NEWIPC", "max_ipc_namespaces"},
	{specs.UserNamespace, "user", unix.CLONE_NEWUSER, "CLONE_NEWUSER", "max_user_namespaces"},
	{specs.PIDNamespace, "pid", unix.CLONE_NEWPID, "CLONE_NEWPID", "max_pid_namespaces"},
	{specs.NetworkNamespace, "net", unix.CLONE_NEWNET, "CLONE_NEWNET", "max_net_namespaces"},
}

// kindOf returns the kind with a flag, which must be one of the eight.
func kindOf(flag uintptr) *kind {
	for i := range kinds {
		if kinds[i].flag == flag {
			return &kinds[i]
		}
	}
	return &kind{name: fmt.Sprintf("%#x", flag)}
}

// FromSpec reads the part of config.json's linux object that is about namespaces: namespaces,
// uidMappings, gidMappings and timeOffsets (config-linux.md of the runtime specification). It
// touches nothing. An error says which member is wrong.
func FromSpec(linux *specs.Linux) (*Config, error) {
	c := &Config{}
	if linux == nil {
		return c, nil
	}
	seen := uintptr(0)
	for _, ns := range linux.Namespaces {
		flag := uintptr(0)
		for i := range kinds {
			if kinds[i].spec == ns.Type {
				flag = kinds[i].flag
			}
		}
		switch {
		case flag == 0:
			return nil, fmt.Errorf("linux.namespaces: unknown type %q; Linux has pid, network, mount, ipc, uts, user, cgroup and time", ns.Type)
		case seen&flag != 0:
			return nil, fmt.Errorf("linux.namespaces: type %q appears twice", ns.Type)
		case ns.Path == "":
			c.New |= flag
		case ns.Path[0] != '/':
			return nil, fmt.Errorf("linux.namespaces: the path of type %q must be absolute, not %q", ns.Type, ns.Path)
		default:
			c.Join = append(c.Join, Join{flag, ns.Path})
		}
		seen |= flag
	}
	c.UIDs, c.GIDs, c.Offsets = linux.UIDMappings, linux.GIDMappings, linux.TimeOffsets
	switch {
	case seen&unix.CLONE_NEWUSER == 0 && len(c.UIDs)+len(c.GIDs) > 0:
		return nil, fmt.Errorf("linux.uidMappings, linux.gidMappings: there is no user namespace to be mapped; add {\"type\": \"user\"} to linux.namespaces")
	case c.New&unix.CLONE_NEWUSER == 0 && len(c.UIDs)+len(c.GIDs) > 0:
		return nil, fmt.Errorf("linux.uidMappings, linux.gidMappings: the user namespace that is joined has its own already; leave them out")
	case c.New&unix.CLONE_NEWTIME == 0 && len(c.Offsets) > 0:
		return nil, fmt.Errorf("linux.timeOffsets: only a new time namespace can be given offsets; add {\"type\": \"time\"} to linux.namespaces")
	}
	if c.New&unix.CLONE_NEWUSER != 0 {
		if err := checkMap("linux.uidMappings", c.UIDs); err != nil {
			return nil, err
		}
		if err := checkMap("linux.gidMappings", c.GIDs); err != nil {
			return nil, err
		}
	}
	for clock, offset := range c.Offsets {
		if clock != "monotonic" && clock != "boottime" {
			return nil, fmt.Errorf("linux.timeOffsets: unknown clock %q; a time namespace shifts monotonic and boottime", clock)
		}
		if offset.Nanosecs >= 1e9 {
			return nil, fmt.Errorf("linux.timeOffsets: %s: nanosecs must be less than 1000000000, not %d", clock, offset.Nanosecs)
		}
	}
	return c, nil
}

// maxMap is how many lines the kernel takes in a map (user_namespaces(7)).
const maxMap = 340

// checkMap finds what the kernel would refuse without a word of explanation.
func checkMap(what string, ids []specs.LinuxIDMapping) error {
	if len(ids) == 0 {
		return fmt.Errorf("%s: a new user namespace needs at least one mapping", what)
	}
	if len(ids) > maxMap {
		return fmt.Errorf("%s: has %d lines, and the kernel takes %d", what, len(ids), maxMap)
	}
	root := false
	for i, m := range ids {
		if m.Size == 0 {
			return fmt.Errorf("%s: line %d: size must not be 0", what, i+1)
		}
		// The id 4294967295 means "no change" to setuid, and cannot be mapped.
		if uint64(m.ContainerID)+uint64(m.Size) > 1<<32-1 || uint64(m.HostID)+uint64(m.Size) > 1<<32-1 {
			return fmt.Errorf("%s: line %d: goes beyond the id 4294967294", what, i+1)
		}
		for j, n := range ids[:i] {
			if overlap(m.ContainerID, m.Size, n.ContainerID, n.Size) || overlap(m.HostID, m.Size, n.HostID, n.Size) {
				return fmt.Errorf("%s: lines %d and %d overlap", what, j+1, i+1)
			}
		}
		root = root || m.ContainerID == 0
	}
	if !root {
		return fmt.Errorf("%s: containerID 0 is not mapped, but init sets the container up as its root", what)
	}
	return nil
}

func overlap(a, na, b, nb uint32) bool {
	return uint64(a) < uint64(b)+uint64(nb) && uint64(b) < uint64(a)+uint64(na)
}

package main

// known explains, for each program that fails under all three runtimes, whose fault that is.
var known = map[string]string{
	"delete":                         "suite: wants delete to refuse a container that is created; runc's doesn't, and engines rely on it",
	"hooks":                          "suite: it expects another text than its own hooks write",
	"linux_cgroups_blkio":            "machine: the kernel has no blkio.leaf_weight since 5.0",
	"linux_cgroups_hugetlb":          "machine: no hugetlb hierarchy of v1",
	"linux_cgroups_memory":           "machine: memory.kmem.limit_in_bytes is ignored since 5.16",
	"linux_cgroups_network":          "machine: no net_cls and net_prio hierarchies",
	"linux_cgroups_relative_blkio":   "machine: the kernel has no blkio.leaf_weight since 5.0",
	"linux_cgroups_relative_hugetlb": "machine: no hugetlb hierarchy of v1",
	"linux_cgroups_relative_memory":  "machine: memory.kmem.limit_in_bytes is ignored since 5.16",
	"linux_cgroups_relative_network": "machine: no net_cls and net_prio hierarchies",
	"linux_process_apparmor_profile": "machine: no AppArmor",
	"misc_props":                     "suite: it forgets to put its program into the bundle",
	"pidfile":                        "suite: it kills a container that has ended by itself, unless it wins a race",
	"prestart":                       "suite: wants prestart hooks to run during start, as version 1.0.0 of the specification had it",
	"process_capabilities":           "machine: CAP_SYS_RESOURCE, which it asks for, is not in the bounding set here",
	"process_rlimits":                "suite: its program is in Go, which raises the soft RLIMIT_NOFILE that it is about to check",
	"start":                          "suite: wants to create a container without a process, and its errors from start. It can't be done: see create under Process, config.md",
}

// refused explains programs that a peer passes and ours doesn't, on purpose.
var refused = map[string]string{
	"linux_mount_label": "linux.mountLabel without SELinux in the kernel is an error by name, as in runc; crun ignores it in silence",
	"poststart_fail":    "suite: version 1.1 of the specification wanted a warning; since 1.3 a poststart hook that fails is an error and ends the container",
	"linux_ns_itype":    "a bundle without a mount namespace is refused: its mounts would stay on the host. runc makes them there",
}

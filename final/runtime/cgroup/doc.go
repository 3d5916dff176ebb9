// Package cgroup puts a container into cgroups: it makes them, writes the limits of config.json's linux.resources, moves the
// container's processes there, and in the end kills what is left and removes them.
//
// # What a cgroup is
//
// Namespaces decide what a process sees, cgroups what it gets. A cgroup is a directory in a file system of the kernel: mkdir
// makes one, and it is full of files at once. A number written into cgroup.procs moves that process in; its children
// are born there. Other files are limits, and still others count. What a file is called before its first
// dot is a controller: memory.max belongs to memory, pids.max to pids. Lab01 does all of this by
// hand; lab04 does it for three controllers.
//
// # Two versions
//
// Version 1 has one tree of cgroups, a hierarchy, for each controller or two, and a process has a place in each of
// them. Version 2 (Linux 4.5) has one tree for all. A machine has one or the other or, called hybrid, v1's trees with
// the controllers and a v2 tree beside them. The two differ in more than names:
//
//	                     v1                                 v2
//	a limit of memory    memory.limit_in_bytes              memory.max
//	memory and swap      one limit for both together        a limit for swap alone
//	a share of the CPU   cpu.shares, 2 to 262144            cpu.weight, 1 to 10000
//	devices              a controller with two lists        an eBPF program on the cgroup
//	freezing             a controller of its own            cgroup.freeze in every cgroup
//	killing              freeze, signal each, thaw          cgroup.kill (Linux 5.14)
//	a new cgroup         can be used, but for cpuset,       has the controllers that its parent lists
//	                     which needs CPUs first             in cgroup.subtree_control: the gates
//	processes            in any cgroup                      in leaves only, unless it is the root
//
// config.json speaks the language of v1, since that was there first. For each controller this package looks where it is, and
// converts. What has no counterpart is refused, and the error says why; nothing is left out in silence.
//
// # What goes wrong
//
// A file that doesn't exist (ENOENT), most often: the controller is there, but one of the gates on the way down
// is closed. Then one cgroup above is full (EBUSY, ENOSPC, EAGAIN), the value disagrees with another one (EINVAL), somebody else owns
// it (EACCES). The kernel has few numbers for many reasons, so why.go goes and looks: which gate, which
// usage, which owner. It runs only after a failure.
//
// A cgroup is also a trap for a runtime. Moving a process costs 5 to 20 ms, unless one knows how (place.go). Two controllers
// of v1 must be set in the right order, and the right order depends on the values that are there (setting.go). To
// enable one controller in the wrong cgroup makes it one "for threads", which no container can live under
// (create.go). And who deletes a cgroup by its name had better be sure that it is his (Free).
//
// # How to read it
//
//	layout.go    which hierarchies the machine has: mountinfo, as in lab04
//	visible.go   and which of them a path still leads to
//	group.go     a container's place in each of them
//	create.go    mkdir, and the gates of v2
//	place.go     three ways into a cgroup
//	setting.go   from linux.resources to lines in files; memory.go, cpu.go, io.go, limits.go and device.go are the
//	             controllers, each with a table: config.json, v1, v2
//	steps.go     all that as steps, in the order in which a container starts
//	why.go       what an errno means here
//	freeze.go    stop and go on
//	pids.go      who is in it; kill.go: signals, and the end
//	oom.go       being told when memory runs out; verdict.go: which limit it was
//	stats.go     what was used, in the form of `runc events --stats`; stats1.go and stats2.go read the files
//	systemd.go   the same with --systemd-cgroup, where systemd makes the cgroup
//	rootless.go  what an ordinary user's limits are worth, and giving him a part of the tree
//
// Package devices has the rules for devices and the eBPF program; package systemd, which only a separate command links, asks
// systemd to make the cgroup.
//
// Sources: cgroups(7); Documentation/admin-guide/cgroup-v2.rst and cgroup-v1/*.rst in the kernel; config-linux.md, "Control groups",
// of the OCI runtime specification.
package cgroup

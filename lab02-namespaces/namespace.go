package main

import (
	"os"
	"strings"
	"syscall"
)

// kinds are the namespaces that a process has, by their names in /proc/PID/ns.
var kinds = []string{"uts", "ipc", "pid", "mnt", "net", "user", "cgroup"}

// outside is the environment variable in which the parent tells the child its own inodes.
const outside = "LAB02_OUTSIDE"

// Task 2.1: cloneFlags turns the namespaces asked for into flags of clone(2).
//
// Each of -uts -ipc -pid -mnt -net -user asks for one CLONE_NEW... flag; combine them.
// The mount namespace was the first one and its flag has the most general name. -cgroup is not
// among them: a cgroup namespace takes for its root the cgroup that the process is in when it is
// made, and the child isn't in its cgroup yet (see finishNamespaces).
//
//lab:task 2.1
func cloneFlags(own map[string]*bool) (flags uintptr) {
	for kind, flag := range map[string]uintptr{
		"uts":  syscall.CLONE_NEWUTS,
		"ipc":  syscall.CLONE_NEWIPC,
		"pid":  syscall.CLONE_NEWPID,
		"mnt":  syscall.CLONE_NEWNS,
		"net":  syscall.CLONE_NEWNET,
		"user": syscall.CLONE_NEWUSER,
	} {
		if *own[kind] {
			flags |= flag
		}
	}
	return flags
}

// Task 2.2: mapUser lets the child be root in its user namespace.
//
// Map user 0 and group 0 inside to uid and gid outside, one id each. An ordinary user
// may map a group only after giving up setgroups(2) for good, since leaving a group could open a
// file that the group may not read: say so too.
//
//lab:task 2.2
func mapUser(attr *syscall.SysProcAttr, uid, gid int) {
	attr.UidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: uid, Size: 1}}
	attr.GidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: gid, Size: 1}}
	attr.GidMappingsEnableSetgroups = false
}

// Task 2.3: finishNamespaces does what must be done from inside.
//
// With -cgroup, unshare the cgroup namespace now that the child is in its cgroup. With
// -mnt, make the propagation of every mount private. A new mount namespace is a copy of the old
// one, and systemd leaves / shared, which means that copies tell each other of every change: a
// mount made here would appear on the host.
//
//lab:task 2.3
func finishNamespaces(own map[string]*bool) error {
	if *own["cgroup"] {
		if err := syscall.Unshare(syscall.CLONE_NEWCGROUP); err != nil {
			return fail(125, "unshare(CLONE_NEWCGROUP): %v: "+needsRoot, err)
		}
	}
	if *own["mnt"] {
		if err := syscall.Mount("", "/", "", syscall.MS_REC|syscall.MS_PRIVATE, ""); err != nil {
			return os.NewSyscallError("mount --make-rprivate /", err)
		}
	}
	return nil
}

// inodes lists our namespaces, in the order of kinds. /proc/self/ns/uts is a link to a text such
// as "uts:[4026531838]". The number is the inode of the namespace: its name, as far as it has one.
func inodes() string {
	var list []string
	for _, kind := range kinds {
		link, err := os.Readlink("/proc/self/ns/" + kind)
		if err != nil {
			link = "none"
		}
		list = append(list, strings.Trim(strings.TrimPrefix(link, kind+":"), "[]"))
	}
	return strings.Join(list, " ")
}

// showNamespaces prints the inodes outside and inside, and which differ.
func showNamespaces(before, after string) {
	in := strings.Fields(after)
	say("%-9s %-11s %s", "namespace", "outside", "inside")
	for i, out := range strings.Fields(before) {
		say("%-9s %-11s %-11s %s", kinds[i], out, in[i], map[bool]string{true: "shared", false: "its own"}[out == in[i]])
	}
}

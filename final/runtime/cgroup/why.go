package cgroup

import (
	"errors"
	"fmt"
	"strings"

	"golang.org/x/sys/unix"
)

// This file answers the question that a cgroup file system leaves open: why? It has few errnos for many
// reasons. Nothing here runs unless something failed.

// why returns the likely cause why a file in a cgroup could not be read or written, and what to do.
func (h *Hierarchy) why(dir, file, value string, err error) string {
	switch err {
	case unix.ENOENT:
		return h.whyMissing(dir, file)
	case unix.EACCES, unix.EPERM:
		if h.Version == 2 && unix.Geteuid() != 0 {
			return "this cgroup belongs to somebody else; be root, or have one delegated: systemd-run --user --scope -p Delegate=yes"
		}
		if unix.Geteuid() != 0 {
			return "on cgroup v1 only root may do this; v1 cannot be delegated safely"
		}
		if strings.HasPrefix(file, "devices.") {
			return "a cgroup cannot be given devices that its parent hasn't, nor change its default while it has children"
		}
		return "the kernel forbids this here even to root; in a container the host's limits cannot be changed"
	case unix.EROFS:
		return "the hierarchy is mounted read-only, as in an unprivileged container; mount it read-write"
	case unix.EBUSY:
		return h.whyBusy(dir, file)
	case unix.EOPNOTSUPP:
		if h.Version == 2 && (file == "cgroup.procs" || file == "cgroup.subtree_control") {
			return "the cgroup is of type " + h.kind(dir) + ", for threads only; use one whose ancestors are of type domain"
		}
		return "the kernel no longer has this limit; leave it out"
	case unix.ENOSPC:
		if file == "cgroup.procs" || file == "tasks" {
			return "the cpuset has no processors or memory nodes; write cpuset.cpus and cpuset.mems first"
		}
		if file == "cpuset.cpus" || file == "cpuset.mems" {
			return "processes are in it, so it must not become empty"
		}
	case unix.ESRCH:
		return "there is no such process: it has ended"
	case unix.ENODEV:
		return "there is no such device, or no I/O scheduler that can do this; see /proc/partitions"
	case unix.ERANGE:
		if strings.HasPrefix(file, "cpuset.") {
			return h.whyInvalid(dir, file, value)
		}
		return "the value is out of the range that the kernel allows"
	case unix.EINVAL:
		return h.whyInvalid(dir, file, value)
	}
	return ""
}

// whyMissing looks for the gate that keeps a controller back.
func (h *Hierarchy) whyMissing(dir, file string) string {
	if unix.Access(dir, unix.F_OK) != nil {
		return "the cgroup is gone; was it removed meanwhile?"
	}
	controller, rest, _ := strings.Cut(file, ".")
	if strings.Contains(rest, "weight") && (controller == "blkio" || controller == "io") {
		return "the kernel has no I/O scheduler that shares out by weight; modprobe bfq, and choose it in /sys/block/DEVICE/queue/scheduler"
	}
	if controller == "hugetlb" {
		if size, _, _ := strings.Cut(rest, "."); unix.Access(dir+"/hugetlb.2MB."+rest[strings.LastIndexByte(rest, '.')+1:], unix.F_OK) == nil {
			return "this machine has no huge pages of " + size + "; see /sys/kernel/mm/hugepages"
		}
	}
	if controller == "cgroup" || h.Version == 1 && h.has(controller) {
		return "this kernel has no such file: it is too old, too new or built without it"
	}
	if h.Version == 1 {
		return fmt.Sprintf("this hierarchy has no %s controller", controller)
	}
	if !h.has(controller) {
		return fmt.Sprintf("there is no %s controller in %s/cgroup.controllers: the kernel is built without it, or it is turned off "+
			"(cgroup_disable=), in use by a v1 hierarchy, or not delegated to us", controller, h.Mount)
	}
	for at := h.Mount; len(at) < len(dir); {
		if err := closed(at, controller); err != nil {
			gate := at + "/cgroup.subtree_control"
			text := fmt.Sprintf("the %s controller is not enabled in %s", controller, gate)
			switch err {
			case unix.EBUSY:
				return text + ", and cannot be: that cgroup holds processes itself; move them into a child of it"
			case unix.EACCES, unix.EPERM:
				return text + ", which is not ours; as root: echo +" + controller + " > " + gate
			case unix.EOPNOTSUPP:
				return text + ", and cannot be: that cgroup is of type " + h.kind(at)
			case unix.EINVAL:
				return text + ", and cannot be: the kernel refuses it, as it does for cpu while real-time processes run"
			case errNow:
				return text + " until now; it is, so try again"
			}
			return text + "; echo +" + controller + " > " + gate
		}
		next := strings.IndexByte(dir[len(at)+1:], '/')
		if next < 0 {
			break
		}
		at = dir[:len(at)+1+next]
	}
	return fmt.Sprintf("the %s controller is enabled, but this kernel has no such file: it is too old or built without it", controller)
}

// closed returns an error if a gate keeps a controller back: the kernel's when asked to open it.
func closed(dir, controller string) error {
	text, err := read(dir + "/cgroup.subtree_control")
	if err != nil {
		return err
	}
	for _, c := range strings.Fields(string(text)) {
		if c == controller {
			return nil
		}
	}
	kind, err := read(dir + "/cgroup.type") // the root has none, and may hold processes
	if err == nil && string(kind) != "domain\n" {
		return unix.EOPNOTSUPP
	}
	if procs, _ := read(dir + "/cgroup.procs"); err == nil && len(procs) > 0 {
		return unix.EBUSY // and to try could do harm: see enableIn
	}
	if err := writeFile(dir+"/cgroup.subtree_control", "+"+controller); err != nil {
		return err
	}
	return errNow
}

// errNow says that a gate was closed, and is open now.
var errNow = errors.New("enabled now")

// kind returns the type of a v2 cgroup: domain, domain threaded, domain invalid, threaded.
func (h *Hierarchy) kind(dir string) string {
	text, _ := read(dir + "/cgroup.type")
	return `"` + strings.TrimSpace(string(text)) + `"`
}

func (h *Hierarchy) whyBusy(dir, file string) string {
	switch {
	case file == "cgroup.procs":
		return "the cgroup gives its children controllers, so it cannot hold processes itself; join one of the children"
	case file == "cgroup.subtree_control":
		return "the cgroup holds processes itself, so it cannot give its children controllers"
	case strings.HasPrefix(file, "memory."):
		usage := "memory.usage_in_bytes"
		if h.Version == 2 {
			usage = "memory.current"
		}
		now, _ := read(dir + "/" + usage)
		return fmt.Sprintf("more memory than that is in use (%s), and cannot be freed; choose a higher limit", strings.TrimSpace(string(now)))
	case file == "cpuset.cpus" || file == "cpuset.mems":
		return "a child cgroup or an exclusive cpuset uses what would be taken away"
	}
	return ""
}

func (h *Hierarchy) whyInvalid(dir, file, value string) string {
	parent := dir[:strings.LastIndexByte(dir, '/')]
	switch {
	case strings.HasPrefix(file, "cpuset."):
		all, _ := read("/sys/devices/system/" + map[bool]string{true: "cpu", false: "node"}[file == "cpuset.cpus"] + "/online")
		return fmt.Sprintf("the list is wrong, or names what this machine hasn't; it has %s", strings.TrimSpace(string(all)))
	case file == "memory.memsw.limit_in_bytes", file == "memory.limit_in_bytes":
		return "memory plus swap must not be limited to less than memory"
	case strings.HasPrefix(file, "cpu.rt_"):
		return "the parent's " + file + " leaves less; raise it there first"
	case file == "cpu.cfs_quota_us", file == "cpu.cfs_period_us", file == "cpu.max":
		above, _ := read(parent + "/" + file)
		return fmt.Sprintf("quota and period are 1000 to 1000000 µs, and on v1 no more than the parent's (its %s: %s)",
			file, strings.TrimSpace(string(above)))
	case file == "cpu.weight":
		return "with cpu.idle 1, a cgroup has no weight"
	case file == "cgroup.procs", file == "tasks":
		return "a kernel thread or a real-time process cannot be moved here"
	}
	return "the kernel refuses this value"
}

// mkdirCause says why a cgroup could not be made.
func (h *Hierarchy) mkdirCause(parent string, err error) string {
	switch err {
	case unix.EAGAIN:
		return "there are as many cgroups as " + parent + "/cgroup.max.descendants or cgroup.max.depth allow, here or further up"
	case unix.ENOSPC, unix.ENOMEM:
		return "the kernel can hold no more cgroups (65535 with memory); remove some, or wait until the memory of removed ones is freed"
	case unix.ENOTDIR:
		return "a file of the kernel has this name"
	case unix.EOPNOTSUPP:
		return "the parent is of type " + h.kind(parent) + ", for threads only"
	}
	return h.why(parent, "", "", err)
}

// whyEnabled tells whether a file is missing though its controller is there: then it is the kernel that hasn't got it.
func (h *Hierarchy) whyEnabled(dir, file string) bool {
	if h.Version == 1 {
		return true
	}
	controller, _, _ := strings.Cut(file, ".")
	text, _ := read(dir + "/cgroup.controllers")
	for _, c := range strings.Fields(string(text)) {
		if c == controller {
			return true
		}
	}
	return false
}

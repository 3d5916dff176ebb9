package cgroup

import (
	"fmt"
	"strings"

	"github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"

	"jocker/final/runtime/fail"
)

// An ordinary user may limit a container only where root has given him a part of the v2 tree: systemd does so for each
// user who logs in, with some of the controllers. This file tells which limits will have no effect, and why.

// Lost returns a sentence for each limit of linux.resources that could not be set by us. It is empty if all can. A value that
// is wrong altogether is an error.
func (g *Group) Lost(r *specs.LinuxResources) (words []string, err error) {
	list, err := g.settings(r, true)
	if err != nil {
		return nil, err
	}
	said := ""
	for i := range list {
		l := &list[i].lines[0]
		if l.do != nil { // devices: see harmless
			continue
		}
		why := list[i].h.closedTo(l.file)
		if why == "" {
			continue
		}
		if why == said {
			why = "for the same reason"
		} else {
			said = why
		}
		what, _ := list[i].say()
		words = append(words, what+" has no effect: "+why)
	}
	return words, nil
}

// Rootless is Steps for an ordinary user. It leaves out of the group the hierarchies in which we may not make a cgroup, perhaps all
// of them, and of the limits those that Lost tells of. What the kernel does to devices in a user namespace, where
// nobody can make or mount one, needs no list.
func (g *Group) Rootless(r *specs.LinuxResources) (*Plan, error) {
	list, err := g.settings(r, true)
	if err != nil {
		return nil, err
	}
	open := list[:0]
	for _, set := range list {
		if l := &set.lines[0]; l.do == nil && set.h.closedTo(l.file) == "" {
			open = append(open, set)
		}
	}
	ours := g.Hierarchies[:0:0]
	for _, h := range g.Hierarchies {
		if unix.Faccessat(unix.AT_FDCWD, h.nearest(), unix.W_OK, unix.AT_EACCESS) == nil {
			ours = append(ours, h)
		}
	}
	// The settings point to their hierarchies, which have moved.
	for i := range open {
		for j := range ours {
			if ours[j].Mount == open[i].h.Mount {
				open[i].h = &ours[j]
			}
		}
	}
	g.Hierarchies = ours
	return g.plan(open, r), nil
}

// nearest returns the container's cgroup, or the nearest above that exists.
func (h *Hierarchy) nearest() string {
	dir := h.Dir()
	for unix.Access(dir, unix.F_OK) != nil && len(dir) > len(h.Mount) {
		dir = dir[:strings.LastIndexByte(dir, '/')]
	}
	return dir
}

// closedTo says why we could not set a limit in a cgroup that is still to be made, or "".
func (h *Hierarchy) closedTo(file string) string {
	dir := h.nearest()
	if unix.Faccessat(unix.AT_FDCWD, dir, unix.W_OK, unix.AT_EACCESS) != nil {
		if h.Version == 1 {
			return "on cgroup v1 only root can limit; boot the host with cgroup v2 (systemd.unified_cgroup_hierarchy=1)"
		}
		return fmt.Sprintf("the cgroup %s is not yours; let systemd give you one: systemd-run --user --scope -p Delegate=yes COMMAND", dir)
	}
	if h.Version == 1 {
		return ""
	}
	controller, _, _ := strings.Cut(file, ".")
	available, _ := read(dir + "/cgroup.controllers")
	for _, c := range strings.Fields(string(available)) {
		if c == controller {
			return ""
		}
	}
	return fmt.Sprintf("the %s controller is not among those that you were given (%s/cgroup.controllers: %s); as root: "+
		"systemctl set-property user@%d.service Delegate=\"cpu cpuset io memory pids\"",
		controller, dir, strings.TrimSpace(string(available)), unix.Geteuid())
}

// Delegate gives the group's v2 directory to a user, and those of its files by which he can make cgroups below it and move
// processes there; not its limits. It is for a container that has a user namespace, a cgroup namespace of its
// own and a writable /sys/fs/cgroup, systemd in a container for example (config-linux.md, "Cgroup ownership"). uid is a number
// of the host. v1 cannot be delegated safely: there, nothing happens.
func (g *Group) Delegate(uid int) error {
	if !g.Pure() {
		return nil
	}
	dir := g.v2().Dir()
	if err := unix.Lchown(dir, uid, -1); err != nil {
		return fail.Call(fmt.Sprintf("lchown(%q, %d, -1)", dir, uid), err, "")
	}
	files := "cgroup.procs\ncgroup.subtree_control\ncgroup.threads"
	if text, err := read("/sys/kernel/cgroup/delegate"); err == nil {
		files = string(text)
	}
	for _, file := range strings.Fields(files) {
		if err := unix.Lchown(dir+"/"+file, uid, -1); err != nil && err != unix.ENOENT {
			return fail.Call(fmt.Sprintf("lchown(%q, %d, -1)", dir+"/"+file, uid), err, "")
		}
	}
	return nil
}

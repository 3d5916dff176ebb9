package rootfs

import (
	"fmt"
	"path"
	"strings"

	"github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"

	"jocker/final/runtime/fail"
)

// A mount is one entry of config.json's mounts, read and understood.
type mount struct {
	*specs.Mount
	options
	dest string // from the container's /, without ".."
	host int    // which of the files that the runtime opens is the source; -1: init opens it
}

// plan reads entry number i.
func (m *mount) plan(cfg *Config, i int) (err error) {
	m.Mount = &cfg.Mounts[i]
	m.host = -1
	bad := func(format string, args ...any) error {
		return fmt.Errorf("mounts[%d] (%s): %s", i, m.Destination, fmt.Sprintf(format, args...))
	}
	for _, s := range []string{m.Destination, m.Source, m.Type} {
		if strings.IndexByte(s, 0) >= 0 {
			return bad("%q has a zero byte in it", s)
		}
	}
	if m.options, err = parseOptions(m.Options); err != nil {
		return bad("%v", err)
	}
	m.dest = path.Clean("/" + m.Destination)
	switch {
	case m.Destination == "":
		return bad("the destination is empty")
	case m.dest == "/":
		return bad("nothing can be mounted on the container's root itself; name another root.path")
	case (m.Type == "bind" || m.Type == "none") && !m.bind && !m.remount:
		return bad("the type %s needs one of the options bind and rbind", m.Type)
	case !m.bind && !m.remount && m.Type == "":
		return bad("the type is missing; a bind mount needs the option bind or rbind")
	case m.bind && !m.remount && m.Source == "":
		return bad("a bind mount needs a source")
	case m.bind && len(m.data) > 0 && !strings.HasPrefix(m.data[0], "mode="): // which the OCI's own suite gives them; the kernel ignores it
		return bad("the option %q is unknown to bind mounts", m.data[0])
	case m.copyUp && m.Type != "tmpfs":
		return bad("the option tmpcopyup is for the type tmpfs only")
	case m.idmap != noIdmap && (!m.bind || m.remount):
		return bad("ids can be mapped for bind mounts only, so the options idmap and ridmap need bind or rbind")
	case m.remount && (len(m.propagation) > 0 || m.setRec|m.clearRec != 0):
		return bad("the option remount changes one mount's attributes; it goes with no option for propagation or for mounts below")
	}
	if m.bind {
		for _, word := range m.super {
			if word != "ro" && word != "rw" {
				return bad("the option %s is one of a file system as a whole; a bind mount cannot change it", word)
			}
		}
	}
	if err := m.planIdmap(cfg); err != nil {
		return bad("%v", err)
	}
	if err := m.checkProc(); err != nil {
		return bad("%v", err)
	}
	if m.bind && !m.remount {
		m.Source = absolute(cfg.Bundle, m.Source)
	}
	return nil
}

// lab says which lab taught this mount.
func (m *mount) lab() int {
	if m.Type == "proc" {
		return 3
	}
	return 6
}

// do makes the mount.
func (m *mount) do(r *Rootfs) error {
	switch {
	case m.remount:
		return m.again(r)
	case m.bind:
		return m.doBind(r)
	case m.Type == "cgroup":
		return m.doCgroup(r)
	}
	return m.doNew(r, m.Type)
}

// attach puts a tree of mounts, which has no place yet, on a place of the container, and closes
// place. Both are held by descriptors: no name is walked.
func (m *mount) attach(tree, place int) error {
	defer unix.Close(place)
	if err := m.checkPlace(tree, place); err != nil {
		return err
	}
	err := unix.MoveMount(tree, "", place, "", unix.MOVE_MOUNT_F_EMPTY_PATH|unix.MOVE_MOUNT_T_EMPTY_PATH)
	if err != nil {
		return fail.Call("move_mount(tree, "+quote(m.dest)+")", err, m.attachCause(tree, place, err))
	}
	for _, flags := range m.propagation {
		if err := propagate(tree, flags); err != nil {
			return fail.Call("mount_setattr("+quote(m.dest)+", "+propagationName(flags)+")", err, "")
		}
	}
	return nil
}

// propagate says what a mount does with mounts that are made below it later. flags is MS_SHARED and
// its like, with MS_REC for all mounts below too.
func propagate(tree int, flags uint64) error {
	at := uint(unix.AT_EMPTY_PATH)
	if flags&unix.MS_REC != 0 {
		at |= unix.AT_RECURSIVE
	}
	return unix.MountSetattr(tree, "", at, &unix.MountAttr{Propagation: flags &^ unix.MS_REC})
}

// attributes gives a tree the attributes that the options name, those for all mounts first.
func (o *options) attributes(tree int) error {
	for _, a := range []struct {
		at         uint
		set, clear uint64
	}{{unix.AT_RECURSIVE, o.setRec, o.clearRec}, {0, o.set, o.clear}} {
		if a.set|a.clear == 0 {
			continue
		}
		attr := unix.MountAttr{Attr_set: a.set, Attr_clr: a.clear}
		if err := unix.MountSetattr(tree, "", a.at|unix.AT_EMPTY_PATH, &attr); err != nil {
			return fail.Call("mount_setattr("+attributeNames(a.set, a.clear)+")", err, setattrCause(err))
		}
	}
	return nil
}

// target finds the place for a mount, and makes it if it is missing. existed says whether it was there.
func (r *Rootfs) target(m *mount, directory bool) (place int, existed bool, err error) {
	resolve := uint64(inRoot)
	if m.Type == "proc" || m.Type == "sysfs" {
		// What the kernel tells about processes is trusted, here and by the program inside. Were
		// /proc a link, another container could turn it later (CVE-2019-19921, CVE-2023-27561).
		resolve |= unix.RESOLVE_NO_SYMLINKS
	}
	place, err = openIn(r.root, m.dest, unix.O_PATH, resolve)
	if err == nil {
		return place, true, nil
	}
	if err == unix.ENOENT {
		if place, err = r.create(m.dest, directory); err != nil || resolve == inRoot {
			return place, false, err
		}
		unix.Close(place)
		if place, err = openIn(r.root, m.dest, unix.O_PATH, resolve); err == nil {
			return place, false, nil
		}
	}
	if err == unix.ELOOP && resolve != inRoot {
		return -1, false, fail.Call("openat2("+quote(m.dest)+", O_PATH, RESOLVE_IN_ROOT|RESOLVE_NO_SYMLINKS)", err,
			m.Type+" is mounted on an ordinary directory only, and here a link is on the way; remove it from the image")
	}
	return -1, false, r.openError(m.dest, err)
}

// again changes a mount that is there already.
func (m *mount) again(r *Rootfs) error {
	place, err := r.open(m.dest, 0)
	if err != nil {
		return r.openError(m.dest, err)
	}
	defer unix.Close(place)
	if !m.bind && len(m.super)+len(m.data) > 0 {
		if err := m.reconfigure(place); err != nil {
			return err
		}
	}
	return m.attributes(place)
}

// say describes the mount.
func (m *mount) say(cfg *Config) (what, call string) {
	set := attributeNames(m.set|m.setRec, m.clear|m.clearRec)
	switch {
	case m.Type == "cgroup" && !m.bind && !m.remount:
		return m.sayCgroup(cfg, set)
	case m.remount:
		return "change the mount on " + m.dest, "mount_setattr(" + quote(m.dest) + ", " + set + ")"
	case m.bind:
		flags := "OPEN_TREE_CLONE"
		if m.recursive {
			flags += "|AT_RECURSIVE"
		}
		call = "open_tree(" + quote(m.Source) + ", " + flags + ")"
		if set != "0" {
			call += "; mount_setattr(" + set + ")"
		}
		return "bind " + m.Source + " on " + m.dest, call + "; move_mount(" + quote(m.dest) + ")"
	}
	call = "fsopen(" + quote(m.Type) + ")"
	for _, word := range m.data {
		call += "; fsconfig(" + quote(word) + ")"
	}
	return "mount " + m.Type + " on " + m.dest, call + "; fsmount(" + set + "); move_mount(" + quote(m.dest) + ")"
}

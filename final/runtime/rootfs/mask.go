package rootfs

import (
	"strings"

	"golang.org/x/sys/unix"

	"jocker/final/runtime/fail"
)

// This file takes away what is the host's even in a container: parts of /proc and /sys show or change
// the whole machine, for most of the kernel's settings know no namespace.

// protectPaths makes paths read-only, by a view of each on itself. One that does not exist needs none.
func (r *Rootfs) protectPaths() error {
	for _, path := range r.cfg.ReadonlyPaths {
		if err := r.protectPath(path); err != nil {
			return err
		}
	}
	return nil
}

func (r *Rootfs) sayProtectPaths() (what, call string) {
	return "make read-only: " + strings.Join(r.cfg.ReadonlyPaths, " "),
		"for each: open_tree(path, OPEN_TREE_CLONE|AT_RECURSIVE); mount_setattr(MOUNT_ATTR_RDONLY); move_mount(path)"
}

func (r *Rootfs) protectPath(path string) error {
	place, err := r.existing(path)
	if place < 0 {
		return err
	}
	tree, err := cloneTree(place, "", true)
	if err == nil {
		defer unix.Close(tree)
		readOnly := options{set: unix.MOUNT_ATTR_RDONLY}
		err = readOnly.attributes(tree)
	}
	if err != nil {
		unix.Close(place)
		return err
	}
	m := mount{dest: path}
	return m.attach(tree, place)
}

// existing opens a path of the container; -1 and no error if it does not exist.
func (r *Rootfs) existing(path string) (fd int, err error) {
	fd, err = r.open(path, 0)
	if err == unix.ENOENT || err == unix.ENOTDIR {
		return -1, nil
	}
	return fd, r.openError(path, err)
}

// maskPaths hides paths: /dev/null covers a file, an empty read-only tmpfs a directory.
//
// The null device is opened once, and looked at: had the image put a link in its place, then some file of
// /proc would be mounted at a second place, writable, instead of being hidden (CVE-2025-31133).
func (r *Rootfs) maskPaths() error {
	null, err := r.null(unix.O_PATH)
	if err != nil {
		return err
	}
	empty := -1
	defer func() { closeAll(null, empty) }()
	for _, path := range r.cfg.MaskedPaths {
		place, err := r.existing(path)
		if err != nil {
			return err
		} else if place < 0 {
			continue
		}
		if err := r.maskPath(path, place, null, &empty); err != nil {
			return err
		}
	}
	return nil
}

func (r *Rootfs) sayMaskPaths() (what, call string) {
	return "hide " + strings.Join(r.cfg.MaskedPaths, " "),
		`for each: open_tree("/dev/null" or an empty tmpfs, OPEN_TREE_CLONE); move_mount(path)`
}

// maskPath covers a place, and closes it. The first directory gets the tmpfs itself, the others views of it.
func (r *Rootfs) maskPath(path string, place, null int, empty *int) error {
	tree, err := -1, error(nil)
	switch {
	case !isDirectory(place):
		tree, err = cloneTree(null, "", false)
	case *empty < 0:
		tree, err = newMount("tmpfs", "tmpfs", []string{"ro"}, r.labelled("tmpfs", nil), unix.MOUNT_ATTR_RDONLY)
		*empty = tree
	default:
		tree, err = cloneTree(*empty, "", false)
	}
	if err != nil {
		unix.Close(place)
		return err
	}
	if tree != *empty {
		defer unix.Close(tree)
	}
	m := mount{dest: path}
	return m.attach(tree, place)
}

// anyLate says whether there is something that becomes read-only at the end.
func (r *Rootfs) anyLate() bool {
	for i := range r.mounts {
		if r.mounts[i].late() {
			return true
		}
	}
	return r.cfg.Readonly
}

// finish makes read-only what could not be so before.
func (r *Rootfs) finish() error {
	readOnly := options{set: unix.MOUNT_ATTR_RDONLY}
	for _, tree := range r.late {
		if err := readOnly.attributes(tree); err != nil {
			return err
		}
		unix.Close(tree)
	}
	r.late = nil
	if !r.cfg.Readonly {
		return nil
	}
	if err := readOnly.attributes(r.root); err != nil {
		return fail.Call(`mount_setattr("/", MOUNT_ATTR_RDONLY)`, errnoOf(err), setattrCause(errnoOf(err)))
	}
	return nil
}

func (r *Rootfs) sayFinish() (what, call string) {
	var places, calls []string
	for i := range r.mounts {
		if m := &r.mounts[i]; m.late() {
			places = append(places, m.dest)
		}
	}
	if r.cfg.Readonly {
		places = append(places, "/")
	}
	for _, place := range places {
		calls = append(calls, "mount_setattr("+quote(place)+", MOUNT_ATTR_RDONLY)")
	}
	return "make read-only: " + strings.Join(places, " "), strings.Join(calls, "; ")
}

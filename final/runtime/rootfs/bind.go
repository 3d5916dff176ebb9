package rootfs

import (
	"golang.org/x/sys/unix"

	"jocker/final/runtime/fail"
)

// This file makes bind mounts: a part of one tree, seen at a second place.
//
// open_tree(2) with OPEN_TREE_CLONE makes the second view, still without a place. It gets its
// attributes there, where nobody can use it yet; with mount(2) a read-only bind was writable
// for a moment. Attributes that no option names stay as the source has them: a view of a mount that
// is nosuid stays nosuid, unless somebody asks for suid by name.

// doBind makes a bind mount.
func (m *mount) doBind(r *Rootfs) error {
	tree, err := m.source(r)
	if err != nil {
		return err
	}
	defer unix.Close(tree)
	place, _, err := r.target(m, isDirectory(tree))
	if err != nil {
		return err
	}
	return m.attach(tree, place)
}

// source returns the view that will be mounted.
func (m *mount) source(r *Rootfs) (tree int, err error) {
	if m.host >= 0 {
		return r.fromHost(m)
	}
	return m.clone()
}

// clone makes the view, with its attributes.
func (m *mount) clone() (tree int, err error) {
	tree, err = cloneTree(unix.AT_FDCWD, m.Source, m.recursive)
	if err != nil {
		return -1, err
	}
	if err := m.attributes(tree); err != nil {
		unix.Close(tree)
		return -1, err
	}
	return tree, nil
}

// cloneTree makes a second view of what path names, or of the descriptor dir if path is empty; of
// all that is mounted below it too, if recursive.
func cloneTree(dir int, path string, recursive bool) (tree int, err error) {
	flags, names := uint(unix.OPEN_TREE_CLONE|unix.O_CLOEXEC), "OPEN_TREE_CLONE"
	if path == "" {
		flags |= unix.AT_EMPTY_PATH
	}
	if recursive {
		flags |= unix.AT_RECURSIVE
		names += "|AT_RECURSIVE"
	}
	tree, err = unix.OpenTree(dir, path, flags)
	if err != nil {
		return -1, fail.Call("open_tree("+quote(path)+", "+names+")", err, cloneCause(path, err))
	}
	return tree, nil
}

// isDirectory says whether a descriptor is one of a directory.
func isDirectory(fd int) bool {
	var st unix.Stat_t
	return unix.Fstat(fd, &st) == nil && st.Mode&unix.S_IFMT == unix.S_IFDIR
}

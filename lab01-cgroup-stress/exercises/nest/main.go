// Nest makes cgroups in a cgroup: `nest 100m` makes a parent with a limit and two children in it.
//
// A limit holds for a cgroup *with all that is below it*: two children of a parent with 100m share the 100m, whatever
// limits of their own they have. That is how systemd gives a user so much, and an engine each container its part of
// what the engine has. On v2 there is a rule more: a cgroup either has processes or hands controllers on to its
// children ("no internal processes"), and a child has a controller only if its parent hands it on.
//
// Level: medium. About 30 minutes.
//
// Further reading: https://docs.kernel.org/admin-guide/cgroup-v2.html#no-internal-process-constraint
package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
)

func main() {
	root, v2 := "/sys/fs/cgroup", true
	if _, err := os.Stat(root + "/memory/memory.limit_in_bytes"); err == nil {
		root, v2 = root+"/memory", false
	} else {
		os.WriteFile(root+"/cgroup.subtree_control", []byte("+memory"), 0)
	}
	parent := filepath.Join(root, fmt.Sprintf("lab01-%d", os.Getpid()))
	limit := "104857600"
	if len(os.Args) > 1 {
		limit = os.Args[1]
	}
	if err := nest(parent, v2, limit, []string{"one", "two"}); err != nil {
		fmt.Fprintln(os.Stderr, "nest:", err)
	}
	filepath.WalkDir(parent, func(path string, e fs.DirEntry, err error) error {
		if err == nil && e.IsDir() {
			fmt.Println(path)
		}
		return nil
	})
	if err := removeAll(parent); err != nil {
		fmt.Fprintln(os.Stderr, "nest:", err)
		os.Exit(1)
	}
}

// Task nest.1: nest makes the cgroup parent with a memory limit, and children in it that have the memory controller.
//
// The limit goes into memory.max of the parent (v1: memory.limit_in_bytes). On v2 hand the controller on with
// "+memory" in the parent's cgroup.subtree_control; v1 has no such file. If a step fails, say so, and leave
// nothing behind: removeAll is yours, too.
//
//lab:task nest.1
func nest(parent string, v2 bool, limit string, children []string) (err error) {
	if err := os.Mkdir(parent, 0o755); err != nil {
		return err
	}
	defer func() {
		if err != nil {
			removeAll(parent)
		}
	}()
	file := "memory.limit_in_bytes"
	if v2 {
		file = "memory.max"
		if err := os.WriteFile(filepath.Join(parent, "cgroup.subtree_control"), []byte("+memory"), 0); err != nil {
			return err
		}
	}
	if err := os.WriteFile(filepath.Join(parent, file), []byte(limit), 0); err != nil {
		return err
	}
	for _, child := range children {
		if err := os.Mkdir(filepath.Join(parent, child), 0o755); err != nil {
			return err
		}
	}
	return nil
}

// Task nest.2: removeAll removes a cgroup and all below it. No process is in any of them.
//
// rmdir(2) wants an empty one: no child. Its files don't count, and can't be deleted. So the innermost come
// first. A cgroup that isn't there is fine; any other error is returned.
//
//lab:task nest.2
func removeAll(dir string) error {
	entries, err := os.ReadDir(dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	for _, e := range entries {
		if e.IsDir() {
			if err := removeAll(filepath.Join(dir, e.Name())); err != nil {
				return err
			}
		}
	}
	if err := syscall.Rmdir(dir); err != nil && err != syscall.ENOENT {
		return &fs.PathError{Op: "rmdir", Path: dir, Err: err}
	}
	return nil
}

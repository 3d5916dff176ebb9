package container

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"

	"jocker/final/engine/network"
)

// Mend removes what killed commands and shims have left: containers that were never whole, and in the directories of names,
// sockets and the runtimes' states what belongs to no container.
func (s *Store) Mend() error {
	ids, err := s.ids()
	if err != nil {
		return err
	}
	for _, id := range ids {
		if s.gone(id) {
			c := &Container{ID: id, store: s}
			if err := c.discard(false); err != nil {
				return err
			}
		}
	}
	if err := s.names(func() error { return s.sweepLinks(filepath.Join(s.Root, "names")) }); err != nil {
		return err
	}
	states, err := filepath.Glob(filepath.Join(s.State, "runtime", "*", "*"))
	if err != nil {
		return err
	}
	for _, path := range states {
		c := &Container{ID: filepath.Base(path), store: s}
		c.HostConfig.Runtime = filepath.Base(filepath.Dir(path))
		if len(c.ID) == 64 && s.gone(c.ID) {
			if err := c.runtimeCommand("delete", "--force", c.ID); err != nil {
				return err
			}
		}
	}
	entries, err := os.ReadDir(filepath.Join(s.State, "containers"))
	for _, e := range entries {
		if s.gone(e.Name()) {
			os.RemoveAll(filepath.Join(s.State, "containers", e.Name()))
		}
	}
	if err != nil {
		return err
	}
	return Sweep(s.Root)
}

// Sweep removes what the last container leaves on the host: bridges, rules, the cgroup that all of them are in. root is the store's; it
// is not made if it is gone.
func Sweep(root string) error {
	for _, pattern := range []string{"/sys/fs/cgroup/jocker", "/sys/fs/cgroup/*/jocker"} {
		found, _ := filepath.Glob(pattern)
		for _, cgroup := range found {
			unix.Rmdir(cgroup) // EBUSY: somebody is in it
		}
	}
	all, err := network.Everybody(root)
	if err != nil {
		return err
	}
	return network.Sweep(func(id string) bool { return isOver(root, id) }, all...)
}

// isOver says whether a container is in this store and does not run, and nobody is about to start it.
func isOver(root, id string) bool {
	c := &Container{ID: id, store: &Store{Root: root}}
	f, err := os.Open(c.Dir() + "/lock")
	if err != nil {
		return false // it may be in another store
	}
	defer f.Close()
	if unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB) != nil {
		return false
	}
	status, err := c.Status()
	return err == nil && !status.Active()
}

// sweepLinks removes the links in a directory whose text is the ID of a container that is gone.
func (s *Store) sweepLinks(dir string) error {
	entries, err := os.ReadDir(dir)
	for _, e := range entries {
		path := filepath.Join(dir, e.Name())
		if id, err := os.Readlink(path); err == nil && s.gone(id) {
			os.Remove(path)
		}
	}
	return err
}

// gone says whether no container has this ID, nor will one have it: there is no directory, or one that whoever was making it
// did not complete before he was killed, and with him his lock went.
func (s *Store) gone(id string) bool {
	dir := filepath.Join(s.Root, "containers", id)
	if _, err := os.Stat(dir + "/container.json"); err == nil {
		return false
	}
	lock, err := os.Open(dir + "/lock")
	if err != nil {
		return os.IsNotExist(err)
	}
	defer lock.Close()
	if unix.Flock(int(lock.Fd()), unix.LOCK_EX|unix.LOCK_NB) != nil {
		return false
	}
	_, err = os.Stat(dir + "/container.json") // it may have been completed meanwhile
	return os.IsNotExist(err)
}

// Pids returns the processes of a running container, as the host numbers them: all that are in the cgroup of its first.
func (c *Container) Pids() ([]string, error) {
	status, err := c.Status()
	if err != nil {
		return nil, err
	}
	if !status.Running() {
		return nil, fmt.Errorf("Container %s is not running", c.ID)
	}
	file, err := freezer(status.Pid)
	if err != nil {
		return nil, err
	}
	data, err := os.ReadFile(filepath.Dir(file) + "/cgroup.procs")
	return strings.Fields(string(data)), err
}

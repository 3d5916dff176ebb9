package container

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// Mend removes what killed commands have left in the directories of names, addresses and sockets: what belongs to no container.
func (s *Store) Mend() error {
	gone := func(id string) bool {
		_, err := os.Stat(filepath.Join(s.Root, "containers", id))
		return os.IsNotExist(err)
	}
	sweep := func(dir string) error {
		entries, err := os.ReadDir(dir)
		for _, e := range entries {
			path := filepath.Join(dir, e.Name())
			if id, err := os.Readlink(path); err == nil && gone(id) {
				os.Remove(path)
			}
		}
		return err
	}
	if err := s.names(func() error { return sweep(filepath.Join(s.Root, "names")) }); err != nil {
		return err
	}
	if err := sweep(filepath.Join(s.State, "network")); err != nil {
		return err
	}
	entries, err := os.ReadDir(filepath.Join(s.State, "containers"))
	for _, e := range entries {
		if gone(e.Name()) {
			os.RemoveAll(filepath.Join(s.State, "containers", e.Name()))
		}
	}
	return err
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

package container

import (
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
)

// Pause freezes the container, and Unpause thaws it.
func (c *Container) Pause() error {
	status, err := c.Status()
	switch {
	case err != nil:
		return err
	case !status.Running():
		return fmt.Errorf("Container %s is not running", c.ID)
	case status.Paused:
		return fmt.Errorf("Container %s is already paused", c.ID)
	}
	file, err := freezer(status.Pid)
	if err == nil {
		err = c.write(pausedFile, []byte(file), 0o600)
	}
	if err != nil {
		return err
	}
	if err := c.runtimeCommand("pause", c.ID); err != nil {
		return err
	}
	c.Tell("pause")
	return nil
}

// Unpause thaws it.
func (c *Container) Unpause() error {
	status, err := c.Status()
	switch {
	case err != nil:
		return err
	case !status.Paused:
		return fmt.Errorf("Container %s is not paused", c.ID)
	}
	if err := c.runtimeCommand("resume", c.ID); err != nil {
		return err
	}
	c.Tell("unpause")
	return os.Remove(c.Dir() + pausedFile)
}

// freezer returns the file that says whether a process's cgroup is frozen.
func freezer(pid int) (string, error) {
	data, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/cgroup")
	if err != nil {
		return "", err
	}
	for _, line := range strings.Split(string(data), "\n") {
		f := strings.SplitN(line, ":", 3)
		if len(f) != 3 {
			continue
		}
		for _, path := range []string{"/sys/fs/cgroup/freezer" + f[2] + "/freezer.state", "/sys/fs/cgroup" + f[2] + "/cgroup.freeze"} {
			if strings.HasPrefix(path, "/sys/fs/cgroup/freezer") != (f[1] == "freezer") || f[1] != "freezer" && f[1] != "" {
				continue
			}
			if _, err := os.Stat(path); err == nil {
				return path, nil
			}
		}
	}
	return "", errors.New("the container is in no cgroup that can be frozen")
}

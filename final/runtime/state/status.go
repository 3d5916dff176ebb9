package state

import (
	"github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"

	"jocker/final/runtime/proc"
)

// Paused is a status that the specification lacks and every runtime has.
const Paused specs.ContainerState = "paused"

// Status finds out how the container is now (see the package comment).
func (d *Dir) Status(s *State) specs.ContainerState {
	switch {
	case s.Pid == 0 && d.Locked():
		return specs.StateCreating
	case !proc.Alive(s.Pid, s.PidStart):
		return specs.StateStopped
	case d.waits():
		return specs.StateCreated
	}
	if frozen, err := s.Cgroup.Frozen(); err == nil && frozen {
		return Paused
	}
	return specs.StateRunning
}

// waits says whether init listens for a start. A connection alone starts nothing: that takes a message.
func (d *Dir) waits() bool {
	fd, err := d.Dial()
	if err != nil {
		return false
	}
	unix.Close(fd)
	return true
}

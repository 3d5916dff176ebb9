package state

import (
	"errors"

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
	}
	if frozen, err := s.Cgroup.Frozen(); err == nil && frozen { // also one that waits for start: who asks must be able to resume it
		return Paused
	}
	if d.waits() {
		return specs.StateCreated
	}
	return specs.StateRunning
}

// waits says whether init listens for a start. A connection alone starts nothing: that takes a message. While init is busy,
// with a hook for instance, nobody accepts, and there is room for a few connections only; then the kernel says EAGAIN.
func (d *Dir) waits() bool {
	fd, err := d.dial(unix.SOCK_NONBLOCK)
	if err != nil {
		return errors.Is(err, unix.EAGAIN)
	}
	unix.Close(fd)
	return true
}

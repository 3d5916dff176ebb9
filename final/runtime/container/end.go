package container

import (
	"errors"
	"fmt"
	"time"

	"github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"

	"jocker/final/runtime/bundle"
	"jocker/final/runtime/fail"
	"jocker/final/runtime/hook"
	"jocker/final/runtime/state"
)

// errNotRunning are the words by which engines know that there was nothing to be killed.
var errNotRunning = errors.New("container not running")

// Kill sends a signal to the container's first process, or to all of its processes. The latter works
// also when the first has ended and others have not, as without a PID namespace. Without a cgroup nobody
// knows which they are; then only SIGKILL reaches all, if the first process is that of a PID namespace: its end is theirs.
func (c *Container) Kill(signal unix.Signal, all bool) error {
	if all && c.st.Cgroup.None() && !(signal == unix.SIGKILL && c.ownPIDs()) {
		text := "without --all, the signal goes to the first process alone"
		if c.ownPIDs() {
			text += ", and KILL ends all of them"
		}
		return fmt.Errorf("kill --all: container %s %s; %s", c.st.ID, noCgroup, text)
	}
	if all && !c.st.Cgroup.None() {
		pids, err := c.st.Cgroup.Pids()
		if err != nil {
			return err
		}
		if len(pids) == 0 {
			return errNotRunning
		}
		return c.st.Cgroup.Kill(signal)
	}
	init, err := c.hold()
	if err != nil {
		return errNotRunning
	}
	defer init.Close()
	switch err := unix.PidfdSendSignal(init.FD, signal, nil, 0); {
	case errors.Is(err, unix.ESRCH):
		return errNotRunning
	case err != nil:
		return fail.Call(fmt.Sprintf("pidfd_send_signal(%d, %d)", c.st.Pid, signal), err, "")
	}
	// A frozen process dies only when it is thawed; v2 does that by itself, v1 does not.
	if signal == unix.SIGKILL {
		if frozen, err := c.st.Cgroup.Frozen(); err == nil && frozen {
			return c.st.Cgroup.Thaw()
		}
	}
	return nil
}

// noCgroup says why it is not known which processes a container has.
const noCgroup = "has no cgroup, for the user who made it may make none, so its processes cannot be told from others"

// ownPIDs says whether the container has a PID namespace that is nobody else's.
func (c *Container) ownPIDs() bool {
	spec, err := c.config()
	if err != nil {
		return false
	}
	ns, has := bundle.Namespace(spec, specs.PIDNamespace)
	return has && ns.Path == ""
}

// Pause freezes all processes of the container.
func (c *Container) Pause() error {
	if s := c.Status(); s != specs.StateRunning && s != specs.StateCreated {
		return fmt.Errorf("container not running: it is %s, and only a container that is created or running can be paused", s)
	}
	return c.st.Cgroup.Freeze()
}

// Resume thaws them.
func (c *Container) Resume() error {
	if s := c.Status(); s != state.Paused {
		return fmt.Errorf("container not paused: it is %s", s)
	}
	return c.st.Cgroup.Thaw()
}

// Delete removes a container that has ended or was never started. With force it ends it first. It
// runs the poststop hooks. warn is told of those that fail, for the specification has it that all goes on.
func (c *Container) Delete(force bool, warn func(text string)) error {
	if err := c.change(); err != nil {
		return err
	}
	defer c.dir.Unlock()
	switch s := c.Status(); {
	case s == specs.StateStopped, s == specs.StateCreated, force:
	default:
		return fmt.Errorf("cannot delete container %s that is not stopped: %s (kill it, or delete --force)", c.st.ID, s)
	}
	return c.remove(warn)
}

// remove removes all that state.json tells of. Each part may be gone already: whoever tried before may
// have been killed in the middle. The caller holds the lock.
func (c *Container) remove(warn func(text string)) error {
	if init, err := c.hold(); err == nil {
		err = unix.PidfdSendSignal(init.FD, unix.SIGKILL, nil, 0)
		if err == nil {
			err = c.waitForEnd(init.FD)
		}
		init.Close()
		if err != nil && !errors.Is(err, unix.ESRCH) {
			return fmt.Errorf("container %s: its first process, %d, does not end: %w", c.st.ID, c.st.Pid, err)
		}
	}
	if c.st.Cgroup != nil {
		if err := c.st.Cgroup.Delete(); err != nil {
			return err
		}
	}
	if c.st.Pid != 0 { // else nothing ever ran
		if spec, err := c.config(); err == nil && spec.Hooks != nil {
			state := c.hookState(specs.StateStopped)
			for i := range spec.Hooks.Poststop {
				if err := hook.Run("poststop", spec.Hooks.Poststop[i:i+1], state); err != nil {
					warn(err.Error())
				}
			}
		}
	}
	return c.dir.Remove()
}

// waitForEnd waits until a process that was killed has ended; it thaws it if need be.
func (c *Container) waitForEnd(pidfd int) error {
	deadline := time.Now().Add(10 * time.Second)
	for first := true; ; first = false {
		wait := 200
		if first {
			wait = 20
		}
		n, err := unix.Poll([]unix.PollFd{{Fd: int32(pidfd), Events: unix.POLLIN}}, wait)
		if n > 0 {
			return nil
		}
		if err != nil && err != unix.EINTR {
			return err
		}
		if time.Now().After(deadline) {
			return errors.New("10 s after SIGKILL it is still there: it may be waiting for a device or a network file system")
		}
		if c.st.Cgroup != nil {
			if frozen, err := c.st.Cgroup.Frozen(); err == nil && frozen {
				if err := c.st.Cgroup.Thaw(); err != nil {
					return err
				}
			}
		}
	}
}

// Update changes the limits of a container that has not ended.
func (c *Container) Update(r *specs.LinuxResources) error {
	if err := c.change(); err != nil {
		return err
	}
	defer c.dir.Unlock()
	if s := c.Status(); s == specs.StateStopped {
		return fmt.Errorf("container not running: it is %s", s)
	}
	small := c.st.Cgroup.Small
	if err := c.st.Cgroup.Set(r); err != nil || c.st.Cgroup.Small == small {
		return err
	}
	return c.dir.Save(c.st)
}

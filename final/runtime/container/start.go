package container

import (
	"errors"
	"fmt"
	"io"

	"github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"

	"jocker/final/runtime/hook"
	"jocker/final/runtime/step"
	"jocker/final/runtime/wire"
)

// Start lets a created container become its program. It returns when execve has happened, or with
// the reason why not. It runs the poststart hooks; if one fails, the container is ended.
func (c *Container) Start() error {
	if err := c.change(); err != nil {
		return err
	}
	defer c.dir.Unlock()
	if frozen, err := c.st.Cgroup.Frozen(); err == nil && frozen { // it could not answer, and we would wait for ever
		return errors.New("cannot start a paused container (resume it first)")
	}
	fd, err := c.dir.Dial()
	if errors.Is(err, unix.ENOENT) || errors.Is(err, unix.ECONNREFUSED) {
		switch s := c.Status(); s {
		case specs.StateStopped:
			return errors.New("cannot start a container that has stopped")
		default:
			return fmt.Errorf("cannot start an already running container: it is %s", s)
		}
	} else if err != nil {
		return err
	}
	init := wire.Open(fd)
	defer init.Close()
	return c.start(init, nil, nil)
}

// start does it, over a channel to init, for one who holds the lock. steps are init's, if they are to be explained.
func (c *Container) start(init *wire.Channel, explain *Explain, steps []step.Step) error {
	if err := init.Send(msgStart, nil); err != nil {
		return errors.New("cannot start a container that has stopped" + lastWords(c.st.Pid, c.st.Cgroup))
	}
	hooks, err := c.hooksOf()
	if err != nil {
		return err
	}
	waiting := hooks != nil && len(hooks.StartContainer) > 0
	for {
		m, err := init.Receive()
		if err == io.EOF && waiting {
			return errors.New("init died while the startContainer hooks ran" + lastWords(c.st.Pid, c.st.Cgroup))
		} else if err == io.EOF { // execve has closed the socket; or init was killed in the last microseconds before
			break
		} else if err != nil {
			return err
		}
		if m.Kind == msgHooks {
			waiting = false
			continue
		}
		if err := c.heard(m, explain, steps); err != nil {
			return err
		}
	}
	if err := c.dir.Started(); err != nil {
		return err
	}
	if hooks == nil || len(hooks.Poststart) == 0 {
		return nil
	}
	if err := hook.Run("poststart", hooks.Poststart, c.hookState(specs.StateRunning)); err != nil {
		return errors.Join(err, c.Kill(unix.SIGKILL, !c.st.Cgroup.None()))
	}
	return nil
}

// hooksOf returns the container's hooks; nil if it has none.
func (c *Container) hooksOf() (*specs.Hooks, error) {
	if !c.st.Hooks {
		return nil, nil
	}
	spec, err := c.config()
	if err != nil {
		return nil, err
	}
	return spec.Hooks, nil
}

// heard takes in a message of init's that says how it goes on. The error is the one that init ended with.
func (c *Container) heard(m *wire.Message, explain *Explain, steps []step.Step) error {
	switch m.Kind {
	case msgProgress:
		var p progress
		if err := m.Decode(&p); err != nil {
			return err
		}
		explain.heard(&p, steps)
		return nil
	case msgFailed:
		var f failure
		if err := m.Decode(&f); err != nil {
			return err
		}
		return f
	}
	return fmt.Errorf("init said %q, which was not to be expected", m.Kind)
}

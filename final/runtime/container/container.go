package container

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"

	"github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"

	"jocker/final/runtime/bundle"
	"jocker/final/runtime/fail"
	"jocker/final/runtime/namespace"
	"jocker/final/runtime/state"
)

// A Container is a container that has a state directory.
type Container struct {
	dir  *state.Dir
	st   *state.State
	spec *specs.Spec // the copy in the state directory; read when it is needed, by config
}

// DefaultRoot returns the directory for the states of all containers: /run/jocker-runtime for root, and
// one below $XDG_RUNTIME_DIR for everybody else.
func DefaultRoot() string {
	if unix.Geteuid() != 0 {
		if dir := os.Getenv("XDG_RUNTIME_DIR"); dir != "" {
			return filepath.Join(dir, "jocker-runtime")
		}
		return filepath.Join(os.TempDir(), fmt.Sprintf("jocker-runtime-%d", unix.Geteuid()))
	}
	return "/run/jocker-runtime"
}

// Open finds a container below root. The error wraps state.ErrNotExist if there is none.
func Open(root, id string) (*Container, error) {
	dir, err := state.Open(root, id)
	if err != nil {
		return nil, err
	}
	st, err := dir.Load()
	if err != nil {
		return nil, err
	}
	return &Container{dir: dir, st: st}, nil
}

// change locks the container and reads its state anew, for somebody may have changed it before.
func (c *Container) change() error {
	if err := c.dir.Lock(); err != nil {
		return err
	}
	st, err := c.dir.Load()
	if err != nil {
		c.dir.Unlock()
		return err
	}
	c.st = st
	return nil
}

// ID returns the container's name.
func (c *Container) ID() string { return c.st.ID }

// Status says how the container is now.
func (c *Container) Status() specs.ContainerState { return c.dir.Status(c.st) }

// config returns the configuration that the container was made from.
func (c *Container) config() (*specs.Spec, error) {
	if c.spec != nil {
		return c.spec, nil
	}
	path := c.dir.File(bundle.ConfigName)
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, fail.Call(fmt.Sprintf("read(%q)", path), err, "")
	}
	spec, err := bundle.Parse(data)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	spec.Root.Path = c.st.Rootfs
	c.spec = spec
	return spec, nil
}

// hookState returns the state as hooks read it.
func (c *Container) hookState(status specs.ContainerState) []byte {
	s := specs.State{Version: c.st.Version, ID: c.st.ID, Status: status, Bundle: c.st.Bundle, Annotations: c.st.Annotations}
	if status != specs.StateStopped {
		s.Pid = c.st.Pid
	}
	data, err := json.Marshal(s)
	if err != nil {
		panic(err) // strings and numbers
	}
	return data
}

// hold opens the container's first process. The error wraps ESRCH if it has ended, even if another
// process has its pid by now.
func (c *Container) hold() (*namespace.Target, error) { return namespace.Open(c.st.Pid, c.st.PidStart) }

package container

import (
	"time"

	"github.com/opencontainers/runtime-spec/specs-go"

	"jocker/final/runtime/cgroup"
	"jocker/final/runtime/state"
)

// A Listed is a line of `list`; its JSON is runc's.
type Listed struct {
	specs.State
	Rootfs  string    `json:"rootfs"`
	Created time.Time `json:"created"`
	Owner   int       `json:"-"`
}

// List returns all containers below root, sorted by id. One whose state cannot be read is left out, and its error returned beside the rest.
func List(root string) (list []Listed, errs []error) {
	ids, err := state.List(root)
	if err != nil {
		return nil, []error{err}
	}
	for _, id := range ids {
		c, err := Open(root, id)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		list = append(list, Listed{State: *c.State(), Rootfs: c.st.Rootfs, Created: c.st.Created, Owner: c.st.Owner})
	}
	return list, errs
}

// Pids returns the process ids of all processes of the container, as seen from the runtime.
func (c *Container) Pids() ([]int, error) {
	if c.st.Cgroup == nil {
		return nil, nil
	}
	return c.st.Cgroup.Pids()
}

// Cgroup returns where the container's cgroup is; nil if it never got one.
func (c *Container) Cgroup() *cgroup.Group { return c.st.Cgroup }

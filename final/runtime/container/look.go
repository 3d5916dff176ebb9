package container

import (
	"fmt"
	"strconv"
	"time"

	"github.com/opencontainers/runtime-spec/specs-go"

	"jocker/final/runtime/cgroup"
	"jocker/final/runtime/state"
)

// A Look is what `state` and `list` show of a container. It has what the specification demands
// (runtime.md, "State") and, as that allows, more; the names are runc's.
type Look struct {
	Version     string               `json:"ociVersion"`
	ID          string               `json:"id"`
	Pid         int                  `json:"pid"` // 0 if there is no process
	Status      specs.ContainerState `json:"status"`
	Bundle      string               `json:"bundle"`
	Rootfs      string               `json:"rootfs"`
	Created     time.Time            `json:"created"`
	Annotations map[string]string    `json:"annotations,omitempty"`
	Owner       string               `json:"owner"` // who made it
	// Limits says in words which limits the container has run into, as the kernel counted it.
	Limits []string `json:"limits,omitempty"`
}

// Look looks at a container.
func (c *Container) Look() *Look {
	l := &Look{Version: c.st.Version, ID: c.st.ID, Status: c.Status(), Bundle: c.st.Bundle, Rootfs: c.st.Rootfs,
		Created: c.st.Created, Annotations: c.st.Annotations, Owner: owner(c.st.Owner)}
	if l.Status != specs.StateStopped {
		l.Pid = c.st.Pid
	}
	if c.st.Cgroup != nil && c.st.Pid != 0 {
		if v, err := c.st.Cgroup.Verdict(); err == nil { // a cgroup that is gone has nothing to say
			l.Limits = v.Words()
		}
	}
	return l
}

// owner names a user of the host: root, or a number. The other names are in files that are not worth the reading.
func owner(uid int) string {
	if uid == 0 {
		return "root"
	}
	return "#" + strconv.Itoa(uid)
}

// List returns all containers below root, sorted by id. One whose state cannot be read is left out,
// and its error returned beside the rest.
func List(root string) (list []*Look, errs []error) {
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
		list = append(list, c.Look())
	}
	return list, errs
}

// Pids returns the process ids of all processes of the container, as seen from the runtime. It takes a cgroup to know them.
func (c *Container) Pids() ([]int, error) {
	if c.st.Cgroup == nil {
		return nil, nil
	}
	if c.st.Cgroup.None() && c.Status() != specs.StateStopped {
		return nil, fmt.Errorf("ps: container %s %s; its first process is %d", c.st.ID, noCgroup, c.st.Pid)
	}
	return c.st.Cgroup.Pids()
}

// Cgroup returns where the container's cgroup is; nil if it never got one.
func (c *Container) Cgroup() *cgroup.Group { return c.st.Cgroup }

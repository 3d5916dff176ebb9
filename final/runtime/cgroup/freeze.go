package cgroup

import (
	"fmt"
	"strings"
	"time"
)

// patience is how long we wait for the kernel to stop or end all processes of a group. It is a
// matter of milliseconds, unless one of them sits in a system call that cannot be interrupted.
const patience = 10 * time.Second

// Freeze stops all processes of the group, and returns when they have stopped. They are not sent a signal
// and notice nothing but the time that has passed. If they do not stop in time, they run on.
func (g *Group) Freeze() error {
	h, err := g.freezer()
	if err != nil {
		return err
	}
	if err := h.freeze(true); err != nil {
		return err
	}
	for wait, end := time.Microsecond*50, time.Now().Add(patience); ; wait = min(2*wait, 20*time.Millisecond) {
		frozen, err := h.frozen()
		if frozen || err != nil {
			return err
		}
		if time.Now().After(end) {
			_ = h.freeze(false)
			return fmt.Errorf("freezing cgroup %s: not all processes stopped within %v: one is in a system call that cannot be interrupted "+
				"(state D in ps), such as on a dead network file system; they have been thawed", h.Dir(), patience)
		}
		if h.Version == 1 && wait > 5*time.Millisecond {
			// A process that was just forking may have escaped; v1's freezer looks again only when asked.
			_ = h.freeze(true)
		}
		time.Sleep(wait)
	}
}

// Thaw lets the processes of the group run on.
func (g *Group) Thaw() error {
	h, err := g.freezer()
	if err != nil {
		return err
	}
	return h.freeze(false)
}

// Frozen tells whether the group is frozen: by us, or because a group above it is.
func (g *Group) Frozen() (bool, error) {
	h := g.find("freezer")
	if h == nil {
		return false, nil
	}
	return h.frozen()
}

func (g *Group) freezer() (*Hierarchy, error) {
	if h := g.find("freezer"); h != nil {
		return h, nil
	}
	return nil, missing("freezer")
}

func (h *Hierarchy) freeze(on bool) error {
	if h.Version == 2 {
		return h.write("cgroup.freeze", map[bool]string{true: "1", false: "0"}[on])
	}
	return h.write("freezer.state", map[bool]string{true: "FROZEN", false: "THAWED"}[on])
}

// frozen reads whether all processes have stopped. In a hierarchy that has no freezer, none has.
func (h *Hierarchy) frozen() (bool, error) {
	if h.Version == 1 {
		if !h.has("freezer") {
			return false, nil
		}
		text, err := read(h.Dir() + "/freezer.state") // THAWED, FREEZING or FROZEN
		return strings.HasPrefix(string(text), "FROZEN"), ignoreGone(err)
	}
	text, err := read(h.Dir() + "/cgroup.events") // since Linux 5.2
	return value(text, "frozen") == 1, ignoreGone(err)
}

func ignoreGone(err error) error {
	if gone(err) {
		return nil
	}
	return err
}

// missing is the error for a controller that no hierarchy has.
func missing(controller string) error {
	return fmt.Errorf("this machine has no %s controller for us: it is in no mounted v1 hierarchy and not in cgroup.controllers of v2; "+
		"the kernel was built without it or had it turned off at boot (cgroup_disable=), or the hierarchy is not mounted", controller)
}

// value returns a number of a file of "key number" lines, such as cgroup.events; 0 if it has no such line.
func value(text []byte, key string) (n uint64) {
	n, _ = lookup(text, key)
	return n
}

package cgroup

import (
	"errors"
	"fmt"
	"strings"

	"golang.org/x/sys/unix"

	"jocker/final/runtime/fail"
)

// Create makes the group's directories. On v2 it enables, in every cgroup above, all controllers that
// can be had there: a controller that isn't asked for now may be wanted by a later update, and
// statistics need some. What cannot be enabled matters only if a limit needs it, and then the limit's
// step says why.
//
// A directory may exist already, if nothing runs in it and it isn't frozen: two containers in one cgroup
// would share their limits, and the first to be deleted would take the other along. If Create
// fails, it has removed what it made.
func (g *Group) Create() error {
	for i := range g.Hierarchies {
		g.Hierarchies[i].ours = false
	}
	for i := range g.Hierarchies {
		if err := g.create(&g.Hierarchies[i]); err != nil {
			_ = g.Delete()
			return err
		}
	}
	return nil
}

// create does it for one hierarchy. After a failure, Delete leaves alone what is another's.
func (g *Group) create(h *Hierarchy) error {
	first := 0
	if g.helper != nil {
		first = g.helper.pid
	}
	err := h.create(g.Unit != nil, first)
	g.refused = err != nil
	return err
}

// Free returns an error if the group is there already and somebody is in it, or it is frozen: Create would fail, and
// Delete won't touch it. If it is asked before the container's state is written, then nobody who finds the state of a create that was
// killed will delete what is another's.
func (g *Group) Free() error {
	for i := range g.Hierarchies {
		h := &g.Hierarchies[i]
		if unix.Access(h.Dir(), unix.F_OK) == nil {
			if err := h.unused(0); err != nil {
				g.refused = true
				return err
			}
		}
	}
	return nil
}

// create makes the directory of one hierarchy, and those above it. If systemd has made the cgroup already, the gates above are
// its own business, and process first may be in it.
func (h *Hierarchy) create(systemd bool, first int) error {
	h.ours = false
	dir := h.Dir()
	parent := dir[:strings.LastIndexByte(dir, '/')]
	if h.Version == 2 && !systemd {
		h.enable(parent)
	}
	err := unix.Mkdir(dir, 0o755)
	for tries := 0; err == unix.ENOENT && tries < 10; tries++ { // somebody who tidies up may remove an empty parent in between
		if err := h.createAbove(parent); err != nil && !errors.Is(err, unix.ENOENT) && !errors.Is(err, unix.ENODEV) {
			return err
		}
		err = unix.Mkdir(dir, 0o755)
	}
	switch {
	case err == unix.EEXIST:
		err := h.reusable(first)
		h.ours = err == nil
		return err
	case err != nil:
		return fail.Call(fmt.Sprintf("mkdir(%q, 0755)", dir), err, h.mkdirCause(parent, err))
	}
	h.ours = true
	return h.inherit(dir)
}

// createAbove makes the ancestors, from the top down.
func (h *Hierarchy) createAbove(parent string) error {
	for end := len(h.Mount); end <= len(parent); {
		dir := parent[:end]
		if dir != h.Mount {
			switch err := unix.Mkdir(dir, 0o755); err {
			case unix.EEXIST:
			case nil:
				if err := h.inherit(dir); err != nil {
					return err
				}
			default:
				return fail.Call(fmt.Sprintf("mkdir(%q, 0755)", dir), err, h.mkdirCause(dir[:strings.LastIndexByte(dir, '/')], err))
			}
		}
		if h.Version == 2 {
			h.enableIn(dir)
		}
		if end == len(parent) {
			return nil
		}
		if next := strings.IndexByte(parent[end+1:], '/'); next < 0 {
			end = len(parent)
		} else {
			end += 1 + next
		}
	}
	return nil
}

// enable opens the gates above a v2 cgroup. A controller that the parent's gate lets through is open
// further up, too; only if one is missing there, the way from the root must be gone.
func (h *Hierarchy) enable(parent string) {
	if missing := h.missing(parent); missing == "" || parent == h.Mount {
		if missing != "" {
			h.enableIn(parent)
		}
		return
	}
	for end := len(h.Mount); ; {
		h.enableIn(parent[:end])
		if end == len(parent) {
			return
		}
		if next := strings.IndexByte(parent[end+1:], '/'); next < 0 {
			end = len(parent)
		} else {
			end += 1 + next
		}
	}
}

// missing returns the controllers that a gate keeps back: "+cpuset +io".
func (h *Hierarchy) missing(dir string) string {
	text, err := read(dir + "/cgroup.subtree_control")
	if err != nil {
		return "" // no such cgroup, yet
	}
	enabled := " " + strings.TrimSpace(string(text)) + " "
	var b strings.Builder
	for _, c := range h.Controllers {
		if !strings.Contains(enabled, " "+c+" ") {
			b.WriteString(" +" + c)
		}
	}
	return strings.TrimPrefix(b.String(), " ")
}

// enableIn opens one gate for all controllers; if one of them cannot pass, for the others.
func (h *Hierarchy) enableIn(dir string) {
	missing := h.missing(dir)
	if missing == "" {
		return
	}
	file := dir + "/cgroup.subtree_control"
	switch writeFile(file, missing) {
	case nil:
		return
	case unix.EBUSY, unix.EOPNOTSUPP:
		// The cgroup holds processes. To enable one by one would be no help but harm: cpu, cpuset and pids would pass, for
		// they can limit threads, but that turns the cgroup into one for threads, below which no container can live.
		return
	}
	for _, c := range strings.Fields(missing) {
		_ = writeFile(file, c) // whoever needs it is told by why
	}
}

// inherit prepares a new v1 cpuset: without processors and memory nodes it takes no process, and a new
// one has none (lab 4.4). It gets what its parent has.
func (h *Hierarchy) inherit(dir string) error {
	if h.Version == 2 || !h.has("cpuset") {
		return nil
	}
	parent := dir[:strings.LastIndexByte(dir, '/')]
	for _, file := range [...]string{"cpuset.cpus", "cpuset.mems"} {
		text, err := read(parent + "/" + file)
		if err != nil {
			return fail.Call(callRead(parent+"/"+file), err, h.why(parent, file, "", err))
		}
		value := strings.TrimSpace(string(text))
		if value == "" && len(parent) > len(h.Mount) { // somebody made it with mkdir, and no more
			if err := h.inherit(parent); err != nil {
				return err
			}
			return h.inherit(dir)
		}
		if err := writeFile(dir+"/"+file, value); err != nil {
			return fail.Call(callWrite(dir+"/"+file, value), err, h.why(dir, file, value, err))
		}
	}
	return nil
}

// reusable tells whether a cgroup that is there already can become the container's, and makes it ready.
func (h *Hierarchy) reusable(first int) error {
	if err := h.unused(first); err != nil {
		return err
	}
	dir := h.Dir()
	if text, err := read(dir + "/cpuset.cpus"); h.Version == 1 && err == nil && len(text) <= 1 {
		return h.inherit(dir)
	}
	return nil
}

// unused returns an error if a cgroup has processes other than first, or is frozen.
func (h *Hierarchy) unused(first int) error {
	dir := h.Dir()
	pids, err := processes(dir)
	if err != nil {
		return err
	}
	if n := len(pids); n > 0 && !(n == 1 && pids[0] == first) {
		more := ""
		if n > 1 {
			more = fmt.Sprintf(" and %d more", n-1)
		}
		return fmt.Errorf("cgroup %s is in use: process %d%s; choose another container id or linux.cgroupsPath, "+
			"or delete the container that has this one", dir, pids[0], more)
	}
	if frozen, _ := h.frozen(); frozen {
		return fmt.Errorf("cgroup %s is frozen: a process that joins it would stop; thaw it or remove it with rmdir", dir)
	}
	return nil
}

package cgroup

import (
	"strings"

	"github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"

	"jocker/final/runtime/fail"
)

// A setting is what is to be written into one cgroup, for one limit. Mostly that is one line in one file. Several
// lines belong together if the kernel checks one against the other: a quota against its period.
type setting struct {
	h     *Hierarchy
	lines []line
	late  bool // only when the container is ready: see Late
}

// A line is a file and what to write into it.
type line struct {
	file, value string
	or          *line                              // written instead if there is no such file
	optional    bool                               // it doesn't matter if there is no such file
	fill        func(h *Hierarchy) (string, error) // the value, if it depends on what the cgroup has now
	do          func(h *Hierarchy) error           // instead of writing
}

// A planner collects settings. It keeps the first error, and does nothing more after one.
type planner struct {
	g      *Group
	update bool // of a container that has its limits already
	list   []setting
	err    error
}

// settings turns linux.resources into a list of what to write where. It checks all values, so that a wrong one is
// found before the first is written.
func (g *Group) settings(r *specs.LinuxResources, update bool) ([]setting, error) {
	if r == nil {
		r = &specs.LinuxResources{}
	}
	p := &planner{g: g, update: update}
	p.devices(r.Devices)
	if r.Memory != nil {
		p.memory(r.Memory)
	}
	if r.CPU != nil {
		p.cpuset(r.CPU)
		p.cpu(r.CPU)
	}
	if r.BlockIO != nil {
		p.blockIO(r.BlockIO)
	}
	if len(r.HugepageLimits) > 0 {
		p.hugepages(r.HugepageLimits)
	}
	if r.Network != nil {
		p.network(r.Network)
	}
	if len(r.Rdma) > 0 {
		p.rdma(r.Rdma)
	}
	if r.Pids != nil {
		p.pids(r.Pids)
	}
	if len(r.Unified) > 0 {
		p.unified(r.Unified)
	}
	return p.list, p.err
}

// need returns the hierarchy of a controller that a limit needs, or nil and notes the error.
func (p *planner) need(controller string) *Hierarchy {
	if p.err != nil {
		return nil
	}
	h := p.g.find(controller)
	if h == nil {
		p.err = missing(controller)
	}
	return h
}

// put adds a setting, unless there is nothing to set.
func (p *planner) put(h *Hierarchy, lines ...line) {
	if p.err == nil && len(lines) > 0 {
		p.list = append(p.list, setting{h: h, lines: lines})
	}
}

// apply writes the lines. If one is refused because it doesn't agree with what another file still says, that
// other one goes first: which order is right depends on the values that are there.
func (s *setting) apply() error {
	pending := s.lines
	for {
		var again []line
		var first error
		for _, l := range pending {
			err := s.h.writeLine(&l)
			switch {
			case err == nil:
			case len(pending) > 1 && disagrees(err):
				if again = append(again, l); first == nil {
					first = err
				}
			default:
				return err
			}
		}
		if len(again) == 0 {
			return nil
		}
		if len(again) == len(pending) {
			return first
		}
		pending = again
	}
}

// disagrees tells whether the kernel may accept a value once another is set.
func disagrees(err error) bool {
	for err != nil {
		if err == unix.EINVAL || err == unix.EBUSY {
			return true
		}
		u, ok := err.(interface{ Unwrap() error })
		if !ok {
			return false
		}
		err = u.Unwrap()
	}
	return false
}

// writeLine writes one line.
func (h *Hierarchy) writeLine(l *line) error {
	if l.do != nil {
		return l.do(h)
	}
	value, dir := l.value, h.Dir()
	if l.fill != nil {
		var err error
		if value, err = l.fill(h); err != nil {
			return err
		}
	}
	err := writeFile(dir+"/"+l.file, value)
	switch {
	case err == nil, err == unix.ENOENT && l.optional && h.whyEnabled(dir, l.file):
		return nil
	case err == unix.ENOENT && l.or != nil:
		return h.writeLine(l.or)
	}
	return fail.Call(callWrite(dir+"/"+l.file, value), err, h.why(dir, l.file, value, err))
}

// Set changes the limits of a container that runs: to those of linux.resources, and nothing that is not named there. All
// values are checked before the first is written.
func (g *Group) Set(r *specs.LinuxResources) error {
	list, err := g.settings(r, true)
	if err != nil {
		return err
	}
	if g.Unit != nil {
		if err := g.setUnit(r); err != nil {
			return err
		}
	}
	for i := range list {
		if err := list[i].apply(); err != nil {
			return err
		}
	}
	g.Small = g.Small || small(list)
	return nil
}

// say describes a setting for people: "memory.max = 1048576".
func (s *setting) say() (what, call string) {
	var whats, calls []string
	for _, l := range s.lines {
		if l.do != nil {
			return s.sayDevices(l.value)
		}
		value := l.value
		if l.fill != nil {
			value = "…"
		}
		whats = append(whats, l.file+" = "+value)
		calls = append(calls, callWrite(s.h.Dir()+"/"+l.file, value))
	}
	return strings.Join(whats, ", "), strings.Join(calls, "; ")
}

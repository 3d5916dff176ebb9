package cgroup

import (
	"errors"
	"fmt"

	"github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"

	"jocker/final/runtime/cgroup/devices"
	"jocker/final/runtime/fail"
)

// devices sets which devices the container may use: the rules, then those for what every container may have, so
// that no rule locks it out of /dev/null. What nothing allows is denied. An update without rules changes nothing.
//
// How v1 and v2 are told is the matter of package devices.
func (p *planner) devices(list []specs.LinuxDeviceCgroup) {
	if p.update && len(list) == 0 {
		return
	}
	h := p.need("devices")
	if h == nil {
		return
	}
	rules, err := devices.Parse(list)
	if err != nil {
		p.err = err
		return
	}
	rules = devices.Defaults(rules)
	l := line{file: "devices", value: fmt.Sprintf("%d rules", len(rules))}
	if h.Version == 2 {
		program, err := devices.Compile(rules)
		if err != nil {
			p.err = err
			return
		}
		l.do = func(h *Hierarchy) error { return harmless(program.Attach(h.Dir())) }
	} else {
		state, err := devices.Reduce(rules)
		if err != nil {
			p.err = err
			return
		}
		update := p.update
		l.do = func(h *Hierarchy) error { return harmless(h.setDevices(state, update)) }
	}
	p.put(h, l)
}

// setDevices writes v1's lists. An update of a running container changes only what differs, so that it does not
// lose, for a moment, what it may use before and after.
func (h *Hierarchy) setDevices(state *devices.State, update bool) error {
	dir := h.Dir()
	var from *devices.State
	if update {
		text, err := h.read("devices.list")
		if err != nil {
			return err
		}
		from = devices.ParseState([]byte(text))
	}
	var fds [2]int // deny, allow
	for i, file := range [...]string{"devices.deny", "devices.allow"} {
		fd, err := open(dir+"/"+file, unix.O_WRONLY)
		if err != nil {
			return fail.Call(fmt.Sprintf(`open("%s/%s", O_WRONLY)`, dir, file), err, h.why(dir, file, "", err))
		}
		defer unix.Close(fd)
		fds[i] = fd
	}
	for _, w := range state.Writes(from) {
		file, fd := "devices.deny", fds[0]
		if w.Allow {
			file, fd = "devices.allow", fds[1]
		}
		_, err := unix.Write(fd, []byte(w.Line))
		for err == unix.EINTR {
			_, err = unix.Write(fd, []byte(w.Line))
		}
		if err != nil {
			return fail.Call(callWrite(dir+"/"+file, w.Line), err, h.why(dir, file, w.Line, err))
		}
	}
	return nil
}

// harmless forgives that a user namespace's root may not limit devices: whoever started the container may
// open what its files' permissions let him open, and nobody in there can make a device file (mknod(2), EPERM).
func harmless(err error) error {
	if (errors.Is(err, unix.EPERM) || errors.Is(err, unix.EACCES)) && limited() {
		return nil
	}
	return err
}

// limited tells whether we are an ordinary user, or root of a user namespace only.
func limited() bool {
	if unix.Geteuid() != 0 {
		return true
	}
	text, err := read("/proc/self/uid_map")
	var inside, outside, count uint32
	n, _ := fmt.Sscan(string(text), &inside, &outside, &count)
	return err == nil && n == 3 && (outside != 0 || count != 1<<32-1)
}

// sayDevices describes the step for people.
func (s *setting) sayDevices(rules string) (what, call string) {
	if s.h.Version == 2 {
		return "limit the devices by a program of " + rules, fmt.Sprintf("bpf(BPF_PROG_ATTACH, {%q, BPF_CGROUP_DEVICE})", s.h.Dir())
	}
	return "limit the devices by " + rules, callWrite(s.h.Dir()+"/devices.deny", "a") + "; …"
}

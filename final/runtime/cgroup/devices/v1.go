package devices

import (
	"bytes"
	"fmt"
	"strconv"
)

// State is all that v1's controller can express: a mode, and exceptions from it.
type State struct {
	Allow  bool   // what isn't an exception is allowed, or denied
	Except []Rule // each allows in the mode deny, and denies in the mode allow
}

// Reduce turns rules into a state of v1. An exception has no exceptions in turn: rules that allow all
// terminals but one, after everything was denied, cannot be expressed, and are refused.
//
// One thing the kernel does by halves: for an access of several kinds, an open for reading and writing, it
// looks for one exception that allows all of it. So an exception within a wider one gets what the
// wider one allows, but for mknod, which is never asked together with anything.
func Reduce(rules []Rule) (*State, error) {
	s := &State{}
	for _, r := range rules {
		if r.Type == 'a' && r.Major == Any && r.Minor == Any && r.Access == All {
			s.Allow, s.Except = r.Allow, s.Except[:0]
			continue
		}
		types := []byte{r.Type}
		if r.Type == 'a' {
			types = []byte("bc") // v1 takes an "a" for all numbers and all access, whatever else is said
		}
		for _, r.Type = range types {
			if r.Allow != s.Allow {
				s.add(r)
			} else if err := s.remove(r); err != nil {
				return nil, err
			}
		}
	}
	if !s.Allow {
		for i := range s.Except {
			for j := range s.Except {
				if e, wide := &s.Except[i], &s.Except[j]; e.within(wide) {
					e.Access |= wide.Access &^ Mknod
				}
			}
		}
	}
	return s, nil
}

// add adds an exception.
func (s *State) add(r Rule) {
	for i := range s.Except {
		if e := &s.Except[i]; e.Type == r.Type && e.Major == r.Major && e.Minor == r.Minor {
			e.Access |= r.Access
			return
		}
	}
	s.Except = append(s.Except, r)
}

// remove takes back what a rule says the mode says anyway.
func (s *State) remove(r Rule) error {
	kept := s.Except[:0]
	for _, e := range s.Except {
		if e.overlaps(&r) && e.Access&r.Access != 0 {
			if !e.within(&r) {
				return fmt.Errorf("linux.resources.devices: the rule for %q makes an exception from the one for %q, which cgroup v1 cannot express; "+
					"list what is allowed instead, or use cgroup v2", r, e)
			}
			if e.Access &^= r.Access; e.Access == 0 {
				continue
			}
		}
		kept = append(kept, e)
	}
	s.Except = kept
	return nil
}

// within tells whether all of a rule's devices are among those of another.
func (r *Rule) within(wide *Rule) bool {
	return r.Type == wide.Type && (wide.Major == Any || r.Major == wide.Major) && (wide.Minor == Any || r.Minor == wide.Minor)
}

// overlaps tells whether two rules have a device in common.
func (r *Rule) overlaps(o *Rule) bool {
	return r.Type == o.Type && (r.Major == Any || o.Major == Any || r.Major == o.Major) &&
		(r.Minor == Any || o.Minor == Any || r.Minor == o.Minor)
}

// Writes lists what to write into devices.allow and devices.deny to come from one state to another. from may be nil:
// then it starts with a mode, and for a moment, a running container has only that.
func (s *State) Writes(from *State) (list []WriteV1) {
	if from == nil || from.Allow || s.Allow { // the kernel does not tell the exceptions of the mode allow
		list = append(list, WriteV1{s.Allow, "a"})
		from = &State{}
	}
	for _, e := range s.Except {
		if !contains(from.Except, e) {
			list = append(list, WriteV1{!s.Allow, e.String()})
		}
	}
	for _, old := range from.Except {
		rest := old
		for _, e := range s.Except {
			if e.Type == old.Type && e.Major == old.Major && e.Minor == old.Minor {
				rest.Access &^= e.Access
			}
		}
		if rest.Access != 0 {
			list = append(list, WriteV1{false, rest.String()})
		}
	}
	return list
}

// A WriteV1 is a line for devices.allow or devices.deny.
type WriteV1 struct {
	Allow bool
	Line  string
}

func contains(list []Rule, r Rule) bool {
	for _, o := range list {
		if o.Type == r.Type && o.Major == r.Major && o.Minor == r.Minor && o.Access == r.Access {
			return true
		}
	}
	return false
}

// ParseState reads v1's devices.list: a line "a *:* rwm" in the mode allow, and else an exception a line.
// It is nil if the file is not as it should be.
func ParseState(text []byte) *State {
	s := &State{}
	for len(text) > 0 {
		var line []byte
		line, text, _ = bytes.Cut(text, []byte("\n"))
		f := bytes.Fields(line)
		if len(f) != 3 || len(f[0]) != 1 {
			return nil
		}
		r := Rule{Allow: true, Type: f[0][0]}
		major, minor, ok := bytes.Cut(f[1], []byte(":"))
		for _, letter := range f[2] {
			at := bytes.IndexByte([]byte("mrw"), letter)
			if at < 0 {
				return nil
			}
			r.Access |= 1 << at
		}
		if !ok || !parseNumber(major, &r.Major) || !parseNumber(minor, &r.Minor) || bytes.IndexByte([]byte("abc"), r.Type) < 0 {
			return nil
		}
		if r.Type == 'a' {
			return &State{Allow: true}
		}
		s.add(r)
	}
	return s
}

func parseNumber(text []byte, n *int64) bool {
	if string(text) == "*" {
		*n = Any
		return true
	}
	v, err := strconv.ParseUint(string(text), 10, 32)
	*n = int64(v)
	return err == nil
}

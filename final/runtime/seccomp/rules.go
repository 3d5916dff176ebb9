package seccomp

import (
	"fmt"

	"github.com/opencontainers/runtime-spec/specs-go"
)

// This file turns the profile, which speaks of names, into one list of rules per system call number
// and architecture.

// A condition compares one argument. For every op but SCMP_CMP_MASKED_EQ the mask is all ones.
type condition struct {
	index       int
	op          specs.LinuxSeccompOperator
	value, mask uint64
}

// A rule answers a call if all its conditions hold. They are sorted by index, one per index.
type rule struct {
	entry   int // which of linux.seccomp.syscalls it is from, for messages
	action  uint32
	when    []condition
	derived bool // it stands in no profile, but follows from a rule for a multiplexed call
}

// A slot is what the profile says of one system call.
type slot struct {
	state slotState
	n     uint32 // the action if always, the place of the rules in the sheet's lists if checked
}

type slotState uint8

const (
	unnamed slotState = iota // nothing
	always                   // one action, whatever the arguments are
	checked                  // rules with conditions
)

// slotCount is above every number of the table: the ordinary ones, and after them the few private
// calls of arm, which lie at armPrivate.
const (
	ordinary   = 640
	armPrivate = 0x0f0000
	slotCount  = ordinary + 16
)

// slotOf returns the place of a number in a sheet's slots.
func slotOf(nr int32) int {
	if nr >= armPrivate {
		return ordinary + int(nr-armPrivate)
	}
	return int(nr)
}

// A sheet is the profile for one architecture.
type sheet struct {
	*arch
	column int
	slots  [slotCount]slot
	lists  [][]rule // of the checked slots, each in the order in which it is to be asked
	newest int      // the highest ordinary number that the profile names, whatever the action; -1 if it names none
}

// add puts a rule on the list of a system call.
func (s *sheet) add(nr int32, r rule) error {
	sl := &s.slots[slotOf(nr)]
	if sl.state == always {
		return nil // the first rule without conditions has the last word
	}
	if !s.wide {
		r.when = narrow(r.when)
	}
	r.when = meaningful(r.when)
	if len(r.when) == 0 {
		sl.state, sl.n = always, r.action
		return nil
	}
	if sl.state == unnamed {
		sl.state, sl.n = checked, uint32(len(s.lists))
		s.lists = append(s.lists, nil)
	}
	list, err := insert(s.lists[sl.n], r, s.wide)
	if err == nil && len(list) > MaxInstructions {
		err = fmt.Errorf("linux.seccomp.syscalls[%d]: is one rule too many for the same system call, "+
			"%d do not fit into a program", r.entry, len(list))
	}
	s.lists[sl.n] = list
	return err
}

// narrow cuts conditions to 32 bits.
func narrow(when []condition) []condition {
	cut := make([]condition, len(when))
	for i, c := range when {
		c.value, c.mask = uint64(uint32(c.value)), uint64(uint32(c.mask))
		cut[i] = c
	}
	return cut
}

// meaningful drops conditions that look at no bit.
func meaningful(when []condition) []condition {
	for i, c := range when {
		if c.mask == 0 {
			return append(when[:i:i], meaningful(when[i+1:])...)
		}
	}
	return when
}

// sheets reads the profile: what it says of each call, on each architecture of the list.
func (c *compiler) sheets(p *specs.LinuxSeccomp) error {
	for i := range p.Syscalls {
		entry := &p.Syscalls[i]
		action, err := answer(entry.Action, entry.ErrnoRet, i)
		if err != nil {
			return err
		}
		if len(entry.Names) == 0 {
			return fmt.Errorf("linux.seccomp.syscalls[%d].names: has no name", i)
		}
		alternatives, err := conditions(entry.Args, i)
		if err != nil {
			return err
		}
		for j, name := range entry.Names {
			known := lookup(name)
			if known == nil {
				if name == "" {
					return fmt.Errorf("linux.seccomp.syscalls[%d].names[%d]: is empty", i, j)
				}
				if !elsewhere(name) {
					c.unknown = append(c.unknown, name)
				}
				continue
			}
			for _, s := range c.list {
				for _, when := range alternatives {
					if err := s.enter(known, rule{i, action, when, false}, action == c.deflt); err != nil {
						return err
					}
				}
			}
		}
	}
	return nil
}

// enter adds a rule to a sheet, unless it only says what would happen anyway.
func (s *sheet) enter(known *call, r rule, redundant bool) error {
	nr := known.nr[s.column]
	if nr >= 0 && nr < ordinary {
		s.newest = max(s.newest, int(nr))
	}
	if redundant {
		return nil
	}
	if s.column == x86 {
		if number, op := multiplexed(known.name); number >= 0 {
			when := []condition{{0, specs.OpEqualTo, op, ^uint64(0)}}
			for _, c := range r.when {
				if c.index != 0 {
					when = append(when, c)
				}
			}
			s.newest = max(s.newest, int(number))
			if err := s.add(number, rule{r.entry, r.action, when, true}); err != nil {
				return err
			}
		}
	}
	if nr < 0 {
		return nil
	}
	return s.add(nr, r)
}

// conditions reads the args of an entry. Several conditions must all hold, unless two of them look
// at the same argument: then each is a rule of its own, as it has always been in runc, and profiles
// rely on it. So the result is a list of alternatives.
func conditions(args []specs.LinuxSeccompArg, entry int) ([][]condition, error) {
	if len(args) == 0 {
		return unconditional, nil
	}
	var by [6]*condition
	var each [][]condition
	twice := false
	for i, a := range args {
		c := condition{int(a.Index), a.Op, a.Value, ^uint64(0)}
		switch {
		case a.Index >= uint(len(by)):
			return nil, fmt.Errorf("linux.seccomp.syscalls[%d].args[%d].index: %d is out of range, "+
				"a system call has arguments 0 to 5", entry, i, a.Index)
		case !validOp(a.Op):
			return nil, fmt.Errorf("linux.seccomp.syscalls[%d].args[%d].op: %q is not an operator of the OCI specification",
				entry, i, a.Op)
		case a.Op == specs.OpMaskedEqual:
			c.mask, c.value = a.Value, a.ValueTwo&a.Value
		}
		twice = twice || by[c.index] != nil
		by[c.index] = &c
		each = append(each, []condition{c})
	}
	if twice {
		return each, nil
	}
	together := make([]condition, 0, len(args))
	for _, c := range by {
		if c != nil {
			together = append(together, *c)
		}
	}
	return [][]condition{together}, nil
}

// unconditional is one alternative without conditions.
var unconditional = [][]condition{nil}

func validOp(op specs.LinuxSeccompOperator) bool {
	switch op {
	case specs.OpNotEqual, specs.OpLessThan, specs.OpLessEqual, specs.OpEqualTo,
		specs.OpGreaterEqual, specs.OpGreaterThan, specs.OpMaskedEqual:
		return true
	}
	return false
}

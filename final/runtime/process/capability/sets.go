package capability

import (
	"fmt"

	"github.com/opencontainers/runtime-spec/specs-go"
)

// Sets are the five sets that a process is to have.
type Sets struct {
	Bounding, Effective, Inheritable, Permitted, Ambient Set
}

// Parse reads config.json's process.capabilities. nil asks for none at all.
//
// A name that does not exist is an error, which suggests the nearest name that does. That a
// capability is known here does not mean that this kernel has it, or that the runtime may grant it:
// see Sets.Grantable.
func Parse(c *specs.LinuxCapabilities) (s Sets, err error) {
	if c == nil {
		return s, nil
	}
	for _, list := range [...]struct {
		field string
		names []string
		set   *Set
	}{
		{"bounding", c.Bounding, &s.Bounding},
		{"effective", c.Effective, &s.Effective},
		{"inheritable", c.Inheritable, &s.Inheritable},
		{"permitted", c.Permitted, &s.Permitted},
		{"ambient", c.Ambient, &s.Ambient},
	} {
		for i, name := range list.names {
			n, known := number(name)
			if !known {
				return Sets{}, unknown(list.field, i, name)
			}
			*list.set |= 1 << n
		}
	}
	return s, nil
}

func unknown(field string, i int, name string) error {
	hint := "; capabilities(7) lists them"
	if near := nearest(name); near != "" {
		hint = "; did you mean " + near + "?"
	}
	return fmt.Errorf("process.capabilities.%s[%d]: there is no capability %q%s", field, i, name, hint)
}

// Grantable returns what is left of the sets for a thread that has the sets of have, and a sentence
// for each set that had to shrink. The specification asks for a warning in such a case, not for a
// failure: what cannot be granted is missing, which is safe.
//
// Permitted can only shrink, and effective lies within permitted. Inheritable takes what is in the
// new bounding set and was permitted or inheritable before; ambient what is both permitted and inheritable.
func (s Sets) Grantable(have Sets) (Sets, []string) {
	var missing []string
	limit := func(set *Set, name string, to Set, why string) {
		if lost := *set &^ to; lost != 0 {
			missing = append(missing, fmt.Sprintf("process.capabilities.%s: %v cannot be granted: %s", name, lost, why))
			*set &= to
		}
	}
	limit(&s.Bounding, "bounding", have.Bounding, "the bounding set of the runtime, or the kernel, lacks it")
	limit(&s.Permitted, "permitted", have.Permitted, "the runtime itself does not have it")
	limit(&s.Effective, "effective", s.Permitted, "it is not in the permitted set")
	limit(&s.Inheritable, "inheritable", (s.Bounding|have.Inheritable)&(have.Permitted|have.Inheritable),
		"it is not in the bounding set, or the runtime itself does not have it")
	limit(&s.Ambient, "ambient", s.Permitted&s.Inheritable, "it is not in both the permitted and the inheritable set")
	return s, missing
}

package seccomp

import (
	"fmt"
	"slices"

	"github.com/opencontainers/runtime-spec/specs-go"
)

// When two rules with conditions match the same call, which one answers? The OCI specification does
// not say; profiles are written against libseccomp, so its order is ours:
//
//   - first the rule whose first condition is on the higher argument;
//   - on the same argument, first = != and masked, then < and <=, then > and >=;
//   - among those, first the larger value, but with < and <= the smaller: the narrower rule.
//
// The order in which the profile has them counts only between rules that this leaves equal. A rule
// that a wider one covers is dropped if both have the same action, or if the wider one came first.
// Otherwise the two contradict each other, and the profile is refused. Only where a rule is derived
// (multiplex.go) nobody has written a contradiction, and the wider rule, or the first, just wins.

// insert puts a rule into its place in a list.
func insert(list []rule, r rule, wide bool) ([]rule, error) {
	covered := false
	for _, other := range list {
		agreed := other.action == r.action || r.derived
		switch {
		case covers(other.when, r.when):
			if !agreed && len(other.when) == len(r.when) {
				return list, contradiction(other, r)
			}
			return list, nil
		case covers(r.when, other.when):
			if !agreed {
				return list, contradiction(other, r)
			}
			covered = true
		}
	}
	if covered {
		list = slices.DeleteFunc(list, func(other rule) bool { return covers(r.when, other.when) })
	}
	at := 0
	for at < len(list) && !ranksBelow(list[at].when, r.when, wide) {
		at++
	}
	return slices.Insert(list, at, r), nil
}

func contradiction(a, b rule) error {
	return fmt.Errorf("linux.seccomp.syscalls[%d] contradicts linux.seccomp.syscalls[%d]: "+
		"the same system call with the same arguments gets two actions", b.entry, a.entry)
}

// covers says whether the conditions of a are the first conditions of b, so that b matches nothing
// that a does not match.
func covers(a, b []condition) bool {
	if len(a) > len(b) {
		return false
	}
	for i := range a {
		if a[i] != b[i] {
			return false
		}
	}
	return true
}

// ranksBelow says whether a is to be asked after b. It looks at the first condition in which the two
// differ. Equal rank is possible between conditions that cannot be compared, such as "= 5" and
// "masked with 0xff = 5".
func ranksBelow(a, b []condition, wide bool) bool {
	i := 0
	for a[i] == b[i] {
		i++
	}
	x, y := a[i], b[i]
	if x.index != y.index {
		return x.index < y.index
	}
	if class(x.op) != class(y.op) {
		return class(x.op) < class(y.op)
	}
	xv, yv := x.value, y.value
	if wide && xv>>32 == yv>>32 && (x.op == specs.OpMaskedEqual || y.op == specs.OpMaskedEqual) &&
		(x.op != y.op || x.mask>>32 != y.mask>>32) {
		return false // libseccomp compares the high halves, and only if they are one question the low ones
	}
	if class(x.op) == 2 {
		return xv > yv
	}
	return xv < yv
}

// class groups the operators; the highest is asked first.
func class(op specs.LinuxSeccompOperator) int {
	switch op {
	case specs.OpGreaterThan, specs.OpGreaterEqual:
		return 1
	case specs.OpLessThan, specs.OpLessEqual:
		return 2
	}
	return 3
}

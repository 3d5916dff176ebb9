package seccomp

import (
	"math"
	"slices"

	"github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"

	"jocker/final/runtime/seccomp/internal/bpf"
)

// reference says what a profile means, slowly and without a program: it looks through the whole
// profile for every system call. It shares with the compiler the table of numbers and of the
// multiplexed calls, and nothing else.
type reference struct {
	native  specs.Arch
	profile *specs.LinuxSeccomp
}

// verdict returns the answer for a system call.
func (r reference) verdict(d bpf.Data) uint32 {
	column, answer := r.column(d)
	if column < 0 {
		return answer
	}
	nr := uint32(d.Nr) &^ archs[column].base
	newest, rules := r.rules(column, nr)
	deflt := r.answer(r.profile.DefaultAction, r.profile.DefaultErrnoRet)
	private := column == arm && nr >= armPrivate && nr < armPrivate+16
	if !private && newest >= 0 && int64(nr) > newest && !r.lenient() {
		return unix.SECCOMP_RET_ERRNO | uint32(unix.ENOSYS)
	}
	for _, rule := range rules {
		if len(rule.args) == 0 {
			return rule.action
		}
	}
	for _, rule := range inOrder(rules, archs[column].wide) {
		if rule.matches(d.Args, archs[column].wide) {
			return rule.action
		}
	}
	return deflt
}

// lenient says whether the default lets calls through.
func (r reference) lenient() bool {
	switch r.profile.DefaultAction {
	case specs.ActAllow, specs.ActLog, specs.ActTrace:
		return true
	}
	return false
}

// column returns the table's column for a call, or -1 and the answer if there is none.
func (r reference) column(d bpf.Data) (column int, answer uint32) {
	has := map[specs.Arch]bool{r.native: true}
	for _, a := range r.profile.Architectures {
		has[a] = true
	}
	deflt := r.answer(r.profile.DefaultAction, r.profile.DefaultErrnoRet)
	onX86 := r.native == specs.ArchX86_64 || r.native == specs.ArchX86
	switch {
	case d.Arch == unix.AUDIT_ARCH_I386 && onX86 && has[specs.ArchX86]:
		return x86, 0
	case d.Arch == unix.AUDIT_ARCH_AARCH64 && !onX86 && has[specs.ArchAARCH64]:
		return aarch64, 0
	case d.Arch == unix.AUDIT_ARCH_ARM && !onX86 && has[specs.ArchARM]:
		return arm, 0
	case d.Arch != unix.AUDIT_ARCH_X86_64 || !onX86 || !has[specs.ArchX86_64]:
		return -1, unix.SECCOMP_RET_KILL_THREAD
	}
	nr := uint32(d.Nr)
	newest, _ := r.rules(x86_64, 0)
	switch {
	case has[specs.ArchX32] && nr&x32Bit != 0:
		newest, _ := r.rules(x32, 0)
		if nr >= 1<<31 && (newest < 0 || r.lenient()) {
			return -1, deflt
		}
		return x32, 0
	case has[specs.ArchX32] || nr < x32Bit:
		return x86_64, 0
	case nr == math.MaxUint32: // a call that a tracer has taken away
		return -1, deflt
	case nr&x32Bit == 0 && newest >= 0 && !r.lenient():
		return x86_64, 0 // above the newest
	}
	return -1, unix.SECCOMP_RET_KILL_THREAD
}

// refRule is a rule for one call. Its args are sorted by index.
type refRule struct {
	args   []specs.LinuxSeccompArg
	action uint32
}

// rules returns the highest number that the profile names, -1 if none, and the rules for one number.
func (r reference) rules(column int, nr uint32) (newest int64, rules []refRule) {
	newest = -1
	deflt := r.answer(r.profile.DefaultAction, r.profile.DefaultErrnoRet)
	for _, entry := range r.profile.Syscalls {
		action := r.answer(entry.Action, entry.ErrnoRet)
		for _, name := range entry.Names {
			row := lookup(name)
			if row == nil {
				continue
			}
			number := row.nr[column]
			if number >= 0 && number < armPrivate {
				newest = max(newest, int64(number))
			}
			for _, args := range alternatives(entry.Args) {
				if number >= 0 && number == int32(nr) && action != deflt {
					rules = append(rules, refRule{looking(args, archs[column].wide), action})
				}
				mux, op := multiplexed(name)
				if column != x86 || mux < 0 || action == deflt {
					continue
				}
				newest = max(newest, int64(mux))
				if mux != int32(nr) {
					continue
				}
				way := []specs.LinuxSeccompArg{{Index: 0, Op: specs.OpEqualTo, Value: op}}
				for _, a := range args {
					if a.Index > 0 {
						way = append(way, a)
					}
				}
				rules = append(rules, refRule{looking(way, false), action})
			}
		}
	}
	return newest, rules
}

// alternatives gives every condition a rule of its own if two look at one argument.
func alternatives(args []specs.LinuxSeccompArg) [][]specs.LinuxSeccompArg {
	var sorted []specs.LinuxSeccompArg
	var single [][]specs.LinuxSeccompArg
	for index := uint(0); index < 6; index++ {
		for _, a := range args {
			if a.Index == index {
				sorted = append(sorted, a)
			}
		}
	}
	for _, a := range args {
		single = append(single, []specs.LinuxSeccompArg{a})
	}
	for i := 1; i < len(sorted); i++ {
		if sorted[i].Index == sorted[i-1].Index {
			return single
		}
	}
	return [][]specs.LinuxSeccompArg{sorted}
}

// looking leaves out masks that look at nothing, and cuts values to the width of the architecture.
func looking(args []specs.LinuxSeccompArg, wide bool) []specs.LinuxSeccompArg {
	var some []specs.LinuxSeccompArg
	for _, a := range args {
		if !wide {
			a.Value, a.ValueTwo = uint64(uint32(a.Value)), uint64(uint32(a.ValueTwo))
		}
		if a.Op == specs.OpMaskedEqual && a.Value == 0 {
			continue
		}
		some = append(some, a)
	}
	return some
}

func (r refRule) matches(args [6]uint64, wide bool) bool {
	for _, a := range r.args {
		have := args[a.Index]
		if !wide {
			have = uint64(uint32(have))
		}
		ok := false
		switch a.Op {
		case specs.OpEqualTo:
			ok = have == a.Value
		case specs.OpNotEqual:
			ok = have != a.Value
		case specs.OpLessThan:
			ok = have < a.Value
		case specs.OpLessEqual:
			ok = have <= a.Value
		case specs.OpGreaterThan:
			ok = have > a.Value
		case specs.OpGreaterEqual:
			ok = have >= a.Value
		case specs.OpMaskedEqual:
			ok = have&a.Value == a.ValueTwo&a.Value
		}
		if !ok {
			return false
		}
	}
	return true
}

// inOrder puts each rule before the first that is to be asked later. A rule that is covered by a
// wider one, or by an equal one before it, does not count.
func inOrder(rules []refRule, wide bool) []refRule {
	var order []refRule
next:
	for i, r := range rules {
		for j, other := range rules {
			n := len(other.args)
			if n < len(r.args) || n == len(r.args) && j < i {
				if slices.EqualFunc(other.args, r.args[:n], sameQuestion) {
					continue next
				}
			}
		}
		at := len(order)
		for i := len(order) - 1; i >= 0; i-- {
			if later(order[i], r, wide) {
				at = i
			}
		}
		order = append(order[:at:at], append([]refRule{r}, order[at:]...)...)
	}
	return order
}

func sameQuestion(a, b specs.LinuxSeccompArg) bool {
	if a.Op == specs.OpMaskedEqual {
		a.ValueTwo, b.ValueTwo = a.ValueTwo&a.Value, b.ValueTwo&b.Value
	} else {
		a.ValueTwo, b.ValueTwo = 0, 0
	}
	return a == b
}

// later says whether a is to be asked later than b.
func later(a, b refRule, wide bool) bool {
	for i := 0; i < len(a.args) && i < len(b.args); i++ {
		x, y := rank(a.args[i], wide), rank(b.args[i], wide)
		for j := range x {
			if j == 3 && (x[5] != y[5] || x[6] != y[6]) {
				break // the high halves are two questions: what is below them does not compare
			}
			if j < 5 && x[j] != y[j] {
				return x[j] < y[j]
			}
		}
		if !sameQuestion(a.args[i], b.args[i]) {
			return false
		}
	}
	return false
}

// rank is a condition's place: argument, group of operators, high half, low half (the smaller the
// higher for < and <=), and what makes two high halves one question.
func rank(a specs.LinuxSeccompArg, wide bool) (key [7]int64) {
	key[0] = int64(a.Index)
	value := a.Value
	switch a.Op {
	case specs.OpMaskedEqual:
		value = a.Value & a.ValueTwo
		key[1] = 3
		if wide {
			key[5], key[6] = 1, int64(a.Value>>32)
		}
	case specs.OpEqualTo, specs.OpNotEqual:
		key[1] = 3
	case specs.OpLessThan, specs.OpLessEqual:
		key[1] = 2
	default:
		key[1] = 1
	}
	key[2], key[3] = int64(value>>32), int64(uint32(value))
	if key[1] == 2 {
		key[2], key[3] = -key[2], -key[3]
	}
	return key
}

func (reference) answer(action specs.LinuxSeccompAction, errno *uint) uint32 {
	data := uint32(unix.EPERM)
	if errno != nil {
		data = uint32(*errno)
	}
	switch action {
	case specs.ActErrno:
		return 0x00050000 | data
	case specs.ActTrace:
		return 0x7ff00000 | data
	}
	return answers[action]
}

var answers = map[specs.LinuxSeccompAction]uint32{
	specs.ActKill: 0, specs.ActKillThread: 0, specs.ActKillProcess: 0x80000000,
	specs.ActTrap: 0x00030000, specs.ActAllow: 0x7fff0000, specs.ActLog: 0x7ffc0000,
	specs.ActNotify: 0x7fc00000,
}

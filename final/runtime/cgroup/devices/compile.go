package devices

import "fmt"

// The registers of the program. The kernel's question is a struct bpf_cgroup_dev_ctx (linux/bpf.h):
//
//	u32 access_type  the kinds of access << 16 | the type: 1 block, 2 character
//	u32 major
//	u32 minor
const (
	answer   = 0
	question = 1
	typ      = 2
	access   = 3
	major    = 4
	minor    = 5
)

// maxRules keeps the program, of at most eight instructions a rule, within the 4096 that all kernels take.
const maxRules = 500

// compile writes the program for a list of rules. It is Allowed, unrolled: from the last rule to the first, each
// skips to the next if it speaks of another device; one that allows takes its kinds of access off those that are wanted,
// and once none is left, the answer is yes.
func compile(rules []Rule) ([]instruction, error) {
	if len(rules) > maxRules {
		return nil, fmt.Errorf("linux.resources.devices has %d rules; there can be %d", len(rules), maxRules)
	}
	p := []instruction{
		{code: opLoad, dst: typ, src: question, offset: 0},
		{code: opCopy, dst: access, src: typ},
		{code: opAnd, dst: typ, imm: 0xffff},
		{code: opShift, dst: access, imm: 16},
		{code: opLoad, dst: major, src: question, offset: 4},
		{code: opLoad, dst: minor, src: question, offset: 8},
	}
	for i := len(rules) - 1; i >= 0; i-- {
		r := rules[i]
		start := len(p)
		switch r.Type {
		case 'b':
			p = append(p, instruction{code: opJumpElse, dst: typ, imm: 1})
		case 'c':
			p = append(p, instruction{code: opJumpElse, dst: typ, imm: 2})
		}
		if r.Major != Any {
			p = append(p, instruction{code: opJumpElse, dst: major, imm: int32(r.Major)})
		}
		if r.Minor != Any {
			p = append(p, instruction{code: opJumpElse, dst: minor, imm: int32(r.Minor)})
		}
		always := len(p) == start && r.Access == All // nothing that comes before this rule counts
		value := int32(0)
		switch {
		case r.Allow:
			value = 1
			if r.Access != All {
				p = append(p, instruction{code: opAnd, dst: access, imm: int32(All &^ r.Access)})
				p = append(p, instruction{code: opJumpElse, dst: access, imm: 0})
			}
		case r.Access != All:
			p = append(p, instruction{code: opCopy, dst: answer, src: access})
			p = append(p, instruction{code: opAnd, dst: answer, imm: int32(r.Access)})
			p = append(p, instruction{code: opJumpIf, dst: answer, imm: 0})
		}
		p = append(p, instruction{code: opMove, dst: answer, imm: value}, instruction{code: opExit})
		if always {
			return p, nil
		}
		for j := start; j < len(p); j++ { // now it is known where the next rule begins
			if p[j].code == opJumpElse || p[j].code == opJumpIf {
				p[j].offset = int16(len(p) - j - 1)
			}
		}
	}
	return append(p, instruction{code: opMove, dst: answer, imm: 0}, instruction{code: opExit}), nil
}

package seccomp

import "golang.org/x/sys/unix"

// This file writes the decision graph down as instructions.
//
// The machine has one register that matters, A, and jumps only go forward: the kernel wants to see
// at a glance that a filter ends. So the program is written from its end to its beginning; then
// every target is already there when a jump to it is written.
//
// A conditional jump has 8 bits for its distance. If the target is further away than 255
// instructions, an answer is simply written once more nearby, and for a question a long jump, which
// has 32 bits, is put in between.

// Offsets in struct seccomp_data (seccomp(2)): the number, the architecture, and the arguments.
const (
	nrOffset   = 0
	archOffset = 4
	argsOffset = 16
)

// The instructions that a filter needs, of linux/bpf_common.h.
const (
	opLoad    = unix.BPF_LD | unix.BPF_W | unix.BPF_ABS // A = the word at K
	opAnd     = unix.BPF_ALU | unix.BPF_AND | unix.BPF_K
	opGoto    = unix.BPF_JMP | unix.BPF_JA               // skip K
	opEqual   = unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K // A == K ? skip Jt : skip Jf
	opAtLeast = unix.BPF_JMP | unix.BPF_JGE | unix.BPF_K
	opAnyBit  = unix.BPF_JMP | unix.BPF_JSET | unix.BPF_K // A & K != 0
	opReturn  = unix.BPF_RET | unix.BPF_K
)

// content is what A holds: a word of seccomp_data, perhaps with a mask applied.
type content struct {
	offset, mask uint32
	valid        bool
}

// wants returns what must be in A when a question's jump is reached.
func (n *node) wants() content {
	if n.kind == masked && !n.oneJump() {
		return content{n.offset, n.mask, true}
	}
	return content{n.offset, 1<<32 - 1, true}
}

// oneJump says whether a masked comparison is just "any of these bits".
func (n *node) oneJump() bool {
	return n.k == 0 || n.k == n.mask && n.mask&(n.mask-1) == 0
}

// A place is where a node has been written, counted from the end of the program.
type place struct {
	visited bool
	load    bool  // somebody arrives with something else in A
	size    int32 // an estimate of the instructions below
	start   int32 // with the load, if there is one; -1 before it is written
	jump    int32 // without
}

// An assembler writes a program backwards.
type assembler struct {
	code []unix.SockFilter
}

// assemble returns the program for a graph.
func assemble(root *node) []unix.SockFilter {
	root.survey(content{})
	a := assembler{code: make([]unix.SockFilter, 0, 512)}
	a.write(root)
	for i, j := 0, len(a.code)-1; i < j; i, j = i+1, j-1 {
		a.code[i], a.code[j] = a.code[j], a.code[i]
	}
	return a.code
}

// survey finds out which questions have to load their word, and which side of a question is larger.
func (n *node) survey(before content) {
	if n.yes == nil {
		n.placed = place{start: -1}
		return
	}
	if n.wants() != before {
		n.placed.load = true
	}
	if n.placed.visited {
		return
	}
	n.placed = place{visited: true, load: n.placed.load, start: -1}
	n.yes.survey(n.wants())
	n.no.survey(n.wants())
	n.placed.size = min(1+n.yes.placed.size+n.no.placed.size, 1<<20)
}

// write puts a node into the program, after all that it leads to. The smaller side is written last:
// it comes to lie right behind the jump, and the jump over it to the larger side is short.
func (a *assembler) write(n *node) {
	if n.placed.start >= 0 {
		return
	}
	if n.yes == nil {
		n.placed.start = a.put(unix.SockFilter{Code: opReturn, K: n.answer})
		n.placed.jump = n.placed.start
		return
	}
	yes, no := n.yes, n.no
	jump := unix.SockFilter{Code: opEqual, K: n.k}
	switch {
	case n.kind == atLeast:
		jump.Code = opAtLeast
	case n.kind == masked && n.oneJump():
		jump.Code, jump.K = opAnyBit, n.mask
		if n.k == 0 {
			yes, no = no, yes
		}
	}
	near, far := yes, no
	if near.placed.size > far.placed.size {
		near, far = far, near
	}
	a.write(far)
	a.write(near)
	holds := n.wants()
	yesAt := a.reach(yes, holds, 1) // the no side may need one more instruction in between
	noAt := a.reach(no, holds, 0)
	here := int32(len(a.code))
	jump.Jt, jump.Jf = uint8(here-yesAt-1), uint8(here-noAt-1)
	n.placed.jump = a.put(jump)
	n.placed.start = n.placed.jump
	if !n.placed.load {
		return
	}
	if holds.mask != 1<<32-1 {
		a.put(unix.SockFilter{Code: opAnd, K: holds.mask})
	}
	n.placed.start = a.put(unix.SockFilter{Code: opLoad, K: n.offset})
}

// reach returns a place that leads to a node and is near enough for a conditional jump, even if so
// many more instructions are written before the jump. If there is none, it is made.
func (a *assembler) reach(n *node, holds content, more int32) int32 {
	at := n.placed.start
	if n.yes != nil && n.wants() == holds {
		at = n.placed.jump
	}
	distance := int32(len(a.code)) - at - 1
	if distance+more <= 255 {
		return at
	}
	if n.yes == nil {
		n.placed.start = a.put(unix.SockFilter{Code: opReturn, K: n.answer})
		return n.placed.start
	}
	return a.put(unix.SockFilter{Code: opGoto, K: uint32(distance)})
}

func (a *assembler) put(i unix.SockFilter) int32 {
	a.code = append(a.code, i)
	return int32(len(a.code) - 1)
}

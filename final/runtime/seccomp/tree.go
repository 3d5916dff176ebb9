package seccomp

import "golang.org/x/sys/unix"

// This file finds the answer for a system call number. Neighbouring numbers with the same answer
// become one span, and the spans become a search tree: some sixty spans take about six comparisons
// where a list of the 360 names that Docker's default profile allows takes 180 on average.
//
// The tree is balanced by weight, not by count. A number that the profile decides without a look at
// the arguments weighs little: since 5.11 the kernel tries the filter on every number when it is
// loaded, remembers which are allowed whatever the arguments are, and does not run the filter for
// them any more. What remains are the calls whose arguments are checked. They weigh much, so that
// they hang near the root.
const (
	weightSpan    = 1 // of any span, so that those without a known call are balanced too
	weightKnown   = 4
	weightChecked = 256
)

// A span is a run of numbers with the same answer. It ends where the next one begins.
type span struct {
	first  uint32
	weight int32
	to     *node
}

// A spans list is sorted and starts at 0.
type spans []span

// add appends the numbers from first on; a neighbour with the same answer swallows them.
func (s spans) add(first uint32, to *node, weight int32) spans {
	if n := len(s); n > 0 {
		if last := &s[n-1]; last.first == first {
			s = s[:n-1]
			return s.add(first, to, weight)
		} else if last.to == to {
			last.weight += weight
			return s
		}
	}
	return append(s, span{first, weight + weightSpan, to})
}

// spans returns the answers for all numbers of one AUDIT_ARCH value. Only x86_64 shares its value
// with another architecture, x32, of which the numbers have bit 30 set. That bit alone decides, also
// where bit 31 is set, as in -1.
func (c *compiler) spans(s, x32sheet *sheet) spans {
	list := c.numbers(make(spans, 0, 128), s)
	if s.column != x86_64 {
		return list
	}
	if x32sheet != nil {
		list = c.numbers(list, x32sheet)
		return list.add(1<<31, c.newer(s), 0).add(3<<30, c.newer(x32sheet), 0)
	}
	killed := c.memory.ret(retKillThread)
	list = list.add(1<<30, killed, 0)
	if c.stub(s) {
		list = list.add(1<<31, c.newer(s), 0).add(3<<30, killed, 0)
	}
	// -1 is what a tracer puts in place of a call that it wants skipped; it must not kill.
	return list.add(1<<32-1, c.memory.ret(c.deflt), 0)
}

// numbers appends the spans of one sheet.
func (c *compiler) numbers(list spans, s *sheet) spans {
	deflt := c.memory.ret(c.deflt)
	known := s.known()
	put := func(from, to int, base uint32) {
		for i := from; i < to; i++ {
			n, weight := deflt, int32(0)
			if known[i] && s.column != x32 { // hardly any program is built for x32
				weight = weightKnown
			}
			switch sl := s.slots[i]; sl.state {
			case always:
				n = c.memory.ret(sl.n)
			case checked:
				n = c.memory.decide(s.lists[sl.n], s.wide, deflt)
				if n.yes != nil {
					weight *= weightChecked / weightKnown
				}
			}
			list = list.add(base+uint32(i-from), n, weight)
		}
	}
	put(0, s.newest+1, s.base)
	list = list.add(s.base+uint32(s.newest+1), c.newer(s), 0)
	if s.column == arm {
		put(ordinary, slotCount, armPrivate)
		list = list.add(armPrivate+slotCount-ordinary, c.newer(s), 0)
	}
	return list
}

// known says which slots stand for a system call that the table has.
func (s *sheet) known() (known [slotCount]bool) {
	for i := range table {
		if nr := table[i].nr[s.column]; nr >= 0 {
			known[slotOf(nr)] = true
		}
	}
	return known
}

// newer returns the answer for calls that are newer than all that the profile names.
//
// A profile cannot name what was not there when it was written. If such a call gets the errno of
// the default action, mostly EPERM, the C library believes that it is forbidden, and fails. Were the
// answer ENOSYS, it would know an older way. So the answer is ENOSYS for every number above the
// highest one that the profile names for the architecture. Profiles that let calls through by
// default need no such help.
func (c *compiler) newer(s *sheet) *node {
	if c.stub(s) {
		return c.memory.ret(retErrno | uint32(unix.ENOSYS))
	}
	return c.memory.ret(c.deflt)
}

// stub says whether an architecture's newer calls get ENOSYS.
func (c *compiler) stub(s *sheet) bool {
	return s.newest >= 0 && !permits(c.deflt)
}

// tree returns the root of a search tree for the spans, of which the last ends at last. Its cost is
// the number of comparisons, each counted with the weight that passes through it.
func tree(list spans, last uint32) (root *node, cost int32) {
	if len(list) == 1 {
		return list[0].to, 0
	}
	t := list.stretch(last)
	if t.n > 0 && len(list) <= 3 {
		return t.node(), t.cost
	}
	cut := list.middle()
	low, lowCost := tree(list[:cut], list[cut].first-1)
	high, highCost := tree(list[cut:], last)
	cost = lowCost + highCost + list.weight()
	if t.n > 0 && t.cost < cost {
		return t.node(), t.cost
	}
	return &node{offset: nrOffset, kind: atLeast, k: list[cut].first, yes: high, no: low}, cost
}

func (s spans) weight() (sum int32) {
	for i := range s {
		sum += s[i].weight
	}
	return sum
}

// middle returns where to cut so that both sides weigh the same, as nearly as can be.
func (s spans) middle() int {
	total, left := s.weight(), int32(0)
	for i := range s {
		right := total - left - s[i].weight
		if left+s[i].weight < right && i+2 < len(s) {
			left += s[i].weight
			continue
		}
		// The span in the middle goes to the lighter side.
		if i == 0 || left <= right && i+1 < len(s) {
			return i + 1
		}
		return i
	}
	return 1
}

// A stretch is a list that has one answer, rest, but for one or two numbers. There it is an
// alternative to a cut to ask for these numbers, one after the other.
type stretch struct {
	rest *node
	odd  [2]span // the heavier last
	n    int     // 1 or 2; 0 if the list is no stretch
	cost int32
}

// stretch looks whether a list is one. The rest has the answer of the first or the second span.
func (s spans) stretch(last uint32) (best stretch) {
	if len(s) > 5 {
		return stretch{}
	}
	for _, r := range s[:2] {
		t := s.stretchTo(r.to, last)
		if t.n > 0 && (best.n == 0 || t.cost < best.cost) {
			best = t
		}
	}
	return best
}

// stretchTo does so for one answer of the rest.
func (s spans) stretchTo(rest *node, last uint32) stretch {
	t := stretch{rest: rest, cost: s.weight()}
	for i := range s {
		if s[i].to == rest {
			continue
		}
		end := last
		if i+1 < len(s) {
			end = s[i+1].first - 1
		}
		if end != s[i].first || t.n == len(t.odd) {
			return stretch{}
		}
		t.odd[t.n] = s[i]
		t.n++
	}
	if t.n == 2 {
		if t.odd[0].weight > t.odd[1].weight {
			t.odd[0], t.odd[1] = t.odd[1], t.odd[0]
		}
		t.cost += t.cost - t.odd[1].weight
	}
	return t
}

// node asks for the odd numbers, the heavier first, and else gives the answer of the rest.
func (t stretch) node() *node {
	n := t.rest
	for _, o := range t.odd[:t.n] {
		n = &node{offset: nrOffset, kind: equal, k: o.first, yes: o.to, no: n}
	}
	return n
}

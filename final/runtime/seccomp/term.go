package seccomp

import "github.com/opencontainers/runtime-spec/specs-go"

// A filter computes with 32 bits, an argument has 64. This file takes rules about arguments apart
// into tests of 32-bit words, of which each argument has two: the low half, and the high half.

// A kind is what a test asks of the word w.
type kind uint8

const (
	equal   kind = iota // w == k
	atLeast             // w >= k
	masked              // w & mask == k
)

// A test asks one question about one word.
type test struct {
	word    uint8 // 2 * index of the argument, + 1 for the high half
	kind    kind
	k, mask uint32
}

// A need is a test and the outcome that is wanted.
type need struct {
	test
	want bool
}

// A term is a list of needs that must all be met, and the action that they lead to. A list of terms
// is read like the list of rules: the first that holds answers.
type term struct {
	action uint32
	needs  []need
}

// terms takes rules apart. One rule can become several terms: "x >= 0x500000003" is
// "low >= 3 and high >= 5" or "high >= 6". Six such conditions in one rule make 64.
func terms(rules []rule, wide bool) []term {
	var list []term
	for _, r := range rules {
		ways := [][]need{nil}
		for _, c := range r.when {
			var longer [][]need
			for _, more := range c.ways(wide) {
				for _, w := range ways {
					longer = append(longer, append(w[:len(w):len(w)], more...))
				}
			}
			ways = longer
		}
		for _, w := range ways {
			list = append(list, term{r.action, w})
		}
	}
	return list
}

// ways returns the alternatives under which a condition holds; none if it never does.
func (c condition) ways(wide bool) [][]need {
	top := uint64(1<<32 - 1)
	if wide {
		top = 1<<64 - 1
	}
	w := words{low: uint8(2 * c.index), wide: wide}
	switch v := c.value; c.op {
	case specs.OpEqualTo, specs.OpMaskedEqual:
		w.same(v, c.mask)
	case specs.OpNotEqual:
		w.other(v)
	case specs.OpGreaterEqual:
		w.from(v)
	case specs.OpGreaterThan:
		if v != top {
			w.from(v + 1)
		}
	case specs.OpLessThan:
		w.below(v)
	case specs.OpLessEqual:
		if v == top {
			w.way()
		} else {
			w.below(v + 1)
		}
	}
	return w.list
}

// words collects the ways to meet a condition on one argument.
//
// The low half comes first. It is the one that differs between two calls, and often settles the
// answer without a look at the high half, which is nearly always zero.
type words struct {
	low  uint8
	wide bool
	list [][]need
}

// same: the bits of the mask are those of v.
func (w *words) same(v, mask uint64) {
	w.way(w.isLow(v, mask), w.isHigh(v, mask))
}

// other: not v.
func (w *words) other(v uint64) {
	w.way(not(w.isLow(v, ^uint64(0))))
	w.way(not(w.isHigh(v, ^uint64(0))))
}

// from: v or more.
func (w *words) from(v uint64) {
	w.way(w.lowFrom(v), w.highFrom(v>>32))
	w.way(w.highFrom(v>>32 + 1))
}

// below: less than v.
func (w *words) below(v uint64) {
	w.way(not(w.lowFrom(v)), not(w.highFrom(v>>32+1)))
	w.way(not(w.highFrom(v >> 32)))
}

func (w *words) isLow(v, mask uint64) need {
	return need{plain(test{w.low, masked, uint32(v), uint32(mask)}), true}
}

func (w *words) isHigh(v, mask uint64) need {
	if !w.wide {
		return anyWord
	}
	return need{plain(test{w.low + 1, masked, uint32(v >> 32), uint32(mask >> 32)}), true}
}

func (w *words) lowFrom(v uint64) need {
	return need{test{w.low, atLeast, uint32(v), 0}, true}
}

// highFrom takes a high half of 33 bits: one more than the most is never reached. Where arguments
// have 32 bits, the high half counts as 0.
func (w *words) highFrom(h uint64) need {
	switch {
	case h == 0:
		return anyWord
	case h > 1<<32-1 || !w.wide:
		return not(anyWord)
	}
	return need{test{w.low + 1, atLeast, uint32(h), 0}, true}
}

// anyWord is met by every word.
var anyWord = need{test{0, atLeast, 0, 0}, true}

func not(n need) need {
	n.want = !n.want
	return n
}

// plain writes a mask of 32 ones as a comparison.
func plain(t test) test {
	if t.kind == masked && t.mask == 1<<32-1 {
		t.kind, t.mask = equal, 0
	}
	return t
}

// way adds an alternative: these needs together. Those that are met in any case are left out, and
// with one that is never met there is no alternative.
func (w *words) way(needs ...need) {
	open := make([]need, 0, len(needs))
	for _, n := range needs {
		outcome, certain := nothing.settles(n.test)
		switch {
		case !certain:
			open = append(open, n)
		case outcome != n.want:
			return
		}
	}
	w.list = append(w.list, open)
}

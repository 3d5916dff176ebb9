package seccomp

// A knowledge is what is known of a word after a question about it.
type knowledge struct {
	min, max    uint32
	bits, value uint32 // w & bits == value
	refuted     test   // this test has failed
}

// nothing is known: every word has at least 0.
var nothing = knowledge{max: 1<<32 - 1, refuted: test{word: 255}}

// teaches returns what the outcome of a test says of its word.
func (t test) teaches(outcome bool) knowledge {
	n := nothing
	if !outcome {
		n.refuted = t
	}
	switch {
	case t.kind == atLeast && outcome:
		n.min = t.k
	case t.kind == atLeast:
		n.max = t.k - 1
	case t.kind == equal && outcome:
		n.min, n.max, n.bits, n.value = t.k, t.k, 1<<32-1, t.k
	case t.kind == equal && t.k == 0:
		n.min = 1
	case t.kind == equal && t.k == n.max:
		n.max--
	case t.kind == masked && outcome:
		n.min, n.max, n.bits, n.value = t.k, t.k|^t.mask, t.mask, t.k
	case t.kind == masked && t.mask&(t.mask-1) == 0: // one bit, and it is the other value
		n.bits, n.value = t.mask, t.mask^t.k
	}
	return n
}

// settles returns the outcome of a test if what is known of the word decides it.
func (n knowledge) settles(t test) (outcome, certain bool) {
	switch {
	case t == n.refuted:
		return false, true
	case t.kind == atLeast && t.k <= n.min:
		return true, true
	case t.kind == atLeast:
		return false, t.k > n.max
	case t.k > n.max: // w == k and w & mask == k both mean w >= k
		return false, true
	case t.kind == equal && n.min == n.max:
		return t.k == n.min, true
	case t.kind == equal:
		return false, t.k < n.min || t.k&n.bits != n.value
	case (t.k^n.value)&t.mask&n.bits != 0:
		return false, true
	}
	return true, t.mask&^n.bits == 0
}

package seccomp

import (
	"testing"
)

// What a question teaches is never wrong: for every word that gives this outcome, a test that is
// held for settled has the outcome that the word gives. And nothing is asked twice.
func TestKnowledge(t *testing.T) {
	some := []uint32{0, 1, 2, 3, 4, 5, 7, 8, 15, 16, 0x7fffffff, 0x80000000, 0x80000001, 0xfffffffe, 0xffffffff}
	var tests []test
	for _, k := range some {
		tests = append(tests, test{word: 3, kind: equal, k: k})
		if k > 0 {
			tests = append(tests, test{word: 3, kind: atLeast, k: k})
		}
		for _, mask := range some[1 : len(some)-1] {
			if k&^mask == 0 {
				tests = append(tests, test{word: 3, kind: masked, k: k, mask: mask})
			}
		}
	}
	for _, question := range tests {
		for _, outcome := range []bool{false, true} {
			known := question.teaches(outcome)
			if o, certain := known.settles(question); !certain || o != outcome {
				t.Fatalf("%+v came out %v, and is asked again", question, outcome)
			}
			for _, next := range tests {
				o, certain := known.settles(next)
				if !certain {
					continue
				}
				for _, w := range some {
					if question.of(w) == outcome && next.of(w) != o {
						t.Fatalf("after %+v %v, %+v is held for %v, but %#x says %v", question, outcome, next, o, w, !o)
					}
				}
			}
		}
	}
}

// of is the outcome of a test for a word.
func (t test) of(w uint32) bool {
	switch t.kind {
	case equal:
		return w == t.k
	case atLeast:
		return w >= t.k
	}
	return w&t.mask == t.k
}

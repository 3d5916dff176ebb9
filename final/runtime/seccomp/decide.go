package seccomp

import "slices"

// This file makes a decision graph of a list of terms. The idea is partial evaluation: ask one
// question, work out what is left of the list if the answer is yes and what is left if it is no, and
// go on with the two shorter lists. Nothing is asked twice, and what two paths have left in common
// is built once.
//
// socket, allowed for a domain of less than 38, of 39, or of more than 40, becomes
//
//	low == 39 ? yes: allow
//	            no:  low >= 38 ? no:  allow
//	                             yes: low >= 41 ? yes: allow
//	                                              no:  high >= 1 ? yes: allow, no: refuse

// A node of the decision graph is a question about a word of seccomp_data, or an answer.
type node struct {
	yes, no *node  // both nil in an answer
	answer  uint32 // if it is one
	offset  uint32 // of the word in seccomp_data
	k, mask uint32
	kind    kind

	placed place // filled in by the assembler
}

// A memory keeps the nodes that exist, so that equal ones are the same. It serves one filter, in
// which all lists have the same default.
type memory struct {
	answers []*node
	lists   map[string]*node
	effort  int  // spent so far, in terms looked at
	plain   bool // ask all rules one by one
}

// maxEffort limits the work for one filter. Rules about several arguments can multiply when they are
// combined; then they are asked one by one instead, which takes longer at run time and never more
// space than the rules have. Docker's default profile takes an effort of 50.
const maxEffort = 1 << 16

// ret returns the node that gives an answer.
func (m *memory) ret(answer uint32) *node {
	for _, n := range m.answers {
		if n.answer == answer {
			return n
		}
	}
	n := &node{answer: answer}
	m.answers = append(m.answers, n)
	return n
}

// decide returns the graph for the rules of one call; otherwise is the answer if none holds.
func (m *memory) decide(rules []rule, wide bool, otherwise *node) *node {
	if !m.plain && m.effort < maxEffort {
		if n := m.ask(terms(rules, wide), otherwise); n != nil {
			return n
		}
	}
	return m.oneByOne(rules, wide, otherwise)
}

// ask does one step; nil if it gets too much.
func (m *memory) ask(list []term, otherwise *node) *node {
	if len(list) == 0 {
		return otherwise
	}
	if len(list[0].needs) == 0 {
		return m.ret(list[0].action)
	}
	key := fingerprint(list)
	if n := m.lists[key]; n != nil {
		return n
	}
	if m.effort += len(list); m.effort > maxEffort {
		return nil
	}
	question := choose(list)
	yes := m.ask(remaining(list, question, true), otherwise)
	if yes == nil {
		return nil
	}
	no := m.ask(remaining(list, question, false), otherwise)
	if no == nil {
		return nil
	}
	n := yes
	if yes != no {
		n = question.node(yes, no)
	}
	if m.lists == nil {
		m.lists = map[string]*node{}
	}
	m.lists[key] = n
	return n
}

// oneByOne asks rule after rule, condition after condition.
func (m *memory) oneByOne(rules []rule, wide bool, otherwise *node) *node {
	next := otherwise
	for i := len(rules) - 1; i >= 0; i-- {
		n := m.ret(rules[i].action)
		for j := len(rules[i].when) - 1; j >= 0; j-- {
			n = rules[i].when[j].node(wide, n, next)
		}
		next = n
	}
	return next
}

// node asks for one condition: one way to meet it after the other.
func (c condition) node(wide bool, met, unmet *node) *node {
	next := unmet
	ways := c.ways(wide)
	for i := len(ways) - 1; i >= 0; i-- {
		n := met
		for j := len(ways[i]) - 1; j >= 0; j-- {
			if need := ways[i][j]; need.want {
				n = need.node(n, next)
			} else {
				n = need.node(next, n)
			}
		}
		next = n
	}
	return next
}

func (t test) node(yes, no *node) *node {
	return &node{offset: argsOffset + 4*uint32(t.word), kind: t.kind, k: t.k, mask: t.mask, yes: yes, no: no}
}

// choose returns the next question: the first one of the list. But if a word is compared with many
// values, the middle one is found out first, as in a binary search.
func choose(list []term) test {
	first := list[0].needs[0].test
	if first.kind != equal {
		return first
	}
	var values []uint32
	for _, t := range list {
		for _, n := range t.needs {
			if n.word == first.word && n.kind == equal {
				values = append(values, n.k)
			}
		}
	}
	if len(values) < 5 {
		return first
	}
	slices.Sort(values)
	if middle := values[len(values)/2]; middle != values[0] {
		return test{first.word, atLeast, middle, 0}
	}
	return first
}

// remaining returns what is left of a list when a question has been answered: terms that cannot hold
// any more are gone, needs that are met are gone, and a term without needs ends the list.
func remaining(list []term, question test, outcome bool) []term {
	known := question.teaches(outcome)
	left := make([]term, 0, len(list))
	for _, t := range list {
		if !t.shorten(question.word, known) {
			continue
		}
		left = append(left, t)
		if len(t.needs) == 0 {
			break
		}
	}
	return left
}

// shorten leaves out the needs that are met, by what is known of a word. It returns false if the
// term cannot hold any more.
func (t *term) shorten(word uint8, known knowledge) bool {
	open := t.needs // shared as long as nothing is left out
	for i, n := range t.needs {
		outcome, certain := false, false
		if n.word == word {
			outcome, certain = known.settles(n.test)
		}
		switch {
		case certain && outcome != n.want:
			return false
		case certain && len(open) == len(t.needs):
			open = append(make([]need, 0, len(t.needs)), t.needs[:i]...)
		case !certain && len(open) < len(t.needs):
			open = append(open, n)
		}
	}
	t.needs = open
	return true
}

// fingerprint writes a list as a string, for use as a key.
func fingerprint(list []term) string {
	b := make([]byte, 0, 32*len(list))
	put := func(v uint32) { b = append(b, byte(v), byte(v>>8), byte(v>>16), byte(v>>24)) }
	for _, t := range list {
		put(t.action)
		b = append(b, byte(len(t.needs)))
		for _, n := range t.needs {
			want := byte(0)
			if n.want {
				want = 1
			}
			b = append(b, n.word, byte(n.kind), want)
			put(n.k)
			put(n.mask)
		}
	}
	return string(b)
}

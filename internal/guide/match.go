package guide

import (
	"fmt"
	"strings"
)

// bindings are the texts that numbered placeholders stand for: a list that only grows, so that an attempt that
// fails is simply forgotten. Nil is the empty list.
type bindings struct {
	name, kind, text string
	where            int // the line of the guide that gave it its text
	before           *bindings
}

// find returns the text that a numbered placeholder stands for.
func (b *bindings) find(name string) (string, bool) {
	for ; b != nil; b = b.before {
		if b.name == name {
			return b.text, true
		}
	}
	return "", false
}

// add gives a placeholder its text, unless that breaks the rule of numbered names; then it says why.
func (b *bindings) add(name, text string, where int) (*bindings, string) {
	kind := strings.TrimRight(name, "0123456789")
	for old := b; old != nil; old = old.before {
		if old.name == name && old.text != text {
			return nil, fmt.Sprintf("<%s> is %q since line %d", name, old.text, old.where)
		}
		if old.name != name && old.kind == kind && old.text == text {
			return nil, fmt.Sprintf("<%s> is %q since line %d, so <%s> has to be another one", old.name, text, old.where, name)
		}
	}
	return &bindings{name, kind, text, where, b}, ""
}

// fill replaces the numbered placeholders within a command by their texts.
func (b *bindings) fill(command string) string {
	return placeholder.ReplaceAllStringFunc(command, func(whole string) string {
		if text, ok := b.find(whole[1 : len(whole)-1]); ok {
			return text
		}
		return whole
	})
}

// match compares a line of output with the promise. On success it returns the bindings with those that this line
// adds. Otherwise it returns a reason if there is more to say than that the two differ.
func (l Line) match(got string, known *bindings) (after *bindings, why string, ok bool) {
	got = strings.TrimRight(got, " \t")
	expr, names := l.expr(known)
	m := expr.FindStringSubmatch(got)
	if m == nil {
		if free, names := l.expr(nil); known != nil {
			if m := free.FindStringSubmatch(got); m != nil {
				for i, name := range names {
					if _, why := known.add(name, m[i+1], l.Number); why != "" {
						return nil, why, false
					}
				}
			}
		}
		return nil, "", false
	}
	after = known
	for i, name := range names {
		if after, why = after.add(name, m[i+1], l.Number); why != "" {
			return nil, why, false
		}
	}
	return after, "", true
}

// matcher compares a command's output with what is promised, and remembers how far the two agree.
type matcher struct {
	want   []Line
	got    []string
	failed map[attempt]bool

	furthest int // the line of want that couldn't be matched, len(want) for too much output
	first    int // the line of got that it was compared with (first)
	why      string
}

// attempt is a state of the search; without a memory of those that failed, several "..." would take ages.
type attempt struct {
	want, got int
	known     *bindings
}

// compare matches all lines. When it fails, the fields furthest, first and why tell about it.
func (m *matcher) compare(known *bindings) (*bindings, bool) {
	m.failed, m.furthest = map[attempt]bool{}, -1
	return m.from(0, 0, known)
}

func (m *matcher) from(want, got int, known *bindings) (*bindings, bool) {
	this := attempt{want, got, known}
	if m.failed[this] {
		return nil, false
	}
	switch {
	case want == len(m.want) && got == len(m.got):
		return known, true
	case want == len(m.want) || got == len(m.got) && !m.want[want].Any:
		m.note(want, got, "")
	case m.want[want].Any:
		for next := got; next <= len(m.got); next++ {
			if after, ok := m.from(want+1, next, known); ok {
				return after, true
			}
		}
	default:
		after, why, ok := m.want[want].match(m.got[got], known)
		if ok {
			if after, ok = m.from(want+1, got+1, after); ok {
				return after, true
			}
		} else {
			m.note(want, got, why)
		}
	}
	m.failed[this] = true
	return nil, false
}

// note remembers a failure if it is further down the guide than the ones before, or knows a reason.
func (m *matcher) note(want, got int, why string) {
	if want > m.furthest {
		m.furthest, m.first, m.why = want, got, why
	} else if want == m.furthest && m.why == "" {
		m.why = why
	}
}

// explain tells what was promised at the place where the comparison failed, in which line, and what came.
func (m *matcher) explain(after int) (line int, promised, came string) {
	const nothing = "(no more output)"
	line, promised, came = after, nothing, nothing
	if m.furthest < len(m.want) {
		line, promised = m.want[m.furthest].Number, visible(m.want[m.furthest].Text)
	}
	if m.first < len(m.got) {
		came = visible(m.got[m.first])
		if n := len(m.got) - m.first; m.furthest > 0 && m.furthest < len(m.want) && m.want[m.furthest-1].Any {
			came = fmt.Sprintf("(no such line among the %d from %q on)", n, m.got[m.first])
		}
	}
	return line, promised, came
}

// visible makes an empty line visible.
func visible(line string) string {
	if strings.TrimSpace(line) == "" {
		return "(an empty line)"
	}
	return line
}

package main

import (
	"regexp"
	"strings"
)

// A result is what a validation program says of a runtime: in TAP, the Test Anything Protocol, a line a statement
//
//	ok 1 - has expected hostname
//	not ok 2 - has expected user ID
//	ok 3 # SKIP linux.sysctl not set
//	1..3
//
// and by its exit code.
type result struct {
	Code    int
	OK      map[string]bool // what it states, and whether it is so
	Skipped int
	Empty   bool   // there is a plan 1..0: it stated nothing, whether it failed or not
	Output  string // everything, for a person
}

// passed says whether the runtime did all that the program wants. Some exit with 0 after "not ok", others with 1 before
// they have stated anything, and some state nothing at all: then there is an explanation of the failure, or silence.
func (r result) passed() bool {
	for _, ok := range r.OK {
		if !ok {
			return false
		}
	}
	return r.Code == 0 && !(r.Empty && strings.Contains(r.complaints(), `"error":`))
}

// word is passed in the table.
func (r result) word() string {
	switch {
	case !r.passed():
		return "FAIL"
	case len(r.OK) > 0:
		return "ok"
	case r.Skipped > 0:
		return "skip"
	}
	return "mute" // no complaint
}

var statement = regexp.MustCompile(`^(not )?ok\b *\d*(?: - | )?(.*)`)

// parse reads TAP. What is indented belongs to the statement above, as an explanation.
func parse(output string, code int) result {
	r := result{Code: code, OK: map[string]bool{}, Output: output}
	for _, line := range strings.Split(output, "\n") {
		if line == "1..0" {
			r.Empty = true
		}
		m := statement.FindStringSubmatch(line)
		if m == nil {
			continue
		}
		if strings.Contains(m[2], "# SKIP") || strings.HasPrefix(m[2], "SKIP") {
			r.Skipped++
			continue
		}
		name := strings.TrimSpace(m[2])
		ok := m[1] == ""
		if before, again := r.OK[name]; again {
			ok = ok && before // the same statement about another thing: it is true if it is for all
		}
		r.OK[name] = ok
	}
	return r
}

// complaints is the output without the statements that hold and what is said about them.
func (r result) complaints() string {
	var kept []string
	show := true
	for _, line := range strings.SplitAfter(r.Output, "\n") {
		if m := statement.FindStringSubmatch(line); m != nil {
			show = m[1] != ""
		} else if !strings.HasPrefix(line, " ") {
			show = true
		}
		if show {
			kept = append(kept, line)
		}
	}
	return strings.Join(kept, "")
}

// denied lists what a runtime isn't, according to r, though according to others it can be.
func (r result) denied(others ...result) []string {
	var names []string
	for name, ok := range r.OK {
		for _, o := range others {
			if !ok && o.OK[name] {
				names = append(names, name)
				break
			}
		}
	}
	return names
}

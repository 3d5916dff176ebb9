package check

import (
	"fmt"
	"strings"
)

// Finding is a mistake that a check found.
type Finding struct {
	Name     string   `json:"name"` // such as "shared-root": one for each kind of mistake
	Observed string   `json:"observed"`
	Expected string   `json:"expected"`
	Meaning  string   `json:"meaning"`           // in the kernel
	See      []string `json:"see"`               // a section of the guide, a man page
	Explain  []string `json:"explain,omitempty"` // what errors in the program's own output mean
	Output   string   `json:"output,omitempty"`  // the end of what the program wrote to stderr
	Whole    bool     `json:"whole,omitempty"`   // it was seen in a run of the whole program: another task may be to blame
}

// finding makes a Finding. see is a list of places, separated by semicolons; one without a word before it is a section
// of the lab's guide.
func finding(name, observed, expected, meaning, see string) *Finding {
	return &Finding{Name: name, Observed: observed, Expected: expected, Meaning: meaning, See: strings.Split(see, "; ")}
}

// with adds what the program wrote, and what the errors in it mean.
func (f *Finding) with(r *result) *Finding {
	f.Output, f.Whole = lastLines(r.Stderr, 6), r.call == ""
	f.Explain = Explain(r.Stderr)
	return f
}

// lastLines returns the last n lines of a text, without the goroutine dumps of a panic.
func lastLines(text string, n int) string {
	if i := strings.Index(text, "\ngoroutine "); i >= 0 {
		text = text[:i]
	}
	lines := strings.Split(strings.TrimRight(text, "\n"), "\n")
	return strings.Join(lines[max(0, len(lines)-n):], "\n")
}

// State is how a task stands.
type State string

// The states of a task.
const (
	Passed  State = "passed"
	Failed  State = "failed"
	Open    State = "open"    // its body is still the starter's
	Waiting State = "waiting" // it can't be checked before another task is done
)

// Result is what a check says of a task.
type Result struct {
	Task    string   `json:"task"`
	Func    string   `json:"function"`
	State   State    `json:"state"`
	Finding *Finding `json:"finding,omitempty"`
	Waits   string   `json:"waits_for,omitempty"`
	Millis  int64    `json:"ms"`
	Place   string   `json:"place"` // main.go:132
}

// Report is what a check says of a program.
type Report struct {
	Exercise string   `json:"exercise"` // "lab03", "lab03-reap"
	Dir      string   `json:"dir"`
	Passed   bool     `json:"passed"`
	Build    *Finding `json:"build,omitempty"` // it could not be built: then there are no tasks
	Tasks    []Result `json:"tasks"`
	Seconds  float64  `json:"seconds"`
	Notes    []string `json:"notes,omitempty"` // such as a controller that was enabled for good
}

// First returns the first finding, and the task that it belongs to; nil if there is none.
func (r *Report) First() (*Finding, *Result) {
	if r.Build != nil {
		return r.Build, nil
	}
	for i := range r.Tasks {
		if r.Tasks[i].Finding != nil {
			return r.Tasks[i].Finding, &r.Tasks[i]
		}
	}
	return nil, nil
}

// Count returns how many tasks have passed.
func (r *Report) Count() (passed int) {
	for _, t := range r.Tasks {
		if t.State == Passed {
			passed++
		}
	}
	return passed
}

// quote shortens a text for a message.
func quote(s string) string {
	if len(s) > 300 {
		s = s[:200] + " … " + s[len(s)-80:]
	}
	return fmt.Sprintf("%q", s)
}

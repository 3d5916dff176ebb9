package check

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"

	"jocker/internal/exercise"
)

// ErrNotRoot is returned to ordinary users.
var ErrNotRoot = errors.New("checks make namespaces and cgroups: sudo make check")

// Options of a check. All of them may be left zero.
type Options struct {
	Store string // lab06's images; /var/lib/jocker-labs by default
	Only  string // the number of a task: check no other
}

// Run builds the program in dir, a student's attempt at an exercise, and checks it in a box. It needs root. The error
// is about the check itself; whatever is wrong with the program is in the report.
func Run(ctx context.Context, e *exercise.Exercise, dir string, o Options) (*Report, error) {
	files, err := exercise.Sources(dir)
	if err != nil {
		return nil, err
	}
	if len(files) == 0 {
		return nil, fmt.Errorf("there is no Go program in %s: make start %s makes one to begin with", dir, e.Make())
	}
	return RunFiles(ctx, e, dir, files, o)
}

// RunFiles is like Run, for files that need not be on disk: name -> content.
func RunFiles(ctx context.Context, e *exercise.Exercise, dir string, files map[string]string, o Options) (*Report, error) {
	begin := time.Now()
	if os.Geteuid() != 0 {
		return nil, ErrNotRoot
	}
	r := &Report{Exercise: e.ID(), Dir: dir}
	defer func() { r.Seconds = time.Since(begin).Round(time.Millisecond).Seconds() }()

	functions, _ := exercise.Functions(files)
	plan := checksOf(e.ID())
	var todo []string
	for _, t := range e.Tasks {
		f := functions[t.Func]
		result := Result{Task: t.Number, Func: t.Func, Place: fmt.Sprintf("%s:%d", f.File, f.Line)}
		if f.Open || f.File == "" {
			result.State = Open
		} else if _, ok := plan[t.Number]; !ok {
			return nil, fmt.Errorf("%s has no check for its task %s", e.ID(), t.Number)
		} else if o.Only == "" || o.Only == t.Number {
			todo = append(todo, t.Number)
		}
		r.Tasks = append(r.Tasks, result)
	}
	scratch, err := os.MkdirTemp("", "jocker-check-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(scratch)
	binary := filepath.Join(scratch, e.ID())
	if r.Build, err = build(ctx, e, dir, files, binary); err != nil || r.Build != nil {
		return r, err
	}
	done := map[string]answer{}
	if len(todo) > 0 {
		j := job{Exercise: e.ID(), Binary: binary, Tasks: todo, Slow: os.Getenv("LAB_SLOW") == "1"}
		if e.NeedsImage() {
			if j.Store = o.Store; j.Store == "" {
				j.Store = "/var/lib/jocker-labs"
			}
		}
		if done, r.Notes, err = sandbox(ctx, j); err != nil {
			return nil, err
		}
	}
	r.merge(plan, done)
	return r, nil
}

// merge puts the answers into the report. A task that rests on an unfinished one waits: what it would say now is
// a consequence. So does one whose finding comes from a run of the whole program, in which a task has a part that has
// a finding of its own.
func (r *Report) merge(plan map[string]taskCheck, done map[string]answer) {
	state := map[string]State{}
	for i := range r.Tasks {
		t := &r.Tasks[i]
		if a, ok := done[t.Task]; ok {
			t.State, t.Finding, t.Millis = Passed, a.Finding, a.Millis
			if a.Finding != nil {
				t.State = Failed
			}
		}
		state[t.Task] = t.State
	}
	r.Passed = true
	for i := range r.Tasks {
		t := &r.Tasks[i]
		needs := plan[t.Task].needs
		if t.Finding != nil && t.Finding.Whole {
			needs = slices.Concat(needs, plan[t.Task].parts)
		}
		for _, need := range needs {
			mutual := slices.Contains(plan[need].needs, t.Task) // then the first of them speaks
			if t.State == Failed && (state[need] == Open || state[need] == Failed && (!mutual || need < t.Task)) {
				t.State, t.Waits, t.Finding = Waiting, need, nil
			}
		}
		r.Passed = r.Passed && t.State == Passed
	}
}

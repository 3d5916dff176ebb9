package check

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"

	"jocker/internal/exercise"
)

// Print writes a report for people: a line for each task, and the first failure in full.
func (r *Report) Print(w io.Writer, e *exercise.Exercise, color bool) {
	paint := func(code, text string) string {
		if !color {
			return text
		}
		return "\x1b[" + code + "m" + text + "\x1b[0m"
	}
	fmt.Fprintf(w, "%s, %s: %s\n\n", e.ID(), e.Title, r.Dir)
	for _, t := range r.Tasks {
		switch t.State {
		case Passed:
			fmt.Fprintf(w, "  %s %-5s %-20s %4d ms\n", paint("32", "✓"), t.Task, t.Func, t.Millis)
		case Failed:
			fmt.Fprintf(w, "  %s %-5s %-20s %s\n", paint("31", "✗"), t.Task, t.Func, t.Finding.Name)
		case Open:
			fmt.Fprintf(w, "  %s %-5s %-20s not written yet (%s)\n", paint("33", "·"), t.Task, t.Func, t.Place)
		case Waiting:
			fmt.Fprintf(w, "  %s %-5s %-20s waits for %s\n", paint("33", "·"), t.Task, t.Func, t.Waits)
		default:
			fmt.Fprintf(w, "    %-5s %-20s not checked\n", t.Task, t.Func)
		}
	}
	for _, n := range r.Notes {
		fmt.Fprintf(w, "\n%s\n", n)
	}
	f, t := r.First()
	switch {
	case f != nil && t != nil:
		fmt.Fprintf(w, "\n%s\n", paint("1", fmt.Sprintf("Task %s, %s (%s/%s): %s", t.Task, t.Func, r.Dir, t.Place, f.Name)))
		f.Print(w, e)
	case f != nil:
		fmt.Fprintf(w, "\n%s\n", paint("1", f.Name))
		f.Print(w, e)
	case r.Passed:
		fmt.Fprintf(w, "\nAll %d tasks are done, in %.1f s.\n", len(r.Tasks), r.Seconds)
		return
	}
	for _, t := range r.Tasks {
		if t.State != Passed && r.Build == nil {
			if task, err := e.Task(t.Task); err == nil && t.State == Open {
				fmt.Fprintf(w, "\n%s\n  %s\n", paint("1", fmt.Sprintf("Next: %s/%s", r.Dir, t.Place)), strings.ReplaceAll(strings.TrimSpace(task.Doc), "\n", "\n  "))
			}
			fmt.Fprintf(w, "\nA hint: make hint %s TASK=%s\n", e.Make(), t.Task[strings.IndexByte(t.Task, '.')+1:])
			return
		}
	}
}

// Print writes a finding for people.
func (f *Finding) Print(w io.Writer, e *exercise.Exercise) {
	for _, part := range []struct{ name, text string }{{"observed", f.Observed}, {"expected", f.Expected}, {"meaning", f.Meaning}} {
		text := wrap(part.text, 96, "            ")
		if strings.Contains(part.text, "\n") {
			text = strings.ReplaceAll(part.text, "\n", "\n            ")
		}
		fmt.Fprintf(w, "  %-9s %s\n", part.name, text)
	}
	for i, s := range f.See {
		fmt.Fprintf(w, "  %-9s %s\n", map[bool]string{true: "look"}[i == 0], place(s, e))
	}
	if f.Output != "" {
		fmt.Fprintf(w, "  %-9s %s\n", "it said", strings.ReplaceAll(f.Output, "\n", "\n            "))
	}
	for _, s := range f.Explain {
		fmt.Fprintf(w, "  %-9s %s\n", "errno", wrap(s, 96, "            "))
	}
}

// place turns a place of See into words: "man 2 clone" and addresses stay, others are a section of a guide.
func place(see string, e *exercise.Exercise) string {
	lab, section, ok := strings.Cut(see, ": ")
	switch {
	case strings.HasPrefix(see, "man ") || strings.HasPrefix(see, "http") || strings.Contains(see, "comment"):
		return see
	case ok && strings.HasPrefix(lab, "lab0"):
		return fmt.Sprintf("%s's guide, %q", lab, section)
	case strings.HasPrefix(see, "lab0"):
		return see + "'s guide"
	}
	return fmt.Sprintf("the guide, %q", see)
}

// JSON writes a report for machines.
func (r *Report) JSON(w io.Writer) error {
	out := json.NewEncoder(w)
	out.SetIndent("", "  ")
	out.SetEscapeHTML(false)
	return out.Encode(r)
}

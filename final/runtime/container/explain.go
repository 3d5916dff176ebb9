package container

import (
	"fmt"
	"io"
	"time"

	"jocker/final/runtime/step"
)

// Explain prints the steps of a container, a line each.
type Explain struct {
	W io.Writer
	// Dry says that the plan is printed and nothing is done.
	Dry bool

	first int // the number of init's first step
	begun bool
}

// line prints a step, from number 0; took is 0 if it was not made.
func (e *Explain) line(n int, s *step.Step, took time.Duration, err error) {
	if !e.begun {
		e.begun = true
		fmt.Fprintf(e.W, "%3s  %-7s  %9s  %-5s  %-52s  %s\n", "", "actor", "time", "lab", "what", "system calls")
	}
	what, call := s.Say()
	lab, ms := "", ""
	if s.Lab > 0 {
		lab = fmt.Sprintf("lab%02d", s.Lab)
	}
	if took > 0 {
		ms = fmt.Sprintf("%.3f ms", float64(took)/1e6)
	}
	fmt.Fprintf(e.W, "%3d  %-7s  %9s  %-5s  %-52s  %s\n", n+1, s.Actor, ms, lab, what, call)
	if err != nil {
		fmt.Fprintf(e.W, "     └ stopped here: %v\n", err)
	}
}

// report returns the step.Report that prints, for steps that begin with number first of the plan. It is nil if nobody wants to know.
func (e *Explain) report(first int) step.Report {
	if e == nil {
		return nil
	}
	return func(n int, s *step.Step, took time.Duration, err error) error {
		e.line(first+n, s, took, err)
		return nil
	}
}

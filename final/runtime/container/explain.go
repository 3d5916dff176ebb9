package container

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"jocker/final/runtime/step"
)

// Explain prints the steps of a container: a line each, and below it the system calls.
type Explain struct {
	W io.Writer
	// Dry says that the plan is printed and nothing is done.
	Dry bool

	number func(i int) int // the number in the whole plan of init's step i; both from 0
	begun  bool
}

// Where the words and the system calls begin, and where a line ends.
const whatColumn, callColumn, width = 32, 12, 100

// line prints a step, from number 0; took is 0 if it was not made.
func (e *Explain) line(n int, s *step.Step, took time.Duration, err error) {
	if !e.begun {
		e.begun = true
		fmt.Fprintf(e.W, "%3s  %-7s  %9s  %-5s  %s\n", "", "actor", "time", "lab", "what, and by which system calls")
	}
	what, call := s.Say()
	lab, ms := "", ""
	if s.Lab > 0 {
		lab = fmt.Sprintf("lab%02d", s.Lab)
	}
	if took > 0 {
		ms = fmt.Sprintf("%.3f ms", float64(took)/1e6)
	}
	fmt.Fprintf(e.W, "%3d  %-7s  %9s  %-5s  %s\n", n+1, s.Actor, ms, lab, wrap(what, whatColumn+2))
	if call != "" {
		fmt.Fprintf(e.W, "%*s%s\n", callColumn, "", wrap(call, callColumn+2))
	}
	if err != nil {
		fmt.Fprintf(e.W, "     └ stopped here: %s\n", wrap(err.Error(), 7))
	}
}

// wrap breaks a text that begins at the column indent, or up to two before it, into lines. A word that is too long for a line, a
// path for example, remains whole.
func wrap(text string, indent int) string {
	var b strings.Builder
	column := indent
	for i, word := range strings.Split(text, " ") {
		switch {
		case i == 0:
		case column+1+len(word) > width:
			b.WriteString("\n" + strings.Repeat(" ", indent))
			column = indent
		default:
			b.WriteByte(' ')
			column++
		}
		b.WriteString(word)
		column += len(word)
	}
	return b.String()
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

// heard prints a step that init made, or failed to make.
func (e *Explain) heard(p *progress, steps []step.Step) {
	if e == nil || p.N >= len(steps) {
		return
	}
	var err error
	if p.Failed != "" {
		err = errors.New(p.Failed)
	}
	e.line(e.number(p.N), &steps[p.N], time.Duration(p.Took), err)
}

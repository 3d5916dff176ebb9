package container

import (
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"
)

// An Explanation is what `run --explain` prints: each step from the command to the program's first instruction, with who made it, how
// long it took, which lab is about it, and by which system calls. The engine's steps are noted here; the shim, the runtime and init write theirs
// into a file, in the same columns. The methods of a nil Explanation do nothing.
type Explanation struct {
	Begun time.Time // when the command did
	File  string

	lock  sync.Mutex
	steps []*explained
}

type explained struct {
	lab        int
	what, call string
	took       time.Duration
}

// Explain has the store's next start explained.
func (s *Store) Explain(begun time.Time) (*Explanation, error) {
	f, err := os.CreateTemp(s.State, "explain-")
	if err != nil {
		return nil, err
	}
	s.explanation = &Explanation{Begun: begun, File: f.Name()}
	return s.explanation, f.Close()
}

// step notes a step. It lasts until done is called; steps of the network run beside others.
func (e *Explanation) step(lab int, what, call string) (done func()) {
	if e == nil {
		return func() {}
	}
	begun, s := time.Now(), &explained{lab: lab, what: what, call: call}
	e.lock.Lock()
	e.steps = append(e.steps, s)
	e.lock.Unlock()
	return func() {
		e.lock.Lock()
		s.took = time.Since(begun)
		e.lock.Unlock()
	}
}

// Note notes a step of a caller, which has lasted since begun.
func (e *Explanation) Note(begun time.Time, lab int, what, call string) {
	if e != nil {
		e.step(lab, what, call)()
		e.steps[len(e.steps)-1].took = time.Since(begun)
	}
}

// file is where others write their steps; "" if nobody wants to know.
func (e *Explanation) file() string {
	if e == nil {
		return ""
	}
	return e.File
}

// Print prints all steps, numbered through, and removes the file. failed says that the last of them was not the program's start.
func (e *Explanation) Print(w io.Writer, failed bool) {
	total := time.Since(e.Begun)
	data, _ := os.ReadFile(e.File)
	os.Remove(e.File)
	n := 0
	number := func() string { n++; return fmt.Sprintf("%3d", n) }
	fmt.Fprintf(w, "%3s  %-7s  %9s  %-5s  %s\n", "", "actor", "time", "lab", "what, and by which system calls")
	for _, s := range e.steps {
		lab := ""
		if s.lab > 0 {
			lab = fmt.Sprintf("lab%02d", s.lab)
		}
		fmt.Fprintf(w, "%s  %-7s  %6.3f ms  %-5s  %s\n", number(), "engine", float64(s.took)/1e6, lab, s.what)
		if s.call != "" {
			fmt.Fprintf(w, "%12s%s\n", "", s.call)
		}
	}
	for _, line := range strings.SplitAfter(string(data), "\n") {
		switch {
		case line == "", strings.HasPrefix(strings.TrimSpace(line), "actor "): // the runtime's own head
		case isStep(line):
			io.WriteString(w, number()+line[3:])
		default:
			io.WriteString(w, line)
		}
	}
	if failed {
		return
	}
	fmt.Fprintf(w, "It took %.1f ms from the command's first instruction to the program's; the rest is the program's own time.\n", float64(total)/1e6)
}

// isStep says whether a line is a step: a number of three digits, two spaces, and the actor.
func isStep(line string) bool {
	if len(line) < 8 || line[3:5] != "  " || line[5] == ' ' {
		return false
	}
	_, err := strconv.Atoi(strings.TrimSpace(line[:3]))
	return err == nil
}

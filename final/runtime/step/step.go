// Package step is the central idea of the runtime: a container is a list of steps.
//
// A container is not a thing that the kernel knows. It is an ordinary process that was prepared:
// so many system calls, each small, in an order that matters. This package gives the list a form.
// A Step says who makes it, what it does and which lab taught it, and it can be done. The packages
// beside this one (namespace, cgroup, rootfs, process) each turn their part of config.json into
// steps, without touching the machine: that is planning, and it needs no root. Applying is a loop.
//
// From the one list come the plan that --dry-run prints, the lines of --explain, errors that say
// where they happened, the titles in ps, and tests that stop or kill the runtime at step N for
// every N and look at what is left behind.
//
// # Two actors
//
// The steps are made by two processes. The runtime is outside, and has the host's rights: it makes
// cgroups, starts init and writes its uid map. Init is inside, in the new namespaces, and mounts,
// pivots and lowers its rights until it becomes the user's program. Both make the whole list from
// the same data, and each applies its own part; what the pipe between them carries (lab05) is data,
// never code.
package step

import (
	"time"
)

// An Actor is one of the two processes that make a container.
type Actor uint8

const (
	// Runtime is the process that was called, outside of the container.
	Runtime Actor = iota
	// Init is the container's first process, which becomes the user's program, or the process that exec adds.
	Init
)

// String returns the actor's name: "runtime" or "init".
func (a Actor) String() string {
	if a == Init {
		return "init"
	}
	return "runtime"
}

// A Step is a small thing to be done on the way to a container.
type Step struct {
	Actor Actor
	// Stage is one word for the group of steps that this one belongs to, "mounts" for example. It is
	// what the process title shows.
	Stage string
	// Lab is the lab that taught the step, 1 to 6; 0 if none did.
	Lab int
	// Say tells in words what happens, such as "mount proc on /proc", and the system call as strace(1)
	// prints it. It is called only when somebody wants to know.
	Say func() (what, call string)
	// Do makes the step. Its error is made by package fail, as a rule.
	Do func() error
}

// An Error tells which step failed. It reads "mount proc on /proc: " and the step's own error.
type Error struct {
	What string // in words
	Err  error
}

func (e *Error) Error() string { return e.What + ": " + e.Err.Error() }
func (e *Error) Unwrap() error { return e.Err }

// A Report is told about each step after it was made: its number in the whole list, from 0; how
// long it took; and its error. It may stop the list by an error of its own.
type Report func(n int, s *Step, took time.Duration, err error) error

// Before, if a test sets it, is called before each step that is made, in either process. There a test can stop the
// runtime or init, kill one of them, and look at what is left.
var Before func(s *Step)

// Apply makes the steps of one actor, in order, and skips the others'. It ends at the first that
// fails, with an *Error. begin is told of each step before it is made, report afterwards; both may
// be nil. The clock is read only for report.
func Apply(steps []Step, actor Actor, begin func(n int, s *Step), report Report) error {
	for n := range steps {
		s := &steps[n]
		if s.Actor != actor {
			continue
		}
		if begin != nil {
			begin(n, s)
		}
		if Before != nil {
			Before(s)
		}
		var started time.Time
		if report != nil {
			started = time.Now()
		}
		err := s.Do()
		if report != nil {
			if err2 := report(n, s, time.Since(started), err); err == nil {
				err = err2
			}
		}
		if err != nil {
			what, _ := s.Say()
			return &Error{what, err}
		}
	}
	return nil
}

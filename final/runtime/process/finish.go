package process

import (
	"fmt"
	"math"
	"sort"
	"strings"
	"syscall"
	_ "unsafe" // for go:linkname

	"golang.org/x/sys/unix"

	"jocker/final/runtime/fail"
	"jocker/final/runtime/process/lookup"
	"jocker/final/runtime/seccomp"
	"jocker/final/runtime/step"
)

// Finish returns the last steps, of which the very last is execve: when that succeeds, nobody is
// left to hear of it.
func (p *Init) Finish() []step.Step {
	steps := make([]step.Step, 0, 6)
	if p.c.Personality != nil {
		steps = append(steps, p.personality())
	}
	return append(steps, p.setRlimits(), p.closeFiles(), p.exec())
}

//go:linkname isPollDescriptor internal/poll.IsPollDescriptor
func isPollDescriptor(fd uintptr) bool

// closeFiles closes what the user's program is not to have.
//
// All of init's descriptors are closed on exec anyway; but the kernel opens the program before it
// closes them, and /proc/self/fd/7/bin/sh would be a path through one of them, as a program or as
// an interpreter in a "#!" line (CVE-2024-21626). Two kinds stay until then, and nothing can be
// opened through them: the socket over which a failure is told, and those by which the Go runtime
// waits for files (epoll(7)), for without them it would give up, if another of its threads came to look.
func (p *Init) closeFiles() step.Step {
	first := 3 + p.c.ListenFDs + p.c.PreserveFDs
	return do("exec", 0,
		func() (string, string) {
			return "close all other files", fmt.Sprintf("close_range(%d, ~0, 0)", first)
		},
		func() error {
			var keep []int
			for fd := first; fd < first+64; fd++ {
				if fd == p.c.Report || isPollDescriptor(uintptr(fd)) || p.notifies() && fd == p.c.Notify {
					keep = append(keep, fd)
				}
			}
			if p.c.Report >= first+64 {
				keep = append(keep, p.c.Report)
			}
			sort.Ints(keep)
			from := uint(first)
			for _, fd := range append(keep, math.MaxUint32) {
				if from < uint(fd) {
					if err := unix.CloseRange(from, uint(fd)-1, 0); err != nil {
						return fail.Call(fmt.Sprintf("close_range(%d, %d, 0)", from, fd-1), err, "the call came with Linux 5.9")
					}
				}
				from = uint(fd) + 1
			}
			return nil
		})
}

// notifies says whether the filter asks somebody outside.
func (p *Init) notifies() bool {
	return len(p.c.Filter) > 0 && p.c.FilterFlags&unix.SECCOMP_FILTER_FLAG_NEW_LISTENER != 0
}

// exec loads the seccomp filter and becomes the user's program: one step, so that nothing comes in
// between, not even the report of a step, that the filter might forbid.
//
// syscall.Exec keeps the Go runtime from starting a thread meanwhile, which the kernel would refuse.
func (p *Init) exec() step.Step {
	args := p.c.Process.Args
	return do("exec", 3,
		func() (what, call string) {
			what, call = "become "+args[0], fmt.Sprintf("execve(%q, [%s])", args[0], quoted(args))
			if n := len(p.c.Filter); n > 0 {
				what = fmt.Sprintf("load a seccomp filter of %d instructions, and %s", n, what)
				call = "seccomp(SECCOMP_SET_MODE_FILTER, ...); " + call
			}
			return what, call
		},
		func() error {
			if len(p.c.Filter) > 0 {
				if err := p.loadFilter(); err != nil {
					return err
				}
			}
			err := syscall.Exec(p.program, args, p.env)
			return fail.Call(fmt.Sprintf("execve(%q)", p.program), err, lookup.Why(p.program, args, p.env, err))
		})
}

// loadFilter loads the seccomp filter, for this thread: the others are the Go runtime's, and about to
// vanish. From then on every call of the thread is up to the filter.
func (p *Init) loadFilter() error {
	listener, err := seccomp.Load(p.c.Filter, p.c.FilterFlags&^unix.SECCOMP_FILTER_FLAG_TSYNC)
	if err == nil && listener >= 0 {
		err = p.sendListener(listener)
	}
	return err
}

// sendListener hands over who answers for the kernel, and what it should know of the container.
func (p *Init) sendListener(listener int) error {
	if err := unix.Sendmsg(p.c.Notify, p.c.NotifyState, unix.UnixRights(listener), nil, 0); err != nil {
		return fail.Call(fmt.Sprintf("sendmsg(%d, container process state, {SCM_RIGHTS, %d})", p.c.Notify, listener), err,
			"whoever listens at linux.seccomp.listenerPath has gone, or the filter itself forbids sendmsg")
	}
	return nil
}

// quoted writes arguments as strace does, the first few of them.
func quoted(args []string) string {
	var b strings.Builder
	for i, a := range args {
		if i > 0 {
			b.WriteString(", ")
		}
		if i == 16 || b.Len() > 512 {
			return b.String() + "..."
		}
		if len(a) > 64 {
			fmt.Fprintf(&b, "%q...", a[:64])
		} else {
			fmt.Fprintf(&b, "%q", a)
		}
	}
	return b.String()
}

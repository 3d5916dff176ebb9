package main

import (
	"context"
	"fmt"
	"io"
	"strings"

	"jocker/internal/check"
	"jocker/internal/exercise"
)

// findTask reads the arguments LAB [EXERCISE] TASK.
func findTask(args []string) (t target, task exercise.Task, err error) {
	if len(args) < 2 {
		return t, task, usageError{fmt.Errorf("which task? LAB=03 TASK=2, for example")}
	}
	if t, err = findTarget(args[:len(args)-1]); err != nil {
		return t, task, err
	}
	if task, err = t.Task(args[len(args)-1]); err != nil {
		return t, task, usageError{err}
	}
	return t, task, nil
}

// hint shows the next of a task's hints, below those that were shown before.
func hint(_ context.Context, args []string, stdout, stderr io.Writer) error {
	t, task, err := findTask(args)
	if err != nil {
		return err
	}
	hints, err := t.Hints(task)
	if err != nil {
		return err
	}
	p, err := exercise.ReadProgress(t.work)
	if err != nil {
		return err
	}
	done := p.Of(task.Number)
	done.Hints = min(done.Hints+1, len(hints))
	if err := p.Save(); err != nil {
		fmt.Fprintln(stderr, err)
	}
	fmt.Fprintf(stdout, "Task %s, %s\n", task.Number, task.Func)
	for i, h := range hints[:done.Hints] {
		fmt.Fprintf(stdout, "\n  %d of %d  %s\n", i+1, len(hints), strings.ReplaceAll(h, "\n", "\n          "))
	}
	if done.Hints == len(hints) {
		fmt.Fprintf(stdout, "\nThat was the last one. After a try that failed there is the solution: make solution %s TASK=%s\n", t.Make(), short(task))
	}
	return nil
}

// short is a task's number on the command line.
func short(task exercise.Task) string { return task.Number[strings.IndexByte(task.Number, '.')+1:] }

// solution shows the reference solution of a task, to those who have tried.
func solution(_ context.Context, args []string, stdout, stderr io.Writer) error {
	t, task, err := findTask(args)
	if err != nil {
		return err
	}
	p, err := exercise.ReadProgress(t.work)
	if err != nil {
		return err
	}
	done := p.Of(task.Number)
	if done.Failed == 0 && !done.Passed {
		return fmt.Errorf("task %s first wants a try of yours, checked: make check %s. (And there are hints: make hint %s TASK=%s)", task.Number, t.Make(), t.Make(), short(task))
	}
	text, err := t.Solution(task)
	if err != nil {
		return err
	}
	done.Shown = true
	if err := p.Save(); err != nil {
		fmt.Fprintln(stderr, err)
	}
	fmt.Fprintf(stdout, "// %s/%s\n%s", shorter(t.Dir), task.File, text)
	return nil
}

// status draws the progress over all labs.
func status(_ context.Context, args []string, stdout, _ io.Writer) error {
	if len(args) > 0 {
		return usageError{fmt.Errorf("it takes no arguments")}
	}
	root, err := findRoot(".")
	if err != nil {
		return err
	}
	all, err := exercise.All(root)
	if err != nil {
		return err
	}
	p, err := exercise.ReadProgress(root + "/work")
	if err != nil {
		return err
	}
	color := colors(stdout)
	passed, total := 0, 0
	for _, e := range all {
		var bar strings.Builder
		n := 0
		for _, t := range e.Tasks {
			done := p.Tasks[t.Number]
			mark := "·"
			switch {
			case done == nil:
			case done.Passed:
				mark = "█"
				n++
			case done.Failed > 0:
				mark = "▒"
			}
			if color && mark == "█" {
				mark = "\x1b[32m" + mark + "\x1b[0m"
			}
			bar.WriteString(mark)
		}
		name, level := e.ID(), e.Level
		if e.Name != "" {
			name = "  " + e.Name
		}
		fmt.Fprintf(stdout, "%-14s %s%s %d/%d  %-6s %s\n", name, bar.String(), strings.Repeat(" ", 7-len(e.Tasks)), n, len(e.Tasks), level, e.Title)
		passed, total = passed+n, total+len(e.Tasks)
	}
	fmt.Fprintf(stdout, "\n%d of %d tasks. █ done, ▒ tried, · open. Begin with: make start LAB=01 (or LAB=03 EX=reap)\n", passed, total)
	return nil
}

// explain prints the table of errors and their causes, or the rows in which a word occurs.
func explain(_ context.Context, args []string, stdout, _ io.Writer) error {
	word := strings.Join(args, " ")
	var b strings.Builder
	if check.PrintCauses(&b, word); b.Len() == 0 {
		return fmt.Errorf("the table knows nothing of %q: make explain shows all of it", word)
	}
	_, err := io.WriteString(stdout, b.String())
	return err
}

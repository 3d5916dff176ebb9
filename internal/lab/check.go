package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"jocker/internal/check"
	"jocker/internal/exercise"
)

// errNotPassed makes the exit code 1, without a word: the report has said it all.
var errNotPassed = errors.New("not passed")

// target is what most commands are about: an exercise, and the student's folder.
type target struct {
	*exercise.Exercise
	root, work, dir string
}

// findTarget reads the arguments LAB [EXERCISE].
func findTarget(args []string) (t target, err error) {
	if len(args) < 1 || len(args) > 2 {
		return t, usageError{errors.New("which lab? LAB=03, for example")}
	}
	if t.root, err = findRoot("."); err != nil {
		return t, err
	}
	name := ""
	if len(args) == 2 {
		name = args[1]
	}
	if t.Exercise, err = exercise.Find(t.root, args[0], name); err != nil {
		return t, usageError{err}
	}
	t.work = filepath.Join(t.root, "work")
	t.dir = filepath.Join(t.work, t.ID())
	return t, nil
}

// runCheck checks what a student wrote.
func runCheck(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	flags := flag.NewFlagSet("check", flag.ContinueOnError)
	flags.SetOutput(io.Discard)
	asJSON := flags.Bool("json", false, "for machines")
	task := flags.String("task", "", "only this task")
	dir := flags.String("dir", "", "the folder to check (default: work/labNN)")
	if err := flags.Parse(args); err != nil {
		return usageError{err}
	}
	t, err := findTarget(flags.Args())
	if err != nil {
		return err
	}
	if *dir != "" {
		t.dir = *dir
	}
	o := check.Options{Store: os.Getenv("JOCKER_LABS")}
	if *task != "" {
		found, err := t.Task(*task)
		if err != nil {
			return usageError{err}
		}
		o.Only = found.Number
	}
	report, err := check.Run(ctx, t.Exercise, t.dir, o)
	if err != nil {
		return err
	}
	report.Dir = shorter(t.dir)
	if *dir == "" {
		if err := t.remember(report); err != nil {
			fmt.Fprintln(stderr, err)
		}
	}
	if *asJSON {
		if err := report.JSON(stdout); err != nil {
			return err
		}
	} else {
		report.Print(stdout, t.Exercise, colors(stdout))
	}
	if !report.Passed {
		return errNotPassed
	}
	return nil
}

// remember keeps the result of a check in the progress.
func (t target) remember(r *check.Report) error {
	p, err := exercise.ReadProgress(t.work)
	if err != nil {
		return err
	}
	for _, task := range r.Tasks {
		done := p.Of(task.Task)
		switch task.State {
		case check.Passed:
			done.Passed = true
		case check.Failed:
			done.Passed = false
			done.Failed++
		case check.Open, check.Waiting:
			done.Passed = false
		}
	}
	return p.Save()
}

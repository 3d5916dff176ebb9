package main

import (
	"context"
	"encoding/csv"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"jocker/internal/check"
	"jocker/internal/exercise"
)

// submissionForm is the name of a folder with an attempt: lab03, lab03-run-init, lab03-reap.
var submissionForm = regexp.MustCompile(`^lab(0[1-9])(?:-(.+))?$`)

// grade checks the submissions in a folder, one after the other, and writes a line of CSV for each. A submission is a
// folder of a student's name with a folder for each lab in it:
//
//	submissions/alice/lab03/main.go …
//	submissions/bob/work/lab03/main.go …     a whole clone will do, too
func grade(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	if len(args) != 1 {
		return usageError{fmt.Errorf("which folder? DIR=submissions, for example")}
	}
	root, err := findRoot(".")
	if err != nil {
		return err
	}
	students, err := os.ReadDir(args[0])
	if err != nil {
		return err
	}
	out := csv.NewWriter(stdout)
	out.Write([]string{"student", "exercise", "passed", "tasks", "open", "first", "observed", "seconds"})
	found := 0
	for _, student := range students {
		if !student.IsDir() || strings.HasPrefix(student.Name(), ".") {
			continue
		}
		attempts := attemptsIn(root, filepath.Join(args[0], student.Name()))
		if len(attempts) == 0 {
			fmt.Fprintf(stderr, "lab grade: %s: no folder lab01 … lab06 with Go files in it\n", student.Name())
		}
		for _, a := range attempts {
			found++
			out.Write(append([]string{student.Name()}, gradeOne(ctx, a)...))
			out.Flush()
			if ctx.Err() != nil {
				return ctx.Err()
			}
		}
	}
	if found == 0 {
		return fmt.Errorf("%s holds no submissions: a folder for each student is wanted, and in it lab03, for example", args[0])
	}
	return out.Error()
}

// attempt is a folder with a student's program.
type attempt struct {
	exercise *exercise.Exercise
	dir      string
}

// attemptsIn finds the attempts in a student's folder, or in work/ below it.
func attemptsIn(root, dir string) (list []attempt) {
	for _, place := range []string{filepath.Join(dir, "work"), dir} {
		entries, _ := os.ReadDir(place)
		for _, e := range entries {
			m := submissionForm.FindStringSubmatch(e.Name())
			if m == nil || !e.IsDir() {
				continue
			}
			at := filepath.Join(place, e.Name())
			ex, err := exercise.Find(root, m[1], m[2])
			if err != nil { // lab03-run-init
				ex, err = exercise.Find(root, m[1], "")
			}
			known := slices.ContainsFunc(list, func(a attempt) bool { return a.exercise.ID() == ex.ID() })
			if files, _ := exercise.Sources(at); err == nil && len(files) > 0 && !known {
				list = append(list, attempt{ex, at})
			}
		}
	}
	slices.SortFunc(list, func(a, b attempt) int { return strings.Compare(a.exercise.ID(), b.exercise.ID()) })
	return list
}

// gradeOne checks one attempt. Whatever happens becomes a line: the next one gets its turn.
func gradeOne(ctx context.Context, a attempt) []string {
	r, err := check.Run(ctx, a.exercise, a.dir, check.Options{Store: os.Getenv("JOCKER_LABS")})
	id := a.exercise.ID()
	if err != nil {
		return []string{id, "", fmt.Sprint(len(a.exercise.Tasks)), "", "not-checked", err.Error(), ""}
	}
	notWritten := 0
	for _, t := range r.Tasks {
		if t.State == check.Open {
			notWritten++
		}
	}
	open := fmt.Sprint(notWritten)
	if r.Build != nil {
		open = "" // it can't be read
	}
	name, observed := "", ""
	if f, t := r.First(); f != nil {
		name, observed = f.Name, f.Observed
		if t != nil {
			name = t.Task + " " + name
		}
	}
	if len(observed) > 200 {
		observed = strings.ToValidUTF8(observed[:200], "") + "…"
	}
	return []string{id, fmt.Sprint(r.Count()), fmt.Sprint(len(r.Tasks)), open, name, strings.ReplaceAll(observed, "\n", " "), fmt.Sprintf("%.1f", r.Seconds)}
}

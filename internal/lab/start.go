package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"syscall"

	"jocker/internal/exercise"
	"jocker/internal/guide"
)

// start writes what a student begins with into work/labNN.
func start(_ context.Context, args []string, stdout, _ io.Writer) error {
	flags := flag.NewFlagSet("start", flag.ContinueOnError)
	flags.SetOutput(io.Discard)
	again := flags.Bool("again", false, "begin anew")
	if err := flags.Parse(args); err != nil {
		return usageError{err}
	}
	t, err := findTarget(flags.Args())
	if err != nil {
		return err
	}
	files, err := t.Starter()
	if err != nil {
		return err
	}
	if _, err := os.Stat(t.dir); err == nil {
		if f, ok := stdout.(*os.File); ok && !*again && guide.Terminal(f) && guide.Terminal(os.Stdin) {
			*again = ask(stdout, shorter(t.dir)+" is there already. Begin anew? A copy of your work is kept.")
		}
		if !*again {
			return fmt.Errorf("%s is there already, and your work isn't overwritten. To begin anew (a copy is kept): make start %s AGAIN=1", shorter(t.dir), t.Make())
		}
		kept, err := keep(t.dir)
		if err != nil {
			return err
		}
		fmt.Fprintf(stdout, "What was in %s is in %s now.\n", shorter(t.dir), shorter(kept))
	}
	if err := writeFiles(t.root, t.dir, files); err != nil {
		return err
	}
	fmt.Fprintf(stdout, "%s, %s: in %s\n\n", t.ID(), t.Title, shorter(t.dir))
	functions, _ := exercise.Functions(files)
	for _, task := range t.Tasks {
		f := functions[task.Func]
		fmt.Fprintf(stdout, "  %-7s %-22s %s:%d\n", task.Number, task.Func, f.File, f.Line)
	}
	fmt.Fprintf(stdout, "\nThe guide is %s. When you have written something: make check %s\n", shorter(filepath.Join(root(t), "README.md")), t.Make())
	return nil
}

// root is the folder with the exercise's guide.
func root(t target) string {
	if t.Name != "" {
		return filepath.Dir(filepath.Dir(t.Dir))
	}
	return t.Dir
}

// keep moves a folder out of the way, to the first name that is free.
func keep(dir string) (string, error) {
	for n := 1; ; n++ {
		kept := fmt.Sprintf("%s.%d", dir, n)
		if _, err := os.Lstat(kept); errors.Is(err, os.ErrNotExist) {
			return kept, os.Rename(dir, kept)
		}
	}
}

// writeFiles writes files into a new folder. What root writes belongs to the owner of the repository.
func writeFiles(root, dir string, files map[string]string) error {
	info, err := os.Stat(root)
	if err != nil {
		return err
	}
	owner := info.Sys().(*syscall.Stat_t)
	give := func(path string) error {
		if os.Geteuid() != 0 {
			return nil
		}
		return os.Lchown(path, int(owner.Uid), int(owner.Gid))
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	for _, path := range []string{filepath.Dir(dir), dir} {
		if err := give(path); err != nil {
			return err
		}
	}
	for name, text := range files {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			return err
		}
		if err := give(path); err != nil {
			return err
		}
	}
	return nil
}

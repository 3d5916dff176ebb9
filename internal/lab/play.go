package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"jocker/internal/guide"
)

// play plays a guide.
func play(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	flags := flag.NewFlagSet("play", flag.ContinueOnError)
	flags.SetOutput(io.Discard)
	lang := flags.String("lang", "en", "the guide's language: en or zh-CN")
	bin := flags.String("bin", "", "the folder of the built labs (default: bin in the repository)")
	if err := flags.Parse(args); errors.Is(err, flag.ErrHelp) {
		flags.SetOutput(stdout)
		flags.Usage()
		return nil
	} else if err != nil {
		return usageError{err}
	}
	if flags.NArg() != 1 {
		return usageError{fmt.Errorf("it takes one lab, not %d", flags.NArg())}
	}
	root, err := findRoot(".")
	if err != nil {
		return err
	}
	if *bin == "" {
		*bin = filepath.Join(root, "bin")
	}
	file, err := findGuide(root, flags.Arg(0), *lang)
	if err != nil {
		return err
	}
	if err := needProgram(file, *bin); err != nil {
		return err
	}
	g, err := guide.ParseFile(shorter(file))
	if err != nil {
		return fmt.Errorf("the guide can't be played:\n%w", err)
	}
	report, err := g.Play(ctx, guide.Options{Bin: *bin, Out: stdout, Color: colors(stdout)})
	if err != nil {
		return err
	}
	fmt.Fprintf(stdout, "\n%s keeps its word: %v\n", g.File, report)
	return nil
}

// shorter returns a file's name relative to the current folder if it lies in it, so that messages can be clicked on.
func shorter(file string) string {
	here, err := os.Getwd()
	if err != nil {
		return file
	}
	if rel, err := filepath.Rel(here, file); err == nil && !strings.HasPrefix(rel, "..") {
		return rel
	}
	return file
}

// colors tells whether the output goes to a terminal that wants colours (see no-color.org).
func colors(w io.Writer) bool {
	f, ok := w.(*os.File)
	return ok && os.Getenv("NO_COLOR") == "" && os.Getenv("TERM") != "dumb" && guide.Terminal(f)
}

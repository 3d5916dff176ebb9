// Lab is the workshop's tool; the Makefile calls it, and so may you.
//
// Synopsis:
//
//	lab start [-again] LAB [EXERCISE]
//	lab check [-json] [-task N] [-dir DIR] LAB [EXERCISE]
//	lab hint LAB [EXERCISE] TASK
//	lab solution LAB [EXERCISE] TASK
//	lab status
//	lab diff LAB LAB
//	lab explain [WORD]
//	lab doctor
//	lab reset [-yes] [-all]
//	lab grade DIR
//	lab play [-lang zh-CN] [-bin DIR] LAB
//	lab rootfs [TARBALL]
//
// Description:
//
//	start     writes what a student begins with into work/labNN: the lab without the bodies of its tasks.
//	check     builds what is there and checks it, in a box that is thrown away; says what is wrong, and why.
//	hint      shows the next of three hints; solution, after a try that failed, the solution.
//	status    draws the progress, which is kept in work/progress.json.
//	diff      shows the idea between two labs.
//	explain   prints the table of errors and what causes them.
//	doctor    looks at the machine: what is missing, and what mends it.
//	reset     shows what labs and broken programs have left on the machine, asks, and removes it.
//	grade     checks the submissions in a folder and prints CSV.
//	play      types the commands of a lab's guide into a shell, shows what comes, and compares it with what the
//	          guide says. LAB is a number (03), a folder with a README.md, or a file.
//	rootfs    makes the image busybox for lab06, from a tarball, this machine's busybox or the distribution's.
//
// Exit codes: 0 if all went well, 1 if a guide doesn't keep its word, 2 if the tool could not begin, 130 if it was
// interrupted. Whatever happens, it ends the processes that it started.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"

	"jocker/internal/check"
	"jocker/internal/guide"
)

// command is a command of the tool.
type command struct {
	name, args, what string
	run              func(ctx context.Context, args []string, stdout, stderr io.Writer) error
}

var commands = []command{
	{"start", "[-again] LAB [EXERCISE]", "write what you begin with into work/", start},
	{"check", "[-json] [-task N] [-dir DIR] LAB [EXERCISE]", "check what you wrote", runCheck},
	{"hint", "LAB [EXERCISE] TASK", "show the next hint", hint},
	{"solution", "LAB [EXERCISE] TASK", "show the solution, after a try", solution},
	{"status", "", "draw your progress", status},
	{"diff", "LAB LAB", "show the idea between two labs", diffLabs},
	{"explain", "[WORD]", "say what causes which error", explain},
	{"doctor", "", "look at the machine", doctor},
	{"reset", "[-yes] [-all]", "remove what the labs have left", reset},
	{"grade", "DIR", "check a folder of submissions", grade},
	{"play", "[-lang zh-CN] [-bin DIR] LAB", "play a lab's guide and check what it says", play},
	{"rootfs", "[TARBALL]", "make the image busybox for lab06", rootfs},
}

// usageError is a mistake in the command line.
type usageError struct{ error }

func main() {
	check.Main()
	// A closed pipe (lab play 01 | head) is an interruption like any other: there are processes to end first.
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP, syscall.SIGPIPE)
	defer stop()
	os.Exit(run(ctx, os.Args[1:], os.Stdout, os.Stderr))
}

// run carries out a command line and returns the exit code.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	if len(args) == 0 {
		usage(stderr)
		return 2
	}
	if args[0] == "help" || args[0] == "-h" || args[0] == "--help" {
		usage(stdout)
		return 0
	}
	for _, c := range commands {
		if c.name != args[0] {
			continue
		}
		err := c.run(ctx, args[1:], stdout, stderr)
		var failure *guide.Failure
		var mistake usageError
		switch {
		case err == nil:
			return 0
		case errors.Is(err, errNotPassed):
			return 1
		case errors.As(err, &failure):
			fmt.Fprintf(stderr, "\n%v\n", err)
			return 1
		case ctx.Err() != nil:
			fmt.Fprintf(stderr, "\nlab %s: interrupted\n", c.name)
			if err != context.Cause(ctx) {
				fmt.Fprintln(stderr, err) // such as a process that couldn't be ended
			}
			return 130
		case errors.As(err, &mistake):
			fmt.Fprintf(stderr, "lab %s: %v\nusage: lab %s %s\n", c.name, err, c.name, c.args)
			return 2
		default:
			fmt.Fprintf(stderr, "lab %s: %v\n", c.name, err)
			return 2
		}
	}
	fmt.Fprintf(stderr, "lab: no command %q\n", args[0])
	usage(stderr)
	return 2
}

// usage lists the commands.
func usage(w io.Writer) {
	fmt.Fprintln(w, "usage: lab COMMAND")
	for _, c := range commands {
		fmt.Fprintf(w, "\n  lab %s %s\n      %s\n", c.name, c.args, c.what)
	}
}

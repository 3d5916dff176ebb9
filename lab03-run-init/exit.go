package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"syscall"
)

// failure is an error that knows the exit code of the program. The codes are those of docker run:
// 125 the runtime failed, 126 the program can't be executed, 127 it wasn't found; all others are
// the workload's own.
type failure struct {
	code int
	text string
}

func (f failure) Error() string { return f.text }

// fail makes a failure as fmt.Errorf makes an error.
func fail(code int, format string, args ...any) error {
	return failure{code, fmt.Sprintf(format, args...)}
}

// say tells the user on stderr what the lab does. Stdout is left to the workload.
func say(format string, args ...any) {
	fmt.Fprintf(os.Stderr, lab+": "+format+"\n", args...)
}

// exit ends the program: with the workload's exit code, or 128+n if signal n killed it, as shells
// do; or after an error of ours, with the code that the error carries.
func exit(err error) {
	var workload *exec.ExitError
	var ours failure
	switch {
	case err == nil:
		os.Exit(0)
	case errors.As(err, &workload):
		status := workload.Sys().(syscall.WaitStatus)
		if status.Signaled() {
			os.Exit(128 + int(status.Signal()))
		}
		os.Exit(status.ExitStatus())
	case errors.As(err, &ours):
		say("%v", ours.text)
		os.Exit(ours.code)
	default:
		say("%v", err)
		os.Exit(125)
	}
}

// findProgram looks a program up in PATH, as a shell does.
func findProgram(name string) (string, error) {
	path, err := exec.LookPath(name)
	switch {
	case err == nil:
		return path, nil
	case errors.Is(err, syscall.EISDIR):
		return "", fail(126, "%s: is a directory, not a program", name)
	case errors.Is(err, fs.ErrPermission):
		return "", fail(126, "%s: is not executable (chmod +x makes it so)", name)
	default:
		return "", fail(127, "%s: no such program in PATH=%s", name, os.Getenv("PATH"))
	}
}

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

// exit ends the program. An error of ours is said; a workload has said itself what was wrong.
func exit(err error) {
	var workload *exec.ExitError
	if err != nil && !errors.As(err, &workload) {
		say("%v", err)
	}
	os.Exit(exitCode(err))
}

// exitCode is the workload's exit code, or 128+n if signal n killed it, as in shells; or, after an
// error of ours, the code that the error carries.
func exitCode(err error) int {
	var workload *exec.ExitError
	var ours failure
	switch {
	case err == nil:
		return 0
	case errors.As(err, &workload):
		status := workload.Sys().(syscall.WaitStatus)
		if status.Signaled() {
			return 128 + int(status.Signal())
		}
		return status.ExitStatus()
	case errors.As(err, &ours):
		return ours.code
	}
	return 125
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

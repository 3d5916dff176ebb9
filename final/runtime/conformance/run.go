package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// A contestant is a runtime, and where this run of the suite keeps its things.
type contestant struct {
	name    string
	dir     string // scratch
	command string // a script that runs the runtime with its state below dir
}

func newContestant(scratch, name, program string) (contestant, error) {
	c := contestant{name: name, dir: filepath.Join(scratch, name)}
	c.command = filepath.Join(c.dir, name)
	if err := os.MkdirAll(filepath.Join(c.dir, "tmp"), 0o755); err != nil {
		return c, err
	}
	// The input is an empty file, not the programs' /dev/null: crun 1.8 gives that to the container's user.
	stdin := filepath.Join(c.dir, "stdin")
	script := fmt.Sprintf("#!/bin/sh\nexec '%s' --root '%s' \"$@\" <'%s'\n", program, c.root(), stdin)
	return c, errors.Join(os.WriteFile(stdin, nil, 0o644), os.WriteFile(c.command, []byte(script), 0o755))
}

func (c contestant) root() string { return filepath.Join(c.dir, "state") }

// judge runs one validation program against the runtime. The program finds its root file system in the current
// folder and the runtime in RUNTIME; its mounts are in a mount namespace that goes with it.
func (c contestant) judge(suite, program string) result {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	var output bytes.Buffer
	cmd := exec.CommandContext(ctx, filepath.Join(suite, program))
	cmd.Dir, cmd.Stdout, cmd.Stderr = suite, &output, &output
	cmd.Env = append(os.Environ(), "RUNTIME="+c.command, "TMPDIR="+filepath.Join(c.dir, "tmp"))
	cmd.SysProcAttr = &syscall.SysProcAttr{Unshareflags: syscall.CLONE_NEWNS, Setpgid: true, Pdeathsig: syscall.SIGKILL}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	cmd.WaitDelay = 2 * time.Second
	err := cmd.Run()
	code := cmd.ProcessState.ExitCode()
	switch {
	case ctx.Err() != nil:
		fmt.Fprintln(&output, "conformance: not done within a minute")
	case err != nil && code <= 0:
		fmt.Fprintln(&output, "conformance:", err)
		code = 1
	}
	return parse(output.String(), code)
}

// sweep removes what programs left behind that stopped in the middle.
func (c contestant) sweep() {
	left, _ := os.ReadDir(c.root())
	for _, e := range left {
		out, err := exec.Command(c.command, "delete", "--force", e.Name()).CombinedOutput()
		if err != nil {
			fmt.Fprintf(os.Stderr, "conformance: %s delete --force %s: %v: %s\n", c.name, e.Name(), err, strings.TrimSpace(string(out)))
		}
	}
}

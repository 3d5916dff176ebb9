// Reap is a process number 1 that does the job of one: `reap sh -c '...'`. tini and docker run --init do this.
//
// When a process ends, something of it stays: its exit code, in an entry of the process table, until its parent asks
// for it with wait(2). Meanwhile it is a zombie. If the parent ends first, number 1 of the PID namespace becomes the
// parent, and is expected to wait. A shell does that; most programs don't, and their containers fill up with zombies.
//
// Level: medium. About 30 minutes.
//
// Further reading: wait(2), pid_namespaces(7)
package main

import (
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"syscall"
)

func main() {
	if len(os.Args) < 2 {
		fmt.Fprintln(os.Stderr, "usage: reap PROGRAM [ARGUMENT...]")
		os.Exit(2)
	}
	if os.Args[0] == "/proc/self/exe" {
		os.Exit(first(os.Args[1:]))
	}
	cmd := exec.Command("/proc/self/exe", os.Args[1:]...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWPID | syscall.CLONE_NEWNS, Pdeathsig: syscall.SIGKILL}
	signals := make(chan os.Signal, 8)
	signal.Notify(signals, syscall.SIGTERM, syscall.SIGHUP)
	if err := cmd.Start(); err != nil {
		fmt.Fprintln(os.Stderr, "reap:", err)
		os.Exit(125)
	}
	go func() {
		for s := range signals {
			cmd.Process.Signal(s)
		}
	}()
	cmd.Wait()
	os.Exit(cmd.ProcessState.ExitCode())
}

// first is process number 1: it starts the program, and reaps.
func first(program []string) int {
	syscall.Mount("", "/", "", syscall.MS_REC|syscall.MS_PRIVATE, "")
	syscall.Mount("proc", "/proc", "proc", 0, "")
	path, err := exec.LookPath(program[0])
	if err != nil {
		fmt.Fprintln(os.Stderr, "reap:", err)
		return 127
	}
	signals := make(chan os.Signal, 8)
	signal.Notify(signals, syscall.SIGTERM, syscall.SIGHUP, syscall.SIGINT)
	pid, err := syscall.ForkExec(path, program, &syscall.ProcAttr{Env: os.Environ(), Files: []uintptr{0, 1, 2}})
	if err != nil {
		fmt.Fprintln(os.Stderr, "reap:", err)
		return 126
	}
	go forward(signals, pid)
	return reap(pid)
}

// Task reap.1: reap waits for children, own and inherited, until the one named has ended, and returns its exit code.
//
// wait4(-1) waits for any child; it gives the pid and a WaitStatus. For a child that was killed by signal n
// the code is 128+n. An EINTR is no end: go on. If there is no child at all (ECHILD), return 125.
//
//lab:task reap.1
func reap(pid int) int {
	for {
		var status syscall.WaitStatus
		got, err := syscall.Wait4(-1, &status, 0, nil)
		switch {
		case err == syscall.EINTR:
		case err != nil:
			return 125
		case got == pid && status.Signaled():
			return 128 + int(status.Signal())
		case got == pid:
			return status.ExitStatus()
		}
	}
}

// Task reap.2: forward hands each signal on to the program.
//
// Number 1 is protected from signals that it has no handler for; with one, it gets those that were meant for
// the program. Loop over the channel until it is closed.
//
//lab:task reap.2
func forward(signals <-chan os.Signal, pid int) {
	for s := range signals {
		syscall.Kill(pid, s.(syscall.Signal))
	}
}

package main

import (
	"fmt"
	"os"
	"os/signal"
	"runtime"
	"runtime/debug"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// Init is the first process of a container that was made with --init; its arguments are the program.
//
// The first process of a PID name space is special in two ways (pid_namespaces(7)). A signal that it has no handler for does
// not reach it, so `stop` waits in vain for a program that has none. And orphans become its children, which stay zombies
// if it doesn't wait for them, as most programs don't. So it does these two things, and the program runs as its
// child, where signals do what they always do.
//
// It is the shim's own binary, mounted into the container: static, so it needs nothing of the image.
func initProcess(args []string) (code int) {
	if len(args) > 0 && args[0] == "--" {
		args = args[1:]
	}
	if len(args) == 0 {
		fmt.Fprintln(os.Stderr, "jocker-shim init: which program shall run?")
		return 125
	}
	// The container's limits of memory and processes are for the program: few threads, and nothing is ever collected.
	runtime.GOMAXPROCS(1)
	debug.SetGCPercent(-1)
	signals := make(chan os.Signal, 64)
	signal.Notify(signals)
	pid, err := startProgram(args)
	if err != nil {
		fmt.Fprintf(os.Stderr, "jocker-shim init: exec(%q): %v\n", args[0], err)
		if err == unix.ENOENT {
			return 127
		}
		return 126
	}
	go func() {
		for s := range signals {
			switch s {
			case unix.SIGCHLD, unix.SIGURG: // the one is ours, with the other Go's scheduler prods its threads
			default:
				unix.Kill(pid, s.(unix.Signal))
			}
		}
	}()
	for {
		var status unix.WaitStatus
		got, err := unix.Wait4(-1, &status, 0, nil)
		if err == unix.EINTR {
			continue
		}
		if err != nil {
			return 125
		}
		if got == pid {
			return exitCode(status) // and with us the kernel kills all that is left
		}
	}
}

// startProgram starts the program in a process group of its own, and gives it the terminal if there is one.
func startProgram(args []string) (pid int, err error) {
	attr := &syscall.ProcAttr{Env: os.Environ(), Files: []uintptr{0, 1, 2}, Sys: &syscall.SysProcAttr{Setpgid: true}}
	if _, err := unix.IoctlGetTermios(0, unix.TCGETS); err == nil {
		attr.Sys.Foreground, attr.Sys.Ctty = true, 0
	}
	err = unix.ENOENT
	for _, path := range candidates(args[0]) {
		// As execvp(3) has it: a file that may not be executed is passed over, but told if none is better.
		switch pid, e := syscall.ForkExec(path, args, attr); e {
		case nil:
			return pid, nil
		case unix.ENOENT, unix.ENOTDIR:
		case unix.EACCES:
			err = e
		default:
			return 0, e
		}
	}
	return 0, err
}

// candidates are the places where a program may be.
func candidates(name string) []string {
	if strings.Contains(name, "/") {
		return []string{name}
	}
	var list []string
	for _, dir := range strings.Split(os.Getenv("PATH"), ":") {
		if dir == "" {
			dir = "."
		}
		list = append(list, dir+"/"+name)
	}
	return list
}

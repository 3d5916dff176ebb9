package main

import (
	"os"
	"os/exec"
	"os/signal"
	"runtime"
	"syscall"
	"time"
)

// PR_SET_PDEATHSIG, which start uses, fires when the *thread* that forked ends. Go moves goroutines
// between threads and ends threads as it likes; a locked main goroutine stays on the first one.
func init() { runtime.LockOSThread() }

// signals are what would end us. From start on we must live longer than the workload, to clean up: so
// they come in here, and wait hands them on.
var signals = make(chan os.Signal, 8)

// start starts cmd and ties its life to ours: however we end, the kernel sends it SIGKILL.
func start(cmd *exec.Cmd) error {
	if cmd.SysProcAttr == nil {
		cmd.SysProcAttr = &syscall.SysProcAttr{}
	}
	cmd.SysProcAttr.Pdeathsig = syscall.SIGKILL
	signal.Notify(signals, syscall.SIGINT, syscall.SIGQUIT, syscall.SIGTERM, syscall.SIGHUP)
	return cmd.Start()
}

// wait waits for cmd to end and hands signals on to it. The kernel drops a signal that PID 1 of a
// namespace has no handler for, so two seconds later SIGKILL follows, which nothing drops. Ctrl-C in
// an interactive container doesn't come by here: the terminal is the container's (see terminal.go).
func wait(cmd *exec.Cmd) error {
	go func() {
		for s := range signals {
			cmd.Process.Signal(s)
			time.AfterFunc(2*time.Second, func() { cmd.Process.Kill() })
		}
	}()
	return cmd.Wait()
}

package main

import (
	"os/exec"
	"os/signal"
	"syscall"
	"unsafe"
)

// foreground gives the terminal on our standard input to cmd, as a shell does for the program that
// it runs in the foreground: Ctrl-C and Ctrl-Z then go to the container alone, and a shell in it
// finds itself in charge of the terminal. The function that it returns takes the terminal back.
// Without a terminal, or from the background, both do nothing.
func foreground(cmd *exec.Cmd) (back func()) {
	if group, err := terminalGroup(syscall.TIOCGPGRP, 0); err != nil || int(group) != syscall.Getpgrp() {
		return func() {}
	}
	cmd.SysProcAttr.Foreground = true // implies a process group of its own
	cmd.SysProcAttr.Ctty = 0
	return func() {
		signal.Ignore(syscall.SIGTTOU) // what a background process gets that touches the terminal
		terminalGroup(syscall.TIOCSPGRP, int32(syscall.Getpgrp()))
	}
}

// terminalGroup gets or sets the foreground process group of the terminal on standard input.
func terminalGroup(request uintptr, group int32) (int32, error) {
	_, _, errno := syscall.Syscall(syscall.SYS_IOCTL, 0, request, uintptr(unsafe.Pointer(&group)))
	if errno != 0 {
		return 0, errno
	}
	return group, nil
}

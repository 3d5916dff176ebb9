package labtest

import (
	"errors"
	"fmt"
	"net"
	"os"
	"syscall"
	"time"
)

// lockName is an abstract unix socket (the @ stands for a zero byte). As a lock it has two virtues: the kernel lets
// go of it when its owner dies, however it dies, and it leaves no file behind.
var lockName = "@jocker-labtest"

// waitForOthers returns when no other test binary is on stage. `go test ./...` starts several at once, and each
// would see the cgroups of the others come and go. A test binary started by a test is part of that test: it goes on.
func waitForOthers() error {
	for start, told := time.Now(), false; ; time.Sleep(50 * time.Millisecond) {
		l, err := net.Listen("unix", lockName)
		if err == nil {
			go func() { // never closed: the lock is held until exit. Callers only want to know our pid.
				for c, err := l.Accept(); err == nil; c, err = l.Accept() {
					c.Close()
				}
			}()
			return nil
		}
		if !errors.Is(err, syscall.EADDRINUSE) {
			return fmt.Errorf("the lock %s: %w", lockName, err)
		}
		owner := lockOwner()
		if owner != 0 && isAncestor(owner) {
			return nil
		}
		if !told && time.Since(start) > 5*time.Second {
			fmt.Fprintf(os.Stderr, "labtest: waiting for another test of the labs to end (pid %d)\n", owner)
			told = true
		}
	}
}

// lockOwner asks the kernel who listens: SO_PEERCRED names the process that called listen(2). 0: it just went away.
func lockOwner() int {
	c, err := net.Dial("unix", lockName)
	if err != nil {
		return 0
	}
	defer c.Close()
	raw, err := c.(*net.UnixConn).SyscallConn()
	if err != nil {
		return 0
	}
	pid := 0
	raw.Control(func(fd uintptr) {
		if cred, err := syscall.GetsockoptUcred(int(fd), syscall.SOL_SOCKET, syscall.SO_PEERCRED); err == nil {
			pid = int(cred.Pid)
		}
	})
	return pid
}

// isAncestor walks up from this process.
func isAncestor(pid int) bool {
	all := processes()
	for p := os.Getpid(); p > 1; p = all[p].Parent {
		if p == pid {
			return true
		}
	}
	return false
}

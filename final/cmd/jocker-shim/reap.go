package main

import (
	"errors"
	"os"
	"sync"
	"syscall"

	"golang.org/x/sys/unix"
)

// All children of the shim, and the container's orphans, are reaped by one goroutine, the one that runs the container's life: it
// calls wait4(-1) until the child it wants has ended. Another that starts a child is told of its end by a reaper.
type reaper struct {
	lock   sync.Mutex
	wanted map[int]chan unix.WaitStatus
}

// spawn starts a program whose end the channel tells. The lock is held from before the child is there until it is known.
func (r *reaper) spawn(path string, argv []string, files []uintptr) (pid int, ended chan unix.WaitStatus, err error) {
	r.lock.Lock()
	defer r.lock.Unlock()
	if pid, err = spawn(path, argv, files); err != nil {
		return 0, nil, err
	}
	ended = make(chan unix.WaitStatus, 1)
	if r.wanted == nil {
		r.wanted = map[int]chan unix.WaitStatus{}
	}
	r.wanted[pid] = ended
	return pid, ended, nil
}

// deliver tells the end of a child to who has started it; false if nobody has.
func (r *reaper) deliver(pid int, status unix.WaitStatus) bool {
	r.lock.Lock()
	defer r.lock.Unlock()
	ended, ok := r.wanted[pid]
	if ok {
		delete(r.wanted, pid)
		ended <- status
	}
	return ok
}

// wait waits for the end of a child. Others that end meanwhile, strangers' orphans among them, are reaped as well.
func (c *container) wait(pid int) unix.WaitStatus {
	for {
		if status, ok := c.exits[pid]; ok {
			delete(c.exits, pid)
			return status
		}
		var status unix.WaitStatus
		got, err := unix.Wait4(-1, &status, 0, nil)
		if errors.Is(err, unix.EINTR) {
			continue
		}
		if err != nil {
			return unix.WaitStatus(255 << 8) // it is not our child; the runtime has not let go of it
		}
		if c.reaper.deliver(got, status) {
			continue
		}
		if got == pid || got == c.state.Pid || c.state.Pid == 0 {
			c.exits[got] = status
		}
	}
}

// spawn starts a program with files as its standard input, output and error; without files it has /dev/null.
func spawn(path string, argv []string, files []uintptr) (pid int, err error) {
	if files == nil {
		null, err := os.OpenFile("/dev/null", os.O_RDWR, 0)
		if err != nil {
			return 0, err
		}
		defer null.Close()
		files = []uintptr{null.Fd(), null.Fd(), null.Fd()}
	}
	return syscall.ForkExec(path, argv, &syscall.ProcAttr{Env: os.Environ(), Files: files})
}

// exitCode is a shell's: that of the program, or 128 and the signal's number.
func exitCode(status unix.WaitStatus) int {
	if status.Signaled() {
		return 128 + int(status.Signal())
	}
	return status.ExitStatus()
}

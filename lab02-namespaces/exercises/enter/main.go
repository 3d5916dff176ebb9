// Enter runs a program in the namespaces of a running process: `enter 4242 sh`. docker exec does this.
//
// setns(2) moves the caller into a namespace, given a file descriptor for it; /proc/PID/ns has the files. Three things
// make it harder than it sounds. A namespace belongs to a thread, and Go moves goroutines between threads. The mount
// namespace can be entered only by who shares its root and working directory with no other thread. And the PID
// namespace doesn't change the caller at all: a process keeps its number, only its children are born inside.
//
// Level: hard. About 45 minutes.
//
// Further reading: setns(2), nsenter(1), unshare(2) on CLONE_FS
package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"syscall"
)

func init() { runtime.LockOSThread() }

// kinds are the namespaces to enter, and their flags. The mount namespace is the last: after it /proc is another one.
var kinds = []struct {
	name string
	flag uintptr
}{
	{"uts", syscall.CLONE_NEWUTS}, {"ipc", syscall.CLONE_NEWIPC}, {"net", syscall.CLONE_NEWNET},
	{"pid", syscall.CLONE_NEWPID}, {"mnt", syscall.CLONE_NEWNS},
}

func main() {
	if len(os.Args) < 3 {
		fmt.Fprintln(os.Stderr, "usage: enter PID PROGRAM [ARGUMENT...]")
		os.Exit(2)
	}
	pid, err := strconv.Atoi(os.Args[1])
	if err == nil {
		err = enter(pid)
	}
	if err == nil {
		cmd := exec.Command(os.Args[2], os.Args[3:]...) // a child: it is born in the PID namespace
		cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
		err = cmd.Run()
	}
	if exit, ok := err.(*exec.ExitError); ok {
		os.Exit(exit.ExitCode())
	} else if err != nil {
		fmt.Fprintln(os.Stderr, "enter:", err)
		os.Exit(125)
	}
}

// Task enter.1: openNamespaces opens the namespaces of a process, in the order of kinds.
//
// All of them must be open before the first is entered: from inside, /proc may show other processes. If one
// can't be opened, close those that are, and say which it was.
//
//lab:task enter.1
func openNamespaces(pid int) ([]*os.File, error) {
	var files []*os.File
	for _, kind := range kinds {
		f, err := os.Open(filepath.Join("/proc", strconv.Itoa(pid), "ns", kind.name))
		if err != nil {
			for _, open := range files {
				open.Close()
			}
			return nil, err
		}
		files = append(files, f)
	}
	return files, nil
}

// Task enter.2: enter moves this thread into the namespaces of a process.
//
// First unshare CLONE_FS, so that the thread has a root and a working directory of its own. Then setns for
// each file, with the flag of its kind (see setns below). The last of them, for the mount namespace, also takes
// the thread's root and working directory there. Close the files.
//
//lab:task enter.2
func enter(pid int) error {
	files, err := openNamespaces(pid)
	if err != nil {
		return err
	}
	if err := syscall.Unshare(syscall.CLONE_FS); err != nil {
		return os.NewSyscallError("unshare(CLONE_FS)", err)
	}
	for i, f := range files {
		defer f.Close()
		if err := setns(f, kinds[i].flag); err != nil {
			return fmt.Errorf("setns %s: %w", kinds[i].name, err)
		}
	}
	return nil
}

// setns is setns(2), which package syscall lacks.
func setns(f *os.File, flag uintptr) error {
	number := map[string]uintptr{"amd64": 308, "arm64": 268}[runtime.GOARCH]
	if _, _, errno := syscall.Syscall(number, f.Fd(), flag, 0); errno != 0 {
		return errno
	}
	return nil
}

package main

import (
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
)

// tour says of each file in a v1 cgroup what it is for.
var tour = []struct{ file, purpose string }{
	{"cgroup.procs", "the processes in this cgroup, a number a line; write one to move it here"},
	{"tasks", "the same for threads: a process with three threads has three lines"},
	{"cgroup.clone_children", "1: a new child copies this cgroup's settings (only cpuset heeds it)"},
	{"notify_on_release", "1: when the last process leaves, run the root's release_agent"},
	{"release_agent", "the program to run then (only in the root)"},
	{"cgroup.sane_behavior", "a relic of the work on v2: always 0 (only in the root)"},
}

// hierarchy shows a cgroup hierarchy that has a name and no controller: it groups processes, and
// limits nothing. It is the first part of the guide as a program.
func hierarchy() (err error) {
	interrupted := make(chan os.Signal, 1)
	signal.Notify(interrupted, syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP)

	// In a mount namespace of our own the mount vanishes with us, even if we are killed. (What
	// that is, lab02 tells. It covers this thread, on which job.go keeps the main goroutine.)
	if err := syscall.Unshare(syscall.CLONE_NEWNS); err != nil {
		return explain(os.NewSyscallError("unshare(CLONE_NEWNS)", err))
	}
	if err := syscall.Mount("", "/", "", syscall.MS_REC|syscall.MS_PRIVATE, ""); err != nil {
		return os.NewSyscallError("mount --make-rprivate /", err)
	}
	const dir = "/mnt"
	name := fmt.Sprintf("cgroup-test-%d", os.Getpid())
	one, two := filepath.Join(dir, "cgroup-1"), filepath.Join(dir, "cgroup-2")

	say("mount -t cgroup -o none,name=%s cgroup-test %s", name, dir)
	if err := syscall.Mount("cgroup-test", dir, "cgroup", 0, "none,name="+name); err != nil {
		return fail(125, "mount of a v1 hierarchy at %s: %v: not root, or a kernel without cgroup v1", dir, err)
	}
	defer syscall.Unmount(dir, syscall.MNT_DETACH)
	release, err := guard(one, two)
	if err != nil {
		return err
	}
	defer release()
	show(dir)

	say("mkdir cgroup-1 cgroup-2")
	for _, child := range []string{one, two} {
		cg := &cgroup{dir: child}
		if err := os.Mkdir(child, 0o755); err != nil {
			return err
		}
		defer cg.remove()
	}
	show(one)

	say("echo %d > cgroup-1/cgroup.procs   # this program moves itself", os.Getpid())
	for _, target := range []string{one, dir} { // there and, so that rmdir works, back
		if err := (&cgroup{dir: target}).add(os.Getpid()); err != nil {
			return err
		}
		self, err := os.ReadFile("/proc/self/cgroup")
		if err != nil {
			return err
		}
		for _, line := range strings.Split(string(self), "\n") {
			if strings.Contains(line, "name="+name+":") {
				fmt.Printf("  /proc/self/cgroup: %s\n", line)
			}
		}
	}
	say("no file here begins with memory. or cpu.: without a controller a hierarchy limits nothing")
	select {
	case s := <-interrupted:
		return fail(128+int(s.(syscall.Signal)), "%v: unmounted and removed", s)
	default:
		return nil
	}
}

// show prints the files of a cgroup and what is in them.
func show(dir string) {
	fmt.Printf("  %s\n", dir)
	for _, f := range tour {
		data, err := os.ReadFile(filepath.Join(dir, f.file))
		if err != nil {
			continue // only in the root
		}
		content := fmt.Sprintf("%q", strings.TrimSpace(string(data)))
		if n := strings.Count(string(data), "\n"); n > 1 {
			content = fmt.Sprintf("%d lines", n)
		}
		fmt.Printf("    %-22s %-10s %s\n", f.file, content, f.purpose)
	}
}

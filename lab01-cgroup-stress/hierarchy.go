package main

import (
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"time"
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
	const dir, one, two = "/mnt", "/mnt/cgroup-1", "/mnt/cgroup-2"
	say("mount -t cgroup -o none,name=%s %s %s", lab, lab, dir)
	if err := mountHierarchy(dir); err != nil {
		return fail(125, "mount of a v1 hierarchy at %s: %v: not root, or a kernel without cgroup v1", dir, err)
	}
	defer unmountHierarchy(dir)
	release, err := guard(one, two)
	if err != nil {
		return err
	}
	defer release()
	show(dir)

	say("mkdir cgroup-1 cgroup-2")
	for _, child := range []string{one, two} {
		cg := &cgroup{dir: child}
		cg.remove() // left over, if a run was killed
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
		fmt.Printf("  /proc/self/cgroup: %s\n", placeInHierarchy())
	}
	say("no file here begins with memory. or cpu.: without a controller a hierarchy limits nothing")
	select {
	case s := <-interrupted:
		return fail(128+int(s.(syscall.Signal)), "%v: unmounted and removed", s)
	default:
		return nil
	}
}

// mountHierarchy mounts a v1 hierarchy that has our name and no controller.
func mountHierarchy(dir string) error {
	return syscall.Mount(lab, dir, "cgroup", 0, "none,name="+lab)
}

// unmountHierarchy ends the hierarchy. The kernel drops it at an unmount only if no child is left,
// and a child that was just removed takes some time to go: if it was too early, do it once more.
func unmountHierarchy(dir string) {
	for try := 0; try < 10; try++ {
		time.Sleep(50 * time.Millisecond)
		syscall.Unmount(dir, syscall.MNT_DETACH)
		for wait := 0; wait < 20; wait++ {
			if placeInHierarchy() == "" {
				return
			}
			time.Sleep(10 * time.Millisecond)
		}
		if err := mountHierarchy(dir); err != nil {
			return
		}
	}
	say("the hierarchy name=%s stays: somebody else has mounted it, too", lab)
}

// placeInHierarchy returns the line of /proc/self/cgroup about our hierarchy, "" if there is none.
func placeInHierarchy() string {
	self, _ := os.ReadFile("/proc/self/cgroup")
	for _, line := range strings.Split(string(self), "\n") {
		if strings.Contains(line, ":name="+lab+":") {
			return line
		}
	}
	return ""
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

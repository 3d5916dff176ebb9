// Into starts a program that is born in its cgroup: `into cat /proc/self/cgroup`.
//
// A barrier holds the child until the parent has moved it. Since Linux 5.7 there is another way, on cgroup v2:
// clone3(2) takes a file descriptor of a cgroup's directory (CLONE_INTO_CGROUP), and the child begins there. No
// barrier, no race, and no wait for a lock that moving a process takes and that can cost milliseconds.
//
// Level: hard. About 30 minutes. It needs a v2 hierarchy, which hybrid machines have, too.
//
// Further reading: clone(2) on CLONE_INTO_CGROUP; the fields UseCgroupFD and CgroupFD of syscall.SysProcAttr
package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
)

func main() {
	if len(os.Args) < 2 {
		fmt.Fprintln(os.Stderr, "usage: into PROGRAM [ARGUMENT...]")
		os.Exit(2)
	}
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "into:", err)
		os.Exit(1)
	}
}

func run(program []string) error {
	info, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		return err
	}
	root, ok := unified(string(info))
	if !ok {
		return fmt.Errorf("no cgroup2 is mounted")
	}
	dir := filepath.Join(root, fmt.Sprintf("lab04-%d", os.Getpid()))
	if err := os.Mkdir(dir, 0o755); err != nil {
		return err
	}
	defer os.Remove(dir)
	cmd := exec.Command(program[0], program[1:]...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	close, err := bornIn(cmd, dir)
	if err != nil {
		return err
	}
	defer close()
	return cmd.Run()
}

// Task into.1: unified finds the mount point of the v2 hierarchy in the text of /proc/self/mountinfo.
//
// It is the first mount of type cgroup2 whose root is "/". The type is the first word after the lone hyphen.
//
//lab:task into.1
func unified(info string) (point string, ok bool) {
	for _, line := range strings.Split(info, "\n") {
		left, right, _ := strings.Cut(line, " - ")
		fields := strings.Fields(left)
		if len(fields) > 5 && fields[3] == "/" && strings.HasPrefix(right, "cgroup2 ") {
			return fields[4], true
		}
	}
	return "", false
}

// Task into.2: bornIn prepares cmd so that its process begins in the cgroup dir. The caller calls close after the start.
//
// The directory has to be open, and stay so until the process is there. Keep what is set in cmd.SysProcAttr
// already.
//
//lab:task into.2
func bornIn(cmd *exec.Cmd, dir string) (close func(), err error) {
	f, err := os.Open(dir)
	if err != nil {
		return nil, err
	}
	if cmd.SysProcAttr == nil {
		cmd.SysProcAttr = &syscall.SysProcAttr{}
	}
	cmd.SysProcAttr.UseCgroupFD = true
	cmd.SysProcAttr.CgroupFD = int(f.Fd())
	return func() { f.Close() }, nil
}

// Pids limits how many processes a program may make: `pids -n 8 sh`.
//
// A fork bomb is a program that starts itself twice, and so on. It needs no memory to speak of, so a memory limit
// doesn't stop it; the machine grinds to a halt because its process table is full. The controller pids counts
// processes (threads, to be exact) in a cgroup and lets fork(2) fail with EAGAIN when there are enough.
//
// Level: easy. About 20 minutes.
//
// Further reading: https://docs.kernel.org/admin-guide/cgroup-v2.html#pid
package main

import (
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

func main() {
	n := flag.Int("n", 8, "how many processes at most")
	flag.Parse()
	if err := run(*n, flag.Args()); err != nil {
		fmt.Fprintln(os.Stderr, "pids:", err)
		os.Exit(1)
	}
}

// run runs a program in a cgroup that has a limit of processes, and tells how often the limit was hit.
func run(n int, program []string) error {
	root := "/sys/fs/cgroup"
	if _, err := os.Stat(root + "/pids/cgroup.procs"); err == nil {
		root += "/pids" // v1
	} else {
		os.WriteFile(root+"/cgroup.subtree_control", []byte("+pids"), 0)
	}
	dir := filepath.Join(root, fmt.Sprintf("lab01-%d", os.Getpid()))
	if err := os.Mkdir(dir, 0o755); err != nil {
		return err
	}
	defer remove(dir)
	if err := limit(dir, n); err != nil {
		return err
	}
	script := `echo $$ > "$0" && exec "$@"`
	cmd := exec.Command("/bin/sh", append([]string{"-c", script, dir + "/cgroup.procs"}, program...)...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	err := cmd.Run()
	times, _ := refused(dir)
	fmt.Fprintf(os.Stderr, "pids: the kernel refused a process %d times\n", times)
	return err
}

// remove ends what still runs in the cgroup, and removes it.
func remove(dir string) {
	for try := 0; try < 200 && os.Remove(dir) != nil; try++ {
		procs, _ := os.ReadFile(dir + "/cgroup.procs")
		for _, line := range strings.Fields(string(procs)) {
			if pid, err := strconv.Atoi(line); err == nil {
				syscall.Kill(pid, syscall.SIGKILL)
			}
		}
		time.Sleep(5 * time.Millisecond)
	}
}

// Task pids.1: limit lets the cgroup in dir have at most n processes.
//
// The file is pids.max, on v1 and v2 alike. It must be there: a cgroup file is never created. With n below 1
// there would be nobody to run: refuse it, with an error of your own.
//
//lab:task pids.1
func limit(dir string, n int) error {
	if n < 1 {
		return fmt.Errorf("-n %d: at least 1 process is needed", n)
	}
	f, err := os.OpenFile(filepath.Join(dir, "pids.max"), os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	defer f.Close()
	_, err = f.WriteString(strconv.Itoa(n))
	return err
}

// Task pids.2: refused tells how often the kernel has refused a process in the cgroup.
//
// It is the number after "max" in pids.events. Other lines may come in later kernels.
//
//lab:task pids.2
func refused(dir string) (int, error) {
	data, err := os.ReadFile(filepath.Join(dir, "pids.events"))
	if err != nil {
		return 0, err
	}
	for _, line := range strings.Split(string(data), "\n") {
		if value, ok := strings.CutPrefix(line, "max "); ok {
			return strconv.Atoi(value)
		}
	}
	return 0, fmt.Errorf("no max in %s/pids.events", dir)
}

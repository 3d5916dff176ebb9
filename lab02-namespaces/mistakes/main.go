// Mistakes is a demo as it stands in many a note on containers: re-execute yourself in new
// namespaces, limit the memory, run stress. It has five mistakes, and each of them goes unnoticed,
// since the demo prints no error and stress prints no complaint. The guide of lab02 runs them one
// by one.
//
//	mistakes late     the cgroup is made when the workload has ended
//	mistakes race     the workload runs before it is in the cgroup
//	mistakes fall     the child doesn't end, and goes on as a parent
//	mistakes silent   errors are dropped
//
// The fifth: all of them leave their cgroup behind. Nothing here is for imitation.
package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"time"
)

func init() { runtime.LockOSThread() } // see job.go

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: mistakes late | race | fall | silent")
		os.Exit(125)
	}
	if os.Getuid() != 0 {
		fmt.Fprintln(os.Stderr, "mistakes: these need root; try sudo")
		os.Exit(125)
	}
	what := os.Args[1]
	if os.Args[0] == "/proc/self/exe" {
		child(what)
		if what != "fall" {
			os.Exit(0) // the line that the demo lacks
		}
	}

	switch what {
	case "late":
		cmd := again(what)
		cmd.Run() // starts the workload *and waits for its end* ...
		cg := makeCgroup()
		add(cg, cmd.Process.Pid) // ... and so nobody is left to limit
		fmt.Println("the cgroup is there; the workload has long ended, unlimited")
	case "race":
		cg := makeCgroup()
		for try := 1; try <= 2000; try++ {
			cmd := again(what)
			cmd.Stdout = nil
			out, _ := cmd.StdoutPipe()
			cmd.Start()
			time.Sleep(time.Duration(try*try) * time.Microsecond) // a busy machine makes the parent late, here a little later each time
			add(cg, cmd.Process.Pid)                              // the child is running meanwhile
			answer := make([]byte, 4096)
			n, _ := out.Read(answer)
			cmd.Wait()
			if !strings.Contains(string(answer[:n]), "/mistakes") {
				fmt.Printf("workload number %d began outside the cgroup, unlimited\n", try)
				return
			}
		}
		fmt.Println("2000 workloads in a row were lucky; try again")
	case "fall":
		level, _ := strconv.Atoi(os.Getenv("LEVEL"))
		os.Setenv("LEVEL", strconv.Itoa(level+1))
		if err := again(what).Run(); err != nil && !strings.HasPrefix(err.Error(), "exit status") {
			fmt.Printf("level %d: %v\n", level, err)
		}
		if level > 0 {
			return
		}
		fmt.Println("that was the end of it only because the kernel nests no more PID namespaces than 32")
	case "silent":
		cg := makeCgroup()
		// A v1 name on v2, a v2 name on v1.
		file := map[bool]string{true: "memory.limit_in_bytes", false: "memory.max"}[v2()]
		err := os.WriteFile(filepath.Join(cg, file), []byte("100m"), 0o644)
		fmt.Println("the demo drops the error and goes on; it was:", err)
	default:
		fmt.Fprintln(os.Stderr, "usage: mistakes late | race | fall | silent")
		os.Exit(125)
	}
}

// child is the workload.
func child(what string) {
	switch what {
	case "late":
		cmd := exec.Command("stress", "--vm-bytes", "200m", "--vm-keep", "-m", "1", "-t", "1")
		if err := cmd.Run(); err != nil {
			fmt.Println("stress:", err)
		} else {
			fmt.Println("stress used 200m under its limit of 100m and ended well")
		}
	case "race":
		cgroups, _ := os.ReadFile("/proc/self/cgroup")
		os.Stdout.Write(cgroups)
	}
}

// again prepares this program once more, in new namespaces.
func again(what string) *exec.Cmd {
	cmd := exec.Command("/proc/self/exe", what)
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags: syscall.CLONE_NEWUTS | syscall.CLONE_NEWPID | syscall.CLONE_NEWNS,
		Pdeathsig:  syscall.SIGKILL,
	}
	return cmd
}

func v2() bool {
	_, err := os.Stat("/sys/fs/cgroup/cgroup.controllers")
	return err == nil
}

// makeCgroup makes the cgroup "mistakes" with a limit of 100m, and leaves it.
func makeCgroup() string {
	dir, file := "/sys/fs/cgroup/memory/mistakes", "memory.limit_in_bytes"
	if v2() {
		dir, file = "/sys/fs/cgroup/mistakes", "memory.max"
		os.WriteFile("/sys/fs/cgroup/cgroup.subtree_control", []byte("+memory"), 0o644)
	}
	os.Mkdir(dir, 0o755)
	os.WriteFile(filepath.Join(dir, file), []byte("100m"), 0o644)
	return dir
}

func add(dir string, pid int) {
	os.WriteFile(filepath.Join(dir, "cgroup.procs"), []byte(strconv.Itoa(pid)), 0o644)
}

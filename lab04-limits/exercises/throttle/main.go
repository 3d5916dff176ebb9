// Throttle gives a program a part of one processor: `throttle -percent 20 yes`.
//
// Shares count only while others want the processor, too. A bandwidth limit counts always: in each period of 100 ms the
// cgroup may run so many microseconds, and then it stands still until the next one begins. That can be seen in
// cpu.stat: nr_periods, nr_throttled, and how long. Latency of a service that is limited in this way is a classic
// riddle: its machine is idle, and it waits.
//
// Level: easy. About 20 minutes.
//
// Further reading: https://docs.kernel.org/scheduler/sched-bwc.html,
// https://docs.kernel.org/admin-guide/cgroup-v2.html#cpu
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
	percent := flag.Int("percent", 20, "of one processor")
	flag.Parse()
	if err := run(*percent, flag.Args()); err != nil {
		fmt.Fprintln(os.Stderr, "throttle:", err)
		os.Exit(1)
	}
}

func run(percent int, program []string) error {
	root, v2 := "/sys/fs/cgroup", true
	for _, dir := range []string{root + "/cpu,cpuacct", root + "/cpu"} {
		if _, err := os.Stat(dir + "/cpu.cfs_quota_us"); err == nil || exists(dir+"/cgroup.procs") {
			root, v2 = dir, false
			break
		}
	}
	if v2 {
		os.WriteFile(root+"/cgroup.subtree_control", []byte("+cpu"), 0)
	}
	dir := filepath.Join(root, fmt.Sprintf("lab04-%d", os.Getpid()))
	if err := os.Mkdir(dir, 0o755); err != nil {
		return err
	}
	defer remove(dir)
	for file, value := range bandwidth(v2, percent) {
		if err := os.WriteFile(filepath.Join(dir, file), []byte(value), 0); err != nil {
			return err
		}
	}
	cmd := exec.Command("/bin/sh", append([]string{"-c", `echo $$ > "$0" && exec "$@"`, dir + "/cgroup.procs"}, program...)...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	err := cmd.Run()
	stat, _ := os.ReadFile(dir + "/cpu.stat")
	periods, throttled := throttling(string(stat))
	fmt.Fprintf(os.Stderr, "throttle: it stood still in %d of %d periods\n", throttled, periods)
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

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

const period = 100_000 // microseconds, the kernel's usual

// Task throttle.1: bandwidth returns the files and their values for so many percent of one processor.
//
// v2 has one file, cpu.max: quota, blank, period. v1 has two: cpu.cfs_period_us and cpu.cfs_quota_us. 150
// percent are one processor and a half.
//
//lab:task throttle.1
func bandwidth(v2 bool, percent int) map[string]string {
	quota := strconv.Itoa(period * percent / 100)
	if v2 {
		return map[string]string{"cpu.max": quota + " " + strconv.Itoa(period)}
	}
	return map[string]string{"cpu.cfs_period_us": strconv.Itoa(period), "cpu.cfs_quota_us": quota}
}

// Task throttle.2: throttling reads in a cpu.stat how many periods there were, and in how many of them the cgroup was
// throttled.
//
// The lines are nr_periods and nr_throttled, among others, in any order; v1 and v2 agree on these two.
//
//lab:task throttle.2
func throttling(stat string) (periods, throttled int) {
	for _, line := range strings.Split(stat, "\n") {
		key, value, _ := strings.Cut(line, " ")
		n, _ := strconv.Atoi(value)
		switch key {
		case "nr_periods":
			periods = n
		case "nr_throttled":
			throttled = n
		}
	}
	return periods, throttled
}

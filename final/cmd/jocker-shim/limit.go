package main

import (
	"bytes"
	"os"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// limits are the files in which the kernel counts what a container's limits did. They go with its cgroup, so they are read
// between the end of its first process and `delete`.
type limits struct {
	memory     string // memory.events of v2, memory.oom_control of v1; "" if there is none
	memorySize string // where the limit stands
	pids       string // pids.events
	pidsMax    string
}

// findLimits finds the cgroups of a process.
func findLimits(pid int) *limits {
	l := &limits{}
	data, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/cgroup")
	if err != nil {
		return l
	}
	mounts, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		return l
	}
	for _, line := range strings.Split(string(data), "\n") {
		// proc_pid_cgroup: 4:memory:/jocker/ID, and 0::/jocker/ID for v2.
		_, rest, _ := strings.Cut(line, ":")
		controllers, path, ok := strings.Cut(rest, ":")
		if !ok {
			continue
		}
		for _, name := range strings.Split(controllers, ",") {
			dir := findHierarchy(mounts, name)
			if dir == "" {
				continue
			}
			dir += path
			memory := dir + "/memory.events"
			if name == "memory" {
				memory = dir + "/memory.oom_control"
			}
			if _, err := os.Stat(memory); err == nil {
				l.memory, l.memorySize = memory, dir+"/memory.max"
				if name == "memory" {
					l.memorySize = dir + "/memory.limit_in_bytes"
				}
			}
			if _, err := os.Stat(dir + "/pids.events"); err == nil {
				l.pids, l.pidsMax = dir+"/pids.events", dir+"/pids.max"
			}
		}
	}
	return l
}

// findHierarchy returns where a controller of v1 is mounted, or with an empty name v2; "" if it is not.
func findHierarchy(mountinfo []byte, controller string) string {
	for _, line := range bytes.Split(mountinfo, []byte("\n")) {
		left, right, ok := bytes.Cut(line, []byte(" - ")) // proc_pid_mountinfo(5)
		f, r := bytes.Fields(left), bytes.Fields(right)
		if !ok || len(f) < 5 || len(r) < 3 || string(f[3]) != "/" {
			continue
		}
		if controller == "" && string(r[0]) == "cgroup2" {
			return string(f[4])
		}
		if controller != "" && string(r[0]) == "cgroup" {
			for _, option := range bytes.Split(r[2], []byte(",")) {
				if string(option) == controller {
					return string(f[4])
				}
			}
		}
	}
	return ""
}

// verdict says whether the kernel killed processes of the container because of its memory limit, and in a sentence which
// limit ended it or stood in its way.
func (l *limits) verdict(status unix.WaitStatus) (oom bool, text string) {
	if n := count(l.memory, "oom_kill"); n > 0 {
		oom = true
		text = "memory limit of " + size(l.memorySize) + " reached"
		if n > 1 {
			text += ", " + strconv.FormatUint(n, 10) + " processes killed"
		}
	}
	if n := count(l.pids, "max"); n > 0 && text == "" && exitCode(status) != 0 {
		text = "limit of " + content(l.pidsMax) + " processes reached, " + strconv.FormatUint(n, 10) + " forks refused"
	}
	if status.Signaled() && status.Signal() == unix.SIGSYS && text == "" {
		text = "a system call that the seccomp profile forbids"
	}
	return oom, text
}

// count returns the number behind a word in one of the kernel's files; 0 if it is not there.
func count(path, word string) uint64 {
	fields := strings.Fields(content(path))
	for i := 0; i+1 < len(fields); i++ {
		if fields[i] == word {
			n, _ := strconv.ParseUint(fields[i+1], 10, 64)
			return n
		}
	}
	return 0
}

func content(path string) string {
	if path == "" {
		return ""
	}
	data, _ := os.ReadFile(path)
	return strings.TrimSpace(string(data))
}

// size returns a limit as people write it: 64m.
func size(path string) string {
	text := content(path)
	n, err := strconv.ParseUint(text, 10, 64)
	if err != nil {
		return text
	}
	for _, u := range []struct {
		unit  uint64
		short string
	}{{1 << 30, "g"}, {1 << 20, "m"}, {1 << 10, "k"}} {
		if n >= u.unit && n%u.unit == 0 {
			return strconv.FormatUint(n/u.unit, 10) + u.short
		}
	}
	return text + " bytes"
}

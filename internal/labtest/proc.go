package labtest

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// Namespaces returns the namespaces of a process as the kernel names them: "pid" -> "pid:[4026531836]". Two processes
// are in the same namespace if the strings are equal. The map is empty if there is no such process.
func Namespaces(pid int) map[string]string {
	ns := map[string]string{}
	links, _ := filepath.Glob(fmt.Sprintf("/proc/%d/ns/*", pid))
	for _, link := range links {
		if target, err := os.Readlink(link); err == nil {
			ns[filepath.Base(link)] = target
		}
	}
	return ns
}

// Children returns the pids of a process's children, as seen from here, in ascending order.
func Children(pid int) []int {
	var pids []int
	for p, info := range processes() {
		if info.Parent == pid {
			pids = append(pids, p)
		}
	}
	slices.Sort(pids)
	return pids
}

// Cmdline returns what a process runs: its arguments, argv[0] first. Nil if it is gone, a zombie or a kernel thread.
func Cmdline(pid int) []string {
	raw, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid))
	if err != nil || len(raw) == 0 {
		return nil
	}
	return strings.Split(strings.TrimSuffix(string(raw), "\x00"), "\x00")
}

// Until polls a condition, up to ten seconds (see Scale), and fails the test if it doesn't come true.
func Until(t testing.TB, what string, cond func() bool) {
	t.Helper()
	limit := Scale(10 * time.Second)
	if !poll(limit, cond) {
		t.Fatalf("labtest: not within %v: %s", limit, what)
	}
}

// Scale lengthens a time limit for slow machines: ten times with LAB_SLOW=1.
func Scale(d time.Duration) time.Duration {
	if slow() {
		return 10 * d
	}
	return d
}

func slow() bool { return os.Getenv("LAB_SLOW") == "1" }

// poll tries at once, then with growing pauses, and one last time at the end.
func poll(limit time.Duration, cond func() bool) bool {
	deadline := time.Now().Add(limit)
	for pause := time.Millisecond; ; pause = min(2*pause, 50*time.Millisecond) {
		late := time.Now().After(deadline)
		if cond() {
			return true
		}
		if late {
			return false
		}
		time.Sleep(pause)
	}
}

// process is one line of the process table.
type process struct {
	Parent int
	State  string // S sleeping, R running, D waiting for a device, Z zombie …
	Start  string // in clock ticks since boot: pid and start name a process for good, a pid alone is used again
	Name   string
}

// processes reads the process table. Files named children in /proc/PID/task/TID would be quicker, but not every
// kernel has them.
func processes() map[int]process {
	all := map[int]process{}
	entries, _ := os.ReadDir("/proc")
	for _, e := range entries {
		pid, err := strconv.Atoi(e.Name())
		if err != nil {
			continue
		}
		// 4242 (name) S 1 …: a name may hold spaces and brackets, so look for the last one.
		line := readShort("/proc/" + e.Name() + "/stat")
		open, shut := strings.IndexByte(line, '('), strings.LastIndexByte(line, ')')
		if open < 0 || shut < open {
			continue // it ended while we read
		}
		fields := strings.Fields(line[shut+1:])
		if len(fields) < 20 {
			continue
		}
		parent, _ := strconv.Atoi(fields[1])
		all[pid] = process{Parent: parent, State: fields[0], Start: fields[19], Name: line[open+1 : shut]}
	}
	return all
}

// readShort is os.ReadFile for files that one read(2) is enough for: half the system calls, and this is done often.
func readShort(path string) string {
	fd, err := syscall.Open(path, syscall.O_RDONLY|syscall.O_CLOEXEC, 0)
	if err != nil {
		return ""
	}
	defer syscall.Close(fd)
	var buf [1024]byte
	n, _ := syscall.Read(fd, buf[:])
	return string(buf[:max(n, 0)])
}

// descendants returns the children of a process, their children, and so on.
func descendants(root int) map[int]process {
	all := processes()
	below := map[int]process{}
	for grown := true; grown; {
		grown = false
		for pid, p := range all {
			_, parentIsBelow := below[p.Parent]
			if _, known := below[pid]; !known && (p.Parent == root || parentIsBelow) {
				below[pid], grown = p, true
			}
		}
	}
	return below
}

// describe says in one line what a process is and what it waits for.
func describe(pid int, p process) string {
	args := strings.Join(Cmdline(pid), " ")
	if args == "" {
		args = "[" + p.Name + "]"
	}
	if len(args) > 200 {
		args = args[:200] + "…"
	}
	wchan, _ := os.ReadFile(fmt.Sprintf("/proc/%d/wchan", pid))
	return fmt.Sprintf("pid %d, parent %d, state %s %s: %s", pid, p.Parent, p.State, wchan, args)
}

// describeTree lists everything below a process.
func describeTree(root int) string {
	var lines []string
	for pid, p := range descendants(root) {
		lines = append(lines, "  "+describe(pid, p))
	}
	slices.Sort(lines)
	return strings.Join(lines, "\n")
}

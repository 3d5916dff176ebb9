package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// The two customary places of the memory controller: v2 has one tree for all controllers, v1 has a
// tree for each of them. From lab04 on we look the place up instead of relying on custom.
const (
	customaryV2 = "/sys/fs/cgroup"
	customaryV1 = "/sys/fs/cgroup/memory"
)

// cgroup is one memory cgroup.
type cgroup struct {
	dir     string // /sys/fs/cgroup/lab01-4242, or /sys/fs/cgroup/memory/lab01-4242
	v2      bool
	release func() // ends the guard
}

// Task 1.1: memoryHierarchy finds the root directory of the hierarchy that has the memory controller.
//
// On v2 the root directory has a file cgroup.controllers, and "memory" is one of the
// words in it. On v1 the hierarchy has the file memory.limit_in_bytes, and no cgroup.controllers.
// If it is in neither place, say what was looked for and where.
//
//lab:task 1.1
func memoryHierarchy() (root string, v2 bool, err error) {
	controllers, _ := os.ReadFile(customaryV2 + "/cgroup.controllers")
	for _, controller := range strings.Fields(string(controllers)) {
		if controller == "memory" {
			return customaryV2, true, nil
		}
	}
	if _, err := os.Stat(customaryV1 + "/memory.limit_in_bytes"); err == nil {
		return customaryV1, false, nil
	}
	return "", false, fail(125, "no memory controller: neither does %s/cgroup.controllers list it (v2), nor is there a %s/memory.limit_in_bytes (v1); look for cgroup_disable= in /proc/cmdline (a Raspberry Pi needs cgroup_enable=memory there)", customaryV2, customaryV1)
}

// newCgroup makes a cgroup for this run, named after the lab and our process number.
func newCgroup() (*cgroup, error) {
	root, v2, err := memoryHierarchy()
	if err != nil {
		return nil, err
	}
	if v2 {
		if err := enable(root, "memory"); err != nil {
			return nil, err
		}
	}
	cg := &cgroup{dir: filepath.Join(root, fmt.Sprintf("%s-%d", lab, os.Getpid())), v2: v2}
	// The guard comes before the directory, so that there is no moment at which nobody removes it.
	if cg.release, err = guard(cg.dir); err != nil {
		return nil, err
	}
	if err := os.Mkdir(cg.dir, 0o755); err != nil {
		cg.release()
		return nil, explain(err)
	}
	say("cgroup %s", cg.dir)
	return cg, nil
}

// enable lets the children of a v2 cgroup use a controller. Between two cgroups stands a gate: a
// child has a controller's files only if its parent lists it in cgroup.subtree_control.
func enable(dir, controller string) error {
	file := filepath.Join(dir, "cgroup.subtree_control")
	enabled, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	for _, c := range strings.Fields(string(enabled)) {
		if c == controller {
			// The kernel lists a controller first, and then makes its files. If another lab is just
			// enabling it, our write waits until they are there.
			return explain(os.WriteFile(file, []byte("+"+controller), 0))
		}
	}
	if err := os.WriteFile(file, []byte("+"+controller), 0); err != nil {
		return explain(err)
	}
	say("enabled the %s controller in %s; this stays, others may use it by now", controller, file)
	return nil
}

// Task 1.2: limit sets the memory limit in bytes and, unless swap is true, forbids swap. With 0 bytes it
// does nothing.
//
// On v2 memory.max takes the limit and memory.swap.max the swap on top of it. On v1
// memory.limit_in_bytes takes the limit, and memory.memsw.limit_in_bytes the sum of memory and
// swap. Without the swap limit a workload over the limit isn't killed but swapped out. A kernel
// without swap accounting hasn't got the swap file: that is an error only if the machine has swap.
//
//lab:task 1.2
func (cg *cgroup) limit(bytes int64, swap bool) error {
	if bytes == 0 {
		say("no limit (-m sets one)")
		return nil
	}
	limit := strconv.FormatInt(bytes, 10)
	file, swapFile, swapLimit := "memory.max", "memory.swap.max", "0"
	if !cg.v2 {
		file, swapFile, swapLimit = "memory.limit_in_bytes", "memory.memsw.limit_in_bytes", limit
	}
	if err := cg.write(file, limit); err != nil {
		return err
	}
	if swap {
		return nil
	}
	err := cg.write(swapFile, swapLimit)
	if errors.Is(err, fs.ErrNotExist) && !machineHasSwap() {
		return nil
	}
	return err
}

// write writes into a file of the cgroup. The file is opened without O_CREATE: a cgroup refuses new
// files with EACCES, which would hide that the file isn't there.
func (cg *cgroup) write(file, value string) error {
	f, err := os.OpenFile(filepath.Join(cg.dir, file), os.O_WRONLY, 0)
	if err != nil {
		return explain(err)
	}
	defer f.Close()
	if _, err = f.WriteString(value); err != nil {
		return explain(err)
	}
	say("%s = %s", file, value)
	return nil
}

// add moves a process into the cgroup. The file is cgroup.procs and not v1's tasks: that one moves a
// single thread, and a Go process has several.
func (cg *cgroup) add(pid int) error {
	procs := filepath.Join(cg.dir, "cgroup.procs")
	return explain(os.WriteFile(procs, []byte(strconv.Itoa(pid)), 0))
}

// Task 1.4: verdict asks the kernel how many processes it killed for want of memory, and how much the
// cgroup used at its highest, in bytes.
//
// An exit code is hearsay: stress exits with 1 when its worker is killed, and 137 may be
// anybody's kill. The kernel keeps count: on v2 "oom_kill N" in memory.events and the number in
// memory.peak (Linux 5.19 and later; leave peak 0 without it), on v1 "oom_kill N" in
// memory.oom_control and the number in memory.max_usage_in_bytes. See number and readKey below.
//
//lab:task 1.4
func (cg *cgroup) verdict() (kills, peak int64, err error) {
	events, highest := "memory.events", "memory.peak"
	if !cg.v2 {
		events, highest = "memory.oom_control", "memory.max_usage_in_bytes"
	}
	kills, err = cg.readKey(events, "oom_kill")
	if err != nil {
		return 0, 0, err
	}
	peak, err = cg.number(highest)
	if errors.Is(err, fs.ErrNotExist) {
		return kills, 0, nil
	}
	return kills, peak, err
}

// report prints the verdict.
func (cg *cgroup) report() {
	kills, peak, err := cg.verdict()
	used := "peak use " + formatSize(peak)
	if peak == 0 {
		used = "peak use unknown: less than a page, or Linux before 5.19"
	}
	switch {
	case err != nil:
		say("verdict: %v", err)
	case kills > 0:
		say("verdict: out of memory, the kernel killed %d at the limit (%s); a higher -m lets it live", kills, used)
	default:
		say("verdict: the kernel killed nobody (%s)", used)
	}
}

// number reads a file that holds one number.
func (cg *cgroup) number(file string) (int64, error) {
	data, err := os.ReadFile(filepath.Join(cg.dir, file))
	if err != nil {
		return 0, err
	}
	return strconv.ParseInt(strings.TrimSpace(string(data)), 10, 64)
}

// readKey reads the number after key from a file of "key number" lines.
func (cg *cgroup) readKey(file, key string) (int64, error) {
	data, err := os.ReadFile(filepath.Join(cg.dir, file))
	if err != nil {
		return 0, err
	}
	for _, line := range strings.Split(string(data), "\n") {
		if name, value, _ := strings.Cut(line, " "); name == key {
			return strconv.ParseInt(value, 10, 64)
		}
	}
	return 0, fmt.Errorf("%s has no %s: it came with Linux 4.13", file, key)
}

// Task 1.5: remove ends what still runs in the cgroup and removes it.
//
// While a process is left, rmdir fails with EBUSY; and deleting the files first, as os.RemoveAll
// does, fails too: they are the kernel's. So: send SIGKILL to every process in cgroup.procs and try
// rmdir (os.Remove), again and again, since a killed process takes a moment to go. The workload may
// have made cgroups below ours: treat those that cgroups lists in the same way, the innermost first.
// Give up after five seconds with the error of rmdir. A cgroup that isn't there is fine.
//
//lab:task 1.5
func (cg *cgroup) remove() error {
	for deadline := time.Now().Add(5 * time.Second); ; time.Sleep(5 * time.Millisecond) {
		var err error
		for _, dir := range cg.cgroups() {
			procs, _ := os.ReadFile(filepath.Join(dir, "cgroup.procs"))
			for _, line := range strings.Fields(string(procs)) {
				if pid, _ := strconv.Atoi(line); pid > 0 { // 0 stands for a process outside our PID namespace
					syscall.Kill(pid, syscall.SIGKILL)
				}
			}
			err = os.Remove(dir) // that of the last one, ours, counts
		}
		if err == nil || errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if time.Now().After(deadline) {
			return explain(err)
		}
	}
}

// cgroups lists the cgroup's directory and those below it, each after all that are in it.
func (cg *cgroup) cgroups() (dirs []string) {
	filepath.WalkDir(cg.dir, func(path string, entry fs.DirEntry, err error) error {
		if err == nil && entry.IsDir() {
			dirs = append([]string{path}, dirs...)
		}
		return nil
	})
	return dirs
}

// cleanUp removes the cgroup and then lets the guard go. What fails is said: the workload has ended,
// and its exit code is what the caller wants to know.
func (cg *cgroup) cleanUp() {
	if err := cg.remove(); err != nil {
		say("%v", err)
	}
	cg.release()
}

// machineHasSwap tells whether any swap space is on.
func machineHasSwap() bool {
	swaps, _ := os.ReadFile("/proc/swaps") // a heading, then a line for each
	return strings.Count(string(swaps), "\n") > 1
}

// explain adds to an error of the cgroup file system what it means there.
func explain(err error) error {
	for errno, meaning := range map[syscall.Errno]string{
		syscall.EACCES: "only root may do this here; try sudo",
		syscall.EPERM:  "only root may do this here; try sudo",
		syscall.EROFS:  "/sys is read-only: are we in a container?",
		syscall.ENOENT: "this controller isn't enabled in the parent's cgroup.subtree_control, or the kernel lacks it",
		syscall.EINVAL: "the kernel refuses this value",
		syscall.EEXIST: "a lab in another PID namespace has this number, or one that was killed left it; rmdir removes it unless it is in use",
		syscall.EBUSY:  "it holds a process or another cgroup, and can't be removed; or (on v2) a process, and can't enable controllers",
	} {
		if errors.Is(err, errno) {
			return fmt.Errorf("%w: %s", err, meaning)
		}
	}
	return err
}

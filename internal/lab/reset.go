package main

import (
	"bufio"
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"jocker/internal/check"
)

// leftover is something that a lab, or a student's program, has left on the machine.
type leftover struct {
	what   string
	remove func() error
}

// Names that only the labs, their guides and their checks use.
var (
	cgroupName  = regexp.MustCompile(`^(lab0[1-6]-\d+|mistakes|jocker-check-[\w-]+|test-limit-memory|cgroup-test|cgroup-[12]|broken)$`)
	boxName     = regexp.MustCompile(`jocker-check-\d+-\w+`)
	checkOwner  = regexp.MustCompile(`^jocker-check-(\d+)-`)
	programName = regexp.MustCompile(`^(lab0[1-6](-[a-z]+)?|mistakes)$`)
	guardName   = regexp.MustCompile(`^lab0[1-6]-guard$`)
	linkName    = regexp.MustCompile(`^lab0[1-6]`)
	hierarchyOf = regexp.MustCompile(`\bname=(lab0[1-6]|cgroup-test)\b`)
)

// reset shows what the labs have left, and removes it if it is told to.
func reset(_ context.Context, args []string, stdout, _ io.Writer) error {
	flags := flag.NewFlagSet("reset", flag.ContinueOnError)
	flags.SetOutput(io.Discard)
	yes := flags.Bool("yes", false, "don't ask")
	all := flags.Bool("all", false, "lab06's containers, too")
	if err := flags.Parse(args); err != nil {
		return usageError{err}
	}
	if os.Geteuid() != 0 {
		return fmt.Errorf("what the labs leave belongs to root: sudo make reset")
	}
	list := leftovers(*all)
	if len(list) == 0 {
		fmt.Fprintln(stdout, "Nothing is left of any lab.")
		return nil
	}
	for _, l := range list {
		fmt.Fprintln(stdout, "  "+l.what)
	}
	if !*yes && !ask(stdout, "Remove this?") {
		fmt.Fprintln(stdout, "Nothing was removed.")
		return nil
	}
	failed := 0
	for _, l := range list {
		if err := l.remove(); err != nil {
			fmt.Fprintf(stdout, "%s: %v\n", l.what, err)
			failed++
		}
	}
	if failed > 0 {
		return fmt.Errorf("%d of %d could not be removed", failed, len(list))
	}
	fmt.Fprintf(stdout, "Removed, all %d.\n", len(list))
	return nil
}

// ask asks a question that is to be answered by y.
func ask(w io.Writer, question string) bool {
	fmt.Fprint(w, question+" [y/N] ")
	answer, _ := bufio.NewReader(os.Stdin).ReadString('\n')
	answer = strings.ToLower(strings.TrimSpace(answer))
	return answer == "y" || answer == "yes"
}

// leftovers finds them, in the order of removal: who uses something goes before it.
func leftovers(all bool) []leftover {
	return slices.Concat(leftProcesses(), leftMounts(), leftCgroups(), leftLinks(), leftTables(), leftLayers(all), leftScratch())
}

// leftProcesses are programs of the labs, their guards, and whatever is in their cgroups.
func leftProcesses() (list []leftover) {
	pids := map[int]string{}
	entries, _ := filepath.Glob("/proc/[0-9]*")
	for _, dir := range entries {
		pid, _ := strconv.Atoi(filepath.Base(dir))
		args := strings.Split(read(dir+"/cmdline"), "\x00")
		exe, _ := os.Readlink(dir + "/exe")
		exe = strings.TrimSuffix(exe, " (deleted)")
		guard := slices.ContainsFunc(args, guardName.MatchString)
		if box := boxName.FindString(read(dir + "/cgroup")); box != "" && checking(box) {
			continue
		}
		if programName.MatchString(filepath.Base(exe)) || guard {
			pids[pid] = strings.Join(args, " ")
			if guard {
				pids[pid] = "the guard of a lab"
			}
		}
	}
	for _, dir := range leftCgroupDirs() {
		filepath.WalkDir(dir, func(path string, e os.DirEntry, err error) error {
			if err == nil && e.IsDir() {
				for _, word := range strings.Fields(read(path + "/cgroup.procs")) {
					if pid, _ := strconv.Atoi(word); pid > 1 && pids[pid] == "" {
						pids[pid] = strings.ReplaceAll(read("/proc/"+word+"/cmdline"), "\x00", " ") + "(in " + path + ")"
					}
				}
			}
			return nil
		})
	}
	for pid, what := range pids {
		if pid == os.Getpid() {
			continue
		}
		list = append(list, leftover{fmt.Sprintf("process %d: %.80s", pid, what), func() error {
			if err := syscall.Kill(pid, syscall.SIGKILL); err != nil && err != syscall.ESRCH {
				return err
			}
			return nil
		}})
	}
	slices.SortFunc(list, func(a, b leftover) int { return strings.Compare(a.what, b.what) })
	return list
}

// leftMounts are mounts that this process sees, and that only a lab makes: the last one first.
func leftMounts() (list []leftover) {
	store := storeDir()
	procs := 0
	for _, line := range strings.Split(strings.TrimSpace(read("/proc/self/mountinfo")), "\n") {
		left, right, _ := strings.Cut(line, " - ")
		l, r := strings.Fields(left), strings.Fields(right)
		if len(l) < 6 || len(r) < 3 {
			continue
		}
		point := strings.NewReplacer(`\040`, " ", `\134`, `\`).Replace(l[4])
		if r[0] == "proc" && point == "/proc" {
			procs++
		}
		if strings.HasPrefix(point, store+"/") || r[0] == "cgroup" && hierarchyOf.MatchString(r[2]) || r[0] == "proc" && point == "/proc" && procs > 1 {
			list = append(list, leftover{fmt.Sprintf("mount of %s on %s", r[0], point), func() error { return syscall.Unmount(point, syscall.MNT_DETACH) }})
		}
	}
	slices.Reverse(list)
	return list
}

// leftCgroupDirs are cgroups of the labs' names, at the top of each hierarchy.
func leftCgroupDirs() (dirs []string) {
	for _, line := range strings.Split(read("/proc/self/mountinfo"), "\n") {
		left, right, _ := strings.Cut(line, " - ")
		l := strings.Fields(left)
		if len(l) < 6 || !strings.HasPrefix(right, "cgroup") {
			continue
		}
		entries, _ := os.ReadDir(l[4])
		for _, e := range entries {
			if dir := filepath.Join(l[4], e.Name()); e.IsDir() && cgroupName.MatchString(e.Name()) && !checking(e.Name()) && !slices.Contains(dirs, dir) {
				dirs = append(dirs, dir)
			}
		}
	}
	return dirs
}

// checking says whether a cgroup belongs to a check that runs just now: jocker-check-PID-NUMBER, and PID is alive.
func checking(name string) bool {
	m := checkOwner.FindStringSubmatch(name)
	if m == nil {
		return false
	}
	exe, err := os.Readlink("/proc/" + m[1] + "/exe")
	return err == nil && (filepath.Base(exe) == "lab" || strings.HasSuffix(exe, ".test"))
}

func leftCgroups() (list []leftover) {
	for _, dir := range leftCgroupDirs() {
		list = append(list, leftover{"cgroup " + dir, func() error { return check.RemoveCgroup(dir) }})
	}
	return list
}

// leftLinks are network links. No lab makes one; a student's program may.
func leftLinks() (list []leftover) {
	out, _ := exec.Command("ip", "-o", "link").Output()
	for _, line := range strings.Split(string(out), "\n") {
		if f := strings.Fields(line); len(f) > 1 {
			name, _, _ := strings.Cut(strings.TrimSuffix(f[1], ":"), "@")
			if linkName.MatchString(name) {
				list = append(list, leftover{"link " + name, func() error { return exec.Command("ip", "link", "del", name).Run() }})
			}
		}
	}
	return list
}

// leftTables are tables of nftables.
func leftTables() (list []leftover) {
	out, _ := exec.Command("nft", "list", "tables").Output()
	for _, line := range strings.Split(string(out), "\n") {
		if f := strings.Fields(line); len(f) == 3 && linkName.MatchString(f[2]) {
			list = append(list, leftover{"nft table " + f[1] + " " + f[2], func() error { return exec.Command("nft", "delete", "table", f[1], f[2]).Run() }})
		}
	}
	return list
}

// leftLayers are the read-write layers of temporary containers; all of them and the images if all is true. One that is
// in use is locked by its lab, which is among the processes above.
func leftLayers(all bool) (list []leftover) {
	patterns := []string{"containers/.*", "layers/.new-*"}
	if all {
		patterns = append(patterns, "containers/*", "images/*", "layers/*")
	}
	seen := map[string]bool{}
	for _, pattern := range patterns {
		found, _ := filepath.Glob(filepath.Join(storeDir(), pattern))
		for _, path := range found {
			if !seen[path] {
				seen[path] = true
				list = append(list, leftover{"files " + path, func() error { return removeUnmounted(path) }})
			}
		}
	}
	return list
}

// leftScratch are folders of checks that were killed. A check that runs has a younger one.
func leftScratch() (list []leftover) {
	for _, pattern := range []string{"jocker-check-*", "jocker-build-*"} {
		found, _ := filepath.Glob(filepath.Join(os.TempDir(), pattern))
		for _, path := range found {
			if info, err := os.Stat(path); err == nil && time.Since(info.ModTime()) > 2*time.Minute {
				list = append(list, leftover{"files " + path, func() error { return removeUnmounted(path) }})
			}
		}
	}
	return list
}

// removeUnmounted removes a folder, unless something is still mounted in it: RemoveAll would empty that, too.
func removeUnmounted(path string) error {
	if strings.Contains(read("/proc/self/mountinfo"), " "+path+"/") {
		return fmt.Errorf("something is mounted in it")
	}
	return os.RemoveAll(path)
}

func storeDir() string {
	if dir := os.Getenv("JOCKER_LABS"); dir != "" {
		return dir
	}
	return "/var/lib/jocker-labs"
}

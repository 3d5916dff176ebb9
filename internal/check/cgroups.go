package check

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"jocker/internal/labtest"
)

// hierarchy is a cgroup hierarchy of the machine that has a controller which the labs use.
type hierarchy struct {
	Point string // where it is mounted
	V2    bool
	Words string // the mount options of a v1 hierarchy that choose it: "cpu,cpuacct"
}

// controllers are those that the labs and the box use.
var controllers = []string{"memory", "cpu", "cpuset", "pids"}

// hierarchies lists the machine's hierarchies with these controllers, and the v2 one of a hybrid machine.
func hierarchies() (list []hierarchy) {
	for _, line := range strings.Split(readFile("/proc/self/mountinfo"), "\n") {
		left, right, _ := strings.Cut(line, " - ")
		l, r := strings.Fields(left), strings.Fields(right)
		if len(l) < 6 || len(r) < 3 || l[3] != "/" {
			continue
		}
		h := hierarchy{Point: l[4], V2: r[0] == "cgroup2"}
		var words []string
		useful := h.V2
		for _, word := range strings.Split(r[2], ",") {
			if slices.Contains(controllers, word) {
				useful = true
			}
			if slices.Contains(strings.Fields("cpuset cpu cpuacct blkio memory devices freezer net_cls perf_event net_prio hugetlb pids rdma misc"), word) {
				words = append(words, word)
			}
		}
		h.Words = strings.Join(words, ",")
		known := slices.ContainsFunc(list, func(o hierarchy) bool { return o.V2 == h.V2 && o.Words == h.Words })
		if (r[0] == "cgroup" || h.V2) && useful && !known {
			list = append(list, h)
		}
	}
	return list
}

// box is the cgroups of one check: a directory of the same name in each hierarchy. Everything that the student's program
// makes lies below.
type box struct {
	name        string
	hierarchies []hierarchy
	notes       []string
}

const (
	boxMemory = 700 << 20 // enough for the labs' workloads, little enough to hurt nobody
	boxPids   = 400
)

// boxPrefix begins the names of the boxes' cgroups; lab reset looks for it.
const boxPrefix = "jocker-check-"

// newBox makes the cgroups and limits them.
func newBox() (*box, error) {
	b := &box{name: boxPrefix + strconv.Itoa(os.Getpid()) + "-" + strconv.FormatInt(time.Now().UnixNano()%1e9, 36), hierarchies: hierarchies()}
	if len(b.hierarchies) == 0 {
		return nil, errors.New("no cgroup hierarchy with a memory controller is mounted here: make doctor tells more")
	}
	for _, h := range b.hierarchies {
		if err := b.make(h); err != nil {
			b.remove()
			return nil, err
		}
	}
	return b, nil
}

func (b *box) dir(h hierarchy) string { return filepath.Join(h.Point, b.name) }

func (b *box) make(h hierarchy) error {
	if h.V2 {
		if err := b.enable(h.Point); err != nil {
			return err
		}
	}
	dir := b.dir(h)
	if err := os.Mkdir(dir, 0o755); err != nil {
		return fmt.Errorf("a cgroup for the check: %w", err)
	}
	for _, file := range []string{"cpuset.cpus", "cpuset.mems"} { // of v1: empty in a new cgroup, and then nobody may enter
		if !h.V2 && slices.Contains(strings.Split(h.Words, ","), "cpuset") {
			if err := os.WriteFile(filepath.Join(dir, file), []byte(labtest.ReadCgroup(h.Point, file)), 0); err != nil {
				return err
			}
		}
	}
	for _, limit := range []struct{ file, value string }{
		{"memory.limit_in_bytes", strconv.Itoa(boxMemory)}, {"memory.max", strconv.Itoa(boxMemory)}, {"memory.swap.max", "0"},
		{"pids.max", strconv.Itoa(boxPids)},
	} {
		file := filepath.Join(dir, limit.file)
		if _, err := os.Stat(file); err != nil {
			continue
		}
		if err := os.WriteFile(file, []byte(limit.value), 0); err != nil {
			return fmt.Errorf("limit of the check: %w", err)
		}
	}
	return nil
}

// enable lets the box have the controllers. As in the labs this is the one lasting change, and it is announced.
func (b *box) enable(root string) error {
	file := filepath.Join(root, "cgroup.subtree_control")
	enabled := strings.Fields(readFile(file))
	for _, c := range strings.Fields(readFile(filepath.Join(root, "cgroup.controllers"))) {
		if !slices.Contains(controllers, c) || slices.Contains(enabled, c) {
			continue
		}
		if err := os.WriteFile(file, []byte("+"+c), 0); err != nil {
			return fmt.Errorf("enable %s: %w", c, err)
		}
		b.notes = append(b.notes, fmt.Sprintf("enabled the %s controller in %s; this stays, others may use it by now", c, file))
	}
	return nil
}

// place moves a process into the box, or back to where it was.
func (b *box) place(pid int, from map[string]string) error {
	for _, h := range b.hierarchies {
		dir := b.dir(h)
		if from != nil {
			dir = filepath.Join(h.Point, from[h.Point])
		}
		if err := os.WriteFile(filepath.Join(dir, "cgroup.procs"), []byte(strconv.Itoa(pid)), 0); err != nil {
			return err
		}
	}
	return nil
}

// places says in which cgroup of each hierarchy this process is.
func (b *box) places() map[string]string {
	at := map[string]string{}
	for _, line := range strings.Split(readFile("/proc/self/cgroup"), "\n") {
		f := strings.SplitN(line, ":", 3)
		if len(f) != 3 {
			continue
		}
		for _, h := range b.hierarchies {
			if h.V2 && f[0] == "0" || !h.V2 && f[1] != "" && sameWords(f[1], h.Words) {
				at[h.Point] = f[2]
			}
		}
	}
	return at
}

func sameWords(a, b string) bool {
	x, y := strings.Split(a, ","), strings.Split(b, ",")
	slices.Sort(x)
	slices.Sort(y)
	return slices.Equal(x, y)
}

// remove kills what is in the box and removes it, from the innermost cgroup outward.
func (b *box) remove() error {
	var last error
	for _, h := range b.hierarchies {
		if err := RemoveCgroup(b.dir(h)); err != nil {
			last = err
		}
	}
	return last
}

// RemoveCgroup kills what is in a cgroup and in those below it, and removes them. It gives up after five seconds.
func RemoveCgroup(dir string) error {
	for deadline := time.Now().Add(5 * time.Second); ; time.Sleep(5 * time.Millisecond) {
		var dirs []string
		filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
			if err == nil && e.IsDir() {
				dirs = append(dirs, path)
			}
			return nil
		})
		var last error
		slices.Reverse(dirs)
		for _, d := range dirs {
			for _, pid := range strings.Fields(readFile(filepath.Join(d, "cgroup.procs"))) {
				if n, _ := strconv.Atoi(pid); n > 0 && n != os.Getpid() {
					syscall.Kill(n, syscall.SIGKILL)
				}
			}
			if err := os.Remove(d); err != nil && !errors.Is(err, fs.ErrNotExist) {
				last = err
			}
		}
		if last == nil || time.Now().After(deadline) {
			return last
		}
	}
}

func readFile(path string) string {
	data, _ := os.ReadFile(path)
	return string(data)
}

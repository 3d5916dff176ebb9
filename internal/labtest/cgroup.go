package labtest

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// mount is one line of mountinfo, see proc_pid_mountinfo(5):
//
//	36 35 98:0 /root /point rw,noatime master:1 - ext3 /dev/sda1 rw,errors=continue
//
// Ids and device numbers are left out: they differ from one time to the next, and say nothing.
type mount struct {
	Root        string // what part of the file system is mounted
	Point       string // where
	Options     string // of this mount
	Propagation string // "shared", "master", "shared master", … without the numbers of the peer groups
	Type        string
	Source      string
	Super       string // options of the file system: for a v1 cgroup, its controllers
}

// mounts reads the mount table of this thread.
func mounts() []mount {
	raw, _ := os.ReadFile("/proc/thread-self/mountinfo")
	return parseMounts(string(raw))
}

func parseMounts(table string) []mount {
	unescape := strings.NewReplacer(`\040`, " ", `\011`, "\t", `\012`, "\n", `\134`, `\`)
	var list []mount
	for _, line := range strings.Split(table, "\n") {
		left, right, ok := strings.Cut(line, " - ") // any number of optional fields stand before the hyphen
		l, r := strings.Fields(left), strings.SplitN(right, " ", 3)
		if !ok || len(l) < 6 || len(r) < 3 {
			continue
		}
		var tags []string
		for _, tag := range l[6:] {
			name, _, _ := strings.Cut(tag, ":")
			tags = append(tags, name)
		}
		list = append(list, mount{
			Root: unescape.Replace(l[3]), Point: unescape.Replace(l[4]), Options: l[5],
			Propagation: strings.Join(tags, " "),
			Type:        r[0], Source: unescape.Replace(r[1]), Super: r[2],
		})
	}
	return list
}

// controllersV1 are the words among a v1 hierarchy's options that stand for controllers.
var controllersV1 = strings.Fields("cpuset cpu cpuacct blkio memory devices freezer net_cls perf_event net_prio " +
	"hugetlb pids rdma misc")

// Layout says which cgroups this machine has: "v2"; "v1"; "hybrid", that is controllers in v1 hierarchies and a v2
// hierarchy beside them; or "" for none. Hierarchies without a controller, such as systemd's, don't count as v1.
func Layout() string { return layout(mounts()) }

func layout(table []mount) string {
	var v1, v2 bool
	for _, m := range table {
		switch m.Type {
		case "cgroup2":
			v2 = true
		case "cgroup":
			for _, o := range strings.Split(m.Super, ",") {
				v1 = v1 || slices.Contains(controllersV1, o)
			}
		}
	}
	switch {
	case v1 && v2:
		return "hybrid"
	case v1:
		return "v1"
	case v2:
		return "v2"
	}
	return ""
}

// Hierarchy returns the mount point of the hierarchy that has a controller ("memory"), and whether it is a v2 one.
// A named v1 hierarchy is found as "name=systemd". The folder is "" if the machine doesn't have the controller.
func Hierarchy(controller string) (dir string, v2 bool) { return hierarchy(mounts(), controller) }

func hierarchy(table []mount, controller string) (dir string, v2 bool) {
	for _, m := range table {
		has := []string{}
		switch m.Type {
		case "cgroup":
			has = strings.Split(m.Super, ",")
		case "cgroup2":
			has = strings.Fields(ReadCgroup(m.Point, "cgroup.controllers"))
		}
		if slices.Contains(has, controller) {
			dir, v2 = m.Point, m.Type == "cgroup2"
			if m.Root == "/" { // rather the hierarchy than a part of it that somebody bound elsewhere
				return dir, v2
			}
		}
	}
	return dir, v2
}

// ReadCgroup returns the content of a cgroup's file without the final newline: ReadCgroup(dir, "memory.max").
// A file that doesn't exist reads as "".
func ReadCgroup(dir, file string) string {
	raw, _ := os.ReadFile(filepath.Join(dir, file))
	return strings.TrimSuffix(string(raw), "\n")
}

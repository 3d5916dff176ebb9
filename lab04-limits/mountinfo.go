package main

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// mount is a line of /proc/self/mountinfo, as far as we need it.
type mount struct {
	root, point, fstype string   // what directory of a file system, and where; type "cgroup" is v1, "cgroup2" is v2
	options             []string // the super options: on v1 they name the controllers
}

// Task 4.1: parseMount reads one line of /proc/self/mountinfo, such as
//
//	36 32 0:33 / /sys/fs/cgroup/cpu,cpuacct rw,nosuid shared:15 - cgroup cgroup rw,cpu,cpuacct
//
// The fields are id, parent id, major:minor, root, mount point, mount options, any
// number of optional fields, a lone "-", file system type, source, super options. Fields are
// separated by single spaces; ok is false for a line with fewer. Root and mount point are escaped:
// see unescape.
//
//lab:task 4.1
func parseMount(line string) (m mount, ok bool) {
	before, after, found := strings.Cut(line, " - ")
	left, right := strings.Split(before, " "), strings.Split(after, " ")
	if !found || len(left) < 6 || len(right) < 3 {
		return mount{}, false
	}
	return mount{unescape(left[3]), unescape(left[4]), right[0], strings.Split(right[2], ",")}, true
}

// unescape turns the octal escapes that the kernel writes for blank, tab, newline and backslash
// back into these characters.
func unescape(s string) string {
	return strings.NewReplacer(`\040`, " ", `\011`, "\t", `\012`, "\n", `\134`, `\`).Replace(s)
}

// Task 4.2: find finds the mounted hierarchy of a controller in the text of /proc/self/mountinfo.
//
// Return the mount point of the first mount whose root is "/" (another shows only a part of the tree) and
// which is either of type cgroup with the controller among its super options: that is v1; or of
// type cgroup2 with the controller among those that enabled(mount point) returns: that is v2.
// A hybrid host has both, and each controller in one of them.
//
//lab:task 4.2
func find(info, controller string, enabled func(dir string) []string) (root string, v2, ok bool) {
	for _, line := range strings.Split(info, "\n") {
		m, ok := parseMount(line)
		switch {
		case !ok || m.root != "/":
		case m.fstype == "cgroup" && slices.Contains(m.options, controller):
			return m.point, false, true
		case m.fstype == "cgroup2" && slices.Contains(enabled(m.point), controller):
			return m.point, true, true
		}
	}
	return "", false, false
}

// hierarchy finds the root directory of a controller's hierarchy on this machine.
func hierarchy(controller string) (root string, v2 bool, err error) {
	info, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		return "", false, err
	}
	root, v2, ok := find(string(info), controller, func(dir string) []string {
		list, _ := os.ReadFile(filepath.Join(dir, "cgroup.controllers"))
		return strings.Fields(string(list))
	})
	if !ok {
		return "", false, fail(125, "no %s controller: no cgroup or cgroup2 mount in /proc/self/mountinfo has it; look for cgroup_disable= in /proc/cmdline (a Raspberry Pi needs cgroup_enable=memory there)", controller)
	}
	return root, v2, nil
}

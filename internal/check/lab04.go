package check

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
)

var lab04 = map[string]taskCheck{
	"4.1": {check: checkParseMount},
	"4.2": {check: checkFind, needs: []string{"4.1"}},
	"4.3": {check: checkWeight},
	"4.4": {check: checkCpuset, parts: []string{"4.1", "4.2", "4.3"}},
}

func checkParseMount(w *world) *Finding {
	const see = `The idea; man 5 proc_pid_mountinfo`
	type mount struct {
		Root, Point, Type string
		Options           []string
		Ok                bool
	}
	for _, c := range []struct {
		line          string
		want          mount
		name, meaning string
	}{
		{"36 32 0:33 / /sys/fs/cgroup/cpu,cpuacct rw,nosuid shared:15 - cgroup cgroup rw,cpu,cpuacct",
			mount{"/", "/sys/fs/cgroup/cpu,cpuacct", "cgroup", []string{"rw", "cpu", "cpuacct"}, true}, "fields", "The fields are: id, parent, device, root, mount point, options, optional fields, a lone hyphen, type, source, super options"},
		{"36 32 0:33 / /sys/fs/cgroup rw,nosuid - cgroup2 cgroup2 rw,nsdelegate",
			mount{"/", "/sys/fs/cgroup", "cgroup2", []string{"rw", "nsdelegate"}, true}, "optional-fields", "A private mount has no optional field, a shared slave has two. Their number isn't known beforehand, and the lone hyphen is there to end them"},
		{"36 32 0:33 / /sys/fs/cgroup rw shared:1 master:2 propagate_from:3 - cgroup2 cgroup2 rw",
			mount{"/", "/sys/fs/cgroup", "cgroup2", []string{"rw"}, true}, "optional-fields", "A private mount has no optional field, a shared slave has two. Their number isn't known beforehand, and the lone hyphen is there to end them"},
		{`36 32 0:33 /a\134b /tmp/two\040words\011tab\012line rw - tmpfs none rw`,
			mount{`/a\b`, "/tmp/two words\ttab\nline", "tmpfs", []string{"rw"}, true}, "octal", "Fields are separated by blanks, so the kernel writes a blank within a path as \\040, and likewise tab, newline and the backslash itself"},
		{"36 32 0:33 / /mnt/a-b rw - tmpfs - rw",
			mount{"/", "/mnt/a-b", "tmpfs", []string{"rw"}, true}, "hyphen", "Only a hyphen that is a field of its own ends the optional fields; paths have hyphens, too"},
		{"36 32 0:33 / /mnt rw", mount{}, "too-few-fields", "A line that isn't one must not be taken for one, nor may it take the program down"},
		{"", mount{}, "too-few-fields", "The file ends with a newline: after it there is an empty line"},
		{"36 32 0:33 / /mnt rw shared:1 master:2 propagate_from:3 a b c", mount{}, "too-few-fields", "Where no lone hyphen ends the optional fields, there is no type, either"},
		{"36 32 0:33 / /mnt rw shared:1 master:2 propagate_from:3 - cgroup2", mount{}, "too-few-fields", "After the hyphen there are three fields. A line that isn't one must not take the program down"},
		{"36 32 0:33 - cgroup cgroup rw", mount{}, "too-few-fields", "A line that isn't one must not be taken for one, nor may it take the program down"},
	} {
		var got mount
		r := w.probe(command{}, &got, "parseMount", c.line)
		f := w.failed(r, see)
		if f != nil && f.Name != "panics" {
			return f
		}
		if f != nil || got.Ok != c.want.Ok || got.Ok && (got.Root != c.want.Root || got.Point != c.want.Point || got.Type != c.want.Type || !slices.Equal(got.Options, c.want.Options)) {
			observed := fmt.Sprintf("of %q: %+v", c.line, got)
			if f != nil {
				observed = fmt.Sprintf("at %q %s", c.line, f.Observed)
			}
			return finding(c.name, observed, fmt.Sprintf("%+v", c.want), c.meaning, see)
		}
	}
	return nil
}

func checkFind(w *world) *Finding {
	const see = `The idea; man 7 cgroups`
	const hybrid = `24 1 0:20 / / rw shared:1 - ext4 /dev/sda1 rw
30 24 0:25 / /sys/fs/cgroup ro shared:9 - tmpfs tmpfs ro,mode=755
31 30 0:26 / /sys/fs/cgroup/unified rw shared:10 - cgroup2 cgroup2 rw
32 30 0:27 / /sys/fs/cgroup/systemd rw shared:11 - cgroup cgroup rw,xattr,name=systemd
33 30 0:28 / /sys/fs/cgroup/cpuset rw shared:15 - cgroup cgroup rw,cpuset
34 30 0:29 / /sys/fs/cgroup/cpu,cpuacct rw shared:16 - cgroup cgroup rw,cpu,cpuacct
35 30 0:30 /docker/abc /mnt/part rw - cgroup cgroup rw,memory
36 30 0:30 / /sys/fs/cgroup/memory rw shared:17 - cgroup cgroup rw,memory
`
	const v2 = `24 1 0:20 / / rw shared:1 - ext4 /dev/sda1 rw
30 24 0:25 /user.slice /mnt/part rw - cgroup2 cgroup2 rw
31 24 0:25 / /custom/place rw,nosuid shared:9 - cgroup2 cgroup2 rw,nsdelegate
`
	all := map[string][]string{"/custom/place": {"cpuset", "cpu", "memory"}, "/mnt/part": {"cpuset", "cpu", "memory"}, "/sys/fs/cgroup/unified": {"hugetlb"}}
	enabled, _ := json.Marshal(all)
	type place struct {
		Root   string
		V2, Ok bool
	}
	for _, c := range []struct {
		info, controller string
		want             place
		trap             string // the wrong answer that the name is for; if empty, any is
		name, meaning    string
	}{
		{hybrid, "cpu", place{"/sys/fs/cgroup/cpu,cpuacct", false, true}, "/sys/fs/cgroup/cpuset", "controller-substring", "The super options are a list of words: cpu is one, and it is also a part of cpuset and cpuacct"},
		{hybrid, "cpuset", place{"/sys/fs/cgroup/cpuset", false, true}, "", "not-found", "The controller is one of the words in the super options of its v1 mount"},
		{hybrid, "memory", place{"/sys/fs/cgroup/memory", false, true}, "/mnt/part", "partial-mount", "A mount whose root isn't / shows a part of the tree, as container engines bind it into containers. A cgroup made there would lie within somebody else's"},
		{hybrid, "hugetlb", place{"/sys/fs/cgroup/unified", true, true}, "", "hybrid", "On a hybrid machine both versions are mounted, and each controller is in one of them: on v2 it is one of the words in cgroup.controllers"},
		{hybrid, "pids", place{}, "", "found-nowhere", "That a v2 tree is mounted doesn't mean that a controller is in it: cgroup.controllers says which are"},
		{hybrid, "systemd", place{}, "", "name-taken-for-controller", "name=systemd is the name of a hierarchy without a controller"},
		{v2, "memory", place{"/custom/place", true, true}, "/mnt/part", "partial-mount", "A mount whose root isn't / shows a part of the tree"},
		{v2, "ext4", place{}, "", "found-nowhere", "Only mounts of the types cgroup and cgroup2 are hierarchies"},
		{"", "cpu", place{}, "", "found-nowhere", "Nothing is mounted there"},
	} {
		var got place
		r := w.probe(command{}, &got, "find", c.info, c.controller, string(enabled))
		if f := w.failed(r, see); f != nil {
			return f
		}
		if got.Ok == c.want.Ok && (!got.Ok || got == c.want) {
			continue
		}
		switch {
		case got.Root == "/":
			return finding("root-for-point", fmt.Sprintf("%s was found at %+v", c.controller, got), fmt.Sprintf("%+v", c.want),
				"A mount has two ends: its root is the directory within the mounted file system that is shown, its mount point is where it is shown in ours. We look for a path of ours", see)
		case c.trap != "" && got.Root != c.trap:
			return finding("not-found", fmt.Sprintf("%s was found at %+v in\n%s", c.controller, got, c.info), fmt.Sprintf("%+v", c.want),
				"On v1 the controller is one of the words in the super options of its mount; on v2, one of those in the file cgroup.controllers", see)
		default:
			return finding(c.name, fmt.Sprintf("%s was found at %+v in\n%s", c.controller, got, c.info), fmt.Sprintf("%+v", c.want), c.meaning, see)
		}
	}
	return nil
}

func checkWeight(w *world) *Finding {
	const see = `Three controllers, two versions; https://docs.kernel.org/admin-guide/cgroup-v2.html#cpu`
	shares := []string{"2", "262144", "1024", "512", "3", "131072"}
	want := []uint64{1, 10000, 39, 20, 1, 5000}
	var got []uint64
	r := w.probe(command{}, &got, "weight", shares...)
	if f := w.failed(r, see); f != nil {
		return f
	}
	observed, expected := fmt.Sprintf("shares %v become the weights %v", shares, got), fmt.Sprint(want)
	switch {
	case len(got) == len(want) && (got[0] != 1 || got[1] != 10000):
		return finding("weight-ends", observed, expected, "v1 takes shares from 2 to 262144, v2 weights from 1 to 10000. A number beyond the ends is refused with ERANGE", see)
	case !slices.Equal(got, want):
		return finding("weight-line", observed, expected, "Between the ends lies a straight line; what container engines agree on is whole numbers, rounded down at the end and not before", see)
	}
	return nil
}

func checkCpuset(w *world) *Finding {
	const see = `Three controllers, two versions; man 7 cpuset`
	parent := w.files("parent", map[string]string{"cpuset.cpus": "0-3\n", "cpuset.mems": "0-1\n"})
	child := w.files("parent/child", map[string]string{"cpuset.cpus": "", "cpuset.mems": ""})
	_ = parent
	var err string
	r := w.probe(command{}, &err, "cpuset", child, "1-2")
	if f := w.failed(r, see); f != nil {
		return f
	}
	cpus, mems := readFile(child+"/cpuset.cpus"), readFile(child+"/cpuset.mems")
	observed := fmt.Sprintf("in a v1 cpuset below one with the memory nodes 0-1: cpuset.cpus = %q, cpuset.mems = %q, error %q", cpus, mems, err)
	const expected = `cpuset.cpus = "1-2", cpuset.mems = "0-1"`
	switch {
	case cpus != "1-2":
		return finding("no-cpus", observed, expected, "cpuset.cpus is the list of processors on which the scheduler may put the processes of this cgroup", see)
	case mems == "":
		return finding("no-mems", observed, expected, "A new v1 cpuset has neither processors nor memory nodes, and while one of the lists is empty nobody can be moved in: write(cgroup.procs) gives ENOSPC, \"no space left on device\", and no disk is meant", see)
	case mems != "0-1":
		return finding("mems-guessed", observed, expected, "A machine with several memory nodes has several numbers here, and a child may have no node that its parent hasn't: EACCES. Only the parent's file says which there are", see)
	case err != "":
		return finding("cpuset-error", observed, "no error", "Both files took their values", see)
	}
	r = w.lab("run", "-m", "60m", "-cpuset", "0", "-cpushare", "512", "grep", "Cpus_allowed_list", "/proc/self/status")
	if strings.Contains(r.Stderr, " is yours: ") {
		return nil
	}
	if f := w.failed(r, see); f != nil {
		return f
	}
	if r.Stdout != "Cpus_allowed_list:\t0\n" {
		return finding("cpuset-ignored", "with -cpuset 0 the workload may run on: "+quote(r.Stdout), `"0"`, "The kernel's own list for the process, in /proc/PID/status", see).with(r)
	}
	return nil
}

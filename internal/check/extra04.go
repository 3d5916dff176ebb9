package check

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

var throttleChecks = map[string]taskCheck{"throttle.1": {check: checkBandwidth}, "throttle.2": {check: checkThrottling}}

const seeThrottle = `https://docs.kernel.org/scheduler/sched-bwc.html; lab04: Shares, seen`

func checkBandwidth(w *world) *Finding {
	for _, c := range []struct {
		version string
		percent string
		want    map[string]string
	}{
		{"v2", "20", map[string]string{"cpu.max": "20000 100000"}}, {"v2", "150", map[string]string{"cpu.max": "150000 100000"}},
		{"v1", "20", map[string]string{"cpu.cfs_quota_us": "20000", "cpu.cfs_period_us": "100000"}},
	} {
		var got map[string]string
		if f := w.failed(w.probe(command{}, &got, "bandwidth", c.version, c.percent), seeThrottle); f != nil {
			return f
		}
		if maps.Equal(got, c.want) {
			continue
		}
		name, meaning := "wrong-bandwidth", "Quota and period are in microseconds; their quotient is the number of processors"
		if got["cpu.max"] == "100000 20000" {
			name, meaning = "quota-and-period-swapped", "The first number of cpu.max is how long the cgroup may run, the second how long a period is: the other way round it may run five processors"
		} else if len(got) < len(c.want) || c.version == "v1" && got["cpu.max"] != "" {
			name, meaning = "wrong-version-file", "The two versions have different files for the same thing, and a cgroup of one hasn't got the other's"
		}
		return finding(name, fmt.Sprintf("%s percent on %s are %v", c.percent, c.version, got), fmt.Sprint(c.want), meaning, seeThrottle)
	}
	r := w.lab("-percent", "20", "sh", "-c", "i=0; while [ $i -lt 60000 ]; do i=$((i+1)); done")
	if strings.Contains(r.Stderr, " is yours: ") {
		return nil
	}
	if f := w.failed(r, seeThrottle); f != nil {
		return f
	}
	return nil
}

func checkThrottling(w *world) *Finding {
	for text, want := range map[string][]int{
		"nr_periods 12\nnr_throttled 5\nthrottled_time 345678\n":                                          {12, 5},
		"usage_usec 1\nnr_throttled 3\nnr_bursts 0\nnr_periods 40\nthrottled_usec 9\nnr_throttled_x 77\n": {40, 3},
	} {
		var got []int
		if f := w.failed(w.probe(command{}, &got, "throttling", text), seeThrottle); f != nil {
			return f
		}
		if !slices.Equal(got, want) {
			return finding("stat-misread", fmt.Sprintf("of %q: periods and throttled %v", text, got), fmt.Sprint(want), "cpu.stat has a line for each count, its name first, in no promised order; throttled_usec and nr_bursts are others", seeThrottle)
		}
	}
	return nil
}

var intoChecks = map[string]taskCheck{"into.1": {check: checkUnified}, "into.2": {check: checkBornIn}}

const seeInto = `man 2 clone; man 7 cgroups`

func checkUnified(w *world) *Finding {
	const mounts = "24 1 0:20 / / rw shared:1 - ext4 /dev/cgroup2 rw\n31 30 0:26 /part /mnt rw - cgroup2 cgroup2 rw\n33 30 0:28 / /sys/fs/cgroup/memory rw - cgroup cgroup2 rw,memory\n32 30 0:26 / /sys/fs/cgroup/unified rw shared:10 - cgroup2 cgroup rw\n"
	var got struct {
		Point string
		Ok    bool
	}
	if f := w.failed(w.probe(command{}, &got, "unified", mounts), seeInto); f != nil {
		return f
	}
	switch {
	case got.Point == "/mnt":
		return finding("partial-mount", "found "+got.Point+" in\n"+mounts, "/sys/fs/cgroup/unified", "A mount whose root isn't / shows a part of the tree", seeInto)
	case got.Point != "/sys/fs/cgroup/unified" || !got.Ok:
		return finding("wrong-mount", fmt.Sprintf("found %q in\n%s", got.Point, mounts), "/sys/fs/cgroup/unified", "The type is the first word after the lone hyphen; the words after it are the source, which is decoration, and the options", seeInto)
	}
	w.probe(command{}, &got, "unified", "24 1 0:20 / / rw - ext4 /dev/sda rw\n")
	if got.Ok {
		return finding("found-nowhere", "a cgroup2 mount was found where there is none", "not ok", "A machine with v1 alone has none", seeInto)
	}
	return nil
}

func checkBornIn(w *world) *Finding {
	var point string
	for _, h := range w.Hierarchies {
		if h.V2 {
			point = h.Point
		}
	}
	if point == "" {
		return finding("no-v2", "this machine has no v2 hierarchy", "cgroup v2, or a hybrid machine", "CLONE_INTO_CGROUP is for v2", seeInto)
	}
	dir := filepath.Join(point, "born")
	RemoveCgroup(dir)
	if err := os.Mkdir(dir, 0o755); err != nil {
		panic(err)
	}
	var got struct {
		Out, Err    string
		Setsid, Use bool
	}
	r := w.probe(command{}, &got, "bornIn", dir)
	r.LeftCgroups = nil
	if f := w.failed(r, seeInto); f != nil {
		return f
	}
	at := ""
	for _, line := range strings.Split(got.Out, "\n") {
		if rest, ok := strings.CutPrefix(line, "0::"); ok {
			at = rest
		}
	}
	switch {
	case strings.Contains(got.Err, "bad file descriptor"):
		return finding("closed-too-early", "the start failed: "+got.Err, "the program runs in the cgroup", "A descriptor's number means something only as long as the file is open: until clone3 has used it. And a file that nobody refers to any more is closed by Go's garbage collector", seeInto)
	case got.Err != "":
		return finding("not-started", "the start failed: "+got.Err, "the program runs in the cgroup", "See what the error means", seeInto)
	case at != "/born":
		return finding("not-born-there", fmt.Sprintf("the program's v2 cgroup is %q", at), `"/born"`, "Without the flag, a process begins in the cgroup of its parent; the number of a descriptor alone asks for nothing", seeInto)
	case !got.Setsid:
		return finding("settings-lost", "what was set in SysProcAttr before is gone", "it is kept", "One struct holds all that is special about the child: whoever replaces it takes the namespaces away, too", seeInto)
	}
	return nil
}

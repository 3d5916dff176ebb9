package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"syscall"

	"jocker/internal/labtest"
)

// symptom is what the doctor looks at.
type symptom struct {
	what   string
	found  string
	mend   string // what to do, "" if all is well
	severe bool   // nothing works without it
}

// doctor checks the machine, and names for what is missing the command that mends it.
func doctor(ctx context.Context, args []string, stdout, _ io.Writer) error {
	root, err := findRoot(".")
	if err != nil {
		return err
	}
	color := colors(stdout)
	sick := false
	for _, s := range slices.Concat(kernel(), cgroups(), rights(), tools(), disk(root), vagrant(ctx, root)) {
		mark, code := "ok  ", "32"
		if s.mend != "" {
			mark, code = "note", "33"
		}
		if s.mend != "" && s.severe {
			mark, code, sick = "MEND", "31", true
		}
		if color {
			mark = "\x1b[" + code + "m" + mark + "\x1b[0m"
		}
		fmt.Fprintf(stdout, "%s  %-18s %s\n", mark, s.what, s.found)
		if s.mend != "" {
			fmt.Fprintf(stdout, "%26s%s\n", "", strings.ReplaceAll(s.mend, "\n", "\n"+strings.Repeat(" ", 26)))
		}
	}
	if sick {
		return errNotPassed
	}
	return nil
}

// problem gives a symptom its remedy if it is one.
func problem(bad bool, mend string) string {
	if bad {
		return mend
	}
	return ""
}

func kernel() []symptom {
	var u syscall.Utsname
	syscall.Uname(&u)
	var release []byte
	for _, c := range u.Release {
		if c == 0 {
			break
		}
		release = append(release, byte(c))
	}
	var major, minor int
	fmt.Sscanf(string(release), "%d.%d", &major, &minor)
	list := []symptom{{"kernel", string(release) + " " + runtime.GOARCH,
		problem(major < 5 || major == 5 && minor < 12, "the labs need Linux 5.11, checks 5.12: upgrade, or use the VM (vagrant up)"), true}}
	have := read("/proc/filesystems")
	for _, fs := range []string{"overlay", "tmpfs"} {
		_, err := os.Stat("/sys/module/" + fs)
		missing := !strings.Contains(have, "\t"+fs+"\n") && err != nil
		list = append(list, symptom{fs, map[bool]string{true: "not loaded", false: "there"}[missing], problem(missing, "sudo modprobe "+fs), fs == "tmpfs"})
	}
	return list
}

func cgroups() (list []symptom) {
	layout := labtest.Layout()
	list = append(list, symptom{"cgroups", layout, problem(layout == "", "no cgroup hierarchy is mounted: in a container? The VM has one: vagrant up"), true})
	for _, c := range []string{"memory", "cpu", "cpuset", "pids"} {
		dir, v2 := labtest.Hierarchy(c)
		s := symptom{what: "  " + c, found: fmt.Sprintf("%s, %s", dir, map[bool]string{true: "v2", false: "v1"}[v2]), severe: c == "memory"}
		switch {
		case dir == "":
			s.found = "no hierarchy has it"
			s.mend = "boot without cgroup_disable=" + c + " (on a Raspberry Pi: with cgroup_enable=memory), or use the VM: vagrant up"
		case v2 && !slices.Contains(strings.Fields(labtest.ReadCgroup(dir, "cgroup.subtree_control")), c):
			s.found += ", not enabled for children yet; a lab that needs it enables it"
		}
		list = append(list, s)
	}
	for _, swap := range []bool{strings.Count(read("/proc/swaps"), "\n") > 1} {
		list = append(list, symptom{what: "  swap", found: map[bool]string{true: "on: the labs limit it as well", false: "off"}[swap]})
	}
	return list
}

func rights() []symptom {
	root := os.Geteuid() == 0
	_, sudo := exec.LookPath("sudo")
	list := []symptom{{"root", map[bool]string{true: "you are", false: "you are not; sudo is there"}[root], "", true}}
	if !root && sudo != nil {
		list[0].found, list[0].mend = "you are not, and there is no sudo", "su -c \"make …\", or the VM: vagrant up"
	}
	nested := exec.Command("unshare", "--mount", "--pid", "--fork", "true")
	if root && nested.Err == nil { // without unshare, that is what is missing
		words, err := nested.CombinedOutput()
		list = append(list, symptom{"namespaces", map[bool]string{true: "can be made", false: "are refused: " + strings.TrimSpace(string(words))}[err == nil],
			problem(err != nil, "we are in a container without CAP_SYS_ADMIN, it seems: use a real machine, or the VM (vagrant up)"), true})
	}
	limit := strings.TrimSpace(read("/proc/sys/user/max_user_namespaces"))
	clone := strings.TrimSpace(read("/proc/sys/kernel/unprivileged_userns_clone"))
	apparmor := strings.TrimSpace(read("/proc/sys/kernel/apparmor_restrict_unprivileged_userns"))
	switch {
	case limit == "0":
		list = append(list, symptom{"user namespaces", "forbidden", "sudo sysctl user.max_user_namespaces=10000    (lab02's -user wants them)", false})
	case clone == "0":
		list = append(list, symptom{"user namespaces", "root only", "sudo sysctl kernel.unprivileged_userns_clone=1    (lab02's -user wants them)", false})
	case apparmor == "1":
		list = append(list, symptom{"user namespaces", "restricted by AppArmor", "sudo sysctl kernel.apparmor_restrict_unprivileged_userns=0    (lab02's -user wants them)", false})
	default:
		list = append(list, symptom{what: "user namespaces", found: "can be made by anybody"})
	}
	return list
}

func tools() (list []symptom) {
	version := "no Go"
	gocmd := os.Getenv("LAB_GO")
	if gocmd == "" {
		gocmd = "go"
	}
	if out, err := exec.Command(gocmd, "version").Output(); err == nil {
		version = strings.TrimSpace(string(out))
	}
	list = append(list, symptom{"go", version, problem(version == "no Go", "sudo make setup"), true})
	for _, t := range []struct{ name, why string }{
		{"stress", "the workload of the guides (lab01's own load takes its place)"}, {"busybox", "lab06's image"},
		{"unshare", "experiments in the guides"}, {"ps", "guides 2 and 3"}, {"ip", "guide 2"}, {"strace", "make test"},
	} {
		path, err := exec.LookPath(t.name)
		s := symptom{what: t.name, found: path}
		if err != nil {
			s.found, s.mend = "missing: "+t.why, "sudo make setup"
		}
		list = append(list, s)
	}
	store := os.Getenv("JOCKER_LABS")
	if store == "" {
		store = "/var/lib/jocker-labs"
	}
	_, err := os.Stat(filepath.Join(store, "images/busybox.json"))
	return append(list, symptom{"image busybox", map[bool]string{true: "in " + store, false: "not made yet"}[err == nil], problem(err != nil, "make rootfs    (make lab06 does it, too)"), false})
}

func disk(root string) (list []symptom) {
	for _, dir := range []string{root, "/var/lib", "/tmp"} {
		var s syscall.Statfs_t
		if err := syscall.Statfs(dir, &s); err != nil {
			continue
		}
		free := int64(s.Bavail) * int64(s.Bsize) >> 20
		list = append(list, symptom{"disk", fmt.Sprintf("%d MiB free for %s", free, dir), problem(free < 500, "make room: building and testing take 500 MiB"), free < 50})
	}
	return list
}

// vagrant looks at the VM: whether this is it, or whether there is one.
func vagrant(ctx context.Context, root string) []symptom {
	if _, err := os.Stat("/etc/jocker-vm"); err == nil {
		return []symptom{{what: "VM", found: "this is it"}}
	}
	ids, _ := filepath.Glob(filepath.Join(root, ".vagrant/machines/*/*/id"))
	path, err := exec.LookPath("vagrant")
	switch {
	case len(ids) == 0 && err != nil:
		return []symptom{{what: "VM", found: "none, and no vagrant: all runs on this machine"}}
	case len(ids) == 0:
		return []symptom{{what: "VM", found: "none; vagrant up makes one (" + path + ")"}}
	case err != nil:
		return []symptom{{"VM", "there is one, but no command vagrant", "install vagrant, or remove the folder .vagrant; make … HOST=1 runs here", false}}
	}
	cmd := exec.CommandContext(ctx, "vagrant", "status", "--machine-readable")
	cmd.Dir = root
	out, _ := cmd.Output()
	for _, line := range bytes.Split(out, []byte("\n")) {
		if f := strings.Split(string(line), ","); len(f) > 3 && f[2] == "state" {
			return []symptom{{"VM", f[3], problem(f[3] != "running", "vagrant up"), false}}
		}
	}
	return []symptom{{"VM", "state unknown", "vagrant status", false}}
}

func read(path string) string {
	data, _ := os.ReadFile(path)
	return string(data)
}

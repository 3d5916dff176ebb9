package check

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// The checks of the extra exercises. They are short: their programs are.

var pids = map[string]taskCheck{"pids.1": {check: checkPidsLimit}, "pids.2": {check: checkPidsRefused}}

const seePids = `https://docs.kernel.org/admin-guide/cgroup-v2.html#pid`

func checkPidsLimit(w *world) *Finding {
	var err string
	dir := w.files("pids", map[string]string{"pids.max": ""})
	if f := w.failed(w.probe(command{}, &err, "limit", dir, "8"), seePids); f != nil {
		return f
	}
	if got := readFile(dir + "/pids.max"); got != "8" || err != "" {
		return finding("pids-not-written", fmt.Sprintf("limit(dir, 8) left pids.max = %q, error %q", got, err), `"8"`, "The kernel enforces what is in this file, and nothing else", seePids)
	}
	empty := w.files("nopids", nil)
	w.probe(command{}, &err, "limit", empty, "8")
	if _, statErr := os.Stat(empty + "/pids.max"); statErr == nil || err == "" {
		return finding("creates-files", "where there is no pids.max, one was made, and no error returned", "an error: there is no such file",
			"Opened with O_CREAT, a file that isn't there is created; in a real cgroup that is refused with EACCES, which hides what is wrong", seePids+"; lab01: Break it on purpose")
	}
	w.probe(command{}, &err, "limit", dir, "0")
	if err == "" {
		return finding("zero-allowed", "a limit of 0 was accepted", "an error", "Then nobody can be born in this cgroup, the workload neither: fork gives EAGAIN, and the reason is far away", seePids)
	}
	r := w.lab("-n", "5", "sh", "-c", "for i in 1 2 3 4 5 6 7 8; do sleep 0.2 & done; wait")
	r.Forks = false // that was the purpose
	if strings.Contains(r.Stderr, " is yours: ") {
		return nil
	}
	if f := w.bad(r); f != nil {
		return f
	}
	if !strings.Contains(r.Stderr, "refused a process") || strings.Contains(r.Stderr, "refused a process 0 times") {
		return finding("pids-no-effect", "eight processes at once under a limit of five, and none was refused", "some are refused", "The limit counts for processes that are in the cgroup", seePids).with(r)
	}
	return nil
}

func checkPidsRefused(w *world) *Finding {
	var got struct {
		N   int
		Err string
	}
	for text, want := range map[string]int{"max 3\n": 3, "later 7\nmax 12\n": 12, "max 0\nmax.imposed 9\n": 0} {
		if f := w.failed(w.probe(command{}, &got, "refused", w.files("events", map[string]string{"pids.events": text})), seePids); f != nil {
			return f
		}
		if got.N != want || got.Err != "" {
			return finding("events-misread", fmt.Sprintf("of pids.events %q: %d, error %q", text, got.N, got.Err), fmt.Sprint(want), "The file has a line for each event, its name first. Kernels to come may have more of them", seePids)
		}
	}
	w.probe(command{}, &got, "refused", w.files("none", nil))
	if got.Err == "" {
		return finding("events-silent", "without pids.events: no error", "an error", "If the kernel can't be asked, \"none\" is a guess", seePids)
	}
	return nil
}

var nest = map[string]taskCheck{"nest.1": {check: checkNest, needs: []string{"nest.2"}}, "nest.2": {check: checkRemoveAll}}

const seeNest = `https://docs.kernel.org/admin-guide/cgroup-v2.html#no-internal-process-constraint; man 7 cgroups`

func checkNest(w *world) *Finding {
	parent := filepath.Join(w.memory, "nest")
	if w.v2 {
		os.WriteFile(w.memory+"/cgroup.subtree_control", []byte("+memory"), 0)
	}
	p := func(limit string, children ...string) (err string, f *Finding) {
		RemoveCgroup(parent)
		args := append([]string{parent, version(w.v2), limit}, children...)
		r := w.start(command{Args: append([]string{w.Exercise}, args...), Env: []string{"LAB_PROBE=nest"}})
		<-r.ended
		_, err, _ = strings.Cut(r.out.String(), "\x00probe:")
		if err == "" {
			return "", w.failed(r.wait(), seeNest)
		}
		return strings.Trim(err, `"`), nil
	}
	err, f := p("33554432", "one", "two")
	if f != nil {
		return f
	}
	defer RemoveCgroup(parent)
	file := map[bool]string{true: "memory.max", false: "memory.limit_in_bytes"}[w.v2]
	limit := strings.TrimSpace(readFile(filepath.Join(parent, file)))
	for _, child := range []string{"one", "two"} {
		if _, statErr := os.Stat(filepath.Join(parent, child)); statErr != nil {
			return finding("no-children", fmt.Sprintf("there is no cgroup %s in the parent, error %q", child, err), "both children", "A cgroup is a directory: mkdir makes it", seeNest)
		}
		if _, statErr := os.Stat(filepath.Join(parent, child, file)); statErr != nil {
			return finding("not-handed-on", fmt.Sprintf("the child %s has no file %s, error %q", child, file, err), "it has the memory controller", "A v2 cgroup has the files of those controllers that its parent lists in cgroup.subtree_control", seeNest)
		}
	}
	if limit != "33554432" || err != "" {
		return finding("parent-unlimited", fmt.Sprintf("the parent's %s is %q, error %q", file, limit, err), `"33554432"`, "A limit of the parent holds for all below it together; one in the children holds for each of them", seeNest)
	}
	if err, f = p("nonsense", "one"); f != nil {
		return f
	}
	if _, statErr := os.Stat(parent); err == "" || statErr == nil {
		return finding("leaves-parts", fmt.Sprintf("the limit \"nonsense\" was refused (%q), and the parent cgroup is still there: %v", err, statErr == nil), "an error, and no cgroup",
			"Directories in the cgroup file system stay until somebody removes them, whoever made them and why", seeNest)
	}
	return nil
}

func checkRemoveAll(w *world) *Finding {
	dir := w.cgroupHere("tree")
	os.MkdirAll(dir+"/a/b/c", 0o755)
	os.MkdirAll(dir+"/d", 0o755)
	var err string
	r := w.probe(command{}, &err, "removeAll", dir)
	left := len(r.LeftCgroups) > 0
	r.LeftCgroups = nil
	if f := w.failed(r, seeNest); f != nil {
		return f
	}
	switch {
	case strings.Contains(err, "operation not permitted"):
		return finding("files-first", "the error "+err, "the tree is gone", "The files in a cgroup are the kernel's view of it, and unlink(2) on them gives EPERM, to root too. rmdir(2) takes them along, once the cgroup has no process and no child", seeNest)
	case left || err != "":
		return finding("children-left", fmt.Sprintf("cgroups are left, error %q", err), "the tree is gone", "rmdir of a cgroup that has children gives EBUSY: the innermost come first", seeNest)
	}
	w.probe(command{}, &err, "removeAll", dir)
	if err != "" {
		return finding("missing-is-fine", "for a cgroup that isn't there: "+err, "no error", "Then the work is done", seeNest)
	}
	return nil
}

package check

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"
)

var lab01 = map[string]taskCheck{
	"1.1": {check: checkHierarchy},
	"1.2": {check: checkLimit},
	"1.3": {check: checkCommand},
	"1.4": {check: checkVerdict},
	"1.5": {check: checkRemove},
}

func checkHierarchy(w *world) *Finding {
	const see = `The idea; man 7 cgroups`
	var got struct {
		Root string
		V2   bool
		Err  string
	}
	const top = "/sys/fs/cgroup"
	for _, m := range []struct {
		machine string
		files   map[string]string
		root    string
		v2      bool
		name    string
		meaning string
	}{
		{"a v1 machine", map[string]string{"memory/memory.limit_in_bytes": "1"}, top + "/memory", false, "v1-not-found",
			"On v1 each controller has a hierarchy of its own, customarily mounted at /sys/fs/cgroup/NAME, and there is no cgroup.controllers"},
		{"a v2 machine", map[string]string{"cgroup.controllers": "cpuset cpu io memory pids\n"}, top, true, "v2-not-found",
			"On v2 there is one tree for all controllers, and cgroup.controllers in its root lists those that it has"},
		{"a hybrid machine, whose v2 tree has no memory controller", map[string]string{"cgroup.controllers": "hugetlb\n", "memory/memory.limit_in_bytes": "1"}, top + "/memory", false, "controllers-unread",
			"A controller is in one hierarchy at a time. That a v2 tree is mounted says nothing of where memory is: on a hybrid machine the words in cgroup.controllers are few, or none"},
		{"a machine without a memory controller", map[string]string{"cgroup.controllers": "cpu pids\n"}, "", false, "hierarchy-assumed",
			"A kernel may have been built, or booted (cgroup_disable=memory), without the controller. What isn't there must be said, or the next step fails with an error that explains nothing"},
	} {
		r := w.probe(command{Fake: m.files}, &got, "memoryHierarchy")
		if f := w.failed(r, see); f != nil {
			return f
		}
		observed := fmt.Sprintf("on %s: root %q, v2 %v, error %q", m.machine, got.Root, got.V2, got.Err)
		if m.root == "" && got.Err == "" || m.root != "" && (got.Err != "" || got.Root != m.root || got.V2 != m.v2) {
			expected := fmt.Sprintf("root %q, v2 %v", m.root, m.v2)
			if m.root == "" {
				expected = "an error that says what was looked for"
			}
			return finding(m.name, observed, expected, m.meaning, see)
		}
	}
	r := w.probe(command{}, &got, "memoryHierarchy")
	if f := w.failed(r, see); f != nil {
		return f
	}
	if got.Root != w.memory || got.V2 != w.v2 {
		return finding("this-machine", fmt.Sprintf("on this machine: root %q, v2 %v, error %q", got.Root, got.V2, got.Err), fmt.Sprintf("%q, v2 %v", w.memory, w.v2), "That is where /proc/self/mountinfo says that the memory controller is", see)
	}
	return nil
}

// limitFiles are the files of the memory controller, by version: limit, swap.
var limitFiles = map[bool][2]string{
	true:  {"memory.max", "memory.swap.max"},
	false: {"memory.limit_in_bytes", "memory.memsw.limit_in_bytes"},
}

func checkLimit(w *world) *Finding {
	const see = `The program; https://docs.kernel.org/admin-guide/cgroup-v2.html#memory-interface-files`
	const bytes = "104857600"
	for _, v2 := range []bool{w.v2, !w.v2} {
		file, swapFile := limitFiles[v2][0], limitFiles[v2][1]
		swapWant := map[bool]string{true: "0", false: bytes}[v2]
		for _, c := range []struct {
			bytes, swap         string
			noSwapFile          bool
			wantLimit, wantSwap string
		}{
			{bytes, "", false, bytes, swapWant},
			{bytes, "swap", false, bytes, ""},
			{"0", "", false, "", ""},
			{bytes, "", true, bytes, ""},
		} {
			content := map[string]string{file: "", swapFile: ""}
			if c.noSwapFile {
				if delete(content, swapFile); strings.Count(readFile("/proc/swaps"), "\n") > 1 {
					continue
				}
			}
			dir := w.files("limit", content)
			var err string
			r := w.probe(command{}, &err, "limit", dir, version(v2), c.bytes, c.swap)
			if f := w.failed(r, see); f != nil {
				return f
			}
			limit, swap := readFile(dir+"/"+file), readFile(dir+"/"+swapFile)
			observed := fmt.Sprintf("in a %s cgroup, limit(%s, %v) left %s = %q and %s = %q, error %q", version(v2), c.bytes, c.swap == "swap", file, limit, swapFile, swap, err)
			expected := fmt.Sprintf("%s = %q and %s = %q", file, c.wantLimit, swapFile, c.wantSwap)
			make := func(name, meaning string) *Finding { return finding(name, observed, expected, meaning, see) }
			switch {
			case c.noSwapFile && err != "":
				return make("swap-file-missing", "A kernel without swap accounting has no such file. Where the machine has no swap, that takes nothing away from the limit")
			case err != "" && limit == "":
				return make("wrong-version-file", "The two versions have different files for the same thing, and a cgroup of one hasn't got the other's. os.WriteFile would even say \"permission denied\": it tries to create the file, which a cgroup refuses to everybody")
			case c.bytes == "0" && limit != "":
				return make("zero-limit", "A limit of 0 bytes would kill the workload at its first page; here 0 stands for no limit")
			case limit != c.wantLimit:
				return make("limit-not-written", "The kernel enforces what is in this file, and nothing else")
			case c.swap == "swap" && swap != "":
				return make("swap-flag", "With -swap the user asks that swap be left alone: then the kernel swaps the workload out instead of killing it")
			case c.wantSwap != "" && swap == "":
				return make("swap-unlimited", "The memory limit counts what is in memory. On a machine with swap a workload over the limit is not killed: its pages go to disk, it gets slow, and it never sees the limit")
			case swap != c.wantSwap:
				return make("swap-number", "The versions count differently: v2's memory.swap.max is the swap alone, v1's memory.memsw.limit_in_bytes is memory and swap together, and so never below the memory limit")
			case err != "":
				return make("limit-error", "Both files took their value, so there is nothing to complain of")
			}
		}
		var err string
		r := w.probe(command{}, &err, "limit", w.files("limit", map[string]string{swapFile: ""}), version(v2), bytes, "")
		if f := w.failed(r, see); f != nil {
			return f
		}
		if err == "" {
			return finding("error-dropped", fmt.Sprintf("in a %s cgroup without %s limit returned no error", version(v2), file), "the error of write",
				"The workload would run without the limit that the user asked for, and nobody would notice. The kernel says no only once, in the value that write(2) returns", see)
		}
	}
	return w.limitForReal(see)
}

// limitForReal lets limit write into a cgroup of the kernel's, which looks at what it is given.
func (w *world) limitForReal(see string) *Finding {
	const bytes = "104857600"
	dir := w.cgroupHere("limit")
	file := limitFiles[w.v2][0]
	var got struct{ Err, Limit string }
	r := w.probe(command{}, &got, "limitAndLook", dir, version(w.v2), file)
	r.LeftCgroups = nil // the cgroup is ours
	if f := w.failed(r, see); f != nil {
		return f
	}
	limit, err := strings.TrimSpace(got.Limit), got.Err
	observed := fmt.Sprintf("in a real %s cgroup, limit(%s, false) left %s = %q, error %q", version(w.v2), bytes, file, limit, err)
	switch {
	case strings.Contains(err, "invalid argument"):
		f := finding("limit-order", observed, fmt.Sprintf("%s = %q, no error", file, bytes),
			"Memory alone can't be allowed more than memory and swap together. In a new v1 cgroup both are unlimited, so the kernel refuses (EINVAL) a sum that is lower than the memory limit of the moment", see+"; https://docs.kernel.org/admin-guide/cgroup-v1/memory.html")
		f.Explain = Explain(err)
		return f
	case limit != bytes || err != "":
		return finding("limit-not-written", observed, fmt.Sprintf("%s = %q, no error", file, bytes), "The kernel enforces what is in this file, and nothing else", see)
	}
	return nil
}

// cgroupHere makes a real cgroup in the box's memory hierarchy.
func (w *world) cgroupHere(name string) string {
	dir := filepath.Join(w.memory, name)
	RemoveCgroup(dir)
	if w.v2 {
		os.WriteFile(w.memory+"/cgroup.subtree_control", []byte("+memory"), 0)
	}
	if err := os.Mkdir(dir, 0o755); err != nil {
		panic(err)
	}
	return dir
}

func checkCommand(w *world) *Finding {
	const see = `By hand: a limit; man 1 sh, "exec"`
	var got struct {
		Code int
		Err  string
	}
	call := func(program ...string) (*result, *Finding) {
		dir := w.cgroupHere("probe")
		r := w.probe(command{Stdin: strings.NewReader("input\n")}, &got, "command", append([]string{dir, version(w.v2)}, program...)...)
		r.LeftCgroups = nil // the cgroup is ours
		return r, w.failed(r, see)
	}
	r, f := call("cat", "/proc/self/cgroup")
	if f != nil {
		return f
	}
	if r.Stdout == "" && got.Err == "" {
		return finding("streams", "`cat /proc/self/cgroup` printed nothing, as far as can be seen", "what cat prints", "Standard input, output and error of an exec.Cmd are /dev/null unless they are set", see).with(r)
	}
	if at := w.memoryPlace(r.Stdout); at != "/probe" {
		return finding("outside-the-cgroup", fmt.Sprintf("the workload was in the memory cgroup %q", at), `"/probe", from its first instruction on`,
			"A process begins in the cgroup of its parent. A limit counts only for who is in the cgroup, and what a process has started before it was moved stays where it was", see).with(r)
	}
	if r, f = call("printf", "<%s>", "two  words", "", "$HOME", `"'`); f != nil {
		return f
	}
	if want := `<two  words><><$HOME><"'>`; r.Stdout != want {
		return finding("words-split", "the workload got its arguments as "+quote(r.Stdout), quote(want),
			"execve(2) takes a list of strings. Whoever makes one string of the list lets a shell cut it up again, at blanks, quotes and dollars that were part of the arguments", see).with(r)
	}
	if r, f = call("sh", "-c", "cat /proc/$PPID/comm"); f != nil {
		return f
	}
	if parent := strings.TrimSpace(r.Stdout); parent != "lab01" {
		return finding("shell-stays", fmt.Sprintf("the workload's parent is %q", parent), `"lab01": the shell has become the workload`,
			"Without exec the shell forks, and waits. Then a signal for the workload ends the shell instead, and the workload stays behind", see).with(r)
	}
	if _, f = call("sh", "-c", "exit 7"); f != nil {
		return f
	}
	if got.Code != 7 {
		return finding("exit-code-lost", fmt.Sprintf("exit code %d", got.Code), "7, the workload's own", "What exec puts in the place of the shell has its process number, and its exit code", see)
	}
	if r, f = call("cat"); f != nil {
		return f
	}
	if r.Stdout != "input\n" {
		return finding("streams", "cat printed "+quote(r.Stdout), quote("input\n"), "Standard input, output and error of an exec.Cmd are /dev/null unless they are set", see).with(r)
	}
	return nil
}

func checkVerdict(w *world) *Finding {
	const see = `The program; https://docs.kernel.org/admin-guide/cgroup-v2.html#memory-interface-files`
	type answer struct {
		Kills, Peak int64
		Err         string
	}
	for _, v2 := range []bool{w.v2, !w.v2} {
		content := map[string]string{"memory.events": "low 0\nhigh 3\nmax 17\noom 5\noom_kill 2\noom_group_kill 1\n", "memory.peak": "12345678\n"}
		events, peak := "memory.events", "memory.peak"
		if !v2 {
			content = map[string]string{"memory.oom_control": "oom_kill_disable 0\nunder_oom 1\noom_kill 2\n", "memory.max_usage_in_bytes": "12345678\n"}
			events, peak = "memory.oom_control", "memory.max_usage_in_bytes"
		}
		var got answer
		r := w.probe(command{}, &got, "verdict", w.files("verdict", content), version(v2))
		if f := w.failed(r, see); f != nil {
			return f
		}
		observed := fmt.Sprintf("in a %s cgroup: %d kills, peak %d, error %q", version(v2), got.Kills, got.Peak, got.Err)
		switch {
		case got.Err != "":
			return finding("verdict-error", observed, "no error: the files are there", "Each version has its own files: "+events+" and "+peak+" here", see)
		case got.Kills == 5 || got.Kills == 17 || got.Kills == 1 || got.Kills == 0:
			return finding("verdict-wrong-key", observed, fmt.Sprintf("2 kills: %s says %q", events, content[events]),
				"Each line counts another thing: max how often the limit was hit, oom how often nothing could be freed, under_oom whether it is so now. Only oom_kill counts processes that were killed", see)
		case got.Kills != 2 || got.Peak != 12345678:
			return finding("verdict-wrong", observed, "2 kills, peak 12345678", "This is what "+events+" and "+peak+" say", see)
		}
		if v2 {
			delete(content, peak)
			got = answer{}
			if f := w.failed(w.probe(command{}, &got, "verdict", w.files("verdict", content), "v2"), see); f != nil {
				return f
			}
			if got.Err != "" || got.Kills != 2 || got.Peak != 0 {
				return finding("peak-required", fmt.Sprintf("without memory.peak: %d kills, peak %d, error %q", got.Kills, got.Peak, got.Err), "2 kills, peak 0, no error",
					"memory.peak came with Linux 5.19. How many were killed is known without it, and is what the user wants to know", see)
			}
		}
		delete(content, events)
		got = answer{}
		w.probe(command{}, &got, "verdict", w.files("verdict", content), version(v2))
		if got.Err == "" {
			return finding("verdict-silent", fmt.Sprintf("without %s: %d kills, and no error", events, got.Kills), "an error",
				"If the kernel can't be asked, \"nobody was killed\" is a guess", see)
		}
	}
	return nil
}

func checkRemove(w *world) *Finding {
	const see = `By hand: a limit; man 7 cgroups, "Creating cgroups and moving processes"`
	remove := func(dir string) (err string, r *result) {
		r = w.probe(command{}, &err, "remove", dir, version(w.v2))
		return err, r
	}
	err, r := remove(filepath.Join(w.memory, "never-there"))
	if f := w.bad(r); f != nil {
		return f
	}
	if err != "" || r.Code != 0 {
		return finding("missing-is-fine", "for a cgroup that isn't there: "+err, "no error", "Somebody else may have removed it; then the work is done", see).with(r)
	}
	dir := w.cgroupHere("busy")
	p := w.hold(command{Args: []string{"sh", "-c", `echo $$ > ` + dir + `/cgroup.procs; (trap "" TERM; exec sleep 50) & sleep 50 & echo ready; exec sleep 50`}, Limit: 9e9})
	if !p.ready() {
		panic("no processes for the check: " + p.Stderr)
	}
	inside := strings.Fields(readFile(dir + "/cgroup.procs"))
	alive := func() (n int) {
		for _, pid := range inside {
			if stat := readFile("/proc/" + pid + "/stat"); stat != "" && !strings.Contains(stat, ") Z ") {
				n++
			}
		}
		return n
	}
	begin := w.start(command{Args: []string{"lab01", dir, version(w.v2)}, Env: []string{"LAB_PROBE=remove", "LAB_LAG=200"}, Limit: 7e9})
	<-begin.ended
	_, text, _ := strings.Cut(begin.out.String(), "\x00probe:")
	err, _ = strconv.Unquote(text)
	_, statErr := os.Stat(dir)
	w.until(1500*time.Millisecond, func() bool { return alive() == 0 }) // who was killed, goes; who was not, is there for long
	survive := alive()
	RemoveCgroup(dir)
	p.input.Close()
	<-p.ended
	w.settle(&result{})
	observed := fmt.Sprintf("%d of the cgroup's %d processes are alive, error %q", survive, len(inside), err)
	switch {
	case begin.Late:
		return w.bad(&result{Args: begin.Args, Late: true, Took: 7e9})
	case statErr == nil && strings.Contains(err, "operation not permitted"):
		return finding("files-first", observed, "the cgroup is gone", "The files in a cgroup are no files of yours: they are the kernel's view of it, and unlink(2) on them gives EPERM, to root too. rmdir(2) takes them along, once the cgroup has no process and no child", see)
	case survive == len(inside):
		return finding("not-killed", observed, "all have ended, and the cgroup is gone", "rmdir of a cgroup in which a process is left gives EBUSY, however often it is tried", see)
	case survive > 0:
		return finding("some-survive", observed, "all have ended", "cgroup.procs lists every process of the cgroup, a line each. SIGTERM can be caught and ignored; SIGKILL can't", see)
	case statErr == nil:
		return finding("rmdir-too-early", observed+", but the cgroup is still there", "the cgroup is gone", "kill(2) returns when the signal is sent, not when the process has gone. Until it has, rmdir gives EBUSY", see)
	case err != "":
		return finding("remove-error", observed+", and the cgroup is gone", "no error", "The work was done", see)
	}
	nested := w.cgroupHere("nested")
	os.MkdirAll(nested+"/below/deeper", 0o755)
	p = w.hold(command{Args: []string{"sh", "-c", `echo $$ > ` + nested + `/below/deeper/cgroup.procs; echo ready; exec sleep 50`}})
	err, r = remove(nested)
	p.input.Close()
	<-p.ended
	if _, statErr := os.Stat(nested); statErr == nil || slices.Contains(r.LeftCgroups, nested) || err != "" {
		return finding("children-left", fmt.Sprintf("a cgroup in which the workload had made others is still there, error %q", err), "it is gone, with all below it",
			"A cgroup with children can't be removed, and a process in one of them isn't in the parent's cgroup.procs: each cgroup lists its own", see)
	}
	return w.lab01Whole()
}

// lab01Whole runs the whole program once, if the other tasks are done.
func (w *world) lab01Whole() *Finding {
	r := w.lab("run", "-m", "60m", "load", "-q", "--vm-bytes", "120m")
	if strings.Contains(r.Stderr, " is yours: ") {
		return nil // another task is open
	}
	if f := w.bad(r); f != nil {
		return f
	}
	if !strings.Contains(r.Stderr, "killed 1 at the limit") {
		return finding("not-limited", "a workload of 120 MiB under a limit of 60 MiB was not killed, or the verdict doesn't say so", "verdict: out of memory, the kernel killed 1", "All parts are there; together they don't do it", `The program; man 7 cgroups`).with(r)
	}
	return nil
}

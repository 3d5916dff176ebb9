package check

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// checksOf returns the checks of an exercise, by the number of the task.
func checksOf(id string) map[string]taskCheck {
	return map[string]map[string]taskCheck{
		"lab01": lab01, "lab02": lab02, "lab03": lab03, "lab04": lab04, "lab05": lab05, "lab06": lab06,
		"lab01-pids": pids, "lab01-nest": nest, "lab02-robind": robind, "lab02-enter": enterChecks, "lab03-reap": reapChecks, "lab03-caps": capsChecks,
		"lab04-throttle": throttleChecks, "lab04-into": intoChecks, "lab05-errpipe": errpipeChecks, "lab05-fdpass": fdpassChecks,
		"lab06-whiteout": whiteoutChecks, "lab06-volume": volumeChecks,
	}[id]
}

// bad looks for what is wrong with any program: a command that ran, whatever it was for.
func (w *world) bad(r *result) *Finding {
	what := r.what()
	switch {
	case r.Forks || r.Copies > 12:
		return finding("forks-without-end", fmt.Sprintf("`%s` made processes until there was no room for more", what), "one workload, once",
			"Whoever starts /proc/self/exe starts main again. The second life must know that it is the second, do its part, and exit: if it goes on as a parent, it starts a third, and the third a fourth. Only a limit of processes, or 32 nested PID namespaces, end it",
			`lab02: The demo and its five mistakes; man 2 clone`).with(r)
	case r.Renamed != "":
		return finding("host-renamed", fmt.Sprintf("`%s` changed the name of the host to %q", what, r.Renamed), "the name changes inside only",
			"sethostname(2) changes the name in the UTS namespace of the caller. A process that was cloned without a new one shares its parent's, and that is the host's",
			`lab02: One namespace after the other; man 7 uts_namespaces`).with(r)
	case len(r.Leaks) > 0:
		return finding("shared-root", fmt.Sprintf("`%s` mounted something at %s, and it appeared outside, in the namespace of the host", what, strings.Join(r.Leaks, ", ")),
			"a mount made inside is seen inside only",
			"A new mount namespace is a copy of the old one, and each mount in it stays in the peer group of its original. systemd leaves / shared, so the copies tell each other of every mount. On a real machine a /proc that leaks so breaks ps, sudo and every shell of the host",
			`lab02: How it works; lab03: Break it on purpose; man 7 mount_namespaces, "Shared subtrees"`).with(r)
	case r.Private:
		return finding("host-made-private", fmt.Sprintf("`%s` made the host's own mounts private", what), "the mounts outside stay as they are",
			"Propagation is a property of each mount, changed in the namespace of the caller. Without a mount namespace of its own the caller changes the host's",
			`lab02: How it works; man 7 mount_namespaces`).with(r)
	case r.Late:
		return finding("hangs", fmt.Sprintf("`%s` did not end; it was killed after %.0f s", what, r.Took.Seconds()), "it ends when the workload ends",
			"A process that sleeps for good waits for an event that nobody can cause any more. For a pipe: a reader gets the end of the file only when the last copy of the write end is closed, and a writer into a full pipe gets EPIPE only when the last copy of the read end is. Every process that was forked meanwhile may have a copy",
			`lab02: How it works; lab05: Break it on purpose; man 7 pipe`).with(r)
	case strings.Contains(r.Stderr, "\ngoroutine ") && (strings.Contains(r.Stderr, "panic: ") || strings.Contains(r.Stderr, "fatal error: ")):
		_, text, ok := strings.Cut(r.Stderr, "panic: ")
		if !ok {
			_, text, _ = strings.Cut(r.Stderr, "fatal error: ")
		}
		text, _, _ = strings.Cut(text, "\n")
		return finding("panics", "the program panicked: "+text, "an error that is returned, and said in one sentence",
			"A panic skips the rest of the function. What stands in it about closing and removing is left to the kernel, and much of that isn't the kernel's business", "https://go.dev/blog/defer-panic-and-recover").with(r)
	case strings.Contains(r.Stderr, "cgroup.procs: permission denied") || strings.Contains(r.Stderr, "/tasks: permission denied"):
		return finding("wrong-version-file", "the program was refused a file of its cgroup: "+lastLines(r.Stderr, 1), "only files that this version of cgroups has",
			"A cgroup directory has just the files that the kernel puts there, and a new one can't be created: os.WriteFile opens with O_CREAT, and the kernel answers EACCES instead of ENOENT. So \"permission denied\" as root means that the file isn't there",
			`lab01: Break it on purpose; man 7 cgroups`).with(r)
	case len(r.Left) > 0:
		return finding("process-left", fmt.Sprintf("after `%s` this was still running: %s", what, strings.Join(r.Left, ", ")), "nothing is left when the program ends",
			"A process doesn't end with its parent: it gets a new one, and goes on", `lab01: Break it on purpose; man 2 wait`).with(r)
	case len(r.LeftCgroups) > 0:
		return finding("cgroup-left", fmt.Sprintf("after `%s` there was still %s", what, strings.Join(r.LeftCgroups, ", ")), "the cgroup goes with the run",
			"A cgroup is a directory that stays until somebody removes it; that nobody is in it changes nothing", `lab01; man 7 cgroups`).with(r)
	}
	return nil
}

// what is the command line, without the scripts in it, or the call of a function.
func (r *result) what() string {
	if r.call != "" {
		return r.call + "()"
	}
	var words []string
	for _, a := range r.Args {
		if a == "" || strings.ContainsAny(a, " \n\x00") || len(a) > 60 {
			a = "'…'"
		}
		words = append(words, a)
	}
	return strings.Join(words, " ")
}

// failed is for a run that should have had exit code 0.
func (w *world) failed(r *result, see string) *Finding {
	if f := w.bad(r); f != nil {
		return f
	}
	if r.Code == 0 {
		return nil
	}
	return finding("run-fails", fmt.Sprintf("`%s` ended with exit code %d", r.what(), r.Code), "exit code 0",
		"The program gave up, or the workload did not do what it should. What it said is below"+nameless(r.Stderr), see).with(r)
}

// nameless is what to say of an error without a name, such as "lab06: device or resource busy".
func nameless(stderr string) string {
	for _, line := range strings.Split(stderr, "\n") {
		_, text, _ := strings.Cut(line, ": ")
		for errno := range errnoNames {
			if text == errno.Error() {
				return fmt.Sprintf(". %q is %s, and doesn't say which system call was refused: os.NewSyscallError adds its name to an error", text, errnoNames[errno])
			}
		}
	}
	return ""
}

// files makes a folder with files, in the place of a cgroup.
func (w *world) files(dir string, files map[string]string) string {
	dir = filepath.Join("/tmp/fake", dir)
	os.RemoveAll(dir)
	os.MkdirAll(dir, 0o755)
	for name, text := range files {
		os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644)
	}
	return dir
}

func version(v2 bool) string {
	if v2 {
		return "v2"
	}
	return "v1"
}

// memoryPlace is the memory cgroup in the text of a /proc/PID/cgroup.
func (w *world) memoryPlace(text string) string {
	for _, line := range strings.Split(text, "\n") {
		if f := strings.SplitN(line, ":", 3); len(f) == 3 && (w.v2 && f[0] == "0" || !w.v2 && strings.Contains(","+f[1]+",", ",memory,")) {
			return f[2]
		}
	}
	return ""
}

package check

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"jocker/internal/labtest"
)

var lab02 = map[string]taskCheck{
	"2.1": {check: checkCloneFlags, parts: []string{"2.3", "2.4", "2.5"}},
	"2.2": {check: checkMapUser, parts: []string{"2.3", "2.4", "2.5"}},
	"2.3": {check: checkFinish, parts: []string{"2.4", "2.5"}},
	"2.4": {check: checkOpen},
	"2.5": {check: checkBarrier},
}

// kinds are the namespaces and their flags for clone(2).
var kinds = []struct {
	name string
	flag uint64
}{
	{"uts", 0x04000000}, {"ipc", 0x08000000}, {"pid", 0x20000000}, {"mnt", 0x00020000}, {"net", 0x40000000}, {"user", 0x10000000}, {"cgroup", 0x02000000},
}

// flagNames writes clone flags as words.
func flagNames(flags uint64) string {
	var words []string
	for _, k := range kinds {
		if flags&k.flag != 0 {
			words = append(words, k.name)
			flags &^= k.flag
		}
	}
	if flags != 0 {
		words = append(words, fmt.Sprintf("%#x", flags))
	}
	if len(words) == 0 {
		return "none"
	}
	return strings.Join(words, "+")
}

func checkCloneFlags(w *world) *Finding {
	const see = `One namespace after the other; man 7 namespaces`
	r := w.lab("-uts", "hostname", "changed")
	if f := w.bad(r); f != nil {
		return f
	}
	for _, k := range kinds[:6] {
		var flags uint64
		r := w.probe(command{}, &flags, "cloneFlags", k.name)
		if f := w.failed(r, see); f != nil {
			return f
		}
		if flags != k.flag {
			return finding("wrong-flag", fmt.Sprintf("-%s gives the flags of: %s", k.name, flagNames(flags)), "those of: "+k.name,
				"Each kind of namespace has one flag, and clone(2) makes a new one only of those kinds that are asked for; all others are shared with the parent", see)
		}
	}
	var flags uint64
	w.probe(command{}, &flags, "cloneFlags", "uts", "pid", "mnt")
	if want := kinds[0].flag | kinds[2].flag | kinds[3].flag; flags != want {
		return finding("flags-not-combined", "-uts -pid -mnt give the flags of: "+flagNames(flags), "those of: uts+pid+mnt", "Flags are bits of one number; a process gets several namespaces at once if the bits are joined", see)
	}
	w.probe(command{}, &flags, "cloneFlags", "cgroup")
	if flags != 0 {
		return finding("cgroup-ns-too-early", "-cgroup gives the flags of: "+flagNames(flags), "none: finishNamespaces makes this one later",
			"A cgroup namespace takes for its root the cgroup in which its maker is. At clone the child isn't in its cgroup yet, and would see the path to it from outside", see+"; man 7 cgroup_namespaces")
	}
	// And the kernel's word.
	r = w.lab("-uts", "-ipc", "-pid", "-mnt", "-net", "sh", "-c", "cd /proc/self/ns && for k in uts ipc pid mnt net user; do readlink $k; done")
	if f := w.bad(r); f != nil {
		return f
	}
	if strings.Contains(r.Stderr, " is yours: ") {
		return nil
	}
	if f := w.failed(r, see); f != nil {
		return f
	}
	outside := labtest.Namespaces(os.Getpid())
	for _, k := range kinds[:6] {
		if own := !strings.Contains(r.Stdout, outside[k.name]+"\n"); own != (k.name != "user") {
			return finding("namespace-not-its-own", fmt.Sprintf("inside and outside have the same %s namespace: %v", k.name, !own), "-uts -ipc -pid -mnt -net make five new ones, and the user namespace stays", "The numbers are inodes: equal numbers are the same namespace", see).with(r)
		}
	}
	return nil
}

func checkMapUser(w *world) *Finding {
	const see = `One namespace after the other; man 7 user_namespaces, "User and group ID mappings"`
	type mapping struct{ ContainerID, HostID, Size int }
	var got struct {
		Uid, Gid  []mapping
		Setgroups bool
	}
	r := w.probe(command{}, &got, "mapUser")
	if f := w.failed(r, see); f != nil {
		return f
	}
	for _, m := range []struct {
		what string
		list []mapping
		want mapping
	}{{"users", got.Uid, mapping{0, 1234, 1}}, {"groups", got.Gid, mapping{0, 567, 1}}} {
		observed, expected := fmt.Sprintf("for uid 1234, gid 567 the %s are mapped %v (inside, outside, how many)", m.what, m.list), fmt.Sprint([]mapping{m.want})
		switch {
		case slices.Equal(m.list, []mapping{m.want}):
		case len(m.list) == 1 && m.list[0].HostID == 0:
			return finding("mapped-host-root", observed, expected, "An ordinary user may map an id to no other id outside than their own. The kernel writes no map that would make somebody root of the host: EPERM", see)
		case len(m.list) == 1 && m.list[0].ContainerID != 0:
			return finding("not-root-inside", observed, expected, "Root inside is whoever is mapped to 0 inside; ids without a mapping are shown as 65534, nobody", see)
		case len(m.list) == 1 && m.list[0].Size != 1:
			return finding("too-many-ids", observed, expected, "An ordinary user has one id to give, and a map of another length is refused: EPERM", see)
		default:
			return finding("no-mapping", observed, expected, "In a user namespace without a map everybody is nobody, root too", see)
		}
	}
	if got.Setgroups {
		return finding("setgroups", "the child may call setgroups", "it has given that up",
			"A group may be used to forbid: a file with mode 0604 is closed to its group. Who could leave the group could read it. So the kernel lets an ordinary user map a group only after \"deny\" stands in /proc/PID/setgroups", see)
	}
	r = w.run(command{Args: []string{"lab02", "-user", "sh", "-c", "id -u; id -g"}, User: 65534})
	if strings.Contains(r.Stderr, " is yours: ") {
		return nil
	}
	if f := w.failed(r, see); f != nil {
		return f
	}
	if r.Stdout != "0\n0\n" {
		return finding("not-root-inside", "for an ordinary user with -user, id says "+quote(r.Stdout), quote("0\n0\n"), "Root inside is whoever is mapped to 0 inside", see).with(r)
	}
	return nil
}

// halfPrivate finds the mistake of making / private, and not what is mounted below.
func halfPrivate(inside, see string) *Finding {
	root, others := false, 0
	for _, line := range strings.Split(inside, "\n") {
		if f := strings.Fields(line); len(f) > 8 && strings.Contains(line, " shared:") {
			root = root || f[4] == "/"
			others++
		}
	}
	if root || others == 0 {
		return nil
	}
	return finding("not-recursive", fmt.Sprintf("inside, / is private, and %d mounts below it are still shared", others), "no mount is shared",
		"Propagation belongs to each mount, not to the tree: a change to / alone leaves the others as they were. What is mounted on or below one of them, /proc for example, appears on the host", see)
}

// propagation tells what is wrong with the mounts of a container: inside is its mountinfo.
func propagation(inside, see string) *Finding {
	if strings.Contains(inside, " master:") {
		return finding("still-slave", "inside, mounts are still slaves of the host's", "they are private", "A slave tells nobody of its mounts, but hears of all that are made outside: they appear in the container", see)
	}
	return nil
}

func checkFinish(w *world) *Finding {
	const see = `How it works; man 7 mount_namespaces, "Shared subtrees"`
	r := w.lab("-mnt", "cat", "/proc/self/mountinfo")
	if f := w.failed(r, see); f != nil {
		return f
	}
	inside := r.Stdout
	if f := halfPrivate(inside, see); f != nil {
		return f
	}
	r = w.lab("-mnt", "mount", "-t", "tmpfs", "none", "/mnt")
	if f := w.failed(r, see); f != nil {
		return f
	}
	if f := propagation(inside, see); f != nil {
		return f
	}
	r = w.lab("-uts", "true")
	if f := w.failed(r, see); f != nil {
		return f
	}
	const seeCgroup = `One namespace after the other; man 7 cgroup_namespaces`
	r = w.lab("-cgroup", "-m", "50m", "cat", "/proc/self/cgroup")
	if f := w.failed(r, seeCgroup); f != nil {
		return f
	}
	if at := w.memoryPlace(r.Stdout); at != "/" {
		return finding("cgroup-ns-missing", fmt.Sprintf("with -cgroup, the workload sees itself in the cgroup %q", at), `"/"`,
			"/proc/self/cgroup shows paths from the root of the reader's cgroup namespace, and that is the cgroup in which its maker was. Without one of its own the workload learns where on the host it is", seeCgroup).with(r)
	}
	r = w.lab("-m", "50m", "cat", "/proc/self/cgroup")
	if at := w.memoryPlace(r.Stdout); at == "/" {
		return finding("cgroup-ns-always", "without -cgroup, the workload sees itself in the cgroup \"/\"", "the path of its cgroup", "Only those namespaces are new that were asked for", seeCgroup).with(r)
	}
	return nil
}

func checkOpen(w *world) *Finding {
	const see = `How it works; man 7 pipe`
	type answer struct {
		Err                            string
		Byte, Placed, EOF, ReadEndKept bool
	}
	open := func(dirs ...string) (a answer, f *Finding) {
		return a, w.failed(w.probe(command{Env: []string{"LAB_DELAY=60"}}, &a, "open", dirs...), see)
	}
	one, two := w.files("one", map[string]string{"cgroup.procs": ""}), w.files("two", map[string]string{"cgroup.procs": ""})
	a, f := open(one, two)
	switch {
	case f != nil:
		return f
	case a.Err != "" || !a.Byte:
		return finding("never-opens", fmt.Sprintf("no byte came through the pipe, error %q", a.Err), "one byte, when the child has been moved", "The child sleeps in read(2) until something comes", see)
	case !a.Placed && readFile(one+"/cgroup.procs")+readFile(two+"/cgroup.procs") == "42424242":
		return finding("byte-before-add", "the byte came before the child was in its cgroups", "first all cgroups, then the byte",
			"At the byte the child runs on, at once, maybe on another processor. What it does before it is moved is unlimited, and what it starts meanwhile stays outside for good", see)
	case !a.Placed:
		return finding("not-in-every-cgroup", fmt.Sprintf("of two cgroups, cgroup.procs got %q and %q", readFile(one+"/cgroup.procs"), readFile(two+"/cgroup.procs")), "4242 in both", "On v1 a process is in one cgroup of each hierarchy, and each has to be told", see)
	case !a.EOF:
		return finding("barrier-not-closed", "after the byte, the child's next read waits", "the end of the file",
			"A pipe ends for its reader when the last copy of the write end is closed, and not before. Ours is the last one", see)
	case a.ReadEndKept:
		return finding("read-end-kept", "our copy of the read end is still open", "it is closed: it is the child's", "As long as somebody has the read end, a write to a dead child succeeds, and tells nothing", see)
	}
	if a, f = open("/tmp/fake/not/there"); f != nil {
		return f
	}
	switch {
	case a.Byte:
		return finding("opens-after-failure", "the child could not be moved into its cgroup, and was let go nevertheless", "no byte, and the end of the file",
			"Then the workload runs without the limit that the user asked for, and nobody notices", see)
	case a.Err == "":
		return finding("failure-dropped", "the child could not be moved into its cgroup, and open returned no error", "the error of add", "What isn't said here is said nowhere", see)
	case !a.EOF:
		return finding("barrier-not-closed", "after a failure the pipe stays open", "the end of the file",
			"The child sleeps in read(2), and we sleep in wait(2) until it ends: for ever. A pipe ends for its reader when the last copy of the write end is closed", see)
	}
	return nil
}

func checkBarrier(w *world) *Finding {
	const see = `How it works; The demo and its five mistakes; man 7 pipe`
	var a struct {
		Err                string
		Early, Kept, Hangs bool
	}
	r := w.probe(command{}, &a, "waitAtBarrier", "byte")
	if f := w.failed(r, see); f != nil {
		return f
	}
	switch {
	case a.Early:
		return finding("no-barrier", "waitAtBarrier returned before anybody wrote a byte", "it waits",
			"The child exists before the parent can put it into its cgroup, for that takes a process number. A child that runs on meanwhile is unlimited for a while: in most runs nobody notices, and 2 of 100 workloads escape", see)
	case a.Hangs:
		return finding("waits-for-more", "waitAtBarrier had a byte to read and did not return", "one byte is enough", "Reading to the end of the file waits for the last copy of the write end to be closed", see)
	case a.Err != "":
		return finding("barrier-error", "after the byte, the error "+quote(a.Err), "none", "One byte means go", see)
	case a.Kept:
		return finding("barrier-kept", "file descriptor 3 is still open afterwards", "it is closed", "What is open is inherited: the workload would find our pipe among its files", see)
	}
	r = w.probe(command{}, &a, "waitAtBarrier", "end")
	if f := w.failed(r, see); f != nil {
		return f
	}
	if a.Err == "" && !a.Hangs {
		return finding("eof-means-go", "at the end of the file, without a byte, waitAtBarrier returned no error", "an error: the workload must not start",
			"read(2) returns at the end of the file, too: with 0 bytes. It means that nobody has the write end any more, since the parent has failed or died", see)
	}

	// All together: with a slow parent, and with all threads.
	for try := 0; try < 3; try++ {
		p := w.hold(command{Args: []string{"lab02", "-m", "50m", "sh", "-c", "cat /proc/self/cgroup; echo ready; read _; exit 0"}, Env: []string{"LAB_DELAY=80"}})
		threads := map[string]int{}
		for _, child := range labtest.Children(p.Pid) {
			if args := labtest.Cmdline(child); len(args) > 0 && args[0] != "/proc/self/exe" {
				continue
			}
			list, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/cgroup", child))
			for _, file := range list {
				threads[filepath.Base(w.memoryPlace(readFile(file)))]++
			}
		}
		want := fmt.Sprintf("lab02-%d", p.Pid)
		r := p.release()
		if strings.Contains(r.Stderr, " is yours: ") {
			return nil
		}
		if f := w.failed(r, see); f != nil {
			return f
		}
		if n := strings.Count(r.Stdout, "ready\n"); n != 1 {
			return finding("falls-through", fmt.Sprintf("one call of lab02 ran the workload %d times", n), "once", "Whoever starts /proc/self/exe starts main again: the second life must end when it has done its part, or it goes on as a parent", see).with(r)
		}
		if len(threads) > 1 {
			return finding("one-thread", fmt.Sprintf("the child's threads are in different cgroups: %v", threads), "all of them in "+want,
				"A Go program has several threads before its main begins. On v1 a cgroup has two lists: writing a number into tasks moves one thread, into cgroup.procs the whole process. What is forked by a thread that stayed outside is outside, too", see).with(r)
		}
		if at := w.memoryPlace(r.Stdout); at != "/"+want {
			return finding("no-barrier", fmt.Sprintf("with a parent that is slow to move it, the workload began in the cgroup %q", at), "/"+want, "The child has run on before it was in its cgroup", see).with(r)
		}
	}
	return nil
}

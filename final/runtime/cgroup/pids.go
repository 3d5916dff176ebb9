package cgroup

import (
	"bytes"
	"os"
	"strconv"

	"golang.org/x/sys/unix"

	"jocker/final/runtime/fail"
)

// Pids returns the numbers of all processes in the group and in the groups below it, which a container may
// have made. They are numbers of our pid namespace. A process that lies outside of it has none, and is
// left out. If the group is gone, there are none.
func (g *Group) Pids() ([]int, error) {
	h := g.v2()
	for i := range g.Hierarchies { // v2 sees all; on v1 nobody can leave the hierarchy of the devices unnoticed
		if h == nil || g.Hierarchies[i].Version == 1 && g.Hierarchies[i].has("devices") {
			h = &g.Hierarchies[i]
		}
	}
	if h == nil {
		return nil, nil
	}
	return processes(h.Dir())
}

// processes returns the processes in a cgroup and below.
func processes(dir string) (pids []int, err error) {
	err = walk(dir, func(dir string) error {
		text, err := read(dir + "/cgroup.procs")
		if gone(err) {
			return nil
		}
		if err == unix.EOPNOTSUPP { // a threaded cgroup: its processes are listed further up
			return nil
		}
		if err != nil {
			return fail.Call(callRead(dir+"/cgroup.procs"), err, "")
		}
		pids = appendPids(pids, text)
		return nil
	})
	return pids, err
}

// appendPids parses cgroup.procs: a number a line. 0 stands for a process of another pid namespace;
// as an argument of kill(2) it would mean ourselves.
func appendPids(pids []int, text []byte) []int {
	for len(text) > 0 {
		var line []byte
		line, text, _ = bytes.Cut(text, []byte("\n"))
		if pid, err := strconv.Atoi(string(line)); err == nil && pid > 0 {
			pids = append(pids, pid)
		}
	}
	return pids
}

// walk calls visit for the cgroups below dir, the deepest first, and then for dir. What vanishes
// meanwhile is passed over.
func walk(dir string, visit func(dir string) error) error {
	var st unix.Stat_t
	if err := unix.Stat(dir, &st); gone(err) {
		return nil
	} else if err != nil {
		return fail.Call("stat(\""+dir+"\")", err, "")
	}
	if st.Nlink > 2 { // a directory has a link from its parent, from itself and from each child
		entries, err := os.ReadDir(dir)
		if err != nil && !gone(err) {
			return fail.Call("getdents64(\""+dir+"\")", err, "")
		}
		for _, e := range entries {
			if e.IsDir() {
				if err := walk(dir+"/"+e.Name(), visit); err != nil {
					return err
				}
			}
		}
	}
	return visit(dir)
}

// gone tells whether an error means that a cgroup has been removed: before it was opened, or after.
func gone(err error) bool {
	if e, ok := err.(*os.PathError); ok {
		err = e.Err
	}
	return err == unix.ENOENT || err == unix.ENODEV
}

// unsupported tells whether an error means that the kernel has the file but does not count: pressure, if turned off.
func unsupported(err error) bool { return err == unix.EOPNOTSUPP }

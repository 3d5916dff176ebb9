package cgroup

import (
	"bytes"
	"errors"
	"strings"

	"golang.org/x/sys/unix"

	"jocker/final/runtime/fail"
)

// This file finds out which hierarchies the machine has, and where. Two files of proc tell:
// mountinfo where each is mounted, and cgroup where in each of them we are ourselves.

// A Hierarchy is one tree of cgroups, and the container's place in it.
type Hierarchy struct {
	Version     int      `json:"version"`     // 1 or 2
	Controllers []string `json:"controllers"` // that it has to give; a v1 tree without one is "name=systemd"
	Mount       string   `json:"mount"`       // the mount point: "/sys/fs/cgroup/memory"
	Root        string   `json:"root"`        // the cgroup that stands there: "/", or another within a container
	Path        string   `json:"path"`        // of the container's cgroup, below Mount: "/box"

	ours bool // made or taken by Create in this process
}

// Dir returns the directory of the container's cgroup.
func (h *Hierarchy) Dir() string { return h.Mount + strings.TrimSuffix(h.Path, "/") }

// has tells whether the hierarchy has a controller.
func (h *Hierarchy) has(controller string) bool {
	for _, c := range h.Controllers {
		if c == controller {
			return true
		}
	}
	return false
}

// A mount is what a line of mountinfo says of a hierarchy.
type mount struct {
	version     int
	controllers []string // v1 only
	root        string   // the cgroup that stands at the mount point: "/", or ours within a container
	entry
}

// parseMounts reads /proc/self/mountinfo (proc_pid_mountinfo(5)) and picks out what we can use:
//
//	36 23 0:32 / /sys/fs/cgroup/memory rw,nosuid shared:9 - cgroup cgroup rw,memory
//	           │ └ point                                    │             └ the controllers
//	           └ root                                       └ cgroup, or cgroup2
//
// A hierarchy that is mounted twice is taken where it was mounted first, of the places that can be seen.
func parseMounts(all []byte) []mount {
	var list []mount
	table := all
	for len(table) > 0 {
		var line []byte
		line, table, _ = bytes.Cut(table, []byte("\n"))
		left, right, ok := bytes.Cut(line, []byte(" - cgroup"))
		if !ok {
			continue
		}
		f, _, ok := fields(left)
		super := strings.Fields(string(right)) // "2 cgroup2 rw" or "cgroup rw,memory": the 2 belongs to the name
		if !ok || len(super) < 2 || len(f[4]) == 0 || len(f[3]) == 0 {
			continue
		}
		m := mount{version: 1, root: unescape(string(f[3])), entry: entry{string(f[0]), string(f[1]), unescape(string(f[4]))}}
		if right[0] == '2' {
			m.version = 2
		} else if right[0] != ' ' {
			continue
		} else if m.controllers = controllers(super[len(super)-1]); m.controllers == nil {
			continue
		}
		list = append(list, m)
	}
	entries := ways(all, list)
	seen := list[:0]
	for _, m := range list {
		if m.visible(entries) {
			seen = put(seen, m)
		}
	}
	return seen
}

// put adds a mount to the list, unless its hierarchy is there.
func put(list []mount, m mount) []mount {
	for i := range list {
		if o := &list[i]; o.version == m.version && (m.version == 2 || o.controllers[0] == m.controllers[0]) {
			return list
		}
	}
	return append(list, m)
}

// controllers picks the controllers from a v1 hierarchy's options, "rw,cpu,cpuacct". Of the
// hierarchies without one that of systemd counts; others belong to somebody who has use for them.
func controllers(options string) (list []string) {
	for _, o := range strings.Split(options, ",") {
		switch o {
		case "cpuset", "cpu", "cpuacct", "blkio", "memory", "devices", "freezer", "net_cls", "perf_event",
			"net_prio", "hugetlb", "pids", "rdma", "misc", "name=systemd":
			list = append(list, o)
		}
	}
	return list
}

// unescape undoes what mountinfo does to a space, a tab, a newline and a backslash: "\040".
func unescape(s string) string {
	i := strings.IndexByte(s, '\\')
	if i < 0 {
		return s
	}
	var b strings.Builder
	for ; i >= 0 && len(s)-i >= 4; i = strings.IndexByte(s, '\\') {
		n, octal := 0, true
		for _, d := range s[i+1 : i+4] {
			octal = octal && '0' <= d && d <= '7'
			n = n<<3 | int(d-'0')
		}
		if !octal || n > 255 {
			b.WriteString(s[:i+1])
			s = s[i+1:]
			continue
		}
		b.WriteString(s[:i])
		b.WriteByte(byte(n))
		s = s[i+4:]
	}
	b.WriteString(s)
	return b.String()
}

// membership finds the path of a process's cgroup in /proc/PID/cgroup (cgroups(7)), of which the lines are
//
//	4:memory:/user.slice      hierarchy number, controllers, path
//	0::/user.slice            v2 has neither
//
// controller is "" for v2. ok is false if there is no such line.
func membership(table []byte, controller string) (path string, ok bool) {
	for len(table) > 0 {
		var line []byte
		line, table, _ = bytes.Cut(table, []byte("\n"))
		_, rest, ok1 := bytes.Cut(line, []byte(":"))
		names, where, ok2 := bytes.Cut(rest, []byte(":"))
		if !ok1 || !ok2 || len(where) == 0 || where[0] != '/' {
			continue
		}
		if string(names) == controller {
			return string(where), true
		}
		for len(names) > 0 && controller != "" {
			var name []byte
			name, names, _ = bytes.Cut(names, []byte(","))
			if string(name) == controller {
				return string(where), true
			}
		}
	}
	return "", false
}

// below returns a path of /proc/PID/cgroup as seen from the mount point, where the cgroup root
// stands. What lies outside of it, in a container for example, is taken for the mount point itself.
func below(path, root string) string {
	if root == "/" {
		return path
	}
	if rest, ok := strings.CutPrefix(path, root); ok && (rest == "" || rest[0] == '/') {
		return "/" + strings.TrimPrefix(rest, "/")
	}
	return "/"
}

// hierarchies returns what the machine has, v2 last. Paths are not set.
func hierarchies() (list []Hierarchy, err error) {
	table, err := read("/proc/self/mountinfo")
	if err != nil {
		return nil, fail.Call(`read("/proc/self/mountinfo")`, err, "the runtime needs a proc file system on /proc; mount -t proc proc /proc")
	}
	var v2 *mount
	mounts := parseMounts(table)
	for i := range mounts {
		m := &mounts[i]
		if m.version == 2 {
			v2 = m
			continue
		}
		list = append(list, Hierarchy{Version: 1, Controllers: m.controllers, Mount: m.point, Root: m.root})
	}
	if v2 != nil {
		h := Hierarchy{Version: 2, Mount: v2.point, Root: v2.root}
		available, err := read(v2.point + "/cgroup.controllers")
		if err != nil {
			return nil, fail.Call(callRead(v2.point+"/cgroup.controllers"), err, "")
		}
		h.Controllers = strings.Fields(string(available))
		// Beside v1 hierarchies, a v2 tree without a controller has nothing to give.
		if len(list) == 0 || len(h.Controllers) > 0 {
			list = append(list, h)
		}
	}
	if len(list) == 0 {
		return nil, errors.New("no cgroup hierarchy is mounted: mount one with mount -t cgroup2 none /sys/fs/cgroup")
	}
	return list, nil
}

// read returns the content of a small file of proc or of a cgroup.
func read(path string) ([]byte, error) {
	fd, err := open(path, unix.O_RDONLY)
	if err != nil {
		return nil, err
	}
	defer unix.Close(fd)
	buf := make([]byte, 0, 4096)
	for {
		n, err := unix.Read(fd, buf[len(buf):cap(buf)])
		switch {
		case err == unix.EINTR:
			continue
		case err != nil:
			return nil, err
		case n == 0:
			return buf, nil
		}
		buf = buf[:len(buf)+n]
		if cap(buf)-len(buf) < 1024 {
			buf = append(make([]byte, 0, 4*cap(buf)), buf...)
		}
	}
}

// open is open(2), without leaking the descriptor to a child.
func open(path string, flags int) (fd int, err error) {
	for {
		if fd, err = unix.Open(path, flags|unix.O_CLOEXEC, 0); err != unix.EINTR {
			return fd, err
		}
	}
}

func callRead(path string) string { return `read("` + path + `")` }

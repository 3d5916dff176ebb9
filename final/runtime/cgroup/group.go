package cgroup

import (
	"fmt"
	"strings"

	"golang.org/x/sys/unix"

	"jocker/final/runtime/fail"
)

// A Group is a container's cgroup: one directory in each hierarchy of the machine. It is plain data,
// and written into the container's state as JSON: whoever reads it later finds the same directories,
// from wherever it looks.
type Group struct {
	Hierarchies []Hierarchy `json:"hierarchies"`
	Unit        *Unit       `json:"unit,omitempty"`  // if systemd has made it
	Small       bool        `json:"small,omitempty"` // its limit of memory has no room for the start of an init

	refused bool    // it could not be made: what is there may be another's
	helper  *helper // holds a scope until init is in it
}

// Locate says where a container's cgroup is to be. It reads proc, and creates nothing.
//
// cgroupsPath is config.json's linux.cgroupsPath. An absolute path counts from where the hierarchy is
// mounted. A relative one counts from the caller's own cgroup on v1, and from the parent of that one on
// v2, where a cgroup that holds processes can give its children no controllers. Without a path, it is
// "/ID", or for an ordinary user "ID".
func Locate(cgroupsPath, id string) (*Group, error) {
	if cgroupsPath == "" {
		if cgroupsPath = id; !limited() {
			cgroupsPath = "/" + id
		}
	}
	if err := checkPath(cgroupsPath); err != nil {
		return nil, err
	}
	list, err := hierarchies()
	if err != nil {
		return nil, err
	}
	var own []byte
	if cgroupsPath[0] != '/' {
		if own, err = read("/proc/self/cgroup"); err != nil {
			return nil, fail.Call(`read("/proc/self/cgroup")`, err, "")
		}
	}
	for i := range list {
		h := &list[i]
		base := ""
		if cgroupsPath[0] != '/' {
			base = h.place(own)
			if h.Version == 2 {
				base = base[:strings.LastIndexByte(base, '/')]
			}
		}
		h.Path = clean(base + "/" + cgroupsPath)
	}
	return &Group{Hierarchies: list}, nil
}

// place returns the path, below the mount point, of the cgroup that a /proc/PID/cgroup tells.
func (h *Hierarchy) place(table []byte) string {
	controller := ""
	if h.Version == 1 {
		controller = h.Controllers[0]
	}
	path, _ := membership(table, controller)
	if path == "" {
		return "/"
	}
	return below(path, h.Root)
}

// checkPath refuses a path that could leave the hierarchy or that no directory can have.
func checkPath(path string) error {
	for _, part := range strings.Split(path, "/") {
		if part == ".." {
			return fmt.Errorf("linux.cgroupsPath %q: a cgroup's path must not contain \"..\"", path)
		}
		if len(part) > 255 {
			return fmt.Errorf("linux.cgroupsPath %q: a name in it is longer than 255 bytes", path)
		}
	}
	if strings.ContainsAny(path, "\x00\n") {
		return fmt.Errorf("linux.cgroupsPath %q: a cgroup's path must not contain a zero byte or a newline", path)
	}
	if clean("/"+path) == "/" {
		return fmt.Errorf("linux.cgroupsPath %q: the root of a hierarchy cannot be a container's cgroup; name one below it", path)
	}
	return nil
}

// clean removes empty and "." parts from a path that has no "..".
func clean(path string) string {
	var b strings.Builder
	for _, part := range strings.Split(path, "/") {
		if part != "" && part != "." {
			b.WriteByte('/')
			b.WriteString(part)
		}
	}
	if b.Len() == 0 {
		return "/"
	}
	return b.String()
}

// find returns the hierarchy that has a controller, or nil. In v2 blkio is called io; the devices
// controller and the freezer are not controllers there and always present.
func (g *Group) find(controller string) *Hierarchy {
	v2 := g.v2()
	for i := range g.Hierarchies {
		h := &g.Hierarchies[i]
		if h.Version == 1 && h.has(controller) {
			return h
		}
	}
	if v2 == nil {
		return nil
	}
	switch controller {
	case "blkio":
		controller = "io"
	case "cpuacct":
		return v2
	case "devices", "freezer":
		if len(g.Hierarchies) == 1 {
			return v2
		}
		return nil
	}
	if v2.has(controller) {
		return v2
	}
	return nil
}

// v2 returns the v2 hierarchy, or nil.
func (g *Group) v2() *Hierarchy {
	if n := len(g.Hierarchies); n > 0 && g.Hierarchies[n-1].Version == 2 {
		return &g.Hierarchies[n-1]
	}
	return nil
}

// None tells whether there is no hierarchy in which the group could be made (Rootless).
func (g *Group) None() bool { return len(g.Hierarchies) == 0 }

// Pure tells whether v2 is all that the machine has. On others the v1 hierarchies do the work.
func (g *Group) Pure() bool { return len(g.Hierarchies) == 1 && g.v2() != nil }

// Born tells whether an init is born into the v2 hierarchy.
func (g *Group) Born() bool { return g.v2() != nil && !g.Small }

// ByDoor tells whether an init has to come in by itself (Doors, Join): into v1 always, into v2 if it is small. Otherwise it is
// born inside (FD), and on a hybrid machine it is both.
func (g *Group) ByDoor() bool { return !g.Pure() || g.Small }

// Exists tells whether a directory of the group is there.
func (g *Group) Exists() bool {
	for i := range g.Hierarchies {
		if unix.Access(g.Hierarchies[i].Dir(), unix.F_OK) == nil {
			return true
		}
	}
	return false
}

// Beside returns the group in which a process is now: within the container's own, if the container has
// made cgroups of its own and distributed its processes. On v2 its topmost cgroup may then hold none,
// and a process that is to join has to go where another is.
func (g *Group) Beside(pid int) (*Group, error) {
	path := fmt.Sprintf("/proc/%d/cgroup", pid)
	table, err := read(path)
	if err != nil {
		return nil, fail.Call(callRead(path), err, "the process has ended")
	}
	beside := &Group{Hierarchies: append([]Hierarchy(nil), g.Hierarchies...), Small: g.Small}
	for i := range beside.Hierarchies {
		h := &beside.Hierarchies[i]
		h.Path = h.place(table)
	}
	return beside, nil
}

// Below returns a group below this one, in all hierarchies, or only in that of one controller: path is
// "PATH" or "CONTROLLER:PATH", as `exec --cgroup` takes it. It must be there already.
func (g *Group) Below(path string) (*Group, error) {
	below := &Group{Hierarchies: append([]Hierarchy(nil), g.Hierarchies...), Small: g.Small}
	controller, rest, one := strings.Cut(path, ":")
	if one {
		path = rest
	}
	for _, part := range strings.Split(path, "/") {
		if part == ".." {
			return nil, fmt.Errorf("--cgroup %q: a cgroup's path must not contain \"..\"", path)
		}
	}
	found := false
	for i := range below.Hierarchies {
		h := &below.Hierarchies[i]
		if one && !h.has(controller) {
			continue
		}
		found = true
		h.Path = clean(h.Path + "/" + path)
		if err := unix.Access(h.Dir(), unix.F_OK); err != nil {
			return nil, fail.Call(fmt.Sprintf("access(%q)", h.Dir()), err, "--cgroup names a cgroup below the container's own, which must be there already")
		}
	}
	if !found {
		return nil, fmt.Errorf("--cgroup: the machine has no controller %q", controller)
	}
	return below, nil
}

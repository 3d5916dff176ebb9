package container

import (
	"fmt"
	"os"
	"sort"
	"strconv"
	"strings"

	"jocker/final/engine/image"
	"jocker/final/engine/layer"
)

// An Anatomy is what a running container is made of. A container is no thing that the kernel knows; it is processes that have
// these name spaces, this cgroup, and these files. All of it is asked of the kernel, but for the layers.
type Anatomy struct {
	Container  *Container
	Status     *Status
	Tree       *Process
	Namespaces []Namespace
	Cgroup     string // its path; the same in all hierarchies
	Limits     []Limit
	Walls      []string // what its first process may not do
	Layers     []Layer  // the top one first
	Interface  string   // the host's end of the cable; "" without one
	Bridge     string
	Network    *Network
}

// A Process is one, and its children.
type Process struct {
	Pid      int
	Inside   int // as the container numbers it; 0 if it is not in its PID name space
	Command  string
	Children []*Process
}

// A Namespace is one of the first process's.
type Namespace struct {
	Kind  string // mnt, pid, ...
	Inode string
	Whose string // "own", "the host's", "shared with NAME"
}

// A Limit is what is used of something, and how much may be.
type Limit struct {
	Name     string
	Use, Max uint64 // Max is 0 if there is no limit
	Text     string // both for people
	File     string // which file of the kernel's it is
}

// A Layer is a directory that the container's root is made of.
type Layer struct {
	Name string
	Size int64
	What string
}

// Anatomy looks at a running container.
func (c *Container) Anatomy() (*Anatomy, error) {
	s, err := c.Status()
	if err != nil {
		return nil, err
	}
	if !s.Running() {
		return nil, fmt.Errorf("Container %s is not running: there is nothing of it but files, which `jocker inspect` and `jocker diff` show", c.Name)
	}
	a := &Anatomy{Container: c, Status: s, Network: c.Network()}
	if a.Tree, err = c.tree(s); err != nil {
		return nil, err
	}
	if a.Namespaces, err = c.whose(s); err != nil {
		return nil, err
	}
	a.limits(s)
	a.Walls = walls(s.Pid)
	a.Layers = c.layers()
	if c.networkOwn() {
		a.Interface, a.Bridge = a.Network.Cable, a.Network.Bridge
	}
	return a, nil
}

// tree returns the shim and its descendants, as far as they are the container's.
func (c *Container) tree(s *Status) (*Process, error) {
	pids, err := c.Pids()
	if err != nil {
		return nil, err
	}
	root := &Process{Pid: s.Shim, Command: "jocker-shim"}
	all := map[int]*Process{s.Shim: root}
	parents := map[int]int{}
	var order []int
	for _, text := range pids {
		pid, _ := strconv.Atoi(text)
		status, err := os.ReadFile("/proc/" + text + "/status")
		if err != nil {
			continue // it has ended
		}
		p := &Process{Pid: pid, Command: command(pid)}
		for _, line := range strings.Split(string(status), "\n") { // proc_pid_status(5)
			key, value, _ := strings.Cut(line, ":")
			switch f := strings.Fields(value); {
			case key == "PPid" && len(f) == 1:
				parents[pid], _ = strconv.Atoi(f[0])
			case key == "NSpid" && len(f) > 1:
				p.Inside, _ = strconv.Atoi(f[len(f)-1])
			}
		}
		all[pid] = p
		order = append(order, pid)
	}
	sort.Ints(order)
	for _, pid := range order {
		parent := all[parents[pid]]
		if parent == nil { // an `exec`, whose parent is a command
			parent = root
		}
		parent.Children = append(parent.Children, all[pid])
	}
	return root, nil
}

// command returns a process's command line, or its name if it has none.
func command(pid int) string {
	data, _ := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid))
	if text := strings.TrimSpace(strings.ReplaceAll(string(data), "\x00", " ")); text != "" {
		return printable(text)
	}
	data, _ = os.ReadFile(fmt.Sprintf("/proc/%d/comm", pid))
	return "[" + printable(strings.TrimSpace(string(data))) + "]"
}

// printable replaces what a terminal might take for a command: a container chooses the names of its processes.
func printable(text string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f || r >= 0x80 && r < 0xa0 {
			return '?'
		}
		return r
	}, text)
}

// whose finds out about name spaces: two processes are in the same if the links in /proc have the same inode (namespaces(7)).
func (c *Container) whose(s *Status) (list []Namespace, err error) {
	others, err := c.store.List()
	if err != nil {
		return nil, err
	}
	for _, kind := range []string{"mnt", "pid", "net", "ipc", "uts", "cgroup", "user", "time"} {
		link, err := os.Readlink(fmt.Sprintf("/proc/%d/ns/%s", s.Pid, kind))
		if err != nil {
			continue // a kernel without them
		}
		n := Namespace{Kind: kind, Inode: strings.Trim(link[strings.IndexByte(link, ':')+1:], "[]"), Whose: "own"}
		if host, _ := os.Readlink("/proc/self/ns/" + kind); host == link {
			n.Whose = "the host's"
		} else {
			for _, other := range others {
				o, err := other.Status()
				if err != nil || other.ID == c.ID || !o.Running() {
					continue
				}
				if theirs, _ := os.Readlink(fmt.Sprintf("/proc/%d/ns/%s", o.Pid, kind)); theirs == link {
					n.Whose = "shared with " + other.Name
				}
			}
		}
		list = append(list, n)
	}
	return list, nil
}

// layers returns the directories of the overlay.
func (c *Container) layers() (list []Layer) {
	size, _, _ := layer.Size(c.Diff())
	list = append(list, Layer{"diff", size, "what the container changed"})
	var history []string
	if img, err := c.BaseImage(); err == nil {
		for _, h := range img.Config.History {
			if !h.EmptyLayer {
				history = append(history, printable(h.CreatedBy))
			}
		}
	}
	list = append(list, Layer{image.InitLayer, 0, "places for what is mounted in every container"})
	for i := len(c.Layers) - 1; i >= 0; i-- {
		l := Layer{Name: c.Layers[i], Size: c.store.Images.LayerSize(c.Layers[i])}
		if i < len(history) {
			l.What = history[i]
		}
		list = append(list, l)
	}
	return list
}

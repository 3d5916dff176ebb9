package cgroup

import "bytes"

// A mount that another one lies upon cannot be seen: its path leads to the other. mountinfo lists it all the same, and whoever
// makes a cgroup by that path makes a directory in a tmpfs. So for each hierarchy is found out whether the path still leads there.

// An entry is what a line of mountinfo says of what lies upon what.
type entry struct {
	id, parent string // numbers of the mount, and of the one that it lies upon
	point      string
}

// fields cuts off the first five fields of a line of mountinfo, which are id, parent, device, root and mount point.
func fields(line []byte) (f [5][]byte, rest []byte, ok bool) {
	for i := range f {
		f[i], line, ok = bytes.Cut(line, []byte(" "))
	}
	return f, line, ok
}

// ways returns the entries of all mounts on the way to one of list: those on its mount point, and on the directories above.
func ways(table []byte, list []mount) (entries []entry) {
	for len(table) > 0 {
		var line []byte
		line, table, _ = bytes.Cut(table, []byte("\n"))
		f, _, ok := fields(line)
		if !ok {
			continue
		}
		for i := range list {
			if point := f[4]; prefixes(point, list[i].point) || bytes.IndexByte(point, '\\') >= 0 {
				entries = append(entries, entry{string(f[0]), string(f[1]), unescape(string(point))})
				break
			}
		}
	}
	return entries
}

// prefixes tells whether a path is another one or leads there.
func prefixes[T string | []byte](path T, to string) bool {
	n := len(path)
	return n <= len(to) && string(path) == to[:n] && (n == len(to) || to[n] == '/' || string(path) == "/")
}

// visible tells whether the path of a mount leads there. It goes down from the mount to the one that the root directory is in, and
// looks at each of them for something that lies upon it, on the way to the mount point.
func (m *mount) visible(entries []entry) bool {
	at, above := m.entry, ""
	for range entries { // so often at most: mountinfo has no circles
		if at.point == "/" {
			// The root directory is taken as it is, whatever lies upon it. What lies upon it itself is out of reach.
			_, covers := find(entries, at.parent)
			return !covers || at.parent == at.id
		}
		for _, e := range entries {
			if e.parent == at.id && e.id != above && e.id != at.id && prefixes(e.point, m.point) {
				return false
			}
		}
		below, ok := find(entries, at.parent)
		if !ok {
			return true
		}
		at, above = below, at.id
	}
	return true
}

// find returns the entry with a number.
func find(entries []entry, id string) (entry, bool) {
	for _, e := range entries {
		if e.id == id {
			return e, true
		}
	}
	return entry{}, false
}

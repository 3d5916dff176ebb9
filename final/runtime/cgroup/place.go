package cgroup

import (
	"fmt"
	"strconv"

	"golang.org/x/sys/unix"

	"jocker/final/runtime/fail"
)

// There are three ways into a cgroup, and they differ in speed by a factor of a hundred.
//
//   - Write the number of a process into cgroup.procs, as in lab01. The kernel moves all threads of the process at
//     once, and so must keep the whole machine from forking meanwhile: the lock for it costs a wait for an RCU
//     grace period, 5 to 20 ms, unless another process was moved a moment ago.
//   - Be born there: clone3(2) with CLONE_INTO_CGROUP (Linux 5.7, v2 only).
//   - Move only oneself: a thread that writes "0" into v1's file tasks moves itself, and needs no lock. What it
//     becomes by execve, one process with one thread, is then in the cgroup.
//
// So init joins v1 hierarchies by itself, through files that the runtime opens for it, and is born into v2.
//
// Memory is charged to the cgroup in which a process was when it touched it, and stays there. Who joins has left
// the start of Go, some 1.5 MiB, outside; who is born inside has not, and dies of it where the limit is small. Such a
// group init joins on v2 as well, by the slow way: there, threads cannot be moved alone.

// startRoom is the limit of memory, in bytes, from which on an init is born in its cgroup. Two MiB are just enough.
const startRoom = 4 << 20

// FD opens the group's v2 directory for CLONE_INTO_CGROUP. It is -1 on a machine without one, and if the group is small.
func (g *Group) FD() (int, error) {
	if !g.Born() {
		return -1, nil
	}
	h := g.v2()
	dir := h.Dir()
	fd, err := open(dir, unix.O_PATH|unix.O_DIRECTORY)
	if err != nil {
		return -1, fail.Call(fmt.Sprintf("open(%q, O_PATH|O_DIRECTORY)", dir), err, h.why(dir, "", "", err))
	}
	return fd, nil
}

// Doors opens the file tasks of each v1 hierarchy, and cgroup.procs of v2 if the group is small, for Join. The caller
// closes them, and hands them to nobody but init: the kernel asks for the rights of who opened them.
func (g *Group) Doors() (fds []int, err error) {
	for i := range g.Hierarchies {
		h := &g.Hierarchies[i]
		file := "tasks"
		if h.Version == 2 {
			if !g.Small {
				continue
			}
			file = "cgroup.procs"
		}
		fd, err := open(h.Dir()+"/"+file, unix.O_WRONLY)
		if err != nil {
			for _, fd := range fds {
				unix.Close(fd)
			}
			return nil, fail.Call(fmt.Sprintf(`open("%s/%s", O_WRONLY)`, h.Dir(), file), err, h.why(h.Dir(), file, "", err))
		}
		fds = append(fds, fd)
	}
	return fds, nil
}

// Join moves the calling thread through the doors, and closes them. Call it from the thread that will call
// execve, locked to its goroutine: after execve it is the only one. Other threads stay where they are, on v1.
func Join(doors []int) error {
	for _, fd := range doors {
		_, err := unix.Write(fd, []byte("0"))
		for err == unix.EINTR {
			_, err = unix.Write(fd, []byte("0"))
		}
		if err != nil {
			var path [unix.PathMax]byte
			n, _ := unix.Readlink(fmt.Sprintf("/proc/self/fd/%d", fd), path[:])
			return fail.Call(callWrite(string(path[:max(n, 0)]), "0"), err, (&Hierarchy{Version: 1}).why("", "tasks", "0", err))
		}
		unix.Close(fd)
	}
	return nil
}

// Add moves a process, with all its threads, into the group. pid is its number as we see it.
func (g *Group) Add(pid int) error {
	for i := range g.Hierarchies {
		if err := g.Hierarchies[i].write("cgroup.procs", strconv.Itoa(pid)); err != nil {
			return err
		}
	}
	return nil
}

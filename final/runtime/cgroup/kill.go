package cgroup

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"jocker/final/runtime/fail"
)

// Kill sends a signal to all processes of the group. On v2, the kernel itself can kill a whole group, and
// nothing that is just being forked escapes (cgroup.kill, Linux 5.14). Elsewhere and for other
// signals the group is frozen meanwhile.
//
// Kill does not wait until the processes have ended; Delete does. A frozen group is thawed only by
// SIGKILL, since a frozen process of v1 cannot even die.
func (g *Group) Kill(signal unix.Signal) error {
	if h := g.v2(); h != nil && signal == unix.SIGKILL && g.Pure() {
		switch err := writeFile(h.Dir()+"/cgroup.kill", "1"); {
		case err == nil || gone(err) && !g.Exists():
			return nil
		}
	}
	wasFrozen, _ := g.Frozen()
	if !wasFrozen {
		_ = g.Freeze() // what cannot be frozen is killed all the same, only less surely
	}
	pids, err := g.Pids()
	for _, pid := range pids {
		if e := unix.Kill(pid, signal); e != nil && e != unix.ESRCH && err == nil {
			err = fail.Call(fmt.Sprintf("kill(%d, %s)", pid, unix.SignalName(signal)), e, "")
		}
	}
	if !wasFrozen || signal == unix.SIGKILL {
		if e := g.Thaw(); err == nil && g.Exists() && !errors.Is(e, unix.ENOENT) {
			err = e
		}
	}
	return err
}

// Delete removes the group and those below it, and kills what still runs there. It is content if all is gone
// already. While a process is ending, its cgroup is busy; Delete waits for it.
//
// If Create, or one of its steps, has failed, it removes only what they made: a cgroup that was refused because others are
// in it stays theirs.
func (g *Group) Delete() error {
	var first error
	_ = g.releaseUnit()
	for i := range g.Hierarchies {
		if g.refused && !g.Hierarchies[i].ours {
			continue
		}
		if err := g.Hierarchies[i].remove(g); err != nil && first == nil {
			first = err
		}
	}
	if g.Unit != nil && !g.refused {
		g.stopUnit()
	}
	return first
}

// remove removes the directory of one hierarchy. In most cases the first rmdir does it.
func (h *Hierarchy) remove(g *Group) error {
	dir := h.Dir()
	err := unix.Rmdir(dir)
	for wait, end := 100*time.Microsecond, time.Now().Add(patience); err == unix.EBUSY || err == unix.EINTR; wait = min(2*wait, 20*time.Millisecond) {
		if time.Now().After(end) {
			pids, _ := processes(dir)
			return fail.Call(fmt.Sprintf("rmdir(%q)", dir), err, fmt.Sprintf("these processes do not end within %v of SIGKILL: %s; "+
				"state D in ps waits for a device, state Z for its parent", patience, strings.Trim(fmt.Sprint(pids), "[]")))
		}
		if pids, _ := processes(dir); len(pids) > 0 {
			if g.Kill(unix.SIGKILL); h.Version == 1 {
				for _, pid := range pids { // those that are in this hierarchy only
					_ = unix.Kill(pid, unix.SIGKILL)
				}
			}
		}
		_ = walk(dir, func(child string) error {
			if child != dir {
				_ = unix.Rmdir(child)
			}
			return nil
		})
		if err = unix.Rmdir(dir); err == nil || err == unix.ENOENT {
			return nil
		}
		time.Sleep(wait)
	}
	if err == nil || err == unix.ENOENT {
		return nil
	}
	return fail.Call(fmt.Sprintf("rmdir(%q)", dir), err, h.why(dir, "", "", err))
}

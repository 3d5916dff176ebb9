package cgroup

import (
	"errors"
	"fmt"
	"io"
	"time"

	"golang.org/x/sys/unix"

	"jocker/final/runtime/fail"
)

// OOM watches for the moments when a container runs out of memory.
//
// On v2, memory.events counts how many processes the kernel has killed for it, and a change of the file can be
// seen by inotify(7). On v1, the kernel writes to an eventfd(2) that was given to it by cgroup.event_control.
type OOM struct {
	h      *Hierarchy
	fd     int // the eventfd, or inotify
	counts int // v1: memory.oom_control
	seen   uint64
}

// WatchOOM begins to watch. What happened before is not told.
func (g *Group) WatchOOM() (*OOM, error) {
	h := g.find("memory")
	if h == nil {
		return nil, missing("memory")
	}
	o := &OOM{h: h, fd: -1, counts: -1}
	var err error
	if h.Version == 2 {
		err = o.watch2()
	} else {
		err = o.watch1()
	}
	if err != nil {
		o.Close()
		return nil, err
	}
	return o, nil
}

func (o *OOM) watch2() (err error) {
	if o.fd, err = unix.InotifyInit1(unix.IN_CLOEXEC | unix.IN_NONBLOCK); err != nil {
		return fail.Call("inotify_init1(IN_CLOEXEC|IN_NONBLOCK)", err, inotifyCause(err))
	}
	// The second file tells when the last process has ended.
	for _, file := range [...]string{"memory.events", "cgroup.events"} {
		path := o.h.Dir() + "/" + file
		if _, err := unix.InotifyAddWatch(o.fd, path, unix.IN_MODIFY); err != nil {
			return fail.Call(fmt.Sprintf("inotify_add_watch(%q, IN_MODIFY)", path), err, o.h.why(o.h.Dir(), file, "", err)+inotifyCause(err))
		}
	}
	text, err := o.h.read("memory.events")
	o.seen = value([]byte(text), "oom_kill")
	return err
}

func inotifyCause(err error) string {
	if err == unix.EMFILE || err == unix.ENOSPC {
		return "this user watches too many files; raise fs.inotify.max_user_instances or max_user_watches by sysctl"
	}
	return ""
}

func (o *OOM) watch1() (err error) {
	if o.fd, err = unix.Eventfd(0, unix.EFD_CLOEXEC|unix.EFD_NONBLOCK); err != nil {
		return fail.Call("eventfd(0, EFD_CLOEXEC|EFD_NONBLOCK)", err, "")
	}
	path := o.h.Dir() + "/memory.oom_control"
	if o.counts, err = open(path, unix.O_RDONLY); err != nil {
		return fail.Call(fmt.Sprintf("open(%q, O_RDONLY)", path), err, o.h.why(o.h.Dir(), "memory.oom_control", "", err))
	}
	return o.h.write("cgroup.event_control", fmt.Sprintf("%d %d", o.fd, o.counts))
}

// Wait waits until the container runs out of memory, or the time is over; less than 0 is no limit. Then happened tells
// which. The error is io.EOF when the container's group is gone or, on v2, has no process left.
func (o *OOM) Wait(limit time.Duration) (happened bool, err error) {
	end := time.Now().Add(limit)
	for {
		if happened, err = o.look(); happened || err != nil {
			return happened, err
		}
		ms := -1
		if limit >= 0 {
			left := time.Until(end)
			if left <= 0 {
				return false, nil
			}
			ms = int((left + time.Millisecond - 1) / time.Millisecond)
		}
		if _, err := unix.Poll([]unix.PollFd{{Fd: int32(o.fd), Events: unix.POLLIN}}, ms); err != nil && err != unix.EINTR {
			return false, fail.Call("poll(…)", err, "")
		}
	}
}

// look finds out what has happened since it looked last.
func (o *OOM) look() (happened bool, err error) {
	var buf [4096]byte
	_, err = unix.Read(o.fd, buf[:])
	if err != nil && err != unix.EAGAIN && err != unix.EINTR {
		return false, fail.Call(fmt.Sprintf("read(%d)", o.fd), err, "")
	}
	dir := o.h.Dir()
	if o.h.Version == 1 { // which also wakes us when the cgroup is removed
		if unix.Access(dir+"/memory.oom_control", unix.F_OK) != nil {
			return false, io.EOF
		}
		return err == nil, nil
	}
	text, err := read(dir + "/memory.events")
	if gone(err) {
		return false, io.EOF
	} else if err != nil {
		return false, fail.Call(callRead(dir+"/memory.events"), err, "")
	}
	if n := value(text, "oom_kill"); n > o.seen {
		o.seen = n
		return true, nil
	}
	text, err = read(dir + "/cgroup.events")
	if populated, ok := lookup(text, "populated"); err != nil || ok && populated == 0 {
		return false, io.EOF
	}
	return false, nil
}

// Close ends the watch.
func (o *OOM) Close() error {
	var errs [2]error
	for i, fd := range []int{o.fd, o.counts} {
		if fd >= 0 {
			errs[i] = unix.Close(fd)
		}
	}
	o.fd, o.counts = -1, -1
	return errors.Join(errs[0], errs[1])
}

package container

import (
	"time"

	"golang.org/x/sys/unix"

	"jocker/final/runtime/seccomp"
)

// auditDelay is how long the kernel may take to write down why it killed. It leaves that to a thread of its
// own (kauditd), which on a busy machine comes later than the process's end. If an auditd takes the records,
// none ever comes, and this is what the wait costs.
const auditDelay = 500 * time.Millisecond

// firstPIDNamespace is what /proc/PID/ns/pid is in the PID namespace that the machine began with (PROC_PID_INIT_INO in the kernel).
const firstPIDNamespace = "pid:[4026531836]"

// refused looks into the kernel's log for the system call for which seccomp killed a process. It had the number pid from a
// time on (proc.StartTime), and has ended by now.
//
// The log knows numbers only, those of the first PID namespace: in another one ours mean nothing there. And a number comes again. So
// what counts is a record of the time when it was our process's, by the kernel, about something deadly.
func refused(pid int, start uint64) (last seccomp.Refused, found bool) {
	var name [len(firstPIDNamespace) + 1]byte
	if n, err := unix.Readlink("/proc/self/ns/pid", name[:]); err != nil || string(name[:n]) != firstPIDNamespace {
		return last, false
	}
	born, now := startedAt(start), time.Now()
	fd, err := unix.Open("/dev/kmsg", unix.O_RDONLY|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
	if err != nil {
		return last, false
	}
	defer unix.Close(fd)
	line := make([]byte, 8192)
	deadline := now.Add(10 * auditDelay) // a log that others fill faster than we read has no end
	for ended := false; time.Now().Before(deadline); {
		n, err := unix.Read(fd, line)
		if err == unix.EPIPE || err == unix.EINTR { // EPIPE: it was overwritten while we read; the next one is there
			continue
		}
		if err == unix.EAGAIN && !found { // the end of the log
			if !ended {
				ended, deadline = true, time.Now().Add(auditDelay)
			}
			unix.Poll([]unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}, max(int(time.Until(deadline).Milliseconds()), 0)+1)
			continue
		}
		if err != nil || n == 0 {
			break
		}
		if r, ok := seccomp.FromLog(string(line[:n])); ok && r.Pid == pid && r.Fatal && !r.Time.Before(born) && !r.Time.After(now) {
			last, found = r.Refused, true
		}
	}
	return last, found
}

// startedAt turns a start time, in ticks of 10 ms since boot, into the time of day. The record's clock is read once in a tick of the
// kernel's, so it may be late by as much as ours is coarse.
func startedAt(start uint64) time.Time {
	var boot unix.Timespec
	_ = unix.ClockGettime(unix.CLOCK_BOOTTIME, &boot) // it cannot fail
	return time.Now().Add(time.Duration(start)*10*time.Millisecond - time.Duration(boot.Nano()) - 20*time.Millisecond)
}

// Caps runs a program as root without most of root's power: `caps sh`.
//
// What root may do is divided into some forty capabilities: CAP_SYS_ADMIN to mount, CAP_NET_ADMIN to configure the
// network, CAP_CHOWN to give files away. Each can be dropped alone. A container's root has about fourteen of them. A
// process has several sets of capabilities, and execve(2) computes the new ones from the old: for root, what it gets is
// limited by the *bounding set*. What was dropped there never comes back.
//
// Level: medium. About 30 minutes.
//
// Further reading: capabilities(7), "Transformation of capabilities during execve()"; prctl(2)
package main

import (
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"syscall"
)

func init() { runtime.LockOSThread() } // capabilities belong to threads

// keep are the capabilities of a container, by number: chown, dac_override, fowner, fsetid, kill, setgid, setuid,
// setpcap, net_bind_service, net_raw, sys_chroot, mknod, audit_write, setfcap.
var keep = []uintptr{0, 1, 3, 4, 5, 6, 7, 8, 10, 13, 18, 27, 29, 31}

func main() {
	if len(os.Args) < 2 {
		fmt.Fprintln(os.Stderr, "usage: caps PROGRAM [ARGUMENT...]")
		os.Exit(2)
	}
	path, err := exec.LookPath(os.Args[1])
	if err == nil {
		err = drop(keep)
	}
	if err == nil {
		err = syscall.Exec(path, os.Args[1:], os.Environ())
	}
	fmt.Fprintln(os.Stderr, "caps:", err)
	os.Exit(125)
}

// These prctl(2) numbers are not in package syscall.
const (
	prCapBsetRead = 23 // is capability arg2 in the bounding set? 1 or 0; EINVAL: there is no such capability
	prCapBsetDrop = 24
)

// Task caps.1: known tells how many capabilities this kernel has.
//
// They are numbered from 0. Ask for one after the other (PR_CAPBSET_READ) until the answer is EINVAL; prctl
// below makes the call.
//
//lab:task caps.1
func known() (n uintptr) {
	for {
		if _, errno := prctl(prCapBsetRead, n); errno == syscall.EINVAL {
			return n
		}
		n++
	}
}

// Task caps.2: drop drops all capabilities but those in keep from the bounding set.
//
// A capability that isn't in the set any more need not be dropped again. An error ends it: half of the power
// is too much.
//
//lab:task caps.2
func drop(keep []uintptr) error {
	kept := map[uintptr]bool{}
	for _, c := range keep {
		kept[c] = true
	}
	for c := uintptr(0); c < known(); c++ {
		if have, _ := prctl(prCapBsetRead, c); have == 0 || kept[c] {
			continue
		}
		if _, errno := prctl(prCapBsetDrop, c); errno != 0 {
			return fmt.Errorf("prctl(PR_CAPBSET_DROP, %d): %w", c, errno)
		}
	}
	return nil
}

func prctl(option, argument uintptr) (uintptr, syscall.Errno) {
	value, _, errno := syscall.RawSyscall(syscall.SYS_PRCTL, option, argument, 0)
	return value, errno
}

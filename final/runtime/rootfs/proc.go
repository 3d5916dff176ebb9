package rootfs

import (
	"fmt"
	"strings"

	"golang.org/x/sys/unix"
)

// This file guards /proc.
//
// A program trusts /proc, and so does a runtime: it writes labels and settings there. If an image or a
// volume can put files of its own in place of /proc or below, then such a write goes elsewhere, and a
// container runs without its label (CVE-2019-16884, CVE-2019-19921, CVE-2025-52881). So nothing but a
// procfs may be mounted on /proc, nothing but a few harmless files below; and settings are written
// through a procfs that is mounted nowhere, which nobody else can reach.

// Files below /proc that may be covered: what lxcfs and its like show in place of the host's numbers.
func mayCover(path string) bool {
	switch path {
	case "/proc/cpuinfo", "/proc/diskstats", "/proc/meminfo", "/proc/stat", "/proc/swaps", "/proc/uptime",
		"/proc/loadavg", "/proc/slabinfo", "/proc/net/dev", "/proc/sys/kernel/ns_last_pid", "/proc/sys/crypto/fips_enabled":
		return true
	}
	return false
}

// checkProc looks at a mount's destination, as it is written.
func (m *mount) checkProc() error {
	switch {
	case m.remount:
	case m.dest == "/proc" && !m.bind && m.Type != "proc":
		return fmt.Errorf("a %s cannot be mounted on /proc; only the type proc can", m.Type)
	case strings.HasPrefix(m.dest, "/proc/") && !mayCover(m.dest):
		return fmt.Errorf("nothing can be mounted inside /proc, but for a few files with numbers such as /proc/meminfo")
	}
	return nil
}

// checkPlace looks at the place itself, which a link in the image may have led to.
func (m *mount) checkPlace(tree, place int) error {
	switch {
	case m.Mount == nil: // a mask or a device of the runtime's own
		return nil
	case m.dest == "/proc":
		if m.bind && !isProcRoot(tree) {
			return fmt.Errorf("the source %s cannot be mounted on /proc, for it is not a procfs", m.Source)
		}
		return nil
	case !mayCover(m.dest) && isProc(place):
		return fmt.Errorf("links in the image lead from %s into /proc, where nothing can be mounted", m.dest)
	}
	return nil
}

// isProc says whether a descriptor is of a procfs.
func isProc(fd int) bool {
	var fs unix.Statfs_t
	return unix.Fstatfs(fd, &fs) == nil && fs.Type == unix.PROC_SUPER_MAGIC
}

// isProcRoot says whether it is the root of one.
func isProcRoot(fd int) bool {
	var st unix.Stat_t
	return isProc(fd) && unix.Fstat(fd, &st) == nil && st.Ino == 1 // PROC_ROOT_INO
}

// OpenProc returns a descriptor of the root of a procfs that can be trusted: a new one without a place
// in any tree, so that nothing can be mounted over its files. Where a user namespace may not make
// one, it is the calling process's /proc, after a look whether it is one. resolve are the flags for openat2(2)
// of files in it: no links, and no mount on the way.
func OpenProc() (fd int, resolve uint64, err error) {
	resolve = unix.RESOLVE_BENEATH | unix.RESOLVE_NO_SYMLINKS | unix.RESOLVE_NO_XDEV
	fd, err = newMount("proc", "proc", nil, nil, hierarchyAttributes)
	if err == nil {
		return fd, resolve, nil
	}
	fd, err2 := unix.Open("/proc", unix.O_PATH|unix.O_DIRECTORY|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
	if err2 != nil {
		return -1, 0, err
	}
	if !isProcRoot(fd) {
		unix.Close(fd)
		return -1, 0, err
	}
	return fd, resolve, nil
}

package lookup

import (
	"fmt"

	"golang.org/x/sys/unix"
)

// whyDenied explains EACCES. A path is walked from its beginning, as the kernel does it.
func whyDenied(path string, depth int) string {
	for i := 1; i < len(path); i++ {
		if path[i] == '/' && unix.Faccessat(unix.AT_FDCWD, path[:i], unix.X_OK, unix.AT_EACCESS) == unix.EACCES {
			return fmt.Sprintf("%s may not enter the directory %s%s", who(), path[:i], rights(path[:i]))
		}
	}
	var st unix.Stat_t
	if unix.Stat(path, &st) != nil {
		return ""
	}
	var fs unix.Statfs_t
	switch kind := st.Mode & unix.S_IFMT; {
	case kind == unix.S_IFDIR:
		return "it is a directory; name a program in it"
	case kind != unix.S_IFREG:
		return "it is a device, a FIFO or a socket, and no program"
	case st.Mode&0o111 == 0:
		return fmt.Sprintf("nobody may execute it (mode %#o); set its x bit with chmod +x", st.Mode&0o7777)
	case unix.Statfs(path, &fs) == nil && fs.Flags&unix.ST_NOEXEC != 0:
		return fmt.Sprintf("it is on a file system mounted noexec, at %s; "+
			"take that option out of the mount, or put the program elsewhere", mountPoint(path))
	case unix.Faccessat(unix.AT_FDCWD, path, unix.X_OK, unix.AT_EACCESS) != nil:
		return fmt.Sprintf("%s may not execute it%s; change its mode or its owner", who(), rights(path))
	}
	if cause := throughInterpreter(path, unix.EACCES, depth); cause != "" {
		return cause
	}
	return "its mode lets it be executed, so a security module (AppArmor, SELinux) may forbid it"
}

// who names the user that is refused.
func who() string { return fmt.Sprintf("user %d of group %d", unix.Geteuid(), unix.Getegid()) }

// rights tells a file's mode and owner, in parentheses.
func rights(path string) string {
	var st unix.Stat_t
	if unix.Stat(path, &st) != nil {
		return ""
	}
	return fmt.Sprintf(" (mode %#o, owner %d:%d)", st.Mode&0o7777, st.Uid, st.Gid)
}

// mountPoint returns the topmost directory above a file that is on the same mount. The path may lead
// through a symbolic link; then the best that can be said is the file itself.
func mountPoint(path string) string {
	id, ok := mountID(path)
	point := path
	for i := len(path) - 1; ok && i >= 0; i-- {
		if path[i] != '/' {
			continue
		}
		dir := path[:max(i, 1)]
		if above, ok := mountID(dir); !ok || above != id {
			break
		}
		point = dir
	}
	return point
}

// mountID asks which mount a path is on; Linux tells since 5.8.
func mountID(path string) (uint64, bool) {
	var st unix.Statx_t
	err := unix.Statx(unix.AT_FDCWD, path, 0, unix.STATX_MNT_ID, &st)
	return st.Mnt_id, err == nil && st.Mask&unix.STATX_MNT_ID != 0
}

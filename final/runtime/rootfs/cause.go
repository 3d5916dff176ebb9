package rootfs

import (
	"errors"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"jocker/final/runtime/fail"
)

// This file knows what an errno is likely to mean, call by call. It is asked only when something failed.

// errnoOf returns the errno that an error wraps, 0 if there is none.
func errnoOf(err error) (errno unix.Errno) {
	errors.As(err, &errno)
	return errno
}

// logOf reads what the kernel wrote about a context: lines that begin with "e ", "w " or "i ".
func logOf(context int) string {
	var b [1024]byte
	var all []string
	for len(all) < 16 {
		n, err := unix.Read(context, b[:])
		if err != nil || n == 0 {
			break
		}
		line := strings.TrimSpace(string(b[:n]))
		if len(line) > 2 && line[1] == ' ' {
			line = line[2:]
		}
		all = append(all, line)
	}
	return strings.Join(all, "; ")
}

// logged puts the kernel's words before a cause.
func logged(context int, cause string) string {
	switch log := logOf(context); {
	case log == "":
		return cause
	case cause == "":
		return "the kernel says: " + log
	default:
		return "the kernel says: " + log + "; " + cause
	}
}

func fsopenCause(kind string, err error) string {
	switch err {
	case unix.ENODEV:
		return "the kernel knows no file system of this type; /proc/filesystems lists those it knows, and modprobe " + kind + " may add it"
	case unix.EPERM:
		return "this needs CAP_SYS_ADMIN over the namespace that the file system shows" + shares(kind)
	case unix.ENOSYS:
		return "the kernel has no fsopen(2), which Linux 5.2 brought; or an old seccomp profile around the runtime does not know it"
	}
	return ""
}

// shares names the namespace whose view a file system is.
func shares(kind string) string {
	switch kind {
	case "proc":
		return "; proc shows a PID namespace, and the container's user namespace owns none unless linux.namespaces has a pid namespace too"
	case "sysfs":
		return "; sysfs shows a network namespace, and the container's user namespace owns none unless linux.namespaces has a network namespace too"
	case "mqueue":
		return "; mqueue shows an IPC namespace, and the container's user namespace owns none unless linux.namespaces has an ipc namespace too"
	}
	return ""
}

// optionError says that a file system does not take an option.
func optionError(context int, kind, word string, err error) error {
	cause := "the file system " + kind + " does not take the option " + quote(word)
	if err == unix.EINVAL {
		cause += idHint(word)
	}
	if strings.HasPrefix(word, "context=") {
		cause += "; linux.mountLabel needs a kernel with SELinux"
	}
	return fail.Call("fsconfig("+quote(kind)+", "+quote(word)+")", err, logged(context, cause))
}

// listed writes options behind the word that names them.
func listed(data []string) string {
	if len(data) == 0 {
		return ""
	}
	return " " + strings.Join(data, ",")
}

// idHint reminds of the ids of a user namespace, if there are ids among the options.
func idHint(data ...string) string {
	for _, word := range data {
		if strings.HasPrefix(word, "gid=") || strings.HasPrefix(word, "uid=") {
			return "; in a user namespace the id must be one that is mapped"
		}
	}
	return ""
}

func createCause(context int, kind, source string, data []string, err error) string {
	cause := ""
	switch err {
	case unix.EPERM:
		cause = "the file system " + kind + " may not be mounted with these options, or not in a user namespace" + shares(kind)
	case unix.ENOENT, unix.ENXIO, unix.ENODEV:
		cause = "the source " + quote(source) + " does not exist, or there is no such device"
	case unix.ENOTBLK:
		cause = "the source " + quote(source) + " is not a block device; a directory is mounted with the option bind"
	case unix.EBUSY:
		cause = "the source " + quote(source) + " is mounted elsewhere with options that contradict these, or something else uses it"
	case unix.EACCES, unix.EROFS:
		cause = "the source " + quote(source) + " can only be read; add the option ro"
	case unix.EINVAL:
		cause = "the file system " + kind + " does not take one of the options" + listed(data) + ", or not the source " + quote(source) + idHint(data...)
	case unix.ENOSPC:
		cause = "a limit on mounts or user namespaces is reached (/proc/sys/fs/mount-max, /proc/sys/user)"
	case unix.ENOMEM:
		cause = "no memory; the limit of the cgroup may be too low"
	}
	return logged(context, cause)
}

func fsmountCause(kind string, err error) string {
	switch err {
	case unix.EPERM:
		return "in a user namespace " + kind + " can be mounted only if the mount that the runtime itself sees is complete: " +
			"nothing of it covered (masked) and no stricter attributes"
	case unix.ENOSPC:
		return "a limit on mount namespaces is reached (/proc/sys/user/max_mnt_namespaces)"
	case unix.EINVAL:
		return "an attribute is unknown to the kernel"
	}
	return ""
}

func mountCause(kind, source, data string, err error) string {
	switch err {
	case unix.ENODEV:
		return fsopenCause(kind, err)
	case unix.EINVAL:
		if len(data) >= 4095 {
			return "the options have " + strconv.Itoa(len(data)) + " bytes, and the kernel takes 4095; use shorter paths"
		}
		return "one of the options is unknown to " + kind + " or has a value that it does not take; dmesg(1) may say which"
	case unix.ENOENT:
		return "a path among the options, or the source " + quote(source) + ", does not exist"
	}
	return ""
}

func cloneCause(path string, err error) string {
	switch err {
	case unix.ENOENT:
		return "the source does not exist on the host; make it, or correct the mount's source"
	case unix.ENOTDIR:
		return "a part of the source's path is a file"
	case unix.EACCES:
		return "the source's path leads through a directory that may not be searched"
	case unix.ELOOP:
		return "the source's path leads through links without end"
	case unix.EINVAL:
		return "the source is unbindable, or is a mount with others below it that a user namespace can only take along (use rbind)"
	case unix.EPERM:
		return "this needs CAP_SYS_ADMIN in the user namespace that owns the mount namespace"
	case unix.ENOSYS:
		return "the kernel has no open_tree(2), which Linux 5.2 brought; or an old seccomp profile around the runtime does not know it"
	}
	return ""
}

func setattrCause(err error) string {
	switch err {
	case unix.EPERM:
		return "in a user namespace the attributes that a mount came with from outside are locked; leave out rw, suid, dev, exec and the like"
	case unix.EINVAL:
		return notMounted(err)
	case unix.ENOSYS:
		return "the kernel has no mount_setattr(2), which Linux 5.12 brought; or an old seccomp profile around the runtime does not know it"
	}
	return ""
}

func notMounted(err error) string {
	if err == unix.EINVAL {
		return "nothing is mounted right there, or the kernel does not know the attribute"
	}
	return ""
}

// attachCause says why a mount can't be put on a place.
func (m *mount) attachCause(tree, place int, err error) string {
	switch err {
	case unix.EINVAL, unix.ENOTDIR:
		from, to := isDirectory(tree), isDirectory(place)
		// the words "not a directory" are what dockerd looks for, to say what its user may have done
		switch {
		case from && !to:
			return "the source is a directory, and " + m.dest + " in the container is not a directory"
		case !from && to:
			return "the source is not a directory, and " + m.dest + " in the container is one"
		}
		return "the place was removed, or the kernel lets nothing be mounted there"
	case unix.ELOOP:
		return "the mount would be put inside itself"
	case unix.ENOENT:
		return "the place was removed in the meantime"
	case unix.ENOSPC:
		return "the mount namespace has too many mounts (/proc/sys/fs/mount-max)"
	case unix.EPERM:
		return "this needs CAP_SYS_ADMIN in the user namespace that owns the mount namespace"
	}
	return ""
}

// attributeNames writes the bits of mount_setattr(2): "MOUNT_ATTR_NOSUID|~MOUNT_ATTR_RDONLY".
func attributeNames(set, clear uint64) string {
	var names []string
	for _, a := range []struct {
		bit  uint64
		name string
	}{
		{unix.MOUNT_ATTR_RDONLY, "RDONLY"}, {unix.MOUNT_ATTR_NOSUID, "NOSUID"}, {unix.MOUNT_ATTR_NODEV, "NODEV"},
		{unix.MOUNT_ATTR_NOEXEC, "NOEXEC"}, {unix.MOUNT_ATTR_NODIRATIME, "NODIRATIME"}, {unix.MOUNT_ATTR_NOSYMFOLLOW, "NOSYMFOLLOW"},
		{unix.MOUNT_ATTR_NOATIME, "NOATIME"}, {unix.MOUNT_ATTR_STRICTATIME, "STRICTATIME"}, {unix.MOUNT_ATTR_IDMAP, "IDMAP"},
	} {
		if set&a.bit != 0 {
			names = append(names, "MOUNT_ATTR_"+a.name)
		} else if clear&a.bit != 0 && a.bit&unix.MOUNT_ATTR__ATIME == 0 {
			names = append(names, "~MOUNT_ATTR_"+a.name)
		}
	}
	if names == nil && clear&unix.MOUNT_ATTR__ATIME != 0 {
		return "MOUNT_ATTR_RELATIME"
	} else if names == nil {
		return "0"
	}
	return strings.Join(names, "|")
}

// propagationName writes MS_SHARED and its like.
func propagationName(flags uint64) string {
	name := ""
	switch flags &^ unix.MS_REC {
	case unix.MS_PRIVATE:
		name = "MS_PRIVATE"
	case unix.MS_SHARED:
		name = "MS_SHARED"
	case unix.MS_SLAVE:
		name = "MS_SLAVE"
	case unix.MS_UNBINDABLE:
		name = "MS_UNBINDABLE"
	}
	if flags&unix.MS_REC != 0 {
		name += "|MS_REC"
	}
	return name
}

// octal writes a mode.
func octal(mode uint32) string { return "0" + strconv.FormatUint(uint64(mode), 8) }

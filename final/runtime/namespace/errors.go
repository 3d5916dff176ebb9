package namespace

import (
	"fmt"
	"os"
	"strings"

	"golang.org/x/sys/unix"
)

// This file says what an errno means in the place where it came up (clone(2), setns(2), unshare(2),
// namespaces(7), user_namespaces(7)).

// newCause is about clone3 and unshare, which make the namespaces of flags.
func newCause(flags uintptr, errno unix.Errno) string {
	switch errno {
	case unix.EPERM:
		if flags&unix.CLONE_NEWUSER == 0 {
			return "making namespaces takes CAP_SYS_ADMIN; be root, or give the container a user namespace with uidMappings and gidMappings" + restricted("kernel.apparmor_restrict_unprivileged_userns", "1")
		}
		if text := restricted("kernel.unprivileged_userns_clone", "0"); text != "" && os.Geteuid() != 0 {
			return strings.TrimPrefix(text, "; ")
		}
		return "a process that is in a chroot, or whose user is not mapped in its own user namespace, must not make a user namespace; nor may one that a seccomp filter or security module forbids"
	case unix.ENOSPC, unix.EUSERS:
		return fullCause(flags)
	case unix.EINVAL:
		for i := range kinds {
			if flags&kinds[i].flag != 0 && !exists("/proc/self/ns/"+kinds[i].file) {
				return fmt.Sprintf("this kernel has no %s namespaces; leave %q out of linux.namespaces", kinds[i].spec, kinds[i].spec)
			}
		}
		return "Linux 5.5 is needed"
	case unix.ENOSYS:
		return "Linux 5.5 is needed; or, in a container, a seccomp profile that allows clone3"
	case unix.E2BIG:
		return "Linux 5.7 is needed to start a process in a cgroup"
	case unix.EAGAIN:
		return "there may be no more processes: look at pids.max of the cgroups above, RLIMIT_NPROC of the user, and kernel.pid_max"
	case unix.ENOMEM:
		return "memory is short; or the PID namespace to be joined has lost its process 1, and takes no new ones"
	case unix.EBUSY:
		return "the cgroup has controllers enabled in its cgroup.subtree_control, so that processes can be in its children only"
	case unix.EOPNOTSUPP:
		return "the cgroup's cgroup.type is \"domain invalid\": a cgroup above it is threaded"
	case unix.ENODEV, unix.ENOENT:
		return "the cgroup has been removed"
	case unix.EACCES:
		if flags&unix.CLONE_INTO_CGROUP != 0 {
			return "to put a process into the cgroup takes write permission to its cgroup.procs, and to that of the lowest cgroup above both"
		}
	}
	return ""
}

// fullCause is about the limits on how many namespaces there may be.
func fullCause(flags uintptr) string {
	for i := range kinds {
		if k := &kinds[i]; flags&k.flag != 0 && sysctl("user."+k.max) == "0" {
			return fmt.Sprintf("the sysctl user.%s is 0, which forbids %s namespaces; sysctl -w user.%s=10000", k.max, k.spec, k.max)
		}
	}
	var limits []string
	for i := range kinds {
		if k := &kinds[i]; flags&k.flag != 0 {
			limits = append(limits, fmt.Sprintf("user.%s=%s", k.max, sysctl("user."+k.max)))
		}
	}
	nested := ""
	if flags&(unix.CLONE_NEWUSER|unix.CLONE_NEWPID) != 0 {
		nested = ", or they are nested deeper than 32"
	}
	return "there are as many namespaces as a limit allows, here or in a user namespace above (" + strings.Join(limits, ", ") + ")" + nested
}

// setnsCause is about entering a namespace of one kind.
func setnsCause(flag uintptr) func(unix.Errno) string {
	return func(errno unix.Errno) string {
		switch errno {
		case unix.EPERM:
			return "entering a namespace takes CAP_SYS_ADMIN in the user namespace that it belongs to, and in one's own; be the root who made it"
		case unix.EINVAL:
			switch flag {
			case unix.CLONE_NEWUSER:
				return "it is the user namespace that the runtime is in"
			case unix.CLONE_NEWPID:
				return "a PID namespace can be entered only from one above it"
			case unix.CLONE_NEWTIME, unix.CLONE_NEWCGROUP:
				return "this kernel has no such namespaces"
			}
			return "setns takes a pidfd since Linux 5.8"
		case unix.ESRCH:
			return "the container's process has ended"
		case unix.ENOMEM:
			return "memory is short"
		}
		return ""
	}
}

// openCause is about the path of a namespace to be joined.
func openCause(j Join, err error) string {
	k := kindOf(j.Flag)
	switch err {
	case unix.ENOENT, unix.ENOTDIR, unix.ESRCH:
		if strings.HasPrefix(j.Path, "/proc/") {
			return fmt.Sprintf("the process has ended, and with it its name for the %s namespace to be joined; start the container that owns it first", k.spec)
		}
		return fmt.Sprintf("there is no %s namespace to be joined; correct the path in linux.namespaces, or leave it out to get a new one", k.spec)
	case unix.EACCES, unix.EPERM:
		return fmt.Sprintf("the %s namespace belongs to another user's process", k.spec)
	}
	return ""
}

// rootCause is about the change to a user namespace's root.
func rootCause(what string) func(unix.Errno) string {
	return func(errno unix.Errno) string {
		switch errno {
		case unix.EINVAL:
			return what + " 0 is not mapped in the user namespace"
		case unix.EPERM:
			return "the user namespace belongs to another user"
		}
		return ""
	}
}

// offsetCause is about /proc/PID/timens_offsets.
func offsetCause(errno unix.Errno) string {
	switch errno {
	case unix.ERANGE:
		return "with linux.timeOffsets a clock would be below zero, or beyond 146 years"
	case unix.EACCES, unix.EPERM:
		return "linux.timeOffsets take CAP_SYS_TIME"
	}
	return ""
}

// execCause is about the start of init's program.
func execCause(errno unix.Errno) string {
	switch errno {
	case unix.EACCES:
		return "the runtime's own binary is not executable, or on a file system mounted noexec"
	case unix.ENOMEM:
		return "the container's memory limit is too low for its init"
	}
	return ""
}

// restricted says that a sysctl has a value that forbids, or nothing.
func restricted(name, value string) string {
	if sysctl(name) != value {
		return ""
	}
	return fmt.Sprintf("; the sysctl %s is %s, which forbids ordinary users to make namespaces; sysctl -w %s=%d", name, value, name, 1-int(value[0]-'0'))
}

// sysctl returns a sysctl's value, or "" if there is none.
func sysctl(name string) string {
	b, err := os.ReadFile("/proc/sys/" + strings.ReplaceAll(name, ".", "/"))
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(b))
}

func exists(path string) bool {
	return unix.Access(path, unix.F_OK) == nil
}

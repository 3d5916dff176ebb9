package check

import (
	"fmt"
	"io"
	"regexp"
	"strings"
	"syscall"
)

// An errno says what kind of refusal it is; the cause depends on the call and the place. This table has the pairs that
// people who write container runtimes meet, and what they mean there.

// Cause is a row: an error at a place.
type Cause struct {
	Errno syscall.Errno
	Place string // in words, for the table
	Means string
	match *regexp.Regexp // what a message about this place looks like
}

// Name is the name of an errno, "ENOSPC".
func (c Cause) Name() string { return errnoNames[c.Errno] }

var errnoNames = map[syscall.Errno]string{
	syscall.ENOSPC: "ENOSPC", syscall.EBUSY: "EBUSY", syscall.EINVAL: "EINVAL", syscall.EPERM: "EPERM", syscall.ENOENT: "ENOENT",
	syscall.EACCES: "EACCES", syscall.ENOTDIR: "ENOTDIR", syscall.E2BIG: "E2BIG", syscall.ENOEXEC: "ENOEXEC", syscall.EPIPE: "EPIPE",
	syscall.EAGAIN: "EAGAIN", syscall.ENODEV: "ENODEV", syscall.EROFS: "EROFS", syscall.EOPNOTSUPP: "EOPNOTSUPP", syscall.ERANGE: "ERANGE",
	syscall.EEXIST: "EEXIST", syscall.ENXIO: "ENXIO", syscall.ESRCH: "ESRCH", syscall.ENOTEMPTY: "ENOTEMPTY", syscall.ENOMEM: "ENOMEM", syscall.EBADF: "EBADF",
}

func cause(errno syscall.Errno, place, match, means string) Cause {
	return Cause{errno, place, means, regexp.MustCompile(match)}
}

// Causes is the table. Of several rows that fit, the first counts.
var Causes = []Cause{
	cause(syscall.ENOSPC, "write to cgroup.procs or tasks", `cgroup\.procs|/tasks`,
		"The cgroup is a v1 cpuset whose cpuset.cpus or cpuset.mems is empty: there is no processor, or no memory node, on which the process could be. No disk is full."),
	cause(syscall.ENOSPC, "write to cpuset.cpus or cpuset.mems", `cpuset\.(cpus|mems)`,
		"The list is empty while processes are in the cpuset."),
	cause(syscall.ENOSPC, "clone or unshare", `fork/exec|clone|unshare`,
		"Too many namespaces: PID and user namespaces nest at most 32 deep, and /proc/sys/user/max_*_namespaces limits how many there are. A program that starts itself without end gets here, too."),
	cause(syscall.ENOSPC, "mkdir in a cgroup", `mkdir \S*cgroup`,
		"cgroup.max.descendants or cgroup.max.depth of a cgroup above is reached, or the kernel has no more cgroup ids; many cgroups that were never removed do that."),
	cause(syscall.ENOSPC, "mount", `mount`, "Too many mounts in this namespace: /proc/sys/fs/mount-max. A mount that propagates back to its source doubles them each time."),
	cause(syscall.ENOSPC, "anywhere else", ``, "The file system is full, or a tmpfs has reached its size."),

	cause(syscall.EBUSY, "pivot_root", `pivot_?root`,
		"The new root lies on the mount of the old one: it is a directory there, not a mount of its own. pivot_root swaps mounts, so a mount has to be made first, be it a bind mount on itself."),
	cause(syscall.EBUSY, "rmdir of a cgroup", `(remove|rmdir|unlinkat).*(cgroup|lab0\d-)`,
		"A process or a cgroup is still in it. A killed process takes a moment to go."),
	cause(syscall.EBUSY, "write to cgroup.subtree_control", `subtree_control`,
		"Processes are in this cgroup. On v2 a cgroup has either processes or controllers for its children (except the root)."),
	cause(syscall.EBUSY, "write to cgroup.procs", `cgroup\.procs`,
		"This v2 cgroup hands controllers on to its children, so it can't have processes itself. They belong into a child."),
	cause(syscall.EBUSY, "mount of a cgroup hierarchy", `mount.*cgroup`, "The controller is in another hierarchy, of the other version or with other controllers; it can be in one only."),
	cause(syscall.EBUSY, "umount", `umount`, "Somebody is in it: a working directory, an open file, another mount. MNT_DETACH takes it out of the tree now, and lets it end when nobody uses it any more."),

	cause(syscall.EINVAL, "pivot_root", `pivot_?root`,
		"The new root is no mount point; or its mount, the one above it, or that of the current root is shared: then the swap would have to happen in other namespaces, too. (Or the current root is the initramfs.)"),
	cause(syscall.EINVAL, "mount of overlay", `mount.*overlay`,
		"A layer is missing or isn't a directory; workdir is not on upperdir's file system; or upperdir lies on a file system that can't be one, such as overlayfs itself or a shared folder of a VM. dmesg has the reason."),
	cause(syscall.EINVAL, "mount of an option", `mount`,
		"The file system doesn't know an option, or the flags contradict one another. dmesg may have the reason."),
	cause(syscall.EINVAL, "umount", `umount`, "This isn't a mount point, in this namespace; or it came here from a more privileged one, and is locked."),
	cause(syscall.EINVAL, "setns", `setns`, "To enter a user namespace a process must have one thread; to enter a mount namespace it must not share its root with others (unshare(CLONE_FS)). Or the descriptor is of another kind of namespace."),
	cause(syscall.EINVAL, "write to a cgroup file", `/sys/fs/cgroup|lab0\d-`,
		"The kernel can't read this value: a number with a unit, a list where a number is wanted, processors that don't exist, a memsw limit below the memory limit."),
	cause(syscall.EINVAL, "clone or exec", `fork/exec`, "Flags contradict one another; or an argument or variable has a NUL byte in it."),

	cause(syscall.EPERM, "clone with CLONE_NEWUSER", `fork/exec|clone|unshare`,
		"An ordinary user may make namespaces only together with a user namespace, and some machines forbid that one: /proc/sys/user/max_user_namespaces, kernel.unprivileged_userns_clone, kernel.apparmor_restrict_unprivileged_userns. Or the maps are refused: an id outside that isn't yours, or a group without setgroups being denied."),
	cause(syscall.EPERM, "uid_map or gid_map", `[ug]id_map|setgroups`, "An ordinary user may map their own id only, one of it, and a group only after writing deny into setgroups."),
	cause(syscall.EPERM, "unlink in a cgroup", `(unlinkat|remove).*cgroup`,
		"The files of a cgroup can't be deleted, by nobody: they are the kernel's view of it. rmdir takes them along."),
	cause(syscall.EPERM, "mount", `mount|pivot_?root`, "Mounting takes CAP_SYS_ADMIN in the user namespace that owns the mount namespace. Or a mount that came from a more privileged namespace is locked."),
	cause(syscall.EPERM, "mknod", `mknod`, "Devices take CAP_MKNOD of the host; in a user namespace nobody has it. A bind mount of the host's node is the way."),
	cause(syscall.EPERM, "anywhere else", ``, "The call takes a capability that this process hasn't got: root of the host has it."),

	cause(syscall.EACCES, "write to a cgroup file", `/sys/fs/cgroup|memory\.|cpu\.|cpuset\.|pids\.|cgroup\.procs`,
		"As root: the file doesn't exist. An open with O_CREAT, as os.WriteFile and a shell's > do it, tries to create it, and a cgroup lets nobody create files. It is a file of the other version, or of a controller that isn't enabled. As an ordinary user: it belongs to root."),
	cause(syscall.EACCES, "exec", `exec`, "The file is not executable (chmod +x), is a directory, lies on a mount with noexec, or a folder on the way is closed to you."),

	cause(syscall.ENOENT, "exec", `exec|execve`,
		"There is no such file; or there is, and what it needs is missing: the interpreter in its first line (with a \\r at the end, if the file came from Windows), or the dynamic loader of a program that isn't static. In a new root that is easily so. A bare name was not looked up in PATH: execve knows no PATH."),
	cause(syscall.ENOENT, "write to cgroup.subtree_control", `subtree_control`,
		"The controller isn't in this cgroup's own cgroup.controllers: it is on v1, or the cgroup above doesn't hand it on."),
	cause(syscall.ENOENT, "a cgroup file", `/sys/fs/cgroup|lab0\d-\d+/`,
		"This cgroup has no such file: it is one of the other version, or the controller isn't listed in the parent's cgroup.subtree_control."),
	cause(syscall.ENOENT, "/proc/PID", `/proc/`, "The process has ended; or this /proc belongs to another PID namespace, in which it has another number."),
	cause(syscall.ENOENT, "mount", `mount`, "The source, or the directory to mount on, doesn't exist in this root."),

	cause(syscall.ENOTDIR, "anywhere", ``, "Something on the way is a file."),
	cause(syscall.ENOEXEC, "exec", ``, "The file is no program for this machine: an empty file, a script without #!, a program for another processor."),
	cause(syscall.E2BIG, "exec", ``, "One argument is longer than 128 KiB, or all of them and the environment are longer than a quarter of the stack limit."),
	cause(syscall.EPIPE, "write to a pipe", ``, "Nobody has the read end any more: the reader is dead, or has closed it."),
	cause(syscall.EAGAIN, "clone", `fork/exec|clone`, "Too many processes: pids.max of a cgroup, RLIMIT_NPROC of the user, or kernel.pid_max."),
	cause(syscall.ENOMEM, "clone in a PID namespace", `fork/exec|clone|fork`, "Number 1 of the PID namespace has ended. Nobody can be born into it any more."),
	cause(syscall.ENODEV, "write to cgroup.procs", `cgroup\.procs`, "The cgroup was removed while the file was open."),
	cause(syscall.ENODEV, "mount", `mount`, "The kernel has no such file system, or its module isn't loaded."),
	cause(syscall.EROFS, "anywhere", ``, "The file system, or this mount of it, is read-only."),
	cause(syscall.EOPNOTSUPP, "write to a cgroup file", `/sys/fs/cgroup`, "A threaded cgroup hasn't got the controllers of domains, and cgroup.threads moves only within one."),
	cause(syscall.ERANGE, "write to a cgroup file", ``, "The number is beyond what the file takes: cpu.weight 1 to 10000, cpu.shares 2 to 262144."),
	cause(syscall.ESRCH, "write to cgroup.procs", `cgroup\.procs`, "There is no such process, in the PID namespace of the writer; or it has just ended."),
	cause(syscall.EBADF, "the pipe or barrier", `barrier|pipe`, "File descriptor 3 isn't open: whoever started this process didn't hand it over."),
	cause(syscall.EEXIST, "mkdir of a cgroup", `mkdir`, "A run of the same number has left it, or a lab in another PID namespace is using it."),
}

// Explain finds errors in what a program wrote, and says what each means at its place. The same is said once.
func Explain(text string) (list []string) {
	seen := map[string]bool{}
	for _, line := range strings.Split(text, "\n") {
		for _, c := range Causes {
			if strings.Contains(line, c.Errno.Error()) && c.match.MatchString(line) {
				if s := fmt.Sprintf("%s (%s), %s: %s", c.Name(), c.Errno, c.Place, c.Means); !seen[s] {
					list, seen[s] = append(list, s), true
				}
				break
			}
		}
	}
	return list
}

// PrintCauses prints the table; only restricts it to rows in which a word occurs.
func PrintCauses(w io.Writer, only string) {
	for _, c := range Causes {
		head := fmt.Sprintf("%s (%s), %s", c.Name(), c.Errno, c.Place)
		if strings.Contains(strings.ToLower(head), strings.ToLower(only)) {
			fmt.Fprintf(w, "%s\n    %s\n", head, wrap(c.Means, 96, "    "))
		}
	}
}

// wrap breaks a text into lines. Several blanks stay as they are: in a finding they may be what it is about.
func wrap(text string, width int, indent string) string {
	var b strings.Builder
	column := 0
	for i, word := range strings.Split(text, " ") {
		if i > 0 && word != "" && column+1+len(word) > width {
			b.WriteString("\n" + indent)
			column = 0
		} else if i > 0 {
			b.WriteByte(' ')
			column++
		}
		b.WriteString(word)
		column += len(word)
	}
	return b.String()
}

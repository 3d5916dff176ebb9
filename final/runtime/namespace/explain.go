package namespace

import (
	"fmt"
	"strings"

	"golang.org/x/sys/unix"
)

// Say tells what Start does, in words and as strace(1) prints it. cgroup says whether the process is
// born in its cgroup. It touches nothing.
func (c *Config) Say(cgroup bool) (what, call string) {
	var words, calls []string
	if c.New != 0 {
		words = append(words, "new "+list(c.New))
	}
	var joined uintptr
	for _, j := range c.Join {
		joined |= j.Flag
		calls = append(calls, fmt.Sprintf("setns(%q, %s)", j.Path, kindOf(j.Flag).name))
	}
	if joined != 0 {
		words = append(words, "existing "+list(joined))
	}
	what = "start init"
	if words != nil {
		what += " in " + strings.Join(words, " and ") + " namespaces"
	}
	into := uintptr(0)
	if cgroup {
		into = unix.CLONE_INTO_CGROUP
	}
	now := inClone(c.New)
	calls = append(calls, "clone3("+Flags(now|into)+")")
	if c.New&unix.CLONE_NEWUSER != 0 {
		calls = append(calls, fmt.Sprintf("write(uid_map, %q)", mapText(c.UIDs)), fmt.Sprintf("write(gid_map, %q)", mapText(c.GIDs)))
	}
	if left := c.New &^ now; left != 0 {
		calls = append(calls, "unshare("+Flags(left)+")")
	}
	if len(c.Offsets) > 0 {
		calls = append(calls, fmt.Sprintf("write(timens_offsets, %q)", c.offsets()))
	}
	return what, strings.Join(append(calls, "execveat(the sealed binary)"), "; ")
}

// Say tells what Enter does, as the method of Config does.
func (t *Target) Say() (what, call string) {
	flags, err := t.Differs()
	if err != nil {
		return "enter the container's namespaces", "setns(pidfd)"
	}
	return "enter the container's " + list(flags) + " namespaces",
		fmt.Sprintf("setns(pidfd of %d, %s); clone3(…); execveat(the sealed binary)", t.Pid, Flags(flags))
}

// list names the namespaces of flags as config.json does.
func list(flags uintptr) string {
	var names []string
	for i := range kinds {
		if flags&kinds[i].flag != 0 {
			names = append(names, string(kinds[i].spec))
		}
	}
	return strings.Join(names, ", ")
}

// Flags writes clone flags as strace(1) does: "CLONE_NEWNS|CLONE_NEWPID", or "0".
func Flags(flags uintptr) string {
	var names []string
	put := func(flag uintptr, name string) {
		if flags&flag != 0 {
			names = append(names, name)
			flags &^= flag
		}
	}
	put(unix.CLONE_VM, "CLONE_VM")
	put(unix.CLONE_VFORK, "CLONE_VFORK")
	put(unix.CLONE_PARENT, "CLONE_PARENT")
	for i := range kinds {
		put(kinds[i].flag, kinds[i].name)
	}
	put(unix.CLONE_CLEAR_SIGHAND, "CLONE_CLEAR_SIGHAND")
	put(unix.CLONE_INTO_CGROUP, "CLONE_INTO_CGROUP")
	if flags != 0 || names == nil {
		names = append(names, fmt.Sprintf("%#x", flags))
	}
	return strings.Join(names, "|")
}

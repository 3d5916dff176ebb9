package namespace

import (
	"fmt"
	"strings"

	"golang.org/x/sys/unix"
)

// Flags writes clone flags as strace(1) does: "CLONE_NEWNS|CLONE_NEWPID", or "0".
func Flags(flags uintptr) string {
	var names []string
	for _, f := range [...]struct {
		flag uintptr
		name string
	}{
		{unix.CLONE_VM, "CLONE_VM"},
		{unix.CLONE_VFORK, "CLONE_VFORK"},
		{unix.CLONE_PARENT, "CLONE_PARENT"},
	} {
		if flags&f.flag != 0 {
			names = append(names, f.name)
			flags &^= f.flag
		}
	}
	for i := range kinds {
		if flags&kinds[i].flag != 0 {
			names = append(names, kinds[i].name)
			flags &^= kinds[i].flag
		}
	}
	if flags&unix.CLONE_CLEAR_SIGHAND != 0 {
		names = append(names, "CLONE_CLEAR_SIGHAND")
		flags &^= unix.CLONE_CLEAR_SIGHAND
	}
	if flags&unix.CLONE_INTO_CGROUP != 0 {
		names = append(names, "CLONE_INTO_CGROUP")
		flags &^= unix.CLONE_INTO_CGROUP
	}
	if flags != 0 || names == nil {
		names = append(names, fmt.Sprintf("%#x", flags))
	}
	return strings.Join(names, "|")
}

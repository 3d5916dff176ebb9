package namespace

import (
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"

	"github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"

	"jocker/final/runtime/fail"
)

// writeMaps gives the user namespace of a process its maps (user_namespaces(7)).
//
// Root writes them. An ordinary user may map one id, the own one, and only in a namespace where
// setgroups(2) is denied: else somebody could leave a group that is there to keep him out. For
// more there are two setuid programs, newuidmap and newgidmap, which allow what /etc/subuid and
// /etc/subgid list (idmap_helper.go).
func (c *Config) writeMaps(pid int) error {
	if os.Geteuid() == 0 {
		return writeBoth(pid, c.UIDs, c.GIDs)
	}
	if one(c.UIDs, os.Geteuid()) && one(c.GIDs, os.Getegid()) {
		path := procPath(pid, "setgroups")
		if err := writeFile(path, "deny"); err != nil && !errors.Is(err, unix.ENOENT) { // since Linux 3.19
			return fail.Call(fmt.Sprintf(`write(%q, "deny")`, path), err, "")
		}
		return writeBoth(pid, c.UIDs, c.GIDs)
	}
	if err := helper("newuidmap", "/etc/subuid", pid, c.UIDs); err != nil {
		return err
	}
	return helper("newgidmap", "/etc/subgid", pid, c.GIDs)
}

// one tells whether a mapping is that of a single id.
func one(m []specs.LinuxIDMapping, id int) bool {
	return len(m) == 1 && m[0].Size == 1 && int(m[0].HostID) == id
}

func writeBoth(pid int, uids, gids []specs.LinuxIDMapping) error {
	if err := writeMap(procPath(pid, "uid_map"), uids); err != nil {
		return err
	}
	return writeMap(procPath(pid, "gid_map"), gids)
}

// writeMap writes all lines at once, as the kernel wants it.
func writeMap(path string, m []specs.LinuxIDMapping) error {
	text := mapText(m)
	err := writeFile(path, text)
	if err == nil {
		return nil
	}
	cause := ""
	switch {
	case errors.Is(err, unix.EPERM):
		cause = "the runtime lacks CAP_SETUID and CAP_SETGID, or one of the host's ids is not mapped in the user namespace that the runtime itself is in"
	case errors.Is(err, unix.EINVAL):
		cause = "the lines overlap, or there are too many for this kernel: 5 before Linux 4.15"
	case errors.Is(err, unix.ENOENT):
		cause = "the process has ended"
	}
	return fail.Call(fmt.Sprintf("write(%q, %q)", path, text), err, cause)
}

// mapText returns the lines of a map.
func mapText(m []specs.LinuxIDMapping) string {
	text := &strings.Builder{}
	for _, l := range m {
		fmt.Fprintln(text, l.ContainerID, l.HostID, l.Size)
	}
	return text.String()
}

func procPath(pid int, name string) string { return "/proc/" + strconv.Itoa(pid) + "/" + name }

// writeFile writes to a file that exists.
func writeFile(path, text string) error {
	fd, err := unix.Open(path, unix.O_WRONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return err
	}
	_, err = unix.Write(fd, []byte(text))
	unix.Close(fd)
	return err
}

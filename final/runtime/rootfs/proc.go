package rootfs

import (
	"fmt"
	"sort"
	"strings"

	"github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"

	"jocker/final/runtime/fail"
)

// This file guards /proc, and writes settings of the kernel through it.
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

// checkSysctl looks whether a setting is one of a namespace that the container has for itself.
// Others would change the host.
func (c *Config) checkSysctl(key string) error {
	name := strings.Join(sysctlPath(key), ".")
	in := func(ns specs.LinuxNamespaceType) error {
		if c.has(ns) {
			return nil
		}
		return fmt.Errorf("linux.sysctl: %s is a setting of the %s namespace, and the container shares the host's; "+
			"add {\"type\": %q} to linux.namespaces", key, ns, ns)
	}
	for _, part := range sysctlPath(key) {
		if part == "" || part == "." || part == ".." || strings.IndexByte(part, 0) >= 0 {
			return fmt.Errorf("linux.sysctl: %q is not the name of a setting", key)
		}
	}
	switch name {
	case "kernel.msgmax", "kernel.msgmnb", "kernel.msgmni", "kernel.sem", "kernel.shmall", "kernel.shmmax",
		"kernel.shmmni", "kernel.shm_rmid_forced", "kernel.msg_next_id", "kernel.sem_next_id", "kernel.shm_next_id", "kernel.auto_msgmni":
		return in(specs.IPCNamespace)
	case "kernel.domainname":
		return in(specs.UTSNamespace)
	case "kernel.hostname":
		return fmt.Errorf("linux.sysctl: kernel.hostname is set by the field hostname of config.json")
	}
	switch {
	case strings.HasPrefix(name, "fs.mqueue."):
		return in(specs.IPCNamespace)
	case strings.HasPrefix(name, "net."):
		return in(specs.NetworkNamespace)
	case strings.HasPrefix(name, "user."):
		return in(specs.UserNamespace)
	}
	return fmt.Errorf("linux.sysctl: %s is not a setting of a namespace; it would change the host, so it is refused", key)
}

// sysctlPath splits the name of a setting. As in sysctl(8), the first of '.' and '/' in it separates;
// the other one is then a '.' in a name: net.ipv4.conf.eth0/1.forwarding.
func sysctlPath(key string) []string {
	i := strings.IndexAny(key, "./")
	if i < 0 || key[i] == '/' {
		return strings.Split(key, "/")
	}
	parts := strings.Split(key, ".")
	for i := range parts {
		parts[i] = strings.ReplaceAll(parts[i], "/", ".")
	}
	return parts
}

// writeSysctl writes the settings, in the order of their names.
func (r *Rootfs) writeSysctl() error {
	proc, resolve, err := OpenProc()
	if err != nil {
		return err
	}
	defer unix.Close(proc)
	for _, key := range sortedKeys(r.cfg.Sysctl) {
		path, value := "sys/"+strings.Join(sysctlPath(key), "/"), r.cfg.Sysctl[key]
		fd, err := openIn(proc, path, unix.O_WRONLY, resolve)
		if err != nil {
			return fail.Call("openat2("+quote("/proc/"+path)+", O_WRONLY)", err, sysctlCause(err))
		}
		_, err = unix.Write(fd, []byte(value))
		unix.Close(fd)
		if err != nil {
			return fail.Call("write("+quote("/proc/"+path)+", "+quote(value)+")", err, sysctlCause(err))
		}
	}
	return nil
}

func (r *Rootfs) saySysctl() (what, call string) {
	var names, calls []string
	for _, key := range sortedKeys(r.cfg.Sysctl) {
		names = append(names, key+"="+r.cfg.Sysctl[key])
		calls = append(calls, "write("+quote("/proc/sys/"+strings.Join(sysctlPath(key), "/"))+", "+quote(r.cfg.Sysctl[key])+")")
	}
	return "set " + strings.Join(names, " "), strings.Join(calls, "; ")
}

func sortedKeys(m map[string]string) []string {
	keys := make([]string, 0, len(m))
	for key := range m {
		keys = append(keys, key)
	}
	sort.Strings(keys)
	return keys
}

func sysctlCause(err error) string {
	switch err {
	case unix.ENOENT:
		return "the kernel has no such setting, or not in a namespace; a module may bring it"
	case unix.EACCES, unix.EPERM:
		return "the setting belongs to the owner of another user namespace, or can only be read"
	case unix.EROFS, unix.EXDEV:
		return "the runtime's own /proc/sys is covered or read-only, as inside a container"
	case unix.EINVAL, unix.ERANGE:
		return "the kernel does not take this value"
	}
	return ""
}

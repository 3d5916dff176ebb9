package rootfs

import (
	"fmt"
	"sort"
	"strings"

	"github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"

	"jocker/final/runtime/fail"
)

// This file writes settings of the kernel (sysctl(8)): those of the container's own namespaces.

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

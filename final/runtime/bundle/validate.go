//lint:file-ignore SA1019 what the specification advises against still has to work

package bundle

import (
	"errors"
	"fmt"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/opencontainers/runtime-spec/specs-go"
)

// Validate checks what concerns more than one part of a config.json, or no part in particular. The
// error is a sentence that begins with the field, such as "linux.namespaces[1].type".
func Validate(s *specs.Spec) error {
	if err := checkVersion(s.Version); err != nil {
		return err
	}
	if s.Root == nil || s.Root.Path == "" {
		return errors.New("root.path: is missing: it names the root file system, which the container is to have as its /")
	}
	if s.Linux == nil {
		s.Linux = &specs.Linux{}
	}
	if s.Process == nil {
		return errors.New("process: is missing: it says which program is to run")
	}
	if err := ValidateProcess(s.Process); err != nil {
		return fmt.Errorf("process.%w", err)
	}
	for _, check := range []func(*specs.Spec) error{checkNamespaces, checkMappings, checkNames, checkMounts, checkPaths, checkSysctl, checkHooks, checkLacking} {
		if err := check(s); err != nil {
			return err
		}
	}
	return nil
}

// checkVersion takes every 1.x: within a major version the specification only adds.
func checkVersion(v string) error {
	if v == "" {
		return errors.New("ociVersion: is missing: it names the version of the specification, for example " + specs.Version)
	}
	number, _, _ := strings.Cut(v, "-")
	number, _, _ = strings.Cut(number, "+")
	parts := strings.Split(number, ".")
	for _, p := range parts {
		if _, err := strconv.ParseUint(p, 10, 32); err != nil || len(parts) != 3 {
			return fmt.Errorf("ociVersion: %q is not a version of the form 1.2.3", v)
		}
	}
	if parts[0] != "1" {
		return fmt.Errorf("ociVersion: %s: this runtime knows the specification's versions 1.x, up to %s", v, specs.Version)
	}
	return nil
}

// ValidateProcess checks a process; the error begins with the field's name.
func ValidateProcess(p *specs.Process) error {
	switch {
	case len(p.Args) == 0:
		return errors.New("args: must not be empty: it is the program with its arguments")
	case p.Cwd == "":
		return errors.New("cwd: must not be empty: it is the directory in which the program starts, / for example")
	case !filepath.IsAbs(p.Cwd):
		return fmt.Errorf("cwd: must be an absolute path, unlike %q", p.Cwd)
	}
	for i, text := range p.Args {
		if strings.IndexByte(text, 0) >= 0 {
			return fmt.Errorf("args[%d]: has a NUL byte, which ends a string in the kernel", i)
		}
	}
	for i, text := range p.Env {
		switch strings.IndexByte(text, '=') {
		case -1:
			return fmt.Errorf("env[%d]: %q has no =: the form is NAME=VALUE", i, text)
		case 0:
			return fmt.Errorf("env[%d]: %q has no name: the form is NAME=VALUE", i, text)
		}
		if strings.IndexByte(text, 0) >= 0 {
			return fmt.Errorf("env[%d]: has a NUL byte, which ends a string in the kernel", i)
		}
	}
	return nil
}

// checkNamespaces checks that each namespace is known, and there once at most.
func checkNamespaces(s *specs.Spec) error {
	known := []specs.LinuxNamespaceType{specs.PIDNamespace, specs.NetworkNamespace, specs.MountNamespace, specs.IPCNamespace,
		specs.UTSNamespace, specs.UserNamespace, specs.CgroupNamespace, specs.TimeNamespace}
	seen := map[specs.LinuxNamespaceType]bool{}
	for i, ns := range s.Linux.Namespaces {
		is := false
		for _, k := range known {
			is = is || k == ns.Type
		}
		switch {
		case !is:
			return fmt.Errorf("linux.namespaces[%d].type: there is no namespace %q: it is one of pid, network, mount, ipc, uts, user, cgroup and time", i, ns.Type)
		case seen[ns.Type]:
			return fmt.Errorf("linux.namespaces[%d].type: %s is there twice", i, ns.Type)
		case ns.Path != "" && !filepath.IsAbs(ns.Path):
			return fmt.Errorf("linux.namespaces[%d].path: must be absolute, unlike %q", i, ns.Path)
		}
		seen[ns.Type] = true
	}
	if !seen[specs.MountNamespace] {
		// Everything below would be mounted over the host's files. runc refuses it too, where it notices.
		return errors.New("linux.namespaces: has no mount namespace: the container's mounts would be the host's")
	}
	return nil
}

// Namespace returns the namespace of a type, and whether config.json has it.
func Namespace(s *specs.Spec, kind specs.LinuxNamespaceType) (specs.LinuxNamespace, bool) {
	for _, ns := range s.Linux.Namespaces {
		if ns.Type == kind {
			return ns, true
		}
	}
	return specs.LinuxNamespace{}, false
}

func checkMappings(s *specs.Spec) error {
	user, has := Namespace(s, specs.UserNamespace)
	maps := len(s.Linux.UIDMappings) + len(s.Linux.GIDMappings)
	switch {
	case !has && maps > 0:
		return errors.New("linux.uidMappings: are for a user namespace, and linux.namespaces has none")
	case has && user.Path == "" && (len(s.Linux.UIDMappings) == 0 || len(s.Linux.GIDMappings) == 0):
		return errors.New("linux.uidMappings and gidMappings: a new user namespace needs both: without them nobody is anybody in it")
	case has && user.Path != "" && maps > 0:
		return errors.New("linux.uidMappings: the user namespace that is joined has its own already")
	}
	if _, has := Namespace(s, specs.TimeNamespace); !has && len(s.Linux.TimeOffsets) > 0 {
		return errors.New("linux.timeOffsets: are for a time namespace, and linux.namespaces has none")
	}
	for clock := range s.Linux.TimeOffsets {
		if clock != "monotonic" && clock != "boottime" {
			return fmt.Errorf("linux.timeOffsets: there is no clock %q to be set: it is monotonic or boottime", clock)
		}
	}
	return nil
}

// checkNames refuses names that would be the host's.
func checkNames(s *specs.Spec) error {
	if _, has := Namespace(s, specs.UTSNamespace); !has && (s.Hostname != "" || s.Domainname != "") {
		return errors.New("hostname: unable to set hostname or domainname without a private UTS namespace: it would rename the host (linux.namespaces)")
	}
	if len(s.Hostname) > 64 || len(s.Domainname) > 64 {
		return errors.New("hostname: has more than 64 bytes, which is the most that the kernel keeps (also of a domainname)")
	}
	return nil
}

func checkMounts(s *specs.Spec) error {
	for i, m := range s.Mounts {
		if m.Destination == "" {
			return fmt.Errorf("mounts[%d].destination: is empty", i)
		}
		for _, text := range append([]string{m.Destination, m.Source, m.Type}, m.Options...) {
			if strings.IndexByte(text, 0) >= 0 {
				return fmt.Errorf("mounts[%d]: has a NUL byte, which ends a string in the kernel", i)
			}
		}
	}
	switch s.Linux.RootfsPropagation {
	case "", "private", "rprivate", "slave", "rslave", "shared", "rshared", "unbindable", "runbindable":
		return nil
	}
	return fmt.Errorf("linux.rootfsPropagation: %q is none of private, slave, shared and unbindable, with or without an r before it", s.Linux.RootfsPropagation)
}

func checkPaths(s *specs.Spec) error {
	for field, list := range map[string][]string{"maskedPaths": s.Linux.MaskedPaths, "readonlyPaths": s.Linux.ReadonlyPaths} {
		for i, p := range list {
			if !filepath.IsAbs(p) {
				return fmt.Errorf("linux.%s[%d]: must be absolute, unlike %q", field, i, p)
			}
		}
	}
	for i, d := range s.Linux.Devices {
		if !filepath.IsAbs(d.Path) {
			return fmt.Errorf("linux.devices[%d].path: must be absolute, unlike %q", i, d.Path)
		}
	}
	return nil
}

// checkSysctl lets through what has a namespace of its own, and so is the container's to set. All other
// files of /proc/sys belong to the whole machine.
func checkSysctl(s *specs.Spec) error {
	for name, value := range s.Linux.Sysctl {
		key := strings.ReplaceAll(name, "/", ".")
		kind, what := specs.LinuxNamespaceType(""), ""
		switch {
		case strings.Contains(key, "..") || strings.HasPrefix(key, ".") || strings.IndexByte(name+value, 0) >= 0:
			return fmt.Errorf("linux.sysctl: %q is not the name of a sysctl", name)
		case strings.HasPrefix(key, "net."):
			kind, what = specs.NetworkNamespace, "network"
		case strings.HasPrefix(key, "fs.mqueue."), key == "kernel.sem", strings.HasPrefix(key, "kernel.msg"), strings.HasPrefix(key, "kernel.shm"):
			kind, what = specs.IPCNamespace, "IPC"
		case key == "kernel.domainname", key == "kernel.hostname":
			kind, what = specs.UTSNamespace, "UTS"
			if key == "kernel.hostname" && s.Hostname != "" {
				return errors.New("linux.sysctl: kernel.hostname: the property hostname sets it already")
			}
		case strings.HasPrefix(key, "user."):
			kind, what = specs.UserNamespace, "user"
		default:
			return fmt.Errorf("linux.sysctl: %q is not in a separate kernel namespace: it would change the whole machine", name)
		}
		if _, has := Namespace(s, kind); !has {
			return fmt.Errorf("linux.sysctl: %q is not in a separate kernel namespace: it needs %s among linux.namespaces (%s)", name, kind, what)
		}
	}
	return nil
}

func checkHooks(s *specs.Spec) error {
	if s.Hooks == nil {
		return nil
	}
	for field, list := range map[string][]specs.Hook{"prestart": s.Hooks.Prestart, "createRuntime": s.Hooks.CreateRuntime,
		"createContainer": s.Hooks.CreateContainer, "startContainer": s.Hooks.StartContainer, "poststart": s.Hooks.Poststart, "poststop": s.Hooks.Poststop} {
		for i, h := range list {
			switch {
			case !filepath.IsAbs(h.Path):
				return fmt.Errorf("hooks.%s[%d].path: must be absolute, unlike %q", field, i, h.Path)
			case h.Timeout != nil && *h.Timeout <= 0:
				return fmt.Errorf("hooks.%s[%d].timeout: %d: seconds, more than 0, are wanted", field, i, *h.Timeout)
			}
		}
	}
	return nil
}

// checkLacking refuses what this runtime does not do.
func checkLacking(s *specs.Spec) error {
	switch {
	case s.Linux.IntelRdt != nil:
		return errors.New("linux.intelRdt: this runtime does not set up Intel RDT")
	case len(s.Linux.NetDevices) > 0:
		return errors.New("linux.netDevices: this runtime does not move network devices; a createRuntime hook with `ip link set NAME netns PID` can")
	case s.Linux.MemoryPolicy != nil:
		return errors.New("linux.memoryPolicy: this runtime does not set NUMA policies; `numactl` as the container's program can")
	}
	return nil
}

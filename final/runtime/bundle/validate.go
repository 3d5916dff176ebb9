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

// Validate checks what concerns more than one part of a config.json, or no part in particular; the packages that
// do what a part says (namespace, rootfs, process, cgroup, seccomp) check that part, each before anything is done. The
// error is a sentence that begins with the field, such as "process.env[1]".
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
	for _, check := range []func(*specs.Spec) error{checkNamespaces, checkNames, checkMounts, checkPaths, checkHooks, checkLacking} {
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

// checkNamespaces checks that there is a mount namespace. Package namespace checks what is said of each.
func checkNamespaces(s *specs.Spec) error {
	if _, has := Namespace(s, specs.MountNamespace); !has {
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
	return nil
}

func checkPaths(s *specs.Spec) error {
	for field, list := range map[string][]string{"maskedPaths": s.Linux.MaskedPaths, "readonlyPaths": s.Linux.ReadonlyPaths} {
		for i, p := range list {
			if !filepath.IsAbs(p) {
				return fmt.Errorf("linux.%s[%d]: must be absolute, unlike %q", field, i, p)
			}
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

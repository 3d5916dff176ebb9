package main

import (
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/opencontainers/runtime-spec/specs-go"
	"github.com/opencontainers/runtime-spec/specs-go/features"

	"jocker/final/runtime/bundle"
	"jocker/final/runtime/process/capability"
	"jocker/final/runtime/seccomp"
)

// spec writes a config.json, if there is none.
func spec(g *global, f *flag.FlagSet, args []string) (int, error) {
	var dir string
	var rootless bool
	both(f.StringVar, &dir, "bundle", "b", ".", "the directory to write it to")
	f.BoolVar(&rootless, "rootless", false, "for an ordinary user")
	if _, err := parse(f, args, 0, 0); err != nil {
		return 0, err
	}
	s := bundle.Default()
	if rootless {
		bundle.Rootless(s, uint32(os.Geteuid()), uint32(os.Getegid()))
	}
	data, err := json.MarshalIndent(s, "", "\t")
	if err != nil {
		return 0, err
	}
	path := filepath.Join(dir, bundle.ConfigName)
	file, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o666)
	if errors.Is(err, fs.ErrExist) {
		return 0, fmt.Errorf("%s exists; remove it first, for it is not overwritten", path)
	} else if err != nil {
		return 0, err
	}
	_, err = file.Write(append(data, '\n'))
	return 0, errors.Join(err, file.Close())
}

// printFeatures prints what this runtime knows (features.md), whatever the machine has of it.
func printFeatures(g *global, f *flag.FlagSet, args []string) (int, error) {
	if _, err := parse(f, args, 0, 0); err != nil {
		return 0, err
	}
	yes, no := true, false
	return 0, printJSON(features.Features{
		OCIVersionMin: "1.0.0",
		OCIVersionMax: specs.Version,
		Hooks:         []string{"prestart", "createRuntime", "createContainer", "startContainer", "poststart", "poststop"},
		MountOptions:  nil,
		Linux: &features.Linux{
			Namespaces:   []string{"cgroup", "ipc", "mount", "network", "pid", "time", "user", "uts"},
			Capabilities: capability.Names(),
			Cgroup:       &features.Cgroup{V1: &yes, V2: &yes, Systemd: &yes, SystemdUser: &no, Rdma: &yes},
			Seccomp: &features.Seccomp{Enabled: &yes, Actions: seccomp.Actions(), Operators: seccomp.Operators(),
				Archs: seccomp.Architectures(), KnownFlags: seccomp.Flags(), SupportedFlags: seccomp.SupportedFlags()},
			Apparmor:        &features.Apparmor{Enabled: &yes},
			Selinux:         &features.Selinux{Enabled: &yes},
			IntelRdt:        &features.IntelRdt{Enabled: &no},
			MountExtensions: &features.MountExtensions{IDMap: &features.IDMap{Enabled: &yes}},
			NetDevices:      &features.NetDevices{Enabled: &no},
		},
		Annotations: map[string]string{"org.opencontainers.jocker-runtime.version": version},
	})
}

package cgroup

import "github.com/opencontainers/runtime-spec/specs-go"

func (p *planner) devices(rules []specs.LinuxDeviceCgroup) {}

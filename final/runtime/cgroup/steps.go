package cgroup

import (
	"fmt"
	"strconv"

	"github.com/opencontainers/runtime-spec/specs-go"

	"jocker/final/runtime/step"
)

// This file turns the group into steps. A container's start has four moments for them:
//
//   - Before init is started: the v2 directory, in which it is to be born.
//   - Beside: while init starts up, which takes a millisecond: v1's directories, and the limits.
//   - Born: when init is known to be there.
//   - Late: when all is ready for the user's program. Init is a Go program with a handful of threads;
//     under a limit of one process it could not even start. So that limit waits.
//
// Init's own part is Join, between Beside and Late.

// A Plan is what has to be done for one container's group.
type Plan struct {
	Before, Beside, Born, Late []step.Step
}

// Steps plans the group and its limits; r may be nil. An error means that a value of r is wrong or cannot be had on
// this machine. Nothing is touched.
func (g *Group) Steps(r *specs.LinuxResources) (*Plan, error) {
	list, err := g.settings(r, false)
	if err != nil {
		return nil, err
	}
	return g.plan(list, r), nil
}

// plan makes steps of the hierarchies and of settings, which r was turned into.
func (g *Group) plan(list []setting, r *specs.LinuxResources) *Plan {
	g.Small = small(list)
	plan := &Plan{}
	if g.Unit != nil {
		plan.Before = append(plan.Before, step.Step{Actor: step.Runtime, Stage: "systemd", Do: func() error { return g.startUnit(r) },
			Say: func() (string, string) {
				return "ask systemd for the scope " + g.Unit.Name, "execve(" + helperName + "): StartTransientUnit()"
			}})
		release := step.Step{Actor: step.Runtime, Stage: "systemd", Do: g.releaseUnit,
			Say: func() (string, string) { return "leave the scope to init", "wait4(" + helperName + ")" }}
		if !g.ByDoor() {
			plan.Born = append(plan.Born, release)
		} else {
			plan.Late = append(plan.Late, release)
		}
	}
	for i := range g.Hierarchies {
		h := &g.Hierarchies[i]
		s := step.Step{Actor: step.Runtime, Stage: "cgroup", Lab: 1, Do: func() error { return g.create(h) }, Say: func() (string, string) {
			return "make the cgroup " + h.Dir(), fmt.Sprintf("mkdir(%q, 0755)", h.Dir())
		}}
		if h.Version == 2 {
			plan.Before = append(plan.Before, s)
		} else {
			plan.Beside = append(plan.Beside, s)
		}
	}
	for i := range list {
		set := &list[i]
		s := step.Step{Actor: step.Runtime, Stage: "limits", Lab: 4, Do: set.apply, Say: set.say}
		if set.late {
			plan.Late = append(plan.Late, s)
		} else {
			plan.Beside = append(plan.Beside, s)
		}
	}
	return plan
}

// small tells whether settings limit the memory of v2 to less than an init takes to start.
func small(list []setting) bool {
	for i := range list {
		for _, l := range list[i].lines {
			if l.file == "memory.max" || l.file == "memory.high" {
				if n, err := strconv.ParseInt(l.value, 10, 64); err == nil && n < startRoom {
					return true
				}
			}
		}
	}
	return false
}

// JoinStep is init's step through the doors, which are known only when it is made.
func JoinStep(doors func() []int) step.Step {
	return step.Step{Actor: step.Init, Stage: "cgroup", Lab: 1,
		Do: func() error { return Join(doors()) },
		Say: func() (string, string) {
			return "join the cgroups", `write("…/tasks", "0") in each hierarchy; on v2, write("…/cgroup.procs", "0")`
		}}
}

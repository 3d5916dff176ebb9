package container

import (
	"fmt"

	"golang.org/x/sys/unix"

	"jocker/final/runtime/cgroup"
	"jocker/final/runtime/fail"
	"jocker/final/runtime/hook"
	"jocker/final/runtime/process"
	"jocker/final/runtime/rootfs"
	"jocker/final/runtime/step"
)

// An inside is init's part of the plan. The runtime makes it too, to print it and to check it; then
// nothing of it is ever done.
type inside struct {
	cfg     *config
	rootfs  *rootfs.Rootfs // nil for exec
	process *process.Init

	warnings []string
	// Before which of init's steps the runtime makes some of its own: its hooks, and what is late.
	hooksAt, lateAt int
	// What the steps need, once init has received it.
	doors        []int
	hooks, start func() error // talk to the runtime, and to start
	hooked       func()       // tells start that the startContainer hooks have run
}

// newInside plans init's steps. It makes no system call; an error tells which part of config.json cannot work.
func newInside(cfg *config) (*inside, error) {
	in := &inside{cfg: cfg}
	if !cfg.Exec {
		r, err := rootfs.New(&cfg.Rootfs)
		if err != nil {
			return nil, err
		}
		in.rootfs = r
	}
	in.process = process.New(&cfg.Process)
	in.process.Warn = func(text string) { in.warnings = append(in.warnings, text) }
	return in, nil
}

// steps returns all of init's steps in their order.
func (in *inside) steps() []step.Step {
	steps := make([]step.Step, 0, 64)
	add := func(stage string, lab int, what, call string, do func() error) {
		steps = append(steps, step.Step{Actor: step.Init, Stage: stage, Lab: lab, Do: do,
			Say: func() (string, string) { return what, call }})
	}
	if in.cfg.Files.Doors > 0 {
		steps = append(steps, cgroup.JoinStep(func() []int { return in.doors }))
	}
	if in.cfg.CgroupNamespace {
		add("cgroup", 2, "take the cgroup for the root of all cgroups", "unshare(CLONE_NEWCGROUP)", unshareCgroup)
	}
	steps = append(steps, in.process.Begin()...)
	if !in.cfg.Exec {
		steps = append(steps, in.rootfs.Mount()...)
		if in.hooksAt = len(steps); in.cfg.Hooks {
			add("hooks", 0, "wait for the runtime's hooks", "recvmsg(runtime)", func() error { return in.hooks() })
		}
		if len(in.cfg.CreateContainer) > 0 {
			add("hooks", 0, "run the createContainer hooks", "execve(hook)", func() error {
				return hook.Run("createContainer", in.cfg.CreateContainer, in.cfg.State)
			})
		}
		steps = append(steps, in.rootfs.Enter()...)
	}
	steps = append(steps, in.process.Inside()...)
	if !in.cfg.Exec {
		if in.cfg.Process.Process.Terminal {
			steps = append(steps, in.rootfs.Console(func() int { return in.process.Slave }))
		}
		steps = append(steps, in.rootfs.Protect()...)
	}
	steps = append(steps, in.process.Become()...)
	if in.lateAt = len(steps); !in.cfg.Exec {
		add("waiting", 5, "be ready, and wait for start", "sendmsg(ready); recvmsg(runtime), or accept(start.sock)", func() error { return in.start() })
		if len(in.cfg.StartContainer) > 0 {
			add("hooks", 0, "run the startContainer hooks", "execve(hook)", func() error {
				err := hook.Run("startContainer", in.cfg.StartContainer, in.cfg.State)
				if err == nil {
					in.hooked()
				}
				return err
			})
		}
	}
	return append(steps, in.process.Finish()...)
}

func unshareCgroup() error {
	if err := unix.Unshare(unix.CLONE_NEWCGROUP); err != nil {
		return fail.Call("unshare(CLONE_NEWCGROUP)", err, "it needs Linux 4.6, and CAP_SYS_ADMIN")
	}
	return nil
}

// A file descriptor's place among those that came with the config.
func take(files *[]int, n int) ([]int, error) {
	if len(*files) < n {
		return nil, fmt.Errorf("%d file descriptors are missing from the runtime's message", n-len(*files))
	}
	got := (*files)[:n]
	*files = (*files)[n:]
	return got, nil
}

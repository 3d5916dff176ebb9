//lint:file-ignore SA1019 what the specification advises against still has to work

package container

import (
	"errors"
	"fmt"
	"strconv"

	"github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"

	"jocker/final/runtime/bundle"
	"jocker/final/runtime/namespace"
	"jocker/final/runtime/proc"
	"jocker/final/runtime/process"
	"jocker/final/runtime/seccomp"
	"jocker/final/runtime/step"
	"jocker/final/runtime/wire"
)

// steps lists the runtime's steps.
func (c *creation) steps(spec *specs.Spec) {
	add := func(stage string, lab int, what, call string, do func() error) {
		c.before = append(c.before, step.Step{Actor: step.Runtime, Stage: stage, Lab: lab, Do: do,
			Say: func() (string, string) { return what, call }})
	}
	c.before = append(c.before, c.group.Before...)
	c.before = append(c.before, step.Step{Actor: step.Runtime, Stage: "init", Lab: 2, Do: c.startInit,
		Say: func() (string, string) { return c.ns.Say(c.st.Cgroup.Born()) }})
	add("state", 0, "keep a copy of config.json", "rename(.config.json, config.json)", c.keep)
	c.before = append(c.before, c.group.Beside...)
	c.before = append(c.before, c.in.rootfs.Sources()...)
	if spec.Linux.Seccomp != nil {
		add("seccomp", 0, fmt.Sprintf("compile the seccomp profile of %d rules", len(spec.Linux.Seccomp.Syscalls)), "", c.compile)
	}
	add("state", 0, "wait for init, and write down who it is", "rename(.state.json, state.json)", c.record)
	c.before = append(c.before, c.group.Born...)
	if score := spec.Process.OOMScoreAdj; score != nil {
		c.before = append(c.before, process.OOMScore(*score, func() int { return c.st.Pid }))
	}
	if !c.o.starts {
		add("start", 5, "make the socket on which start will come", "bind(start.sock)", c.listen)
	}
	add("pipe", 5, "tell init what to do", "sendmsg(config, files)", c.tell)

	after := func(stage string, what, call string, do func() error) {
		c.after = append(c.after, step.Step{Actor: step.Runtime, Stage: stage, Do: do, Say: func() (string, string) { return what, call }})
	}
	if c.cfg.Hooks {
		after("hooks", "run the prestart and createRuntime hooks", "execve(hook)", c.runHooks)
	}
}

// startInit starts init. It takes a thread of its own, which sleeps until init has become our binary (CLONE_VFORK); the
// runtime goes on meanwhile, and while init comes to life.
func (c *creation) startInit() (err error) {
	ours, theirs, err := wire.Pair()
	if err != nil {
		return err
	}
	c.init = ours
	exe, _, err := namespace.Seal()
	if err != nil {
		theirs.Close()
		return err
	}
	into, err := c.st.Cgroup.FD()
	if err != nil {
		theirs.Close()
		unix.Close(exe)
		return err
	}
	command := newCommand(c.o.ID, exe, into, theirs.FD(), c.cfg.Process.ListenFDs+c.o.PreserveFDs)
	c.started = make(chan error, 1)
	go func() {
		var err error
		c.st.Pid, c.pidfd, err = c.ns.Start(command)
		theirs.Close()
		unix.Close(exe)
		if into >= 0 {
			unix.Close(into)
		}
		c.started <- err
	}()
	if c.explain != nil { // how long that takes is to be seen here, and not where it is waited for
		return c.await()
	}
	return nil
}

// await waits until init is started, or could not be. Until then nobody may look at c.st.Pid.
func (c *creation) await() (err error) {
	if c.started != nil {
		err = <-c.started
		c.started = nil
	}
	return err
}

// newCommand says how init is started: the sealed binary, with a title for ps in place of arguments, what is preserved for the
// user from descriptor 3 on, and behind it the channel.
func newCommand(id string, exe, cgroup, channel, preserved int) *namespace.Command {
	files := make([]int, firstFD+preserved+1)
	for i := range files {
		files[i] = i
	}
	files[firstFD+preserved] = channel
	return &namespace.Command{
		Exe: exe, Cgroup: cgroup, Files: files, Args: []string{newTitle(id)},
		Env: []string{fdVariable + "=" + strconv.Itoa(firstFD+preserved), "GOGC=off"},
	}
}

// keep copies config.json into the state directory.
func (c *creation) keep() error { return c.dir.Write(bundle.ConfigName, c.data) }

// record writes down which process is the container's.
func (c *creation) record() (err error) {
	if err = c.await(); err != nil {
		return err
	}
	if c.st.PidStart, _, err = proc.StartTime(c.st.Pid); err != nil {
		return err
	}
	return c.dir.Save(c.st)
}

// compile makes the filter.
func (c *creation) compile() (err error) {
	c.filter, err = compile(c.spec, &c.cfg.Process)
	return err
}

// compile makes a seccomp filter of a profile and gives it to a process.
func compile(spec *specs.Spec, p *process.Config) (*seccomp.Filter, error) {
	filter, err := seccomp.Compile(spec.Linux.Seccomp)
	if err != nil {
		return nil, err
	}
	p.Filter, p.FilterFlags = filter.Program, filter.Flags
	return filter, process.Check(p, filter)
}

func (c *creation) listen() error {
	fd, err := c.dir.Listen()
	if err != nil {
		return err
	}
	c.files = append(c.files, fd)
	c.cfg.Files.Listen = 1
	return nil
}

// tell sends init the config, and with it the files, in the order of config.Files.
func (c *creation) tell() error {
	var files []int
	if c.cfg.Files.Doors > 0 {
		doors, err := c.st.Cgroup.Doors()
		if err != nil {
			return err
		}
		files, c.cfg.Files.Doors = doors, len(doors)
	}
	for _, f := range c.in.rootfs.Files() {
		files = append(files, int(f.Fd()))
		c.cfg.Files.Rootfs++
	}
	c.files = append(files, c.files...)
	if c.cfg.Process.Process.Terminal {
		fd, err := c.o.console()
		if err != nil {
			return err
		}
		c.files = append(c.files, fd)
		c.cfg.Files.Console = 1
	}
	if c.filter != nil && c.filter.ListenerPath != "" {
		fd, err := process.Connect("linux.seccomp.listenerPath", c.filter.ListenerPath)
		if err != nil {
			return err
		}
		c.files = append(c.files, fd)
		c.cfg.Files.Notify = 1
	}
	if c.st.Hooks {
		c.cfg.State = c.hookState(specs.StateCreated)
	}
	err := c.init.Send(msgConfig, c.cfg, c.files...)
	if errors.Is(err, unix.EPIPE) {
		return errors.New("init died before it was told what to do" + c.lastWords())
	}
	return err
}

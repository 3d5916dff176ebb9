package container

import (
	"errors"
	"io"
	"os"

	"github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"

	"jocker/final/runtime/cgroup"
	"jocker/final/runtime/namespace"
	"jocker/final/runtime/process"
	"jocker/final/runtime/step"
	"jocker/final/runtime/wire"
)

// ExecOptions say what exec is to run.
type ExecOptions struct {
	// Process is the whole process; if nil, it is the container's own with the changes below.
	Process *specs.Process

	Args         []string
	Env          []string // in addition
	Cwd          string
	User         string // as user.Parse takes it
	Groups       []uint32
	Caps         []string // in addition
	Tty          bool
	NoNewPrivs   bool
	Apparmor     string
	ProcessLabel string

	Cgroup        string // a cgroup below the container's own
	Detach        bool
	IgnorePaused  bool
	ConsoleSocket string
	PidFile       string
	PreserveFDs   int
	Explain       *Explain
}

// process makes the process of the options and of the container's own.
func (o *ExecOptions) process(spec *specs.Spec) (*specs.Process, error) {
	if o.Process != nil {
		p := *o.Process
		if p.Capabilities == nil { // as runc and crun have it; no capabilities are empty lists
			p.Capabilities = spec.Process.Capabilities
		}
		return &p, nil
	}
	p := *spec.Process
	p.Args = o.Args
	p.Terminal, p.ConsoleSize = o.Tty, nil
	p.Env = append(append([]string{}, p.Env...), o.Env...)
	if o.Cwd != "" {
		p.Cwd = o.Cwd
	}
	if o.Apparmor != "" {
		p.ApparmorProfile = o.Apparmor
	}
	if o.ProcessLabel != "" {
		p.SelinuxLabel = o.ProcessLabel
	}
	p.NoNewPrivileges = p.NoNewPrivileges || o.NoNewPrivs
	p.User.AdditionalGids = append(append([]uint32{}, p.User.AdditionalGids...), o.Groups...)
	if len(o.Caps) > 0 {
		// Into every set that execve looks at, but not into the inheritable one (CVE-2022-29162).
		var c specs.LinuxCapabilities
		if p.Capabilities != nil {
			c = *p.Capabilities
		}
		for _, set := range []*[]string{&c.Bounding, &c.Effective, &c.Permitted} {
			*set = append(append([]string{}, *set...), o.Caps...)
		}
		p.Capabilities = &c
	}
	return &p, nil
}

// Exec runs a further process in a container that was created or runs. It waits for its end and
// returns its exit code, 128 and the signal's number if a signal ended it; with Detach it returns when
// the process has become its program.
func (c *Container) Exec(o *ExecOptions) (code int, err error) {
	switch s := c.Status(); {
	case s == specs.StateStopped:
		return 0, errors.New("cannot exec in a stopped container")
	case s == "paused" && !o.IgnorePaused:
		return 0, errors.New("cannot exec in a paused container (resume it, or use --ignore-paused)")
	case s == specs.StateCreating:
		return 0, errors.New("cannot exec in a container that is still being created")
	}
	if err := checkPreserved(o.PreserveFDs); err != nil {
		return 0, err
	}
	e := &execution{c: c, o: o, cfg: &config{ID: c.st.ID, Exec: true, Explain: o.Explain != nil}}
	defer e.close()
	if err := e.launch(); err != nil {
		return 0, err
	}
	if err := e.plan(); err != nil {
		return 0, err
	}
	if err := e.await(); err != nil {
		return 0, err
	}
	if o.PidFile != "" {
		if err := writePidFile(o.PidFile, e.pid); err != nil {
			return 0, err
		}
	}
	if err := e.init.Send(msgConfig, e.cfg, e.files...); err != nil {
		return 0, errors.New("the process died before it was told what to do" + lastWords(e.pid, nil))
	}
	var signals chan os.Signal
	if !o.Detach {
		signals = catch()
	}
	if err := e.follow(); err != nil {
		return 0, err
	}
	if o.Detach {
		return 0, nil
	}
	return wait(e.pid, signals, e.terminal), nil
}

// An execution is an exec while it happens, in the runtime.
type execution struct {
	c        *Container
	o        *ExecOptions
	cfg      *config
	group    *cgroup.Group
	steps    []step.Step
	terminal *terminal
	init     *wire.Channel
	started  chan error // receives how starting init went
	pid      int
	files    []int
}

// launch starts init in the container's namespaces and cgroup, on a thread of its own: as in create, the runtime goes on meanwhile.
func (e *execution) launch() (err error) {
	group := e.c.st.Cgroup
	if below := e.o.Cgroup; below != "" {
		if group, err = group.Below(below); err != nil {
			return err
		}
	} else if group.Pure() {
		if group, err = group.Beside(e.c.st.Pid); err != nil { // the topmost may hold no process
			return err
		}
	}
	e.group = group
	target, err := e.c.hold()
	if errors.Is(err, unix.ESRCH) {
		return errors.New("cannot exec in a stopped container")
	} else if err != nil {
		return err
	}
	held := []int{target.FD}
	release := func() {
		for _, fd := range held {
			unix.Close(fd)
		}
	}
	exe, _, err := namespace.Seal()
	if err != nil {
		release()
		return err
	}
	held = append(held, exe)
	into, err := group.FD()
	if err != nil {
		release()
		return err
	}
	if into >= 0 {
		held = append(held, into)
	}
	ours, theirs, err := wire.Pair()
	if err != nil {
		release()
		return err
	}
	e.init = ours
	held = append(held, theirs.FD())
	command := newCommand(e.c.st.ID, exe, into, theirs.FD(), listenFDs()+e.o.PreserveFDs)
	e.started = make(chan error, 1)
	go func() {
		pid, pidfd, err := target.Enter(command)
		if err == nil {
			e.pid = pid
			unix.Close(pidfd)
		}
		release()
		e.started <- err
	}()
	if e.o.Explain == nil {
		return nil
	}
	e.o.Explain.number = func(i int) int { return 1 + i }
	enter := []step.Step{{Actor: step.Runtime, Stage: "init", Lab: 2, Do: e.await, Say: target.Say}}
	return step.Apply(enter, step.Runtime, nil, e.o.Explain.report(0))
}

// await waits until init is started, or could not be. Until then nobody may look at e.pid.
func (e *execution) await() (err error) {
	if e.started != nil {
		err = <-e.started
		e.started = nil
	}
	return err
}

// plan lists init's steps, and opens what they need.
func (e *execution) plan() error {
	spec, err := e.c.config()
	if err != nil {
		return err
	}
	p, err := e.o.process(spec)
	if err != nil {
		return err
	}
	e.cfg.Process = process.Config{
		Process: p, ID: e.c.st.ID, Exec: true, User: e.o.User, UserNamespace: has(spec, specs.UserNamespace),
		ListenFDs: listenFDs(), PreserveFDs: e.o.PreserveFDs, Personality: spec.Linux.Personality, ConsoleSocket: -1, Notify: -1,
	}
	if err := process.Check(&e.cfg.Process, nil); err != nil {
		return err
	}
	if e.group.ByDoor() {
		doors, err := e.group.Doors()
		if err != nil {
			return err
		}
		e.files, e.cfg.Files.Doors = doors, len(doors)
	}
	if p.Terminal {
		fd, err := e.console()
		if err != nil {
			return err
		}
		e.files = append(e.files, fd)
		e.cfg.Files.Console = 1
	}
	if spec.Linux.Seccomp != nil {
		filter, err := compile(spec, &e.cfg.Process)
		if err != nil {
			return err
		}
		if filter.ListenerPath != "" {
			fd, err := process.Connect("linux.seccomp.listenerPath", filter.ListenerPath)
			if err != nil {
				return err
			}
			e.files = append(e.files, fd)
			e.cfg.Files.Notify = 1
		}
	}
	in, err := newInside(e.cfg)
	if err != nil {
		return err
	}
	e.steps = in.steps()
	return nil
}

// console returns the socket that takes the terminal's master side.
func (e *execution) console() (int, error) {
	switch {
	case e.o.ConsoleSocket != "":
		return process.Connect("--console-socket", e.o.ConsoleSocket)
	case e.o.Detach:
		return -1, errors.New("--tty and --detach: --console-socket has to name a unix socket on which somebody takes the terminal")
	}
	e.terminal = &terminal{}
	return e.terminal.socket()
}

// follow hears how it goes, until execve closes the channel.
func (e *execution) follow() error {
	for {
		m, err := e.init.Receive()
		if err == io.EOF {
			return nil
		} else if err != nil {
			return err
		}
		if err := e.c.heard(m, e.o.Explain, e.steps); err != nil {
			lastWords(e.pid, nil)
			return err
		}
	}
}

// close lets go of everything. An init that was not told anything ends by itself.
func (e *execution) close() {
	e.await()
	for _, fd := range e.files {
		unix.Close(fd)
	}
	if e.init != nil {
		e.init.Close()
	}
	e.terminal.close()
}

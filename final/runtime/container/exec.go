package container

import (
	"errors"
	"io"
	"os"

	"github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"

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
	Warn          func(text string)
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
	e, err := c.newExecution(o)
	if err != nil {
		return 0, err
	}
	defer e.close()
	var signals chan os.Signal
	if !o.Detach {
		signals = catch()
	}
	if err := e.start(); err != nil {
		return 0, err
	}
	if o.PidFile != "" {
		if err := writePidFile(o.PidFile, e.pid); err != nil {
			unix.Kill(e.pid, unix.SIGKILL)
			return 0, err
		}
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
	steps    []step.Step
	terminal *terminal
	init     *wire.Channel
	pid      int
	files    []int
}

// newExecution plans it, and opens what init needs.
func (c *Container) newExecution(o *ExecOptions) (*execution, error) {
	spec, err := c.config()
	if err != nil {
		return nil, err
	}
	p, err := o.process(spec)
	if err != nil {
		return nil, err
	}
	e := &execution{c: c, o: o, cfg: &config{ID: c.st.ID, Exec: true, Explain: o.Explain != nil}}
	e.cfg.Process = process.Config{
		Process: p, ID: c.st.ID, Exec: true, User: o.User, UserNamespace: has(spec, specs.UserNamespace),
		ListenFDs: listenFDs(), PreserveFDs: o.PreserveFDs, Personality: spec.Linux.Personality, ConsoleSocket: -1, Notify: -1,
	}
	if err := process.Check(&e.cfg.Process, nil); err != nil {
		return nil, err
	}
	if p.Terminal && o.ConsoleSocket == "" {
		if o.Detach {
			return nil, errors.New("--tty and --detach: --console-socket has to name a unix socket on which somebody takes the terminal")
		}
		e.terminal = &terminal{}
	}
	if spec.Linux.Seccomp != nil {
		filter, err := compile(spec, &e.cfg.Process)
		if err != nil {
			return nil, err
		}
		if filter.ListenerPath != "" {
			fd, err := process.Connect("linux.seccomp.listenerPath", filter.ListenerPath)
			if err != nil {
				return nil, err
			}
			e.files = append(e.files, fd)
			e.cfg.Files.Notify = 1
		}
	}
	return e, nil
}

// start starts init in the container's namespaces and cgroup, and tells it what to do.
func (e *execution) start() error {
	ours, theirs, err := wire.Pair()
	if err != nil {
		return err
	}
	e.init = ours
	defer theirs.Close()
	target, err := namespace.Open(e.c.st.Pid, e.c.st.PidStart)
	if errors.Is(err, unix.ESRCH) {
		return errors.New("cannot exec in a stopped container")
	} else if err != nil {
		return err
	}
	defer target.Close()
	exe, _, err := namespace.Seal()
	if err != nil {
		return err
	}
	defer unix.Close(exe)

	group := e.c.st.Cgroup
	if o := e.o.Cgroup; o != "" {
		if group, err = group.Below(o); err != nil {
			return err
		}
	} else if group.Pure() {
		if group, err = group.Beside(e.c.st.Pid); err != nil { // the topmost may hold no process
			return err
		}
	}
	into, err := group.FD()
	if err != nil {
		return err
	}
	if into >= 0 {
		defer unix.Close(into)
	}
	if !group.Pure() {
		doors, err := group.Doors()
		if err != nil {
			return err
		}
		e.cfg.Files.Doors = len(doors)
		e.files = append(doors, e.files...)
	}
	command := newCommand(e.c.st.ID, exe, into, theirs.FD(), e.cfg.Process.ListenFDs+e.o.PreserveFDs)
	pid, pidfd, err := target.Enter(command)
	if err != nil {
		return err
	}
	unix.Close(pidfd)
	e.pid = pid
	if e.cfg.Process.Process.Terminal {
		fd, err := e.console()
		if err != nil {
			return err
		}
		at := len(e.files) - e.cfg.Files.Notify
		e.files = append(e.files[:at:at], append([]int{fd}, e.files[at:]...)...)
		e.cfg.Files.Console = 1
	}
	in, err := newInside(e.cfg)
	if err != nil {
		return err
	}
	e.steps = in.steps()
	return e.init.Send(msgConfig, e.cfg, e.files...)
}

func (e *execution) console() (int, error) {
	if e.terminal != nil {
		return e.terminal.socket()
	}
	return process.Connect("--console-socket", e.o.ConsoleSocket)
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

func (e *execution) close() {
	for _, fd := range e.files {
		unix.Close(fd)
	}
	if e.init != nil {
		e.init.Close()
	}
	e.terminal.close()
}

//lint:file-ignore SA1019 what the specification advises against still has to work

package container

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"

	"jocker/final/runtime/bundle"
	"jocker/final/runtime/cgroup"
	"jocker/final/runtime/hook"
	"jocker/final/runtime/namespace"
	"jocker/final/runtime/process"
	"jocker/final/runtime/rootfs"
	"jocker/final/runtime/seccomp"
	"jocker/final/runtime/state"
	"jocker/final/runtime/step"
	"jocker/final/runtime/wire"
)

// Options are what a caller decides about a container, beside its config.json.
type Options struct {
	Root, ID      string // the directory for states (DefaultRoot), and the container's name
	Bundle        string // the directory with config.json
	ConsoleSocket string // a unix socket that receives the terminal's master side; "" if there is none
	PidFile       string // a file for the pid of init; "" for none
	NoPivot       bool
	NoNewKeyring  bool
	PreserveFDs   int // how many of our file descriptors from 3 on the container gets
	Systemd       bool
	Rootless      string            // "true", "false" or "auto"
	Warn          func(text string) // is told what is not as it was asked for, but can be done without
	Say           func(text string) // is told how the program ended, where its exit code says too little
	Explaining    func() *Explain   // says whether and how the steps are to be explained; nil if they are not

	terminal   *terminal // takes the terminal's master side if there is no ConsoleSocket
	foreground bool      // signals are the container's
	starts     bool      // run: it is us who start it
}

// console returns the socket that takes the terminal's master side.
func (o *Options) console() (int, error) {
	if o.ConsoleSocket == "" {
		return o.terminal.socket()
	}
	return process.Connect("--console-socket", o.ConsoleSocket)
}

// A creation is a create while it happens, in the runtime.
type creation struct {
	*Container
	o       *Options
	data    []byte // of config.json
	cfg     *config
	ns      *namespace.Config
	group   *cgroup.Plan
	in      *inside
	filter  *seccomp.Filter
	explain *Explain

	before, after []step.Step // the runtime's steps, until init is told, and when it is ready
	inside        []step.Step // init's

	init    *wire.Channel
	started chan error // receives how starting it went
	pidfd   int
	files   []int // that go along with the config
	signals chan os.Signal
}

// Create makes a container, up to the moment at which it waits for start. If that fails nothing of it is left.
func Create(o *Options) (*Container, error) {
	c, err := create(o)
	if c == nil || err != nil {
		return nil, err
	}
	c.close()
	c.dir.Unlock()
	return c.Container, nil
}

// create does it, and returns the container locked. It is nil without an error after a dry run.
func create(o *Options) (_ *creation, err error) {
	c := &creation{o: o, pidfd: -1}
	if o.Explaining != nil {
		c.explain = o.Explaining()
	}
	if err := c.plan(); err != nil {
		return nil, err
	}
	if c.dry() {
		c.printPlan()
		return nil, nil
	}
	if c.dir, err = state.Create(o.Root, o.ID); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			c.close()
			if err2 := c.remove(o.Warn); err2 != nil {
				err = fmt.Errorf("%w; and what had been made is not all removed (delete --force %s tries again): %v", err, o.ID, err2)
			}
		}
	}()
	if err = c.st.Cgroup.Free(); err == nil {
		err = c.dir.Save(c.st)
	}
	if err == nil {
		err = step.Apply(c.before, step.Runtime, nil, c.explain.report(0))
	}
	if err == nil {
		if o.foreground { // now, while init has to work and we to wait
			c.signals = catch()
		}
		err = c.follow()
	}
	if err != nil {
		return nil, err
	}
	return c, nil
}

// plan reads the bundle and lists the steps. Nothing is touched.
func (c *creation) plan() error {
	o := c.o
	if err := state.CheckID(o.ID); err != nil {
		return err
	}
	spec, dir, data, err := bundle.Load(o.Bundle)
	if err != nil {
		return err
	}
	if err := checkPreserved(o.PreserveFDs); err != nil {
		return err
	}
	c.data = data
	locate, path := cgroup.Locate, spec.Linux.CgroupsPath
	if o.Systemd {
		locate = cgroup.LocateSystemd
	} else if path == "" && c.dry() && !c.rootless() {
		path = "/" + o.ID
	}
	group, err := locate(path, o.ID)
	if err == nil && o.Systemd {
		err = group.Unit.Annotate(spec.Annotations)
	}
	if err != nil {
		return err
	}
	c.Container = &Container{spec: spec, st: &state.State{
		ID: o.ID, Version: spec.Version, Bundle: dir, Rootfs: spec.Root.Path, Created: time.Now().UTC(), Owner: os.Geteuid(),
		Annotations: spec.Annotations, Cgroup: group, Hooks: spec.Hooks != nil,
	}}
	if err := c.limits(group, spec.Linux.Resources); err != nil {
		return err
	}
	if c.ns, err = namespace.FromSpec(spec.Linux); err != nil {
		return err
	}
	c.cfg = &config{ID: o.ID, Explain: c.explain != nil, Rootfs: rootfs.FromSpec(spec, dir)}
	c.cfg.Rootfs.NoPivot, c.cfg.Rootfs.Rootless = o.NoPivot, c.rootless()
	c.cfg.Rootfs.Cgroups = hierarchies(group)
	c.cfg.Process = process.Config{
		Process: spec.Process, ID: o.ID, Hostname: spec.Hostname, Domainname: spec.Domainname, Personality: spec.Linux.Personality,
		UserNamespace: has(spec, specs.UserNamespace), NoNewKeyring: o.NoNewKeyring, PreserveFDs: o.PreserveFDs, ListenFDs: listenFDs(), ConsoleSocket: -1, Report: -1, Notify: -1,
	}
	if spec.Hooks != nil {
		c.cfg.Hooks = len(spec.Hooks.Prestart)+len(spec.Hooks.CreateRuntime) > 0
		c.cfg.CreateContainer, c.cfg.StartContainer = spec.Hooks.CreateContainer, spec.Hooks.StartContainer
	}
	if group.ByDoor() { // what is to be the root of init's cgroups is known when it is there
		c.cfg.Files.Doors = len(group.Hierarchies)
		c.cfg.CgroupNamespace = c.ns.New&unix.CLONE_NEWCGROUP != 0
		c.ns.New &^= unix.CLONE_NEWCGROUP
	}
	if err := o.checkTerminal(spec.Process); err != nil {
		return err
	}
	if err := process.Check(&c.cfg.Process, nil); err != nil {
		return err
	}
	if c.in, err = newInside(c.cfg); err != nil {
		return err
	}
	c.inside = c.in.steps()
	c.steps(spec)
	if c.explain != nil {
		c.explain.number = c.number
	}
	return nil
}

// checkPreserved looks whether the file descriptors are there that the container is to have.
func checkPreserved(n int) error {
	if n < 0 {
		return fmt.Errorf("--preserve-fds %d: a number from 0 on is wanted", n)
	}
	first := firstFD + listenFDs()
	for fd := first; fd < first+n; fd++ {
		if _, err := unix.FcntlInt(uintptr(fd), unix.F_GETFD, 0); err != nil {
			return fmt.Errorf("--preserve-fds %d: file descriptor %d is not open; they are counted from %d on", n, fd, first)
		}
	}
	return nil
}

// rootless says whether we are an ordinary user, or are to act like one. A dry run is root's, whoever asks for it, unless it is told.
func (c *creation) rootless() bool {
	return c.o.Rootless == "true" || c.o.Rootless == "auto" && os.Geteuid() != 0 && !c.dry()
}

func (c *creation) dry() bool { return c.explain != nil && c.explain.Dry }

// limits plans the cgroup. An ordinary user may have none, or not with all controllers; then each limit
// that will have no effect is named, and the container runs without.
func (c *creation) limits(group *cgroup.Group, r *specs.LinuxResources) (err error) {
	if !c.rootless() {
		c.group, err = group.Steps(r)
		return err
	}
	lost, err := group.Lost(r)
	if err != nil {
		return err
	}
	for _, text := range lost {
		c.o.Say(text)
	}
	c.group, err = group.Rootless(r)
	if err == nil && group.None() && !c.dry() && !c.ownPIDs() {
		c.o.Say("there is neither a cgroup nor a PID namespace of the container's own: what its first process leaves behind, nobody can find and end")
	}
	return err
}

// checkTerminal compares what config.json and the command line say of a terminal.
func (o *Options) checkTerminal(p *specs.Process) error {
	switch {
	case p.Terminal && o.ConsoleSocket == "" && o.terminal == nil:
		return errors.New("process.terminal is true, so --console-socket has to name a unix socket on which somebody takes the terminal; only run and exec without --detach do that themselves")
	case !p.Terminal && o.ConsoleSocket != "":
		return errors.New("--console-socket: process.terminal is false, so there is no terminal to be sent there")
	}
	return nil
}

// follow answers what init says until it is ready.
func (c *creation) follow() error {
	for {
		m, err := c.init.Receive()
		if err == io.EOF {
			return errors.New("init died while it prepared the container" + c.lastWords())
		} else if err != nil {
			return err
		}
		switch m.Kind {
		case msgHooks:
			if err := step.Apply(c.after, step.Runtime, nil, c.explain.report(c.number(c.in.hooksAt)-len(c.after))); err != nil {
				return err
			}
			if err := c.init.Send(msgHooks, nil); err != nil {
				return err
			}
		case msgReady:
			var r ready
			if err := m.Decode(&r); err != nil {
				return err
			}
			for _, text := range r.Warnings {
				c.o.Warn(text)
			}
			return c.ready()
		default:
			if err := c.heard(m, c.explain, c.inside); err != nil {
				return err
			}
		}
	}
}

// ready is reached when init waits for start, and for our word that it may.
func (c *creation) ready() error {
	if err := step.Apply(c.group.Late, step.Runtime, nil, c.explain.report(c.number(c.in.lateAt)-len(c.group.Late))); err != nil {
		return err
	}
	if c.o.PidFile != "" {
		if err := writePidFile(c.o.PidFile, c.st.Pid); err != nil {
			return err
		}
	}
	if c.o.starts {
		return nil
	}
	return c.init.Send(msgReady, nil)
}

// runHooks runs the hooks of the runtime's namespaces. They are told "created", for so runtime.md has it: a container
// is that after step 2 of its lifecycle, and these hooks are steps 3 and 4. (runc says "creating", crun does not.)
func (c *creation) runHooks() error {
	state := c.hookState(specs.StateCreated)
	if err := hook.Run("prestart", c.spec.Hooks.Prestart, state); err != nil {
		return err
	}
	return hook.Run("createRuntime", c.spec.Hooks.CreateRuntime, state)
}

// writePidFile writes a pid, at once or not at all, for others may wait for the file.
func writePidFile(path string, pid int) error {
	temporary := filepath.Join(filepath.Dir(path), "."+filepath.Base(path))
	err := os.WriteFile(temporary, []byte(strconv.Itoa(pid)), 0o644)
	if err == nil {
		if err = os.Rename(temporary, path); err != nil {
			os.Remove(temporary)
		}
	}
	if err != nil {
		return fmt.Errorf("--pid-file: %w", err)
	}
	return nil
}

// lastWords says how init ended, if it has.
func (c *creation) lastWords() string { return lastWords(c.st.Pid, c.st.Cgroup) }

func (c *creation) close() {
	for _, fd := range c.files {
		unix.Close(fd)
	}
	c.files = nil
	c.await()
	if c.init != nil {
		c.init.Close()
	}
	if c.pidfd >= 0 {
		unix.Close(c.pidfd)
	}
}

// listenFDs returns how many sockets we were started with by socket activation (sd_listen_fds(3)). They are handed on.
func listenFDs() int {
	if pid, err := strconv.Atoi(os.Getenv("LISTEN_PID")); err != nil || pid != os.Getpid() {
		return 0
	}
	n, err := strconv.Atoi(os.Getenv("LISTEN_FDS"))
	if err != nil || n < 0 {
		return 0
	}
	return n
}

// hierarchies says for rootfs what a mount of type cgroup shows.
func hierarchies(g *cgroup.Group) []rootfs.Hierarchy {
	var list []rootfs.Hierarchy
	for i := range g.Hierarchies {
		h := &g.Hierarchies[i]
		switch {
		case h.Version == 1:
			list = append(list, rootfs.Hierarchy{Path: h.Dir(), Name: filepath.Base(h.Mount), Option: strings.Join(h.Controllers, ",")})
		case g.Pure():
			list = append(list, rootfs.Hierarchy{Path: h.Dir()})
		}
	}
	return list
}

// number returns the place in the whole plan of init's step i. Some of the runtime's steps are between init's.
func (c *creation) number(i int) int {
	n := len(c.before) + i
	if i >= c.in.hooksAt {
		n += len(c.after)
	}
	if i >= c.in.lateAt {
		n += len(c.group.Late)
	}
	return n
}

// printPlan prints all steps, in the order in which they are made.
func (c *creation) printPlan() {
	n, hooks, late := 0, c.in.hooksAt, c.in.lateAt
	for _, list := range [][]step.Step{c.before, c.inside[:hooks], c.after, c.inside[hooks:late], c.group.Late, c.inside[late:]} {
		for i := range list {
			c.explain.line(n, &list[i], 0, nil)
			n++
		}
	}
}

// has says whether a container has a namespace of its own of a kind, new or joined.
func has(spec *specs.Spec, kind specs.LinuxNamespaceType) bool {
	_, is := bundle.Namespace(spec, kind)
	return is
}

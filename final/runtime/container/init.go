package container

import (
	"errors"
	"fmt"
	"os"
	"strconv"
	"time"

	"golang.org/x/sys/unix"

	"jocker/final/runtime/fail"
	"jocker/final/runtime/namespace"
	"jocker/final/runtime/process"
	"jocker/final/runtime/step"
	"jocker/final/runtime/wire"
)

// fdVariable tells init where its channel is. It is all of init's environment that is not Go's.
const fdVariable = "JOCKER_CHANNEL"

// An initStage is init, from its first line to execve.
type initStage struct {
	in      *inside
	runtime *wire.Channel // to the runtime; closed when it has heard that all is ready
	listen  int           // the socket on which start comes
	start   *wire.Channel // to start, once it has come
}

// Init is what the container's first process does until it becomes the user's program, and what a
// process does that exec adds. It returns only if something went wrong, with the exit code; then the runtime
// has been told. The caller's goroutine is locked to the main thread, for what execve leaves of a process is that thread.
func Init() int {
	fd, err := strconv.Atoi(os.Getenv(fdVariable))
	if err != nil {
		fmt.Fprintln(os.Stderr, "jocker-runtime: this is init, which only the runtime can start")
		return 1
	}
	namespace.RestoreTimerSlack()
	process.Setsid() // ahead of time: it takes the kernel a while, in which the runtime works
	s := &initStage{runtime: wire.Open(fd), listen: -1}
	if err := s.run(); err != nil {
		s.tell(err)
		return 1
	}
	return 0
}

// listener is who waits for init: the runtime, and then start; nil between the two.
func (s *initStage) listener() *wire.Channel {
	if s.start != nil {
		return s.start
	}
	return s.runtime
}

// tell reports a failure to whoever waits for it.
func (s *initStage) tell(err error) {
	to := s.listener()
	if to == nil || to.Send(msgFailed, failure{err.Error()}) != nil {
		fmt.Fprintln(os.Stderr, "jocker-runtime:", err)
	}
}

func (s *initStage) run() error {
	steps, err := s.receive()
	if err != nil {
		return err
	}
	stage := ""
	begin := func(n int, st *step.Step) {
		if st.Stage != stage {
			stage = st.Stage
			setTitle(stage)
		}
	}
	var report step.Report
	if s.in.cfg.Explain {
		report = func(n int, st *step.Step, took time.Duration, err error) error {
			p := progress{N: n, Took: int64(took)}
			if err != nil {
				p.Failed = err.Error()
			}
			if to := s.listener(); to != nil {
				to.Send(msgProgress, p) // who has gone away doesn't want to know
			}
			return nil
		}
	}
	return step.Apply(steps, step.Init, begin, report)
}

// receive waits for the config and plans the steps.
func (s *initStage) receive() ([]step.Step, error) {
	m, err := s.runtime.Receive()
	if err != nil {
		os.Exit(1) // the runtime has died, or given up; there is nobody to be told
	}
	cfg := &config{}
	if err := m.Decode(cfg); err != nil {
		return nil, err
	}
	files := m.Files
	doors, err1 := take(&files, cfg.Files.Doors)
	tree, err2 := take(&files, cfg.Files.Rootfs)
	listen, err3 := take(&files, cfg.Files.Listen)
	console, err4 := take(&files, cfg.Files.Console)
	notify, err5 := take(&files, cfg.Files.Notify)
	if err := errors.Join(err1, err2, err3, err4, err5); err != nil {
		return nil, err
	}
	if len(listen) > 0 {
		s.listen = listen[0]
	}
	if len(console) > 0 {
		cfg.Process.ConsoleSocket = console[0]
	}
	if len(notify) > 0 {
		cfg.Process.Notify = notify[0]
	}
	if cfg.Exec {
		cfg.Process.Report = s.runtime.FD()
	}
	if s.in, err = newInside(cfg); err != nil {
		return nil, err
	}
	if s.in.rootfs != nil {
		sources := make([]*os.File, len(tree))
		for i, fd := range tree {
			sources[i] = os.NewFile(uintptr(fd), "source")
		}
		s.in.rootfs.Take(sources)
	}
	s.in.doors = doors
	s.in.hooks, s.in.start = s.waitHooks, s.waitStart
	s.in.hooked = func() { s.start.Send(msgHooks, nil) } // it may have died; the program begins nevertheless
	return s.in.steps(), nil
}

// waitHooks lets the runtime run its hooks.
func (s *initStage) waitHooks() error {
	if err := s.runtime.Send(msgHooks, nil); err != nil {
		return err
	}
	if _, err := s.runtime.Receive(); err != nil {
		os.Exit(1) // a hook failed, or the runtime died
	}
	return nil
}

// waitStart says that all is ready, hears that this was written down, and waits for start. What
// connects and says nothing is a runtime that wants to know whether somebody listens (state.Dir.Status).
func (s *initStage) waitStart() error {
	if err := s.runtime.Send(msgReady, ready{s.in.warnings}); err != nil {
		return err
	}
	m, err := s.runtime.Receive()
	if err != nil {
		os.Exit(1)
	}
	if m.Kind == msgStart { // it is run, not create
		s.start = s.runtime
		s.in.cfg.Process.Report = s.start.FD()
		return nil
	}
	s.runtime.Close()
	s.runtime = nil
	for {
		fd, _, err := unix.Accept4(s.listen, unix.SOCK_CLOEXEC)
		if err == unix.EINTR || err == unix.ECONNABORTED {
			continue
		} else if err != nil {
			return fail.Call("accept(start.sock)", err, "")
		}
		start := wire.Open(fd)
		if m, err := start.Receive(); err == nil && m.Kind == msgStart {
			s.start = start
			s.in.cfg.Process.Report = start.FD()
			return nil
		}
		start.Close()
	}
}

package container

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"strconv"
	"strings"
	"time"

	"github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"

	"jocker/final/engine/inroot"
	"jocker/final/engine/shim"
)

// ExecOptions say what `exec` runs.
type ExecOptions struct {
	Args       []string
	Env        []string
	User       string // "" for the container's
	WorkingDir string // "" for the container's
	TTY, Stdin bool
	Detach     bool
	Privileged bool

	Rows, Columns uint16 // of the terminal; 0 if unknown
	// Console copies between the program's terminal and ours, until the program's output ends. It returns true if somebody
	// wants to go while the program stays.
	Console func(master *os.File) (detached bool)
}

// Exec runs a further program in a running container, with our own standard streams, and returns its exit code. The runtime does
// it alone; the shim has no part in it. A program that can't be executed is a StartError.
func (c *Container) Exec(o ExecOptions) (code int, err error) {
	status, err := c.Status()
	switch {
	case err != nil:
		return 0, err
	case !status.Running():
		return 0, fmt.Errorf("Container %s is not running", c.ID)
	case status.Paused:
		return 0, fmt.Errorf("Container %s is paused, unpause the container before exec", c.ID)
	}
	root, err := inroot.Open("/proc/" + strconv.Itoa(status.Pid) + "/root")
	if err != nil {
		return 0, err
	}
	defer root.Close()
	process, err := c.execProcess(launch{root: root, rows: o.Rows, columns: o.Columns}, o)
	if err != nil {
		return 0, err
	}
	e := &execution{c: c, o: o, id: newID()}
	if e.dir, err = os.MkdirTemp(c.RunDir(), "exec-"); err != nil {
		return 0, err
	}
	defer os.RemoveAll(e.dir)
	data, err := json.Marshal(process)
	if err == nil {
		err = os.WriteFile(e.dir+"/process.json", data, 0o600)
	}
	if err != nil {
		return 0, err
	}
	words := strings.Join(o.Args, " ")
	c.Tell("exec_create: "+words, "execID", e.id)
	if err := e.start(); err != nil {
		return 0, err
	}
	c.Tell("exec_start: "+words, "execID", e.id)
	if code, err = e.wait(); err == nil && !e.detached && !o.Detach {
		c.Tell("exec_die", "execID", e.id, "exitCode", strconv.Itoa(code))
	}
	return code, err
}

// An execution is an exec under way: the runtime, as our child.
type execution struct {
	c        *Container
	o        ExecOptions
	id       string
	dir      string
	cmd      *exec.Cmd
	socket   *os.File // where the terminal comes; nil if there is none
	detached bool
}

// start starts the runtime.
func (e *execution) start() error {
	runtime, err := findRuntime(e.c.HostConfig.Runtime)
	if err != nil {
		return err
	}
	args := []string{"--root", e.c.runtimeRoot(runtime), "--log", e.dir + "/log", "--log-format", "json", "exec", "--process", e.dir + "/process.json"}
	if e.o.Detach {
		args = append(args, "--detach")
	}
	if e.o.TTY {
		// The socket's address is limited to 107 bytes, which the path may be longer than: the runtime gets the directory as descriptor 3.
		fd, err := shim.Listen(e.dir, "tty", unix.SOCK_STREAM)
		if err != nil {
			return err
		}
		e.socket = os.NewFile(uintptr(fd), "tty")
		args = append(args, "--console-socket", "/proc/self/fd/3/tty")
	}
	e.cmd = exec.Command(runtime, append(args, e.c.ID)...)
	e.cmd.Stderr = os.Stderr
	if e.o.TTY {
		dir, err := os.Open(e.dir)
		if err != nil {
			return err
		}
		defer dir.Close()
		e.cmd.ExtraFiles = []*os.File{dir}
		// What ends our session, when somebody has detached and closes the window, is not meant for the program.
		e.cmd.SysProcAttr = &unix.SysProcAttr{Setsid: true}
	} else if !e.o.Detach {
		e.cmd.Stdout = os.Stdout
		if e.o.Stdin {
			e.cmd.Stdin = os.Stdin
		}
	}
	if e.o.Detach {
		e.cmd.Stderr = nil
	}
	if err := e.cmd.Start(); err != nil {
		return err
	}
	// Signals are for the program; the runtime passes them on.
	signals := make(chan os.Signal, 16)
	signal.Notify(signals, unix.SIGINT, unix.SIGQUIT, unix.SIGTERM, unix.SIGHUP)
	go func() {
		for s := range signals {
			e.cmd.Process.Signal(s)
		}
	}()
	return nil
}

// wait waits for the end of the program, or for somebody who detaches.
func (e *execution) wait() (code int, err error) {
	ended := make(chan error, 1)
	go func() { ended <- e.cmd.Wait() }()
	if e.socket != nil {
		copied := make(chan bool, 1)
		go func() { copied <- e.console() }()
		select {
		case err = <-ended:
			e.socket.SetReadDeadline(time.Now()) // the runtime failed before it connected
			select {
			case <-copied:
			case <-time.After(time.Second): // a process that was left behind may keep the terminal
			}
		case e.detached = <-copied:
			if e.detached {
				return 0, nil
			}
			err = <-ended
		}
	} else {
		err = <-ended
	}
	var failed *exec.ExitError
	if err != nil && !errors.As(err, &failed) {
		return 0, err
	}
	if text := lastMessage(e.dir + "/log"); err != nil && text != "" {
		code := shim.FailureCode("OCI runtime exec failed: " + text)
		if !e.o.Detach {
			return code, nil // the runtime has said so on standard error, which it has from us
		}
		return 0, &StartError{code, "OCI runtime exec failed: " + text}
	}
	return e.cmd.ProcessState.ExitCode(), nil
}

// console takes the terminal and lets it be used. If nobody uses it any more, it is read by somebody else.
func (e *execution) console() (detached bool) {
	master, err := shim.AcceptTerminal(e.socket)
	if err != nil {
		return false
	}
	defer master.Close()
	if !e.o.Detach && !e.o.Console(master) {
		return false
	}
	if program, err := FindProgram("jocker-shim"); err == nil {
		drain := exec.Command(program, "drain")
		drain.Stdin, drain.SysProcAttr = master, &unix.SysProcAttr{Setsid: true}
		drain.Start()
	}
	return !e.o.Detach
}

// execProcess makes the process as the runtime wants it: like the container's own, but for what was asked.
func (c *Container) execProcess(l launch, o ExecOptions) (*specs.Process, error) {
	like := *c
	like.Path, like.Args = o.Args[0], o.Args[1:]
	like.HostConfig.Init = false
	like.HostConfig.OomScoreAdj = 0
	like.Config.Tty = o.TTY
	like.Config.Env = MergeEnv(c.Config.Env, o.Env)
	if o.User != "" {
		like.Config.User = o.User
	}
	if o.WorkingDir != "" {
		like.Config.WorkingDir = o.WorkingDir
	}
	if o.Privileged {
		like.HostConfig.Privileged = true
	}
	p, err := like.process(l)
	if err != nil {
		return nil, err
	}
	for _, option := range c.HostConfig.SecurityOpt {
		if strings.HasPrefix(option, "no-new-privileges") && !strings.HasSuffix(option, "false") {
			p.NoNewPrivileges = true
		}
	}
	return p, nil
}

// lastMessage returns the last error of a runtime's log, whose lines are JSON objects; "" if there is none.
func lastMessage(path string) (text string) {
	data, err := os.ReadFile(path)
	if err != nil {
		return ""
	}
	for _, line := range strings.Split(string(data), "\n") {
		var entry struct{ Level, Msg string }
		if json.Unmarshal([]byte(line), &entry) == nil && (entry.Level == "error" || entry.Level == "fatal") {
			text = entry.Msg
		}
	}
	return text
}

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
	process, err := c.execProcess(status.Pid, o)
	if err != nil {
		return 0, err
	}
	runtime, err := findRuntime(c.HostConfig.Runtime)
	if err != nil {
		return 0, err
	}
	dir, err := os.MkdirTemp(c.RunDir(), "exec-")
	if err != nil {
		return 0, err
	}
	defer os.RemoveAll(dir)
	data, err := json.Marshal(process)
	if err == nil {
		err = os.WriteFile(dir+"/process.json", data, 0o600)
	}
	if err != nil {
		return 0, err
	}
	args := []string{"--root", c.runtimeRoot(runtime), "--log", dir + "/log", "--log-format", "json", "exec", "--process", dir + "/process.json"}
	if o.Detach {
		args = append(args, "--detach")
	}
	cmd := exec.Command(runtime, append(args, c.ID)...)
	if o.Stdin {
		cmd.Stdin = os.Stdin
	}
	if !o.Detach {
		cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	}
	// Signals are for the program; the runtime passes them on.
	signals := make(chan os.Signal, 16)
	signal.Notify(signals, unix.SIGINT, unix.SIGQUIT, unix.SIGTERM, unix.SIGHUP)
	if err := cmd.Start(); err != nil {
		return 0, err
	}
	go func() {
		for s := range signals {
			cmd.Process.Signal(s)
		}
	}()
	err = cmd.Wait()
	var ended *exec.ExitError
	if err != nil && !errors.As(err, &ended) {
		return 0, err
	}
	if text := lastMessage(dir + "/log"); err != nil && text != "" {
		code := shim.FailureCode("OCI runtime exec failed: " + text)
		if !o.Detach {
			return code, nil // the runtime has said so on standard error, which it has from us
		}
		return 0, &StartError{code, "OCI runtime exec failed: " + text}
	}
	return cmd.ProcessState.ExitCode(), nil
}

// execProcess makes the process as the runtime wants it: like the container's own, but for what was asked.
func (c *Container) execProcess(pid int, o ExecOptions) (*specs.Process, error) {
	root, err := inroot.Open("/proc/" + strconv.Itoa(pid) + "/root")
	if err != nil {
		return nil, err
	}
	defer root.Close()
	like := *c
	like.Path, like.Args = o.Args[0], o.Args[1:]
	like.HostConfig.Init = false
	like.HostConfig.OomScoreAdj = 0
	like.Config.Tty = o.TTY
	like.Config.Env = mergeEnv(c.Config.Env, o.Env)
	if o.User != "" {
		like.Config.User = o.User
	}
	if o.WorkingDir != "" {
		like.Config.WorkingDir = o.WorkingDir
	}
	if o.Privileged {
		like.HostConfig.Privileged = true
	}
	p, err := like.process(launch{root: root})
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

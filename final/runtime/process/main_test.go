package process

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"syscall"
	"testing"

	"github.com/opencontainers/runtime-spec/specs-go"
	"github.com/stretchr/testify/require"

	"jocker/final/runtime/step"
)

// These tests ask the kernel. What init does cannot be undone, so each test starts the test binary
// again, as init: it gets a Config, makes all steps, and becomes a program that prints what the
// kernel says of it.
const initEnv = "PROCESS_TEST_INIT"

func init() {
	if os.Getenv(initEnv) == "" {
		return
	}
	runtime.LockOSThread() // the main thread, as in the runtime
	var c Config
	if err := json.Unmarshal([]byte(os.Getenv(initEnv)), &c); err != nil {
		panic(err)
	}
	p := New(&c)
	p.Warn = func(text string) { fmt.Fprintln(os.Stderr, "warning:", text) }
	var steps []step.Step
	steps = append(steps, p.Begin()...)
	steps = append(steps, p.Inside()...)
	steps = append(steps, p.Become()...)
	steps = append(steps, p.Finish()...)
	err := step.Apply(steps, step.Init, nil, nil)
	syscall.Write(2, []byte(err.Error()+"\n"))
	syscall.Exit(99)
}

// A child is init, before it is started.
type child struct {
	Config
	cmd *exec.Cmd
}

// newChild prepares an init that becomes the program, with a root directory of its own if root is
// not empty, and in its own UTS namespace.
func newChild(t *testing.T, args ...string) *child {
	require.Zero(t, os.Getuid(), "needs root: sudo go test ./final/runtime/process")
	c := &child{cmd: exec.Command("/proc/self/exe")}
	c.Process = &specs.Process{Cwd: "/", Args: args, Env: []string{"PATH=/usr/bin:/bin", "HOME=/root"}}
	c.ID, c.Report, c.NoNewKeyring = "test", -1, true
	c.cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWUTS}
	return c
}

// run starts init and returns what came out on stdout and stderr, and the exit code.
func (c *child) run(t *testing.T) (out, talk string, code int) {
	t.Helper()
	text, err := json.Marshal(c.Config)
	require.NoError(t, err)
	c.cmd.Env = []string{initEnv + "=" + string(text)}
	var stdout, stderr bytes.Buffer
	c.cmd.Stdout, c.cmd.Stderr = &stdout, &stderr
	err = c.cmd.Run()
	if exit := (*exec.ExitError)(nil); err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	return stdout.String(), stderr.String(), c.cmd.ProcessState.ExitCode()
}

// output runs init and returns what its program printed; nothing may go wrong.
func (c *child) output(t *testing.T) string {
	t.Helper()
	out, talk, code := c.run(t)
	require.Empty(t, talk)
	require.Zero(t, code)
	return out
}

// fails runs init, which must not get as far as execve, and returns the error.
func (c *child) fails(t *testing.T) string {
	t.Helper()
	out, talk, code := c.run(t)
	require.Empty(t, out)
	require.Equal(t, 99, code, talk)
	return strings.TrimSuffix(talk, "\n")
}

// fields picks lines of the form "Name:\tvalue" out of a file such as /proc/PID/status.
func fields(text string, names ...string) map[string]string {
	got := map[string]string{}
	for _, line := range strings.Split(text, "\n") {
		name, value, _ := strings.Cut(line, ":")
		for _, want := range names {
			if name == want {
				got[name] = strings.Join(strings.Fields(value), " ")
			}
		}
	}
	return got
}

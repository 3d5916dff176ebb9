package process

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/opencontainers/runtime-spec/specs-go"
	"github.com/stretchr/testify/require"

	"jocker/final/runtime/step"
)

// These tests ask the kernel. What init does cannot be undone, so each test starts the test binary
// again, as init: it gets a Config, makes all steps, and becomes a program that prints what the
// kernel says of it.
const initEnv = "PROCESS_TEST_INIT"

// A start is what the test binary is told when it is started as init.
type start struct {
	Config
	Root   string // chroot to it first; it is the test's way to be in a container
	Before string // one of befores, to be called before all steps
	Pause  bool   // let the Go runtime have a look around before the last step
	Hold   bool   // before the last step, close descriptor 3 and wait until 4 ends
}

// befores prepare init for a test: most play the hostile part.
var befores = map[string]func(s *start, p *Init){}

func init() {
	if os.Getenv(initEnv) != "" {
		runtime.LockOSThread() // the main thread, as in the runtime
	}
}

func TestMain(m *testing.M) {
	if text := os.Getenv(initEnv); text != "" {
		beInit(text)
	}
	os.Exit(m.Run())
}

func beInit(text string) {
	var s start
	must(json.Unmarshal([]byte(text), &s))
	p := New(&s.Config)
	p.Warn = func(text string) { fmt.Fprintln(os.Stderr, "warning:", text) }
	if s.Root != "" {
		must(syscall.Mount("proc", s.Root+"/proc", "proc", 0, ""))
		must(syscall.Mount("devpts", s.Root+"/dev/pts", "devpts", 0, "newinstance,ptmxmode=0666,mode=0620"))
	}
	if s.Before != "" {
		befores[s.Before](&s, p)
	}
	if s.Root != "" {
		must(syscall.Chroot(s.Root))
		must(syscall.Chdir("/"))
	}
	var steps []step.Step
	steps = append(steps, p.Begin()...)
	steps = append(steps, p.Inside()...)
	steps = append(steps, p.Become()...)
	steps = append(steps, p.Finish()...)
	last := &steps[len(steps)-1]
	exec := last.Do
	last.Do = func() error {
		if s.Pause {
			time.Sleep(50 * time.Millisecond)
		}
		if s.Hold {
			syscall.Close(3)
			syscall.Read(4, make([]byte, 1))
		}
		return exec()
	}
	err := step.Apply(steps, step.Init, nil, nil)
	report := 2
	if p.c.Report >= 0 {
		report = p.c.Report
	}
	syscall.Write(report, []byte(err.Error()+"\n"))
	syscall.Exit(99)
}

func must(err error) {
	if err != nil {
		panic(err)
	}
}

// A child is init, before it is started.
type child struct {
	start
	cmd     *exec.Cmd
	started chan bool // closed when it runs
}

// newChild prepares an init that becomes the program, in namespaces of its own for host name and mounts.
func newChild(t *testing.T, args ...string) *child {
	require.Zero(t, os.Getuid(), "needs root: sudo go test ./final/runtime/process")
	c := &child{cmd: exec.Command("/proc/self/exe")}
	c.Process = &specs.Process{Cwd: "/", Args: args, Env: []string{"PATH=/usr/bin:/bin", "HOME=/root"}}
	c.ID, c.Report, c.NoNewKeyring = "test", -1, true
	c.cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWUTS, Unshareflags: syscall.CLONE_NEWNS}
	return c
}

// run starts init and returns what came out on stdout and stderr, and the exit code.
func (c *child) run(t *testing.T) (out, talk string, code int) {
	t.Helper()
	text, err := json.Marshal(c.start)
	require.NoError(t, err)
	c.cmd.Env = []string{initEnv + "=" + string(text)}
	var stdout, stderr bytes.Buffer
	c.cmd.Stdout, c.cmd.Stderr = &stdout, &stderr
	if err = c.cmd.Start(); err == nil {
		if c.started != nil {
			close(c.started)
		}
		err = c.cmd.Wait()
	}
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

// busybox makes a root directory with a busybox, and the files that are given by path and content.
func busybox(t *testing.T, files map[string]string) string {
	root := t.TempDir()
	require.NoError(t, os.Chmod(root, 0o755))
	for _, dir := range []string{"bin", "etc", "proc", "dev/pts", "tmp"} {
		require.NoError(t, os.MkdirAll(filepath.Join(root, dir), 0o755))
	}
	content, err := os.ReadFile("/bin/busybox")
	require.NoError(t, err, "needs busybox: apt-get install busybox-static")
	require.NoError(t, os.WriteFile(filepath.Join(root, "bin/busybox"), content, 0o755))
	for _, name := range []string{"sh", "cat", "id", "pwd", "env", "echo", "ls", "tty", "stty", "readlink"} {
		require.NoError(t, os.Symlink("busybox", filepath.Join(root, "bin", name)))
	}
	for path, text := range files {
		full := filepath.Join(root, path)
		require.NoError(t, os.MkdirAll(filepath.Dir(full), 0o755))
		require.NoError(t, os.WriteFile(full, []byte(text), 0o644))
	}
	return root
}

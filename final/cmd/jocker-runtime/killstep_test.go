package main_test

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/opencontainers/runtime-spec/specs-go"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"jocker/internal/labtest"
	"jocker/internal/ocitest"
)

// These tests kill the runtime, or init, before each step of the plan in turn, whoever makes the step. A runtime that makes
// its steps one by one, at our word, is in stepwise_test.go. Between two steps lie several system calls; what happens
// between those is for the tests in kill_test.go, which kill before each call.

// A walk leads runtimes and inits from step to step.
type walk struct {
	t      *testing.T
	id     string
	dir    string          // with the socket; mounted in the container
	clean  ocitest.Runtime // the runtime as it is
	led    ocitest.Runtime // the one that is led, with the same root
	bundle string
	stops  chan stop
	init   atomic.Int64 // the pid of the init that came last
	first  int          // the pid of the container's first process, if it is there before the command; else 0
}

// A stop is a step that is about to be made.
type stop struct {
	conn               net.Conn
	pid                int
	actor, stage, what string
}

func (s stop) goOn()          { s.conn.Write([]byte{1}) } // it may be dead by now
func (s stop) String() string { return s.actor + ": " + s.what }

func newWalk(t *testing.T) *walk {
	dir, err := os.MkdirTemp("", "jocker-stepwise-")
	require.NoError(t, err)
	require.NoError(t, os.Chmod(dir, 0o755))
	socket := filepath.Join(dir, "socket")
	listener, err := net.Listen("unixpacket", socket)
	require.NoError(t, err)
	require.NoError(t, os.Chmod(socket, 0o777))
	w := &walk{t: t, id: filepath.Base(dir), dir: dir, clean: ocitest.UnderTest(t), stops: make(chan stop)}
	w.led = w.clean
	w.led.Path, err = os.Executable()
	require.NoError(t, err)
	w.bundle = ocitest.NewBundle(t, w.edit)
	go func() {
		for c, err := listener.Accept(); err == nil; c, err = listener.Accept() {
			go w.listen(c)
		}
	}()
	t.Cleanup(func() {
		w.clean.Run(t, "delete", "--force", w.id)
		listener.Close()
		require.NoError(t, os.RemoveAll(dir))
	})
	return w
}

// edit asks for a container with steps of many kinds.
func (w *walk) edit(s *specs.Spec) {
	limit, score := int64(1<<28), 100
	hook := []specs.Hook{{Path: "/bin/true"}}
	s.Process.Args = []string{"sleep", "1000"}
	s.Process.OOMScoreAdj = &score
	s.Root.Readonly = false
	s.Mounts = append(s.Mounts, specs.Mount{Destination: w.dir, Type: "bind", Source: w.dir, Options: []string{"bind"}})
	s.Hooks = &specs.Hooks{CreateRuntime: hook, CreateContainer: hook, StartContainer: hook, Poststart: hook, Poststop: hook}
	s.Linux.Sysctl = map[string]string{"kernel.shmmni": "4321"}
	s.Linux.Resources.Memory = &specs.LinuxMemory{Limit: &limit}
	s.Linux.Namespaces = append(s.Linux.Namespaces, specs.LinuxNamespace{Type: specs.CgroupNamespace})
	s.Linux.Seccomp = &specs.LinuxSeccomp{DefaultAction: specs.ActAllow, Syscalls: []specs.LinuxSyscall{{Names: []string{"acct"}, Action: specs.ActErrno}}}
}

// listen hears what steps one process is about to make.
func (w *walk) listen(c net.Conn) {
	defer c.Close()
	raw, err := c.(*net.UnixConn).SyscallConn()
	if err != nil {
		return
	}
	pid := 0
	raw.Control(func(fd uintptr) {
		if who, err := unix.GetsockoptUcred(int(fd), unix.SOL_SOCKET, unix.SO_PEERCRED); err == nil {
			pid = int(who.Pid)
		}
	})
	if title := labtest.Cmdline(pid); len(title) > 0 && strings.Contains(title[0], "init of "+w.id) {
		w.init.Store(int64(pid))
	}
	message := make([]byte, 4096)
	for n, err := c.Read(message); err == nil && n > 0; n, err = c.Read(message) {
		part := strings.SplitN(string(message[:n]), "\n", 3)
		w.stops <- stop{c, pid, part[0], part[1], part[2]}
	}
}

// command is a command of the led runtime.
func (w *walk) command(args ...string) labtest.Cmd {
	c := w.led.Cmd(args...)
	c.Env = append(c.Env, "JOCKER_STEPWISE="+w.id)
	return c
}

// lead runs a command. Before step number killAt (from 0; -1 is never) it kills the actor victim, if that one lives. init is
// the pid of the one that will make steps and is there already, or 0; first likewise that of the container's first process.
func (w *walk) lead(c labtest.Cmd, init, first, killAt int, victim string) (stops []stop, killed bool, result labtest.Result) {
	w.init.Store(int64(init))
	w.first = first
	p := c.Start(w.t)
	born := false // init has been started, so it will come
	for !p.Ended() {
		select {
		case s := <-w.stops:
			if len(stops) == killAt {
				pid := p.Pid
				if victim == "init" {
					if born {
						require.Eventually(w.t, func() bool { return w.init.Load() != 0 }, 5*time.Second, 100*time.Microsecond)
					}
					pid = int(w.init.Load())
				}
				if pid != 0 {
					require.NoError(w.t, unix.Kill(pid, unix.SIGKILL))
					killed = true
				}
			}
			born = born || s.stage == "init"
			stops = append(stops, s)
			s.goOn()
		case <-time.After(200 * time.Microsecond):
		}
	}
	result = p.Wait()
	output, _ := os.ReadFile(filepath.Join(w.bundle, "output"))
	result.Stderr = string(output)
	return stops, killed, result
}

// settle answers those that have outlived the command.
func (w *walk) settle(ready func() bool) {
	for end := time.Now().Add(labtest.Scale(5 * time.Second)); ; {
		select {
		case s := <-w.stops:
			s.goOn()
			continue
		case <-time.After(time.Millisecond):
		}
		if ready() {
			return
		}
		require.True(w.t, time.Now().Before(end), "it does not settle: state says %q, and the kernel %q", w.state(), w.truth())
	}
}

// truth is what the kernel says of the container's first process.
func (w *walk) truth() string {
	pid := w.first
	if pid == 0 {
		pid = int(w.init.Load())
	}
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	switch title := strings.Join(labtest.Cmdline(pid), " "); {
	case pid == 0 || err != nil || strings.Contains(string(stat), ") Z "):
		return "stopped"
	case title == "sleep 1000":
		return "running"
	case strings.Contains(title, "init of "+w.id+": waiting"):
		return "created"
	default:
		return "creating"
	}
}

// state is what the command state says: "stopped", too, if there is no container.
func (w *walk) state() string {
	result := w.clean.Run(w.t, "state", w.id)
	if result.Code != 0 {
		require.Contains(w.t, result.Stderr, "does not exist", result)
		return "stopped"
	}
	return regexp.MustCompile(`"status": "(\w+)"`).FindStringSubmatch(result.Stdout)[1]
}

// host is what must be as before when a container is gone.
func (w *walk) host() string {
	table, err := os.ReadFile("/proc/self/mountinfo")
	require.NoError(w.t, err)
	links, err := filepath.Glob("/sys/class/net/*")
	require.NoError(w.t, err)
	var cgroups []string
	for _, pattern := range []string{"/sys/fs/cgroup/", "/sys/fs/cgroup/*/"} {
		found, err := filepath.Glob(pattern + w.id)
		require.NoError(w.t, err)
		cgroups = append(cgroups, found...)
	}
	files, err := filepath.Glob(w.clean.Root + "/*")
	require.NoError(w.t, err)
	return fmt.Sprintf("%s\nlinks %v\ncgroups %v\nstates %v", table, links, cgroups, files)
}

// A trial is a command that is to be killed, and what has to be there before.
type trial struct {
	name, before string
	args         []string
	// by victim: a regular expression for the container's status in the end. What is true is asked of the kernel; this is what may be true.
	statuses map[string]string
}

var trials = []trial{
	{"create", "", []string{"create", "--bundle", "BUNDLE", "ID"}, map[string]string{"runtime": "stopped|created", "init": "stopped"}},
	{"start", "created", []string{"start", "ID"}, map[string]string{"runtime": "created|running", "init": "stopped"}},
	{"run", "", []string{"run", "--detach", "--bundle", "BUNDLE", "ID"}, map[string]string{"runtime": "stopped|running", "init": "stopped"}},
	{"exec", "running", []string{"exec", "ID", "true"}, map[string]string{"runtime": "running", "init": "running"}},
	// delete has no plan: each thing that it removes may be gone already
	{"delete", "stopped", []string{"delete", "ID"}, map[string]string{"runtime": "stopped"}},
	{"delete --force", "running", []string{"delete", "--force", "ID"}, map[string]string{"runtime": "running|stopped"}},
}

// prepare brings about what the trial needs, and returns the pid of the container's first process, 0 if there is none. led says
// that an init that is there already will be led.
func (w *walk) prepare(status string, led bool) (pid int) {
	switch {
	case status == "":
		return 0
	case led && status == "created":
		_, _, result := w.lead(w.quiet(w.command("create", "--bundle", w.bundle, w.id)), 0, 0, -1, "")
		ok(w.t, result)
	default:
		ok(w.t, w.clean.Create(w.t, w.id, w.bundle))
		if status != "created" {
			ok(w.t, w.clean.Run(w.t, "start", w.id))
		}
	}
	pid = state(w.t, w.clean, w.id).Pid
	if status == "stopped" {
		ok(w.t, w.clean.Run(w.t, "kill", w.id, "KILL"))
		w.settle(func() bool { return w.state() == "stopped" })
	}
	return pid
}

// quiet is a command whose streams outlive it, for the container has them.
func (w *walk) quiet(c labtest.Cmd) labtest.Cmd {
	c.Args = append([]string{"sh", "-c", `exec "$@" </dev/null >"$0/output" 2>&1`, w.bundle}, c.Args...)
	return c
}

// arguments puts the names in.
func (w *walk) arguments(c trial) (args []string) {
	for _, a := range c.args {
		args = append(args, strings.NewReplacer("BUNDLE", w.bundle, "ID", w.id).Replace(a))
	}
	return args
}

// once makes a trial once: do runs the command, kills, and says when that was, or "". Afterwards state has to tell the truth, and delete
// --force, as often as it is called, has to leave nothing.
func (w *walk) once(c trial, led bool, victim string, do func(first int) (when string)) (killed bool) {
	t, before := w.t, w.host()
	first := w.prepare(c.before, led)
	w.init.Store(0)
	w.first = first
	when := do(first)
	w.settle(func() bool { return w.state() == w.truth() && w.truth() != "creating" })
	if when != "" {
		require.Regexp(t, "^("+c.statuses[victim]+")$", w.state(), when)
	}
	if c.name == "exec" { // what it has added goes away
		w.settle(func() bool {
			return w.clean.Run(t, "ps", "--format", "json", w.id).Stdout == fmt.Sprintf("[%d]\n", first)
		})
	}
	ok(t, w.clean.Run(t, "delete", "--force", w.id))
	require.Equal(t, "stopped", w.truth(), when)
	require.Equal(t, before, w.host(), when)
	ok(t, w.clean.Run(t, "delete", "--force", w.id))
	require.Equal(t, 1, w.clean.Run(t, "delete", w.id).Code)
	return when != ""
}

// TestKilledAtEachStep kills before one step of each stage, and with LABTEST_FULL=1 before each step.
func TestKilledAtEachStep(t *testing.T) {
	for _, c := range trials[:4] {
		for _, victim := range []string{"runtime", "init"} {
			t.Run(c.name+"/"+victim, func(t *testing.T) {
				labtest.Snapshot(t)
				w := newWalk(t)
				once := func(killAt int) (stops []stop, killed bool) {
					killed = w.once(c, true, victim, func(first int) (when string) {
						init := first
						if c.name == "exec" {
							init = 0 // it makes one of its own
						}
						var result labtest.Result
						stops, killed, result = w.lead(w.quiet(w.command(w.arguments(c)...)), init, first, killAt, victim)
						if !killed {
							require.Equal(t, 0, result.Code, result)
							return ""
						}
						when = fmt.Sprintf("%s was killed before step %d, %s", victim, killAt, stops[killAt])
						require.Contains(t, []int{0, 1, 137, 255}, result.Code, when)
						return when
					})
					return stops, killed
				}
				whole, _ := once(-1)
				kills, tries, started := 0, 0, time.Now()
				for n := range whole {
					if os.Getenv("LABTEST_FULL") == "" && n > 0 && whole[n].stage == whole[n-1].stage {
						continue
					}
					tries++
					if _, killed := once(n); killed {
						kills++
					}
				}
				require.GreaterOrEqual(t, kills, tries-3, "before the first steps there is no init yet")
				t.Logf("killed %d times at %d steps in %v", kills, len(whole), time.Since(started).Round(time.Millisecond))
			})
		}
	}
}

// TestKilledAtCalls kills the runtime before a system call: six for each command, spread over its time, and all with LABTEST_FULL=1.
func TestKilledAtCalls(t *testing.T) {
	for _, c := range trials {
		t.Run(c.name, func(t *testing.T) {
			labtest.Snapshot(t)
			w := newWalk(t)
			most, kills, started := 0, 0, time.Now()
			once := func(n int) bool {
				return w.once(c, false, "runtime", func(int) (when string) {
					command := w.clean.Cmd(w.arguments(c)...)
					command.Stdin = nil
					calls, killed := labtest.KillAt(t, command, n)
					most = max(most, calls)
					if w.first == 0 {
						w.first = w.recorded()
					}
					if killed {
						when = fmt.Sprintf("killed before system call %d", n)
					}
					return when
				})
			}
			once(0)
			stride := most/6 - 1
			if os.Getenv("LABTEST_FULL") != "" {
				stride = 1
			}
			for n := stride; n <= most; n += stride {
				if once(n) {
					kills++
				}
			}
			require.GreaterOrEqual(t, kills, 4)
			t.Logf("killed %d times, of %d system calls, in %v", kills, most, time.Since(started).Round(time.Millisecond))
		})
	}
}

// recorded is the pid in the container's state, 0 if there is none.
func (w *walk) recorded() int {
	if _, err := os.Stat(filepath.Join(w.clean.Root, w.id)); err != nil {
		return 0
	}
	return state(w.t, w.clean, w.id).Pid
}

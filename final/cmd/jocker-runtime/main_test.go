//lint:file-ignore SA1019 what the specification advises against still has to work

package main_test

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/opencontainers/runtime-spec/specs-go"
	"github.com/stretchr/testify/require"

	"jocker/final/runtime/seccomp"
	"jocker/internal/labtest"
	"jocker/internal/ocitest"
)

func TestMain(m *testing.M) { labtest.Main(m) }

// program edits a spec to run a command.
func program(args ...string) func(*specs.Spec) {
	return func(s *specs.Spec) { s.Process.Args = args }
}

// state is what the command state prints.
func state(t *testing.T, r ocitest.Runtime, id string) (s struct {
	specs.State
	Rootfs, Owner string
	Limits        []string
}) {
	t.Helper()
	result := r.Run(t, "state", id)
	require.Equal(t, 0, result.Code, result)
	require.NoError(t, json.Unmarshal([]byte(result.Stdout), &s))
	return s
}

func ok(t *testing.T, result labtest.Result) labtest.Result {
	t.Helper()
	require.Equal(t, 0, result.Code, result)
	return result
}

// The way through all statuses, as runtime.md describes it.
func TestLifecycle(t *testing.T) {
	labtest.Snapshot(t)
	r := ocitest.UnderTest(t)
	bundle := ocitest.NewBundle(t, func(s *specs.Spec) {
		s.Process.Args = []string{"sh", "-c", "echo started; exec sleep 1000"}
		s.Annotations = map[string]string{"org.example": "yes"}
	})
	pidFile := filepath.Join(t.TempDir(), "pid")
	ok(t, r.Create(t, "box", bundle, "--pid-file", pidFile))

	s := state(t, r, "box")
	pid, err := os.ReadFile(pidFile)
	require.NoError(t, err)
	require.Equal(t, fmt.Sprint(s.Pid), string(pid))
	require.Empty(t, cmp.Diff(specs.State{Version: s.Version, ID: "box", Status: "created", Pid: s.Pid, Bundle: bundle,
		Annotations: map[string]string{"org.example": "yes"}}, s.State))
	require.Equal(t, filepath.Join(bundle, "rootfs"), s.Rootfs)
	cmdline, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", s.Pid))
	require.NoError(t, err)
	require.Equal(t, "jocker-runtime: init of box: waiting", strings.TrimRight(string(cmdline), " \x00"), "ps teaches")

	ok(t, r.Run(t, "start", "box"))
	require.EqualValues(t, "running", state(t, r, "box").Status)
	require.Eventually(t, func() bool { out, _ := ocitest.Output(t, bundle); return out == "started\n" }, 5*time.Second, time.Millisecond)
	result := r.Run(t, "start", "box")
	require.Equal(t, 1, result.Code)
	require.Contains(t, result.Stderr, "cannot start an already running container")

	ok(t, r.Run(t, "pause", "box"))
	require.EqualValues(t, "paused", state(t, r, "box").Status)
	ok(t, r.Run(t, "resume", "box"))
	result = r.Run(t, "delete", "box")
	require.Equal(t, 1, result.Code)
	require.Contains(t, result.Stderr, "cannot delete container box that is not stopped: running")

	list := ok(t, r.Run(t, "list", "--quiet"))
	require.Equal(t, "box\n", list.Stdout)
	require.Contains(t, ok(t, r.Run(t, "ps", "box")).Stdout, "sleep 1000")
	require.Equal(t, fmt.Sprintf("[%d]\n", s.Pid), ok(t, r.Run(t, "ps", "--format", "json", "box")).Stdout)
	events := ok(t, r.Run(t, "events", "--stats", "box"))
	require.Contains(t, events.Stdout, `"type":"stats","id":"box","data":{`)

	ok(t, r.Run(t, "kill", "box", "KILL"))
	require.Eventually(t, func() bool { return state(t, r, "box").Status == "stopped" }, 5*time.Second, time.Millisecond)
	result = r.Run(t, "kill", "box", "KILL")
	require.Equal(t, 1, result.Code)
	require.Contains(t, result.Stderr, "container not running", "engines look for these words")
	ok(t, r.Run(t, "delete", "box"))
	result = r.Run(t, "state", "box")
	require.Equal(t, 1, result.Code)
	require.Contains(t, result.Stderr, "does not exist", "engines look for these words")
	require.Equal(t, 1, r.Run(t, "delete", "box").Code)
	ok(t, r.Run(t, "delete", "--force", "box"))
	entries, err := os.ReadDir(r.Root)
	require.NoError(t, err)
	require.Empty(t, entries)
}

// A container may be paused before it is started. It then can't answer; whoever asks for its state, however often, is not kept waiting.
func TestPausedBeforeStart(t *testing.T) {
	labtest.Snapshot(t)
	r := ocitest.UnderTest(t)
	ok(t, r.Create(t, "box", ocitest.NewBundle(t, program("sleep", "1000"))))
	ok(t, r.Run(t, "pause", "box"))
	for i := 0; i < 20; i++ {
		require.EqualValues(t, "paused", state(t, r, "box").Status)
	}
	result := r.Run(t, "start", "box")
	require.Equal(t, 1, result.Code)
	require.Contains(t, result.Stderr, "cannot start a paused container (resume it first)")
	ok(t, r.Run(t, "resume", "box"))
	require.EqualValues(t, "created", state(t, r, "box").Status)
	ok(t, r.Run(t, "start", "box"))
	require.EqualValues(t, "running", state(t, r, "box").Status)
	ok(t, r.Run(t, "pause", "box"))
	ok(t, r.Run(t, "delete", "--force", "box"))
}

// While init is busy with a hook it doesn't accept connections, and of them only a few have room.
func TestStateDuringHook(t *testing.T) {
	labtest.Snapshot(t)
	r := ocitest.UnderTest(t)
	dir := t.TempDir()
	script := fmt.Sprintf("touch %s/begun; until [ -e %[1]s/end ]; do sleep 0.01; done", dir)
	bundle := ocitest.NewBundle(t, func(s *specs.Spec) {
		s.Process.Args = []string{"sleep", "1000"}
		s.Hooks = &specs.Hooks{CreateContainer: []specs.Hook{{Path: "/bin/sh", Args: []string{"sh", "-c", script}, Env: []string{"PATH=/usr/bin:/bin"}}}}
	})
	c := r.Cmd("create", "--bundle", bundle, "box")
	c.Args = append([]string{"sh", "-c", `exec "$@" </dev/null >/dev/null 2>&1`, "sh"}, c.Args...)
	p := c.Start(t)
	t.Cleanup(func() { r.Delete(t, "box") })
	require.Eventually(t, func() bool { _, err := os.Stat(dir + "/begun"); return err == nil }, 5*time.Second, time.Millisecond)
	for i := 0; i < 20; i++ {
		require.EqualValues(t, "created", state(t, r, "box").Status, "the environment is there, and the hooks belong to create (runtime.md)")
	}
	require.NoError(t, os.WriteFile(dir+"/end", nil, 0o644))
	ok(t, p.Wait())
	ok(t, r.Run(t, "start", "box"))
}

// The exit code of run is the program's.
func TestExitCode(t *testing.T) {
	labtest.Snapshot(t)
	r := ocitest.UnderTest(t)
	for script, want := range map[string]int{"exit 0": 0, "exit 7": 7, "kill -9 $$": 137, "kill -15 $$": 143} {
		// a shell around it, for the kernel protects process 1 of a PID namespace from signals of its own
		bundle := ocitest.NewBundle(t, program("sh", "-c", `sh -c "$0"; exit $?`, script))
		require.Equal(t, want, r.RunBundle(t, "box", bundle).Code, script)
	}
}

// Signals to run in the foreground are the container's.
func TestForwardedSignals(t *testing.T) {
	labtest.Snapshot(t)
	r := ocitest.UnderTest(t)
	bundle := ocitest.NewBundle(t, program("sh", "-c", "trap 'exit 42' TERM; touch /tmp/ready; while :; do sleep 0.05; done"))
	spec := filepath.Join(bundle, "config.json")
	raw, err := os.ReadFile(spec)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(spec, []byte(strings.Replace(string(raw), `"readonly": true`, `"readonly": false`, 1)), 0o600))
	p := r.Cmd("run", "--bundle", bundle, "box").Start(t)
	require.Eventually(t, func() bool { _, err := os.Stat(filepath.Join(bundle, "rootfs/tmp/ready")); return err == nil }, 5*time.Second, time.Millisecond)
	p.Signal(15)
	require.Equal(t, 42, p.Wait().Code)
}

// Init's threads are woken late, so that Go's watcher does not keep it from its work; the program's are not. It gets
// the timer slack of whoever called the runtime.
func TestTimerSlack(t *testing.T) {
	labtest.Snapshot(t)
	r := ocitest.UnderTest(t)
	show := []string{"cat", "/proc/self/timerslack_ns"}
	want := ok(t, labtest.Run(t, show...)).Stdout
	require.Equal(t, want, ok(t, r.RunBundle(t, "box", ocitest.NewBundle(t, program(show...)))).Stdout)
	running(t, r, "box", nil)
	require.Equal(t, want, ok(t, r.Run(t, append([]string{"exec", "box"}, show...)...)).Stdout)
}

// What the plan says needs no root, makes nothing, and is what happens.
func TestPlan(t *testing.T) {
	labtest.Snapshot(t)
	r := ocitest.UnderTest(t)
	bundle := ocitest.NewBundle(t, func(s *specs.Spec) {
		s.Process.Args = []string{"true"}
		s.Linux.Resources.Pids = &specs.LinuxPids{Limit: new(int64)}
		*s.Linux.Resources.Pids.Limit = 99
		s.Hooks = &specs.Hooks{Prestart: []specs.Hook{{Path: "/bin/true"}}}
	})
	require.NoError(t, os.Chmod(bundle, 0o755))
	nobody := r.Cmd("run", "--dry-run", "--bundle", bundle, "box")
	nobody.User = 65534
	plan := ok(t, nobody.Run(t))
	did := ok(t, r.Run(t, "run", "--explain", "--bundle", bundle, "box"))
	column := func(text string) (list []string) {
		for _, line := range strings.Split(strings.TrimSpace(text), "\n")[1:] {
			if words := strings.Fields(line); len([]rune(line)) > 100 {
				require.Len(t, words, 1, "only what cannot be broken is longer than a line")
			} else if !strings.HasPrefix(line, "      ") { // else it goes on with the line above
				list = append(list, line[:12]+line[23:]) // without the time
			}
		}
		return list
	}
	want, got := column(plan.Stdout), column(did.Stderr)
	for i := range want {
		require.Equal(t, fmt.Sprint(i+1), strings.Fields(want[i])[0], "in the order in which they are made")
	}
	text := strings.Join(got, "\n")
	require.Regexp(t, `(?s)runtime +lab02  start init in new .*pid.*\n`+
		`.*runtime +run the prestart and createRuntime hooks\n.*init +wait for the runtime's hooks\n`+
		`.*runtime +lab04  pids.max = 99\n.*init +lab05  be ready, and wait for start\n`, text)
	require.Greater(t, len(got), 30)
	require.Empty(t, cmp.Diff(want[:len(want)-1], got), "but for the last step, execve, after which nobody can tell")
	require.Contains(t, plan.Stdout, `become true`)
	require.Empty(t, did.Stdout)

	ok(t, r.Create(t, "box", bundle))
	did = ok(t, r.Run(t, "exec", "--explain", "box", "true"))
	require.Regexp(t, `(?s)  1  runtime .*lab02  enter the container's .* namespaces\n.*  2  init `, did.Stderr)
	broken := ocitest.NewBundle(t, func(s *specs.Spec) {
		s.Mounts = append(s.Mounts, specs.Mount{Destination: "/mnt", Type: "nonsense", Source: "none"})
	})
	did = r.Run(t, "run", "--explain", "--bundle", broken, "broken")
	require.Equal(t, 1, did.Code)
	require.Regexp(t, `(?s)init .* mount nonsense on /mnt\n.*└ stopped here: .*\(ENODEV\)`, did.Stderr)
}

// A failure names the step, the call, the errno and the cause; JSON goes to the log; nothing stays.
func TestFailures(t *testing.T) {
	for name, test := range map[string]struct {
		edit func(*specs.Spec)
		args []string
		id   string
		want string
	}{
		"no program":       {edit: program("nonexist"), want: `exec: "nonexist": executable file not found in $PATH`},
		"directory":        {edit: program("/tmp"), want: `exec: "/tmp": is a directory`},
		"rootfs is a file": {edit: func(s *specs.Spec) { s.Root.Path = "config.json" }, want: "config.json"},
		"no rootfs":        {edit: func(s *specs.Spec) { s.Root.Path = "nowhere" }, want: "no such file or directory (ENOENT)"},
		"bad mount": {edit: func(s *specs.Spec) {
			s.Mounts = append(s.Mounts, specs.Mount{Destination: "/x", Type: "nosuchfs", Source: "x"})
		}, want: `nosuchfs`},
		"bad hook": {edit: func(s *specs.Spec) {
			s.Hooks = &specs.Hooks{CreateRuntime: []specs.Hook{{Path: "/bin/false"}}}
		}, want: "hooks.createRuntime[0] (/bin/false): exit status 1"},
		"bad container hook": {edit: func(s *specs.Spec) {
			s.Hooks = &specs.Hooks{CreateContainer: []specs.Hook{{Path: "/bin/false"}}}
		}, want: "hooks.createContainer[0] (/bin/false): exit status 1"},
		"bad start hook": {edit: func(s *specs.Spec) {
			s.Hooks = &specs.Hooks{StartContainer: []specs.Hook{{Path: "/bin/false"}}}
		}, want: "hooks.startContainer[0] (/bin/false): exit status 1"},
		"bad poststart hook": {edit: func(s *specs.Spec) {
			s.Hooks = &specs.Hooks{Poststart: []specs.Hook{{Path: "/bin/false"}}}
		}, want: "hooks.poststart[0] (/bin/false): exit status 1"},
		"seccomp":    {edit: func(s *specs.Spec) { s.Linux.Seccomp = &specs.LinuxSeccomp{DefaultAction: "SCMP_ACT_WRONG"} }, want: "linux.seccomp.defaultAction"},
		"capability": {edit: func(s *specs.Spec) { s.Process.Capabilities.Bounding = []string{"CAP_FLY"} }, want: "CAP_FLY"},
		"id":         {id: "../x", want: "invalid container ID format"},
		"console":    {edit: func(s *specs.Spec) { s.Process.Terminal = true }, args: []string{"--detach", "--console-socket", "/nowhere"}, want: `connect("/nowhere"): no such file or directory (ENOENT)`},
		"no console": {edit: func(s *specs.Spec) { s.Process.Terminal = true }, args: []string{"--detach"}, want: "--console-socket has to name"},
		"pid file":   {args: []string{"--detach", "--pid-file", "/nowhere/pid"}, want: "--pid-file: open /nowhere/.pid: no such file or directory"},
		"preserved":  {args: []string{"--preserve-fds", "5"}, want: "--preserve-fds 5: file descriptor "},
		"flag":       {args: []string{"--fly"}, want: "flag provided but not defined: -fly"},
	} {
		t.Run(name, func(t *testing.T) {
			labtest.Snapshot(t)
			r := ocitest.UnderTest(t)
			bundle := ocitest.NewBundle(t, test.edit)
			log := filepath.Join(t.TempDir(), "log")
			id := test.id
			if id == "" {
				id = "box"
			}
			args := append(append([]string{"--log", log, "--log-format", "json", "run", "--bundle", bundle}, test.args...), id)
			result := r.Run(t, args...)
			require.Equal(t, 1, result.Code, result)
			require.Contains(t, result.Stderr, test.want)
			require.NotContains(t, result.Stderr, "goroutine", "no panics at users")
			raw, err := os.ReadFile(log)
			require.NoError(t, err)
			var line struct{ Level, Msg, Time string }
			lines := strings.Split(strings.TrimSpace(string(raw)), "\n")
			require.NoError(t, json.Unmarshal([]byte(lines[len(lines)-1]), &line), string(raw))
			require.Equal(t, "error", line.Level)
			require.Equal(t, result.Stderr, line.Msg+"\n")
			entries, err := os.ReadDir(r.Root)
			require.NoError(t, err)
			require.Empty(t, entries, "the state directory is gone")
		})
	}
}

// Hooks run in their order, each where it should, and with the state as their input.
func TestHooks(t *testing.T) {
	labtest.Snapshot(t)
	r := ocitest.UnderTest(t)
	dir := t.TempDir()
	log := filepath.Join(dir, "log")
	hook := func(name string) []specs.Hook {
		script := fmt.Sprintf(`echo "%s $(readlink /proc/self/ns/mnt) $(cat)" >>%s`, name, log)
		return []specs.Hook{{Path: "/bin/sh", Args: []string{"sh", "-c", script}, Env: []string{"PATH=/usr/bin:/bin"}}}
	}
	bundle := ocitest.NewBundle(t, func(s *specs.Spec) {
		s.Process.Args = []string{"true"}
		s.Root.Readonly = false
		s.Mounts = append(s.Mounts, specs.Mount{Destination: dir, Type: "bind", Source: dir, Options: []string{"bind"}})
		s.Hooks = &specs.Hooks{Prestart: hook("prestart"), CreateRuntime: hook("createRuntime"), CreateContainer: hook("createContainer"),
			StartContainer: hook("startContainer"), Poststart: hook("poststart"), Poststop: hook("poststop")}
	})
	ok(t, r.Run(t, "run", "--bundle", bundle, "box"))
	raw, err := os.ReadFile(log)
	require.NoError(t, err)
	host, err := os.Readlink("/proc/self/ns/mnt")
	require.NoError(t, err)
	var got [][3]string
	for _, line := range strings.Split(strings.TrimSpace(string(raw)), "\n") {
		name, rest, _ := strings.Cut(line, " ")
		ns, text, _ := strings.Cut(rest, " ")
		where := "container's"
		if ns == host {
			where = "runtime's"
		}
		var s specs.State
		require.NoError(t, json.Unmarshal([]byte(text), &s), line)
		require.Equal(t, "box", s.ID)
		require.Equal(t, bundle, s.Bundle)
		require.Equal(t, name != "poststop", s.Pid > 0, line)
		got = append(got, [3]string{name, where, string(s.Status)})
	}
	require.Empty(t, cmp.Diff([][3]string{
		{"prestart", "runtime's", "created"}, {"createRuntime", "runtime's", "created"}, {"createContainer", "container's", "created"},
		{"startContainer", "container's", "created"}, {"poststart", "runtime's", "running"}, {"poststop", "runtime's", "stopped"},
	}, got))
}

// A small limit of memory is the container's alone: what Go takes to start init isn't charged to it. Nor is exec's.
func TestSmallMemoryLimit(t *testing.T) {
	labtest.Snapshot(t)
	r := ocitest.UnderTest(t)
	limited := func(limit int64, args ...string) string {
		return ocitest.NewBundle(t, func(s *specs.Spec) {
			s.Process.Args = args
			s.Linux.Seccomp = seccomp.Default(s.Process.Capabilities.Bounding)
			s.Linux.Resources.Memory = &specs.LinuxMemory{Limit: &limit, Swap: &limit}
			s.Linux.Namespaces = []specs.LinuxNamespace{{Type: "mount"}, {Type: "pid"}, {Type: "cgroup"}}
			s.Hostname = ""
		})
	}
	bundle := limited(512<<10, "/bin/true")
	for range 5 {
		ok(t, r.Run(t, "run", "--bundle", bundle, "box"))
	}
	ok(t, r.Create(t, "box", limited(1<<20, "/bin/sleep", "1000")))
	ok(t, r.Run(t, "start", "box"))
	for range 5 {
		ok(t, r.Run(t, "exec", "box", "/bin/true"))
	}
	require.Equal(t, "/\n", ok(t, r.Run(t, "exec", "box", "sh", "-c", "cut -d: -f3 /proc/self/cgroup | sort -u")).Stdout,
		"the program is in the container's cgroup, which its namespace shows as the root")
	require.Empty(t, state(t, r, "box").Limits)
}

// A container may be killed by its limits, and then says so.
func TestOutOfMemory(t *testing.T) {
	labtest.Snapshot(t)
	r := ocitest.UnderTest(t)
	limit := int64(20 << 20)
	bundle := ocitest.NewBundle(t, func(s *specs.Spec) {
		s.Process.Args = []string{"sh", "-c", "exec tail -c 200m /dev/zero"}
		s.Linux.Resources.Memory = &specs.LinuxMemory{Limit: &limit, Swap: &limit}
	})
	result := r.Run(t, "run", "--bundle", bundle, "box")
	require.Equal(t, 137, result.Code, result)
	require.Contains(t, result.Stderr, "out of memory: the kernel killed 1 process of the container at its limit of 20971520 bytes")

	ok(t, r.Create(t, "box", bundle))
	ok(t, r.Run(t, "start", "box"))
	require.Eventually(t, func() bool { return state(t, r, "box").Status == "stopped" }, 10*time.Second, 10*time.Millisecond)
	require.Contains(t, strings.Join(state(t, r, "box").Limits, ""), "at its limit of 20971520 bytes")
}

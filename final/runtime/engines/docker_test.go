package engines

import (
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"jocker/internal/labtest"
)

// TestDocker has one dockerd for all its parts.
func TestDocker(t *testing.T) {
	labtest.Snapshot(t)
	e := start(t)
	e.dockerd(t)
	t.Run("parts", func(t *testing.T) {
		for _, p := range []struct {
			name string
			run  func(*testing.T, *engines)
		}{
			{"run", dockerRun}, {"codes", dockerCodes}, {"terminal", dockerTerminal}, {"exec", dockerExec}, {"stop", dockerStop},
			{"pause", dockerPause}, {"update", dockerUpdate}, {"events", dockerEvents}, {"network", dockerNetwork}, {"restart", dockerRestart},
			{"limits", dockerLimits}, {"memory", dockerMemory}, {"seccomp", dockerSeccomp}, {"user", dockerUser}, {"volumes", dockerVolumes},
			{"namespaces", dockerNamespaces}, {"devices", dockerDevices},
		} {
			t.Run(p.name, func(t *testing.T) {
				t.Parallel()
				p.run(t, e)
			})
		}
	})
	t.Run("twenty", func(t *testing.T) { dockerTwenty(t, e) })
}

func dockerRun(t *testing.T, e *engines) {
	r := ok(t, e.run(t, "busybox", "echo", "a  b", "*"))
	require.Equal(t, "a  b *\n", r.Stdout)
	require.Empty(t, r.Stderr)
	require.Equal(t, 42, e.run(t, "busybox", "sh", "-c", "exit 42").Code)
	require.Equal(t, 137, e.run(t, "--init", "busybox", "sh", "-c", "sh -c 'kill -KILL $$'").Code)

	r = ok(t, e.run(t, "--env", "A=b c", "--workdir", "/etc", "--hostname", "a.host", "busybox", "sh", "-c", "echo $A; pwd; hostname; echo $$"))
	require.Equal(t, "b c\n/etc\na.host\n1\n", r.Stdout)
	r = ok(t, e.run(t, "--workdir", "/new/folder", "busybox", "pwd"))
	require.Equal(t, "/new/folder\n", r.Stdout)

	c := e.Cmd("docker", "run", "--rm", "--interactive", "--network", "none", "busybox", "wc", "-c")
	c.Stdin = strings.NewReader(strings.Repeat("x", 100_000))
	require.Equal(t, "100000\n", ok(t, c.Run(t)).Stdout)

	id := e.background(t, "busybox", "sh", "-c", "echo out; echo err >&2; sleep 60")
	labtest.Until(t, "the log is there", func() bool { r = e.Docker(t, "logs", id); return r.Stdout == "out\n" && r.Stderr == "err\n" })
	require.Contains(t, ok(t, e.Docker(t, "top", id)).Stdout, "sleep 60")
	ok(t, e.Docker(t, "cp", id+":/etc/group", e.Path("group")))
}

// The codes by which scripts tell Docker's failures apart, and the messages that go with them. They come about by dockerd
// looking for words in what the runtime says.
func dockerCodes(t *testing.T, e *engines) {
	for _, c := range []struct {
		args []string
		code int
		says string
	}{
		{[]string{"busybox", "no-such-program"}, 127, `exec: "no-such-program": executable file not found in $PATH`},
		{[]string{"busybox", "/no/such/program"}, 127, `exec: "/no/such/program": stat /no/such/program: no such file or directory`},
		{[]string{"busybox", "/etc/passwd"}, 126, `exec: "/etc/passwd": permission denied`},
		{[]string{"busybox", "/etc"}, 126, `exec: "/etc": `},
		{[]string{"--volume", "/etc/passwd:/etc", "busybox", "true"}, 127, `Are you trying to mount a directory onto a file (or vice-versa)?`},
		{[]string{"--no-such-flag", "busybox", "true"}, 125, `unknown flag: --no-such-flag`},
		{[]string{"--workdir", "/etc/passwd", "busybox", "true"}, 127, `not a directory`},
		{[]string{"--sysctl", "net.no.such=1", "busybox", "true"}, 127, `no such file or directory`},
	} {
		r := e.run(t, c.args...)
		require.Contains(t, r.Stderr, c.says, c.args)
		runc := e.run(t, append([]string{"--runtime", "runc"}, c.args...)...)
		require.Equal(t, runc.Code, r.Code, "ours: %v\nrunc: %v", r, runc)
		if c.code == 125 || strings.HasPrefix(c.says, "exec") {
			require.Equal(t, c.code, r.Code, r)
		}
	}
}

func dockerTerminal(t *testing.T, e *engines) {
	s := e.Cmd("docker", "run", "--rm", "--interactive", "--tty", "--network", "none", "--env", "PS1=# ", "busybox").Pty(t)
	s.Expect("# ")
	labtest.Until(t, "docker has told the terminal our size, which it does after the start", func() bool {
		s.Send("stty size\n")
		return s.ExpectRegexp(`\n(\d+ \d+)\n`)[1] == "24 80"
	})
	s.Send("tty; stat -c %F /dev/console\n")
	s.Expect("/dev/pts/0\ncharacter special file")
	resize(t, s)
	s.Send("sleep 50\n")
	time.Sleep(300 * time.Millisecond)
	s.Send("\x03")
	s.Expect("# ")
	s.Send("exit 9\n")
	require.Equal(t, 9, s.Wait(), s.Output())
}

func dockerExec(t *testing.T, e *engines) {
	id := e.background(t, "--env", "A=1", "--memory", "64m", "busybox", "sleep", "600")
	r := ok(t, e.Docker(t, "exec", "--env", "B=2", "--workdir", "/etc", "--user", "1000:2000", id, "sh", "-c", "echo $A $B; pwd; id"))
	require.Equal(t, "1 2\n/etc\nuid=1000(user) gid=2000(extra) groups=2000(extra)\n", r.Stdout)
	require.Equal(t, 7, e.Docker(t, "exec", id, "sh", "-c", "exit 7").Code)
	c := e.Cmd("docker", "exec", "--interactive", id, "cat")
	c.Stdin = strings.NewReader("typed\n")
	require.Equal(t, "typed\n", ok(t, c.Run(t)).Stdout)
	same := `for f in /proc/self/cgroup /proc/self/limits; do cat $f; done; for n in mnt pid net ipc uts cgroup; do readlink /proc/self/ns/$n; done; grep -E "^(Cap|Seccomp|NoNew)" /proc/self/status`
	ok(t, e.Docker(t, "exec", id, "sh", "-c", "cat /proc/1/cgroup >/tmp/1 && cat /proc/self/cgroup >/tmp/2 && cmp /tmp/1 /tmp/2 || diff /tmp/1 /tmp/2 || [ \"$(cat /tmp/1)\" = \"$(cat /tmp/2)\" ]"))
	first := ok(t, e.Docker(t, "exec", id, "sh", "-c", same)).Stdout
	require.Equal(t, first, ok(t, e.Docker(t, "exec", id, "sh", "-c", same)).Stdout)

	runc := e.background(t, "--runtime", "runc", "busybox", "sleep", "600")
	for _, args := range [][]string{{"no-such-program"}, {"/etc/passwd"}, {"/etc"}} {
		r, peer := e.Docker(t, append([]string{"exec", id}, args...)...), e.Docker(t, append([]string{"exec", runc}, args...)...)
		require.Equal(t, peer.Code, r.Code, "ours: %v\nrunc: %v", r, peer)
		require.Contains(t, r.Stdout+r.Stderr, `exec: "`+args[0]+`": `)
	}

	s := e.Cmd("docker", "exec", "--interactive", "--tty", "--env", "PS1=# ", id, "sh").Pty(t)
	s.Expect("# ")
	resize(t, s)
	s.Send("exit 5\n")
	require.Equal(t, 5, s.Wait(), s.Output())

	ok(t, e.Docker(t, "exec", "--detach", id, "sh", "-c", "echo done >/tmp/detached; exec sleep 555"))
	labtest.Until(t, "the detached process has written", func() bool { return e.Docker(t, "exec", id, "cat", "/tmp/detached").Code == 0 })
	ok(t, e.Docker(t, "kill", id))
	require.NotEqual(t, 0, e.Docker(t, "exec", id, "true").Code, "it has ended")
}

func dockerStop(t *testing.T, e *engines) {
	id := e.background(t, "busybox", "sh", "-c", "trap 'echo stopped; exit 3' TERM; echo ready; while :; do sleep 0.1; done")
	labtest.Until(t, "it is ready", func() bool { return e.Docker(t, "logs", id).Stdout == "ready\n" })
	ok(t, e.Docker(t, "stop", id))
	require.Equal(t, "exited 3 false", e.inspect(t, id, ".State.Status}} {{.State.ExitCode}} {{.State.OOMKilled"))
	require.Equal(t, "ready\nstopped\n", e.Docker(t, "logs", id).Stdout)
	ok(t, e.Docker(t, "start", id))
	ok(t, e.Docker(t, "kill", "--signal", "KILL", id))
	require.Equal(t, "137\n", ok(t, e.Docker(t, "wait", id)).Stdout)
	require.Equal(t, "exited 137", e.inspect(t, id, ".State.Status}} {{.State.ExitCode"))

	stubborn := e.background(t, "--stop-signal", "USR1", "busybox", "sleep", "600")
	started := time.Now()
	ok(t, e.Docker(t, "stop", "--time", "1", stubborn)) // sleep is PID 1 and has no handler: the signal is ignored
	require.Less(t, time.Since(started), 20*time.Second)
	require.Equal(t, "exited 137", e.inspect(t, stubborn, ".State.Status}} {{.State.ExitCode"))
	ok(t, e.Docker(t, "rm", stubborn))
}

func dockerPause(t *testing.T, e *engines) {
	id := e.background(t, "busybox", "sh", "-c", "while :; do date +%s%N; sleep 0.02; done")
	ok(t, e.Docker(t, "pause", id))
	require.Equal(t, "paused", e.inspect(t, id, ".State.Status"))
	before := e.Docker(t, "logs", "--tail", "1", id).Stdout
	time.Sleep(200 * time.Millisecond)
	require.Equal(t, before, e.Docker(t, "logs", "--tail", "1", id).Stdout, "it stands still")
	require.NotEqual(t, 0, e.Docker(t, "exec", id, "true").Code)
	ok(t, e.Docker(t, "unpause", id))
	labtest.Until(t, "it goes on", func() bool { return e.Docker(t, "logs", "--tail", "1", id).Stdout != before })
	ok(t, e.Docker(t, "pause", id))
	ok(t, e.Docker(t, "rm", "--force", id))
}

func dockerUpdate(t *testing.T, e *engines) {
	id := e.background(t, "--memory", "64m", "--memory-swap", "64m", "busybox", "sleep", "600")
	ok(t, e.Docker(t, "update", "--memory", "96m", "--memory-swap", "96m", "--cpus", "0.5", "--cpu-shares", "512", "--pids-limit", "77", "--cpuset-cpus", "0", id))
	r := ok(t, e.Docker(t, "exec", id, "sh", "-c", readLimits))
	for _, limit := range []string{"memory 100663296", "pids 77", "cpuset 0", "quota 50000 100000"} {
		require.Contains(t, r.Stdout, limit+"\n")
	}
	require.Equal(t, "100663296", e.inspect(t, id, ".HostConfig.Memory"))
}

func dockerEvents(t *testing.T, e *engines) {
	since := fmt.Sprint(time.Now().Unix() - 1)
	id := e.background(t, "--memory", "64m", "busybox", "sleep", "600")
	r := ok(t, e.Docker(t, "stats", "--no-stream", "--format", "{{.MemUsage}}|{{.PIDs}}", id))
	require.Regexp(t, `^[1-9][0-9.]*[KM]iB / 64MiB\|1\n$`, r.Stdout)
	ok(t, e.Docker(t, "kill", id))
	ok(t, e.Docker(t, "wait", id))
	r = ok(t, e.Docker(t, "events", "--since", since, "--until", fmt.Sprint(time.Now().Unix()+1), "--filter", "container="+id, "--format", "{{.Action}}"))
	require.Subset(t, strings.Fields(r.Stdout), []string{"create", "start", "kill", "die"})
}

// Docker's network is set up by a hook that dockerd puts into config.json.
func dockerNetwork(t *testing.T, e *engines) {
	r := ok(t, e.Docker(t, "run", "--rm", "busybox", "sh", "-c", "cat /proc/net/dev; cat /etc/hosts /etc/resolv.conf >/dev/null && hostname"))
	require.Contains(t, r.Stdout, "eth0:")
	r = ok(t, e.Docker(t, "run", "--rm", "--network", "host", "busybox", "cat", "/proc/net/dev"))
	require.Contains(t, r.Stdout, "docker0:")
	other := e.background(t, "busybox", "sleep", "600")
	mine := ok(t, e.Docker(t, "exec", other, "readlink", "/proc/self/ns/net")).Stdout
	require.Equal(t, mine, ok(t, e.Docker(t, "run", "--rm", "--network", "container:"+other, "busybox", "readlink", "/proc/self/ns/net")).Stdout)
}

func dockerRestart(t *testing.T, e *engines) {
	id := e.background(t, "--restart", "on-failure:2", "busybox", "sh", "-c", "echo again; exit 1")
	labtest.Until(t, "it has been tried three times", func() bool {
		return e.Docker(t, "logs", id).Stdout == "again\nagain\nagain\n" && e.inspect(t, id, ".State.Status") == "exited"
	})
	healthy := e.background(t, "--health-cmd", "test -e /tmp/healthy", "--health-interval", "1s", "busybox", "sh", "-c", "touch /tmp/healthy; sleep 600")
	labtest.Until(t, "it is healthy", func() bool { return e.inspect(t, healthy, ".State.Health.Status") == "healthy" })
	ok(t, e.Docker(t, "restart", "--time", "0", healthy))
	require.Equal(t, "running", e.inspect(t, healthy, ".State.Status"))
}

// dockerTwenty starts twenty containers at once.
func dockerTwenty(t *testing.T, e *engines) {
	rounds := 1
	if full() {
		rounds = 5
	}
	for range rounds {
		const n = 20
		ids, failures := make([]string, n), make([]string, n)
		var wait sync.WaitGroup
		for i := range n {
			wait.Add(1)
			go func() {
				defer wait.Done()
				r := e.Cmd("docker", "run", "--detach", "--network", "none", "busybox", "sleep", "600").Run(t)
				ids[i] = strings.TrimSpace(r.Stdout)
				if r.Code != 0 {
					failures[i] = r.String()
				}
			}()
		}
		wait.Wait()
		require.Empty(t, strings.Join(failures, ""))
		for _, id := range ids {
			require.Equal(t, "running", e.inspect(t, id, ".State.Status"))
		}
		ok(t, e.Docker(t, append([]string{"rm", "--force"}, ids...)...))
	}
}

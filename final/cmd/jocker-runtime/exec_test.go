package main_test

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/opencontainers/runtime-spec/specs-go"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"jocker/final/runtime/bundle"
	"jocker/internal/labtest"
	"jocker/internal/ocitest"
)

// running makes a container that sleeps.
func running(t *testing.T, r ocitest.Runtime, id string, edit func(*specs.Spec)) {
	t.Helper()
	ok(t, r.Create(t, id, ocitest.NewBundle(t, func(s *specs.Spec) {
		s.Process.Args = []string{"sleep", "1000"}
		if edit != nil {
			edit(s)
		}
	})))
	ok(t, r.Run(t, "start", id))
}

func TestExec(t *testing.T) {
	labtest.Snapshot(t)
	r := ocitest.UnderTest(t)
	running(t, r, "box", nil)
	for name, test := range map[string]struct {
		args []string
		code int
		want string
	}{
		"code":        {[]string{"box", "sh", "-c", "exit 9"}, 9, ""},
		"signal":      {[]string{"box", "sh", "-c", "kill -9 $$"}, 137, ""},
		"env":         {[]string{"--env", "A=b c", "-e", "D=", "box", "sh", "-c", `echo "$A|$D|$HOME"`}, 0, "b c||/root\n"},
		"cwd":         {[]string{"--cwd", "/tmp", "box", "pwd"}, 0, "/tmp\n"},
		"user":        {[]string{"--user", "7:8", "-g", "9", "box", "id", "-G"}, 0, "8 9\n"},
		"options":     {[]string{"box", "echo", "--user", "-x"}, 0, "--user -x\n"},
		"cgroup":      {[]string{"box", "sh", "-c", `[ "$(cat /proc/1/cgroup)" = "$(cat /proc/self/cgroup)" ] && echo together`}, 0, "together\n"},
		"pid":         {[]string{"box", "sh", "-c", "ps | grep -c 'sleep 1000'"}, 0, ""},
		"caps":        {[]string{"--cap", "CAP_SYS_PTRACE", "box", "grep", "CapEff", "/proc/self/status"}, 0, "CapEff:\t0000000020080420\n"},
		"no program":  {[]string{"box", "nonexist"}, 255, `exec: "nonexist": executable file not found in $PATH`},
		"no command":  {[]string{"box"}, 255, "which command shall run?"},
		"bad user":    {[]string{"--user", "nobodyknows", "box", "id"}, 255, "nobodyknows"},
		"unknown box": {[]string{"other", "id"}, 255, "does not exist"},
	} {
		result := r.Run(t, append([]string{"exec"}, test.args...)...)
		require.Equal(t, test.code, result.Code, "%s: %v", name, result)
		require.Contains(t, result.Stdout+result.Stderr, test.want, name)
	}
	// Input and output are ours, byte for byte.
	c := r.Cmd("exec", "box", "cat")
	c.Stdin = strings.NewReader("a\x00\xff\n")
	require.Equal(t, "a\x00\xff\n", ok(t, c.Run(t)).Stdout)
}

// A process that is described in a file, detached, with its pid in another.
func TestExecProcess(t *testing.T) {
	labtest.Snapshot(t)
	r := ocitest.UnderTest(t)
	running(t, r, "box", nil)
	dir := t.TempDir()
	file, pidFile := filepath.Join(dir, "process.json"), filepath.Join(dir, "pid")
	require.NoError(t, os.WriteFile(file, []byte(`{"args": ["/bin/sleep", "999"], "cwd": "/", "user": {"uid": 3, "gid": 4}}`), 0o600))
	c := r.Cmd("exec", "--process", file, "--detach", "--pid-file", pidFile, "box")
	c.Args = append([]string{"sh", "-c", `exec "$@" </dev/null >/dev/null 2>&1`, "sh"}, c.Args...)
	ok(t, c.Run(t))
	text, err := os.ReadFile(pidFile)
	require.NoError(t, err)
	pid, err := strconv.Atoi(string(text))
	require.NoError(t, err)
	status, err := os.ReadFile("/proc/" + string(text) + "/status")
	require.NoError(t, err)
	require.Contains(t, string(status), "Uid:\t3\t3\t3\t3\n")
	require.Contains(t, ok(t, r.Run(t, "ps", "--format", "json", "box")).Stdout, strconv.Itoa(pid))
	ok(t, r.Run(t, "kill", "--all", "box", "KILL"))
	require.Eventually(t, func() bool { return state(t, r, "box").Status == "stopped" }, 5*time.Second, time.Millisecond)
	result := r.Run(t, "exec", "box", "true")
	require.Equal(t, 255, result.Code)
	require.Contains(t, result.Stderr, "cannot exec in a stopped container")
}

// In the foreground, run and exec are the other end of the container's terminal themselves.
func TestTerminal(t *testing.T) {
	labtest.Snapshot(t)
	r := ocitest.UnderTest(t)
	bundle := ocitest.NewBundle(t, func(s *specs.Spec) {
		s.Process.Args = []string{"sh"}
		s.Process.Terminal = true
		s.Process.Env = append(s.Process.Env, "PS1=# ")
	})
	p := labtest.Pty(t, r.Cmd("run", "--bundle", bundle, "box").Args...)
	p.Expect("# ")
	p.Resize(33, 111)
	for _, line := range [][2]string{
		{"tty", "/dev/pts/0"}, {"stty size", "33 111"}, {"test -c /dev/console && echo con'sole'", "console"}, {"echo $$", "1"},
	} {
		p.Send(line[0] + "\n")
		p.Expect(line[1] + "\n")
		p.Expect("# ")
	}
	q := labtest.Pty(t, r.Cmd("exec", "--tty", "box", "sh", "-c", "tty; read x; echo got $x; exit 5").Args...)
	q.Expect("/dev/pts/1\n")
	q.Send("this\n")
	q.Expect("got this\n")
	require.Equal(t, 5, q.Wait())
	p.Send("sleep 100\n")
	time.Sleep(50 * time.Millisecond)
	p.Send("\x03") // what ^C sends is the container's terminal's business
	p.Expect("# ")
	p.Send("exit 4\n")
	require.Equal(t, 4, p.Wait())
}

// No process of the container gets hold of the host's /dev/null, whose mode and owner its root could change.
func TestNull(t *testing.T) {
	labtest.Snapshot(t)
	r := ocitest.UnderTest(t)
	running(t, r, "box", func(s *specs.Spec) { s.Root.Readonly = false })
	exec := func(script string) labtest.Result {
		c := r.Cmd("exec", "box", "sh", "-c", script)
		c.Stdin = nil // /dev/null
		return c.Run(t)
	}
	require.Equal(t, "same\n", ok(t, exec("test /proc/self/fd/0 -ef /dev/null && echo same && chmod 600 /proc/self/fd/0")).Stdout)
	host, err := os.Stat("/dev/null")
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o666), host.Mode().Perm())

	for cause, script := range map[string]string{
		`open("/dev/null", O_RDWR|O_NOFOLLOW): no such file or directory (ENOENT): `:              "true",
		`open("/dev/null", O_RDWR|O_NOFOLLOW): too many levels of symbolic links (ELOOP): `:       "ln -s zero /dev/null",
		`open("/dev/null", O_RDWR|O_NOFOLLOW): it is not the null device: `:                       "rm -f /dev/null; cp /proc/self/status /dev/null",
		`open("/dev/null", O_RDWR|O_NOFOLLOW): it is not the null device: the host's is not for `: "rm -f /dev/null; mkfifo /dev/null; test -p /dev/null",
	} {
		ok(t, r.Run(t, "exec", "box", "sh", "-c", "rm -f /dev/null; "+script))
		result := exec("true")
		require.Equal(t, 255, result.Code, result)
		require.Contains(t, result.Stderr, cause)
	}
}

const nobody = 65534

// ofNobody makes a bundle for an ordinary user.
func ofNobody(t *testing.T, edit func(*specs.Spec)) string {
	t.Helper()
	dir := ocitest.NewBundle(t, func(s *specs.Spec) {
		*s = *bundle.Default()
		bundle.Rootless(s, nobody, nobody)
		s.Process.Terminal = false
		edit(s)
	})
	require.NoError(t, os.Chown(dir, nobody, nobody))
	return dir
}

// An ordinary user runs a container, is told which limits have no effect, and leaves nothing.
func TestRootless(t *testing.T) {
	labtest.Snapshot(t)
	r := ocitest.UnderTest(t)
	limit := int64(64 << 20)
	dir := ofNobody(t, func(s *specs.Spec) {
		s.Process.Args = []string{"sh", "-c", "id -u; cat /proc/self/uid_map; hostname; ls /home 2>&1; true"}
		s.Linux.Resources = &specs.LinuxResources{Memory: &specs.LinuxMemory{Limit: &limit}}
	})
	require.NoError(t, os.Chown(r.Root, nobody, nobody))
	c := r.Cmd("run", "--bundle", dir, "box")
	c.User = nobody
	result := ok(t, c.Run(t))
	require.Equal(t, "0 0 65534 1 jocker ls: /home: No such file or directory", strings.Join(strings.Fields(result.Stdout), " "), result)
	require.Contains(t, result.Stderr, "= 67108864 has no effect: ")
	entries, err := os.ReadDir(r.Root)
	require.NoError(t, err)
	require.Empty(t, entries)
}

// Without a cgroup nobody knows which processes are the container's, and so none is listed or killed that might not be.
func TestRootlessWithoutCgroup(t *testing.T) {
	labtest.Snapshot(t)
	r := ocitest.UnderTest(t)
	require.NoError(t, os.Chown(r.Root, nobody, nobody))
	by := func(want int, args ...string) labtest.Result {
		c := r.Cmd(args...)
		c.User = nobody
		result := c.Run(t)
		require.Equal(t, want, result.Code, result)
		return result
	}
	const unknown = "container box has no cgroup, for the user who made it may make none, so its processes cannot be told from others; "
	const first = unknown + "without --all, the signal goes to the first process alone"
	for _, own := range []bool{true, false} {
		dir := ofNobody(t, func(s *specs.Spec) {
			s.Process.Args = []string{"sh", "-c", "sleep 1000 & exec sleep 1000"}
			if own {
				return
			}
			s.Process.Args = []string{"sleep", "1000"}
			s.Linux.Namespaces = slices.DeleteFunc(s.Linux.Namespaces, func(n specs.LinuxNamespace) bool { return n.Type == specs.PIDNamespace })
			s.Mounts = slices.DeleteFunc(s.Mounts, func(m specs.Mount) bool { return m.Type == "proc" })
			s.Linux.MaskedPaths, s.Linux.ReadonlyPaths = nil, nil
		})
		binary, err := os.ReadFile(r.Path) // which nobody may not be able to reach
		require.NoError(t, err)
		require.NoError(t, os.WriteFile(filepath.Join(dir, "runtime"), binary, 0o755))
		c := labtest.Cmd{Args: []string{"sh", "-c", `cd "$0" && ./runtime --root "$1" create box </dev/null >out 2>&1`, dir, r.Root}, User: nobody}
		created := ok(t, c.Run(t))
		said, err := os.ReadFile(filepath.Join(dir, "out"))
		require.NoError(t, err)
		require.Equal(t, !own, strings.Contains(string(said), "neither a cgroup nor a PID namespace"), created)
		by(0, "start", "box")
		pid := state(t, r, "box").Pid
		require.Contains(t, by(1, "ps", "box").Stderr, fmt.Sprintf("ps: %sits first process is %d\n", unknown, pid))
		require.Regexp(t, regexp.QuoteMeta("kill --all: "+first)+map[bool]string{true: `, and KILL ends all of them\n`, false: `\n`}[own], by(1, "kill", "--all", "box", "TERM").Stderr)
		require.NoError(t, unix.Kill(pid, 0))
		if own {
			by(0, "kill", "--all", "box", "KILL")
		} else {
			require.Contains(t, by(1, "kill", "--all", "box", "KILL").Stderr, "kill --all: "+first)
			by(0, "kill", "box", "KILL")
		}
		require.Eventually(t, func() bool { return state(t, r, "box").Status == "stopped" }, 5*time.Second, time.Millisecond)
		by(0, "ps", "box")
		by(0, "delete", "box")
	}
}

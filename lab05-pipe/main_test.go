package main

import (
	"os"
	"strings"
	"testing"

	"jocker/internal/labtest"

	"github.com/stretchr/testify/require"
)

func TestMain(m *testing.M) { labtest.Main(m) }

// often is how many times a check is made that could pass by luck.
const often = 50

// begin begins a test: whatever happens in it, the host stays as it is.
func begin(t *testing.T) { labtest.Snapshot(t) }

// command is the lab's command line for a program, and options such as "-m 100m".
func command(t *testing.T, options string, program ...string) labtest.Cmd {
	args := append([]string{lab, "run"}, strings.Fields(options)...)
	return labtest.Cmd{Args: append(args, program...)}
}

func TestTerminal(t *testing.T) {
	labtest.Snapshot(t)
	c := command(t, "-ti -m 100m -e PS1=>_ -e GREETING=hello", "sh")
	c.Env = []string{"TERM=vt102"}
	s := c.Pty(t)
	s.Expect(">_")
	s.Send("echo pid=$$ $TERM $GREETING\n")
	s.Expect("pid=1 vt102 hello\n>_")
	s.Send("sleep 100\n")
	s.Expect("sleep 100\n")
	workload(t, workload(t, s.Pid, "sh"), "sleep")
	s.Send("\x03") // Ctrl-C ends the sleep, not the shell, and not the lab
	s.Expect(">_")
	s.Send("exit 3\n")
	require.Equal(t, 3, s.Wait(), s.Output())
}

// TestExitCodes: the workload's exit code, as before, although its program comes through the pipe now.
func TestExitCodes(t *testing.T) {
	labtest.Snapshot(t)
	for script, code := range map[string]int{"true": 0, "exit 41": 41, "sh -c 'kill -9 $$'; exit $?": 128 + 9} {
		require.Equal(t, code, command(t, "", "sh", "-c", script).Run(t).Code, script)
	}
}

// TestBadInput: each mistake gets one sentence with its cause and remedy, and leaves nothing behind. Those with
// limits are lab04's.
func TestBadInput(t *testing.T) {
	labtest.Snapshot(t)
	for _, m := range []struct {
		args string
		code int
		text string
	}{
		{"", 125, "which command?\n" + usage},
		{"walk", 125, "there is no command \"walk\"\n" + usage},
		{"init", 125, "init is for the inside of a container, `run` calls it: outside, it would remount your /proc"},
		{"run", 125, "which program shall run?\n" + usage},
		{"run -e", 125, "flag needs an argument: -e\n" + usage},
		{"run -e A true", 125, "invalid value \"A\" for flag -e: KEY=VALUE is wanted\n" + usage},
		{"run -e =B true", 125, "invalid value \"=B\" for flag -e: KEY=VALUE is wanted\n" + usage},
		{"run -e A=B -e = true", 125, "invalid value \"=\" for flag -e: KEY=VALUE is wanted\n" + usage},
		{"run -m 0 true", 125, "-m 0: a memory limit is a whole number above 0 of bytes, or of k, m or g: 104857600, 102400k, 100m, 1g"},
		{"run -cpushare 1 true", 125, "-cpushare 1: a number from 2 to 262144 is wanted, 1024 is the usual"},
		{"run -cpuset 9999 true", 125, "-cpuset 9999: this machine has no processor \"9999\" (a list such as 0-1,3 is wanted)"},
		{"run no-such-program", 127, "no-such-program: no such program in PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"},
		{"run -e PATH= true", 127, "true: no such program in PATH="},
		{"run /etc", 126, "/etc: is a directory, not a program"},
		{"run /etc/passwd", 126, "/etc/passwd: is not executable (chmod +x makes it so)"},
	} {
		r := labtest.Run(t, append([]string{lab}, strings.Fields(m.args)...)...)
		require.Equal(t, m.code, r.Code, "%s %s: %s", lab, m.args, r)
		require.Equal(t, lab+": "+m.text+"\n", own(r.Stderr), "%s %s", lab, m.args)
		require.Empty(t, r.Stdout, m.args)
	}

	// A file that claims to be a program, and that the kernel can't make sense of.
	file := t.TempDir() + "/nonsense"
	require.NoError(t, os.WriteFile(file, []byte{0x7f, 'N', 'O'}, 0o755))
	r := command(t, "", file).Run(t)
	require.Equal(t, 126, r.Code, r)
	require.Equal(t, lab+": execve "+file+": exec format error\n", own(r.Stderr))
}

// own leaves out what the lab also says if all goes well.
func own(stderr string) string {
	var rest string
	for _, line := range strings.SplitAfter(stderr, "\n") {
		said := strings.TrimPrefix(line, lab+": ")
		if !strings.HasPrefix(said, "cgroup /") && !strings.HasPrefix(said, "enabled the ") && !strings.HasPrefix(said, "verdict: ") {
			rest += line
		}
	}
	return rest
}

func TestNotRoot(t *testing.T) {
	labtest.Snapshot(t)
	c := command(t, "", "true")
	c.User = 65534
	r := c.Run(t)
	require.Equal(t, 125, r.Code, r)
	require.Regexp(t, `^`+lab+`: .* permission denied: only root may do this here; try sudo\n$`, r.Stderr)
}

package main

import (
	"fmt"
	"os"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"jocker/internal/labtest"
)

// The command of the guide, as a person meets it.
func TestInteractive(t *testing.T) {
	need(t, "ps", "procps")
	labtest.Snapshot(t)
	s := labtest.Cmd{Args: []string{"lab03", "run", "-ti", "/bin/sh"}, Env: []string{"PS1=# ", "ENV="}}.Pty(t)
	s.Expect("# ")
	s.Send("echo pid=$$\n")
	s.Expect("pid=1\n# ") // what is typed before the prompt is on the screen before it
	s.Send("ps -e -o pid= -o args=\n")
	s.ExpectRegexp(`args=\n +1 /bin/sh\n +\d+ ps -e -o pid= -o args=\n# $`)
	s.Send("tty; hostname inside; hostname\n")
	s.ExpectRegexp(`\n/dev/pts/\d+\ninside\n# $`)
	s.Send("exit 3\n")
	require.Equal(t, 3, s.Wait(), s.Output())
	require.Regexp(t, `\nlab03: verdict: the kernel killed nobody \(peak use .*\)\n$`, s.Output())
}

// A shell can do its job control only if the terminal is its own: Ctrl-C and Ctrl-Z go to the job in its foreground.
func TestJobControl(t *testing.T) {
	need(t, "bash", "bash")
	for name, shell := range map[string][]string{
		"sh":   {"/bin/sh", "-i"},
		"bash": {"bash", "--norc", "--noprofile", "-i"},
	} {
		t.Run(name, func(t *testing.T) {
			labtest.Snapshot(t)
			s := labtest.Cmd{Args: append([]string{"lab03", "run", "-ti"}, shell...), Env: []string{"PS1=ready> ", "ENV="}}.Pty(t)
			s.Expect("ready> ")
			dir := cgroupOf(t, s.Pid)
			sleepIs := func(states string) func() bool { // 100 seconds of sleep, as the shell's only job
				return func() bool {
					pids := procs(dir)
					return len(pids) == 2 && strings.Join(labtest.Cmdline(pids[1]), " ") == "sleep 100" && strings.Contains(states, stateOf(pids[1]))
				}
			}
			s.Send("sleep 100\n")
			labtest.Until(t, "sleep runs", sleepIs("RS"))
			s.Send("\x03")
			s.Expect("ready> ")
			s.Send("echo code=$?\n")
			s.Expect("code=130\n")
			s.Expect("ready> ")

			s.Send("sleep 100\n")
			labtest.Until(t, "sleep runs", sleepIs("RS"))
			s.Send("\x1a")
			s.ExpectRegexp(`\[1\] ?\+ +(Stopped|Suspended).*sleep 100`)
			s.Expect("ready> ")
			require.True(t, sleepIs("T")(), s.Output())
			s.Send("fg\n")
			labtest.Until(t, "sleep goes on", sleepIs("RS"))
			s.Send("\x03")
			s.Expect("ready> ")
			s.Send("exit 5\n")
			require.Equal(t, 5, s.Wait(), s.Output())
			require.NotRegexp(t, `can't access tty|no job control|cannot set terminal`, s.Output())
		})
	}
}

// stateOf is the letter that ps shows for a process: R running, S sleeping, T stopped.
func stateOf(pid int) string {
	stat, _ := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	_, after, _ := strings.Cut(string(stat), ") ")
	state, _, _ := strings.Cut(after, " ")
	return state
}

// After the container the terminal belongs again to whoever gave it away; otherwise the read below is refused.
func TestTerminalIsGivenBack(t *testing.T) {
	for name, inner := range map[string]string{
		"after an exit":   "exit 3",
		"after a command": "sleep 0.1; exit 3",
	} {
		t.Run(name, func(t *testing.T) {
			labtest.Snapshot(t)
			s := labtest.Cmd{
				Args: []string{"sh", "-c", `"$LAB" run -ti sh -c "` + inner + `"; echo "code=$?"; read word; echo "word=$word"; exit 9`},
				Env:  []string{"LAB=" + labtest.Bin(t, lab)},
			}.Pty(t)
			s.Expect("code=3\n")
			s.Send("typed\n")
			s.Expect("word=typed\n")
			require.Equal(t, 9, s.Wait(), s.Output())
		})
	}
}

// In the background there is no terminal to give away, and the one in the foreground keeps it.
func TestFromTheBackground(t *testing.T) {
	labtest.Snapshot(t)
	s := labtest.Cmd{
		Args: []string{"sh", "-c", `set -m; "$LAB" run -ti sh -c "exit 3" & wait $!; echo "code=$?"; read word; echo "word=$word"`},
		Env:  []string{"LAB=" + labtest.Bin(t, lab)},
	}.Pty(t)
	s.Expect("code=3\n")
	s.Send("typed\n")
	s.Expect("word=typed\n")
	require.Equal(t, 0, s.Wait(), s.Output())
}

// Without -ti the container stays in our process group, and Ctrl-C ends it.
func TestCtrlCWithoutTi(t *testing.T) {
	labtest.Snapshot(t)
	s := labtest.Pty(t, "lab03", "run", "sh", "-c", `trap "exit 6" INT; echo ready; while :; do sleep 0.1; done`)
	s.Expect("ready\n")
	s.Send("\x03")
	require.Equal(t, 6, s.Wait(), s.Output())
}

// The window is closed, the connection is lost.
func TestHangup(t *testing.T) {
	labtest.Snapshot(t)
	s := labtest.Cmd{Args: []string{"lab03", "run", "-ti", "sh", "-i"}, Env: []string{"PS1=ready> "}}.Pty(t)
	s.Expect("ready> ")
	container := containerOf(t, s.Pid)
	s.Hangup()
	s.Wait()
	require.True(t, isGone(container))
}

// SIGTERM from outside, say from `kill`, ends an interactive shell as well, which drops it as every process 1 does.
func TestTermEndsInteractiveShell(t *testing.T) {
	labtest.Snapshot(t)
	s := labtest.Cmd{Args: []string{"lab03", "run", "-ti", "sh", "-i"}, Env: []string{"PS1=ready> "}}.Pty(t)
	s.Expect("ready> ")
	s.Signal(syscall.SIGTERM)
	require.Equal(t, 137, s.Wait(), s.Output())
}

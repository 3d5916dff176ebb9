package main

import (
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"jocker/internal/labtest"

	"github.com/stretchr/testify/require"
)

func TestMain(m *testing.M) { labtest.Main(m) }

// often is how many times a check is made that could pass by luck.
const often = 10

// A place for the image that all tests use, and the end of a pipe that we hold as long as we live.
var (
	madeImage string
	untilWeGo io.Closer
)

// begin begins a test: whatever happens in it, the host stays as it is. It gets a store of its own, in which there is
// the image busybox. `lab rootfs` makes that once; then each store has links to it.
func begin(t *testing.T) {
	t.Helper()
	if madeImage == "" {
		makeImage(t)
	}
	labtest.Snapshot(t)
	t.Setenv("JOCKER_LABS", t.TempDir())
	for _, dir := range []string{"images", "layers"} {
		require.NoError(t, os.Symlink(filepath.Join(madeImage, dir), store(dir)))
	}
}

func makeImage(t *testing.T) {
	t.Helper()
	dir, err := os.MkdirTemp("", "busybox-")
	require.NoError(t, err)
	require.NoError(t, os.Chmod(dir, 0o755))
	// A test binary can't clean up after its last test. As in guard.go, a shell does it when our end of a pipe closes.
	cleaner := exec.Command("sh", "-c", `read _; rm -r "$0"`, dir)
	untilWeGo, err = cleaner.StdinPipe()
	require.NoError(t, err)
	require.NoError(t, cleaner.Start())

	r := labtest.Cmd{Args: []string{"lab", "rootfs"}, Env: []string{"JOCKER_LABS=" + dir}}.Run(t)
	require.Equal(t, 0, r.Code, r)
	madeImage = dir
}

// command is the lab's command line for a program in busybox, and options such as "-m 100m".
func command(t *testing.T, options string, program ...string) labtest.Cmd {
	args := append([]string{lab, "run"}, strings.Fields(options)...)
	return labtest.Cmd{Args: append(append(args, "busybox"), program...)}
}

// script is the lab's command line for a script of busybox's shell.
func script(t *testing.T, options, script string) labtest.Cmd {
	return command(t, options, "sh", "-c", script)
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

// refused runs the lab and wants one clear sentence, and nothing left of a container.
func refused(t *testing.T, code int, text string, args ...string) {
	t.Helper()
	before := containers(t)
	r := labtest.Run(t, append([]string{lab}, args...)...)
	require.Equal(t, code, r.Code, "%q: %s", args, r)
	require.Equal(t, lab+": "+text+"\n", own(r.Stderr), "%q", args)
	require.Empty(t, r.Stdout, "%q", args)
	require.Equal(t, before, containers(t), "%q", args)
}

// containers lists the containers in the store.
func containers(t *testing.T) (names []string) {
	t.Helper()
	entries, err := os.ReadDir(store("containers"))
	if !os.IsNotExist(err) {
		require.NoError(t, err)
	}
	for _, entry := range entries {
		names = append(names, entry.Name())
	}
	return names
}

func TestTerminal(t *testing.T) {
	begin(t)
	s := command(t, "-ti -name box").Pty(t) // no program: the image names one
	s.Expect("/ # ")
	s.Send("echo pid=$$; hostname; tty\n")
	s.Expect("pid=1\nbox\n")
	s.Expect("/ # ")
	s.Send("sleep 100\n")
	s.Expect("sleep 100\n")
	workload(t, workload(t, s.Pid, "sh"), "sleep")
	s.Send("\x03") // Ctrl-C ends the sleep, not the shell, and not the lab
	s.Expect("/ # ")
	s.Send("exit 3\n")
	require.Equal(t, 3, s.Wait(), s.Output())

	s = labtest.Pty(t, lab, "start", "box") // a terminal again, as it was made with -ti
	s.Expect("/ # ")
	s.Send("exit 4\n")
	require.Equal(t, 4, s.Wait(), s.Output())
}

func TestExitCodes(t *testing.T) {
	begin(t)
	for text, code := range map[string]int{"true": 0, "exit 41": 41, "exit 126": 126, "sh -c 'kill -9 $$'; exit $?": 128 + 9} {
		require.Equal(t, code, script(t, "", text).Run(t).Code, text)
	}
	require.Empty(t, containers(t))
}

// TestArguments: those of the image's program go through the pipe, and start finds them again.
func TestArguments(t *testing.T) {
	begin(t)
	args := []string{"sh", "-c", `cat "/proc/$$/cmdline"; :`, "", "a  b", "new\nline", `"'`, "\xff\xfe", "-ti", ""}
	want := strings.Join(args, "\x00") + "\x00"
	c := command(t, "-e A= -e B=1=2 -name box", args...)
	r := c.Run(t)
	require.Equal(t, want, r.Stdout, r)
	r = labtest.Run(t, lab, "start", "box")
	require.Equal(t, want, r.Stdout, r)
}

func TestEnvironment(t *testing.T) {
	begin(t)
	c := command(t, "-e A=1 -e PATH=/usr/bin", "env")
	c.Env = []string{"TOKEN=secret"}
	r := c.Run(t)
	require.Equal(t, "PATH=/usr/bin\nHOME=/root\nA=1\n", r.Stdout, r)
}

func TestBadInput(t *testing.T) {
	begin(t)
	const size = "a memory limit is a whole number above 0 of bytes, or of k, m or g: 104857600, 102400k, 100m, 1g"
	const name = "1 to 63 letters, digits, '.', '_' or '-' are wanted, the first a letter or digit"
	const image = "letters, digits, '.', '_' and '-' are allowed"
	refused(t, 125, "which command, on what?\n"+usage)
	refused(t, 125, "which command, on what?\n"+usage, "run")
	refused(t, 125, "there is no command \"walk\"\n"+usage, "walk", "busybox")
	for _, command := range []string{"start", "layers", "rm"} {
		refused(t, 125, command+" takes one name\n"+usage, command, "box", "other")
	}
	refused(t, 125, "init is for the inside of a container, `run` calls it: outside, it would remount your /proc", "init", "box")
	refused(t, 125, "which image shall run?\n"+usage, "run", "-ti")
	refused(t, 125, "flag provided but not defined: -x\n"+usage, "run", "-x", "busybox")
	refused(t, 125, "-m 0: "+size, "run", "-m", "0", "busybox", "true")
	refused(t, 125, "-cpushare 1: a number from 2 to 262144 is wanted, 1024 is the usual", "run", "-cpushare", "1", "busybox")
	refused(t, 125, "-cpushare : a number from 2 to 262144 is wanted, 1024 is the usual", "run", "-cpushare", "", "busybox")
	refused(t, 125, "-cpuset : this machine has no processor \"\" (a list such as 0-1,3 is wanted)", "run", "-cpuset", "", "busybox")
	refused(t, 125, "-cpuset 9999: this machine has no processor \"9999\" (a list such as 0-1,3 is wanted)", "run", "-cpuset", "9999", "busybox")

	for i, bad := range []string{"", ".", "..", "a/b", ".x", "a:b", ",", "a" + strings.Repeat("b", 63)} {
		if bad != "." { // which is how the lab calls the lack of a name
			refused(t, 125, fmt.Sprintf("-name %s: %s", bad, name), "run", "-name", bad, "busybox", "true")
		}
		refused(t, 125, fmt.Sprintf("%q can't be an image: %s", bad, image), "run", bad, "true")
		command := []string{"start", "layers", "rm"}[i%3]
		refused(t, 125, fmt.Sprintf("there is no container %s (`lab06 run -name %[1]s ...` makes it)", bad), command, bad)
	}

	refused(t, 125, "there is no image ubuntu in "+store("images")+" (make rootfs makes busybox)", "run", "ubuntu")
	refused(t, 127, "no-such-program: no such program in PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "run", "busybox", "no-such-program")
	refused(t, 127, "bash: no such program in PATH=/sbin", "run", "-name", "box", "-e", "PATH=/sbin", "busybox", "bash")
	refused(t, 126, "/etc: is a directory, not a program", "run", "-name", "box", "busybox", "/etc")
	refused(t, 126, "/etc/motd: is not executable (chmod +x makes it so)", "run", "busybox", "/etc/motd")
}

func TestNotRoot(t *testing.T) {
	begin(t)
	for _, args := range [][]string{{"run", "busybox"}, {"start", "box"}, {"layers", "box"}, {"rm", "box"}} {
		r := labtest.Cmd{Args: append([]string{lab}, args...), User: 65534}.Run(t)
		require.Equal(t, 125, r.Code, r)
		require.Equal(t, lab+": images and containers belong to root: try sudo\n", r.Stderr)
	}
}

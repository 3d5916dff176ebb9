package main

import (
	"fmt"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/require"

	"jocker/internal/labtest"
)

// Process 1 is the user's program itself: not the lab, and not a shell around it.
func TestUsersProgramIsProcessOne(t *testing.T) {
	labtest.Snapshot(t)
	program := []string{"sh", "-c", "echo pid=$$; tr '\\0' ' ' </proc/1/cmdline; echo; " + pause, "two  words"}
	p, _ := paused(t, labtest.Cmd{Args: append([]string{"lab03", "run", "-ti"}, program...)})
	container := containerOf(t, p.Pid)
	require.Equal(t, "pid=1\n"+strings.Join(program, " ")+" \nready\n", p.Stdout())
	require.Equal(t, program, labtest.Cmdline(container))
	exe, err := os.Readlink(fmt.Sprintf("/proc/%d/exe", container))
	require.NoError(t, err)
	require.NotEqual(t, labtest.Bin(t, lab), exe)
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", container))
	require.NoError(t, err)
	require.Regexp(t, fmt.Sprintf(`(?m)^NSpid:\t%d\t1$`, container), string(status))
	require.Empty(t, labtest.Children(container), "init is no child of the program either")
}

func TestNamespaces(t *testing.T) {
	labtest.Snapshot(t)
	p, _ := paused(t, labtest.Cmd{Args: []string{"lab03", "run", "-ti", "sh", "-c", pause}})
	outside, inside := labtest.Namespaces(os.Getpid()), labtest.Namespaces(containerOf(t, p.Pid))
	own := map[string]bool{}
	for _, kind := range []string{"uts", "pid", "mnt", "net", "ipc", "user", "cgroup", "time"} {
		require.NotEmpty(t, inside[kind])
		own[kind] = outside[kind] != inside[kind]
	}
	want := map[string]bool{"uts": true, "pid": true, "mnt": true, "net": true, "ipc": true, "user": false, "cgroup": false, "time": false}
	if d := cmp.Diff(want, own); d != "" {
		t.Errorf("which namespaces are its own (- wanted, + are):\n%s", d)
	}
}

var procLine = regexp.MustCompile(`(?m)^\d+ \d+ \S+ / /proc (\S+) .*- proc proc `)

// A proc file system of its own lies on /proc, with nothing to execute in it, and nobody outside sees it there, although
// the tests' / is shared, as systemd leaves it.
func TestProc(t *testing.T) {
	mounts := func(of string) string {
		content, err := os.ReadFile("/proc/" + of + "/mountinfo")
		require.NoError(t, err)
		return string(content)
	}
	require.Regexp(t, `(?m)^\d+ \d+ \S+ / / \S+ shared:`, mounts("self"), "if / isn't shared, this test shows nothing")
	labtest.Snapshot(t)
	before := mounts("self")
	p, _ := paused(t, labtest.Cmd{Args: []string{"lab03", "run", "-ti", "sh", "-c", "ps -e -o pid= -o args=; mount -t tmpfs none /mnt; " + pause}})
	require.Regexp(t, `^ +1 sh -c .*\n +\d+ ps -e -o pid= -o args=\nready\n$`, p.Stdout())
	require.Equal(t, before, mounts("self"))
	self, err := os.Readlink("/proc/self")
	require.NoError(t, err)
	require.Equal(t, fmt.Sprint(os.Getpid()), self)

	inside := mounts(fmt.Sprint(containerOf(t, p.Pid)))
	require.NotRegexp(t, `(?:shared|master):`, inside, "every mount inside is private")
	outside := len(procLine.FindAllString(before, -1))
	all := procLine.FindAllStringSubmatch(inside, -1)
	require.Len(t, all, outside+1)
	options := strings.Split(all[outside][1], ",")
	require.Subset(t, options, []string{"rw", "nosuid", "nodev", "noexec"})
}

// The barrier is the init's business; the program starts without it.
func TestBarrierIsClosedInTheProgram(t *testing.T) {
	labtest.Snapshot(t)
	p, _ := paused(t, labtest.Cmd{Args: []string{"lab03", "run", "-ti", "sh", "-c", pause}})
	fds := fmt.Sprintf("/proc/%d/fd/", containerOf(t, p.Pid))
	require.True(t, exists(fds+"0"))
	require.False(t, exists(fds+"3"))
}

// Outside of a container init would cover the host's /proc.
func TestInitOutsideRefuses(t *testing.T) {
	for _, args := range [][]string{{"lab03", "init"}, {"lab03", "init", "true"}} {
		labtest.Snapshot(t)
		r := labtest.Run(t, args...)
		require.Equal(t, 125, r.Code, r)
		require.Equal(t, "lab03: init is for the inside of a container, `run` calls it: outside, it would remount your /proc\n", r.Stderr)
	}
}

// Process 1 of a PID namespace without a parent that opens the barrier is not in a container of ours either.
func TestInitWithoutBarrierRefuses(t *testing.T) {
	need(t, "unshare", "util-linux")
	labtest.Snapshot(t)
	r := labtest.Run(t, "unshare", "--pid", "--fork", labtest.Bin(t, lab), "init", "true")
	require.Equal(t, 125, r.Code, r)
	require.Equal(t, "lab03: the parent went away before the start: read barrier: bad file descriptor\n", r.Stderr)
}

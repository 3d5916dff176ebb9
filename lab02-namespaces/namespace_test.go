package main

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/require"

	"jocker/internal/labtest"
)

// childOf is the lab's second life: the child that bears the name /proc/self/exe.
func childOf(t *testing.T, parent int) int {
	t.Helper()
	for _, pid := range labtest.Children(parent) {
		if args := labtest.Cmdline(pid); len(args) > 0 && args[0] == "/proc/self/exe" {
			return pid
		}
	}
	t.Fatalf("pid %d has no child /proc/self/exe", parent)
	return 0
}

// workloadOf is the user's program, which is the child's only child.
func workloadOf(t *testing.T, parent int) int {
	t.Helper()
	pids := labtest.Children(childOf(t, parent))
	require.Len(t, pids, 1)
	return pids[0]
}

// row is a line of the table of namespaces.
type row struct{ Kind, Outside, Inside, Word string }

var tableRow = regexp.MustCompile(`(?m)^lab02: (\w+) +(\d+) +(\d+) +(shared|its own)$`)

func table(stderr string) (rows []row) {
	for _, m := range tableRow.FindAllStringSubmatch(stderr, -1) {
		rows = append(rows, row{m[1], m[2], m[3], m[4]})
	}
	return rows
}

// Exactly the namespaces that were asked for differ from ours, says the kernel, and the table says the same.
func TestNamespaces(t *testing.T) {
	all := []string{"uts", "ipc", "pid", "mnt", "net", "user", "cgroup"}
	cases := [][]string{{}, all, {"uts", "pid", "mnt"}}
	for _, kind := range all {
		cases = append(cases, []string{kind})
	}
	check := func(t *testing.T, own []string, user int) {
		labtest.Snapshot(t)
		c := labtest.Cmd{Args: []string{"lab02"}, User: user}
		for _, kind := range own {
			c.Args = append(c.Args, "-"+kind)
		}
		c.Args = append(c.Args, "sh", "-c", pause)
		p, _ := paused(t, c)

		outside, inside := labtest.Namespaces(os.Getpid()), labtest.Namespaces(workloadOf(t, p.Pid))
		inode := func(kind, link string) string { return strings.Trim(strings.TrimPrefix(link, kind+":"), "[]") }
		var want []row
		for _, kind := range all {
			require.NotEmpty(t, inside[kind])
			require.Equal(t, slices.Contains(own, kind), outside[kind] != inside[kind], "the %s namespace is %s outside and %s inside", kind, outside[kind], inside[kind])
			word := "shared"
			if slices.Contains(own, kind) {
				word = "its own"
			}
			want = append(want, row{kind, inode(kind, outside[kind]), inode(kind, inside[kind]), word})
		}
		if d := cmp.Diff(want, table(p.Stderr())); d != "" {
			t.Errorf("the table (- the kernel, + the lab):\n%s", d)
		}
		require.Regexp(t, `(?m)^lab02: namespace outside     inside$`, p.Stderr())
		require.Equal(t, outside["time"], inside["time"], "the lab has no flag for the time namespace")
	}
	for _, own := range cases {
		t.Run(fmt.Sprint(own), func(t *testing.T) { check(t, own, 0) })
	}
	t.Run("an ordinary user", func(t *testing.T) { check(t, []string{"uts", "ipc", "pid", "mnt", "net", "user"}, 65534) })
}

// Root inside is an ordinary user outside, and has given up setgroups(2).
func TestUserIsRootInside(t *testing.T) {
	for _, uid := range []int{65534, 0} {
		t.Run(strconv.Itoa(uid), func(t *testing.T) {
			labtest.Snapshot(t)
			p, _ := paused(t, labtest.Cmd{Args: []string{"lab02", "-user", "-pid", "sh", "-c", "id -u; id -g; " + pause}, User: uid})
			require.Equal(t, "0\n0\nready\n", p.Stdout())
			proc := fmt.Sprintf("/proc/%d/", workloadOf(t, p.Pid))
			for file, want := range map[string]string{
				"uid_map":   fmt.Sprintf("0 %d 1", uid),
				"gid_map":   fmt.Sprintf("0 %d 1", uid),
				"setgroups": "deny",
			} {
				content, err := os.ReadFile(proc + file)
				require.NoError(t, err)
				require.Equal(t, want, strings.Join(strings.Fields(string(content)), " "), file)
			}
			info, err := os.Stat(proc)
			require.NoError(t, err)
			require.Equal(t, "dr-xr-xr-x", info.Mode().String())
			status, err := os.ReadFile(proc + "status")
			require.NoError(t, err)
			require.Regexp(t, fmt.Sprintf(`(?m)^Uid:\t%[1]d\t%[1]d\t%[1]d\t%[1]d$`, uid), string(status))
		})
	}
}

func TestHostname(t *testing.T) {
	need(t, "hostname", "hostname")
	labtest.Snapshot(t)
	before, err := os.Hostname()
	require.NoError(t, err)
	p, _ := paused(t, labtest.Cmd{Args: []string{"lab02", "-uts", "sh", "-c", "hostname jocker-inside; hostname; " + pause}})
	require.Equal(t, "jocker-inside\nready\n", p.Stdout())
	after, err := os.Hostname()
	require.NoError(t, err)
	require.Equal(t, before, after)
}

// A message queue is one of the things that have a number and no place in the file system.
func TestMessageQueue(t *testing.T) {
	need(t, "ipcmk", "util-linux")
	need(t, "ipcs", "util-linux")
	labtest.Snapshot(t)
	queues := func() string {
		list, err := os.ReadFile("/proc/sysvipc/msg")
		require.NoError(t, err)
		return string(list)
	}
	before := queues()
	out, err := exec.Command("ipcmk", "-Q").Output()
	require.NoError(t, err)
	id := regexp.MustCompile(`\d+`).FindString(string(out))
	defer func() {
		require.NoError(t, exec.Command("ipcrm", "-q", id).Run())
		require.Equal(t, before, queues())
	}()
	ours := queues()
	require.NotEqual(t, before, ours)
	lines := func(flags ...string) int {
		args := append(append([]string{"lab02"}, flags...), "cat", "/proc/sysvipc/msg")
		r := labtest.Run(t, args...)
		require.Equal(t, 0, r.Code, r)
		return strings.Count(r.Stdout, "\n")
	}
	require.Equal(t, strings.Count(ours, "\n"), lines(), "without -ipc the queue is visible")
	require.Equal(t, 1, lines("-ipc"), "with -ipc only the heading is there")
	r := labtest.Run(t, "lab02", "-ipc", "sh", "-c", "ipcmk -Q && ipcs -q")
	require.Equal(t, 0, r.Code, r)
	require.Contains(t, r.Stdout, "0x")
	require.Equal(t, ours, queues(), "a queue made inside is not outside")
}

// The tests' / is shared, as systemd leaves it: without private propagation the mount would appear here.
func TestMountInsideIsNotOutside(t *testing.T) {
	need(t, "mount", "mount")
	ourMounts := func() string {
		content, err := os.ReadFile("/proc/self/mountinfo")
		require.NoError(t, err)
		return string(content)
	}
	require.Regexp(t, `(?m)^\d+ \d+ \S+ / / \S+ shared:`, ourMounts(), "if / isn't shared, this test shows nothing")
	for name, c := range map[string]labtest.Cmd{
		"root":             {Args: []string{"lab02", "-mnt"}},
		"an ordinary user": {Args: []string{"lab02", "-mnt", "-user", "-pid"}, User: 65534},
	} {
		t.Run(name, func(t *testing.T) {
			labtest.Snapshot(t)
			before := ourMounts()
			c.Args = append(c.Args, "sh", "-c", "mount -t tmpfs jocker-inside /mnt && grep -c jocker-inside /proc/self/mountinfo; "+pause)
			p, _ := paused(t, c)
			require.Equal(t, "1\nready\n", p.Stdout())
			require.Equal(t, before, ourMounts())
			inside, err := os.ReadFile(fmt.Sprintf("/proc/%d/mountinfo", workloadOf(t, p.Pid)))
			require.NoError(t, err)
			require.NotRegexp(t, `(?:shared|master):`, string(inside), "every mount inside is private")
		})
	}
}

func TestOnlyLoopback(t *testing.T) {
	need(t, "ip", "iproute2")
	labtest.Snapshot(t)
	r := labtest.Run(t, "lab02", "-net", "ip", "-o", "link")
	require.Equal(t, 0, r.Code, r)
	require.Regexp(t, `^1: lo: <LOOPBACK> .* state DOWN .*\n$`, r.Stdout)

	r = labtest.Run(t, "lab02", "ip", "-o", "link")
	require.Equal(t, 0, r.Code, r)
	ours, err := net.Interfaces()
	require.NoError(t, err)
	require.Equal(t, len(ours), strings.Count(r.Stdout, "\n"), "without -net all links are there")
}

// The process is in its cgroup before the namespace is made, so that cgroup is the root of what it sees.
func TestCgroupNamespace(t *testing.T) {
	labtest.Snapshot(t)
	p, _ := paused(t, labtest.Cmd{Args: []string{"lab02", "-cgroup", "sh", "-c", "cat /proc/self/cgroup; " + pause}})
	require.Equal(t, "/", memoryPlace(p.Stdout()))
	outside, err := os.ReadFile(fmt.Sprintf("/proc/%d/cgroup", workloadOf(t, p.Pid)))
	require.NoError(t, err)
	require.Equal(t, fmt.Sprintf("/lab02-%d", p.Pid), memoryPlace(string(outside)))
}

// In the PID namespace process 1 is the lab's child and not the workload. That is what lab03 changes.
func TestSmallProcessNumbers(t *testing.T) {
	labtest.Snapshot(t)
	args := []string{"-pid", "sh", "-c", "echo pid=$$; " + pause}
	p, _ := paused(t, labtest.Cmd{Args: append([]string{"lab02"}, args...)})
	child, workload := childOf(t, p.Pid), workloadOf(t, p.Pid)
	require.Equal(t, append([]string{"/proc/self/exe"}, args...), labtest.Cmdline(child))
	require.Equal(t, []int{child, 1}, numbers(t, child))
	inside := numbers(t, workload)
	require.Equal(t, workload, inside[0])
	require.Equal(t, fmt.Sprintf("pid=%d\nready\n", inside[1]), p.Stdout())
	require.Greater(t, inside[1], 1)
	require.Less(t, inside[1], 100)
}

// numbers lists the numbers that a process has, in our PID namespace first and in its own one last.
func numbers(t *testing.T, pid int) (pids []int) {
	t.Helper()
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	require.NoError(t, err)
	for _, word := range strings.Fields(regexp.MustCompile(`(?m)^NSpid:(.*)$`).FindStringSubmatch(string(status))[1]) {
		n, err := strconv.Atoi(word)
		require.NoError(t, err)
		pids = append(pids, n)
	}
	return pids
}

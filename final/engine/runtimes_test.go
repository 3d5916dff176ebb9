package engine

import (
	"fmt"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/require"

	"jocker/internal/labtest"
	"jocker/internal/ocitest"
)

// TestRuntimes has runc and crun run the same containers as our own runtime, with the same results: output, exit code, and what
// can be asked about them afterwards.
func TestRuntimes(t *testing.T) {
	h := newHost(t)
	for _, name := range []string{"runc", "crun"} {
		_, err := exec.LookPath(name)
		require.NoError(t, err, "apt-get install %s", name)
	}
	crun := filepath.Join(t.TempDir(), "crun")
	require.NoError(t, ocitest.WriteCrun(crun))
	want := h.results("jocker-runtime")
	for name, runtime := range map[string]string{"runc": "runc", "crun": crun} {
		if diff := cmp.Diff(want, h.results(runtime)); diff != "" {
			t.Errorf("- jocker-runtime, + %s:\n%s", name, diff)
		}
	}
	require.Equal(t, "out\nerr\ncode 7", want["both streams"]) // and not only the same nonsense
	require.Contains(t, want["memory"], "exited 137 true memory limit of 16m reached")
}

// results are those of many containers that a runtime runs. Of what failed only the code is compared, as each runtime has its own words.
func (h *host) results(runtime string) map[string]string {
	got := map[string]string{}
	do := func(name string, args ...string) {
		out, errs, code := h.run("in\n", args...)
		if code >= 125 && code <= 127 {
			errs = ""
		}
		got[name] = fmt.Sprintf("%s%scode %d", out, errs, code)
	}
	for name, args := range map[string]string{
		"both streams":   "busybox sh -c 'echo out; echo err >&2; exit 7'",
		"input":          "-i busybox cat",
		"signal":         "busybox sh -c 'kill -SEGV $$; sh -c \"kill -KILL 1\"; sh -c \"kill -KILL \\$\\$\"'",
		"user":           "-u www-data --group-add 5 -w /srv -e K=v -h box busybox sh -c 'id; pwd; echo $K; hostname; umask'",
		"rights":         "--cap-drop ALL --cap-add CHOWN --security-opt no-new-privileges busybox grep -E '^(Cap|Secc|NoNew)' /proc/self/status",
		"default rights": "busybox grep -E '^(Cap|Seccomp:|NoNew)' /proc/self/status",
		"read-only":      "--read-only --tmpfs /t -v data:/d busybox sh -c 'touch /x; touch /t/x /d/x /etc/hosts; ls /t /d'",
		"limits":         "-m 64m --pids-limit 20 --cpus 0.5 --cpuset-cpus 0 --ulimit nofile=100:200 --sysctl net.ipv4.ip_forward=0 --shm-size 8m busybox sh -c 'ulimit -n; cat /proc/sys/net/ipv4/ip_forward; df /dev/shm | tail -n 1; grep Cpus_allowed_l /proc/self/status; cd /sys/fs/cgroup; cat memory/memory.limit_in_bytes pids/pids.max cpu/cpu.cfs_quota_us memory.max pids.max cpu.max 2>/dev/null'",
		"hidden":         "busybox sh -c 'cat /proc/kcore /proc/keys; ls /sys/firmware /proc/acpi; echo x >/proc/sysrq-trigger; echo x >/proc/sys/kernel/hostname'",
		"devices":        "--device /dev/full busybox sh -c 'ls /dev; cat /dev/full | head -c 3 | od -c; mknod /tmp/d b 8 0 && cat /tmp/d'",
		"no network":     "--network none busybox ip -o link",
		"host":           "--network host --pid host --ipc host --uts host busybox sh -c 'readlink /proc/1/ns/pid /proc/self/ns/pid | uniq | wc -l'",
		"first process":  "--init busybox sh -c 'cat /proc/1/comm; exit 3'",
		"no program":     "busybox nosuch",
		"not executable": "busybox /etc/passwd",
		"a directory":    "busybox /etc",
		"no user":        "-u nosuch busybox true",
	} {
		do(name, append([]string{"run", "--rm", "--runtime", runtime}, words(args)...)...)
	}
	got["devices"] = strings.Replace(got["devices"], "core\n", "", 1) // crun's /dev/core is a link to what is hidden
	got["both streams"] = strings.ReplaceAll(got["both streams"], "err\nout\n", "out\nerr\n")
	h.ok("volume", "rm", "data")

	h.ok("run", "-d", "--name", "box", "--runtime", runtime, "busybox", "sh", "-c", "trap 'echo stopped; exit 5' TERM; echo begun; while :; do sleep 0.01; done")
	labtest.Until(h.t, "it has begun", func() bool { return h.ok("logs", "box") == "begun" })
	do("exec", "exec", "-i", "-u", "33", "-w", "/etc", "-e", "A=b", "box", "sh", "-c", "id; pwd; echo $A; cat; exit 4")
	do("exec nothing", "exec", "box", "nosuch")
	do("exec no program", "exec", "box", "/etc/passwd")
	do("pause", "pause", "box")
	do("paused", "ps", "--format", "{{.Names}} {{.State}}")
	do("unpause", "unpause", "box")
	do("rename", "rename", "box", "box2")
	do("stop", "stop", "box2")
	do("stopped", "inspect", "-f", "{{.State.Status}} {{.State.ExitCode}} {{.State.OOMKilled}} {{.State.KilledBy}}", "box2")
	do("logs", "logs", "box2")
	do("start", "start", "box2")
	do("kill", "kill", "box2")
	do("wait", "wait", "box2")
	do("rm", "rm", "box2")

	do("memory", "run", "--name", "fat", "--runtime", runtime, "-m", "16m", "busybox", "tail", "/dev/zero")
	got["memory"] += h.ok("inspect", "-f", " {{.State.Status}} {{.State.ExitCode}} {{.State.OOMKilled}} {{.State.KilledBy}}", "fat")
	h.ok("rm", "fat")

	h.ok("run", "-d", "--name", "again", "--runtime", runtime, "--restart", "on-failure:1", "busybox", "sh", "-c", "echo run; exit 1")
	require.Eventually(h.t, func() bool { return h.ok("inspect", "-f", "{{.State.Status}}", "again") == "exited" }, labtest.Scale(10*time.Second), 10*time.Millisecond)
	do("again", "logs", "again")
	h.ok("rm", "again")

	s := labtest.Cmd{Args: append(append([]string{}, h.args...), "run", "--rm", "-ti", "--runtime", runtime, "-e", "PS1=# ", "busybox"), Env: h.env}.Pty(h.t)
	s.Expect("# ")
	s.Send("stty size; tty; stat -c %F /dev/console\n")
	s.Expect("24 80\n/dev/pts/0\ncharacter special file")
	s.Send("exit 9\n")
	got["terminal"] = fmt.Sprint(s.Wait())
	return got
}

// words splits a line as a shell does.
func words(line string) (list []string) {
	out, _ := exec.Command("sh", "-c", "printf '%s\\0' "+line).Output()
	return strings.Split(strings.TrimSuffix(string(out), "\x00"), "\x00")
}

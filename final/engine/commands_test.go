package engine

import (
	"archive/tar"
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"jocker/internal/labtest"
)

// eventually waits until a command prints what it should.
func (h *host) eventually(want string, args ...string) {
	h.t.Helper()
	got := ""
	require.Eventually(h.t, func() bool { got = h.ok(args...); return got == want }, 20*time.Second, 20*time.Millisecond,
		"jocker %q does not print %q", args, want)
}

func TestHealth(t *testing.T) {
	h := newHost(t)
	h.ok("run", "-d", "--name", "sick", "--health-cmd", "echo probed; test -e /well", "--health-interval", "50ms", "--health-retries", "2", "busybox", "sleep", "1000")
	h.eventually("unhealthy", "inspect", "-f", "{{.State.Health.Status}}", "sick")
	require.Contains(t, h.ok("ps"), "(unhealthy)")
	require.Equal(t, "1 probed\n", h.ok("inspect", "-f", "{{with index .State.Health.Log 0}}{{.ExitCode}} {{.Output}}{{end}}", "sick")+"\n")
	h.ok("exec", "sick", "touch", "/well")
	h.eventually("sick", "ps", "-f", "health=healthy", "--format", "{{.Names}}")
	events := h.ok("events", "--since", "1h", "--until", "0s", "-f", "event=health_status", "--format", "{{.Action}}")
	require.Equal(t, "health_status: unhealthy\nhealth_status: healthy", events)
	h.ok("stop", "-t", "0", "sick")
	require.Contains(t, h.fails(125, "run", "--no-healthcheck", "--health-cmd", "x", "busybox"), "conflicts")
}

// A probe that hangs is killed, and what it has started with it; one that does so is no reason for the container's end to wait.
func TestHealthHangs(t *testing.T) {
	h := newHost(t)
	h.ok("run", "-d", "--name", "slow", "--health-cmd", "sleep 777", "--health-interval", "10ms", "--health-timeout", "100ms", "--health-retries", "1", "busybox", "sleep", "1000")
	h.eventually("unhealthy", "inspect", "-f", "{{.State.Health.Status}}", "slow")
	require.Contains(t, h.ok("inspect", "-f", "{{(index .State.Health.Log 0).Output}}", "slow"), "exceeded timeout (100ms)")
	begun := time.Now()
	h.ok("kill", "slow")
	require.Less(t, time.Since(begun), 5*time.Second)
}

func TestHealthOnFailure(t *testing.T) {
	h := newHost(t)
	for action, want := range map[string]string{"kill": "exited 137", "stop": "exited 137", "restart": "again"} {
		h.ok("run", "-d", "--name", "on-"+action, "--stop-signal", "KILL", "--health-on-failure", action, "--health-cmd", "false",
			"--health-interval", "50ms", "--health-retries", "1", "busybox", "sleep", "1000")
		h.eventually(want, "inspect", "-f", "{{if .RestartCount}}again{{else}}{{.State.Status}} {{.State.ExitCode}}{{end}}", "on-"+action)
	}
}

// An image's HEALTHCHECK counts, and --no-healthcheck takes it away.
func TestHealthOfImage(t *testing.T) {
	h := newHost(t)
	file := t.TempDir() + "/a.tar"
	h.ok("save", "-o", file, "busybox")
	data, err := os.ReadFile(file)
	require.NoError(t, err)
	archive := withHealthcheck(t, data)
	require.NoError(t, os.WriteFile(file, archive, 0o600))
	h.ok("load", "-i", file)
	h.ok("run", "-d", "--name", "imaged", "probed", "sleep", "1000")
	h.eventually("healthy", "inspect", "-f", "{{.State.Health.Status}}", "imaged")
	h.ok("run", "-d", "--name", "without", "--no-healthcheck", "probed", "sleep", "1000")
	require.Equal(t, "<nil>", h.ok("inspect", "-f", "{{.State.Health}}", "without"))
}

func TestInit(t *testing.T) {
	h := newHost(t)
	h.fails(7, "run", "--rm", "--init", "busybox", "sh", "-c", "exit 7")
	h.fails(127, "run", "--rm", "--init", "busybox", "nosuch")
	h.fails(126, "run", "--rm", "--init", "busybox", "/etc/passwd")
	h.ok("run", "-d", "--name", "pid1", "--init", "busybox", "sh", "-c", "(sh -c 'sleep 0.05 & exec true' &); exec sleep 1000")
	require.Eventually(t, func() bool { return h.ok("exec", "pid1", "sh", "-c", "ls -d /proc/[0-9]* | wc -l") <= "4" }, 10*time.Second, 50*time.Millisecond)
	require.NotContains(t, h.ok("exec", "pid1", "ps"), "Z", "orphans are reaped")
	begun := time.Now()
	h.ok("stop", "pid1") // sleep has no handler for SIGTERM, and would not get it as PID 1
	require.Less(t, time.Since(begun), 5*time.Second)
	require.Equal(t, "143", h.ok("inspect", "-f", "{{.State.ExitCode}}", "pid1"))
	require.Empty(t, h.ok("diff", "pid1"))
}

func TestUpdate(t *testing.T) {
	h := newHost(t)
	h.ok("run", "-d", "--name", "up", "-m", "32m", "busybox", "sleep", "1000")
	require.Equal(t, "up", h.ok("update", "-m", "48m", "--pids-limit", "33", "--cpus", "0.5", "--restart", "on-failure:3", "up"))
	require.Equal(t, "50331648 33 500000000 on-failure", h.ok("inspect", "-f", "{{with .HostConfig}}{{.Memory}} {{.PidsLimit}} {{.NanoCpus}} {{.RestartPolicy.Name}}{{end}}", "up"))
	stats := strings.Fields(h.ok("stats", "--no-stream", "--format", "{{.Name}} {{.MemUsage}} {{.PIDs}}", "up"))
	require.Equal(t, []string{"up", "48MiB", "1"}, []string{stats[0], stats[3], stats[4]})
	require.Contains(t, h.fails(1, "update", "-m", "1", "up"), "Minimum memory limit")
	require.Contains(t, h.fails(1, "update", "up"), "you must provide one or more flags")
	h.ok("update", "--restart", "always", "up") // the shim is told
	h.killed(h.ok("inspect", "-f", "{{.State.Pid}}", "up"))
	h.eventually("1 true", "inspect", "-f", "{{.RestartCount}} {{.State.Running}}", "up")
}

func TestEvents(t *testing.T) {
	h := newHost(t)
	follow := h.start("events", "--since", "1h", "-f", "container=tell", "--format", "{{.Action}} {{.Actor.Attributes.name}}")
	h.ok("run", "--name", "tell", "--label", "a=b", "busybox", "true")
	h.ok("rename", "tell", "tell2")
	h.ok("rm", "tell2")
	require.Eventually(t, func() bool { return strings.Contains(follow.Stdout(), "die tell\n") }, 30*time.Second, 10*time.Millisecond)
	follow.Signal(15)
	follow.Wait()
	lines := strings.Split(h.ok("events", "--since", "1h", "--until", "0s", "-f", "label=a=b", "-f", "type=container", "--format", "{{.Action}}"), "\n")
	require.Equal(t, "create destroy", lines[0]+" "+lines[len(lines)-1], "labels of a container that is gone are those that it was created with")
	all := h.ok("events", "--since", "1h", "--until", "0s", "-f", "type=container", "--format", "{{.Action}}")
	for _, action := range []string{"create", "start", "attach", "die", "rename", "destroy"} {
		require.Contains(t, all, action)
	}
	var m struct {
		Type, Action string
		Actor        struct{ Attributes map[string]string }
		TimeNano     int64 `json:"timeNano"`
	}
	require.NoError(t, json.Unmarshal([]byte(h.ok("events", "--since", "1h", "--until", "0s", "-f", "event=die", "--format", "json")), &m))
	require.Equal(t, "container die 0", m.Type+" "+m.Action+" "+m.Actor.Attributes["exitCode"])
	require.WithinDuration(t, time.Now(), time.Unix(0, m.TimeNano), time.Minute)
	require.Contains(t, h.fails(1, "events", "-f", "nosuch=1"), "invalid filter")
}

func TestPruneAndDisk(t *testing.T) {
	h := newHost(t)
	h.ok("run", "--name", "old", "--label", "keep", "busybox", "sh", "-c", "echo 12345 >/file")
	h.ok("run", "--name", "old2", "busybox", "true")
	h.ok("volume", "create", "--label", "keep", "kept")
	h.ok("volume", "create", "lost")
	require.Contains(t, h.ok("system", "df"), "Containers      2         0         6B        6B (100%)")
	require.Contains(t, h.ok("system", "df", "-v"), "old2")
	require.Equal(t, "Total reclaimed space: 0B", h.ok("container", "prune", "-f", "--filter", "until=1h"))
	out := h.ok("container", "prune", "-f", "--filter", "label!=keep")
	require.Contains(t, out, "Deleted Containers:")
	require.Equal(t, "old", h.ok("ps", "-a", "--format", "{{.Names}}"))
	require.Contains(t, h.ok("volume", "prune", "-f", "-a", "--filter", "label!=keep"), "lost")
	require.Equal(t, "kept", h.ok("volume", "ls", "-q"))
	h.ok("volume", "prune", "-f", "-a")
	h.ok("container", "prune", "-f")
	require.Contains(t, h.ok("image", "prune", "-a", "-f"), "untagged: busybox:latest")
	require.Contains(t, h.fails(1, "container", "prune", "--filter", "nosuch=1"), "invalid filter")
}

func TestAnatomy(t *testing.T) {
	h := newHost(t)
	h.ok("run", "-d", "--name", "seen", "-m", "64m", "--pids-limit", "20", "busybox", "sh", "-c", "sleep 1234 & exec sleep 4321")
	h.ok("run", "-d", "--name", "guest", "--network", "container:seen", "--pid", "host", "busybox", "sleep", "1000")
	picture := h.ok("anatomy", "seen")
	for _, part := range []string{"(inside: 1)  sleep 4321", "sleep 1234", "64 MiB", "of 20", "jocker0", "shared with guest", "14 of 41 capabilities", "seccomp filter"} {
		require.Contains(t, picture, part)
	}
	width := 0
	for _, line := range strings.Split(picture, "\n") {
		if width == 0 {
			width = len([]rune(line))
		}
		require.Equal(t, width, len([]rune(line)), "the frame is straight: %s", line)
	}
	require.Contains(t, h.ok("anatomy", "guest"), "pid     ")
	file := t.TempDir() + "/a.svg"
	h.ok("anatomy", "--svg", file, "seen")
	data, err := os.ReadFile(file)
	require.NoError(t, err)
	require.True(t, bytes.HasPrefix(data, []byte("<svg ")))
	h.ok("stop", "-t", "0", "seen")
	require.Contains(t, h.fails(1, "anatomy", "seen"), "is not running")
}

func TestCompletion(t *testing.T) {
	h := newHost(t)
	h.ok("create", "--name", "comp", "busybox")
	require.Contains(t, h.ok("__complete", "start", "co"), "comp")
	require.Contains(t, h.ok("__complete", "run", "busy"), "busybox")
	require.NotContains(t, h.ok("__complete", "stop", ""), "comp", "it does not run")
	for _, shell := range []string{"bash", "zsh", "fish"} {
		require.Contains(t, h.ok("completion", shell), "__complete")
	}
}

// withHealthcheck gives the image in an archive the name probed and a HEALTHCHECK, as Docker writes it.
func withHealthcheck(t *testing.T, archive []byte) []byte {
	var out bytes.Buffer
	w := tar.NewWriter(&out)
	layer, config := []byte(nil), ""
	files := map[string][]byte{}
	r := tar.NewReader(bytes.NewReader(archive))
	for {
		hd, err := r.Next()
		if err != nil {
			break
		}
		var b bytes.Buffer
		b.ReadFrom(r)
		files[hd.Name] = b.Bytes()
	}
	var manifest []struct {
		Config string
		Layers []string
	}
	require.NoError(t, json.Unmarshal(files["manifest.json"], &manifest))
	layer = files[manifest[0].Layers[0]]
	var c map[string]any
	require.NoError(t, json.Unmarshal(files[manifest[0].Config], &c))
	c["config"].(map[string]any)["Healthcheck"] = map[string]any{"Test": []string{"CMD", "true"}, "Interval": 50 * time.Millisecond}
	data, err := json.Marshal(c)
	require.NoError(t, err)
	config = string(data)
	for _, f := range []struct{ name, text string }{{"c.json", config}, {"l.tar", string(layer)},
		{"manifest.json", `[{"Config":"c.json","RepoTags":["probed:latest"],"Layers":["l.tar"]}]`}} {
		require.NoError(t, w.WriteHeader(&tar.Header{Name: f.name, Mode: 0o644, Size: int64(len(f.text))}))
		_, err := fmt.Fprint(w, f.text)
		require.NoError(t, err)
	}
	require.NoError(t, w.Close())
	return out.Bytes()
}

// start starts a command that goes on.
func (h *host) start(args ...string) *labtest.Process {
	return labtest.Cmd{Args: append(append([]string{}, h.args...), args...), Env: h.env}.Start(h.t)
}

// killed kills a process of the host's.
func (h *host) killed(pid string) {
	h.t.Helper()
	n, err := strconv.Atoi(pid)
	require.NoError(h.t, err)
	require.NoError(h.t, syscall.Kill(n, syscall.SIGKILL))
}

// A container that goes with its end takes the name along that it has then.
func TestRenameOfOneThatGoes(t *testing.T) {
	h := newHost(t)
	h.ok("run", "-d", "--rm", "--name", "before", "--network", "none", "busybox", "sleep", "1000")
	h.ok("rename", "before", "after")
	h.ok("stop", "-t", "0", "after")
	h.eventually("", "ps", "-aq")
	names, err := os.ReadDir(h.root + "/names")
	require.NoError(t, err)
	require.Empty(t, names)
	require.Equal(t, "after", h.ok("events", "--since", "1h", "--until", "0s", "-f", "event=die", "--format", "{{.Actor.Attributes.name}}"))
}

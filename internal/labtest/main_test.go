package labtest

import (
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
)

// onStage is this test binary, run as `go test` would run it, to do one thing in TestOnStage.
func onStage(action string, env ...string) Cmd {
	return Cmd{Args: []string{"/proc/self/exe", "-test.run=^TestOnStage$"}, Env: append(env, "LABTEST_ACTION="+action)}
}

// TestOnStage is the test that the tests below look at from outside.
func TestOnStage(t *testing.T) {
	switch os.Getenv("LABTEST_ACTION") {
	case "fail":
		t.Fail()
	case "exit":
		os.Exit(7)
	case "die":
		syscall.Kill(os.Getpid(), syscall.SIGTERM)
		select {}
	case "namespace":
		os.Stdout.WriteString(Namespaces(os.Getpid())["mnt"] + "\n")
		for _, m := range mounts() {
			os.Stdout.WriteString(m.Point + " " + m.Propagation + "\n")
		}
		os.Stdout.WriteString("children see " + os.Getenv(scratchEnv) + ".\n")
	case "orphan":
		require.NoError(t, exec.Command("sh", "-c", "sleep 81 >/dev/null 2>&1 &").Run())
	case "lab":
		p := Cmd{Args: []string{"lab01", "run", "sh", "-c", "sleep 85 & sleep 86"}}.Start(t)
		Until(t, "the lab is at work", func() bool { return strings.Contains(describeTree(p.Pid), ": sleep 85") })
		os.Stdout.WriteString("at work\n")
		syscall.Kill(os.Getpid(), syscall.SIGKILL)
		select {}
	case "family":
		require.NoError(t, exec.Command("sh", "-c", "setsid sh -c 'trap \"\" TERM INT HUP; sleep 82; sleep 83' & sleep 84 & wait").Run())
	}
}

func TestMainHandsOn(t *testing.T) {
	Snapshot(t)
	r := onStage("pass").Run(t)
	require.Equal(t, 0, r.Code, r)
	require.Regexp(t, `^PASS\n`, r.Stdout)
	r = onStage("fail").Run(t)
	require.Equal(t, 1, r.Code, r)
	require.Contains(t, r.Stdout, "--- FAIL: TestOnStage")
	require.Equal(t, 7, onStage("exit").Run(t).Code)
	require.Equal(t, 128+15, onStage("die").Run(t).Code)

	c := onStage("pass")
	c.Args = append(c.Args, "-test.v")
	require.Contains(t, c.Run(t).Stdout, "--- PASS: TestOnStage", "flags")
}

func TestMainNeedsRoot(t *testing.T) {
	exe, err := os.Executable()
	require.NoError(t, err)
	c := onStage("pass")
	c.Args[0], c.User = exe, 65534
	r := c.Run(t)
	require.Equal(t, 1, r.Code, r)
	require.Regexp(t, `^labtest: the labs need root: run sudo make test\n`, r.Stderr)
	require.NotContains(t, r.Stdout, "PASS")
}

func TestMainMountNamespace(t *testing.T) {
	Snapshot(t)
	ours := Namespaces(os.Getpid())["mnt"]
	r := onStage("namespace").Run(t)
	require.NotContains(t, r.Stdout, ours)
	require.Contains(t, r.Stdout, "\n/ shared\n", "as systemd leaves it, but cut off from our /")
	require.Contains(t, r.Stdout, "\n/proc shared\n")
	require.Contains(t, r.Stdout, "children see .\n")

	r = onStage("namespace", "LABTEST_PROPAGATION=host").Run(t)
	require.Contains(t, r.Stdout, ours)
}

func TestMainFindsOrphans(t *testing.T) {
	Snapshot(t)
	r := onStage("orphan", "LAB_SLOW=0", "LABTEST_SETTLE=300ms").Run(t)
	require.Equal(t, 1, r.Code, r)
	require.Contains(t, r.Stderr, "still running (killed now)")
	require.Contains(t, r.Stderr, "sleep 81")
}

// If the tests die, the lab that they have started is killed, and its guard removes its cgroup; Snapshot sees whether it has.
func TestMainLeavesGuardsTheirWork(t *testing.T) {
	Snapshot(t)
	r := onStage("lab").Run(t)
	require.Equal(t, 128+9, r.Code, r)
	require.Contains(t, r.Stdout, "at work")
}

func TestMainInterrupted(t *testing.T) {
	Snapshot(t)
	family := func(pid int) func() bool {
		return func() bool { return strings.Count(describeTree(pid), ": sleep 8") == 2 }
	}
	s := onStage("family").Pty(t)
	Until(t, "the family is complete", family(s.Pid))
	s.Send("\x03")
	require.Equal(t, 128+2, s.Wait(), s.Output())

	p := onStage("family").Start(t)
	Until(t, "the family is complete", family(p.Pid))
	p.Signal(syscall.SIGTERM)
	require.Equal(t, 128+15, p.Wait().Code)
}

package systemd

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/opencontainers/runtime-spec/specs-go"
	"github.com/stretchr/testify/require"

	"jocker/final/runtime/cgroup"
)

// childEnv makes the test binary the first process of a scope, as jocker-systemd is.
const childEnv = "SYSTEMD_TEST_CHILD"

func request(do string, limit int64) *cgroup.Request {
	text, _ := os.ReadFile("/proc/self/mountinfo")
	return &cgroup.Request{Do: do, Unit: cgroup.Unit{Name: "jocker-test.scope", Slice: "system-jocker.slice"}, Description: "test",
		V2:        !strings.Contains(string(text), " - cgroup "),
		Resources: &specs.LinuxResources{Memory: &specs.LinuxMemory{Limit: &limit}, Devices: []specs.LinuxDeviceCgroup{{Access: "rwm"}}}}
}

func TestMain(m *testing.M) {
	if os.Getenv(childEnv) != "" {
		if err := Do(request("start", 1<<26)); err != nil {
			fmt.Println(err)
			os.Exit(1)
		}
		fmt.Println("ok")
		os.Stdin.Read(make([]byte, 1))
		return
	}
	os.Exit(m.Run())
}

// A scope's whole life, where systemd runs.
func TestScope(t *testing.T) {
	if _, err := os.Stat("/run/systemd/private"); err != nil {
		err := Do(request("start", 1<<26))
		require.ErrorContains(t, err, "no connection to systemd: by its own socket, ")
		require.ErrorContains(t, err, "does systemd run here? Without it, leave --systemd-cgroup out")
		return
	}
	cmd := exec.Command("/proc/self/exe")
	cmd.Env = append(os.Environ(), childEnv+"=1")
	in, err := cmd.StdinPipe()
	require.NoError(t, err)
	out, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	answer, err := bufio.NewReader(out).ReadString('\n')
	require.NoError(t, err)
	require.Equal(t, "ok\n", answer)
	table, err := os.ReadFile(fmt.Sprintf("/proc/%d/cgroup", cmd.Process.Pid))
	require.NoError(t, err)
	const path = "/system.slice/system-jocker.slice/jocker-test.scope"
	require.Contains(t, string(table), ":"+path+"\n")

	file := "/sys/fs/cgroup" + path + "/memory.max"
	if !request("", 0).V2 {
		file = "/sys/fs/cgroup/memory" + path + "/memory.limit_in_bytes"
		list, err := os.ReadFile("/sys/fs/cgroup/devices" + path + "/devices.list")
		require.NoError(t, err)
		require.Contains(t, string(list), "c 1:3 rwm\n")
		require.NotContains(t, string(list), "a *:* rwm")
	}
	limit := func() string {
		text, err := os.ReadFile(file)
		require.NoError(t, err)
		return strings.TrimSpace(string(text))
	}
	require.Equal(t, "67108864", limit())
	require.NoError(t, Do(request("set", 1<<27)))
	require.Equal(t, "134217728", limit())

	require.ErrorContains(t, Do(request("start", 1<<26)), "there is such a unit already")
	require.NoError(t, in.Close())
	require.NoError(t, cmd.Wait())
	require.NoError(t, Do(request("stop", 0)))
	require.NoError(t, Do(request("stop", 0)))
	require.NoFileExists(t, file)
}

package container

import (
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"syscall"
	"testing"
	"time"

	"github.com/opencontainers/runtime-spec/specs-go"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"jocker/final/runtime/proc"
	"jocker/final/runtime/seccomp"
)

const childEnv = "CONTAINER_TEST_CHILD"

var children = map[string]func(){
	"break":   childBreak,
	"refused": childRefused,
}

func TestMain(m *testing.M) {
	if name := os.Getenv(childEnv); name != "" {
		runtime.LockOSThread()
		children[name]()
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// spawn prepares a child: the test binary, started again.
func spawn(name string, args ...string) *exec.Cmd {
	cmd := exec.Command("/proc/self/exe", args...)
	cmd.Env = append(os.Environ(), childEnv+"="+name)
	cmd.Stderr = os.Stderr
	return cmd
}

// childBreak makes a system call that its filter kills for, when its standard input ends.
func childBreak() {
	filter, err := seccomp.Compile(&specs.LinuxSeccomp{DefaultAction: specs.ActAllow,
		Syscalls: []specs.LinuxSyscall{{Names: []string{"getpgid"}, Action: specs.ActKillProcess}}})
	if err == nil {
		_, err = seccomp.Load(filter.Program, filter.Flags)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	fmt.Println("ready")
	os.Stdin.Read(make([]byte, 1))
	unix.Getpgid(0)
}

// childRefused asks for a process that ended elsewhere.
func childRefused() {
	pid, _ := strconv.Atoi(os.Args[1])
	start, _ := strconv.ParseUint(os.Args[2], 10, 64)
	fmt.Print(refused(pid, start))
}

// The kernel's log tells why a process was killed, and no line in it is taken that is about another.
func TestRefused(t *testing.T) {
	require.Zero(t, os.Geteuid(), "this test needs root: sudo go test")
	cmd := spawn("break")
	in, err := cmd.StdinPipe()
	require.NoError(t, err)
	out, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	_, err = out.Read(make([]byte, 8))
	require.NoError(t, err)
	pid := cmd.Process.Pid
	start, _, err := proc.StartTime(pid)
	require.NoError(t, err)

	// Somebody who may write into the log tells of it what isn't so.
	log, err := os.OpenFile("/dev/kmsg", os.O_WRONLY, 0)
	require.NoError(t, err)
	for _, priority := range []string{"", "<5>"} {
		_, err = fmt.Fprintf(log, `%saudit: type=1326 audit(%.3f:42): auid=0 uid=0 gid=0 ses=1 pid=%d comm="sh" sig=31 arch=c000003e syscall=101 compat=0 ip=0x1 code=0x80000000`,
			priority, float64(time.Now().UnixMilli())/1000, pid)
		require.NoError(t, err)
	}
	log.Close()
	begun := time.Now()
	_, found := refused(pid, start)
	require.False(t, found)
	require.Less(t, time.Since(begun), 12*auditDelay, "the wait is bounded")

	in.Close()
	require.Equal(t, syscall.SIGSYS, cmd.Wait().(*exec.ExitError).Sys().(syscall.WaitStatus).Signal())
	var r seccomp.Refused
	require.Eventually(t, func() bool { // a slow machine's kernel takes longer than anybody waits for it
		r, found = refused(pid, start)
		return found
	}, 30*time.Second, time.Millisecond)
	require.Contains(t, r.String(), "seccomp refused getpgid (system call ")

	// The number belongs to another process by now.
	_, found = refused(pid, start+1000)
	require.False(t, found)

	// In another PID namespace the number means another process.
	cmd = spawn("refused", strconv.Itoa(pid), strconv.FormatUint(start, 10))
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWPID}
	text, err := cmd.Output()
	require.NoError(t, err)
	require.Contains(t, string(text), "false")
}

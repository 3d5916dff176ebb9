package seccomp

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"unsafe"

	"github.com/opencontainers/runtime-spec/specs-go"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"jocker/final/runtime/seccomp/internal/bpf"
)

// These tests ask the kernel. A filter cannot be taken off, so each is loaded in a child: the test
// binary starts itself again and runs one of the functions below, which tells what it saw on stdout.
const childEnv = "SECCOMP_TEST_CHILD"

var children = map[string]func(){
	"arguments": childArguments,
	"default":   childDefault,
	"exec":      childExec,
	"kill":      childKill,
	"old":       childOld,
	"tsync":     childTsync,
	"notify":    childNotify,
	"trap":      childTrap,
	"denied":    childDenied,
}

func TestMain(m *testing.M) {
	if name := os.Getenv(childEnv); name != "" {
		runtime.LockOSThread()
		children[name]()
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// spawn prepares a child.
func spawn(name string, args ...string) *exec.Cmd {
	cmd := exec.Command("/proc/self/exe", args...)
	cmd.Env = append(os.Environ(), childEnv+"="+name)
	return cmd
}

// run runs a child to its end and returns what it printed.
func run(t *testing.T, cmd *exec.Cmd) (out string, state *os.ProcessState) {
	t.Helper()
	if _, known := Native(); !known {
		t.Skip("no system call table for this architecture")
	}
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	err := cmd.Run()
	if exit := (*exec.ExitError)(nil); err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	if strings.Contains(stderr.String(), "CONFIG_SECCOMP") {
		t.Skip("the kernel has no seccomp filters")
	}
	if stderr.Len() > 0 {
		t.Log(stderr.String())
	}
	return stdout.String(), cmd.ProcessState
}

// load loads a profile in a child.
func load(p *specs.LinuxSeccomp) (listener int) {
	filter, err := Compile(p)
	if err == nil {
		err = unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
	}
	if err == nil {
		listener, err = Load(filter.Program, filter.Flags)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	return listener
}

// invoke makes a system call and prints how it went: the errno, or 0.
func invoke(what string, nr uintptr, args ...uintptr) {
	var a [6]uintptr
	copy(a[:], args)
	_, _, errno := unix.RawSyscall6(nr, a[0], a[1], a[2], a[3], a[4], a[5])
	fmt.Println(what, int(errno))
}

// The kernel and the interpreter agree on random rules and arguments. getpid takes no arguments, so
// it can be called with any.
func TestKernelArguments(t *testing.T) {
	for seed := 0; seed < 8; seed++ {
		out, state := run(t, spawn("arguments", fmt.Sprint(seed)))
		require.True(t, state.Success(), out)
		refused := 0
		_, err := fmt.Sscanf(out, "same, %d refused\n", &refused)
		require.NoError(t, err, out)
		require.Greater(t, refused, 20)
	}
}

func childArguments() {
	bytes := make([]byte, 20000)
	seed := int64(os.Args[1][0])
	rand.New(rand.NewSource(seed)).Read(bytes)
	d := dice(bytes)
	p := allowing()
	for i := 0; i < 6; i++ {
		s := fails("getpid", uint(40+i))
		for n := 1 + d.roll(3); n > 0; n-- {
			s.Args = append(s.Args, arg(uint(d.roll(3)), pick(&d, someOps), pick(&d, someValues), pick(&d, someValues)))
		}
		q := *p
		q.Syscalls = append(q.Syscalls[:len(q.Syscalls):len(q.Syscalls)], s)
		if _, err := Compile(&q); err == nil { // it does not contradict the others
			p = &q
		}
	}
	filter, _ := Compile(p)
	load(p)
	native, _ := Native()
	audit := archs[columnOf(native)].audit
	refused := 0
	for i := 0; i < 400; i++ {
		c := d.call(p)
		a := c.Args
		_, _, errno := unix.RawSyscall6(unix.SYS_GETPID, uintptr(a[0]), uintptr(a[1]), uintptr(a[2]), uintptr(a[3]), uintptr(a[4]), uintptr(a[5]))
		want, _ := bpf.Run(filter.Program, bpf.Data{Nr: unix.SYS_GETPID, Arch: audit, Args: a})
		if got := bpf.Answer(want); got != fmt.Sprint("errno ", int(errno)) && (got != "allow" || errno != 0) {
			fmt.Printf("%#x: kernel says %d, interpreter %s\n", a, int(errno), got)
			return
		}
		if errno != 0 {
			refused++
		}
	}
	fmt.Printf("same, %d refused\n", refused)
}

func TestKernelDefault(t *testing.T) {
	out, state := run(t, spawn("default"))
	require.True(t, state.Success())
	want := `getpid 0
unshare 1
mount 1
personality-ask 0
personality-change 1
socket-vsock 1
socket-alg 1
clone-user 1
clone3 38
newer 38
io_uring_setup 1
`
	require.Equal(t, want, out)
}

func childDefault() {
	load(Default(nil))
	invoke("getpid", unix.SYS_GETPID)
	invoke("unshare", unix.SYS_UNSHARE, unix.CLONE_NEWUTS)
	invoke("mount", unix.SYS_MOUNT)
	invoke("personality-ask", unix.SYS_PERSONALITY, 0xffffffff)
	invoke("personality-change", unix.SYS_PERSONALITY, 0x40000)
	invoke("socket-vsock", unix.SYS_SOCKET, unix.AF_VSOCK, unix.SOCK_STREAM)
	invoke("socket-alg", unix.SYS_SOCKET, unix.AF_ALG, unix.SOCK_SEQPACKET)
	invoke("clone-user", unix.SYS_CLONE, unix.CLONE_NEWUSER)
	invoke("clone3", unix.SYS_CLONE3)
	invoke("newer", 9999)
	invoke("io_uring_setup", unix.SYS_IO_URING_SETUP, 1)
}

// An ordinary program lives under the default profile.
func TestKernelExec(t *testing.T) {
	out, state := run(t, spawn("exec"))
	require.True(t, state.Success(), state)
	require.Contains(t, out, "Seccomp:\t2\nSeccomp_filters:\t1\n")
}

func childExec() {
	load(Default(nil))
	fmt.Fprintln(os.Stderr, syscall.Exec("/bin/cat", []string{"cat", "/proc/self/status"}, os.Environ()))
	os.Exit(1)
}

func TestKernelKill(t *testing.T) {
	out, state := run(t, spawn("kill"))
	require.Equal(t, "before\n", out)
	require.Equal(t, unix.SIGSYS, state.Sys().(syscall.WaitStatus).Signal())
}

func childKill() {
	load(allowing(on("getppid", specs.ActKillProcess)))
	fmt.Println("before")
	invoke("after", unix.SYS_GETPPID)
}

func TestKernelOldWay(t *testing.T) {
	out, _ := run(t, spawn("old"))
	require.Equal(t, "getppid 7\n", out)
}

func childOld() {
	filter, _ := Compile(allowing(fails("getppid", 7)))
	_ = unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
	if errno := setFilterOld(filter.Program); errno != 0 {
		fmt.Println(errno)
	}
	invoke("getppid", unix.SYS_GETPPID)
}

// With TSYNC, threads that were there before have the filter too.
func TestKernelTsync(t *testing.T) {
	out, _ := run(t, spawn("tsync"))
	require.Equal(t, "other thread, before 0\nother thread, after 7\n", out)
}

func childTsync() {
	p := allowing(fails("getppid", 7))
	p.Flags = []specs.LinuxSeccompFlag{"SECCOMP_FILTER_FLAG_TSYNC"}
	ready, loaded, done := make(chan bool), make(chan bool), make(chan bool)
	go func() {
		runtime.LockOSThread()
		invoke("other thread, before", unix.SYS_GETPPID)
		ready <- true
		<-loaded
		invoke("other thread, after", unix.SYS_GETPPID)
		done <- true
	}()
	<-ready
	load(p)
	loaded <- true
	<-done
}

// A call that notifies waits until somebody answers for the kernel.
func TestKernelNotify(t *testing.T) {
	out, _ := run(t, spawn("notify"))
	require.Equal(t, "asked for getppid with 5\nresult 4242\nwrite is not asked for\n", out)
}

func childNotify() {
	answered := make(chan bool)
	ready := make(chan int)
	go func() {
		runtime.LockOSThread()
		fd := <-ready
		// struct seccomp_notif and struct seccomp_notif_resp of linux/seccomp.h
		var ask struct {
			id         uint64
			pid, flags uint32
			data       bpf.Data
		}
		var reply struct {
			id    uint64
			val   int64
			error int32
			flags uint32
		}
		if _, _, errno := unix.RawSyscall(unix.SYS_IOCTL, uintptr(fd), unix.SECCOMP_IOCTL_NOTIF_RECV, uintptr(unsafe.Pointer(&ask))); errno != 0 {
			fmt.Println("receive:", errno)
		}
		fmt.Println("asked for", Name(ask.data.Arch, ask.data.Nr), "with", ask.data.Args[0])
		reply.id, reply.val = ask.id, 4242
		if _, _, errno := unix.RawSyscall(unix.SYS_IOCTL, uintptr(fd), unix.SECCOMP_IOCTL_NOTIF_SEND, uintptr(unsafe.Pointer(&reply))); errno != 0 {
			fmt.Println("send:", errno)
		}
		answered <- true
	}()
	fd := load(allowing(on("getppid", specs.ActNotify)))
	ready <- fd
	ppid, _, _ := unix.Syscall(unix.SYS_GETPPID, 5, 0, 0)
	<-answered
	fmt.Println("result", ppid)
	fmt.Println("write is not asked for")
}

// Without no_new_privs an ordinary user may not.
func TestKernelDenied(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("needs root, to become somebody else")
	}
	cmd := spawn("denied")
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
	out, _ := run(t, cmd)
	require.Equal(t, "seccomp(SECCOMP_SET_MODE_FILTER, SPEC_ALLOW): permission denied (EACCES): the process needs no_new_privs or CAP_SYS_ADMIN\n", out)
}

func childDenied() {
	filter, _ := Compile(allowing(fails("getppid", 7)))
	_, err := Load(filter.Program, filter.Flags)
	fmt.Println(err)
}

// A tracer sees in the signal's siginfo which call it was.
func TestKernelTrap(t *testing.T) {
	if _, known := Native(); !known {
		t.Skip("no system call table for this architecture")
	}
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	cmd := spawn("trap")
	cmd.SysProcAttr = &syscall.SysProcAttr{Ptrace: true}
	require.NoError(t, cmd.Start())
	pid := cmd.Process.Pid
	defer cmd.Wait()
	for {
		var status unix.WaitStatus
		_, err := unix.Wait4(pid, &status, 0, nil)
		require.NoError(t, err)
		require.True(t, status.Stopped(), "%#x", status)
		signal := status.StopSignal()
		if signal == unix.SIGSYS {
			break
		}
		if signal == unix.SIGTRAP {
			signal = 0
		}
		require.NoError(t, unix.PtraceCont(pid, int(signal)))
	}
	info := make([]byte, 128)
	_, _, errno := unix.RawSyscall6(unix.SYS_PTRACE, unix.PTRACE_GETSIGINFO, uintptr(pid), 0, uintptr(unsafe.Pointer(&info[0])), 0, 0)
	require.Zero(t, errno)
	_ = cmd.Process.Kill()
	r, ok := FromSiginfo(info)
	require.True(t, ok)
	native, _ := Native()
	require.Equal(t, Refused{archs[columnOf(native)].audit, unix.SYS_GETPPID}, r)
	require.Contains(t, r.String(), "seccomp refused getppid (system call ")
}

func childTrap() {
	load(allowing(on("getppid", specs.ActTrap)))
	invoke("getppid", unix.SYS_GETPPID)
}

package seccomp

import (
	"fmt"
	"os"
	"syscall"
	"testing"
	"unsafe"

	"github.com/opencontainers/runtime-spec/specs-go"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

// A 64-bit process can make the system calls of x86 too, with int 0x80, and those of x32.

func init() {
	children["x86-probe"] = func() { fmt.Println(int80(20, 0) == int64(os.Getpid())) }
	children["x86"] = childX86
	children["x86-absent"] = func() { childAbsent(func() { fmt.Println(int80(20, 0)) }) }
	children["x32-absent"] = func() { childAbsent(func() { invoke("getpid", x32Bit|unix.SYS_GETPID) }) }
}

// int80 makes a system call of x86 with one argument. Go cannot, so it calls a few bytes of machine
// code. It returns a negative errno as the kernel does.
func int80(nr, arg uint32) int64 {
	code, err := syscall.Mmap(-1, 0, 4096, syscall.PROT_READ|syscall.PROT_WRITE|syscall.PROT_EXEC, syscall.MAP_ANON|syscall.MAP_PRIVATE)
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	le := func(v uint32) []byte { return []byte{byte(v), byte(v >> 8), byte(v >> 16), byte(v >> 24)} }
	text := append([]byte{0xb8}, le(nr)...)       // mov eax, nr
	text = append(append(text, 0xbb), le(arg)...) // mov ebx, arg
	text = append(text, 0xcd, 0x80)               // int 0x80
	text = append(text, 0x48, 0x63, 0xc0)         // movsxd rax, eax
	copy(code, append(text, 0xc3))                // ret
	entry := unsafe.Pointer(&code[0])
	closure := unsafe.Pointer(&entry) // a func value points to a word that points to the code
	return (*(*func() int64)(unsafe.Pointer(&closure)))()
}

// needX86 skips a test if the kernel was built or started without x86.
func needX86(t *testing.T) {
	if out, _ := run(t, spawn("x86-probe")); out != "true\n" {
		t.Skip("the kernel does not run x86 programs")
	}
}

func TestKernelX86(t *testing.T) {
	needX86(t)
	out, state := run(t, spawn("x86"))
	require.True(t, state.Success(), state)
	require.Equal(t, "getpid true\nmount -1\npersonality ask true\npersonality change -1\nnewer -38\n"+
		"socketcall reads its arguments -14\nx32 getpid as before\nx32 mount 1\n", out)
}

func childX86() {
	_, _, before := unix.RawSyscall(x32Bit|unix.SYS_GETPID, 0, 0, 0)
	load(Default(nil))
	fmt.Println("getpid", int80(20, 0) == int64(os.Getpid()))
	fmt.Println("mount", int80(21, 0))
	fmt.Println("personality ask", int80(136, 0xffffffff) >= 0)
	fmt.Println("personality change", int80(136, 0x40000))
	fmt.Println("newer", int80(9999, 0))
	fmt.Println("socketcall reads its arguments", int80(102, 1))
	if _, _, after := unix.RawSyscall(x32Bit|unix.SYS_GETPID, 0, 0, 0); before == after { // few kernels have x32
		fmt.Println("x32 getpid as before")
	}
	invoke("x32 mount", x32Bit|unix.SYS_MOUNT)
}

// If the profile does not have x86 or x32, their calls kill the thread, and here the process.
func TestKernelAbsentArchitecture(t *testing.T) {
	needX86(t)
	for _, name := range []string{"x86-absent", "x32-absent"} {
		out, state := run(t, spawn(name))
		require.Equal(t, "before\n", out, name)
		require.Equal(t, unix.SIGSYS, state.Sys().(syscall.WaitStatus).Signal())
	}
}

func childAbsent(try func()) {
	p := denying([]string{"mseal"})
	p.DefaultAction = specs.ActAllow
	p.Syscalls[0].Action = specs.ActKillProcess
	// The answer for a foreign architecture kills the thread, and the Go runtime would wait for it
	// for ever. So look at it here, and have the process killed where it says so.
	filter, err := Compile(p)
	if err != nil {
		fmt.Println(err)
		return
	}
	for i := range filter.Program {
		if instruction := &filter.Program[i]; instruction.Code == opReturn && instruction.K == retKillThread {
			instruction.K = retKillProcess
		}
	}
	_ = unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
	if _, err := Load(filter.Program, 0); err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println("before")
	try()
}

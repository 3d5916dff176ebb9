package seccomp

import (
	"fmt"
	"os"
	"runtime"
	"testing"
	"time"

	"github.com/opencontainers/runtime-spec/specs-go"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

// What a container's start pays: reading the profile, and making the program.
//
//	go test -run - -bench . ./final/runtime/seccomp
func BenchmarkCompile(b *testing.B) {
	p := DefaultFor(specs.ArchX86_64, nil)
	b.ReportAllocs()
	b.ResetTimer()
	for i := 0; i < b.N; i++ {
		if _, err := CompileFor(specs.ArchX86_64, p); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkDefault(b *testing.B) {
	b.ReportAllocs()
	for i := 0; i < b.N; i++ {
		DefaultFor(specs.ArchX86_64, nil)
	}
}

// What a system call pays, in instructions of the default profile's program on x86_64.
func BenchmarkInstructions(b *testing.B) {
	filter, err := CompileFor(specs.ArchX86_64, DefaultFor(specs.ArchX86_64, nil))
	require.NoError(b, err)
	report := func(name string, value float64) {
		b.Run(name, func(b *testing.B) {
			b.ReportMetric(0, "ns/op")
			b.ReportMetric(value, "instructions")
		})
	}
	report("length-of-program", float64(len(filter.Program)))
	report("average-call", average(filter.Program))
	for _, c := range []struct {
		name string
		arg  uint64
	}{
		{"read", 0}, {"write", 0}, {"openat", 0}, {"futex", 0}, {"clone", uint64(unix.SIGCHLD)},
		{"personality", 0xffffffff}, {"personality", 0x40000}, {"socket", unix.AF_INET}, {"socket", unix.AF_VSOCK}, {"mount", 0},
	} {
		report(fmt.Sprintf("%s-%#x", c.name, c.arg), float64(cost(filter.Program, c.name, c.arg)))
	}
}

// What it comes to in the kernel, in nanoseconds of the calling thread: a call that the kernel has
// remembered, one whose argument is checked, one that is refused.
func BenchmarkKernel(b *testing.B) {
	for _, filter := range []string{"none", "default"} {
		cmd := spawn("speed", filter)
		cmd.Stderr = os.Stderr
		out, err := cmd.Output()
		require.NoError(b, err)
		var times [4]float64
		_, err = fmt.Sscan(string(out), &times[0], &times[1], &times[2], &times[3])
		require.NoError(b, err)
		b.Run(filter, func(b *testing.B) {
			b.ReportMetric(0, "ns/op")
			for i, name := range []string{"µs-load", "ns-getppid", "ns-personality", "ns-mount"} {
				b.ReportMetric(times[i], name)
			}
		})
	}
}

func init() { children["speed"] = childSpeed }

func childSpeed() {
	start := threadTime()
	if os.Args[1] == "default" {
		filter, _ := Compile(Default(nil))
		_ = unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
		start = threadTime()
		_, _ = Load(filter.Program, filter.Flags)
	}
	fmt.Print(float64(threadTime()-start) / 1000)
	for _, c := range [][2]uintptr{{unix.SYS_GETPPID}, {unix.SYS_PERSONALITY, 0xffffffff}, {unix.SYS_MOUNT}} {
		best := time.Hour
		for try := 0; try < 20; try++ {
			const calls = 10000
			start := threadTime()
			for i := 0; i < calls; i++ {
				unix.RawSyscall(c[0], c[1], 0, 0)
			}
			best = min(best, threadTime()-start)
		}
		fmt.Print(" ", float64(best)/10000)
	}
	runtime.UnlockOSThread()
}

// threadTime is the time that the thread has had on a processor.
func threadTime() time.Duration {
	var t unix.Timespec
	_ = unix.ClockGettime(unix.CLOCK_THREAD_CPUTIME_ID, &t)
	return time.Duration(t.Nano())
}

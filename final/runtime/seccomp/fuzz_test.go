package seccomp

import (
	"fmt"
	"math/rand"
	"strings"
	"testing"

	"github.com/opencontainers/runtime-spec/specs-go"
	"github.com/stretchr/testify/require"

	"jocker/final/runtime/seccomp/internal/bpf"
)

// FuzzCompile: for every profile and every system call, the program gives the answer that the
// profile means. Run it for longer with
//
//	go test -run - -fuzz FuzzCompile ./final/runtime/seccomp
func FuzzCompile(f *testing.F) {
	f.Add([]byte{})
	random := rand.New(rand.NewSource(1))
	for i := 0; i < 200; i++ {
		seed := make([]byte, 2000)
		random.Read(seed)
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, bytes []byte) {
		d := dice(bytes)
		agree(t, &d, 60)
	})
}

// TestRandomProfiles is the same with a fixed course.
func TestRandomProfiles(t *testing.T) {
	random := rand.New(rand.NewSource(2))
	bytes := make([]byte, 4000)
	compiled := 0
	for i := 0; i < 3000; i++ {
		random.Read(bytes)
		d := dice(bytes)
		if agree(t, &d, 60) {
			compiled++
		}
	}
	require.Greater(t, compiled, 1000, "most random profiles should be valid")
}

// agree makes a profile and system calls, and compares program and reference. It returns false if
// the profile contradicts itself.
func agree(t *testing.T, d *dice, calls int) bool {
	native := pick(d, someNatives)
	p := d.profile()
	filter, err := CompileFor(native, p)
	if err != nil {
		if !strings.Contains(err.Error(), "contradicts") {
			t.Fatalf("%v\n%s", err, show(p))
		}
		return false
	}
	if err := bpf.Check(filter.Program); err != nil {
		t.Fatalf("%v\n%s%s", err, show(p), bpf.List(filter.Program))
	}
	r := reference{native, p}
	for ; calls > 0; calls-- {
		c := d.call(p)
		got, _ := bpf.Run(filter.Program, c)
		if want := r.verdict(c); got != want {
			t.Fatalf("on %s, %s(%#x) of %s with %#x: program says %s, profile means %s\n%s\n%s", native,
				Name(c.Arch, c.Nr), c.Nr, ArchName(c.Arch), c.Args, bpf.Answer(got), bpf.Answer(want),
				show(p), bpf.List(filter.Program))
		}
	}
	return true
}

// show writes a profile for people.
func show(p *specs.LinuxSeccomp) string {
	var b strings.Builder
	errno := func(e *uint) any {
		if e == nil {
			return ""
		}
		return *e
	}
	fmt.Fprintf(&b, "default %s %v, %v\n", p.DefaultAction, errno(p.DefaultErrnoRet), p.Architectures)
	for i, s := range p.Syscalls {
		fmt.Fprintf(&b, "%d: %v %s %v\n", i, s.Names, s.Action, errno(s.ErrnoRet))
		for _, a := range s.Args {
			fmt.Fprintf(&b, "\targument %d %s %#x %#x\n", a.Index, a.Op, a.Value, a.ValueTwo)
		}
	}
	return b.String()
}

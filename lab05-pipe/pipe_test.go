package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"jocker/internal/labtest"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/stretchr/testify/require"
)

// sameSpec compares specs; whether an empty list is nil doesn't matter.
var sameSpec = cmp.Options{cmp.AllowUnexported(spec{}), cmpopts.EquateEmpty()}

func TestEncode(t *testing.T) {
	require.Equal(t, "2\x000\x00ls\x00\x00", string(spec{args: []string{"ls", ""}}.encode()))
	require.Equal(t, "1\x002\x00env\x00A=1\x00B=\n\x00", string(spec{[]string{"env"}, []string{"A=1", "B=\n"}}.encode()))
}

func TestDecode(t *testing.T) {
	for _, s := range []spec{
		{args: []string{"true"}},
		{[]string{""}, []string{""}},
		{[]string{"", "", ""}, []string{"A="}},
		{awkward, []string{"A=b=c", "B=\n", "\xff=\xfe"}},
		{[]string{strings.Repeat("x", 1<<20)}, nil},
	} {
		back, err := decode(s.encode())
		require.NoError(t, err)
		require.Empty(t, cmp.Diff(s, back, sameSpec))
	}

	const early = "the message on the pipe ends early, after %d bytes: the parent died"
	for message, want := range map[string]string{
		"":                  fmt.Sprintf(early, 0),
		"1":                 fmt.Sprintf(early, 1),
		"1\x00":             fmt.Sprintf(early, 2),
		"1\x000\x00tru":     fmt.Sprintf(early, 7),
		"2\x000\x00rm\x00/": fmt.Sprintf(early, 8),
	} {
		_, err := decode([]byte(message))
		require.EqualError(t, err, want, "%q", message)
	}
	for _, message := range []string{
		"1\x000\x00", "2\x000\x00rm\x00", "1\x001\x00true\x00", // a string is missing
		"1\x000\x00true\x00more\x00",      // a string too many
		"0\x000\x00", "0\x001\x00A=1\x00", // no program
		"x\x000\x00true\x00", "1\x00\x00true\x00", "-1\x002\x00true\x00", "1e0\x000\x00true\x00", // no numbers
		"18446744073709551615\x002\x00true\x00", "18446744073709551616\x000\x00true\x00", // numbers whose sum is 1, but for the overflow
	} {
		_, err := decode([]byte(message))
		require.EqualError(t, err, "the message on the pipe is damaged, or ends early: the parent died", "%q", message)
	}
}

// FuzzSpec: what is encoded comes back, and nothing less than the whole of it is accepted.
func FuzzSpec(f *testing.F) {
	f.Add("sh\x00-c\x00echo a  b", "A=1\x00B=", []byte("1\x000\x00true\x00"))
	f.Add("", "", []byte("1\x00"))
	f.Fuzz(func(t *testing.T, args, env string, anything []byte) {
		s := spec{args: strings.Split(args, "\x00")}
		if env != "" {
			s.env = strings.Split(env, "\x00")
		}
		data := s.encode()
		back, err := decode(data)
		require.NoError(t, err)
		require.Empty(t, cmp.Diff(s, back, sameSpec))
		for n := max(0, len(data)-1000); n < len(data); n++ {
			if half, err := decode(data[:n]); err == nil {
				t.Fatalf("%q is a part of %q, and was taken for %q", data[:n], data, half)
			}
		}

		if s, err := decode(anything); err == nil { // whatever it is: no panic
			back, err := decode(s.encode())
			require.NoError(t, err)
			require.Empty(t, cmp.Diff(s, back, sameSpec))
		}
	})
}

// awkward are arguments that a shell, a split at blanks or a text encoding would spoil.
var awkward = []string{
	"", " ", "a  b", "new\nline\n\n", "tab\t", `"double"`, `'single'`, "$HOME `id` $(id) *", `back\slash`,
	"\xff\xfe not UTF-8 \x80", "容器", "-ti", "--", "-e", "A=b", "\x01\x7f\r", "",
}

// TestArguments compares every byte of a megabyte of arguments with what the container got.
func TestArguments(t *testing.T) {
	labtest.Snapshot(t)
	args := append([]string{"sh", "-c", "cat /proc/$$/cmdline", "sh"}, awkward...)
	for i := range 10 {
		args = append(args, strings.Repeat(string(rune('a'+i)), 100_000))
	}
	r := command(t, "", args...).Run(t)
	require.Equal(t, 0, r.Code, r.Stderr)
	require.Empty(t, cmp.Diff(strings.Join(args, "\x00")+"\x00", r.Stdout))
}

// startInit starts the container's half alone, in new namespaces, with a pipe from us. Nothing else ties it to us: if
// it ends, then because of the pipe.
func startInit(t *testing.T) (init *exec.Cmd, w *os.File, stderr *strings.Builder) {
	t.Helper()
	r, w, err := os.Pipe()
	require.NoError(t, err)
	defer r.Close()
	init = exec.Command(labtest.Bin(t, lab), "init")
	init.ExtraFiles = []*os.File{r}
	stderr = &strings.Builder{}
	init.Stderr = stderr
	init.SysProcAttr = &syscall.SysProcAttr{Cloneflags: containerProcess().SysProcAttr.Cloneflags}
	require.NoError(t, init.Start())
	t.Cleanup(func() { init.Process.Kill() })
	return init, w, stderr
}

// TestHalfAMessage: the parent dies before it has sent everything. Half a command line can be a very different one.
func TestHalfAMessage(t *testing.T) {
	labtest.Snapshot(t)
	marker := filepath.Join(t.TempDir(), "marker")
	whole := spec{[]string{"touch", marker, "-r", "/no/such/file"}, containerEnv(false, nil)}.encode()
	for _, n := range []int{0, 1, len("4\x002\x00touch\x00") + len(marker) + 1, len(whole) - 1} {
		init, w, stderr := startInit(t)
		_, err := w.Write(whole[:n])
		require.NoError(t, err)
		require.NoError(t, w.Close())
		init.Wait()
		require.Equal(t, 125, init.ProcessState.ExitCode(), stderr)
		require.Regexp(t, `^`+lab+`: the message on the pipe (is damaged, or )?ends early(, after \d+ bytes)?: the parent died\n$`, stderr.String())
		require.NoFileExists(t, marker)
	}
}

// TestArgumentTooLong: 128 KiB in one argument is more than execve takes. (More than a parent can get from its own
// shell, too, so we play the parent.)
func TestArgumentTooLong(t *testing.T) {
	labtest.Snapshot(t)
	init, w, stderr := startInit(t)
	_, err := w.Write(spec{[]string{"/bin/true", strings.Repeat("x", 128<<10)}, nil}.encode())
	require.NoError(t, err)
	require.NoError(t, w.Close())
	init.Wait()
	require.Equal(t, 126, init.ProcessState.ExitCode())
	require.Equal(t, lab+": execve /bin/true: argument list too long: it takes 128 KiB in one argument, and a quarter of the stack limit in all\n", stderr.String())
}

// pause is how long a held parent waits before each write.
func pause() time.Duration { return 150*time.Millisecond + labtest.Scale(50*time.Millisecond) }

// held starts a container whose parent is slow to write, and returns when init is there and waits for it.
func held(t *testing.T, program ...string) (p *labtest.Process, parent, init int) {
	t.Helper()
	p = delayed(t, 2, pause(), command(t, "", program...)).Start(t)
	parent = workload(t, p.Pid, labtest.Bin(t, lab))
	return p, parent, workload(t, parent, "/proc/self/exe")
}

// TestPrivacy: while init prepares the container, ps doesn't show what will run in it.
func TestPrivacy(t *testing.T) {
	labtest.Snapshot(t)
	p, _, init := held(t, "sh", "-c", "true secret")
	require.Equal(t, []string{"/proc/self/exe", "init"}, labtest.Cmdline(init))
	environ, err := os.ReadFile(fmt.Sprintf("/proc/%d/environ", init))
	require.NoError(t, err)
	require.NotContains(t, string(environ), "secret")
	require.Equal(t, 0, p.Wait().Code)
}

// TestParentDies before it has written anything: the program never starts, and everything ends.
func TestParentDies(t *testing.T) {
	labtest.Snapshot(t)
	marker := filepath.Join(t.TempDir(), "marker")
	p, parent, init := held(t, "touch", marker)
	require.NoError(t, syscall.Kill(parent, syscall.SIGKILL))
	require.Equal(t, 128+9, p.Wait().Code)
	labtest.Until(t, "init has ended", func() bool { return labtest.Cmdline(init) == nil })
	require.NoFileExists(t, marker)
}

// TestInitDies while the parent writes a megabyte into a pipe that holds 64 KiB. A parent that kept the read end open
// would wait for ever: there is still somebody who could read, itself.
func TestInitDies(t *testing.T) {
	labtest.Snapshot(t)
	program := []string{"true"}
	for range 10 {
		program = append(program, strings.Repeat("x", 100_000))
	}
	p, parent, init := held(t, program...)
	require.NoError(t, syscall.Kill(init, syscall.SIGSTOP))
	dir, _ := cgroupOf(t, "memory", parent)
	labtest.Until(t, "init is placed", func() bool { return labtest.ReadCgroup(dir, "cgroup.procs") == fmt.Sprint(init) })
	time.Sleep(2 * pause())
	require.False(t, p.Ended(), "nobody reads, so the parent still writes")
	require.NoError(t, syscall.Kill(init, syscall.SIGKILL))
	r := p.Wait()
	require.Equal(t, 128+9, r.Code, r)
}

package labtest

import (
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// The programs under test are small shell scripts, and this test binary itself in one of these roles.
var roles = map[string]func(){
	"lock":    roleLock,
	"threads": roleThreads,
	"mount":   roleMount,
}

func TestMain(m *testing.M) {
	if role, ok := roles[os.Getenv("LABTEST_ROLE")]; ok {
		role()
		os.Exit(0)
	}
	if limit, err := time.ParseDuration(os.Getenv("LABTEST_SETTLE")); err == nil {
		settleTime = limit
	}
	Main(m)
}

// self is this test binary in a role; more words of environment tell it what to do.
func self(role string, env ...string) Cmd {
	return Cmd{Args: []string{"/proc/self/exe"}, Env: append(env, "LABTEST_ROLE="+role)}
}

// fakeT stands in for a test that is expected to fail.
type fakeT struct {
	testing.TB
	failed   bool
	log      strings.Builder
	cleanups []func()
}

func (f *fakeT) Helper()           {}
func (f *fakeT) Failed() bool      { return f.failed }
func (f *fakeT) Cleanup(do func()) { f.cleanups = append(f.cleanups, do) }
func (f *fakeT) Logf(format string, args ...any) {
	fmt.Fprintf(&f.log, format+"\n", args...)
}
func (f *fakeT) Errorf(format string, args ...any) {
	f.failed = true
	f.Logf(format, args...)
}
func (f *fakeT) Fatalf(format string, args ...any) {
	f.Errorf(format, args...)
	runtime.Goexit()
}
func (f *fakeT) Fatal(args ...any) { f.Fatalf("%s", fmt.Sprint(args...)) }

// failure runs a test on a fakeT and returns its log, "" if it passes.
func failure(t *testing.T, test func(testing.TB)) string {
	f := &fakeT{TB: t}
	alone := func(do func()) {
		done := make(chan bool)
		go func() { defer close(done); do() }()
		<-done
	}
	alone(func() { test(f) })
	for i := len(f.cleanups) - 1; i >= 0; i-- {
		alone(f.cleanups[i])
	}
	if !f.failed {
		return ""
	}
	return f.log.String()
}

func TestRun(t *testing.T) {
	Snapshot(t)
	r := Run(t, "sh", "-c", "echo out; echo err >&2; exit 3")
	require.Equal(t, Result{Stdout: "out\n", Stderr: "err\n", Code: 3, Duration: r.Duration}, r)
	require.Positive(t, r.Duration)
	require.Contains(t, r.String(), "exit code 3 after")

	require.Equal(t, 128+15, Run(t, "sh", "-c", "kill -TERM $$").Code, "death by signal")
	require.Equal(t, 15, Run(t, "sh", "-c", "sh -c 'exit 15'").Code)
}

func TestCmd(t *testing.T) {
	Snapshot(t)
	dir := t.TempDir()
	r := Cmd{
		Args:  []string{"sh", "-c", "cat; echo $A$B; pwd; [ -t 0 ] || echo no terminal"},
		Env:   []string{"A=1", "B=2"},
		Dir:   dir,
		Stdin: strings.NewReader("in\n"),
	}.Run(t)
	require.Equal(t, "in\n12\n"+dir+"\nno terminal\n", r.Stdout, r)

	r = Cmd{Args: []string{"id"}, User: 65534}.Run(t)
	require.Regexp(t, `^uid=65534\S* gid=65534\S* groups=65534\S*\n$`, r.Stdout)
	require.Equal(t, "0\n", Run(t, "sh", "-c", "wc -c </dev/stdin").Stdout, "no Stdin is an empty one")
}

func TestCmdFailures(t *testing.T) {
	Snapshot(t)
	require.Contains(t, failure(t, func(t testing.TB) { Run(t, "no-such-program") }), "no-such-program")
	require.Contains(t, failure(t, func(t testing.TB) { Run(t, "/no/such/program") }), "no such file")
	require.Contains(t, failure(t, func(t testing.TB) { Run(t) }), "needs Args")

	t.Setenv("LAB_SLOW", "0")
	impatient(t, &dyingTime)
	log := failure(t, func(t testing.TB) {
		Cmd{Args: []string{"sh", "-c", "echo begun; sleep 71; :"}, Timeout: time.Second}.Run(t)
	})
	require.Contains(t, log, "took too long")
	require.Contains(t, log, "sleep 71", "it shows what ran")
	require.Contains(t, log, "begun", "it shows the output")

	log = failure(t, func(t testing.TB) { Run(t, "sh", "-c", "sleep 1 & echo over") })
	require.Contains(t, log, "holds its output open")
	require.Contains(t, log, "sleep 1")
}

func TestStart(t *testing.T) {
	Snapshot(t)
	p := Cmd{Args: []string{"sh", "-c", "trap 'echo bye; exit 4' USR1; echo ready; while :; do sleep 0.01; done"}}.Start(t)
	Until(t, "ready", func() bool { return p.Stdout() == "ready\n" })
	require.False(t, p.Ended())
	require.Equal(t, "sh", Cmdline(p.Pid)[0][len(Cmdline(p.Pid)[0])-2:])
	require.Equal(t, Namespaces(os.Getpid()), Namespaces(p.Pid))
	require.Contains(t, Children(os.Getpid()), p.Pid)
	p.Signal(syscall.SIGUSR1)
	r := p.Wait()
	require.Equal(t, 4, r.Code, r)
	require.Equal(t, "ready\nbye\n", r.Stdout)
	require.True(t, p.Ended())
	require.Empty(t, Namespaces(p.Pid))
	require.Nil(t, Cmdline(p.Pid))

	Cmd{Args: []string{"sh", "-c", "sleep 72; :"}}.Start(t) // not waited for: killed with its child at the end
}

func TestUntil(t *testing.T) {
	n := 0
	Until(t, "three", func() bool { n++; return n == 3 })
	require.Equal(t, 3, n)
	t.Setenv("LAB_SLOW", "1")
	require.Equal(t, 10*time.Second, Scale(time.Second))
}

func TestPty(t *testing.T) {
	Snapshot(t)
	s := Cmd{Args: []string{"sh", "-i"}, Env: []string{"PS1=> ", "HISTFILE="}}.Pty(t)
	s.Expect("> ")
	s.Send("echo a$((1+1))b; stty size; echo $$\n")
	s.Expect("a2b\n")
	require.Equal(t, []string{"24 80\n", "24", "80"}, s.ExpectRegexp(`(\d+) (\d+)\n`))
	s.Expect(strconv.Itoa(s.Pid) + "\n")
	s.Resize(30, 100)
	s.Send("stty size\n")
	s.Expect("30 100\n")
	s.Send("sleep 73\n")
	Until(t, "the sleep", func() bool { return len(Children(s.Pid)) == 1 })
	s.Send("\x03") // Ctrl-C ends the sleep, not the shell
	s.Send("exit 6\n")
	require.Equal(t, 6, s.Wait())
	require.Contains(t, s.Output(), "exit 6\n")

	s = Pty(t, "sh", "-c", "trap 'exit 9' HUP; echo up; while :; do sleep 0.01; done")
	s.Expect("up")
	s.Hangup()
	require.Equal(t, 9, s.Wait())

	s = Pty(t, "sleep", "74")
	s.Signal(syscall.SIGTERM)
	require.Equal(t, 128+15, s.Wait())

	Pty(t, "sleep", "75") // not waited for
}

func TestPtyFailures(t *testing.T) {
	Snapshot(t)
	t.Setenv("LAB_SLOW", "0")
	log := failure(t, func(t testing.TB) { Pty(t, "echo", "this").Expect("that") })
	require.Contains(t, log, `doesn't print "that"`)
	require.Contains(t, log, "this\n")
	log = failure(t, func(t testing.TB) {
		Cmd{Args: []string{"sleep", "76"}, Timeout: 100 * time.Millisecond}.Pty(t).Wait()
	})
	require.Contains(t, log, "doesn't end")
}

func TestBin(t *testing.T) {
	require.Equal(t, "/bin/sh", Bin(t, "/bin/sh"))

	t.Setenv("LAB_BIN", t.TempDir())
	ready := filepath.Join(os.Getenv("LAB_BIN"), "lab98")
	require.NoError(t, os.WriteFile(ready, []byte("#!/bin/sh\nid -u\n"), 0o700))
	require.Equal(t, ready, Bin(t, "lab98"))
	require.Equal(t, "0\n", Run(t, "lab98").Stdout)
	require.NoError(t, os.Chmod(ready, 0o755))
	require.Equal(t, "65534\n", Cmd{Args: []string{"lab98"}, User: 65534}.Run(t).Stdout, "as nobody, from a closed folder")
	require.Contains(t, failure(t, func(t testing.TB) { Bin(t, "lab97") }), "lab97: no such file")
	t.Setenv("LAB_BIN", "no-such-folder")
	require.Regexp(t, `stat /.*/no-such-folder/lab98: no such file|no go.mod`, failure(t, func(t testing.TB) { Bin(t, "lab98") }))
}

func TestBinBuilds(t *testing.T) {
	if _, err := exec.LookPath("go"); err != nil || slow() {
		t.Skip("compiling is for a machine with Go, and a quick one") // the others bring their binaries in LAB_BIN
	}
	root := t.TempDir()
	here, err := os.Getwd()
	require.NoError(t, err)
	write := func(path, content string) {
		require.NoError(t, os.MkdirAll(filepath.Dir(filepath.Join(root, path)), 0o755))
		require.NoError(t, os.WriteFile(filepath.Join(root, path), []byte(content), 0o644))
	}
	write("go.mod", "module m\n\ngo 1.22.0\n")
	write("lab99-x/main.go", "package main\n\nfunc main() { println(\"built\") }\n")
	write("lab96-broken/main.go", "package main\n\nfunc main() { nonsense }\n")
	require.NoError(t, os.Chdir(filepath.Join(root, "lab99-x")))
	defer os.Chdir(here)
	t.Setenv("LAB_BIN", "")

	require.Equal(t, "built\n", Run(t, "lab99").Stderr)
	require.Equal(t, filepath.Join(scratch[0], "lab99"), Bin(t, "lab99"))
	require.Contains(t, failure(t, func(t testing.TB) { Bin(t, "lab96") }), "undefined: nonsense")
	require.Contains(t, failure(t, func(t testing.TB) { Bin(t, "lab95") }), `no source for "lab95"`)
}

// A lab that is killed at the end of a test, as after a failure, leaves no cgroup: its guard is not killed with it.
func TestGuardsAreLeftTheirWork(t *testing.T) {
	args := []string{"lab01", "run", "sh", "-c", "sleep 77 & sleep 78"}
	atWork := func(t testing.TB, pid int) {
		Until(t, "the lab is at work", func() bool { return strings.Contains(describeTree(pid), ": sleep 77") })
	}
	Snapshot(t)
	require.Empty(t, failure(t, func(t testing.TB) { atWork(t, Cmd{Args: args}.Start(t).Pid) }))
	require.Empty(t, failure(t, func(t testing.TB) { atWork(t, Pty(t, args...).Pid) }))
	t.Setenv("LAB_SLOW", "0")
	require.Contains(t, failure(t, func(t testing.TB) { Cmd{Args: args, Timeout: time.Second}.Run(t) }), "took too long")
	root, _ := Hierarchy("memory")
	left, err := filepath.Glob(filepath.Join(root, "lab01-*"))
	require.NoError(t, err)
	require.Empty(t, left)
}

// roleLock takes the lock of its own name and holds it until it is killed.
func roleLock() {
	lockName = os.Getenv("LOCK")
	if err := waitForOthers(); err != nil {
		panic(err)
	}
	fmt.Println("locked")
	signal.Ignore(syscall.SIGTERM)
	time.Sleep(time.Minute)
}

func TestLock(t *testing.T) {
	Snapshot(t)
	require.True(t, isAncestor(lockOwner()), "Main holds the lock for us")
	require.NoError(t, waitForOthers(), "a test in a test goes on")

	env := fmt.Sprintf("LOCK=@labtest-%d", os.Getpid())
	a := self("lock", env).Start(t)
	Until(t, "the first has the lock", func() bool { return a.Stdout() == "locked\n" })
	b := self("lock", env).Start(t)
	time.Sleep(Scale(200 * time.Millisecond))
	require.Empty(t, b.Stdout(), "the second waits")
	a.Signal(syscall.SIGKILL)
	Until(t, "the second has the lock", func() bool { return b.Stdout() == "locked\n" })
}

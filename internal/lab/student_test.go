package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/creack/pty"
	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/require"

	"jocker/internal/exercise"
)

const taskProgram = `package main

import "os"

// Task 3.1: first opens the door.
//
//lab:task 3.1
func first() { os.Exit(0) }
`

// workshop makes a repository with one lab that has tasks, and goes into it.
func workshop(t *testing.T) string {
	t.Helper()
	root := repository(t)
	for name, text := range map[string]string{
		"lab03-run/main.go": taskProgram, "lab03-run/README.md": "# Lab 03: run\n", "lab03-run/same.go": "package main\n",
		"lab04-x/main.go": strings.ReplaceAll(strings.ReplaceAll(taskProgram, "3.1", "4.1"), "first", "second"), "lab04-x/same.go": "package main\n",
	} {
		require.NoError(t, os.WriteFile(filepath.Join(root, name), []byte(text), 0o644))
	}
	require.NoError(t, os.RemoveAll(filepath.Join(root, "lab05-y")))
	return root
}

// say runs a command line of the tool.
func say(t *testing.T, code int, args ...string) (stdout, stderr string) {
	t.Helper()
	var out, err bytes.Buffer
	require.Equal(t, code, run(context.Background(), args, &out, &err), "%s%s", &out, &err)
	return out.String(), err.String()
}

func TestStart(t *testing.T) {
	root := workshop(t)
	out, _ := say(t, 0, "start", "03")
	require.Equal(t, "lab03, run: in work/lab03\n\n  3.1     first                  main.go:6\n\nThe guide is lab03-run/README.md. When you have written something: make check LAB=03\n", out)
	file := filepath.Join(root, "work/lab03/main.go")
	starter, err := os.ReadFile(file)
	require.NoError(t, err)
	require.Contains(t, string(starter), `panic("task 3.1 is yours: first")`)
	require.FileExists(t, filepath.Join(root, "work/lab03/same.go"))

	require.NoError(t, os.WriteFile(file, []byte("mine"), 0o644))
	_, msg := say(t, 2, "start", "03")
	require.Equal(t, "lab start: work/lab03 is there already, and your work isn't overwritten. To begin anew (a copy is kept): make start LAB=03 AGAIN=1\n", msg)
	for n := 1; n <= 2; n++ {
		out, _ = say(t, 0, "start", "-again", "03")
		require.Contains(t, out, fmt.Sprintf("What was in work/lab03 is in work/lab03.%d now.\n", n))
	}
	kept, err := os.ReadFile(filepath.Join(root, "work/lab03.1/main.go"))
	require.NoError(t, err)
	require.Equal(t, "mine", string(kept))
	again, err := os.ReadFile(file)
	require.NoError(t, err)
	require.Equal(t, string(starter), string(again))

	_, msg = say(t, 2, "start", "07")
	require.Contains(t, msg, "lab start: there is no lab 07 in "+root+"\nusage: lab start")
	_, msg = say(t, 2, "start", "03", "reap")
	require.Contains(t, msg, `lab 03 has no exercise "reap"`)
}

// At a terminal a second start asks. Whoever says no keeps what they have.
func TestStartAsks(t *testing.T) {
	root := workshop(t)
	say(t, 0, "start", "03")
	file := filepath.Join(root, "work/lab03/main.go")
	require.NoError(t, os.WriteFile(file, []byte("mine"), 0o644))
	for _, c := range []struct{ answer, says, main string }{{"n\n", "your work isn't overwritten", "mine"}, {"y\n", "What was in work/lab03 is in work/lab03.1 now.", "package main"}} {
		cmd := exec.Command(tool, "start", "03")
		cmd.Dir = root
		terminal, err := pty.Start(cmd)
		require.NoError(t, err)
		_, err = terminal.WriteString(c.answer)
		require.NoError(t, err)
		said, _ := io.ReadAll(terminal) // the end of a terminal is EIO
		cmd.Wait()
		require.Contains(t, string(said), "work/lab03 is there already. Begin anew? A copy of your work is kept. [y/N]")
		require.Contains(t, string(said), c.says)
		text, err := os.ReadFile(file)
		require.NoError(t, err)
		require.Contains(t, string(text), c.main)
	}
}

// The cgroup of a check that runs is no leftover; that of one that was killed is.
func TestCheckingIsNoLeftover(t *testing.T) {
	require.True(t, checking(fmt.Sprintf("jocker-check-%d-abc", os.Getpid())), "this test's own program ends in .test")
	require.False(t, checking("jocker-check-4194304-abc"), "there is no such process")
	require.False(t, checking("lab03-1"))
}

func TestSolutionWantsATry(t *testing.T) {
	root := workshop(t)
	say(t, 0, "start", "03")
	_, msg := say(t, 2, "solution", "03", "1")
	require.Equal(t, "lab solution: task 3.1 first wants a try of yours, checked: make check LAB=03. (And there are hints: make hint LAB=03 TASK=1)\n", msg)
	p, err := exercise.ReadProgress(filepath.Join(root, "work"))
	require.NoError(t, err)
	p.Of("3.1").Failed = 1
	require.NoError(t, p.Save())
	out, _ := say(t, 0, "solution", "03", "1")
	require.Equal(t, "// lab03-run/main.go\nfunc first() { os.Exit(0) }\n", out)
	p, err = exercise.ReadProgress(filepath.Join(root, "work"))
	require.NoError(t, err)
	require.True(t, p.Of("3.1").Shown)
	_, msg = say(t, 2, "solution", "03", "7")
	require.Contains(t, msg, `lab03 has no task "7": its tasks are 3.1`)
}

func TestStatusAndHint(t *testing.T) {
	root := workshop(t)
	out, _ := say(t, 0, "status")
	require.Equal(t, "lab03          ·       0/1         run\nlab04          ·       0/1         \n\n0 of 2 tasks. █ done, ▒ tried, · open. Begin with: make start LAB=01 (or LAB=03 EX=reap)\n", out)
	say(t, 0, "start", "03")
	for n, want := range []string{"1 of 3", "2 of 3", "3 of 3", "3 of 3"} {
		out, _ = say(t, 0, "hint", "03", "1")
		require.Contains(t, out, want)
		require.Equal(t, min(n+1, 3), strings.Count(out, " of 3  "), "earlier hints stay on the page")
	}
	require.Contains(t, out, "make solution LAB=03 TASK=1")
	p, err := exercise.ReadProgress(filepath.Join(root, "work"))
	require.NoError(t, err)
	p.Of("3.1").Passed = true
	p.Of("4.1").Failed = 2
	require.NoError(t, p.Save())
	out, _ = say(t, 0, "status")
	require.True(t, strings.HasPrefix(out, "lab03          █       1/1         run\nlab04          ▒       0/1 "), out)
}

func TestDiff(t *testing.T) {
	workshop(t)
	out, _ := say(t, 0, "diff", "03", "04")
	require.Equal(t, `main.go
  line 3
 import "os"
 
-// Task 3.1: first opens the door.
+// Task 4.1: second opens the door.
 //
-//lab:task 3.1
-func first() { os.Exit(0) }
+//lab:task 4.1
+func second() { os.Exit(0) }

The same in both: same.go
`, out)
}

func TestHunks(t *testing.T) {
	split := func(s string) []string { return strings.Split(s, "") }
	got := hunks(split("abcdefghijk"), split("abXdefghijkY"), 1)
	require.Equal(t, []hunk{{2, []string{" b", "-c", "+X", " d"}}, {11, []string{" k", "+Y"}}}, got)
	require.Empty(t, hunks(split("abc"), split("abc"), 2))
	require.Equal(t, []hunk{{1, []string{"+a", "+b"}}}, hunks(nil, split("ab"), 2))
}

// reset finds what only labs leave, and nothing else. (Its removals are called one by one here: other programs of the
// labs may be running on this machine.)
func TestLeftovers(t *testing.T) {
	require.Zero(t, os.Getuid(), "this test needs root: sudo make test")
	dir := t.TempDir()
	t.Setenv("JOCKER_LABS", dir)
	for _, path := range []string{"containers/.temporary", "containers/mine", "layers/.new-1", "layers/abc"} {
		require.NoError(t, os.MkdirAll(filepath.Join(dir, path), 0o755))
	}
	var found []string
	for _, l := range leftLayers(false) {
		found = append(found, strings.TrimPrefix(l.what, "files "+dir+"/"))
		require.NoError(t, l.remove())
	}
	require.Empty(t, cmp.Diff([]string{"containers/.temporary", "layers/.new-1"}, found))
	require.NoDirExists(t, filepath.Join(dir, "containers/.temporary"))
	require.DirExists(t, filepath.Join(dir, "containers/mine"))
	require.Len(t, leftLayers(true), 2)

	// A lab that hangs, with a child that left its group.
	program := filepath.Join(dir, "lab03")
	sleep, err := exec.LookPath("sleep")
	require.NoError(t, err)
	require.NoError(t, exec.Command("cp", "-L", sleep, program).Run())
	hanging, other := exec.Command(program, "1234"), exec.Command(sleep, "1234")
	require.NoError(t, hanging.Start())
	require.NoError(t, other.Start())
	defer other.Wait()
	defer other.Process.Kill()
	ours := 0
	for _, l := range leftProcesses() {
		require.NotContains(t, l.what, fmt.Sprintf("process %d:", other.Process.Pid))
		require.NotContains(t, l.what, fmt.Sprintf("process %d:", os.Getpid()))
		if strings.HasPrefix(l.what, fmt.Sprintf("process %d: %s 1234", hanging.Process.Pid, program)) {
			ours++
			require.NoError(t, l.remove())
		}
	}
	require.Equal(t, 1, ours)
	require.ErrorContains(t, hanging.Wait(), "killed")

	t.Setenv("TMPDIR", dir)
	require.NoError(t, os.MkdirAll(filepath.Join(dir, "jocker-check-1"), 0o755))
	require.NoError(t, os.MkdirAll(filepath.Join(dir, "jocker-build-2"), 0o755))
	require.NoError(t, os.Chtimes(filepath.Join(dir, "jocker-check-1"), time.Time{}, time.Now().Add(-time.Hour)))
	scratch := leftScratch()
	require.Len(t, scratch, 1, "the young one may be in use")
	require.Equal(t, "files "+filepath.Join(dir, "jocker-check-1"), scratch[0].what)

	for name, want := range map[string]bool{
		"lab01-4242": true, "lab06-1": true, "jocker-check-12-ab": true, "mistakes": true, "test-limit-memory": true,
		"lab01": false, "lab07-1": false, "system.slice": false, "docker": false, "lab01-x": false, "my-lab01-1": false,
	} {
		require.Equal(t, want, cgroupName.MatchString(name), name)
	}
}

func TestResetNeedsRoot(t *testing.T) {
	if os.Getuid() == 0 {
		program, err := os.Open(tool)
		require.NoError(t, err)
		defer program.Close()
		cmd := exec.Command("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "/proc/self/fd/3", "reset")
		cmd.ExtraFiles, cmd.Dir = []*os.File{program}, "/"
		out, err := cmd.CombinedOutput()
		require.Error(t, err)
		require.Equal(t, "lab reset: what the labs leave belongs to root: sudo make reset\n", string(out))
	}
}

func TestExplainCommand(t *testing.T) {
	out, _ := say(t, 0, "explain", "subtree_control")
	require.True(t, strings.HasPrefix(out, "EBUSY (device or resource busy), write to cgroup.subtree_control\n    "), out)
	_, errs := say(t, 2, "explain", "nosuchword")
	require.Equal(t, "lab explain: the table knows nothing of \"nosuchword\": make explain shows all of it\n", errs)
}

func TestDoctor(t *testing.T) {
	workshop(t)
	var out, errs bytes.Buffer
	run(context.Background(), []string{"doctor"}, &out, &errs)
	require.Empty(t, errs.String())
	for _, what := range []string{"kernel", "overlay", "cgroups", "  memory", "root", "user namespaces", "go", "stress", "disk", "VM"} {
		require.Regexp(t, `(?m)^(ok  |note|MEND)  `+what+` +\S`, out.String())
	}
	// A machine without anything: each is named together with what mends it.
	t.Setenv("PATH", t.TempDir())
	t.Setenv("LAB_GO", "")
	t.Setenv("JOCKER_LABS", t.TempDir())
	out.Reset()
	require.Equal(t, 1, run(context.Background(), []string{"doctor"}, &out, &errs))
	require.Regexp(t, `(?m)^MEND  go +no Go\n +sudo make setup$`, out.String())
	require.Regexp(t, `(?m)^note  stress +missing: .*\n +sudo make setup$`, out.String())
	require.Regexp(t, `(?m)^note  image busybox +not made yet\n +make rootfs`, out.String())
}

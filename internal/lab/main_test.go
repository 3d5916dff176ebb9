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
	"syscall"
	"testing"
	"time"

	"github.com/creack/pty"
	"github.com/stretchr/testify/require"
)

// tool is the tool, built.
var tool string

func TestMain(m *testing.M) {
	dir, err := os.MkdirTemp("", "lab-test-")
	if err == nil {
		tool = filepath.Join(dir, "lab")
		var out []byte
		if out, err = exec.Command("go", "build", "-o", tool, ".").CombinedOutput(); err != nil {
			err = fmt.Errorf("%w\n%s", err, out)
		}
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	code := m.Run()
	os.RemoveAll(dir)
	os.Exit(code)
}

const (
	fence = "```"
	good  = "# Lab\n" + fence + "console\n$ lab03\nhello\n" + fence + "\n"
	bad   = "# Lab\n" + fence + "console\n$ lab03\ngood bye\n" + fence + "\n"
	ill   = fence + "console\n$ a\n...\n" + fence + "\n"
)

// repository makes a small repository, and goes into it.
func repository(t *testing.T) string {
	t.Helper()
	root := t.TempDir()
	for name, text := range map[string]string{
		"go.mod": "module jocker\n\ngo 1.22.0\n", "lab03-run/README.md": good, "lab03-run/README.zh-CN.md": bad,
		"lab04-x/main.go": "", "lab05-y/README.md": good, "ill/README.md": ill, "file.md": good, "notes/words": "",
	} {
		require.NoError(t, os.MkdirAll(filepath.Dir(filepath.Join(root, name)), 0o755))
		require.NoError(t, os.WriteFile(filepath.Join(root, name), []byte(text), 0o644))
	}
	require.NoError(t, os.Mkdir(filepath.Join(root, "bin"), 0o755))
	require.NoError(t, os.WriteFile(filepath.Join(root, "bin/lab03"), []byte("#!/bin/sh\necho hello\n"), 0o755))
	goTo(t, root)
	return root
}

func goTo(t *testing.T, dir string) {
	t.Helper()
	was, err := os.Getwd()
	require.NoError(t, err)
	require.NoError(t, os.Chdir(dir))
	t.Cleanup(func() { os.Chdir(was) })
}

func TestRun(t *testing.T) {
	root := repository(t)
	const usagePlay = "usage: lab play [-lang zh-CN] [-bin DIR] LAB\n"
	var all bytes.Buffer
	usage(&all)
	usageAll := all.String()
	require.True(t, strings.HasPrefix(usageAll, "usage: lab COMMAND\n\n  lab start [-again] LAB [EXERCISE]\n"))
	require.Contains(t, usageAll, "\n  lab play [-lang zh-CN] [-bin DIR] LAB\n      play a lab's guide and check what it says\n")
	const played = "\n== Lab ==\n$ lab03\nhello\n"
	const noWord = ":4: the output is not what the guide promises\n  command   $ lab03\n  promised  good bye\n  came      hello\n"
	for name, c := range map[string]struct {
		args   string
		code   int
		stdout string // up to the time that it took
		stderr string
	}{
		"nothing":         {"", 2, "", usageAll},
		"help":            {"help", 0, usageAll, ""},
		"no command":      {"paly", 2, "", "lab: no command \"paly\"\n" + usageAll},
		"no lab":          {"play", 2, "", "lab play: it takes one lab, not 0\n" + usagePlay},
		"two labs":        {"play 03 04", 2, "", "lab play: it takes one lab, not 2\n" + usagePlay},
		"unknown flag":    {"play -x 03", 2, "", "lab play: flag provided but not defined: -x\n" + usagePlay},
		"unknown lang":    {"play -lang fr 03", 2, "", "lab play: no guide speaks \"fr\": there are en and zh-CN\n" + usagePlay},
		"number":          {"play 03", 0, played + "\nlab03-run/README.md keeps its word: 1 steps, 2 checks", ""},
		"short number":    {"play 3", 0, played + "\nlab03-run/README.md keeps its word: 1 steps, 2 checks", ""},
		"name":            {"play lab03", 0, played + "\nlab03-run/README.md keeps its word: 1 steps, 2 checks", ""},
		"folder":          {"play ./lab03-run/", 0, played + "\nlab03-run/README.md keeps its word: 1 steps, 2 checks", ""},
		"file":            {"play file.md", 0, played + "\nfile.md keeps its word: 1 steps, 2 checks", ""},
		"other language":  {"play -lang zh-CN 03", 1, played, "\nlab03-run/README.zh-CN.md" + noWord},
		"lab missing":     {"play 6", 2, "", "lab play: there are 0 folders lab06-* in " + root + ": the labs are 03, 04, 05\n" + usagePlay},
		"folder missing":  {"play x", 2, "", "lab play: \"x\" is no lab, folder or file: the labs are 03, 04, 05\n" + usagePlay},
		"no guide":        {"play 4", 2, "", "lab play: there is no guide to play: stat " + root + "/lab04-x/README.md: no such file or directory\n"},
		"not built":       {"play 5", 2, "", "lab play: the lab isn't built: stat " + root + "/bin/lab05: no such file or directory: run make build, or name another folder with -bin\n"},
		"no program":      {"play -bin ill 3", 2, "", "lab play: the lab isn't built: stat ill/lab03: no such file or directory: run make build, or name another folder with -bin\n"},
		"guide is broken": {"play ill", 2, "", "lab play: the guide can't be played:\nill/README.md:3: this promises nothing: show at least a part of the output that matters\n"},
	} {
		t.Run(name, func(t *testing.T) {
			var stdout, stderr bytes.Buffer
			code := run(context.Background(), strings.Fields(c.args), &stdout, &stderr)
			require.Equal(t, c.stderr, stderr.String())
			if strings.Contains(c.stdout, "checks") {
				require.Regexp(t, `, [0-9.]+ s\n$`, stdout.String())
				require.Equal(t, c.stdout, stdout.String()[:strings.LastIndex(stdout.String(), ",")])
			} else {
				require.Equal(t, c.stdout, stdout.String())
			}
			require.Equal(t, c.code, code)
		})
	}
	t.Run("help on play", func(t *testing.T) {
		var stdout, stderr bytes.Buffer
		require.Equal(t, 0, run(context.Background(), []string{"play", "-h"}, &stdout, &stderr))
		require.Contains(t, stdout.String(), "-lang")
		require.Empty(t, stderr.String())
	})
	t.Run("from a lab's folder", func(t *testing.T) {
		goTo(t, "lab03-run")
		require.Equal(t, 0, run(context.Background(), []string{"play", "."}, io.Discard, io.Discard))
		require.Equal(t, 0, run(context.Background(), []string{"play", "3"}, io.Discard, io.Discard))
	})
	t.Run("not executable", func(t *testing.T) {
		require.NoError(t, os.Chmod("bin/lab03", 0o644))
		var stderr bytes.Buffer
		require.Equal(t, 2, run(context.Background(), []string{"play", "3"}, io.Discard, &stderr))
		require.Equal(t, "lab play: the lab isn't built: "+root+"/bin/lab03 is no program: run make build, or name another folder with -bin\n", stderr.String())
	})
	t.Run("elsewhere", func(t *testing.T) {
		dir := t.TempDir()
		require.NoError(t, os.WriteFile(filepath.Join(dir, "go.mod"), []byte("module jocker/x\n"), 0o644))
		goTo(t, dir)
		var stderr bytes.Buffer
		require.Equal(t, 2, run(context.Background(), []string{"play", "3"}, io.Discard, &stderr))
		require.Equal(t, "lab play: "+dir+" is not within the repository (no go.mod above it says \"module jocker\"): change into your clone\n", stderr.String())
	})
}

// TestInterrupt interrupts the tool while a guide's command and a process in the background are running.
func TestInterrupt(t *testing.T) {
	repository(t)
	long := fmt.Sprintf("sleep 888%d", os.Getpid())
	text := fence + "console\n$ (setsid " + long + "1 &); echo ready; " + long + "2\nready\n" + fence + "\n"
	require.NoError(t, os.WriteFile("file.md", []byte(text), 0o644))
	for name, stop := range map[string]func(p *os.Process, stdout io.Closer){
		"Ctrl-C":      func(p *os.Process, _ io.Closer) { p.Signal(syscall.SIGINT) },
		"SIGTERM":     func(p *os.Process, _ io.Closer) { p.Signal(syscall.SIGTERM) },
		"SIGHUP":      func(p *os.Process, _ io.Closer) { p.Signal(syscall.SIGHUP) },
		"closed pipe": func(_ *os.Process, stdout io.Closer) { stdout.Close() },
	} {
		t.Run(name, func(t *testing.T) {
			if name == "closed pipe" { // it is noticed when the next line is written
				text := strings.Replace(text, "echo ready; ", "echo ready; sleep 0.3; echo more; ", 1)
				require.NoError(t, os.WriteFile("file.md", []byte(text), 0o644))
			}
			cmd := exec.Command(tool, "play", "file.md")
			var stderr bytes.Buffer
			cmd.Stderr = &stderr
			stdout, err := cmd.StdoutPipe()
			require.NoError(t, err)
			require.NoError(t, cmd.Start())
			defer cmd.Process.Kill()
			timeout := time.AfterFunc(20*time.Second, func() { cmd.Process.Kill() })
			defer timeout.Stop()
			seen := ""
			for buffer := make([]byte, 100); !strings.Contains(seen, "\nready\n"); {
				n, err := stdout.Read(buffer)
				require.NoError(t, err, "saw %q", seen)
				seen += string(buffer[:n])
			}
			stop(cmd.Process, stdout)
			cmd.Wait()
			require.Equal(t, 130, cmd.ProcessState.ExitCode())
			require.Equal(t, "\nlab play: interrupted\n", stderr.String())
			files, _ := filepath.Glob("/proc/[0-9]*/cmdline")
			for _, file := range files {
				line, _ := os.ReadFile(file)
				require.NotContains(t, string(line), strings.Replace(long, " ", "\x00", 1))
			}
		})
	}
}

// TestColor runs the tool on a terminal, which gets colours, unless it or its user doesn't want them.
func TestColor(t *testing.T) {
	repository(t)
	for name, c := range map[string]struct {
		env  []string
		want string
	}{
		"terminal": {[]string{"TERM=xterm"}, "\x1b[36m$ lab03\x1b[0m\r\n"},
		"NO_COLOR": {[]string{"TERM=xterm", "NO_COLOR=1"}, "\n$ lab03\r\n"},
		"dumb":     {[]string{"TERM=dumb"}, "\n$ lab03\r\n"},
	} {
		t.Run(name, func(t *testing.T) {
			cmd := exec.Command(tool, "play", "3")
			cmd.Env = append(os.Environ(), append([]string{"NO_COLOR="}, c.env...)...)
			f, err := pty.Start(cmd)
			require.NoError(t, err)
			defer f.Close()
			out, _ := io.ReadAll(f) // ends with EIO
			require.NoError(t, cmd.Wait())
			require.Contains(t, string(out), c.want)
		})
	}
	out, err := exec.Command(tool, "play", "3").Output()
	require.NoError(t, err)
	require.NotContains(t, string(out), "\x1b")
}

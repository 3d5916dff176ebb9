package main

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"jocker/internal/labtest"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/require"
)

const standardPath = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

func TestContainerEnv(t *testing.T) {
	t.Setenv("TERM", "vt102")
	t.Setenv("TOKEN", "secret")
	for _, c := range []struct {
		interactive bool
		extra, want []string
	}{
		{false, nil, []string{standardPath, "HOME=/root"}},
		{true, nil, []string{standardPath, "HOME=/root", "TERM=vt102"}},
		{true, []string{"TERM=dumb"}, []string{standardPath, "HOME=/root", "TERM=dumb"}},
		{false, []string{"HOME=/", "PATH=/bin"}, []string{"PATH=/bin", "HOME=/"}},
		{false, []string{"A=1", "B=2", "A=3"}, []string{standardPath, "HOME=/root", "A=3", "B=2"}},
		{false, []string{"HOM=1", "HOMER=2", "home=3"}, []string{standardPath, "HOME=/root", "HOM=1", "HOMER=2", "home=3"}},
		{false, []string{"A=", "B==", "C=a=b c\n\xff", "D= "}, []string{standardPath, "HOME=/root", "A=", "B==", "C=a=b c\n\xff", "D= "}},
	} {
		require.Empty(t, cmp.Diff(c.want, containerEnv(c.interactive, c.extra)))
	}
}

// environ is the environment that a process started with, as the kernel keeps it.
func environ(t *testing.T, pid int) []string {
	t.Helper()
	raw, err := os.ReadFile(fmt.Sprintf("/proc/%d/environ", pid))
	require.NoError(t, err)
	return strings.Split(strings.TrimSuffix(string(raw), "\x00"), "\x00")
}

// TestEnvironment looks at a live container from outside: at its environment, and at what it has open.
func TestEnvironment(t *testing.T) {
	labtest.Snapshot(t)
	for options, want := range map[string][]string{
		"":    {standardPath, "HOME=/root", "A=2", "B=x=y\n\xff", "EMPTY="},
		"-ti": {standardPath, "HOME=/root", "TERM=vt102", "A=2", "B=x=y\n\xff", "EMPTY="},
	} {
		c := command(t, options, "-e", "A=1", "-e", "B=x=y\n\xff", "-e", "A=2", "-e", "EMPTY=", "sleep", "100")
		c.Args = append([]string{"sh", "-c", `exec "$@" 7</etc/passwd 9</`, "sh", labtest.Bin(t, lab)}, c.Args[1:]...)
		c.Env = []string{"TERM=vt102", "TOKEN=secret"}
		p := c.Start(t)
		pid := workload(t, p.Pid, "sleep")
		require.Empty(t, cmp.Diff(want, environ(t, pid)))

		open := func() []string {
			links, err := filepath.Glob(fmt.Sprintf("/proc/%d/fd/*", pid))
			require.NoError(t, err)
			for i, path := range links {
				links[i] = filepath.Base(path)
			}
			return links
		}
		want := []string{"0", "1", "2"}
		// a dynamic program opens its libraries first
		require.Eventually(t, func() bool { return slices.Equal(want, open()) }, labtest.Scale(2*time.Second), time.Millisecond,
			"no pipe, and nothing of the shell that started the lab: %v", open())

		syscall.Kill(pid, syscall.SIGKILL)
		require.Equal(t, 128+9, p.Wait().Code)
	}
}

// TestPath: a program is looked for where the container's PATH says, and not where ours does.
func TestPath(t *testing.T) {
	labtest.Snapshot(t)
	dir := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, "greet"), []byte("#!/bin/sh\necho hello $PATH\n"), 0o755))

	c := command(t, "", "greet")
	c.Env = []string{"PATH=" + dir + ":" + os.Getenv("PATH")}
	r := c.Run(t)
	require.Equal(t, 127, r.Code, r)
	require.Equal(t, lab+": greet: no such program in "+standardPath+"\n", own(r.Stderr))

	r = command(t, "-e PATH="+dir, "greet").Run(t)
	require.Equal(t, 0, r.Code, r)
	require.Equal(t, "hello "+dir+"\n", r.Stdout)
}

package main_test

import (
	"fmt"
	"math/rand"
	"os"
	"path/filepath"
	"sort"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/opencontainers/runtime-spec/specs-go"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"jocker/internal/labtest"
	"jocker/internal/ocitest"
)

// some is how many of many kills are made: all with FULL=1, which make test-full sets.
func some(few int) labtest.Sweep {
	if os.Getenv("FULL") != "" {
		return labtest.Sweep{Max: 2000}
	}
	return labtest.Sweep{Max: few}
}

// silent gives a command no input: each run of the sweep needs the same.
func silent(c labtest.Cmd) labtest.Cmd {
	c.Stdin = nil
	return c
}

// gone requires that after delete --force nothing of the container is left.
func gone(t *testing.T, r ocitest.Runtime, id string) {
	t.Helper()
	ok(t, r.Run(t, "delete", "--force", id))
	require.NoDirExists(t, filepath.Join(r.Root, id))
	for _, pattern := range []string{"/sys/fs/cgroup/" + id, "/sys/fs/cgroup/*/" + id} {
		left, err := filepath.Glob(pattern)
		require.NoError(t, err)
		require.Empty(t, left, "cgroups stay")
	}
}

// The runtime may die before each of its system calls: no process stays, what stays is a state that can be read, and
// delete --force removes it.
func TestKilledRun(t *testing.T) {
	labtest.Snapshot(t)
	r := ocitest.UnderTest(t)
	bundle := ocitest.NewBundle(t, program("true"))
	kills := labtest.KillAtEverySyscall(t, some(120), silent(r.Cmd("run", "--bundle", bundle, "killed-run")), func() {
		if _, err := os.Stat(filepath.Join(r.Root, "killed-run")); err == nil {
			require.EqualValues(t, "stopped", state(t, r, "killed-run").Status)
		}
		gone(t, r, "killed-run")
	})
	require.Greater(t, kills, 10)
}

// Neither does a delete that dies leave anything that a second one cannot remove.
func TestKilledDelete(t *testing.T) {
	labtest.Snapshot(t)
	r := ocitest.UnderTest(t)
	bundle := ocitest.NewBundle(t, program("true"))
	make := func() {
		ok(t, r.Run(t, "run", "--keep", "--bundle", bundle, "killed-delete"))
	}
	make()
	kills := labtest.KillAtEverySyscall(t, some(60), silent(r.Cmd("delete", "killed-delete")), func() {
		gone(t, r, "killed-delete")
		make()
	})
	require.Greater(t, kills, 10)
	gone(t, r, "killed-delete")
}

// An exec that dies leaves the container as it was, and no process of its own.
func TestKilledExec(t *testing.T) {
	labtest.Snapshot(t)
	r := ocitest.UnderTest(t)
	ok(t, r.Create(t, "killed-exec", ocitest.NewBundle(t, program("sleep", "1000"))))
	ok(t, r.Run(t, "start", "killed-exec"))
	kills := labtest.KillAtEverySyscall(t, some(60), silent(r.Cmd("exec", "killed-exec", "true")), func() {
		require.EqualValues(t, "running", state(t, r, "killed-exec").Status)
	})
	require.Greater(t, kills, 10)
}

// Init may die at any moment as well; then run says so, and removes everything.
func TestKilledInit(t *testing.T) {
	labtest.Snapshot(t)
	r := ocitest.UnderTest(t)
	bundle := ocitest.NewBundle(t, program("true"))
	rounds := 60
	if os.Getenv("FULL") != "" {
		rounds = 600
	}
	whole := ok(t, r.Run(t, "run", "--bundle", bundle, "killed-init")).Duration // a busy machine is slower
	stages := map[string]int{}
	for i := 0; i < rounds || len(stages) < 3 && i < 10*rounds; i++ {
		p := r.Cmd("run", "--bundle", bundle, "killed-init").Start(t)
		delay := time.Duration(rand.Int63n(int64(whole / 2)))
		if pid := childOf(p.Pid, 2*time.Second); pid != 0 {
			for until := time.Now().Add(delay); time.Now().Before(until); {
			}
			cmdline, _ := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid))
			if _, stage, is := strings.Cut(strings.Trim(string(cmdline), " \x00"), "killed-init:"); is {
				stages[strings.TrimSpace(stage)]++
			}
			unix.Kill(pid, unix.SIGKILL)
		}
		result := p.Wait()
		require.Contains(t, []int{0, 1, 137}, result.Code, result) // ended before, during its preparation, or as the program
		if result.Code == 1 {
			require.Regexp(t, "init died|cannot start a container that has stopped: it was killed", result.Stderr)
		}
		entries, err := os.ReadDir(r.Root)
		require.NoError(t, err)
		require.Empty(t, entries)
		gone(t, r, "killed-init")
	}
	names := make([]string, 0, len(stages))
	for s := range stages {
		names = append(names, s)
	}
	sort.Strings(names)
	t.Logf("killed in the stages %q", names)
	require.Greater(t, len(names), 2, "of the stages that ps shows, too few were met")
}

// childOf waits for a child of a process.
func childOf(pid int, limit time.Duration) int {
	path := fmt.Sprintf("/proc/%d/task/%d/children", pid, pid)
	for until := time.Now().Add(limit); time.Now().Before(until); {
		raw, err := os.ReadFile(path)
		if err != nil {
			return 0
		}
		if fields := strings.Fields(string(raw)); len(fields) > 0 {
			child, _ := strconv.Atoi(fields[0])
			return child
		}
	}
	return 0
}

// Fifty at once, of which each is removed while the next are made, don't hinder one another.
func TestManyAtOnce(t *testing.T) {
	labtest.Snapshot(t)
	r := ocitest.UnderTest(t)
	bundle := ocitest.NewBundle(t, func(s *specs.Spec) { s.Process.Args = []string{"true"} })
	var all []*labtest.Process
	for i := 0; i < 50; i++ {
		all = append(all, r.Cmd("run", "--bundle", bundle, fmt.Sprintf("many-%d", i)).Start(t))
	}
	for _, p := range all {
		ok(t, p.Wait())
	}
	// And of fifty with the same name, all but one are refused, or come one after the other.
	all = nil
	for i := 0; i < 50; i++ {
		all = append(all, r.Cmd("run", "--bundle", bundle, "same").Start(t))
	}
	succeeded := 0
	for _, p := range all {
		if result := p.Wait(); result.Code == 0 {
			succeeded++
		} else {
			require.Contains(t, result.Stderr, "already exists", result)
		}
	}
	require.Positive(t, succeeded)
	gone(t, r, "same")
}

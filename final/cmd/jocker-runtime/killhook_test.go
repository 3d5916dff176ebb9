package main_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/opencontainers/runtime-spec/specs-go"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"jocker/internal/labtest"
	"jocker/internal/ocitest"
)

// TestKilledDuringHook kills while a hook runs that will not end before its time-out. If the runtime dies nobody looks at that any more,
// so the hook has to go with it; and if init dies the runtime says so, at the latest when the time is over.
func TestKilledDuringHook(t *testing.T) {
	for _, test := range []struct {
		kind, before string
		args         []string
	}{
		{"createRuntime", "", []string{"create", "--bundle", "BUNDLE", "ID"}},
		{"createContainer", "", []string{"create", "--bundle", "BUNDLE", "ID"}},
		{"startContainer", "created", []string{"start", "ID"}},
		{"poststart", "created", []string{"start", "ID"}},
		{"poststop", "stopped", []string{"delete", "ID"}},
	} {
		for _, victim := range []string{"runtime", "init"} {
			if test.kind == "poststop" && victim == "init" {
				continue // it is dead
			}
			t.Run(test.kind+"/"+victim, func(t *testing.T) {
				labtest.Snapshot(t)
				w := newWalk(t)
				w.rewrite(func(s *specs.Spec) {
					timeout := 1
					slow := []specs.Hook{{Path: "/bin/sh", Args: []string{"sh", "-c", "exec sleep 86399"}, Env: []string{"PATH=/usr/bin:/bin"}, Timeout: &timeout}}
					*map[string]*[]specs.Hook{"createRuntime": &s.Hooks.CreateRuntime, "createContainer": &s.Hooks.CreateContainer,
						"startContainer": &s.Hooks.StartContainer, "poststart": &s.Hooks.Poststart, "poststop": &s.Hooks.Poststop}[test.kind] = slow
				})
				before := w.host()
				w.first = w.prepare(test.before, false)
				command := w.clean.Cmd(w.arguments(trial{args: test.args})...)
				command.Stdin = nil
				p := w.quiet(command).Start(t)
				labtest.Until(t, "the hook runs", func() bool { return findProcess("sleep 86399") != 0 })
				if w.first == 0 {
					w.first = w.recorded()
				}
				if pid := w.first; victim == "init" {
					require.NoError(t, unix.Kill(pid, unix.SIGKILL))
				} else {
					p.Signal(unix.SIGKILL)
				}
				code := p.Wait().Code
				labtest.Until(t, "the hook has ended", func() bool { return findProcess("sleep 86399") == 0 })
				w.settle(func() bool { return w.state() == w.truth() && w.truth() != "creating" })
				if victim == "runtime" {
					require.Equal(t, 137, code)
				} else {
					output, err := os.ReadFile(filepath.Join(w.bundle, "output"))
					require.NoError(t, err)
					require.Equal(t, 1, code, string(output))
					require.Regexp(t, "was not done within its time-out of 1 s|has stopped|died", string(output))
				}
				ok(t, w.clean.Run(t, "delete", "--force", w.id))
				require.Equal(t, before, w.host())
			})
		}
	}
}

// rewrite makes another bundle, edited once more.
func (w *walk) rewrite(edit func(*specs.Spec)) {
	w.bundle = ocitest.NewBundle(w.t, func(s *specs.Spec) { w.edit(s); edit(s) })
}

// findProcess finds a process by its command line; it is 0 if there is none.
func findProcess(cmdline string) int {
	dirs, _ := filepath.Glob("/proc/[0-9]*")
	for _, dir := range dirs {
		var pid int
		fmt.Sscan(filepath.Base(dir), &pid)
		if strings.Join(labtest.Cmdline(pid), " ") == cmdline {
			return pid
		}
	}
	return 0
}

package main

import (
	"strings"
	"testing"

	"jocker/internal/labtest"

	"github.com/stretchr/testify/require"
)

func TestMain(m *testing.M) { labtest.Main(m) }

// often is how many times a check is made that could pass by luck.
const often = 50

// begin begins a test: whatever happens in it, the host stays as it is.
func begin(t *testing.T) { labtest.Snapshot(t) }

// command is the lab's command line for a program, and options such as "-m 100m".
func command(t *testing.T, options string, program ...string) labtest.Cmd {
	args := append([]string{lab, "run"}, strings.Fields(options)...)
	return labtest.Cmd{Args: append(args, program...)}
}

func TestTerminal(t *testing.T) {
	labtest.Snapshot(t)
	c := command(t, "-ti -m 100m -cpuset 1 -cpushare 512", "sh")
	c.Env = []string{"PS1=> "}
	s := c.Pty(t)
	s.Expect("> ")
	s.Send("echo pid=$$; grep Cpus_allowed_list /proc/self/status\n")
	s.Expect("pid=1\nCpus_allowed_list:\t1\n> ")
	s.Send("sleep 100\n")
	s.Expect("sleep 100\n")
	workload(t, workload(t, s.Pid, "sh"), "sleep")
	s.Send("\x03") // Ctrl-C ends the sleep, not the shell, and not the lab
	s.Expect("> ")
	s.Send("exit 3\n")
	require.Equal(t, 3, s.Wait(), s.Output())
}

package main

import (
	"os"
	"slices"
	"strings"
	"testing"

	"jocker/internal/labtest"

	"github.com/stretchr/testify/require"
)

// mistakes lists the bad input that came with this lab: the arguments, the exit code, and what stands on stderr.
var mistakes = []struct {
	args string
	code int
	text string
}{
	{"", 125, "which command?\n" + usage},
	{"walk", 125, "there is no command \"walk\"\n" + usage},
	{"init true", 125, "init is for the inside of a container, `run` calls it: outside, it would remount your /proc"},
	{"run", 125, "which program shall run?\n" + usage},
	{"run -x true", 125, "flag provided but not defined: -x\n" + usage},
	{"run no-such-program", 127, "no-such-program: no such program in PATH=" + os.Getenv("PATH")},
	{"run /etc", 126, "/etc: is a directory, not a program"},
	{"run /etc/passwd", 126, "/etc/passwd: is not executable (chmod +x makes it so)"},

	{"run -m 0 true", 125, "-m 0: a memory limit is a whole number above 0 of bytes, or of k, m or g: 104857600, 102400k, 100m, 1g"},

	{"run -cpushare 0 true", 125, "-cpushare 0: a number from 2 to 262144 is wanted, 1024 is the usual"},
	{"run -cpushare 1 true", 125, "-cpushare 1: a number from 2 to 262144 is wanted, 1024 is the usual"},
	{"run -cpushare 262145 true", 125, "-cpushare 262145: a number from 2 to 262144 is wanted, 1024 is the usual"},
	{"run -cpushare -3 true", 125, "-cpushare -3: a number from 2 to 262144 is wanted, 1024 is the usual"},
	{"run -cpushare 1k true", 125, "-cpushare 1k: a number from 2 to 262144 is wanted, 1024 is the usual"},
	{"run -cpushare 18446744073709551616 true", 125, "-cpushare 18446744073709551616: a number from 2 to 262144 is wanted, 1024 is the usual"},

	{"run -cpuset 9999 true", 125, "-cpuset 9999: this machine has no processor \"9999\" (a list such as 0-1,3 is wanted)"},
	{"run -cpuset 0-9999 true", 125, "-cpuset 0-9999: this machine has no processor \"9999\" (a list such as 0-1,3 is wanted)"},
	{"run -cpuset a,b true", 125, "-cpuset a,b: this machine has no processor \"a\" (a list such as 0-1,3 is wanted)"},
	{"run -cpuset 0,-1 true", 125, "-cpuset 0,-1: this machine has no processor \"\" (a list such as 0-1,3 is wanted)"},
	{"run -cpushare= true", 125, "-cpushare : a number from 2 to 262144 is wanted, 1024 is the usual"},
	{"run -cpushare 0.5 true", 125, "-cpushare 0.5: a number from 2 to 262144 is wanted, 1024 is the usual"},
	{"run -cpuset= true", 125, "-cpuset : this machine has no processor \"\" (a list such as 0-1,3 is wanted)"},
	{"run -cpuset , true", 125, "-cpuset ,: this machine has no processor \"\" (a list such as 0-1,3 is wanted)"},
}

// TestBadInput: each mistake gets one sentence with its cause and remedy, and leaves nothing behind.
func TestBadInput(t *testing.T) {
	labtest.Snapshot(t)
	for _, m := range mistakes {
		r := labtest.Run(t, append([]string{lab}, strings.Fields(m.args)...)...)
		require.Equal(t, m.code, r.Code, "%s %s: %s", lab, m.args, r)
		said := slices.DeleteFunc(strings.SplitAfter(r.Stderr, "\n"), func(line string) bool { // what is said if all goes well, too
			line = strings.TrimPrefix(line, lab+": ")
			return strings.HasPrefix(line, "cgroup /") || strings.HasPrefix(line, "enabled ") || strings.HasPrefix(line, "verdict: ")
		})
		require.Equal(t, lab+": "+m.text+"\n", strings.Join(said, ""), "%s %s", lab, m.args)
		require.Empty(t, r.Stdout, m.args)
	}
}

func TestNotRoot(t *testing.T) {
	labtest.Snapshot(t)
	c := command(t, "-m 100m", "true")
	c.User = 65534
	r := c.Run(t)
	require.Equal(t, 125, r.Code, r)
	require.Regexp(t, `^`+lab+`: .* permission denied: only root may do this here; try sudo\n$`, r.Stderr)
}

package main

import (
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"jocker/internal/labtest"
)

// someTools is a folder with these programs and no others, to be the PATH.
func someTools(t *testing.T, names ...string) string {
	t.Helper()
	dir := t.TempDir()
	for _, name := range names {
		need(t, name, "coreutils dash")
		for _, from := range []string{"/usr/bin/", "/bin/"} {
			if os.Symlink(from+name, filepath.Join(dir, name)) == nil {
				break
			}
		}
	}
	return dir
}

// On a machine without stress the built-in load does the same and says so.
func TestWithoutStress(t *testing.T) {
	labtest.Snapshot(t)
	r := labtest.Cmd{
		Args: []string{"lab01", "run", "-m", "30m", "stress", "--vm-bytes", "60m", "--vm-keep", "-m", "1"},
		Env:  []string{"PATH=" + someTools(t, "sh", "cat", "rmdir", "sleep")},
	}.Run(t)
	require.Equal(t, 1, r.Code, r)
	require.Regexp(t, `^lab01: stress is not installed \(apt-get install stress\): lab01 load takes its place
lab01: cgroup .*
lab01: memory.* = 31457280
(?:lab01: memory.* = .*\n)?lab01: load: 1 worker\(s\) of 60.0 MiB
lab01: load: worker \d+: signal: killed
lab01: verdict: out of memory, the kernel killed 1 at the limit \(peak use 30.0 MiB\); a higher -m lets it live
$`, r.Stderr)
}

// With a link of that name it can take the place of stress everywhere, in lab02's commands for instance.
func TestCalledAsStress(t *testing.T) {
	labtest.Snapshot(t)
	stress := filepath.Join(t.TempDir(), "stress")
	require.NoError(t, os.Symlink(labtest.Bin(t, "lab01"), stress))
	require.Equal(t, 0, labtest.Run(t, stress, "--vm-bytes", "10m", "--vm-keep", "-m", "1", "-t", "0s").Code)
	r := labtest.Cmd{
		Args: []string{"lab01", "run", "-m", "30m", "stress", "--vm-bytes", "60m", "-m", "1"},
		Env:  []string{"PATH=" + filepath.Dir(stress) + ":" + os.Getenv("PATH")},
	}.Run(t)
	require.Equal(t, 1, r.Code, r)
	require.NotContains(t, r.Stderr, "not installed")
	require.Contains(t, r.Stderr, "the kernel killed 1 at the limit (peak use 30.0 MiB)")
}

var bar = regexp.MustCompile(`(?m)^ *(\d+\.\d) ([KM])iB \|(#*)( *)\| 60\.0 MiB$`)

// The bars grow from one to the next, in proportion to the memory that they stand for, until the kill ends them; the
// last may show the memory after the kill. Nothing is drawn after the verdict.
func TestPlot(t *testing.T) {
	labtest.Snapshot(t)
	r := labtest.Run(t, "lab01", "run", "-m", "60m", "-plot", "load", "--vm-bytes", "200m", "--step", "5m", "--every", "50ms")
	require.Equal(t, 1, r.Code, r)
	bars := bar.FindAllStringSubmatch(r.Stderr, -1)
	require.GreaterOrEqual(t, len(bars), 4, r)
	longest := 0
	for i, b := range bars {
		used, err := strconv.ParseFloat(b[1], 64)
		require.NoError(t, err)
		if b[2] == "K" {
			used /= 1024
		}
		require.InDelta(t, used*50/60, len(b[3]), 1, b[0])
		require.Len(t, b[3]+b[4], 50, b[0])
		require.True(t, len(b[3]) >= longest || i == len(bars)-1, r)
		longest = max(longest, len(b[3]))
	}
	require.Greater(t, longest, 25, r)
	require.Regexp(t, `load: worker \d+: signal: killed\n(?:.* MiB\n)?lab01: verdict: out of memory, .*\n$`, r.Stderr)
	require.Empty(t, r.Stdout)
}

// Without a limit the scale is what is used.
func TestPlotWithoutLimit(t *testing.T) {
	labtest.Snapshot(t)
	r := labtest.Run(t, "lab01", "run", "-plot", "sleep", "0.5")
	require.Equal(t, 0, r.Code, r)
	require.Regexp(t, `(?m)^ +\d+\.\d KiB \|#{50}\| \d+\.\d KiB$`, r.Stderr)
}

func TestLoadWorkers(t *testing.T) {
	labtest.Snapshot(t)
	p := labtest.Cmd{Args: []string{"lab01", "load", "--vm-bytes", "8m", "-m", "3"}}.Start(t)
	resident := func(pid int) int {
		statm, _ := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/statm")
		fields := strings.Fields(string(statm))
		if len(fields) < 2 {
			return 0
		}
		pages, _ := strconv.Atoi(fields[1])
		return pages * os.Getpagesize()
	}
	labtest.Until(t, "three workers hold 8 MiB each", func() bool {
		full := 0
		for _, worker := range labtest.Children(p.Pid) {
			if resident(worker) > 8<<20 {
				full++
			}
		}
		return full == 3
	})
	workers := labtest.Children(p.Pid)
	p.Signal(syscall.SIGKILL)
	require.Equal(t, 137, p.Wait().Code)
	within(t, 2*time.Second, "the workers are gone as well", func() bool {
		return isGone(workers[0]) && isGone(workers[1]) && isGone(workers[2])
	})
}

func TestLoadOptions(t *testing.T) {
	for name, c := range map[string]struct {
		args   []string
		code   int
		stderr string
		least  time.Duration
	}{
		"time":            {[]string{"--vm-bytes", "1m", "-t", "1"}, 0, "lab01: load: 1 worker(s) of 1.0 MiB\n", time.Second},
		"time as stress":  {[]string{"--vm-bytes", "1m", "--vm-keep", "-t", "1s"}, 0, "lab01: load: 1 worker(s) of 1.0 MiB\n", time.Second},
		"no worker":       {[]string{"-m", "0"}, 0, "lab01: load: 0 worker(s) of 256.0 MiB\n", 0},
		"quiet":           {[]string{"-q", "-t", "0"}, 0, "", 0},
		"negative number": {[]string{"-m", "-1"}, 125, "lab01: load: invalid value \"-1\" for flag -m: parse error\n" + usage + "\n", 0},
		"bad size": {[]string{"--vm-bytes", "abc"}, 125,
			"lab01: load: --vm-bytes abc: a whole number above 0 of bytes, or of k, m or g, is wanted\n", 0},
		"bad step": {[]string{"--step", "0"}, 125,
			"lab01: load: --step 0: a whole number above 0 of bytes, or of k, m or g, is wanted\n", 0},
		"bad time":     {[]string{"-t", "soon"}, 125, "lab01: load: -t soon: a whole number of seconds is wanted\n", 0},
		"stray word":   {[]string{"100m", "-t", "1"}, 125, "lab01: load: what is \"100m\"? Only options are wanted\n" + usage + "\n", 0},
		"unknown flag": {[]string{"--cpu", "1"}, 125, "lab01: load: flag provided but not defined: -cpu\n" + usage + "\n", 0},
	} {
		t.Run(name, func(t *testing.T) {
			labtest.Snapshot(t)
			r := labtest.Run(t, append([]string{"lab01", "load"}, c.args...)...)
			require.Equal(t, c.code, r.Code, r)
			require.Equal(t, c.stderr, r.Stderr)
			require.GreaterOrEqual(t, r.Duration, c.least)
			require.Less(t, r.Duration, labtest.Scale(c.least+2*time.Second))
		})
	}
}

// More than the machine can have is refused when it is asked for.
func TestLoadTooMuch(t *testing.T) {
	labtest.Snapshot(t)
	r := labtest.Run(t, "lab01", "load", "--vm-bytes", "8000000000g")
	require.Equal(t, 1, r.Code, r)
	require.Regexp(t, `\nlab01: load: mmap of 8000000000.0 GiB: cannot allocate memory\nlab01: load: worker \d+: exit status 1\n$`, r.Stderr)
}

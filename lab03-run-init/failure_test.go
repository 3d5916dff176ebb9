package main

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"jocker/internal/labtest"
)

// Each mistake has its sentence. What is found out before a container is made is compared as a whole.
func TestMistakes(t *testing.T) {
	type mistake struct {
		args    []string
		message string
	}
	mistakes := map[string]mistake{
		"nothing":       {nil, "which command?\n" + usage},
		"wrong command": {[]string{"start"}, "there is no command \"start\"\n" + usage},
		"no program":    {[]string{"run", "-ti", "-m", "100m"}, "which program shall run?\n" + usage},
		"unknown flag":  {[]string{"run", "-it", "true"}, "flag provided but not defined: -it\n" + usage},
		"flag lacks":    {[]string{"run", "-m"}, "flag needs an argument: -m\n" + usage},
	}
	for _, limit := range []string{"0", "-5m", "abc", "100MB", "0.5g", "", "9999999999999g"} {
		mistakes["-m "+limit] = mistake{[]string{"run", "-m", limit, "true"}, "-m " + limit +
			": a memory limit is a whole number above 0 of bytes, or of k, m or g: 104857600, 102400k, 100m, 1g"}
	}
	for name, m := range mistakes {
		t.Run(name, func(t *testing.T) {
			labtest.Snapshot(t)
			r := labtest.Run(t, append([]string{"lab03"}, m.args...)...)
			require.Equal(t, "lab03: "+m.message+"\n", r.Stderr)
			require.Equal(t, 125, r.Code)
			require.Empty(t, r.Stdout)
		})
	}
}

// What init finds out stands between the lines about the cgroup.
func TestProgramThatCannotRun(t *testing.T) {
	dir := t.TempDir()
	plain, garbage, orphan := filepath.Join(dir, "plain"), filepath.Join(dir, "garbage"), filepath.Join(dir, "orphan")
	require.NoError(t, os.WriteFile(plain, nil, 0o644))
	require.NoError(t, os.WriteFile(garbage, []byte("\x7fno program"), 0o755))
	require.NoError(t, os.WriteFile(orphan, []byte("#!/no/such/interpreter\n"), 0o755))
	for name, c := range map[string]struct {
		program string
		code    int
		message string
	}{
		"a directory":     {"/usr", 126, "/usr: is a directory, not a program"},
		"not executable":  {plain, 126, plain + ": is not executable (chmod +x makes it so)"},
		"no format":       {garbage, 126, "execve " + garbage + ": exec format error"},
		"no interpreter":  {orphan, 126, "execve " + orphan + ": no such file or directory"},
		"not there":       {"/no/such", 127, "/no/such: no such program in PATH=" + os.Getenv("PATH")},
		"not in the PATH": {"no-such-program", 127, "no-such-program: no such program in PATH=" + os.Getenv("PATH")},
		"empty name":      {"", 127, ": no such program in PATH=" + os.Getenv("PATH")},
	} {
		t.Run(name, func(t *testing.T) {
			labtest.Snapshot(t)
			r := labtest.Run(t, "lab03", "run", "--", c.program)
			require.Equal(t, c.code, r.Code, r)
			require.Empty(t, r.Stdout)
			require.Regexp(t, `^(?:lab03: enabled .*\n)?lab03: cgroup \S+\nlab03: no limit \(-m sets one\)\nlab03: `+regexp.QuoteMeta(c.message)+
				`\nlab03: verdict: the kernel killed nobody \(.*\)\n$`, r.Stderr)
		})
	}
}

func TestNotRoot(t *testing.T) {
	labtest.Snapshot(t)
	p := labtest.Cmd{Args: []string{"lab03", "run", "true"}, User: 65534}.Start(t)
	r := p.Wait()
	require.Equal(t, 125, r.Code, r)
	require.Equal(t, "lab03: "+firstStep(t, p.Pid)+": permission denied: only root may do this here; try sudo\n", r.Stderr)
}

// 32 PID namespaces may lie in one another, below the first. The labs' own is then one too many.
func TestTooManyPIDNamespaces(t *testing.T) {
	need(t, "unshare", "util-linux")
	labtest.Snapshot(t)
	var r labtest.Result
	for depth := 32; depth > 24; depth-- { // fewer, if the tests are in one themselves
		args := strings.Fields(strings.Repeat("unshare --pid --fork ", depth))
		r = labtest.Run(t, append(args, labtest.Bin(t, lab), "run", "true")...)
		if !strings.Contains(r.Stderr, "unshare:") {
			break
		}
	}
	require.Equal(t, 125, r.Code, r)
	require.Regexp(t, `\nlab03: fork/exec /proc/self/exe: no space left on device: namespaces need root `+
		`\(and at most 32 PID namespaces in one another\)\n$`, r.Stderr)
}

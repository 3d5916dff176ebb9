package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"jocker/internal/labtest"
)

// Each mistake has its sentence. It is compared as a whole: the cause, the remedy, and nothing else.
func TestMistakes(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	require.NoError(t, os.WriteFile(file, nil, 0o644))
	type mistake struct {
		args    []string
		code    int
		message string
	}
	mistakes := map[string]mistake{
		"nothing":         {nil, 125, "which program shall run?\n" + usage},
		"no program":      {[]string{"-uts", "-m", "100m"}, 125, "which program shall run?\n" + usage},
		"unknown flag":    {[]string{"-x", "true"}, 125, "flag provided but not defined: -x\n" + usage},
		"flag lacks":      {[]string{"-uts", "-m"}, 125, "flag needs an argument: -m\n" + usage},
		"not a switch":    {[]string{"-pid=maybe", "true"}, 125, "invalid boolean value \"maybe\" for -pid: parse error\n" + usage},
		"a directory":     {[]string{"-uts", "/usr"}, 126, "/usr: is a directory, not a program"},
		"not executable":  {[]string{"-uts", file}, 126, file + ": is not executable (chmod +x makes it so)"},
		"not there":       {[]string{"-pid", "/no/such"}, 127, "/no/such: no such program in PATH=" + os.Getenv("PATH")},
		"not in the PATH": {[]string{"no-such-program"}, 127, "no-such-program: no such program in PATH=" + os.Getenv("PATH")},
	}
	for _, limit := range []string{"0", "-5m", "abc", "100MB", "0.5g", "", "9999999999999g"} {
		mistakes["-m "+limit] = mistake{[]string{"-m", limit, "true"}, 125, "-m " + limit +
			": a memory limit is a whole number above 0 of bytes, or of k, m or g: 104857600, 102400k, 100m, 1g"}
	}
	for name, m := range mistakes {
		t.Run(name, func(t *testing.T) {
			labtest.Snapshot(t)
			r := labtest.Run(t, append([]string{"lab02"}, m.args...)...)
			require.Equal(t, "lab02: "+m.message+"\n", r.Stderr)
			require.Equal(t, m.code, r.Code)
			require.Empty(t, r.Stdout)
		})
	}
}

// A file that no kernel can execute is found out inside.
func TestBadFormat(t *testing.T) {
	labtest.Snapshot(t)
	file := filepath.Join(t.TempDir(), "file")
	require.NoError(t, os.WriteFile(file, []byte("\x7fno program"), 0o755))
	r := labtest.Run(t, "lab02", "-pid", file)
	require.Equal(t, 126, r.Code, r)
	require.Regexp(t, `shared\nlab02: fork/exec `+file+`: exec format error\n$`, r.Stderr)
}

func TestNotRoot(t *testing.T) {
	const needRoot = "operation not permitted: new namespaces need root; an ordinary user adds -user, unless the machine forbids that too\n"
	for _, kind := range []string{"-uts", "-ipc", "-pid", "-mnt", "-net", "-cgroup"} {
		t.Run(kind, func(t *testing.T) {
			labtest.Snapshot(t)
			r := labtest.Cmd{Args: []string{"lab02", kind, "true"}, User: 65534}.Run(t)
			require.Equal(t, 125, r.Code, r)
			if kind == "-cgroup" {
				require.Equal(t, "lab02: unshare(CLONE_NEWCGROUP): "+needRoot, r.Stderr)
			} else {
				require.Equal(t, "lab02: fork/exec /proc/self/exe: "+needRoot, r.Stderr)
			}
		})
	}
	t.Run("-m", func(t *testing.T) {
		labtest.Snapshot(t)
		p := labtest.Cmd{Args: []string{"lab02", "-user", "-m", "100m", "true"}, User: 65534}.Start(t)
		r := p.Wait()
		require.Equal(t, 125, r.Code, r)
		require.Equal(t, "lab02: "+firstStep(t, p.Pid)+": permission denied: only root may do this here; try sudo\n", r.Stderr)
	})
	t.Run("no flags", func(t *testing.T) {
		labtest.Snapshot(t)
		r := labtest.Cmd{Args: []string{"lab02", "id", "-u"}, User: 65534}.Run(t)
		require.Equal(t, 0, r.Code, r)
		require.Equal(t, "65534\n", r.Stdout)
		require.NotContains(t, strings.ToLower(r.Stderr), "root")
	})
}

// The machine may forbid user namespaces, as it does below one that says so.
func TestUserNamespacesForbidden(t *testing.T) {
	need(t, "unshare", "util-linux")
	labtest.Snapshot(t)
	r := labtest.Cmd{
		Args: []string{"unshare", "-U", "-r", "sh", "-c", `echo 0 >/proc/sys/user/max_user_namespaces; exec "$LAB" -user -pid true`},
		Env:  []string{"LAB=" + labtest.Bin(t, lab)},
	}.Run(t)
	require.Equal(t, 125, r.Code, r)
	require.Equal(t, "lab02: fork/exec /proc/self/exe: no space left on device: new namespaces need root; "+
		"an ordinary user adds -user, unless the machine forbids that too\n", r.Stderr)
}

package differential

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"github.com/opencontainers/runtime-spec/specs-go"
	"github.com/stretchr/testify/require"

	"jocker/internal/labtest"
	"jocker/internal/ocitest"
)

// A visit is an exec into a running container.
type visit struct {
	name  string
	edit  func(*specs.Spec)    // of the container
	flags []string             // of exec
	args  []string             // nil: look
	file  func(*specs.Process) // written to a file for --process; nil: flags and args
}

// TestExec execs each visit under each runtime, in a container that sleeps.
func TestExec(t *testing.T) {
	labtest.Snapshot(t)
	runtimes := []ocitest.Runtime{ocitest.UnderTest(t), ocitest.Runc(t), ocitest.Crun(t)}
	t.Run("visits", func(t *testing.T) {
		for _, v := range visits {
			t.Run(v.name, func(t *testing.T) {
				t.Parallel()
				seen := make([]observation, len(runtimes))
				for i, r := range runtimes {
					result, bundle := v.run(t, r)
					seen[i] = observe(result, bundle)
					if result.Code != 0 {
						t.Logf("%s: %s", r.Name, result.Stderr)
					}
				}
				compare(t, seen[0], runtimes[1], seen[1])
				compare(t, seen[0], runtimes[2], seen[2])
			})
		}
	})
}

func (v visit) run(t *testing.T, r ocitest.Runtime) (labtest.Result, string) {
	t.Helper()
	bundle := ocitest.NewBundle(t, func(s *specs.Spec) {
		s.Process.Args = []string{"sleep", "60"}
		if v.edit != nil {
			v.edit(s)
		}
	})
	id := "trial-exec-" + v.name
	defer r.Delete(t, id) // the next runtime uses the same cgroup
	require.Equal(t, 0, r.Create(t, id, bundle).Code, r.Name)
	require.Equal(t, 0, r.Run(t, "start", id).Code, r.Name)
	command := append([]string{"exec"}, v.flags...)
	if v.file != nil {
		p := specs.Process{Cwd: "/", Env: []string{"PATH=/bin"}, Args: lookArgs}
		v.file(&p)
		raw, err := json.Marshal(p)
		require.NoError(t, err)
		path := filepath.Join(bundle, "process.json")
		require.NoError(t, os.WriteFile(path, raw, 0o644))
		return r.Run(t, append(command, "--process", path, id)...), bundle
	}
	args := v.args
	if args == nil {
		args = lookArgs
	}
	return r.Run(t, append(append(command, id), args...)...), bundle
}

var lookArgs = []string{"sh", "-c", "exec 2>&1; pwd; id; env; umask; echo tty: $(tty)" + look}

var visits = []visit{
	{name: "default"},
	{name: "exit-code", args: []string{"sh", "-c", "exit 42"}},
	{name: "killed", args: []string{"sh", "-c", "kill -KILL $$"}},
	{name: "no-program", args: []string{"no-such-program"}},
	{name: "not-executable", args: []string{"/etc/passwd"}},
	{name: "flag-like-arguments", args: []string{"echo", "-n", "--cwd", "x"}},
	{name: "env", flags: []string{"-e", "A=1", "-e", "B=two words", "-e", "A=2"}},
	{name: "cwd", flags: []string{"--cwd", "/tmp"}},
	{name: "cwd-missing", flags: []string{"--cwd", "/missing"}},
	{name: "user", flags: []string{"--user", "1000"}},
	{name: "user-group", flags: []string{"--user", "1000:2000"}},
	{name: "user-bad", flags: []string{"--user", "nobody"}},
	{name: "capability", flags: []string{"--cap", "CAP_SYS_PTRACE"}},
	{name: "no-new-privileges", edit: process(func(p *specs.Process) { p.NoNewPrivileges = false }), flags: []string{"--no-new-privs"}},
	{name: "seccomp", edit: filter(specs.ActErrno, nil, "mkdir", "mkdirat"), args: []string{"sh", "-c", "mkdir /dev/shm/x 2>&1; grep Seccomp /proc/self/status"}},
	{name: "cgroup-limits", edit: resources(func(r *specs.LinuxResources) { r.Pids = &specs.LinuxPids{Limit: ptr(int64(40))} })},
	{name: "user-namespace", edit: userNamespace, args: []string{"sh", "-c", "id; cat /proc/self/uid_map"}},
	{name: "process", file: func(p *specs.Process) { p.Cwd = "/tmp"; p.User.UID = 1000 }},
	{name: "process-limits", file: func(p *specs.Process) {
		p.Rlimits = []specs.POSIXRlimit{{Type: "RLIMIT_NOFILE", Soft: 64, Hard: 64}}
		p.OOMScoreAdj = ptr(222)
		p.NoNewPrivileges = true
	}},
	{name: "process-capabilities", file: func(p *specs.Process) {
		c := []string{"CAP_CHOWN"}
		p.Capabilities = &specs.LinuxCapabilities{Bounding: c, Effective: c, Permitted: c}
	}},
	{name: "process-terminal", file: func(p *specs.Process) { p.Terminal = true }, flags: []string{"--detach"}},
}

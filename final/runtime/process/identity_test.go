package process

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/opencontainers/runtime-spec/specs-go"
	"github.com/stretchr/testify/require"
)

var identityFields = []string{"Umask", "Uid", "Gid", "Groups", "CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb", "NoNewPrivs", "Seccomp"}

// runcDefault is the process of `runc spec`.
func runcDefault(args ...string) *specs.Process {
	caps := []string{"CAP_AUDIT_WRITE", "CAP_KILL", "CAP_NET_BIND_SERVICE"}
	return &specs.Process{
		Args: args, Cwd: "/", NoNewPrivileges: true,
		Env:          []string{"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "TERM=xterm"},
		Capabilities: &specs.LinuxCapabilities{Bounding: caps, Effective: caps, Permitted: caps},
		Rlimits:      []specs.POSIXRlimit{{Type: "RLIMIT_NOFILE", Hard: 1024, Soft: 1024}},
	}
}

func TestDefault(t *testing.T) {
	c := newChild(t)
	c.Process = runcDefault("sh", "-c", "cat /proc/self/status; ulimit -n; ulimit -Hn; hostname; pwd; env")
	c.Hostname = "runc"
	out := c.output(t)
	want := map[string]string{
		"Umask": "0022", "Uid": "0 0 0 0", "Gid": "0 0 0 0", "Groups": "",
		"CapInh": "0000000000000000", "CapPrm": "0000000020000420", "CapEff": "0000000020000420",
		"CapBnd": "0000000020000420", "CapAmb": "0000000000000000", "NoNewPrivs": "1", "Seccomp": "0",
	}
	require.Empty(t, cmp.Diff(want, fields(out, identityFields...)))
	_, rest, _ := strings.Cut(out, "nonvoluntary_ctxt_switches:")
	_, rest, _ = strings.Cut(rest, "\n")
	lines := strings.Split(strings.TrimSpace(rest), "\n")
	require.Equal(t, []string{"1024", "1024", "runc", "/"}, lines[:4])
	require.Contains(t, lines[4:], "HOME=/root")
}

package process

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/opencontainers/runtime-spec/specs-go"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

// identityFields are the lines of /proc/PID/status that say who a process is and what it may do.
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

func ptr[T any](v T) *T { return &v }

// What config.json says of a user is what the kernel says of the process.
func TestIdentity(t *testing.T) {
	net, kill := "CAP_NET_BIND_SERVICE", "CAP_KILL"
	const none = "0000000000000000"
	for name, test := range map[string]struct {
		user specs.User
		caps *specs.LinuxCapabilities
		nnp  bool
		want map[string]string
	}{
		"nothing": {
			want: map[string]string{
				"Umask": "0022", "Uid": "0 0 0 0", "Gid": "0 0 0 0", "Groups": "", "NoNewPrivs": "0", "Seccomp": "0",
				"CapInh": none, "CapPrm": none, "CapEff": none, "CapBnd": none, "CapAmb": none,
			},
		},
		"user": {
			user: specs.User{UID: 1000, GID: 2000, AdditionalGids: []uint32{3, 4}, Umask: ptr(uint32(0o77))},
			caps: &specs.LinuxCapabilities{Bounding: []string{net, kill}, Permitted: []string{net}, Effective: []string{net}},
			nnp:  true,
			want: map[string]string{
				"Umask": "0077", "Uid": "1000 1000 1000 1000", "Gid": "2000 2000 2000 2000", "Groups": "3 4", "NoNewPrivs": "1", "Seccomp": "0",
				"CapInh": none, "CapPrm": none, "CapEff": none, "CapBnd": "0000000000000420", "CapAmb": none,
			},
		},
		"user with ambient capabilities": {
			user: specs.User{UID: 1000, GID: 1000, AdditionalGids: []uint32{1000}},
			caps: &specs.LinuxCapabilities{
				Bounding: []string{net, kill}, Permitted: []string{net, kill}, Effective: []string{net, kill},
				Inheritable: []string{net}, Ambient: []string{net},
			},
			want: map[string]string{
				"Umask": "0022", "Uid": "1000 1000 1000 1000", "Gid": "1000 1000 1000 1000", "Groups": "1000", "NoNewPrivs": "0", "Seccomp": "0",
				"CapInh": "0000000000000400", "CapPrm": "0000000000000400", "CapEff": "0000000000000400",
				"CapBnd": "0000000000000420", "CapAmb": "0000000000000400",
			},
		},
		"root with less in bounding than permitted": {
			caps: &specs.LinuxCapabilities{Bounding: []string{net}, Permitted: []string{net, kill}, Effective: []string{net, kill}},
			want: map[string]string{
				"Umask": "0022", "Uid": "0 0 0 0", "Gid": "0 0 0 0", "Groups": "", "NoNewPrivs": "0", "Seccomp": "0",
				"CapInh": none, "CapPrm": "0000000000000400", "CapEff": "0000000000000400", "CapBnd": "0000000000000400", "CapAmb": none,
			},
		},
	} {
		t.Run(name, func(t *testing.T) {
			c := newChild(t, "cat", "/proc/self/status")
			c.Process.User, c.Process.Capabilities, c.Process.NoNewPrivileges = test.user, test.caps, test.nnp
			require.Empty(t, cmp.Diff(test.want, fields(c.output(t), identityFields...)))
		})
	}
}

// The program is looked up with the rights that execve will look at.
func TestLookUpWithCapabilities(t *testing.T) {
	override := []string{"CAP_DAC_OVERRIDE"}
	c := newChild(t, "/bin/busybox", "echo", "here")
	c.Root = busybox(t, nil)
	require.NoError(t, os.Chmod(c.Root+"/bin/busybox", 0o700))
	c.Process.User.UID, c.Process.User.GID = 1000, 1000
	c.Process.Capabilities = &specs.LinuxCapabilities{Bounding: override, Permitted: override, Effective: override, Inheritable: override, Ambient: override}
	require.Equal(t, "here\n", c.output(t))
	c.cmd, c.Process.Capabilities = newChild(t).cmd, nil
	require.Equal(t, `find the program: exec: "/bin/busybox": permission denied (EACCES): user 1000 of group 1000 may not execute it `+
		"(mode 0700, owner 0:0); change its mode or its owner", c.fails(t))
}

// What can't be granted is left out, with a warning, as the specification wants it.
func TestNotGrantable(t *testing.T) {
	c := newChild(t, "cat", "/proc/self/status")
	c.Process.Capabilities = &specs.LinuxCapabilities{
		Bounding: []string{"CAP_KILL"}, Permitted: []string{"CAP_KILL"}, Effective: []string{"CAP_KILL", "CAP_CHOWN"}, Ambient: []string{"CAP_KILL"},
	}
	out, talk, code := c.run(t)
	require.Zero(t, code)
	require.Equal(t, "warning: process.capabilities.effective: CAP_CHOWN cannot be granted: it is not in the permitted set\n"+
		"warning: process.capabilities.ambient: CAP_KILL cannot be granted: it is not in both the permitted and the inheritable set\n", talk)
	require.Equal(t, "0000000000000020", fields(out, "CapEff")["CapEff"])
}

// In a user namespace that denies setgroups, a process keeps its groups, and gets no others.
func TestUserNamespace(t *testing.T) {
	inside := func(args ...string) *child {
		c := newChild(t, args...)
		c.UserNamespace = true
		c.cmd.SysProcAttr.Cloneflags |= syscall.CLONE_NEWUSER
		c.cmd.SysProcAttr.UidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: 0, Size: 10}}
		c.cmd.SysProcAttr.GidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: 0, Size: 10}}
		return c
	}
	c := inside("cat", "/proc/self/setgroups")
	require.Equal(t, "deny\n", c.output(t))

	c = inside("cat")
	c.Process.User.AdditionalGids = []uint32{5}
	require.Equal(t, "become user 0 of group 0: setgroups([5]): operation not permitted (EPERM): the user namespace denies it, for its group map was "+
		"written without rights; map the groups with newgidmap (an entry in /etc/subgid), or leave out process.user.additionalGids", c.fails(t))

	c = inside("cat")
	c.cmd.SysProcAttr.GidMappingsEnableSetgroups = true
	c.Process.User.AdditionalGids = []uint32{500}
	require.Equal(t, "become user 0 of group 0: setgroups([500]): invalid argument (EINVAL): "+
		"the user namespace maps no such group; add it to linux.gidMappings", c.fails(t))

	c = inside("cat")
	c.Process.User.UID = 1000
	require.Equal(t, "become user 1000 of group 0: setresuid(1000, 1000, 1000): invalid argument (EINVAL): "+
		"the user namespace maps no such user; add it to linux.uidMappings", c.fails(t))
}

// A pipe that the engine made is the user's to open again by its path.
func TestStdio(t *testing.T) {
	before, err := os.Stat("/dev/null")
	require.NoError(t, err)
	c := newChild(t, "sh", "-c", "echo here > /dev/stdout; stat -Lc %u /dev/fd/1")
	c.Process.User = specs.User{UID: 4321, GID: 4321}
	require.Equal(t, "here\n4321\n", c.output(t))
	after, err := os.Stat("/dev/null") // standard input
	require.NoError(t, err)
	require.Equal(t, before.Sys().(*syscall.Stat_t).Uid, after.Sys().(*syscall.Stat_t).Uid, "a device was given away")
}

// `exec --user` by name, with the container's files.
func TestExecUser(t *testing.T) {
	root := busybox(t, map[string]string{
		"etc/passwd": "root:x:0:0:root:/root:/bin/sh\nweb:x:1001:1002:Web:/srv/web:/bin/sh\n",
		"etc/group":  "root:x:0:\nstaff:x:50:nobody,web\nwebs:x:1002:\n",
	})
	require.NoError(t, os.MkdirAll(filepath.Join(root, "dev"), 0o755)) // in place of the host's, which is the child's standard input
	require.NoError(t, unix.Mknod(filepath.Join(root, "dev/null"), unix.S_IFCHR|0o666, int(unix.Mkdev(1, 3))))
	for request, want := range map[string]string{
		"web":       "uid=1001(web) gid=1002(webs) groups=50(staff),1002(webs)\nHOME=/srv/web\n",
		"web:staff": "uid=1001(web) gid=50(staff) groups=50(staff)\nHOME=/srv/web\n",
		"1001":      "uid=1001(web) gid=7 groups=8\nHOME=/srv/web\n",
		"5:6":       "uid=5 gid=6 groups=8\nHOME=/\n",
	} {
		c := newChild(t, "/bin/sh", "-c", "id; env | grep HOME")
		c.Exec, c.User, c.Root = true, request, root
		c.Process.Env = []string{"PATH=/bin"}
		c.Process.User = specs.User{UID: 7, GID: 7, AdditionalGids: []uint32{8}}
		require.Equal(t, want, c.output(t), request)
	}
	c := newChild(t, "/bin/id")
	c.User, c.Root = "nobody", root
	require.Equal(t, `find user nobody: user "nobody": the container's /etc/passwd has no user "nobody"; name one that it has, or give a number`, c.fails(t))
}

func TestHostname(t *testing.T) {
	c := newChild(t, "sh", "-c", "hostname; cat /proc/sys/kernel/domainname")
	c.Hostname, c.Domainname = "here", "there"
	require.Equal(t, "here\nthere\n", c.output(t))

	c = newChild(t, "hostname")
	c.Hostname = strings.Repeat("x", 65)
	require.Equal(t, `name the host: sethostname("`+c.Hostname+`"): invalid argument (EINVAL): a name has at most 64 bytes`, c.fails(t))
}

// The last setting of a variable counts, HOME is looked up if it has no value, and nothing of the
// runtime's own environment is passed on.
func TestEnvironment(t *testing.T) {
	for name, test := range map[string]struct {
		env  []string
		uid  uint32
		fds  int
		want string
	}{
		"twice":      {env: []string{"A=1", "HOME=/here", "PATH=/bin", "A=2"}, want: "HOME=/here\nPATH=/bin\nA=2\n"},
		"no HOME":    {env: []string{"PATH=/bin"}, want: "PATH=/bin\nHOME=/root\n"},
		"empty HOME": {env: []string{"HOME=", "PATH=/bin"}, want: "PATH=/bin\nHOME=/root\n"},
		"stranger":   {env: []string{"PATH=/bin"}, uid: 4242, want: "PATH=/bin\nHOME=/\n"},
		"sockets":    {env: []string{"PATH=/bin", "HOME=/"}, fds: 2, want: "PATH=/bin\nHOME=/\nLISTEN_FDS=2\nLISTEN_PID=N\n"},
	} {
		t.Run(name, func(t *testing.T) {
			c := newChild(t, "/bin/env")
			c.Process.Env, c.Process.User.UID, c.ListenFDs = test.env, test.uid, test.fds
			c.Root = busybox(t, map[string]string{"etc/passwd": "root:x:0:0:root:/root:/bin/sh\n"})
			out := c.output(t)
			if test.fds > 0 {
				out = strings.Replace(out, "LISTEN_PID="+itoa(c.cmd.ProcessState.Pid()), "LISTEN_PID=N", 1)
			}
			require.Equal(t, test.want, out)
		})
	}
}

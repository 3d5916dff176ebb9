package differential

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/opencontainers/runtime-spec/specs-go"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"jocker/internal/labtest"
	"jocker/internal/ocitest"
)

// A trial is a bundle: runc's default one, changed, in which a script looks around.
type trial struct {
	name   string
	edit   func(*specs.Spec)
	script string                            // what to look at besides `look`
	flags  []string                          // of run
	before func(t *testing.T, bundle string) // what the bundle needs
}

// TestRun runs each trial under each runtime, one after the other, so that they can have the same id and cgroup.
func TestRun(t *testing.T) {
	labtest.Snapshot(t)
	runtimes := []ocitest.Runtime{ocitest.UnderTest(t), ocitest.Runc(t), ocitest.Crun(t)}
	t.Run("trials", func(t *testing.T) {
		for _, tr := range trials {
			t.Run(tr.name, func(t *testing.T) {
				t.Parallel()
				seen := make([]observation, len(runtimes))
				for i, r := range runtimes {
					result, bundle := tr.run(t, r)
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

func (tr trial) run(t *testing.T, r ocitest.Runtime) (labtest.Result, string) {
	t.Helper()
	bundle := ocitest.NewBundle(t, func(s *specs.Spec) {
		s.Process.Args = []string{"sh", "-c", "exec 2>&1\n" + tr.script + "\n" + look}
		if tr.edit != nil {
			tr.edit(s)
		}
	})
	if tr.before != nil {
		tr.before(t, bundle)
	}
	id := "trial-" + tr.name
	result := r.Run(t, append(append([]string{"run", "--bundle", bundle}, tr.flags...), id)...)
	r.Delete(t, id)
	return result, bundle
}

// --- how to change a bundle -----------------------------------------------------------------------

func args(words ...string) func(*specs.Spec) {
	return func(s *specs.Spec) { s.Process.Args = words }
}

func mount(destination, kind, source string, options ...string) func(*specs.Spec) {
	return func(s *specs.Spec) {
		s.Mounts = append(s.Mounts, specs.Mount{Destination: destination, Type: kind, Source: source, Options: options})
	}
}

// bind mounts the folder data of the bundle, which withData makes.
func bind(destination string, options ...string) func(*specs.Spec) {
	return mount(destination, "bind", "data", append([]string{"rbind"}, options...)...)
}

func withData(t *testing.T, bundle string) {
	require.NoError(t, os.MkdirAll(filepath.Join(bundle, "data/sub"), 0o755))
	require.NoError(t, os.WriteFile(filepath.Join(bundle, "data/file"), []byte("data\n"), 0o644))
}

func capabilities(names ...string) func(*specs.Spec) {
	return func(s *specs.Spec) {
		c := s.Process.Capabilities
		c.Bounding, c.Effective, c.Permitted, c.Ambient, c.Inheritable = names, names, names, nil, nil
	}
}

func resources(set func(*specs.LinuxResources)) func(*specs.Spec) {
	return func(s *specs.Spec) {
		if s.Linux.Resources == nil {
			s.Linux.Resources = &specs.LinuxResources{}
		}
		set(s.Linux.Resources)
	}
}

func process(set func(*specs.Process)) func(*specs.Spec) {
	return func(s *specs.Spec) { set(s.Process) }
}

func linux(set func(*specs.Linux)) func(*specs.Spec) {
	return func(s *specs.Spec) { set(s.Linux) }
}

func leaveOut(kinds ...specs.LinuxNamespaceType) func(*specs.Spec) {
	return linux(func(l *specs.Linux) {
		var kept []specs.LinuxNamespace
		for _, n := range l.Namespaces {
			drop := false
			for _, k := range kinds {
				drop = drop || n.Type == k
			}
			if !drop {
				kept = append(kept, n)
			}
		}
		l.Namespaces = kept
	})
}

func all(edits ...func(*specs.Spec)) func(*specs.Spec) {
	return func(s *specs.Spec) {
		for _, e := range edits {
			e(s)
		}
	}
}

func filter(action specs.LinuxSeccompAction, errno *uint, names ...string) func(*specs.Spec) {
	return linux(func(l *specs.Linux) {
		l.Seccomp = &specs.LinuxSeccomp{
			DefaultAction: specs.ActAllow,
			Syscalls:      []specs.LinuxSyscall{{Names: names, Action: action, ErrnoRet: errno}},
		}
	})
}

// userNamespace maps the container's ids to the host's from 100000 on, and gives the rootfs to them.
func userNamespace(s *specs.Spec) {
	s.Linux.Namespaces = append(s.Linux.Namespaces, specs.LinuxNamespace{Type: specs.UserNamespace})
	m := []specs.LinuxIDMapping{{ContainerID: 0, HostID: 100000, Size: 65536}}
	s.Linux.UIDMappings, s.Linux.GIDMappings = m, m
}

func rootfsOf(id int) func(*testing.T, string) {
	return func(t *testing.T, bundle string) {
		require.NoError(t, filepath.Walk(filepath.Join(bundle, "rootfs"), func(path string, _ os.FileInfo, err error) error {
			if err != nil {
				return err
			}
			return os.Lchown(path, id, id)
		}))
	}
}

func ptr[T any](v T) *T { return &v }

// --- the bundles ------------------------------------------------------------------------------------

var trials = []trial{
	{name: "default", script: "pwd; id; env; cd / && stat -c '%n %F %a %u %g' *; echo $$"},
	{name: "exit-code", edit: args("sh", "-c", "exit 42")},
	{name: "killed", edit: args("sh", "-c", "kill -TERM $$; kill -KILL $$; exit 7")},
	{name: "no-program", edit: args("no-such-program")},
	{name: "no-program-path", edit: args("/no/such/program")},
	{name: "not-executable", edit: args("/etc/passwd")},
	{name: "a-folder", edit: args("/etc")},
	{name: "path", edit: all(args("greet"), process(func(p *specs.Process) { p.Env = []string{"PATH=/nowhere:/opt"} })),
		before: func(t *testing.T, bundle string) {
			require.NoError(t, os.Mkdir(filepath.Join(bundle, "rootfs/opt"), 0o755))
			require.NoError(t, os.WriteFile(filepath.Join(bundle, "rootfs/opt/greet"), []byte("#!/bin/sh\necho hello\n"), 0o755))
		}},
	{name: "arguments", edit: args("printf", "[%s]", "a  b", "", "'", "\n", "*")},
	{name: "environment", edit: process(func(p *specs.Process) { p.Env = append(p.Env, "A=1", "B=two words", "A=2", "C=") }), script: "env"},
	{name: "cwd", edit: process(func(p *specs.Process) { p.Cwd = "/tmp" }), script: "pwd"},
	{name: "cwd-new", edit: all(writable, process(func(p *specs.Process) { p.Cwd = "/var/a/b" })), script: "pwd; ls -ld /var/a /var/a/b"},
	{name: "cwd-missing-readonly", edit: process(func(p *specs.Process) { p.Cwd = "/missing" }), script: "pwd"},
	{name: "hostname", edit: func(s *specs.Spec) { s.Hostname = "a.host" }, script: "hostname; cat /proc/sys/kernel/domainname"},
	{name: "domainname", edit: func(s *specs.Spec) { s.Domainname = "a.domain" }, script: "cat /proc/sys/kernel/domainname"},
	{name: "user", edit: process(func(p *specs.Process) { p.User.UID, p.User.GID = 1000, 1000 }), script: "id; env"},
	{name: "user-groups", edit: process(func(p *specs.Process) {
		p.User = specs.User{UID: 1000, GID: 1000, AdditionalGids: []uint32{5, 2000, 1000}}
	}), script: "id"},
	{name: "user-unknown", edit: process(func(p *specs.Process) { p.User.UID, p.User.GID = 4321, 8765 }), script: "id"},
	{name: "umask", edit: all(writable, process(func(p *specs.Process) { p.User.Umask = ptr(uint32(0o027)) })), script: "umask; touch /tmp/x; stat -c %a /tmp/x"},
	{name: "home", edit: process(func(p *specs.Process) { p.User.UID = 1000 }), script: "echo $HOME"},
	{name: "no-new-privileges-off", edit: process(func(p *specs.Process) { p.NoNewPrivileges = false })},
	{name: "capabilities-none", edit: capabilities()},
	{name: "capabilities-some", edit: capabilities("CAP_CHOWN", "CAP_NET_RAW", "CAP_SETUID")},
	{name: "capabilities-user", edit: all(capabilities("CAP_CHOWN", "CAP_KILL"), process(func(p *specs.Process) { p.User.UID = 1000 }))},
	{name: "capabilities-ambient", edit: all(capabilities("CAP_CHOWN", "CAP_KILL"), process(func(p *specs.Process) {
		p.User.UID = 1000
		p.Capabilities.Inheritable = []string{"CAP_KILL"}
		p.Capabilities.Ambient = []string{"CAP_KILL"}
	}))},
	{name: "capabilities-absent", edit: process(func(p *specs.Process) { p.Capabilities = nil })},
	{name: "rlimits", edit: process(func(p *specs.Process) {
		p.Rlimits = []specs.POSIXRlimit{{Type: "RLIMIT_CORE", Soft: 0, Hard: 0}, {Type: "RLIMIT_NOFILE", Soft: 100, Hard: 200}, {Type: "RLIMIT_FSIZE", Soft: 1 << 20, Hard: 1 << 30}}
	}), script: "ulimit -n"},
	{name: "rlimits-none", edit: process(func(p *specs.Process) { p.Rlimits = nil })},
	{name: "oom-score", edit: process(func(p *specs.Process) { p.OOMScoreAdj = ptr(321) }), script: "cat /proc/self/oom_score_adj"},
	{name: "personality", edit: linux(func(l *specs.Linux) { l.Personality = &specs.LinuxPersonality{Domain: specs.PerLinux32} }), script: "uname -m; cat /proc/self/personality"},

	{name: "writable", edit: writable, script: "echo x >/new && cat /new"},
	{name: "readonly", script: "echo x >/new; echo x >/dev/shm/new && cat /dev/shm/new"},
	{name: "dev", script: "ls -l /dev | sed 's/  *[0-9]* [A-Z][a-z][a-z] .*[0-9] / /'; ls /dev/pts; stat -c '%n %a %u %g' /dev /dev/shm /dev/pts /dev/mqueue"},
	{name: "devices", edit: linux(func(l *specs.Linux) {
		l.Devices = []specs.LinuxDevice{
			{Path: "/dev/kmsg2", Type: "c", Major: 1, Minor: 11, FileMode: ptr(os.FileMode(0o640)), UID: ptr(uint32(5)), GID: ptr(uint32(6))},
			{Path: "/dev/deep/block", Type: "b", Major: 7, Minor: 0},
			{Path: "/dev/fifo", Type: "p"},
			{Path: "/srv/null", Type: "c", Major: 1, Minor: 3, FileMode: ptr(os.FileMode(0o666))},
		}
	}), before: func(t *testing.T, bundle string) {
		require.NoError(t, os.Mkdir(filepath.Join(bundle, "rootfs/srv"), 0o755))
	},
		script: "stat -c '%n %F %a %u %g %t %T' /dev/kmsg2 /dev/deep /dev/deep/block /dev/fifo /srv/null"},
	{name: "devices-allowed", edit: resources(func(r *specs.LinuxResources) {
		r.Devices = append(r.Devices, specs.LinuxDeviceCgroup{Allow: true, Type: "c", Major: ptr(int64(1)), Minor: ptr(int64(11)), Access: "r"})
	}), script: "head -c 0 /dev/zero; mknod /dev/x c 1 11; mknod /dev/y b 7 0; head -c 0 /dev/x && echo readable; echo >/dev/x"},
	{name: "tmpfs", edit: mount("/tmp", "tmpfs", "tmpfs", "nosuid", "nodev", "noexec", "size=64k", "mode=1770"), script: "stat -c '%a' /tmp; dd if=/dev/zero of=/tmp/f bs=1k count=100; wc -c /tmp/f"},
	{name: "tmpfs-copyup", edit: mount("/etc", "tmpfs", "tmpfs", "tmpcopyup"), script: "ls -l /etc | cut -c1-10; cat /etc/group"},
	{name: "bind", edit: bind("/mnt"), before: withData, script: "ls /mnt; cat /mnt/file; echo x >/mnt/new && cat /mnt/new"},
	{name: "bind-readonly", edit: bind("/mnt", "ro"), before: withData, script: "echo x >/mnt/new; cat /mnt/file"},
	{name: "bind-options", edit: bind("/mnt", "nosuid", "nodev", "noexec", "noatime"), before: withData},
	{name: "bind-file", edit: mount("/etc/group", "bind", "data/file", "bind", "ro"), before: withData, script: "cat /etc/group"},
	{name: "bind-new-target", edit: all(writable, mount("/a/b/c", "bind", "data/file", "bind")), before: withData, script: "cat /a/b/c; ls -ld /a /a/b | cut -c1-10"},
	{name: "bind-missing-source", edit: mount("/mnt", "bind", "no-such-folder", "rbind")},
	{name: "bind-over-link", edit: bind("/link"), before: func(t *testing.T, bundle string) {
		withData(t, bundle)
		require.NoError(t, os.Symlink("../../../../../tmp", filepath.Join(bundle, "rootfs/link")))
	}, script: "ls -l /link | sed 's/.*link/link/'; ls /tmp"},
	{name: "bind-shared", edit: bind("/mnt", "rshared"), before: withData},
	{name: "bind-slave", edit: bind("/mnt", "rslave"), before: withData},
	{name: "bind-private", edit: bind("/mnt", "rprivate"), before: withData},
	{name: "bind-unbindable", edit: bind("/mnt", "unbindable"), before: withData},
	{name: "mount-order", edit: all(mount("/mnt", "tmpfs", "one"), mount("/mnt/in", "tmpfs", "two"), mount("/mnt", "tmpfs", "three"))},
	{name: "mount-unknown-type", edit: mount("/mnt", "nofs", "nofs")},
	{name: "mount-bad-option", edit: mount("/mnt", "tmpfs", "tmpfs", "nonsense=1")},
	{name: "mqueue-shm", script: "echo x >/dev/shm/x; ls /dev/shm /dev/mqueue"},
	{name: "no-sys", edit: func(s *specs.Spec) {
		var kept []specs.Mount
		for _, m := range s.Mounts {
			if m.Destination != "/sys" && m.Destination != "/sys/fs/cgroup" {
				kept = append(kept, m)
			}
		}
		s.Mounts = kept
	}, script: "ls /sys"},
	{name: "propagation-slave", edit: linux(func(l *specs.Linux) { l.RootfsPropagation = "rslave" })},
	{name: "propagation-shared", edit: linux(func(l *specs.Linux) { l.RootfsPropagation = "shared" })},
	{name: "propagation-private", edit: linux(func(l *specs.Linux) { l.RootfsPropagation = "private" })},
	{name: "propagation-unbindable", edit: linux(func(l *specs.Linux) { l.RootfsPropagation = "unbindable" })},
	{name: "masked", edit: linux(func(l *specs.Linux) { l.MaskedPaths = []string{"/etc/passwd", "/bin", "/no/such/path"} }),
		before: func(t *testing.T, bundle string) { // /bin is about to go
			require.NoError(t, os.Rename(filepath.Join(bundle, "rootfs/bin"), filepath.Join(bundle, "rootfs/b")))
			require.NoError(t, os.Mkdir(filepath.Join(bundle, "rootfs/bin"), 0o755))
			require.NoError(t, os.WriteFile(filepath.Join(bundle, "rootfs/bin/hidden"), nil, 0o644))
		}, script: "cat /etc/passwd; ls -A /bin; stat -c '%F' /etc/passwd"},
	{name: "masked-none", edit: linux(func(l *specs.Linux) { l.MaskedPaths, l.ReadonlyPaths = nil, nil })},
	{name: "readonly-paths", edit: all(writable, linux(func(l *specs.Linux) { l.ReadonlyPaths = []string{"/etc", "/var", "/no/such/path"} })), script: "touch /etc/x; touch /root/x && ls /root"},
	{name: "no-pivot", flags: []string{"--no-pivot"}, script: "ls /"},

	{name: "sysctl", edit: linux(func(l *specs.Linux) {
		l.Sysctl = map[string]string{"net.ipv4.ip_forward": "1", "kernel.shmmni": "1234", "net.ipv4.ping_group_range": "0 100"}
	}), script: "cat /proc/sys/net/ipv4/ip_forward /proc/sys/kernel/shmmni /proc/sys/net/ipv4/ping_group_range"},
	{name: "sysctl-not-namespaced", edit: linux(func(l *specs.Linux) { l.Sysctl = map[string]string{"vm.swappiness": "1"} })},
	{name: "no-network-namespace", edit: leaveOut(specs.NetworkNamespace), script: "readlink /proc/self/ns/net"},
	{name: "no-pid-namespace", edit: leaveOut(specs.PIDNamespace), script: "readlink /proc/self/ns/pid"},
	{name: "no-ipc-uts-namespace", edit: leaveOut(specs.IPCNamespace, specs.UTSNamespace), script: "readlink /proc/self/ns/ipc /proc/self/ns/uts"},
	{name: "join-network", edit: linux(func(l *specs.Linux) {
		for i := range l.Namespaces {
			if l.Namespaces[i].Type == specs.NetworkNamespace {
				l.Namespaces[i].Path = "/proc/self/ns/net"
			}
		}
	}), script: "readlink /proc/self/ns/net"},
	{name: "cgroup-namespace", edit: linux(func(l *specs.Linux) {
		for _, n := range l.Namespaces {
			if n.Type == specs.CgroupNamespace {
				return // on cgroup v2 the usual bundle has one
			}
		}
		l.Namespaces = append(l.Namespaces, specs.LinuxNamespace{Type: specs.CgroupNamespace})
	}), script: "ls /sys/fs/cgroup"},
	{name: "user-namespace", edit: userNamespace, before: rootfsOf(100000), script: "id; cat /proc/self/uid_map /proc/self/gid_map /proc/self/setgroups; cd / && stat -c '%n %u %g' *; hostname x && hostname"},
	{name: "user-namespace-user", edit: all(userNamespace, process(func(p *specs.Process) { p.User.UID, p.User.GID = 1000, 1000 })), before: rootfsOf(100000), script: "id"},
	{name: "loopback", script: "cat /proc/net/dev | grep -c :; ls /sys/class/net"},

	{name: "seccomp-errno", edit: filter(specs.ActErrno, ptr(uint(unix.EXDEV)), "mkdir", "mkdirat"), script: "mkdir /dev/shm/x"},
	{name: "seccomp-eperm", edit: filter(specs.ActErrno, nil, "mkdir", "mkdirat"), script: "mkdir /dev/shm/x"},
	{name: "seccomp-kill", edit: filter(specs.ActKillProcess, nil, "mkdir", "mkdirat"), script: "mkdir /dev/shm/x; echo $?"},
	{name: "seccomp-trap", edit: filter(specs.ActTrap, nil, "mkdir", "mkdirat"), script: "mkdir /dev/shm/x; echo $?"},
	{name: "seccomp-unknown-call", edit: filter(specs.ActErrno, nil, "no_such_call", "mkdir", "mkdirat"), script: "mkdir /dev/shm/x"},
	{name: "seccomp-arguments", edit: linux(func(l *specs.Linux) {
		l.Seccomp = &specs.LinuxSeccomp{DefaultAction: specs.ActAllow, Syscalls: []specs.LinuxSyscall{{
			Names: []string{"kill"}, Action: specs.ActErrno, ErrnoRet: ptr(uint(unix.EDOM)),
			Args: []specs.LinuxSeccompArg{{Index: 1, Value: uint64(unix.SIGUSR1), Op: specs.OpEqualTo}},
		}}}
	}), script: "kill -USR1 $$; kill -0 $$ && echo fine"},

	{name: "memory", edit: resources(func(r *specs.LinuxResources) {
		r.Memory = &specs.LinuxMemory{Limit: ptr(int64(64 << 20)), Reservation: ptr(int64(32 << 20))}
	})},
	{name: "memory-oom", edit: resources(func(r *specs.LinuxResources) {
		r.Memory = &specs.LinuxMemory{Limit: ptr(int64(16 << 20)), Swap: ptr(int64(16 << 20))}
	}),
		// One process, marked as the victim: of a pipeline, or of a tree of shells, the kernel may choose the wrong one.
		script: "sh -c 'echo 1000 >/proc/self/oom_score_adj; exec dd if=/dev/zero of=/dev/null bs=40000000 count=1'; echo $?"},
	{name: "cpu", edit: resources(func(r *specs.LinuxResources) {
		r.CPU = &specs.LinuxCPU{Shares: ptr(uint64(512)), Quota: ptr(int64(50000)), Period: ptr(uint64(100000))}
	})},
	{name: "cpuset", edit: resources(func(r *specs.LinuxResources) { r.CPU = &specs.LinuxCPU{Cpus: "0", Mems: "0"} }), script: "nproc"},
	{name: "pids", edit: resources(func(r *specs.LinuxResources) { r.Pids = &specs.LinuxPids{Limit: ptr(int64(32))} })},
	{name: "cgroup-absolute", edit: linux(func(l *specs.Linux) { l.CgroupsPath = "/jocker-trial-absolute" })},
	{name: "cgroup-relative", edit: linux(func(l *specs.Linux) { l.CgroupsPath = "jocker-trial-relative" })},

	{name: "terminal-without-socket", edit: all(process(func(p *specs.Process) { p.Terminal = true }), args("true")), flags: []string{"--detach"}},
	{name: "bad-version", edit: func(s *specs.Spec) { s.Version = "7.0.0" }},
	{name: "no-rootfs", edit: func(s *specs.Spec) { s.Root.Path = "nowhere" }},
	{name: "no-process", edit: func(s *specs.Spec) { s.Process = nil }},
	{name: "no-arguments", edit: func(s *specs.Spec) { s.Process.Args = nil }},
	{name: "relative-cwd", edit: process(func(p *specs.Process) { p.Cwd = "tmp" })},
}

func writable(s *specs.Spec) { s.Root.Readonly = false }

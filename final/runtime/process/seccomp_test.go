package process

import (
	"encoding/json"
	"os"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/opencontainers/runtime-spec/specs-go"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"jocker/final/runtime/seccomp"
)

// forbidding makes a filter that answers calls with an errno.
func forbidding(t *testing.T, names ...string) *seccomp.Filter {
	f, err := seccomp.Compile(&specs.LinuxSeccomp{
		DefaultAction: specs.ActAllow,
		Syscalls:      []specs.LinuxSyscall{{Names: names, Action: specs.ActErrno, ErrnoRet: ptr(uint(unix.EUCLEAN))}},
	})
	require.NoError(t, err)
	return f
}

// What init does itself, but for execve, may all be forbidden: the filter comes last.
var initsCalls = []string{
	"setsid", "keyctl", "sethostname", "prlimit64", "umask", "chdir", "getcwd", "fchown", "capget", "capset", "prctl", "setgroups", "setresgid", "setresuid",
	"faccessat2", "newfstatat", "close_range", "seccomp", "sendmsg", "dup3", "personality",
}

func TestFilterIsLast(t *testing.T) {
	root := busybox(t, nil)
	for name, nnp := range map[string]bool{"no_new_privs": true, "CAP_SYS_ADMIN": false} {
		t.Run(name, func(t *testing.T) {
			c := newChild(t, "/bin/cat", "/proc/self/status")
			c.Root, c.Hostname = root, "here"
			c.Process.User = specs.User{UID: 1000, GID: 1000}
			c.Process.NoNewPrivileges = nnp
			c.Process.Rlimits = []specs.POSIXRlimit{{Type: "RLIMIT_NOFILE", Soft: 10, Hard: 10}}
			c.Process.Capabilities = &specs.LinuxCapabilities{
				Bounding: []string{"CAP_KILL"}, Permitted: []string{"CAP_KILL"}, Effective: []string{"CAP_KILL"},
				Inheritable: []string{"CAP_KILL"}, Ambient: []string{"CAP_KILL"},
			}
			f := forbidding(t, remove(initsCalls, "newfstatat")...) // cat needs that one
			c.Filter, c.FilterFlags = f.Program, f.Flags
			require.NoError(t, Check(&c.Config, f))
			want := map[string]string{
				"Umask": "0022", "Uid": "1000 1000 1000 1000", "Gid": "1000 1000 1000 1000", "Groups": "", "NoNewPrivs": "0", "Seccomp": "2",
				"CapInh": "0000000000000020", "CapPrm": "0000000000000020", "CapEff": "0000000000000020", "CapBnd": "0000000000000020", "CapAmb": "0000000000000020",
			}
			if nnp {
				want["NoNewPrivs"] = "1"
			}
			require.Empty(t, cmp.Diff(want, fields(c.output(t), identityFields...)))

			c.cmd = newChild(t).cmd // and root, with no other rights than that
			c.Process.User, c.Process.Capabilities = specs.User{}, &specs.LinuxCapabilities{Bounding: []string{"CAP_KILL"}}
			want["Uid"], want["Gid"] = "0 0 0 0", "0 0 0 0"
			want["CapInh"], want["CapAmb"] = "0000000000000000", "0000000000000000"
			if nnp { // then what is bounding can't be gained any more
				want["CapPrm"], want["CapEff"] = "0000000000000000", "0000000000000000"
			}
			require.Empty(t, cmp.Diff(want, fields(c.output(t), identityFields...)))
		})
	}
}

func remove(list []string, name string) (rest []string) {
	for _, have := range list {
		if have != name {
			rest = append(rest, have)
		}
	}
	return rest
}

// The original limit of open files is back before the filter comes, which may forbid to set it.
func TestFilesRestoredBeforeFilter(t *testing.T) {
	c := newChild(t, "cat", "/proc/self/limits")
	c.cmd.Path, c.cmd.Args = "/bin/sh", []string{"sh", "-c", "ulimit -Sn 123; exec /proc/" + itoa(unix.Getpid()) + "/exe"}
	c.Process.NoNewPrivileges = true
	f := forbidding(t, "prlimit64", "setrlimit")
	c.Filter, c.FilterFlags = f.Program, f.Flags
	require.Regexp(t, `(?m)^Max open files +123 `, c.output(t))
}

// A filter that would keep init from its last calls is refused beforehand.
func TestFilterRefused(t *testing.T) {
	c := &Config{Process: &specs.Process{NoNewPrivileges: true}}
	require.EqualError(t, Check(c, forbidding(t, "execve")),
		"linux.seccomp: the filter does not allow execve, by which init becomes the container's program when the filter is loaded; allow it")
	f, err := seccomp.Compile(&specs.LinuxSeccomp{
		DefaultAction: specs.ActAllow, ListenerPath: "/run/agent",
		Syscalls: []specs.LinuxSyscall{{Names: []string{"sendmsg", "execve"}, Action: specs.ActNotify}},
	})
	require.NoError(t, err)
	require.EqualError(t, Check(c, f), `linux.seccomp: the filter does not simply allow sendmsg, by which init sends whoever listens at "/run/agent" `+
		"the descriptor to answer with, when the filter is loaded already; allow it")
}

// Whoever listens gets the container's state and the descriptor, and answers for the kernel.
func TestNotify(t *testing.T) {
	pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	require.NoError(t, err)
	defer unix.Close(pair[0])
	f, err := seccomp.Compile(&specs.LinuxSeccomp{
		DefaultAction: specs.ActAllow, ListenerPath: "/run/agent",
		Syscalls: []specs.LinuxSyscall{{Names: []string{"getppid"}, Action: specs.ActNotify}},
	})
	require.NoError(t, err)

	c := newChild(t, "sh", "-c", "true")
	c.Process.NoNewPrivileges = true
	c.Filter, c.FilterFlags = f.Program, f.Flags
	c.Notify, c.NotifyState = 3, []byte(`{"ociVersion":"1.2.0","fds":["seccompFd"],"pid":1}`)
	c.cmd.ExtraFiles = []*os.File{os.NewFile(uintptr(pair[1]), "pair")}
	got := make(chan any, 1)
	go func() {
		text, oob := make([]byte, 1000), make([]byte, 100)
		n, oobn, _, _, err := unix.Recvmsg(pair[0], text, oob, 0)
		messages, err2 := unix.ParseSocketControlMessage(oob[:oobn])
		if err != nil || err2 != nil || len(messages) != 1 {
			got <- "no descriptor"
			return
		}
		fds, _ := unix.ParseUnixRights(&messages[0])
		link, _ := os.Readlink("/proc/self/fd/" + itoa(fds[0]))
		for _, fd := range fds { // with the listener gone, what would notify fails with ENOSYS
			unix.Close(fd)
		}
		var state specs.ContainerProcessState
		_ = json.Unmarshal(text[:n], &state)
		got <- []any{link, state}
	}()
	c.output(t)
	want := []any{"anon_inode:seccomp notify", specs.ContainerProcessState{Version: "1.2.0", Fds: []string{"seccompFd"}, Pid: 1}}
	require.Empty(t, cmp.Diff(any(want), <-got))
}

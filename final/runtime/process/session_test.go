package process

import (
	"os"
	"strings"
	"syscall"
	"testing"
	"unsafe"

	"github.com/opencontainers/runtime-spec/specs-go"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

func TestSession(t *testing.T) {
	c := newChild(t, "sh", "-c", "cut -d' ' -f1,5,6,7 /proc/$$/stat") // pid, process group, session, terminal
	out := strings.Fields(c.output(t))
	require.Equal(t, []string{out[0], out[0], out[0], "0"}, out)

	c = newChild(t, "true")
	c.cmd.SysProcAttr.Setsid = true // then there is nothing to do
	require.Empty(t, c.output(t))

	c = newChild(t, "true")
	c.cmd.SysProcAttr.Setpgid = true
	require.Equal(t, "lead a new session: setsid(): operation not permitted (EPERM): the process leads a process group; it must be started without Setpgid", c.fails(t))
}

// The container has a keyring of its own with the permissions of runc's.
func TestKeyring(t *testing.T) {
	describe := func(id string, exec, userns bool) string {
		c := newChild(t, "/proc/self/exe")
		c.ID, c.NoNewKeyring, c.Exec, c.UserNamespace = id, false, exec, userns
		c.Process.Args = []string{"/proc/self/exe"}
		c.Process.Env = append(c.Process.Env, describeEnv+"=1")
		return c.output(t)
	}
	id := t.Name() + itoa(os.Getpid())
	require.Equal(t, "keyring;0;0;3f1b0000;_ses."+id, describe(id, false, false))
	require.Equal(t, "keyring;0;0;3f130008;_ses."+id+"u", describe(id+"u", false, true))
}

const describeEnv = "PROCESS_TEST_DESCRIBE"

func init() { // a program that prints what the kernel says of its session keyring
	if os.Getenv(describeEnv) == "" || os.Getenv(initEnv) != "" {
		return
	}
	buf := make([]byte, 200)
	n, _, errno := unix.Syscall6(unix.SYS_KEYCTL, unix.KEYCTL_DESCRIBE, ^uintptr(2), uintptr(unsafe.Pointer(&buf[0])), 200, 0, 0)
	if errno != 0 {
		panic(errno)
	}
	os.Stdout.Write(buf[:n-1])
	os.Exit(0)
}

// terminal starts init with a terminal, and returns what came out of the master until the end.
func terminal(t *testing.T, c *child) (out string) {
	pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	require.NoError(t, err)
	defer unix.Close(pair[0])
	c.Process.Terminal, c.ConsoleSocket = true, 3
	c.cmd.ExtraFiles = []*os.File{os.NewFile(uintptr(pair[1]), "pair")}
	got := make(chan string, 1)
	go func() {
		name, oob := make([]byte, 100), make([]byte, 100)
		n, oobn, _, _, _ := unix.Recvmsg(pair[0], name, oob, 0)
		messages, _ := unix.ParseSocketControlMessage(oob[:oobn])
		if len(messages) != 1 || string(name[:n]) != "/dev/ptmx" {
			got <- "no master"
			return
		}
		fds, _ := unix.ParseUnixRights(&messages[0])
		text, buf := "", make([]byte, 4096)
		for {
			n, err := unix.Read(fds[0], buf)
			if err != nil || n <= 0 { // EIO when the last slave is closed
				break
			}
			text += string(buf[:n])
		}
		got <- strings.ReplaceAll(text, "\r\n", "\n")
	}()
	_, talk, code := c.run(t)
	unix.Shutdown(pair[0], unix.SHUT_RDWR)
	out = <-got
	if code == 99 {
		return talk
	}
	require.Zero(t, code, talk+out)
	return out
}

func TestTerminal(t *testing.T) {
	c := newChild(t, "/bin/sh", "-c", "tty; stty size; readlink /proc/self/fd/2; ls -ln /dev/pts/0 | cut -c1-30; echo here > /dev/tty; ls -1 /proc/self/fd")
	c.Root = busybox(t, nil)
	require.NoError(t, os.WriteFile(c.Root+"/dev/tty", nil, 0o666))
	c.Before = "tty"
	c.Process.User = specs.User{UID: 1000, GID: 5, AdditionalGids: nil}
	c.Process.ConsoleSize = &specs.Box{Height: 33, Width: 99}
	require.Equal(t, strings.Join([]string{
		"/dev/pts/0", "33 99", "/dev/pts/0", "crw--w----    1 1000     0    ", "here", "0", "1", "2", "3", "",
	}, "\n"), terminal(t, c))
}

func init() {
	befores["tty"] = func(s *start, _ *Init) { must(unix.Mount("/dev/tty", s.Root+"/dev/tty", "", unix.MS_BIND, "")) }
	befores["no devpts"] = func(s *start, _ *Init) { must(unix.Unmount(s.Root+"/dev/pts", 0)) }
	befores["ptmx is a link"] = func(s *start, _ *Init) {
		// an image's /dev/pts with a ptmx that leads to something else, which the runtime would open as root
		must(unix.Unmount(s.Root+"/dev/pts", 0))
		must(unix.Symlink("/etc/secret", s.Root+"/dev/pts/ptmx"))
	}
	befores["something on ptmx"] = func(s *start, _ *Init) {
		must(os.WriteFile(s.Root+"/secret", nil, 0o600))
		must(unix.Mount(s.Root+"/secret", s.Root+"/dev/pts/ptmx", "", unix.MS_BIND, ""))
	}
}

// A ptmx that is not what it seems to be is not opened (CVE-2025-52565 and its kin).
func TestTerminalRefused(t *testing.T) {
	for before, want := range map[string]string{
		"no devpts": "process.terminal: /dev/pts in the container is no devpts (its file system has the magic number MAGIC); " +
			"add a mount of type devpts at /dev/pts to config.json\n",
		"ptmx is a link": "process.terminal: /dev/pts in the container is no devpts (its file system has the magic number MAGIC); " +
			"add a mount of type devpts at /dev/pts to config.json\n",
		"something on ptmx": `openat2("/dev/pts", "ptmx", O_RDWR|O_NOCTTY, RESOLVE_BENEATH|RESOLVE_NO_SYMLINKS|RESOLVE_NO_XDEV): ` +
			"invalid cross-device link (EXDEV): something is mounted over it\n",
	} {
		t.Run(before, func(t *testing.T) {
			c := newChild(t, "/bin/tty")
			c.Root, c.Before = busybox(t, nil), before
			var fs unix.Statfs_t
			require.NoError(t, unix.Statfs(c.Root, &fs))
			want = strings.Replace(want, "MAGIC", "0x"+hex(fs.Type), 1)
			require.Equal(t, "make a terminal: "+want, terminal(t, c))
		})
	}
}

func hex(n int64) string {
	const digits = "0123456789abcdef"
	text := ""
	for ; n > 0; n /= 16 {
		text = digits[n%16:n%16+1] + text
	}
	return text
}

func TestConsoleSocketGone(t *testing.T) {
	c := newChild(t, "/bin/tty")
	c.Root = busybox(t, nil)
	c.Process.Terminal, c.ConsoleSocket = true, 3
	pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	require.NoError(t, err)
	unix.Close(pair[0])
	c.cmd.ExtraFiles = []*os.File{os.NewFile(uintptr(pair[1]), "pair")}
	require.Equal(t, `make a terminal: sendmsg(3, "/dev/ptmx", {SCM_RIGHTS, master}): broken pipe (EPIPE): whoever listens at the console socket `+
		"(--console-socket) has gone", c.fails(t))
}

func TestConnect(t *testing.T) {
	dir := t.TempDir()
	long := dir + "/" + strings.Repeat("x", 200) + "/socket"
	require.NoError(t, os.Mkdir(dir+"/"+strings.Repeat("x", 200), 0o700))
	listener, err := unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	require.NoError(t, err)
	defer unix.Close(listener)
	require.NoError(t, unix.Bind(listener, &unix.SockaddrUnix{Name: dir + "/socket"}))
	require.NoError(t, os.Rename(dir+"/socket", long))

	_, err = Connect("--console-socket", long)
	require.EqualError(t, err, `connect("`+long+`"): connection refused (ECONNREFUSED): `+
		"--console-socket is not a unix socket, or nobody listens there; start what does first")
	require.NoError(t, unix.Listen(listener, 1))
	fd, err := Connect("--console-socket", long)
	require.NoError(t, err)
	flags, err := unix.FcntlInt(uintptr(fd), unix.F_GETFD, 0)
	require.NoError(t, err)
	require.Equal(t, unix.FD_CLOEXEC, flags)
	unix.Close(fd)

	_, err = Connect("--console-socket", dir+"/none")
	require.EqualError(t, err, `connect("`+dir+`/none"): no such file or directory (ENOENT): --console-socket does not exist; start what listens there first`)
	require.ErrorIs(t, err, syscall.ENOENT)
}

// A kernel without the security module refuses, by name; and one that has it, by the profile's.
func TestLabels(t *testing.T) {
	c := newChild(t, "true")
	c.Process.ApparmorProfile = "no such profile"
	want := "invalid argument (EINVAL): the kernel has no AppArmor, or it is not enabled; take out process.apparmorProfile"
	enabled, _ := os.ReadFile("/sys/module/apparmor/parameters/enabled")
	if string(enabled) == "Y\n" {
		want = "no such file or directory (ENOENT): the kernel has no profile of that name; load it with apparmor_parser(8)"
	}
	require.Equal(t, `confine the program by the AppArmor profile no such profile: `+
		`write("/proc/thread-self/attr/apparmor/exec", "exec no such profile"): `+want, c.fails(t))
	if string(enabled) == "Y\n" {
		c = newChild(t, "cat", "/proc/self/attr/current")
		c.Process.ApparmorProfile = "unconfined"
		require.Equal(t, "unconfined\n", c.output(t))
	}

	c = newChild(t, "true")
	c.Process.SelinuxLabel = "system_u:system_r:container_t:s0"
	require.Equal(t, `run the program in the SELinux context system_u:system_r:container_t:s0: write("/proc/thread-self/attr/exec", `+
		`"system_u:system_r:container_t:s0"): invalid argument (EINVAL): SELinux is not enabled in this kernel, or its policy does not know the context; `+
		"take out process.selinuxLabel, or correct it", c.fails(t))
}

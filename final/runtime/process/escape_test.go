package process

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/opencontainers/runtime-spec/specs-go"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

// Attacks by way of descriptors of the host's that the runtime left open (CVE-2024-21626), here
// without the close-on-exec flag, too.
func init() {
	befores["leak"] = func(*start, *Init) {
		host, err := unix.Open("/", unix.O_RDONLY|unix.O_DIRECTORY, 0)
		must(err)
		must(unix.Dup3(host, 40, 0))
	}
}

func TestCwdOutside(t *testing.T) {
	for name, cwd := range map[string]string{
		"by the descriptor": "/proc/self/fd/40",
		"below it":          "/proc/self/fd/40/tmp",
		"by a link":         "/inviting",
	} {
		t.Run(name, func(t *testing.T) {
			c := newChild(t, "/bin/pwd")
			c.Root, c.Before = busybox(t, nil), "leak"
			require.NoError(t, os.Symlink("/proc/self/fd/40", filepath.Join(c.Root, "inviting")))
			c.Process.Cwd = cwd
			require.Equal(t, `enter the working directory: chdir("`+cwd+`"): invalid cross-device link (EXDEV): `+
				"the directory is outside of the container's root; process.cwd would break out", c.fails(t))
		})
	}
}

// A program, or an interpreter, that is reached through a descriptor is not found.
func TestProgramOutside(t *testing.T) {
	c := newChild(t, "/proc/self/fd/40/bin/busybox", "echo", "outside")
	c.Root, c.Before = busybox(t, nil), "leak"
	require.Equal(t, `become /proc/self/fd/40/bin/busybox: execve("/proc/self/fd/40/bin/busybox"): no such file or directory (ENOENT): `+
		"the container has no /proc/self/fd/40", c.fails(t))

	c = newChild(t, "/run")
	c.Root, c.Before = busybox(t, map[string]string{"run": "#!/proc/self/fd/40/bin/busybox echo\n"}), "leak"
	require.NoError(t, os.Chmod(filepath.Join(c.Root, "run"), 0o755))
	require.Equal(t, `become /run: execve("/run"): no such file or directory (ENOENT): its #! line names the interpreter `+
		"/proc/self/fd/40/bin/busybox, which the container does not have; install it, or name another (/bin/sh is there)", c.fails(t))
}

// The program has the descriptors that it is to have, and no others.
func TestFiles(t *testing.T) {
	extra := []*os.File{os.Stderr, os.Stderr, os.Stderr, os.Stderr}
	for keep, want := range map[int]string{0: "0 1 2 3", 2: "0 1 2 3 4 5"} { // one of them is how ls reads the directory
		c := newChild(t, "ls", "/proc/self/fd")
		c.Before, c.ListenFDs, c.PreserveFDs = "leak", keep/2, keep/2
		c.cmd.ExtraFiles = extra
		require.Equal(t, want, strings.Join(strings.Fields(c.output(t)), " "))
	}
}

// The report's descriptor is open until execve, so that a failure can be told, and no longer. Its
// number may be any.
func TestReport(t *testing.T) {
	for _, fd := range []int{5, 90} {
		c := newChild(t, "/empty")
		c.Root = busybox(t, map[string]string{"empty": ""})
		require.NoError(t, os.Chmod(c.Root+"/empty", 0o755))
		c.Before, c.Report = "report", fd
		require.Equal(t, `become /empty: execve("/empty"): exec format error (ENOEXEC): the file is empty; was it copied whole?`, c.fails(t))

		c = newChild(t, "ls", "/proc/self/fd")
		c.Before, c.Report = "report", fd
		require.Equal(t, "0 1 2 3", strings.Join(strings.Fields(c.output(t)), " "))
	}
}

func init() {
	befores["report"] = func(s *start, _ *Init) { must(unix.Dup3(2, s.Report, unix.O_CLOEXEC)) }
}

// A process of the container that has the same rights as init in the end can't look at what init has
// open (CVE-2016-9962).
func TestHidden(t *testing.T) {
	kill := []string{"CAP_KILL"}
	caps := &specs.LinuxCapabilities{Bounding: kill, Permitted: kill, Effective: kill}
	ready, readyEnd, err := os.Pipe()
	require.NoError(t, err)
	wait, waitEnd, err := os.Pipe()
	require.NoError(t, err)
	c := newChild(t, "echo", "here")
	c.Hold, c.PreserveFDs, c.Process.Capabilities = true, 2, caps
	c.cmd.ExtraFiles = []*os.File{readyEnd, wait}
	c.started = make(chan bool)
	looked := make(chan string)
	go func() {
		defer waitEnd.Close()
		<-c.started
		readyEnd.Close()
		ready.Read(make([]byte, 1))
		attacker := newChild(t, "ls", "-l", "/proc/"+itoa(c.cmd.Process.Pid)+"/fd/0")
		attacker.Process.Capabilities = caps
		out, talk, _ := attacker.run(t)
		looked <- out + talk
	}()
	go func() { looked <- c.output(t) }()
	require.Contains(t, <-looked, "Permission denied")
	require.Equal(t, "here\n", <-looked)
}

// The Go runtime waits for files by an epoll descriptor, and gives up if that is closed.
func TestGoRuntimeLives(t *testing.T) {
	c := newChild(t, "echo", "here")
	c.Before, c.Pause = "poll", true
	require.Equal(t, "here\n", c.output(t))
}

func init() {
	befores["poll"] = func(*start, *Init) {
		r, _, err := os.Pipe()
		must(err)
		go r.Read(make([]byte, 1))
	}
}

func TestCwd(t *testing.T) {
	root := busybox(t, map[string]string{"srv/file": ""})
	require.NoError(t, os.MkdirAll(filepath.Join(root, "home/secret"), 0o700))
	require.NoError(t, os.Symlink("/srv", filepath.Join(root, "link")))
	run := func(cwd string, uid uint32) *child {
		c := newChild(t, "/bin/pwd", "-P")
		c.Root, c.Process.Cwd, c.Process.User.UID = root, cwd, uid
		return c
	}
	require.Equal(t, "/srv\n", run("/link", 0).output(t))
	require.Equal(t, "/home/secret\n", run("/home/secret", 1000).output(t), "root enters for the user")
	require.Equal(t, "/new/deep/er\n", run("/new/deep//er/", 1000).output(t))
	for _, dir := range []string{"new", "new/deep", "new/deep/er"} {
		st, err := os.Stat(filepath.Join(root, dir))
		require.NoError(t, err)
		require.Equal(t, os.ModeDir|0o755, st.Mode())
	}
	require.Equal(t, `enter the working directory: chdir("/srv/file"): not a directory (ENOTDIR): process.cwd, or something above it, is a file`,
		run("/srv/file", 0).fails(t))
	c := run("/gone", 0)
	c.Exec = true // does not make it
	require.Equal(t, `enter the working directory: chdir("/gone"): no such file or directory (ENOENT): process.cwd does not exist in the container`, c.fails(t))
	c = run("/ro/sub", 0)
	c.Before = "readonly"
	require.Equal(t, `make the working directory if it is missing: mkdir("/ro/sub", 0755): read-only file system (EROFS): `+
		"process.cwd is missing in the container and can't be made; make it in the image, or name another", c.fails(t))
}

func init() {
	befores["readonly"] = func(s *start, _ *Init) {
		must(unix.Mkdir(s.Root+"/ro", 0o755))
		must(unix.Mount("none", s.Root+"/ro", "tmpfs", unix.MS_RDONLY, ""))
	}
}

// Where root may not go, the user may: as on NFS, here for want of the right to override modes.
func TestCwdOfUser(t *testing.T) {
	root := busybox(t, nil)
	home := filepath.Join(root, "home")
	require.NoError(t, os.Mkdir(home, 0o700))
	require.NoError(t, os.Chown(home, 1000, 1000))
	c := newChild(t, "/bin/pwd")
	c.Root, c.Before, c.Process.Cwd, c.Process.User.UID = root, "noOverride", "/home", 1000
	require.Equal(t, "/home\n", c.output(t))
	c.cmd, c.Process.User.UID = newChild(t).cmd, 2000
	require.Equal(t, `hold the capabilities none: chdir("/home"): permission denied (EACCES): neither root nor the user may enter process.cwd`, c.fails(t))
}

func init() {
	befores["noOverride"] = func(*start, *Init) {
		var data [2]unix.CapUserData
		header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
		must(unix.Capget(&header, &data[0]))
		const override = 1<<unix.CAP_DAC_OVERRIDE | 1<<unix.CAP_DAC_READ_SEARCH
		data[0].Effective &^= override
		data[0].Permitted &^= override
		must(unix.Capset(&header, &data[0]))
	}
}

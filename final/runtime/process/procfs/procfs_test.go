package procfs

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

// Each attack is made by a child, the test binary once more, in a mount namespace of its own. Then the
// child writes its label, and says how that went.
var attacks = map[string]func(){
	"none": func() {},
	// an image with files of the right names (CVE-2019-16884)
	"files": func() {
		must(unix.Mount("none", "/proc", "tmpfs", 0, ""))
		must(os.MkdirAll("/proc/thread-self/attr", 0o755))
		must(os.WriteFile("/proc/thread-self/attr/exec", nil, 0o644))
	},
	// a piece of a procfs: there, "thread-self/attr/exec" is what the attacker makes of it
	"piece": func() { must(unix.Mount("/proc/self", "/proc", "", unix.MS_BIND, "")) },
	// a piece of procfs over another, so that the label goes where it means nothing (CVE-2019-19921, CVE-2025-52881)
	"over the file": func() {
		must(unix.Mount("/proc/self/attr/fscreate", "/proc/self/task/"+fmt.Sprint(unix.Gettid())+"/attr/exec", "", unix.MS_BIND, ""))
	},
	"over the directory": func() {
		must(unix.Mount("none", "/proc/self/task/"+fmt.Sprint(unix.Gettid())+"/attr", "tmpfs", 0, ""))
		must(os.WriteFile("/proc/thread-self/attr/exec", nil, 0o644))
	},
	"missing": func() { must(unix.Mount("none", "/proc", "tmpfs", 0, "")); must(unix.Chroot("/proc")) },
}

const attackEnv = "PROCFS_TEST_ATTACK"

func TestMain(m *testing.M) {
	name := os.Getenv(attackEnv)
	if name == "" {
		os.Exit(m.Run())
	}
	runtime.LockOSThread()
	attacks[name]()
	err := Write("thread-self/attr/exec", "label")
	fmt.Print(err)
	os.Exit(0)
}

func must(err error) {
	if err != nil {
		panic(err)
	}
}

func TestWrite(t *testing.T) {
	require.Zero(t, os.Getuid(), "needs root: sudo go test ./final/runtime/process/procfs")
	const over = `openat2("/proc", "thread-self/attr/exec", RESOLVE_BENEATH|RESOLVE_NO_MAGICLINKS|RESOLVE_NO_XDEV): invalid cross-device link (EXDEV): ` +
		"something is mounted over it, and what is written there would not reach the kernel"
	for name, want := range map[string]string{
		"none": "invalid argument", // of write: this kernel has no security module that knows the label
		"files": "/proc in the container is no procfs (its file system has the magic number 0x1021994): " +
			"what is written there does not reach the kernel; add a mount of type proc to config.json",
		"piece":              "",
		"over the file":      over,
		"over the directory": over,
		"missing": `open("/proc", O_PATH|O_DIRECTORY): no such file or directory (ENOENT): ` +
			"the container has no procfs there; add a mount of type proc to config.json",
	} {
		t.Run(name, func(t *testing.T) {
			cmd := exec.Command("/proc/self/exe")
			cmd.Env = []string{attackEnv + "=" + name}
			cmd.SysProcAttr = &syscall.SysProcAttr{Unshareflags: syscall.CLONE_NEWNS}
			var out bytes.Buffer
			cmd.Stdout, cmd.Stderr = &out, &out
			if err := cmd.Run(); err != nil && !errors.As(err, new(*exec.ExitError)) {
				t.Fatal(err)
			}
			if name == "piece" {
				require.Regexp(t, `^/proc in the container is a piece of a procfs and not its root \(inode \d+ instead of 1\): what is written there reaches something else$`, out.String())
				return
			}
			require.Equal(t, want, out.String())
		})
	}
}

// Links that stand for an object are not followed, for they lead out of /proc.
func TestMagicLinks(t *testing.T) {
	_, err := Open("self/root/etc/passwd", unix.O_RDONLY)
	require.ErrorIs(t, err, unix.ELOOP)
	_, err = Open("../etc/passwd", unix.O_RDONLY)
	require.ErrorIs(t, err, unix.EXDEV)
	fd, err := Open("self/status", unix.O_RDONLY)
	require.NoError(t, err)
	unix.Close(fd)
}

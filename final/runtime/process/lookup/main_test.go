package lookup

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"jocker/final/runtime/fail"
)

// A try is what a child of the tests does: in a root directory, as a user, it looks a program up and
// becomes it. The child is the test binary, started again.
type try struct {
	Root      string
	UID       int
	NoExec    bool // mounts the root noexec
	Args, Env []string
	Long      int // the length of an argument or variable that is too long for the environment of the child
	Many      int // how many of them come behind Args; if none, the last variable gets it
}

const tryEnv = "LOOKUP_TEST_TRY"

func init() {
	text := os.Getenv(tryEnv)
	if text == "" {
		return
	}
	runtime.LockOSThread()
	var t try
	must(json.Unmarshal([]byte(text), &t))
	if t.NoExec {
		must(unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""))
		must(unix.Mount(t.Root, t.Root, "", unix.MS_BIND, ""))
		must(unix.Mount("", t.Root, "", unix.MS_BIND|unix.MS_REMOUNT|unix.MS_NOEXEC, ""))
	}
	must(unix.Chroot(t.Root))
	must(unix.Chdir("/"))
	if t.UID != 0 {
		must(syscall.Setgroups(nil))
		must(syscall.Setgid(t.UID))
		must(syscall.Setuid(t.UID))
	}
	for i := 0; i < t.Many; i++ {
		t.Args = append(t.Args, strings.Repeat("x", t.Long))
	}
	if t.Long > 0 && t.Many == 0 {
		t.Env[len(t.Env)-1] += strings.Repeat("x", t.Long)
	}
	must(unix.Setrlimit(unix.RLIMIT_STACK, &unix.Rlimit{Cur: 8 << 20, Max: 8 << 20}))
	path, err := Path(t.Args[0], t.Env)
	if err == nil {
		err = syscall.Exec(path, t.Args, t.Env)
		err = fail.Call(fmt.Sprintf("execve(%q)", path), err, Why(path, t.Args, t.Env, err))
	}
	fmt.Print(err)
	os.Exit(0)
}

func must(err error) {
	if err != nil {
		panic(err)
	}
}

// run does what the try says, and returns what was printed: by the program, or the error.
func (t try) run(test *testing.T) string {
	test.Helper()
	text, err := json.Marshal(t)
	require.NoError(test, err)
	cmd := exec.Command("/proc/self/exe")
	cmd.Env = []string{tryEnv + "=" + string(text)}
	if t.NoExec {
		cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNS}
	}
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Run(); err != nil && !errors.As(err, new(*exec.ExitError)) {
		test.Fatal(err)
	}
	return out.String()
}

// A tree is a root directory: path to content. A content that begins with "-> " is a symbolic link; a
// path that ends with "/" is a directory.
type tree map[string]string

// make writes the tree into a new directory. Files have mode 0755, or what modes says.
func (files tree) make(t *testing.T, modes map[string]os.FileMode) string {
	require.Zero(t, os.Getuid(), "needs root: sudo go test ./final/runtime/process/lookup")
	root := t.TempDir()
	require.NoError(t, os.Chmod(root, 0o755))
	for path, content := range files {
		full := filepath.Join(root, path)
		require.NoError(t, os.MkdirAll(filepath.Dir(full), 0o755))
		if target, isLink := strings.CutPrefix(content, "-> "); isLink {
			require.NoError(t, os.Symlink(target, full))
		} else if strings.HasSuffix(path, "/") {
			require.NoError(t, os.MkdirAll(full, 0o755))
		} else {
			require.NoError(t, os.WriteFile(full, []byte(content), 0o755))
		}
	}
	for path, mode := range modes {
		require.NoError(t, os.Chmod(filepath.Join(root, path), mode))
	}
	return root
}

// shell is a program that needs nothing else.
func shell(t *testing.T) string {
	content, err := os.ReadFile("/bin/busybox")
	require.NoError(t, err, "needs busybox: apt-get install busybox-static")
	return string(content)
}

package ocitest

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"jocker/internal/labtest"
)

// A Runtime is a program with runc's command line.
type Runtime struct {
	Name string // for messages: "runc"
	Path string // of the program
	Root string // of its state, its --root: a folder of this test
}

// UnderTest returns this project's runtime, or the one that OCITEST_RUNTIME names by its path.
func UnderTest(t testing.TB) Runtime {
	t.Helper()
	path := os.Getenv("OCITEST_RUNTIME")
	if path == "" {
		path = labtest.Bin(t, "jocker-runtime")
	}
	return newRuntime(t, path)
}

// Runc returns runc, the reference implementation.
func Runc(t testing.TB) Runtime {
	t.Helper()
	return newRuntime(t, program(t, "runc"))
}

// Crun returns crun, the one in C, able to run on a hybrid host as well.
func Crun(t testing.TB) Runtime {
	t.Helper()
	program(t, "crun")
	path := filepath.Join(t.TempDir(), "crun")
	require.NoError(t, WriteCrun(path))
	return newRuntime(t, path)
}

func newRuntime(t testing.TB, path string) Runtime {
	t.Helper()
	return Runtime{Name: filepath.Base(path), Path: path, Root: folder(t, "jocker-root-")}
}

// program finds a peer. One that is missing is a failure, for a comparison that wasn't made must not look like one
// that came out well.
func program(t testing.TB, name string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	require.NoError(t, err, "the tests compare with it; install it with: apt-get install %s", name)
	return path
}

// WriteCrun writes a script that runs crun, in the mount namespace that the package comment tells of if it needs one.
func WriteCrun(path string) error {
	script := "#!/bin/sh\nexec crun \"$@\"\n"
	if hybrid() {
		script = "#!/bin/sh\nexec unshare --mount --propagation slave sh -c 'mount -t tmpfs tmpfs " + unified + " && exec crun \"$@\"' crun \"$@\"\n"
	}
	return os.WriteFile(path, []byte(script), 0o755)
}

// EmptyUnified lets runtimes run side by side with crun: in this process's mount namespace, which must be a private one,
// a cgroup without controllers takes the place of the v2 hierarchy of a hybrid host. (A tmpfs would do for crun alone.)
// The function that it returns removes that cgroup.
func EmptyUnified() (remove func(), err error) {
	if !hybrid() {
		return func() {}, nil
	}
	// the outer one has the controllers that the root gives, the inner one those that the outer one gives: none
	outer := unified + "/jocker-empty"
	inner := outer + "/empty"
	if err := os.MkdirAll(inner, 0o755); err != nil {
		return nil, err
	}
	if err := syscall.Mount(inner, unified, "", syscall.MS_BIND, ""); err != nil {
		return nil, &os.PathError{Op: "bind", Path: unified, Err: err}
	}
	return func() {
		syscall.Unmount(unified, syscall.MNT_DETACH)
		os.Remove(inner)
		os.Remove(outer)
	}, nil
}

// hybrid says whether crun would refuse to run here.
func hybrid() bool {
	controllers, _ := os.ReadFile(unified + "/cgroup.controllers")
	return len(strings.Fields(string(controllers))) > 0
}

// unified is where systemd, and all others after it, mount the v2 hierarchy of a hybrid host.
const unified = "/sys/fs/cgroup/unified"

// Cmd is a command of the runtime, such as Cmd("state", "id"), not yet run. Tests add input, environment and so on. Its
// input is an empty pipe, not /dev/null: crun 1.8 gives that to the container's user, and it is the host's.
func (r Runtime) Cmd(args ...string) labtest.Cmd {
	return labtest.Cmd{Args: append([]string{r.Path, "--root", r.Root}, args...), Stdin: strings.NewReader("")}
}

// Run runs a command of the runtime.
func (r Runtime) Run(t testing.TB, args ...string) labtest.Result {
	t.Helper()
	return r.Cmd(args...).Run(t)
}

// RunBundle makes a container, waits for its end, and returns what its program wrote and its exit code. Whatever
// happens, the container is gone afterwards.
func (r Runtime) RunBundle(t testing.TB, id, bundle string) labtest.Result {
	t.Helper()
	result := r.Run(t, "run", "--bundle", bundle, id)
	r.Delete(t, id)
	return result
}

// Create makes a container that waits for `start`, and deletes it when the test is over. What its program will
// write is in the bundle's files stdout and stderr, and what the runtime writes is in the result, too.
//
// They are files because who holds a pipe of the runtime's keeps it open: the container has the streams of create.
func (r Runtime) Create(t testing.TB, id, bundle string, flags ...string) labtest.Result {
	t.Helper()
	t.Cleanup(func() { r.Delete(t, id) })
	c := r.Cmd(append(append([]string{"create", "--bundle", bundle}, flags...), id)...)
	c.Args = append([]string{"sh", "-c", `cd "$0" && : >stdin && exec "$@" <stdin >stdout 2>stderr`, bundle}, c.Args...)
	result := c.Run(t)
	result.Stdout, result.Stderr = Output(t, bundle)
	return result
}

// Output returns what the container of Create has written so far.
func Output(t testing.TB, bundle string) (stdout, stderr string) {
	t.Helper()
	for _, f := range []struct {
		name string
		to   *string
	}{{"stdout", &stdout}, {"stderr", &stderr}} {
		raw, err := os.ReadFile(filepath.Join(bundle, f.name))
		require.NoError(t, err)
		*f.to = string(raw)
	}
	return stdout, stderr
}

// Delete ends and removes a container, if there is one.
func (r Runtime) Delete(t testing.TB, id string) {
	t.Helper()
	if _, err := os.Stat(filepath.Join(r.Root, id)); err != nil {
		return
	}
	if result := r.Run(t, "delete", "--force", id); result.Code != 0 {
		t.Errorf("%s delete --force %s: %v", r.Name, id, result)
	}
}

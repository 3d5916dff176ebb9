package labtest

import (
	"errors"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

// scratchEnv tells the second start of the test binary that it is the second one, and where its folders are.
const scratchEnv = "LABTEST_SCRATCH"

const prSetChildSubreaper = 36 // PR_SET_CHILD_SUBREAPER, which package syscall lacks

// What the tests know about their supervisor. Zero outside of Main.
var (
	supervisor int      // its pid: whatever descends from it was started by the tests
	scratch    []string // its folders, in /tmp and /var/lib; removed by it at the end
)

// Main runs the tests of a package on a stage of their own (see the package comment) and exits with their code.
// It is the whole TestMain of a lab:
//
//	func TestMain(m *testing.M) { labtest.Main(m) }
//
// Without root it fails: a test that didn't run must not look like one that passed.
func Main(m *testing.M) {
	if dirs, inner := os.LookupEnv(scratchEnv); inner {
		os.Unsetenv(scratchEnv) // the labs, and test binaries started by tests, shall not see it
		if err := enterStage(filepath.SplitList(dirs)); err != nil {
			fmt.Fprintln(os.Stderr, "labtest:", err)
			os.Exit(1)
		}
		os.Exit(m.Run())
	}
	if slices.ContainsFunc(os.Args, func(a string) bool { return strings.HasPrefix(a, "-test.fuzzworker") }) {
		os.Exit(m.Run()) // a child of `go test -fuzz`, on the stage already
	}
	code, err := supervise()
	if err != nil {
		fmt.Fprintln(os.Stderr, "labtest:", err)
	}
	os.Exit(code)
}

// enterStage prepares the process that runs the tests.
func enterStage(dirs []string) error {
	supervisor, scratch = os.Getppid(), dirs
	if os.Getenv("LABTEST_PROPAGATION") != "host" {
		if err := syscall.Mount("", "/", "", syscall.MS_REC|syscall.MS_SHARED, ""); err != nil {
			return fmt.Errorf("mount --make-rshared /: %w", err)
		}
	}
	return writeSentinels()
}

// supervise starts the test binary again, waits for it, inherits its orphans and ends them.
// Flags, standard streams, working directory and exit code pass through, so that `go test` notices nothing.
func supervise() (code int, err error) {
	if os.Geteuid() != 0 {
		return 1, errors.New("the labs need root: run sudo make test")
	}
	if err := waitForOthers(); err != nil {
		return 1, err
	}
	dirs, err := makeScratch()
	defer removeScratch(dirs)
	if err != nil {
		return 1, err
	}
	if _, _, errno := syscall.RawSyscall(syscall.SYS_PRCTL, prSetChildSubreaper, 1, 0); errno != 0 {
		return 1, fmt.Errorf("prctl(PR_SET_CHILD_SUBREAPER): %w", errno)
	}

	// If the supervisor is killed, the tests go too. The kernel watches the thread that forked: it must stay.
	runtime.LockOSThread()
	attr := &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if os.Getenv("LABTEST_PROPAGATION") != "host" {
		attr.Unshareflags = syscall.CLONE_NEWNS // package syscall also makes / rprivate in it
	}
	signals := make(chan os.Signal, 8)
	signal.Notify(signals, syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP, syscall.SIGQUIT)
	exe, err := os.Executable()
	if err != nil {
		return 1, err
	}
	tests, err := os.StartProcess(exe, os.Args, &os.ProcAttr{
		Files: []*os.File{os.Stdin, os.Stdout, os.Stderr},
		Env:   append(os.Environ(), scratchEnv+"="+strings.Join(dirs, string(filepath.ListSeparator))),
		Sys:   attr,
	})
	if errors.Is(err, syscall.EPERM) {
		return 1, fmt.Errorf("no mount namespace for the tests (a container without CAP_SYS_ADMIN?): %w", err)
	} else if err != nil {
		return 1, err
	}
	go func() {
		for s := range signals {
			tests.Signal(s) // Ctrl-C reaches both of us anyway, a plain kill only the supervisor
		}
	}()

	ws := reapUntil(tests.Pid)
	if ws.Signaled() {
		killOrphans()
		return 128 + int(ws.Signal()), nil
	}
	code = ws.ExitStatus()
	if left := waitForOrphans(Scale(settleTime)); left != "" {
		killOrphans()
		return max(code, 1), fmt.Errorf("the tests are over, but these processes were still running (killed now):\n%s", left)
	}
	return code, nil
}

// reapUntil waits for children, own and inherited, until the one named has ended.
func reapUntil(pid int) syscall.WaitStatus {
	for {
		var ws syscall.WaitStatus
		if got, err := syscall.Wait4(-1, &ws, 0, nil); got == pid && err == nil {
			return ws
		}
	}
}

// waitForOrphans gives inherited processes time to end by themselves and describes those that don't.
func waitForOrphans(limit time.Duration) string {
	for deadline := time.Now().Add(limit); ; time.Sleep(5 * time.Millisecond) {
		if !reapDead() {
			return ""
		}
		if time.Now().After(deadline) {
			return describeTree(os.Getpid())
		}
	}
}

// reapDead reaps what can be reaped and says whether children remain.
func reapDead() bool {
	for {
		switch pid, err := syscall.Wait4(-1, nil, syscall.WNOHANG, nil); {
		case err == syscall.ECHILD:
			return false
		case err == nil && pid == 0:
			return true
		}
	}
}

// killOrphans ends everything below the supervisor. Whoever dies hands its own children up, hence the loop. The guards
// of labs, and what these start, come last: they have cgroups to remove.
func killOrphans() {
	patience := time.Now().Add(Scale(guardTime))
	for deadline := patience.Add(Scale(5 * time.Second)); reapDead() && time.Now().Before(deadline); {
		for pid, p := range descendants(os.Getpid()) {
			if !isGuard(pid) && !isGuard(p.Parent) || time.Now().After(patience) {
				syscall.Kill(pid, syscall.SIGKILL)
			}
		}
		time.Sleep(5 * time.Millisecond)
	}
}

// makeScratch makes one folder in /tmp, where binaries go, and one in /var/lib, where labs keep their state.
func makeScratch() (dirs []string, err error) {
	for _, parent := range []string{os.TempDir(), "/var/lib"} {
		dir, err := os.MkdirTemp(parent, "labtest-")
		if err != nil {
			return dirs, err
		}
		dirs = append(dirs, dir)
		if err := os.Chmod(dir, 0o755); err != nil { // a lab may run as another user
			return dirs, err
		}
	}
	return dirs, nil
}

// removeScratch removes the folders, unless something is mounted in them: RemoveAll would empty that, too.
func removeScratch(dirs []string) {
	for _, dir := range dirs {
		if slices.ContainsFunc(mounts(), func(m mount) bool { return strings.HasPrefix(m.Point, dir+"/") }) {
			fmt.Fprintf(os.Stderr, "labtest: something is still mounted below %s: unmount it and remove the folder\n", dir)
			continue
		}
		os.RemoveAll(dir)
	}
}

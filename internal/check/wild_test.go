package check

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"jocker/internal/exercise"
	"jocker/internal/labtest"
)

// wild makes a lab03 whose function become does something terrible first. become runs in the container; before says
// what run does in the parent, as root of the box.
func wild(t *testing.T, before, become string) (*exercise.Exercise, map[string]string) {
	t.Helper()
	e, err := exercise.Find("../..", "03", "")
	require.NoError(t, err)
	files := reference(t, e)
	main := files["main.go"]
	main = strings.Replace(main, "func run(args []string) error {\n", "func run(args []string) error {\n"+before+"\n", 1)
	main = strings.Replace(main, "func become(program []string) error {\n", "func become(program []string) error {\n"+become+"\n", 1)
	files["main.go"] = main
	return e, files
}

// Whatever a program does, the check ends in time, says what it found, and the host is as it was.
func TestWildPrograms(t *testing.T) {
	sentinel := filepath.Join("/var/tmp", fmt.Sprintf("labtest-%d", os.Getpid()))
	require.NoError(t, os.WriteFile(sentinel, []byte("here"), 0o644))
	t.Cleanup(func() { os.Remove(sentinel) })
	labtest.Snapshot(t)
	t.Cleanup(func() { require.Empty(t, ownBoxes(t)) })
	for name, c := range map[string]struct {
		before, become string
		want           string // findings, one of which it must be
	}{
		"a fork bomb":        {`for { c := exec.Command("/proc/self/exe", os.Args[1:]...); c.Start() }`, "", "forks-without-end hangs"},
		"a fork bomb inside": {"", `for { c := exec.Command("sh", "-c", "sleep 100 & sleep 100"); c.Start() }`, "forks-without-end"},
		"kills everybody":    {`syscall.Kill(-1, syscall.SIGKILL)`, "", "box-destroyed"},
		"never ends":         {`select {}`, "", "hangs panics"},
		"sleeps inside":      {"", `for { syscall.Select(0, nil, nil, nil, &syscall.Timeval{Sec: 1000}) }`, "hangs"},
		"fills the disk": {`f, _ := os.Create("/tmp/big"); chunk := make([]byte, 1<<20); for { if _, err := f.Write(chunk); err != nil { return fail(125, "%v", err) } }`, "",
			"run-fails"},
		"writes to the host":     {`if err := os.WriteFile("` + sentinel + `", nil, 0o644); err != nil { return fail(125, "%v", err) }; os.Remove("/etc/hosts")`, "", ""},
		"covers /proc":           {`syscall.Mount("tmpfs", "/proc", "tmpfs", 0, "")`, "", "shared-root hangs run-fails"},
		"covers everything":      {`for _, dir := range []string{"/proc", "/sys", "/usr", "/tmp"} { syscall.Mount("tmpfs", dir, "tmpfs", 0, "") }`, "", "shared-root run-fails hangs"},
		"unmounts everything":    {`for _, dir := range []string{"/sys/fs/cgroup", "/proc", "/tmp"} { syscall.Unmount(dir, syscall.MNT_DETACH) }`, "", "run-fails hangs box-destroyed panics"},
		"renames the host":       {`syscall.Sethostname([]byte("lost"))`, "", "host-renamed"},
		"leaves a daemon":        {`c := exec.Command("setsid", "sh", "-c", "trap '' TERM HUP; sleep 200"); c.Start()`, "", "process-left hangs"},
		"leaves a wedged cgroup": {`root, _, _ := memoryHierarchy(); os.MkdirAll(root+"/lab03-wedged/a/b", 0o755); c := exec.Command("setsid", "sh", "-c", "echo $$ > "+root+"/lab03-wedged/a/b/cgroup.procs; sleep 200"); c.Start()`, "", "process-left cgroup-left hangs"},
		"eats memory":            {`var all [][]byte; for { b := make([]byte, 16<<20); for i := range b { b[i] = 1 }; all = append(all, b); _ = len(all) }`, "", "run-fails hangs"},
		"floods its output":      {`for end := time.Now().Add(2 * time.Second); time.Now().Before(end); { os.Stdout.Write(make([]byte, 1<<16)) }`, "", "run-fails argv-changed"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			e, files := wild(t, c.before, c.become)
			if strings.Contains(c.before, "time.") {
				files["main.go"] = strings.Replace(files["main.go"], "\t\"syscall\"\n", "\t\"syscall\"\n\t\"time\"\n", 1)
			}
			begin := time.Now()
			r, err := RunFiles(context.Background(), e, "wild", files, Options{})
			require.NoError(t, err)
			require.Less(t, time.Since(begin), labtest.Scale(25*time.Second))
			if c.want != "" {
				f, _ := r.First()
				require.NotNil(t, f, summary(r))
				require.Contains(t, strings.Fields(c.want), f.Name, summary(r))
			}
			text, err := os.ReadFile(sentinel)
			require.NoError(t, err)
			require.Equal(t, "here", string(text))
		})
	}
}

// ownBoxes lists the cgroups of our checks that are still there.
func ownBoxes(t *testing.T) (list []string) {
	t.Helper()
	for _, h := range hierarchies() {
		found, err := filepath.Glob(filepath.Join(h.Point, fmt.Sprintf("%s%d-*", boxPrefix, os.Getpid())))
		require.NoError(t, err)
		list = append(list, found...)
	}
	return list
}

// A check that is interrupted leaves nothing.
func TestInterrupted(t *testing.T) {
	labtest.Snapshot(t)
	e, files := wild(t, "for { syscall.Select(0, nil, nil, nil, &syscall.Timeval{Sec: 1000}) }", "")
	ctx, cancel := context.WithTimeout(context.Background(), labtest.Scale(2500*time.Millisecond))
	defer cancel()
	_, err := RunFiles(ctx, e, "wild", files, Options{})
	require.ErrorIs(t, err, context.DeadlineExceeded)
	require.Empty(t, ownBoxes(t))
}

// What isn't a program, or lost a function, is said before anything runs.
func TestNotAProgram(t *testing.T) {
	e, err := exercise.Find("../..", "03", "")
	require.NoError(t, err)
	for name, c := range map[string]struct {
		old, text, want, observed string
	}{
		"a syntax error":         {"func mountProc() error {", "func mountProc() error", "does-not-compile", "work/lab03/main.go:"},
		"an import is missing":   {"\t\"os\"\n", "", "does-not-compile", "undefined: os"},
		"a function is gone":     {"func mountProc() error {", "func mountTheProc() error {", "function-missing", "there is no function mountProc in work/lab03"},
		"a signature is another": {"func mountProc() error {", "func mountProc(flags int) error {", "signature-changed", "func mountProc(flags int) error"},
	} {
		t.Run(name, func(t *testing.T) {
			files := reference(t, e)
			require.Contains(t, files["main.go"], c.old)
			files["main.go"] = strings.Replace(files["main.go"], c.old, c.text, 1)
			r, err := RunFiles(context.Background(), e, "work/lab03", files, Options{})
			require.NoError(t, err)
			require.NotNil(t, r.Build)
			require.Equal(t, c.want, r.Build.Name)
			require.Contains(t, r.Build.Observed, c.observed)
			require.False(t, r.Passed)
		})
	}
	_, err = Run(context.Background(), e, t.TempDir(), Options{})
	require.ErrorContains(t, err, "make start LAB=03 makes one to begin with")
}

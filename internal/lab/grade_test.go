package main

import (
	"bytes"
	"encoding/csv"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/require"

	"jocker/internal/exercise"
)

// Six submissions, most of them hopeless: each gets its line, and none is in the way of the next.
func TestGrade(t *testing.T) {
	require.Zero(t, os.Getuid(), "this test needs root: sudo make test")
	e, err := exercise.Find("../..", "03", "")
	require.NoError(t, err)
	solution, err := exercise.Sources(e.Dir)
	require.NoError(t, err)
	starter, err := e.Starter()
	require.NoError(t, err)
	changed := func(old, text string) map[string]string {
		files := map[string]string{}
		for name, content := range solution {
			files[name] = content
		}
		require.Contains(t, files["main.go"], old)
		files["main.go"] = strings.Replace(files["main.go"], old, text, 1)
		return files
	}
	dir := t.TempDir()
	for path, files := range map[string]map[string]string{
		"alice/lab03":         solution,
		"bob/work/lab03":      starter,
		"carol/lab03":         changed("func run(args []string) error {", "func run(args []string) error {\n\tfor {\n\t\texec.Command(\"/proc/self/exe\", os.Args[1:]...).Start()\n\t}"),
		"dave/lab03-run-init": changed("return become(program)", "return become(program"),
		"eve/notes":           {"main.go": "package main"},
		"frank/lab03":         changed("syscall.MS_REC|syscall.MS_PRIVATE", "syscall.MS_PRIVATE"),
	} {
		require.NoError(t, os.MkdirAll(filepath.Join(dir, path), 0o755))
		for name, text := range files {
			require.NoError(t, os.WriteFile(filepath.Join(dir, path, name), []byte(text), 0o644))
		}
	}
	var stdout, stderr bytes.Buffer
	cmd := exec.Command(tool, "grade", dir)
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	require.NoError(t, cmd.Run(), "%s", &stderr)
	require.Equal(t, "lab grade: eve: no folder lab01 … lab06 with Go files in it\n", stderr.String())
	rows, err := csv.NewReader(&stdout).ReadAll()
	require.NoError(t, err)
	var got [][]string
	for _, row := range rows {
		require.Len(t, row, 8)
		got = append(got, row[:6])
	}
	require.Empty(t, cmp.Diff([][]string{
		{"student", "exercise", "passed", "tasks", "open", "first"},
		{"alice", "lab03", "3", "3", "0", ""},
		{"bob", "lab03", "0", "3", "3", ""},
		{"carol", "lab03", "2", "3", "0", "3.3 forks-without-end"},
		{"dave", "lab03", "0", "3", "", "does-not-compile"},
		{"frank", "lab03", "1", "3", "0", "3.2 not-recursive"},
	}, got))

	_, msg := say(t, 2, "grade")
	require.Contains(t, msg, "which folder? DIR=submissions, for example")
	_, msg = say(t, 2, "grade", t.TempDir())
	require.Contains(t, msg, "holds no submissions")
}

// A check of one's own folder: the report, the progress, and JSON.
func TestCheck(t *testing.T) {
	require.Zero(t, os.Getuid(), "this test needs root: sudo make test")
	workshop := t.TempDir()
	require.NoError(t, exec.Command("cp", "-r", "../../go.mod", "../../lab03-run-init", workshop).Run())
	lab := func(code int, args ...string) string {
		cmd := exec.Command(tool, args...)
		cmd.Dir = workshop
		out, _ := cmd.CombinedOutput()
		require.Equal(t, code, cmd.ProcessState.ExitCode(), "%s", out)
		return string(out)
	}
	require.Contains(t, lab(2, "check", "03"), "there is no Go program in "+workshop+"/work/lab03: make start LAB=03 makes one to begin with")
	lab(0, "start", "03")
	out := lab(1, "check", "03")
	require.Contains(t, out, "  · 3.2   mountProc            not written yet (main.go:")
	require.Contains(t, out, "\nNext: work/lab03/main.go:")
	require.Contains(t, out, "A hint: make hint LAB=03 TASK=1\n")

	file := filepath.Join(workshop, "work/lab03/main.go")
	solution, err := os.ReadFile("../../lab03-run-init/main.go")
	require.NoError(t, err)
	wrong := strings.Replace(string(solution), `syscall.Mount("", "/", "", syscall.MS_REC|syscall.MS_PRIVATE, "")`, "error(nil)", 1)
	require.NoError(t, os.WriteFile(file, []byte(wrong), 0o644))
	out = lab(1, "check", "03")
	for _, line := range []string{
		`  ✗ 3\.2   mountProc            shared-root\n`, `\nTask 3\.2, mountProc \(work/lab03/main\.go:\d+\): shared-root\n`,
		`\n  observed  .mountProc\(\). mounted something at /proc, and it appeared\s+outside`, `\n  expected  a mount made inside is seen inside only\n`, `\n  meaning   A new mount namespace is a copy`,
		`\n  look      lab02's guide, "How it works"\n`, `\n            man 7 mount_namespaces`,
	} {
		require.Regexp(t, line, out)
	}
	require.NotContains(t, out, "MS_PRIVATE", "the mistake is named, and not what mends it")
	require.Contains(t, lab(0, "solution", "03", "2"), "MS_PRIVATE")
	require.Regexp(t, `lab03          █▒· `, lab(0, "status"))
	out = lab(1, "check", "-json", "03")
	require.Regexp(t, `(?s)^\{\n  "exercise": "lab03",.*"name": "shared-root",`, out)

	require.NoError(t, os.WriteFile(file, solution, 0o644))
	require.Contains(t, lab(0, "check", "03"), "All 3 tasks are done, in ")
	require.Regexp(t, `lab03          ███ +3/3`, lab(0, "status"))
}

package exercise

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/require"
)

const solved = `// Package comment.
package main

import (
	"fmt"
	"strings"
	"os"
	"errors"
)

// Task 3.1: first says hello. More of it.
//
//lab:task 3.1
func first() error {
	// a comment that tells too much
	if strings.Contains("a", "b") {
		return errors.New("no")
	}
	return nil
}

// Task 2.1: earlier is an earlier lab's.
//
//lab:task 2.1
func earlier() { fmt.Println(os.Args) }

type thing struct{}

// Task 3.2: second is a method.
//
//lab:task 3.2
func (*thing) second() (n int, err error) { return len(os.Args), nil }
`

const cut = `// Package comment.
package main

import (
	"fmt"
	"os"
)

// Task 3.1: first says hello. More of it.
//
//lab:task 3.1
func first() error {
	// You may want to import errors, strings again.
	panic("task 3.1 is yours: first")
}

// Task 2.1: earlier is an earlier lab's.
//
//lab:task 2.1
func earlier() { fmt.Println(os.Args) }

type thing struct{}

// Task 3.2: second is a method.
//
//lab:task 3.2
func (*thing) second() (n int, err error) {
	panic("task 3.2 is yours: second")
}
`

func repository(t *testing.T, files map[string]string) string {
	t.Helper()
	root := t.TempDir()
	for name, text := range files {
		require.NoError(t, os.MkdirAll(filepath.Dir(filepath.Join(root, name)), 0o755))
		require.NoError(t, os.WriteFile(filepath.Join(root, name), []byte(text), 0o644))
	}
	return root
}

func TestStarter(t *testing.T) {
	root := repository(t, map[string]string{"lab03-run/main.go": solved, "lab03-run/main_test.go": "package main", "lab03-run/README.md": "# Lab 03: run\n"})
	e, err := Find(root, "3", "")
	require.NoError(t, err)
	require.Equal(t, "run", e.Title)
	files, err := e.Starter()
	require.NoError(t, err)
	require.Empty(t, cmp.Diff(map[string]string{"main.go": cut}, files))

	functions, err := Functions(files)
	require.NoError(t, err)
	require.True(t, functions["first"].Open)
	require.True(t, functions["thing.second"].Open)
	require.False(t, functions["earlier"].Open)
	require.Equal(t, "func (*thing) second() (n int, err error)", functions["thing.second"].Signature)

	one, err := e.Without("3.2")
	require.NoError(t, err)
	require.Contains(t, one["main.go"], `errors.New("no")`)
	require.Contains(t, one["main.go"], `panic("task 3.2 is yours: second")`)
}

func TestFind(t *testing.T) {
	root := repository(t, map[string]string{
		"lab03-run/main.go":                solved,
		"lab03-run/exercises/reap/main.go": "// Reap is a PID 1. It reaps.\n//\n// Level: medium. About 30 minutes.\npackage main\n\n// Task reap.1: reap waits.\n//\n//lab:task reap.1\nfunc reap() {}\n",
	})
	all, err := All(root)
	require.NoError(t, err)
	require.Len(t, all, 2)
	require.Equal(t, []Task{
		{"3.1", "first", "first says hello", "Task 3.1: first says hello. More of it.", "main.go"},
		{"3.2", "thing.second", "second is a method", "Task 3.2: second is a method.", "main.go"},
	}, all[0].Tasks)
	require.Equal(t, "lab03-reap", all[1].ID())
	require.Equal(t, "medium", all[1].Level)
	require.Equal(t, "Reap is a PID 1", all[1].Title)
	task, err := all[1].Task("1")
	require.NoError(t, err)
	require.Equal(t, "reap.1", task.Number)
	_, err = all[0].Task("3.4")
	require.EqualError(t, err, `lab03 has no task "3.4": its tasks are 3.1, 3.2`)
	_, err = Find(root, "03", "../x")
	require.EqualError(t, err, `lab 03 has no exercise "../x": it has reap`)
	_, err = Find(root, "x", "")
	require.EqualError(t, err, `which lab? LAB=03, for example, not "x"`)
	_, err = Find(root, "4", "")
	require.ErrorContains(t, err, "there is no lab 04 in ")
}

// Every starter of this repository compiles, and each of its tasks is open.
func TestStartersCompile(t *testing.T) {
	all, err := All("../..")
	require.NoError(t, err)
	require.GreaterOrEqual(t, len(all), 6)
	for _, e := range all {
		t.Run(e.ID(), func(t *testing.T) {
			t.Parallel()
			files, err := e.Starter()
			require.NoError(t, err)
			dir := t.TempDir()
			for name, text := range files {
				require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644))
			}
			require.NoError(t, os.WriteFile(filepath.Join(dir, "go.mod"), []byte("module starter\n\ngo 1.22.0\n"), 0o644))
			vet := exec.Command("go", "vet", "-unreachable=false", ".")
			vet.Dir = dir
			out, err := vet.CombinedOutput()
			require.NoError(t, err, "%s", out)
			functions, err := Functions(files)
			require.NoError(t, err)
			for _, task := range e.Tasks {
				require.True(t, functions[task.Func].Open, task.Number)
			}
		})
	}
}

func TestProgress(t *testing.T) {
	work := t.TempDir()
	p, err := ReadProgress(work)
	require.NoError(t, err)
	p.Of("3.1").Passed = true
	p.Of("3.2").Failed++
	require.NoError(t, p.Save())
	again, err := ReadProgress(work)
	require.NoError(t, err)
	require.Equal(t, p, again)
	require.NoError(t, os.WriteFile(filepath.Join(work, "progress.json"), []byte("{"), 0o644))
	_, err = ReadProgress(work)
	require.ErrorContains(t, err, "progress.json can't be read (remove it to begin anew): unexpected end of JSON input")

	missing, err := ReadProgress(filepath.Join(work, "no"))
	require.NoError(t, err)
	require.NoError(t, missing.Save(), "no work, no progress, and no folder made for it")
	require.NoDirExists(t, filepath.Join(work, "no"))
}

// Whatever a student's file holds, looking at it and cutting it ends well, and what was cut can be cut again.
func FuzzSource(f *testing.F) {
	f.Add(solved)
	f.Add(cut)
	f.Add("package main\nimport (\"os\"; f \"fmt\")\n//lab:task 3.1\nfunc a() { f.Println(os.Args) }\n")
	f.Fuzz(func(t *testing.T, text string) {
		Functions(map[string]string{"main.go": text})
		s, err := parse("main.go", text)
		if err != nil {
			return
		}
		out, err := s.cut(func(string) bool { return true })
		if err != nil {
			return
		}
		again, err := parse("main.go", out)
		require.NoError(t, err, out)
		twice, err := again.cut(func(string) bool { return true })
		require.NoError(t, err)
		require.Equal(t, len(s.tasks()), len(again.tasks()))
		_ = twice
	})
}

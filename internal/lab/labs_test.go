package main

import (
	"bytes"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/require"
)

// These tests hold what the labs promise of one another: lab N+1 is lab N plus its idea.

// sources returns files of a lab by name: those of a pattern, without tests.
func sources(t *testing.T, n int, pattern string) map[string]string {
	t.Helper()
	files, err := filepath.Glob(fmt.Sprintf("../../lab%02d-*/%s", n, pattern))
	require.NoError(t, err)
	text := map[string]string{}
	for _, file := range files {
		if strings.HasSuffix(file, "_test.go") {
			continue
		}
		data, err := os.ReadFile(file)
		require.NoError(t, err)
		text[filepath.Base(file)] = string(data)
	}
	require.NotEmpty(t, text, "lab%02d", n)
	return text
}

// A file that is in two labs is the same in both, byte for byte, but for these.
func TestUnchangedFilesAreIdentical(t *testing.T) {
	changed := map[string][]string{}
	for n := 2; n <= 6; n++ {
		before := sources(t, n-1, "*.go")
		for name, text := range sources(t, n, "*.go") {
			if old, ok := before[name]; ok && old != text {
				changed[name] = append(changed[name], fmt.Sprintf("lab%02d", n))
			}
		}
	}
	want := map[string][]string{
		"main.go":   {"lab02", "lab03", "lab04", "lab05", "lab06"},
		"job.go":    {"lab03"}, // the terminal belongs to the container
		"cgroup.go": {"lab04"}, // mountinfo instead of custom
	}
	if diff := cmp.Diff(want, changed); diff != "" {
		t.Errorf("files that change between labs (-want +got):\n%s", diff)
	}
}

// code returns the lines of a Go file that are code: no comments, blank lines, package and import lines.
func code(t *testing.T, text string) (lines []string) {
	t.Helper()
	fset := token.NewFileSet()
	file, err := parser.ParseFile(fset, "", text, parser.ParseComments)
	require.NoError(t, err)
	skip := map[int]bool{fset.Position(file.Package).Line: true}
	block := func(node ast.Node) {
		for line := fset.Position(node.Pos()).Line; line <= fset.Position(node.End()).Line; line++ {
			skip[line] = true
		}
	}
	for _, decl := range file.Decls {
		if d, ok := decl.(*ast.GenDecl); ok && d.Tok == token.IMPORT {
			block(d)
		}
	}
	for i, line := range strings.Split(text, "\n") {
		line = strings.TrimSpace(line)
		if line != "" && !strings.HasPrefix(line, "//") && !skip[i+1] {
			lines = append(lines, line)
		}
	}
	return lines
}

// What a lab adds can be read in an evening: 150 lines of code, lab 06 up to 400.
func TestLabsAreSmallSteps(t *testing.T) {
	for n := 2; n <= 6; n++ {
		most := 150
		if n == 6 {
			most = 400
		}
		before, added := sources(t, n-1, "*.go"), 0
		for name, text := range sources(t, n, "*.go") {
			var old []string
			if before[name] != "" {
				old = code(t, before[name])
			}
			added += newLines(old, code(t, text))
		}
		t.Logf("lab%02d: %d new lines of code", n, added)
		require.LessOrEqual(t, added, most, "lab%02d has grown", n)
	}
}

// newLines counts the lines of b that are not in a longest common subsequence with a, as diff does.
func newLines(a, b []string) int {
	common := make([]int, len(b)+1) // for the lines of a so far
	for _, x := range a {
		diagonal := 0
		for j, y := range b {
			above := common[j+1]
			if x == y {
				common[j+1] = diagonal + 1
			} else {
				common[j+1] = max(above, common[j])
			}
			diagonal = above
		}
	}
	return len(b) - common[len(b)]
}

// A lab needs nothing but Go.
func TestLabsImportOnlyTheStandardLibrary(t *testing.T) {
	for n := 1; n <= 6; n++ {
		for name, text := range sources(t, n, "*.go") {
			file, err := parser.ParseFile(token.NewFileSet(), name, text, parser.ImportsOnly)
			require.NoError(t, err)
			require.Equal(t, "main", file.Name.Name, "lab%02d/%s", n, name)
			for _, spec := range file.Imports {
				first, _, _ := strings.Cut(strings.Trim(spec.Path.Value, `"`), "/")
				require.NotContains(t, first, ".", "lab%02d/%s imports %s", n, name, spec.Path.Value)
				require.NotEqual(t, "jocker", first, "lab%02d/%s imports %s", n, name, spec.Path.Value)
			}
		}
	}
}

var (
	typed   = regexp.MustCompile(`(?m)^[$#] .*`)
	program = regexp.MustCompile(`\b(?:lab0[0-9]|mistakes|stress)\b`)
)

// `make lab03` in a fresh clone builds every program that the guide runs, and so does `make shell LAB=03`.
func TestMakeBuildsWhatTheGuideRuns(t *testing.T) {
	for n := 1; n <= 6; n++ {
		guide := sources(t, n, "README.md")["README.md"]
		for _, target := range [][]string{{fmt.Sprintf("lab%02d", n)}, {"shell", fmt.Sprintf("LAB=%d", n)}} {
			out, err := exec.Command("env", append([]string{"-u", "MAKEFLAGS", "make", "-C", "../..", "-n", "HOST=1"}, target...)...).CombinedOutput()
			require.NoError(t, err, "%s", out)
			for _, line := range typed.FindAllString(guide, -1) {
				for _, name := range program.FindAllString(line, -1) {
					name = strings.Replace(name, "stress", "lab01", 1) // which takes its place where it is missing
					require.Contains(t, string(out), "go build -o bin/"+name+" ", "make %s; the guide has %s", strings.Join(target, " "), line)
				}
			}
		}
	}
}

// Commands get what was typed, and nothing that the Makefile has under the same name: `make reset` leaves lab06's
// containers alone unless ALL=1 stands behind it, here and in the VM.
func TestMakeHandsOnWhatWasTyped(t *testing.T) {
	for _, c := range []struct {
		typed []string
		want  string
	}{
		{[]string{"reset", "HOST=1"}, "bin/lab reset"},
		{[]string{"reset", "HOST=1", "YES=1", "ALL=1"}, "bin/lab reset -yes -all"},
		{[]string{"reset", "WHERE=vm"}, "sh internal/make/in-vm.sh reset"},
		{[]string{"reset", "WHERE=vm", "ALL=1"}, "sh internal/make/in-vm.sh reset 'ALL=1'"},
		{[]string{"lab03", "WHERE=vm"}, "sh internal/make/in-vm.sh lab03"},
	} {
		out, err := exec.Command("env", append([]string{"-i", "PATH=" + os.Getenv("PATH"), "make", "-C", "../..", "-n"}, c.typed...)...).CombinedOutput()
		require.NoError(t, err, "%s", out)
		require.Contains(t, strings.Join(strings.Fields(string(out)), " ")+" ", c.want+" make", "make %s", strings.Join(c.typed, " "))
	}
}

var directive = regexp.MustCompile(`^//lab:task ([0-9])\.([0-9])$`)

// Every lab has three to six tasks of its own, numbered without gaps. A task is a function whose comment begins with
// its number, and it is in both guides' tables.
func TestTasks(t *testing.T) {
	for n := 1; n <= 6; n++ {
		tasks := map[string]string{}
		for name, text := range sources(t, n, "*.go") {
			file, err := parser.ParseFile(token.NewFileSet(), name, text, parser.ParseComments)
			require.NoError(t, err)
			for _, decl := range file.Decls {
				f, ok := decl.(*ast.FuncDecl)
				if !ok || f.Doc == nil {
					continue
				}
				for _, line := range f.Doc.List {
					if m := directive.FindStringSubmatch(line.Text); m != nil {
						number := m[1] + "." + m[2]
						require.True(t, strings.HasPrefix(f.Doc.List[0].Text, "// Task "+number+": "), "lab%02d: the comment of %s", n, f.Name.Name)
						if m[1] == fmt.Sprint(n) {
							tasks[number] = f.Name.Name
						}
					}
				}
			}
		}
		require.True(t, 3 <= len(tasks) && len(tasks) <= 6, "lab%02d has %d tasks", n, len(tasks))
		for _, guide := range []string{"README.md", "README.zh-CN.md"} {
			files, _ := filepath.Glob(fmt.Sprintf("../../lab%02d-*/%s", n, guide))
			require.Len(t, files, 1)
			text, err := os.ReadFile(files[0])
			require.NoError(t, err)
			for k := 1; k <= len(tasks); k++ {
				number := fmt.Sprintf("%d.%d", n, k)
				require.Contains(t, tasks, number)
				row := regexp.MustCompile(fmt.Sprintf("(?m)^\\| %s \\| `(?:\\w+\\.)?%s` \\|", regexp.QuoteMeta(number), tasks[number]))
				require.True(t, row.Match(bytes.ReplaceAll(text, []byte("\r"), nil)), "%s: no row for task %s, %s", files[0], number, tasks[number])
			}
		}
	}
}

package check

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/require"

	"jocker/internal/exercise"
	"jocker/internal/labtest"
)

func TestMain(m *testing.M) {
	Main()
	flag.Set("test.parallel", "3") // checks wait at times, so two processors can do more than two of them
	labtest.Main(m)
}

// store makes lab06's image, once.
var storePath string

func store(t *testing.T) string {
	t.Helper()
	if storePath == "" {
		dir, err := os.MkdirTemp("/var/lib", "labtest-store-")
		require.NoError(t, err)
		cmd := exec.Command(labtest.Bin(t, "lab"), "rootfs")
		cmd.Env = append(os.Environ(), "JOCKER_LABS="+dir)
		out, err := cmd.CombinedOutput()
		require.NoError(t, err, "%s", out)
		storePath = dir
	}
	return storePath
}

func exercises(t *testing.T) []*exercise.Exercise {
	t.Helper()
	all, err := exercise.All("../..")
	require.NoError(t, err)
	return all
}

func reference(t *testing.T, e *exercise.Exercise) map[string]string {
	t.Helper()
	files, err := exercise.Sources(e.Dir)
	require.NoError(t, err)
	return files
}

func full() bool { return os.Getenv("LABTEST_FULL") == "1" }

// summary says in words what a report says.
func summary(r *Report) string {
	var b strings.Builder
	if r.Build != nil {
		fmt.Fprintf(&b, "build: %s\n%s\n", r.Build.Name, r.Build.Observed)
	}
	for _, t := range r.Tasks {
		fmt.Fprintf(&b, "%s %s", t.Task, t.State)
		if t.Finding != nil {
			fmt.Fprintf(&b, ": %s: observed %s\n%s", t.Finding.Name, t.Finding.Observed, t.Finding.Output)
		}
		b.WriteByte('\n')
	}
	return b.String()
}

// Every reference solution passes: once, or with LABTEST_FULL twenty times out of twenty.
func TestSolutionsPass(t *testing.T) {
	labtest.Snapshot(t)
	times := 1
	if full() {
		times = 20
	}
	o := Options{Store: store(t)}
	t.Run("all", func(t *testing.T) {
		for _, e := range exercises(t) {
			t.Run(e.ID(), func(t *testing.T) {
				t.Parallel()
				quickest := 1e9 // of several runs: the others tell how busy the machine was
				for i := 0; i < times; i++ {
					r, err := RunFiles(context.Background(), e, e.ID(), reference(t, e), o)
					require.NoError(t, err)
					require.True(t, r.Passed, "run %d of %d:\n%s", i+1, times, summary(r))
					quickest = min(quickest, r.Seconds)
				}
				require.Less(t, quickest, labtest.Scale(15e9).Seconds())
				t.Logf("%d tasks, %d times passed, %.1f s", len(e.Tasks), times, quickest)
			})
		}
	})
}

// Every starter compiles, and has none of its tasks passed. And a solution in which one task is missing isn't passed
// either, even if the check doesn't notice that it is the starter's own body.
func TestStartersFail(t *testing.T) {
	labtest.Snapshot(t)
	o := Options{Store: store(t)}
	t.Run("all", func(t *testing.T) {
		for _, e := range exercises(t) {
			t.Run(e.ID(), func(t *testing.T) {
				t.Parallel()
				files, err := e.Starter()
				require.NoError(t, err)
				r, err := RunFiles(context.Background(), e, e.ID(), files, o)
				require.NoError(t, err)
				require.Nil(t, r.Build)
				require.False(t, r.Passed)
				for _, task := range r.Tasks {
					require.Equal(t, Open, task.State, task.Task)
				}
				for _, task := range e.Tasks {
					if !full() {
						break
					}
					files, err := e.Without(task.Number)
					require.NoError(t, err)
					for name, text := range files { // no longer the starter's body
						files[name] = strings.ReplaceAll(text, "\tpanic(\"task ", "\t_ = 0\n\tpanic(\"task ")
					}
					r, err := RunFiles(context.Background(), e, e.ID(), files, o)
					require.NoError(t, err)
					f, failed := r.First()
					require.NotNil(t, f, "without task %s:\n%s", task.Number, summary(r))
					require.NotNil(t, failed, "without task %s:\n%s", task.Number, summary(r))
				}
			})
		}
	})
}

// apply makes a mutant.
func (m mutant) apply(t *testing.T, files map[string]string) map[string]string {
	t.Helper()
	for i := 0; i+2 < len(m.edit); i += 3 {
		file, old, text := m.edit[i], m.edit[i+1], m.edit[i+2]
		if name, ok := strings.CutPrefix(old, "body of "); ok {
			functions, err := exercise.Functions(files)
			require.NoError(t, err)
			old = functions[name].Body
			text = "{\n" + text + "\n}"
		}
		require.Equal(t, 1, strings.Count(files[file], old), "%s has not just one place with\n%s", file, old)
		files[file] = strings.Replace(files[file], old, text, 1)
	}
	return files
}

// tasks lists the tasks whose functions a mutant changes: none, if its mistake is in a part that is given.
func (m mutant) tasks(t *testing.T, e *exercise.Exercise) (numbers []string) {
	t.Helper()
	before, err := exercise.Functions(reference(t, e))
	require.NoError(t, err)
	after, err := exercise.Functions(m.apply(t, reference(t, e)))
	require.NoError(t, err)
	for _, task := range e.Tasks {
		if before[task.Func].Body != after[task.Func].Body {
			numbers = append(numbers, task.Number)
		}
	}
	return numbers
}

// Every mutant is caught, at the task that is wrong, and gets the message that is about its mistake.
func TestMutants(t *testing.T) {
	labtest.Snapshot(t)
	o := Options{Store: store(t)}
	_, v2 := labtest.Hierarchy("memory")
	t.Run("all", func(t *testing.T) {
		for _, e := range exercises(t) {
			for i, m := range mutants[e.ID()] {
				if os.Getenv("LAB_SLOW") == "1" && !full() && i%8 != 0 {
					continue // emulation takes twenty times as long: some of them
				}
				want := m.want
				if v2 && m.onV2 != "" {
					want = m.onV2
				}
				if want == "-" {
					continue // on this layout the mistake can't be made
				}
				t.Run(e.ID()+"/"+m.name, func(t *testing.T) {
					t.Parallel()
					r, err := RunFiles(context.Background(), e, e.ID(), m.apply(t, reference(t, e)), o)
					require.NoError(t, err)
					f, at := r.First()
					require.NotNil(t, f, "nothing was found:\n%s", summary(r))
					require.Equal(t, want, f.Name, summary(r))
					if changed := m.tasks(t, e); len(changed) > 0 {
						require.NotNil(t, at, summary(r))
						require.Contains(t, changed, at.Task, "the message is right, and names another task: %s", summary(r))
					}
					require.False(t, r.Passed)
					t.Logf("%.1f s", r.Seconds)
				})
			}
		}
	})
}

// Each exercise has five mutants or more, and hardly two of them get the same message.
func TestMutantsAreDifferent(t *testing.T) {
	messages := 0
	total := 0
	for _, e := range exercises(t) {
		list := mutants[e.ID()]
		least := 5
		if e.Name != "" {
			least = 2
		}
		require.GreaterOrEqual(t, len(list), least, e.ID())
		own := map[string]bool{}
		for _, m := range list {
			own[m.want] = true
		}
		total += len(list)
		messages += len(own)
	}
	for n := 1; n <= 15; n++ {
		require.Contains(t, fmt.Sprint(mutants), fmt.Sprintf("(#%d)", n))
	}
	t.Logf("%d mutants, %d messages", total, messages)
}

// What a finding names to read is there: a section of the guide.
func TestPlacesToLook(t *testing.T) {
	for _, e := range exercises(t) {
		source, err := os.ReadFile(strings.ReplaceAll(e.ID(), "-", "_") + ".go")
		if err != nil {
			continue // an extra exercise, see there
		}
		for _, line := range strings.Split(string(source), "\n") {
			_, text, ok := strings.Cut(line, "const see")
			if !ok {
				continue
			}
			_, text, _ = strings.Cut(text, "`")
			text, _, _ = strings.Cut(text, "`")
			for _, place := range strings.Split(text, "; ") {
				dir, section := e.Dir, place
				if lab, s, ok := strings.Cut(place, ": "); ok && strings.HasPrefix(lab, "lab0") {
					found, _ := filepath.Glob("../../" + lab + "-*")
					dir, section = found[0], s
				}
				if strings.HasPrefix(place, "man ") || strings.HasPrefix(place, "http") {
					continue
				}
				guide, err := os.ReadFile(filepath.Join(dir, "README.md"))
				require.NoError(t, err)
				require.True(t, strings.Contains(string(guide), "# "+section+"\n"), "%s: the guide has no section %q", e.ID(), place)
			}
		}
	}
}

// So are the sections that the other checks name.
func TestOtherPlacesToLook(t *testing.T) {
	sources, err := filepath.Glob("*.go")
	require.NoError(t, err)
	count := 0
	for _, source := range sources {
		text, err := os.ReadFile(source)
		require.NoError(t, err)
		for _, m := range regexp.MustCompile(`(lab0[1-6]): ([A-Z][^;"`+"`"+`]*)`).FindAllStringSubmatch(string(text), -1) {
			if strings.HasSuffix(source, "_test.go") {
				continue
			}
			found, _ := filepath.Glob("../../" + m[1] + "-*")
			guide, err := os.ReadFile(filepath.Join(found[0], "README.md"))
			require.NoError(t, err)
			require.True(t, strings.Contains(string(guide), "# "+m[2]+"\n"), "%s: the guide of %s has no section %q", source, m[1], m[2])
			count++
		}
	}
	require.Greater(t, count, 10)
}

func FuzzExplain(f *testing.F) {
	f.Add("lab06: pivot_root: invalid argument\n\x00")
	f.Fuzz(func(t *testing.T, text string) {
		require.LessOrEqual(t, len(Explain(text)), len(Causes))
	})
}

func TestExplain(t *testing.T) {
	for text, want := range map[string]string{
		"lab04: write /sys/fs/cgroup/cpuset/lab04-1/cgroup.procs: no space left on device": "ENOSPC (no space left on device), write to cgroup.procs or tasks",
		"lab06: pivot_root: device or resource busy":                                       "EBUSY (device or resource busy), pivot_root",
		"lab06: pivot_root: invalid argument":                                              "EINVAL (invalid argument), pivot_root",
		"lab02: fork/exec /proc/self/exe: operation not permitted":                         "EPERM (operation not permitted), clone with CLONE_NEWUSER",
		"write /sys/fs/cgroup/x/cgroup.subtree_control: no such file or directory":         "ENOENT (no such file or directory), write to cgroup.subtree_control",
		"lab03: execve sh: no such file or directory":                                      "ENOENT (no such file or directory), exec",
		"open /sys/fs/cgroup/x/memory.limit_in_bytes: permission denied":                   "EACCES (permission denied), write to a cgroup file",
	} {
		got := Explain(text)
		require.Len(t, got, 1, text)
		require.True(t, strings.HasPrefix(got[0], want+": "), got[0])
	}
	require.Empty(t, Explain("all is well"))
	var b strings.Builder
	PrintCauses(&b, "pivot_root")
	require.Equal(t, 2, strings.Count(b.String(), ", pivot_root\n"))
	for _, c := range Causes {
		require.NotEmpty(t, c.Name(), c.Errno.Error())
	}
	require.Empty(t, cmp.Diff("a b\n  c", wrap("a b c", 3, "  ")))
	require.Empty(t, cmp.Diff(`"two  words"`, wrap(`"two  words"`, 96, "  ")))
}

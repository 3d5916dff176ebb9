package guide

import (
	"bytes"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// played plays a guide in an empty folder.
func played(t *testing.T, guide string) (out string, report Report, err error) {
	t.Helper()
	var b bytes.Buffer
	report, err = parse(t, guide).Play(context.Background(), Options{Dir: t.TempDir(), Out: &b, Limit: 20 * time.Second})
	return b.String(), report, err
}

// keepsItsWord plays a guide that is right.
func keepsItsWord(t *testing.T, guide string) string {
	t.Helper()
	out, _, err := played(t, guide)
	require.NoError(t, err, "played:\n%s", out)
	return out
}

// needs makes sure that a program is there.
func needs(t *testing.T, program, pkg string) {
	t.Helper()
	_, err := exec.LookPath(program)
	require.NoError(t, err, "this test needs %s: apt-get install -y %s", program, pkg)
}

func TestPlay(t *testing.T) {
	for name, lines := range map[string][]string{
		"state lasts":          {"$ x=1; cd /", "$ echo $x $PWD", "1 /"},
		"exit code":            {"$ false", "[exit 1]", "$ sh -c 'exit 255'", "[exit 255]"},
		"$? is kept":           {"$ false", "[exit 1]", "$ echo $?", "1"},
		"here-document":        {"$ cat <<E", "> a $PWD", ">", "> \tb", "> E", "a <path>", "", "        b"},
		"open quote":           {"$ echo 'a", "> b'", "a", "b"},
		"function":             {"$ f() {", "> echo \"f $1\"", "> }", "$ f x", "f x"},
		"no newline":           {"$ printf a", "a", "$ echo b", "b"},
		"both streams":         {"$ echo a; echo b >&2; echo c", "a", "b", "c"},
		"prompt in the output": {"$ printf 'a $ '", "a $", `$ printf '$ \n# \n> \n'`, `\$`, "#", `\>`, "$ printf '# '", "#"},
		"prompt of bash":       {`$ echo "$PS1" "$PS2"; set | grep -c '^PS2'`, `${_lab+@@lab-$_lab-$?@@}#  ${_lab+@@lab-$_lab-more@@}`, "1"},
		"half a mark":          {"$ printf @@lab; printf '@@lab-\\n@@'", "@@lab@@lab-", "@@"},
		"terminal":             {"$ stty size; test -t 0 && test -t 2 && echo yes", "50 200", "yes"},
		"terminal set wrong":   {"$ stty raw echo", "$ echo a", "a"},
		"environment":          {"$ env | cut -d= -f1 | grep -vE '^(USER|LOGNAME|TMPDIR|LAB_SLOW|SHLVL|_|PWD|OLDPWD)$' | sort | tr '\\n' ' '", "HOME LANG PAGER PATH PS1 SHELL TERM"},
		"no trace in history":  {"$ echo \"$HISTFILE$MAILCHECK\"", ""},
		"background job":       {"$ sleep 50 &", "[1] <pid1>", "$ sleep 0.1; cat /proc/<pid1>/comm", "sleep", "$ kill <pid1>; wait <pid1>", "[1]+  Terminated              sleep 50", "[exit 143]"},
		"numbered":             {"$ readlink /proc/self/ns/uts", "uts:[<inode1>]", "$ readlink /proc/self/ns/uts /proc/self/ns/pid", "uts:[<inode1>]", "pid:[<inode2>]"},
		"colours":              {`$ printf '\033[1mbold\033[0m\n'`, "bold"},
		"long output":          {"$ seq 20000", "1", "...", "20000"},
		"orphans are buried":   {"$ (sleep 0.01 & echo $! >pid); sleep 0.3; test -e /proc/$(cat pid) || echo gone", "gone"},
	} {
		t.Run(name, func(t *testing.T) { keepsItsWord(t, block(lines...)) })
	}
}

func TestPlayInner(t *testing.T) {
	needs(t, "busybox", "busybox-static")
	needs(t, "script", "bsdutils")
	hello := []string{"", "", "BusyBox <text>", "Enter 'help' for a list of built-in commands.", ""}
	ash := func(command string, lines ...string) []string {
		return append(append([]string{"$ " + command}, hello...), lines...)
	}
	for name, lines := range map[string][]string{
		"sh":                    {"$ sh -i", "# echo a", "a", "# exit", "$ echo b", "b"},
		"bash":                  {"$ bash --norc", "# echo a", "a", "# exit", "exit"},
		"exit code":             {"$ sh", "# exit 3", "[exit 3]"},
		"same text as typed":    {"$ sh", "# a() { printf 'a\\n'; }", "# a", "a", "# exit"},
		"no newline":            {"$ sh", "# printf a", "a", "# printf '# x'", `\# x`, "# exit"},
		"nested":                {"$ sh", "# sh -c 'echo $PPID'", "<pid>", "# sh", "# exit 2", "# echo $?", "2", "# exit"},
		"busybox, inherited":    ash("busybox sh", "# echo a", "a", "# exit"),
		"busybox, own prompt":   ash("cd / && env -i busybox sh", "/ # echo a", "a", "/ # cd /tmp", "/tmp # true", "/tmp # exit 4", "[exit 4]"),
		"busybox that echoes":   ash("cd / && stty echo && env -i busybox sh", "/ # echo a", "a", "/ # printf a", "a", "/ # true", "/ # exit"),
		"busybox on a pty":      ash("cd / && script -qec 'env -i TERM=xterm busybox sh' /dev/null", "/ # echo a", "a", "/ # tty", "<path>", "/ # exit 5", "[exit 5]"),
		"sh, terminal echoes":   {"$ stty echo; sh", "# echo a", "a", "# true", "# a() { printf 'a\\n'; }", "# a", "a", "# exit"},
		"sh on a pty":           {"$ script -qec 'env -i sh' /dev/null", "# echo a", "a", "# exit"},
		"wide command":          ash("cd / && script -qec 'env -i busybox sh' /dev/null", "/ # : "+strings.Repeat("a", 178), "/ # exit"),
		"some other program":    {`$ while read -p '/x # ' line; do test "$line" = q && break; echo "[$line]"; done`, "/x # a b", "[a b]", "/x # q"},
		"exit code of the last": {"$ sh; false", "# exit 0", "[exit 1]"},
	} {
		t.Run(name, func(t *testing.T) { keepsItsWord(t, block(lines...)) })
	}
	t.Run("prompt in the output", func(t *testing.T) {
		t.Setenv("LAB_SLOW", "1") // the moment of quiet is longer, too
		keepsItsWord(t, block("$ sh", "# printf '# '; sleep 0.1; echo x", `\# x`, "# exit"))
	})
	t.Run("over two blocks", func(t *testing.T) {
		keepsItsWord(t, block("$ sh", "# x=1")+"\nWords.\n\n"+block("# echo $x", "1", "# exit"))
	})
}

// TestPlayShows compares all that a person sees.
func TestPlayShows(t *testing.T) {
	guide := text("# The title", "", "Words.", "", "## Not played", "", "## One", "'''console", "$ echo a \\", "> b", "a b", "$ printf c", "c", "'''",
		"'''console", "$ sh", "# id -u", "<n>", "# exit", "'''", "### Two `x`", "'''console", "$ false", "[exit 1]", "'''")
	out, report, err := played(t, guide)
	require.NoError(t, err)
	require.Equal(t, "\n== The title ==\n\n-- One --\n$ echo a \\\n> b\na b\n$ printf c\nc\n$ sh\n# id -u\n0\n# exit\n\n-- Two `x` --\n$ false\n[exit 1]\n",
		strings.Replace(out, "\n"+strings.TrimSpace(userID(t))+"\n", "\n0\n", 1))
	require.Positive(t, report.Time)
	report.Time = 1234 * time.Millisecond
	require.Equal(t, Report{Steps: 6, Checks: 10, Time: 1234 * time.Millisecond}, report)
	require.Equal(t, "6 steps, 10 checks, 1.2 s", report.String())

	var b bytes.Buffer
	_, err = parse(t, block("$ echo a", "a")).Play(context.Background(), Options{Dir: t.TempDir(), Out: &b, Color: true})
	require.NoError(t, err)
	require.Equal(t, "\x1b[36m$ echo a\x1b[0m\na\n", b.String())
}

func userID(t *testing.T) string {
	out, err := exec.Command("id", "-u").Output()
	require.NoError(t, err)
	return string(out)
}

// TestPlayIsLive has a command that goes on only when the test has seen its first line.
func TestPlayIsLive(t *testing.T) {
	dir := t.TempDir()
	seen := writer(func(p []byte) {
		if string(p) == "first\n" {
			require.NoError(t, os.WriteFile(filepath.Join(dir, "seen"), nil, 0o644))
		}
	})
	g := parse(t, block("$ echo first; until test -e seen; do sleep 0.01; done; echo second", "first", "second"))
	_, err := g.Play(context.Background(), Options{Dir: dir, Out: seen, Limit: 20 * time.Second})
	require.NoError(t, err)
}

type writer func(p []byte)

func (w writer) Write(p []byte) (int, error) {
	w(p)
	return len(p), nil
}

func TestPlayConditions(t *testing.T) {
	here, there := "v1", "v2"
	if conditions["v2"].holds() {
		here, there = there, here
	}
	both := text("'''console "+there, "$ echo there", "nowhere", "'''", "'''console "+here, "$ echo here", "here", "'''")
	out, report, err := played(t, both)
	require.NoError(t, err)
	require.Equal(t, "(guide.md:1 is skipped: it needs the memory controller on cgroup "+there+")\n$ echo here\nhere\n", out)
	require.Equal(t, 1, report.Skipped)
	require.Contains(t, report.String(), "(1 blocks are for other machines)")

	_, _, err = played(t, text("'''console "+there, "$ a", "'''"))
	require.EqualError(t, err, "guide.md: nothing to play: no console block is for this machine")
	_, _, err = played(t, "# Nothing\n")
	require.EqualError(t, err, "guide.md: nothing to play: no console block is for this machine")
	// A skipped block between a program and what is typed into it.
	keepsItsWord(t, block("$ sh")+text("'''console "+there, "# false", "x", "'''")+block("# exit"))
}

func TestPlayBin(t *testing.T) {
	bin, folders := t.TempDir(), t.TempDir()
	script := "#!/bin/sh\necho \"I am ${0##*/}\"\n"
	require.NoError(t, os.WriteFile(filepath.Join(bin, "lab01"), []byte(script), 0o755))
	bash, err := exec.LookPath("bash")
	require.NoError(t, err)
	require.NoError(t, os.Symlink(bash, filepath.Join(folders, "bash")))
	t.Setenv("PATH", folders)
	t.Setenv("TMPDIR", t.TempDir())

	var b bytes.Buffer
	g := parse(t, block("$ lab01", "I am lab01", "$ true && stress --x", "I am stress"))
	_, err = g.Play(context.Background(), Options{Dir: bin, Bin: bin, Out: &b})
	require.NoError(t, err)
	require.True(t, strings.HasPrefix(b.String(), "(stress is not installed: lab01's built-in load takes its place)\n"), b.String())
	left, err := os.ReadDir(os.Getenv("TMPDIR"))
	require.NoError(t, err)
	require.Empty(t, left)

	b.Reset()
	_, err = parse(t, block("$ lab01", "I am lab01")).Play(context.Background(), Options{Dir: bin, Bin: bin, Out: &b})
	require.NoError(t, err)
	require.Equal(t, "$ lab01\nI am lab01\n", b.String())

	empty := t.TempDir()
	_, err = g.Play(context.Background(), Options{Dir: bin, Bin: empty})
	require.EqualError(t, err, "the guide needs stress, or lab01 in its place: stat "+empty+
		"/lab01: no such file or directory: install stress (apt-get install -y stress) or build the labs (make build)")

	require.NoError(t, os.WriteFile(filepath.Join(folders, "stress"), []byte(script), 0o755))
	b.Reset()
	_, err = g.Play(context.Background(), Options{Dir: bin, Bin: bin, Out: &b})
	require.NoError(t, err)
	require.NotContains(t, b.String(), "takes its place")
}

func TestPlayCannotBegin(t *testing.T) {
	g := parse(t, block("$ a"))
	_, err := g.Play(context.Background(), Options{Dir: "/nowhere"})
	require.EqualError(t, err, "start bash in the guide's folder: stat /nowhere: no such file or directory")
	t.Setenv("PATH", t.TempDir())
	_, err = g.Play(context.Background(), Options{})
	require.EqualError(t, err, `guides are played by bash: exec: "bash": executable file not found in $PATH: install it (apt-get install -y bash)`)
}

// What a guide has made must not stay if it fails in the middle, or is interrupted.
func TestUndo(t *testing.T) {
	made := filepath.Join(t.TempDir(), "made")
	blocks := func(middle string) string {
		return "```console\n$ mkdir " + made + "\n$ " + middle + "\n```\n```console undo\n$ rmdir /nowhere/at/all " + made + "\n[exit 1]\n```\n"
	}
	for name, middle := range map[string]string{"failure": "echo not promised", "time-out": "sleep 100"} {
		t.Run(name, func(t *testing.T) {
			g, err := Parse("guide.md", strings.NewReader(blocks(middle)))
			require.NoError(t, err)
			_, err = g.Play(context.Background(), Options{Dir: t.TempDir(), Limit: time.Second})
			require.Error(t, err)
			require.NoDirExists(t, made)
		})
	}
	t.Run("left by a play that was killed", func(t *testing.T) {
		require.NoError(t, os.Mkdir(made, 0o755))
		g, err := Parse("guide.md", strings.NewReader(strings.ReplaceAll(blocks("true"), "[exit 1]\n", "rmdir: failed to remove '/nowhere/at/all': No such file or directory\n[exit 1]\n")))
		require.NoError(t, err)
		_, err = g.Play(context.Background(), Options{Dir: t.TempDir()})
		require.NoError(t, err)
		require.NoDirExists(t, made)
	})
	t.Run("interrupted", func(t *testing.T) {
		ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
		defer cancel()
		g, err := Parse("guide.md", strings.NewReader(blocks("sleep 100")))
		require.NoError(t, err)
		_, err = g.Play(ctx, Options{Dir: t.TempDir()})
		require.ErrorIs(t, err, context.DeadlineExceeded)
		require.NoDirExists(t, made)
	})
}

package guide

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// TestFailures compares whole messages.
func TestFailures(t *testing.T) {
	for name, c := range map[string]struct {
		lines []string
		want  []string
	}{
		"other line": {[]string{"$ printf 'a\\nb\\n'", "a", "c <pid>"}, []string{
			"guide.md:4: the output is not what the guide promises",
			"  command   $ printf 'a\\nb\\n'", "  promised  c <pid>", "  came      b"}},
		"too little": {[]string{"$ echo a", "a", "b"}, []string{
			"guide.md:4: the output is not what the guide promises",
			"  command   $ echo a", "  promised  b", "  came      (no more output)"}},
		"too much": {[]string{"$ printf 'a\\n\\nb\\n'", "a"}, []string{
			"guide.md:3: the output is not what the guide promises",
			"  command   $ printf 'a\\n\\nb\\n'", "  promised  (no more output)", "  came      (an empty line)"}},
		"output instead of none": {[]string{"$ echo a"}, []string{
			"guide.md:2: the output is not what the guide promises",
			"  command   $ echo a", "  promised  (no more output)", "  came      a"}},
		"not behind dots": {[]string{"$ seq 9", "1", "...", "4", "...", "3", "..."}, []string{
			"guide.md:7: the output is not what the guide promises",
			"  command   $ seq 9", "  promised  3", `  came      (no such line among the 5 from "5" on)`}},
		"error and exit code": {[]string{"$ ls /nowhere", "a"}, []string{
			"guide.md:3: the output is not what the guide promises",
			"  command   $ ls /nowhere", "  promised  a", "  came      ls: cannot access '/nowhere': No such file or directory",
			"  because   the exit code is 2, too"}},
		"exit code": {[]string{"$ echo a; (exit 7)", "a"}, []string{
			"guide.md:3: the exit code is not what the guide promises",
			"  command   $ echo a; (exit 7)", "  promised  [exit 0]", "  came      [exit 7]"}},
		"exit code of success": {[]string{"$ true", "[exit 1]"}, []string{
			"guide.md:3: the exit code is not what the guide promises",
			"  command   $ true", "  promised  [exit 1]", "  came      [exit 0]"}},
		"exit code of a program": {[]string{"$ sh", "# exit 3"}, []string{
			"guide.md:3: the exit code is not what the guide promises",
			"  command   # exit 3", "  promised  [exit 0]", "  came      [exit 3]"}},
		"same name": {[]string{"$ echo 1", "<n1>", "$ echo 2", "<n1>"}, []string{
			"guide.md:5: the output is not what the guide promises",
			"  command   $ echo 2", "  promised  <n1>", "  came      2", `  because   <n1> is "1" since line 3`}},
		"same text": {[]string{"$ echo 1", "<n1>", "$ echo 1", "<n2>"}, []string{
			"guide.md:5: the output is not what the guide promises",
			"  command   $ echo 1", "  promised  <n2>", "  came      1", `  because   <n1> is "1" since line 3, so <n2> has to be another one`}},
		"filled command": {[]string{"$ echo 1", "<n1>", "$ echo <n1>"}, []string{
			"guide.md:4: the output is not what the guide promises",
			"  command   $ echo 1", "  promised  (no more output)", "  came      1"}},
		"several lines": {[]string{"$ echo 'a", "> b'", "a", "c"}, []string{
			"guide.md:5: the output is not what the guide promises",
			"  command   $ echo 'a", "            b'", "  promised  c", "  came      b"}},
		"inner output": {[]string{"$ sh", "# echo a", "b", "# exit"}, []string{
			"guide.md:4: the output is not what the guide promises",
			"  command   # echo a", "  promised  b", "  came      a"}},
		"no program": {[]string{"$ echo a", "a", "# exit"}, []string{
			"guide.md:4: the program ended (exit code 0) before the next line could be typed into it",
			"  command   $ echo a", `  remedy    if "# exit" is output and no command, write "\# exit"`}},
		"program fails": {[]string{"$ sh -c 'echo no; exit 4'", "# exit"}, []string{
			"guide.md:2: the output is not what the guide promises",
			"  command   $ sh -c 'echo no; exit 4'", "  promised  (no more output)", "  came      no", "  because   the exit code is 4, too"}},
		"program ends early": {[]string{"$ sh", "# exit", "# echo a", "a"}, []string{
			"guide.md:4: the program ended (exit code 0) before the next line could be typed into it",
			"  command   # exit", `  remedy    if "# echo a" is output and no command, write "\# echo a"`}},
		"open quote": {[]string{"$ echo 'a"}, []string{
			"guide.md:2: bash waits for the rest of the command",
			"  command   $ echo 'a", `  remedy    close the quote, bracket or here-document, or continue with lines "> more"`}},
		"complete too soon": {[]string{"$ echo a", "> b"}, []string{
			"guide.md:3: the command was complete before this line",
			"  command   $ echo a", "            b", `  remedy    end the line above with \ if they belong together; if this is output, write "\> …"`}},
		"end of bash": {[]string{"$ exit"}, []string{
			"guide.md:2: bash itself has ended: the guide must not end it",
			"  command   $ exit"}},
		"flood": {[]string{"$ yes", "y"}, []string{
			"guide.md:2: more than 4 MiB of output",
			"  command   $ yes"}},
	} {
		t.Run(name, func(t *testing.T) {
			_, _, err := played(t, block(c.lines...))
			var want string
			for i, line := range c.want {
				if i > 0 {
					want += "\n"
				}
				want += line
			}
			require.EqualError(t, err, want)
			require.IsType(t, &Failure{}, err)
		})
	}
}

func TestTooLate(t *testing.T) {
	t.Setenv("LAB_SLOW", "")
	for name, c := range map[string]struct{ guide, want string }{
		"silent": {text("'''console slow=200ms", "$ sleep 60", "'''"),
			"guide.md:2: the command didn't end within 200ms\n  command   $ sleep 60\n  came      (no output)\n  remedy    if it only needs more time: ```console slow=800ms"},
		"not silent": {text("'''console slow=200ms", "$ echo a; sleep 60", "a", "'''"),
			"guide.md:2: the command didn't end within 200ms\n  command   $ echo a; sleep 60\n  came      a\n  remedy    if it only needs more time: ```console slow=800ms"},
		"program goes on": {text("'''console slow=200ms", "$ sh", "# echo a", "a", "$ echo b", "b", "'''"),
			"guide.md:3: the command didn't end within 200ms\n  command   # echo a\n  came      # \n  remedy    if this is the prompt of a program, end it in the guide: \"# exit\""},
		"other prompt": {text("'''console slow=200ms", "$ sh", "/ # echo a", "a", "'''"),
			"guide.md:2: the prompt \"/ # \" of line 3 didn't come within 200ms\n  command   $ sh\n  came      # \n  remedy    if it only needs more time: ```console slow=800ms"},
	} {
		t.Run(name, func(t *testing.T) {
			_, _, err := played(t, c.guide)
			require.EqualError(t, err, c.want)
		})
	}
	t.Setenv("LAB_SLOW", "1")
	keepsItsWord(t, text("'''console slow=200ms", "$ sleep 0.5", "'''"))
}

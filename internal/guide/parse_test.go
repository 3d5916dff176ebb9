package guide

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/stretchr/testify/require"
)

// text joins lines, in which ”' stands for ```.
func text(lines ...string) string {
	return strings.ReplaceAll(strings.Join(lines, "\n")+"\n", "'''", "```")
}

// block is a guide of one console block.
func block(lines ...string) string {
	return text(append(append([]string{"'''console"}, lines...), "'''")...)
}

func parse(t *testing.T, guide string) *Guide {
	t.Helper()
	g, err := Parse("guide.md", strings.NewReader(guide))
	require.NoError(t, err)
	return g
}

func TestParse(t *testing.T) {
	g := parse(t, text(
		"# Lab 1 #",
		"'''go", "# no heading", "~~~", "$ no command", "'''",
		"<!-- not to be seen", "'''console", "$ hidden", "'''", "-->",
		"## One",
		"'''console v1 slow=2s columns",
		"$ echo a \\",
		"> b",
		"~~~",
		"",
		"[exit 3]",
		"$ sh -i",
		"# id",
		"uid=0",
		"/tmp # exit",
		"'''",
		"### One.One",
		"## Two",
		"   ~~~~ console",
		"   $ cat x",
		"   '''",
		"   \\$ \\<b> `",
		"     ...",
		"   ~~~",
		"   ~~~~",
		"# Next",
		"'''text", "$ no", "'''",
	))
	lines := cmp.Transformer("line", func(l Line) string { return l.Text })
	want := []*Block{
		{
			Number: 13, Headings: []Heading{{1, 1, "Lab 1"}, {12, 2, "One"}}, Needs: []string{"v1"}, Limit: 2 * time.Second,
			Commands: []*Command{
				{Number: 14, Prompt: "$ ", Text: "echo a \\\nb", Output: []Line{{Text: "~~~"}, {Text: ""}}, Exit: 3},
				{Number: 19, Prompt: "$ ", Text: "sh -i"},
				{Number: 20, Prompt: "# ", Text: "id", Output: []Line{{Text: "uid=0"}}},
				{Number: 22, Prompt: "/tmp # ", Text: "exit"},
			},
		},
		{
			Number: 26, Headings: []Heading{{1, 1, "Lab 1"}, {25, 2, "Two"}},
			Commands: []*Command{
				{Number: 27, Prompt: "$ ", Text: "cat x", Output: []Line{{Text: "```"}, {Text: "\\$ \\<b> `"}, {Text: "  ..."}, {Text: "~~~"}}},
			},
		},
	}
	require.Empty(t, cmp.Diff(want, g.Blocks, lines, cmpopts.IgnoreUnexported(Block{}, Command{})))
	require.True(t, g.Blocks[0].columns)
	require.Equal(t, 29, g.Blocks[1].Commands[0].Output[1].Number)
}

func TestParseErrors(t *testing.T) {
	for name, c := range map[string]struct{ guide, want string }{
		"never closed":         {text("'''console", "$ a"), "guide.md:1: this block is never closed: end it with a line ```"},
		"in a list":            {text("10. x", "    '''console", "    $ a", "    '''"), "guide.md:2: this console block is not at the margin, so it would not be played: move it to the left"},
		"in a quotation":       {text("> '''console", "> $ a", "> '''"), "guide.md:1: this console block is not at the margin, so it would not be played: move it to the left"},
		"no blank":             {text("'''console,v1", "$ a", "'''"), `guide.md:1: "console,v1" is not played: write a blank after console`},
		"unknown word":         {text("'''console v3", "$ a", "'''"), `guide.md:1: unknown word "v3" after console: known are noswap, swap, userns, v1, v2, columns, undo and slow=30s`},
		"twice":                {text("'''console v1 v1", "$ a", "'''"), `guide.md:1: "v1" stands here twice`},
		"never together":       {text("'''console v1 v2", "$ a", "'''"), "guide.md:1: v1 and v2 never hold together, so this block would never be played"},
		"bad limit":            {text("'''console slow=20", "$ a", "'''"), `guide.md:1: "slow=20" is no time limit: write it like slow=30s or slow=2m`},
		"negative limit":       {text("'''console slow=-1s", "$ a", "'''"), `guide.md:1: "slow=-1s" is no time limit: write it like slow=30s or slow=2m`},
		"empty block":          {block(), `guide.md:1: this block has no command: write "$ command", or call the block text instead of console`},
		"output first":         {block("a", "$ b"), `guide.md:2: output before the first command of its block: begin the block with a line "$ command"`},
		"no command":           {block("$ "), `guide.md:2: no command behind the prompt "$"`},
		"only a dollar":        {block("$"), `guide.md:2: no command behind the prompt "$"`},
		"no inner command":     {block("$ sh", "# "), `guide.md:3: no command behind the prompt "#"`},
		"inner first":          {block("# id"), `guide.md:2: no program to type this into: a "$ " line has to start it; if this is output, write "\# id"`},
		"inner continued":      {block("$ sh", "# a \\", "> b"), `guide.md:4: an inner command has one line; if this is output, write "\> b"`},
		"exit not last":        {block("$ a", "[exit 1]", "b"), "guide.md:4: [exit N] has to be the last line of its command's output"},
		"two exits":            {block("$ a", "[exit 1]", "[exit 2]"), "guide.md:4: [exit N] has to be the last line of its command's output"},
		"exit 256":             {block("$ a", "[exit 256]"), "guide.md:3: no exit code is above 255"},
		"exit before inner":    {block("$ sh", "[exit 1]", "# a"), "guide.md:3: [exit N] is the code of the whole program: move it behind the last of its inner commands"},
		"exit amid inner":      {block("$ sh", "# a", "[exit 1]", "# b"), "guide.md:4: [exit N] is the code of the whole program: move it behind the last of its inner commands"},
		"only dots":            {block("$ a", "..."), "guide.md:3: this promises nothing: show at least a part of the output that matters"},
		"only text":            {block("$ a", "<text>"), "guide.md:3: this promises nothing: show at least a part of the output that matters"},
		"only numbered text":   {block("$ a", "<text1>", "[exit 1]"), "guide.md:3: this promises nothing: show at least a part of the output that matters"},
		"dots and text":        {block("$ a", "...", "<text>", "..."), "guide.md:3: this promises nothing: show at least a part of the output that matters"},
		"inner promises":       {block("$ sh", "# a", "..."), "guide.md:4: this promises nothing: show at least a part of the output that matters"},
		"unknown placeholder":  {block("$ a", "a <pdi1> b"), "guide.md:3: unknown placeholder <pdi1>: known are " + kinds() + `; a plain "<" is written "\<"`},
		"no text yet":          {block("$ kill <pid1>", "$ echo a", "<pid1>"), "guide.md:2: <pid1> has no text yet: it has to occur in the output of an earlier command"},
		"control character":    {block("$ a\x03"), `guide.md:2: the command contains the control character "\x03": a terminal would act on it`},
		"inner tab":            {block("$ sh", "# a\tb"), `guide.md:3: the command contains the control character "\t": a terminal would act on it`},
		"long inner command":   {block("$ sh", "# "+strings.Repeat("a", 181)), "guide.md:3: an inner command has at most 180 characters"},
		"long command":         {block("$ a", "$ a \\", "> "+strings.Repeat("a", 4001)), `guide.md:4: a command's line has at most 4000 bytes: break it with \`},
		"several things wrong": {block("$ a", "...", "$ b", "<x>"), "guide.md:5: unknown placeholder <x>: known are " + kinds() + `; a plain "<" is written "\<"` + "\nguide.md:3: this promises nothing: show at least a part of the output that matters"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := Parse("guide.md", strings.NewReader(c.guide))
			require.Error(t, err)
			require.Equal(t, c.want, err.Error())
		})
	}
}

func TestParseAccepts(t *testing.T) {
	for name, guide := range map[string]string{
		"shell redirection":       block("$ cat <file >out"),
		"unknown name in command": block("$ cat <file>out"),
		"tab in command":          block("$ printf 'a\tb'"),
		"plain less-than":         block("$ a", "a < b, <A>, <a b>, <-, a<b"),
		"escaped":                 block("$ a", `\<pid>`, `\# a`, `\$ b`, `\> c`, `\...`, `\[exit 1]`),
		"quotation in the middle": block("$ a", "b", "> c"),
		"text and more":           block("$ a", "<text> b"),
		"used later":              block("$ a", "[1] <pid1>", "$ kill <pid1>"),
		"exit of inner program":   block("$ sh", "# exit 3", "[exit 3]"),
		"inner in the next block": block("$ sh") + "\nwords\n\n" + block("# exit"),
		"Windows' line ends":      "```console\r\n$ a\r\n[exit 1]\r\n```\r\n",
	} {
		t.Run(name, func(t *testing.T) { parse(t, guide) })
	}
}

func TestParseFile(t *testing.T) {
	_, err := ParseFile("/nowhere/README.md")
	require.EqualError(t, err, "open /nowhere/README.md: no such file or directory")
}

// FuzzParse looks for guides that break the parser, or that it reads but can't match.
func FuzzParse(f *testing.F) {
	f.Add(block("$ sh <<E", "> a", "> E", "out <pid1> \\<x> <text>", "...", "/ # exit", "[exit 1]"))
	f.Add(text("# T", "'''console v1 columns slow=1s", "$ a", "\\$ b  <n>", "'''", "~~~", "x", "~~~"))
	f.Add(block("# 0", "> 0"))
	f.Fuzz(func(t *testing.T, guide string) {
		g, err := Parse("guide.md", strings.NewReader(guide))
		if err != nil {
			for _, line := range strings.Split(err.Error(), "\n") {
				require.Regexp(t, `^guide\.md:[1-9][0-9]*: `, line)
			}
			return
		}
		require.NoError(t, SameBlocks(g, g))
		for _, b := range g.Blocks {
			require.NotEmpty(t, b.Commands)
			for _, c := range b.Commands {
				for _, l := range c.Output {
					if len(l.parts) == 1 && l.parts[0].kind == "" {
						_, _, ok := l.match(l.parts[0].text, nil)
						require.True(t, ok, "%q doesn't match itself", l.Text)
					}
				}
			}
		}
	})
}

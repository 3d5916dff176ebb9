package guide

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// Guide is a guide that has been read.
type Guide struct {
	File   string // its name, for messages
	Blocks []*Block
}

// Block is a fenced block of commands.
type Block struct {
	Number   int           // the line of its opening fence
	Headings []Heading     // the headings that it stands under, the highest first
	Needs    []string      // conditions of the machine under which it is played, such as "v1"
	Limit    time.Duration // the time limit of each command, 0 for the usual one
	Commands []*Command

	columns bool
	undo    bool // removes what the guide has made
}

// Heading is a heading of the guide.
type Heading struct {
	Number int // its line
	Level  int // 1 for the title
	Text   string
}

// Command is a command with what it promises.
type Command struct {
	Number int    // its line
	Prompt string // "$ " for bash, otherwise the prompt of the program that it is typed into
	Text   string // what is typed; several lines are joined by newlines
	Output []Line // the promised output
	Exit   int    // the promised exit code of the whole program
	last   int    // the line of its last output line or of its exit code
	exit   bool   // the exit code is written down
}

// bash is the prompt of bash's commands in a guide.
const bash = "$ "

// ParseFile reads the guide in a file. See Parse.
func ParseFile(file string) (*Guide, error) {
	f, err := os.Open(file)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return Parse(file, f)
}

// Parse reads a guide; file is its name in messages. The error lists everything that is wrong, a line each.
func Parse(file string, r io.Reader) (*Guide, error) {
	text, err := io.ReadAll(r)
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", file, err)
	}
	var errs []error
	bad := func(line int, format string, args ...any) {
		errs = append(errs, fmt.Errorf("%s:%d: %s", file, line, fmt.Sprintf(format, args...)))
	}
	g := &Guide{File: file}
	var headings []Heading
	for _, e := range scan(string(text), bad) {
		switch e.kind {
		case heading:
			for len(headings) > 0 && headings[len(headings)-1].Level >= e.level {
				headings = headings[:len(headings)-1]
			}
			headings = append(headings, Heading{e.line, e.level, e.text})
		case fence:
			words := strings.Fields(e.text)
			if len(words) > 0 && words[0] == "console" {
				b := &Block{Number: e.line, Headings: append([]Heading(nil), headings...)}
				b.parseInfo(words[1:], bad)
				b.parse(e.body, bad)
				g.Blocks = append(g.Blocks, b)
			} else if strings.HasPrefix(e.text, "console") {
				bad(e.line, "%q is not played: write a blank after console", words[0])
			}
		}
	}
	g.check(bad)
	return g, errors.Join(errs...)
}

// parse reads the lines of a block.
func (b *Block) parse(body []string, bad func(line int, format string, args ...any)) {
	var c *Command
	fresh := false // the line before belongs to the command's text
	for i, text := range body {
		number := b.Number + 1 + i
		inner := innerLine.FindStringSubmatch(text)
		switch {
		case text == "$" || strings.HasPrefix(text, bash):
			c = b.add(number, bash, strings.TrimPrefix(text[1:], " "))
			fresh = true
		case inner != nil:
			c = b.add(number, inner[1], inner[2])
			fresh = true
		case c == nil:
			bad(number, "output before the first command of its block: begin the block with a line \"$ command\"")
			return
		case fresh && (strings.HasPrefix(text, "> ") || strings.TrimRight(text, " \t") == ">"):
			if c.Prompt != bash {
				bad(number, `an inner command has one line; if this is output, write "\%s"`, text)
				continue
			}
			c.Text += "\n" + strings.TrimPrefix(text[1:], " ")
		case c.exit:
			bad(number, "[exit N] has to be the last line of its command's output")
		case exitLine.MatchString(text):
			c.Exit, _ = strconv.Atoi(exitLine.FindStringSubmatch(text)[1])
			if c.exit, c.last = true, number; c.Exit > 255 {
				bad(number, "no exit code is above 255")
			}
			fresh = false
		default:
			line, unknown := newLine(number, text, b.columns)
			for _, name := range unknown {
				bad(number, `unknown placeholder %s: known are %s; a plain "<" is written "\<"`, name, kinds())
			}
			c.Output, c.last = append(c.Output, line), number
			fresh = false
		}
	}
	if c == nil {
		bad(b.Number, "this block has no command: write \"$ command\", or call the block text instead of console")
	}
}

// add begins a new command.
func (b *Block) add(number int, prompt, text string) *Command {
	c := &Command{Number: number, Prompt: prompt, Text: text, last: number}
	b.Commands = append(b.Commands, c)
	return c
}

// check looks for what can't be played or would prove nothing.
func (g *Guide) check(bad func(line int, format string, args ...any)) {
	var before *Command
	numbered := map[string]bool{}
	for _, b := range g.Blocks {
		for _, c := range b.Commands {
			if c.Prompt != bash && before == nil {
				bad(c.Number, `no program to type this into: a "$ " line has to start it; if this is output, write "\%s%s"`, c.Prompt, c.Text)
			} else if c.Prompt != bash && before.exit {
				bad(before.last, "[exit N] is the code of the whole program: move it behind the last of its inner commands")
			}
			c.check(numbered, bad)
			before = c
		}
	}
}

// check does the part of the check that looks at one command. The numbered placeholders seen so far are in numbered.
func (c *Command) check(numbered map[string]bool, bad func(line int, format string, args ...any)) {
	if strings.TrimSpace(c.Text) == "" {
		bad(c.Number, "no command behind the prompt %q", strings.TrimSpace(c.Prompt))
	}
	for i, text := range strings.Split(c.Text, "\n") {
		control := func(r rune) bool { return unicode.IsControl(r) && (r != '\t' || c.Prompt != bash) }
		if at := strings.IndexFunc(text, control); at >= 0 {
			bad(c.Number+i, "the command contains the control character %q: a terminal would act on it", text[at:at+1])
		}
		// A terminal takes at most 4095 bytes a line; shells that edit lines themselves break them at its width.
		if c.Prompt != bash && utf8.RuneCountInString(text) > 180 {
			bad(c.Number+i, "an inner command has at most 180 characters")
		} else if len(text) > 4000 {
			bad(c.Number+i, "a command's line has at most 4000 bytes: break it with \\")
		}
	}
	for _, m := range placeholder.FindAllStringSubmatch(c.Text, -1) {
		if m[2] != "" && exprOf(m[1]) != "" && !numbered[m[1]+m[2]] {
			bad(c.Number, "%s has no text yet: it has to occur in the output of an earlier command", m[0])
		}
	}
	promises := len(c.Output) == 0
	for _, l := range c.Output {
		promises = promises || !l.empty()
		for _, p := range l.parts {
			numbered[p.text] = numbered[p.text] || p.numbered()
		}
	}
	if !promises {
		bad(c.Output[0].Number, "this promises nothing: show at least a part of the output that matters")
	}
}

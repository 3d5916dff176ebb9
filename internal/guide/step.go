package guide

import (
	"context"
	"fmt"
	"strings"
	"time"
)

// step is a command that is played, or a block that isn't (its command is nil).
type step struct {
	*Command
	block *Block
	next  *Command // the command that is played after it, nil at the end
}

// inner is the prompt of the program that the next command is typed into, or "" if that is bash.
func (s *step) inner() string {
	if s.next == nil || s.next.Prompt == bash {
		return ""
	}
	return s.next.Prompt
}

// step types one command, waits for the prompt that has to come next, and compares.
func (p *player) step(ctx context.Context, s *step) error {
	p.report.Steps++
	text := p.known.fill(s.Text)
	fail := func(line int, what string) *Failure {
		return &Failure{File: p.File, Line: line, What: what, Command: s.Prompt + text}
	}
	end, err := p.enter(ctx, s, strings.Split(text, "\n"), fail)
	if tail := p.session.screen.tail(); tail != "" {
		p.line(tail)
	}
	if err != nil {
		return err
	}
	if end.at == atBash && end.exit != 0 {
		p.exit(end.exit)
	}
	if err := p.compare(s, end, fail); err != nil {
		return err
	}
	if s.inner() == "" {
		p.report.Checks++
		if end.exit != s.Exit {
			f := fail(s.last, "the exit code is not what the guide promises")
			f.Promised, f.Came = fmt.Sprintf("[exit %d]", s.Exit), fmt.Sprintf("[exit %d]", end.exit)
			return f
		}
	} else if end.at == atBash {
		f := fail(s.next.Number, fmt.Sprintf("the program ended (exit code %d) before the next line could be typed into it", end.exit))
		f.Remedy = fmt.Sprintf(`if %q is output and no command, write "\%s"`, s.next.Prompt+s.next.Text, s.next.Prompt+s.next.Text)
		return f
	}
	return nil
}

// enter types the command's lines and waits until bash, or the program that the next command is for, wants input.
func (p *player) enter(ctx context.Context, s *step, lines []string, fail func(int, string) *Failure) (pause, error) {
	limit := p.limit
	if s.block.Limit > 0 {
		limit = s.block.Limit
	}
	limit = slowly(limit)
	p.session.newOutput(p.line)
	for i := 0; ; i++ {
		prompt, inner, last := s.Prompt, s.inner(), i == len(lines)-1
		if i > 0 {
			prompt = "> "
		}
		if !last {
			inner = ""
		}
		p.typed(prompt, lines[i])
		if err := p.session.enter(ctx, lines[i], s.Prompt == bash); err != nil {
			return pause{}, fmt.Errorf("%s:%d: type into the terminal: %w", p.File, s.Number+i, err)
		}
		end := p.session.wait(ctx, inner, limit)
		switch {
		case end.at == cancelled:
			return end, context.Cause(ctx)
		case end.at == late:
			return end, p.tooLate(s, limit, fail)
		case end.at == ended:
			return end, fail(s.Number+i, "bash itself has ended: the guide must not end it")
		case end.at == flooded:
			return end, fail(s.Number+i, fmt.Sprintf("more than %d MiB of output", maxOutput>>20))
		case end.at == atMore && last:
			f := fail(s.Number+i, "bash waits for the rest of the command")
			f.Remedy = `close the quote, bracket or here-document, or continue with lines "> more"`
			return end, f
		case end.at == atBash && !last:
			f := fail(s.Number+i+1, "the command was complete before this line")
			f.Remedy = `end the line above with \ if they belong together; if this is output, write "\> …"`
			return end, f
		case last:
			return end, nil
		}
	}
}

// tooLate says what the player waited for in vain.
func (p *player) tooLate(s *step, limit time.Duration, fail func(int, string) *Failure) error {
	f := fail(s.Number, fmt.Sprintf("the command didn't end within %v", limit))
	f.Remedy = fmt.Sprintf("if it only needs more time: ```console slow=%v", 4*limit)
	if output := p.session.output(); len(output) > 0 {
		f.Came = output[len(output)-1]
	} else {
		f.Came = "(no output)"
	}
	if inner := s.inner(); inner != "" {
		f.What = fmt.Sprintf("the prompt %q of line %d didn't come within %v", inner, s.next.Number, limit)
	} else if strings.HasSuffix(p.session.screen.tail(), "# ") {
		f.Remedy = `if this is the prompt of a program, end it in the guide: "# exit"`
	}
	return f
}

// compare compares the command's output with what is promised, and keeps what numbered placeholders stand for.
func (p *player) compare(s *step, end pause, fail func(int, string) *Failure) error {
	m := matcher{want: s.Output, got: withoutHint(p.session.output())}
	known, ok := m.compare(p.known)
	if !ok {
		f := fail(0, "the output is not what the guide promises")
		f.Line, f.Promised, f.Came = m.explain(s.last)
		f.Because = m.why
		if f.Because == "" && end.at == atBash && end.exit != s.Exit {
			f.Because = fmt.Sprintf("the exit code is %d, too", end.exit)
		}
		return f
	}
	p.known = known
	p.report.Checks += max(1, len(s.Output))
	return nil
}

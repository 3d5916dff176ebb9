package guide

import (
	"bytes"
	"context"
	"strconv"
	"strings"
	"time"
)

// pause is a moment in which the session waits for something to be typed, or won't go on.
type pause struct {
	at   int
	exit int // bash's exit code
}

const (
	atBash    = iota // bash waits for a command
	atMore           // bash waits for the rest of a command
	atInner          // the inner program shows its prompt
	ended            // bash is gone
	late             // the time is up
	flooded          // too much output
	cancelled        // by the context
)

// quiet is how long nothing may follow an inner prompt to be taken for one.
const quiet = 50 * time.Millisecond

// wait waits until bash or, if inner isn't empty, a program with this prompt wants input.
func (s *session) wait(ctx context.Context, inner string, limit time.Duration) pause {
	deadline := time.NewTimer(limit)
	defer deadline.Stop()
	for {
		p, ok := s.take()
		s.showLines()
		if ok {
			return p
		}
		var silence <-chan time.Time
		if inner != "" && strings.HasSuffix(s.screen.tail(), inner) {
			silence = time.After(slowly(quiet))
		}
		select {
		case chunk, open := <-s.chunks:
			if s.raw = append(s.raw, chunk...); !open {
				return pause{at: ended}
			}
		case <-s.died: // the terminal may live on, if something in the background has it open
			return pause{at: ended}
		case <-silence:
			s.screen.now = s.screen.now[:len(s.screen.now)-len(inner)]
			return pause{at: atInner}
		case <-deadline.C:
			return pause{at: late}
		case <-ctx.Done():
			return pause{at: cancelled}
		}
	}
}

// take moves what came to the screen, up to bash's next prompt, and tells of that. What follows the prompt, from a
// job in the background, belongs to the next command's output. What may be the beginning of a prompt stays where it is.
func (s *session) take() (pause, bool) {
	for {
		at := bytes.Index(s.raw, []byte(s.mark))
		if at < 0 {
			at = len(s.raw) - unfinished(string(s.raw), s.mark)
		}
		s.screen.Write(s.raw[:at])
		s.raw = s.raw[at:]
		if m := s.prompts.FindSubmatch(s.raw); m != nil {
			s.raw = s.raw[len(m[0]):]
			if m[1] != nil {
				return pause{at: atMore}, true
			}
			exit, err := strconv.Atoi(string(m[2]))
			return pause{at: atBash, exit: exit}, err == nil
		}
		if len(s.raw) < len(s.mark)+len("-255@@# ") {
			return pause{at: flooded}, s.screen.size > maxOutput
		}
		s.screen.Write(s.raw[:1]) // the mark, but no prompt
		s.raw = s.raw[1:]
	}
}

// unfinished returns how many of the last bytes of text may be the beginning of mark.
func unfinished(text, mark string) int {
	for n := min(len(mark)-1, len(text)); n > 0; n-- {
		if strings.HasSuffix(text, mark[:n]) {
			return n
		}
	}
	return 0
}

// showLines shows the lines that have been finished since the last time. The rest of the echo isn't one of them: an
// empty line, or the command again, if the program paints the line anew.
func (s *session) showLines() {
	if s.echo != "" && len(s.screen.lines) > 0 {
		if first := s.screen.lines[0]; first == "" || strings.HasSuffix(first, strings.TrimRight(s.echo, " ")) {
			s.screen.lines = s.screen.lines[1:]
		}
		s.echo = ""
	}
	for ; s.shown < len(s.screen.lines); s.shown++ {
		if s.show != nil {
			s.show(s.screen.lines[s.shown])
		}
	}
}

// output returns the lines on the screen, the unfinished one included.
func (s *session) output() []string {
	if s.screen.tail() == "" {
		return s.screen.lines
	}
	return append(s.screen.lines[:len(s.screen.lines):len(s.screen.lines)], s.screen.tail())
}

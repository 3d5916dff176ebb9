package build

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"time"
)

// Progress hears what a build does.
type Progress interface {
	// Start is told of a step. The function that it returns is called when the step has been done, or was known to the cache.
	Start(number int, text string) (done func(cached bool, err error))
	// Output is told a line that RUN's program printed.
	Output(number int, line string)
	// Warn is told something that deserves to be read.
	Warn(text string)
}

// An output cuts what a program prints into lines.
type output struct {
	progress Progress
	number   int
	rest     []byte
}

// maxLine is how long a line of output may become before it is cut.
const maxLine = 8 << 10

func (o *output) Write(data []byte) {
	o.rest = append(o.rest, data...)
	for {
		i := bytes.IndexByte(o.rest, '\n')
		if i < 0 && len(o.rest) < maxLine {
			return
		}
		if i < 0 {
			i = maxLine - 1
		}
		o.progress.Output(o.number, strings.TrimSuffix(string(o.rest[:i]), "\r"))
		o.rest = o.rest[i+1:]
	}
}

func (o *output) flush() {
	if len(o.rest) > 0 {
		o.progress.Output(o.number, string(o.rest))
		o.rest = nil
	}
}

// Plain prints everything, a line each, as BuildKit's --progress=plain does.
type Plain struct{ W io.Writer }

// Start prints a step's beginning, and later how it went.
func (p Plain) Start(number int, text string) func(bool, error) {
	start := time.Now()
	fmt.Fprintf(p.W, "#%d %s\n", number, text)
	return func(cached bool, err error) {
		switch {
		case err != nil:
			fmt.Fprintf(p.W, "#%d ERROR\n", number)
		case cached:
			fmt.Fprintf(p.W, "#%d CACHED\n", number)
		default:
			fmt.Fprintf(p.W, "#%d DONE %.2fs\n", number, time.Since(start).Seconds())
		}
	}
}

// Output prints a line.
func (p Plain) Output(number int, line string) { fmt.Fprintf(p.W, "#%d %s\n", number, line) }

// Warn prints a line.
func (p Plain) Warn(text string) { fmt.Fprintln(p.W, text) }

// Quiet prints nothing, unless a RUN fails: then its last lines.
type Quiet struct {
	W    io.Writer
	last []string
}

// kept is how many lines are shown of a RUN that failed.
const kept = 20

// Start remembers which step's output is kept.
func (q *Quiet) Start(int, string) func(bool, error) {
	q.last = nil
	return func(_ bool, err error) {
		if err != nil {
			for _, line := range q.last {
				fmt.Fprintln(q.W, line)
			}
		}
	}
}

// Output keeps a line.
func (q *Quiet) Output(_ int, line string) {
	if q.last = append(q.last, line); len(q.last) > kept {
		q.last = q.last[1:]
	}
}

// Warn is silent.
func (q *Quiet) Warn(string) {}

// Terminal has one line for each step, with its time, and below it what the running one printed last.
type Terminal struct {
	W     *os.File
	Width int
	quiet Quiet
	mutex sync.Mutex
	line  string
}

// Start shows a step. Its time runs until it has been done.
func (t *Terminal) Start(number int, text string) func(bool, error) {
	t.quiet.W = t.W
	done := t.quiet.Start(number, text)
	start := time.Now()
	tick := time.NewTicker(100 * time.Millisecond)
	end := make(chan struct{})
	show := func(mark, word string) string {
		right := fmt.Sprintf(" %s", word)
		return fmt.Sprintf("\r\x1b[J%s %s%s", mark, cut(text, t.Width-len(right)-3), right)
	}
	seconds := func() string { return fmt.Sprintf("%.1fs", time.Since(start).Seconds()) }
	draw := func() {
		t.mutex.Lock()
		defer t.mutex.Unlock()
		fmt.Fprint(t.W, show("=>", seconds()))
		if t.line != "" {
			fmt.Fprintf(t.W, "\n\x1b[2m   %s\x1b[0m\x1b[1A", cut(t.line, t.Width-4))
		}
	}
	draw()
	go func() {
		for {
			select {
			case <-tick.C:
				draw()
			case <-end:
				return
			}
		}
	}()
	return func(cached bool, err error) {
		tick.Stop()
		end <- struct{}{}
		t.line = ""
		switch {
		case err != nil:
			fmt.Fprintln(t.W, show("\x1b[31mxx\x1b[0m", seconds()))
		case cached:
			fmt.Fprintln(t.W, show("\x1b[32mok\x1b[0m", "CACHED"))
		default:
			fmt.Fprintln(t.W, show("\x1b[32mok\x1b[0m", seconds()))
		}
		done(cached, err)
	}
}

// Output shows the line until the next.
func (t *Terminal) Output(number int, line string) {
	t.mutex.Lock()
	defer t.mutex.Unlock()
	t.quiet.Output(number, line)
	// Only the letters: a program must not steer our terminal.
	t.line = strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return ' '
		}
		return r
	}, line)
}

// Warn prints a line.
func (t *Terminal) Warn(text string) { fmt.Fprintln(t.W, text) }

// cut shortens a text to a number of letters.
func cut(text string, width int) string {
	if r := []rune(text); len(r) > width && width > 3 {
		return string(r[:width-3]) + "..."
	}
	return text
}

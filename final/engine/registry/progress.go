package registry

import (
	"fmt"
	"io"
	"strings"
	"sync"
	"time"
)

// A progress shows how far something is: on a terminal a line for each layer, written anew as it changes; elsewhere one
// more line for each change, as Docker does.
type progress struct {
	out             io.Writer
	quiet, terminal bool
	mu              sync.Mutex
	lines           int
}

func newProgress(o Options) *progress {
	return &progress{out: o.Out, quiet: o.Quiet, terminal: o.Terminal}
}

// print prints a line below all others.
func (p *progress) print(format string, args ...any) {
	if p.quiet {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	fmt.Fprintf(p.out, format+"\n", args...)
	p.lines = 0 // those above don't change any more
}

// A line is that of one layer.
type line struct {
	p     *progress
	id    string
	at    int       // 1 is the first
	shown time.Time // when its bar was drawn last
}

func (p *progress) line(id string) *line { return &line{p: p, id: id} }

// say shows what is done with the layer.
func (l *line) say(status string) {
	l.p.mu.Lock()
	defer l.p.mu.Unlock()
	l.show(status)
}

// count shows a bar, on a terminal.
func (l *line) count(what string, n, total int64) {
	l.p.mu.Lock()
	defer l.p.mu.Unlock()
	if !l.p.terminal || time.Since(l.shown) < 100*time.Millisecond {
		return
	}
	l.shown = time.Now()
	const width = 40
	done := 0
	if total > 0 {
		done = int(min(n, total) * width / total)
	}
	l.show(fmt.Sprintf("%s [%s>%s] %s/%s", what, strings.Repeat("=", done), strings.Repeat(" ", width-done), human(n), human(total)))
}

func (l *line) show(status string) {
	p := l.p
	switch {
	case p.quiet:
	case !p.terminal:
		fmt.Fprintf(p.out, "%s: %s\n", l.id, status)
	case l.at == 0:
		p.lines++
		l.at = p.lines
		fmt.Fprintf(p.out, "%s: %s\n", l.id, status)
	default: // up, clear to the end of the line, down (console_codes(4))
		up := p.lines - l.at + 1
		fmt.Fprintf(p.out, "\x1b[%dA\r%s: %s\x1b[K\x1b[%dB\r", up, l.id, status, up)
	}
}

func human(n int64) string {
	f := float64(n)
	for _, unit := range []string{"B", "kB", "MB", "GB"} {
		if f < 1000 {
			return fmt.Sprintf("%.4g%s", f, unit)
		}
		f /= 1000
	}
	return fmt.Sprintf("%.4gTB", f)
}

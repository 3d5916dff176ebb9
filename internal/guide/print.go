package guide

import (
	"fmt"
	"io"
)

// printer writes what a person sees of a guide that is played.
type printer struct {
	w     io.Writer
	color bool
	last  int // the line of the last heading printed
}

// The colours: ANSI's numbers for bold, faint and cyan.
const (
	bold  = "1"
	faint = "2"
	cyan  = "36"
)

func (p *printer) in(color, text string) string {
	if !p.color {
		return text
	}
	return "\x1b[" + color + "m" + text + "\x1b[0m"
}

// headings prints the headings that the block stands under and that haven't been printed.
func (p *printer) headings(b *Block) {
	for _, h := range b.Headings {
		if h.Number <= p.last {
			continue
		}
		p.last = h.Number
		rule := "--"
		if h.Level == 1 {
			rule = "=="
		}
		fmt.Fprintf(p.w, "\n%s\n", p.in(bold, rule+" "+h.Text+" "+rule))
	}
}

// note prints a remark of the player's.
func (p *printer) note(format string, args ...any) {
	fmt.Fprintln(p.w, p.in(faint, "("+fmt.Sprintf(format, args...)+")"))
}

// exit prints an exit code as guides write it.
func (p *printer) exit(code int) { fmt.Fprintln(p.w, p.in(faint, fmt.Sprintf("[exit %d]", code))) }

// typed prints a line of a command behind its prompt.
func (p *printer) typed(prompt, text string) { fmt.Fprintln(p.w, p.in(cyan, prompt+text)) }

// line prints a line of output.
func (p *printer) line(text string) { fmt.Fprintln(p.w, text) }

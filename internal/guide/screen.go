package guide

import (
	"strings"
	"unicode/utf8"
)

// screen turns what a program writes to a terminal into the lines that a person sees there. It models one line, the
// lowest: carriage return, backspace, tabs and erasing to the end of the line. Colours, cursor queries and
// everything else behind an escape are taken out; programs that paint whole screens are beyond it.
type screen struct {
	lines  []string // the finished lines
	now    []rune   // the line with the cursor
	column int
	escape []byte // an unfinished escape sequence, without the escape itself
	in     bool   // there is one
	rest   []byte // an unfinished UTF-8 sequence
	size   int    // so many bytes have been written
}

// Write takes in what a program has written.
func (s *screen) Write(p []byte) (int, error) {
	s.size += len(p)
	data := append(s.rest, p...)
	s.rest = nil
	for len(data) > 0 {
		if !utf8.FullRune(data) {
			s.rest = append([]byte(nil), data...)
			break
		}
		r, size := utf8.DecodeRune(data)
		if s.in {
			size = 1
			s.sequence(data[0])
		} else {
			s.put(r)
		}
		data = data[size:]
	}
	return len(p), nil
}

// put shows one character.
func (s *screen) put(r rune) {
	switch {
	case r == '\n':
		s.lines = append(s.lines, strings.TrimRight(string(s.now), " "))
		s.now, s.column = nil, 0
	case r == '\r':
		s.column = 0
	case r == '\b':
		s.column = max(s.column-1, 0)
	case r == '\t':
		for s.show(' '); s.column%8 != 0; {
			s.show(' ')
		}
	case r == 0x1b:
		s.in, s.escape = true, nil
	case r >= ' ' && r != 0x7f:
		s.show(r)
	}
}

func (s *screen) show(r rune) {
	for len(s.now) <= s.column {
		s.now = append(s.now, ' ')
	}
	s.now[s.column] = r
	s.column++
}

// sequence takes in one byte of an escape sequence and acts at its end.
func (s *screen) sequence(b byte) {
	s.escape = append(s.escape, b)
	switch first, n := s.escape[0], len(s.escape); {
	case first == '[': // ESC [ parameters letter
		if s.in = n == 1 || b < '@' || b > '~'; !s.in && (b == 'K' || b == 'J') {
			s.erase(string(s.escape[1 : n-1]))
		}
	case first == ']': // ESC ] text BEL, or ESC ] text ESC \
		s.in = b != 0x07 && !(b == '\\' && s.escape[n-2] == 0x1b)
	case strings.IndexByte("()#%", first) >= 0: // ESC ( character set
		s.in = n < 2
	default:
		s.in = false
	}
}

// erase clears the line from the cursor on, or all of it.
func (s *screen) erase(parameter string) {
	if parameter == "2" {
		s.now = nil
	} else if (parameter == "" || parameter == "0") && s.column < len(s.now) {
		s.now = s.now[:s.column]
	}
}

// mountHint is what mount(8) says on a terminal if /etc/fstab is younger than systemd's reading of it. Vagrant touches
// that file whenever it starts a machine.
var mountHint = []string{
	"mount: (hint) your fstab has been modified, but systemd still uses",
	"       the old version; use 'systemctl daemon-reload' to reload.",
}

// withoutHint takes mountHint out of a command's output: it tells of the machine, and not of the command.
func withoutHint(lines []string) (rest []string) {
	for i := 0; i < len(lines); i++ {
		if lines[i] == mountHint[0] && i+1 < len(lines) && lines[i+1] == mountHint[1] {
			i++
			continue
		}
		rest = append(rest, lines[i])
	}
	return rest
}

// tail returns the unfinished line.
func (s *screen) tail() string { return string(s.now) }

package guide

import (
	"regexp"
	"strings"
)

// Line is a line of promised output.
type Line struct {
	Number int    // where it stands in the guide
	Text   string // as it is written there
	Any    bool   // "...": any number of lines

	parts   []part
	columns bool           // every run of blanks stands for any run of blanks
	always  *regexp.Regexp // the expression, if it doesn't depend on numbered placeholders
}

// part is a piece of a line: fixed text or, if kind is set, a placeholder.
type part struct {
	text string // the fixed text, or the placeholder's whole name ("pid1")
	kind string // the placeholder's name without its number ("pid")
}

// numbered tells whether the part is a placeholder that stands for one text in the whole guide.
func (p part) numbered() bool { return p.kind != "" && p.kind != p.text }

var (
	escapeOrPlaceholder = regexp.MustCompile(`\\<|<([a-z]+)([0-9]*)>`)

	exitLine  = regexp.MustCompile(`^\[exit ([0-9]{1,3})\][ \t]*$`)
	innerLine = regexp.MustCompile(`^((?:[/~][^ #$]*)? ?# )(.*)$`)
)

// special tells whether a line has a meaning of its own, so that a backslash is needed to promise it as output.
func special(text string) bool {
	trimmed := strings.TrimRight(text, " \t")
	return trimmed == "$" || strings.HasPrefix(text, "$ ") ||
		trimmed == ">" || strings.HasPrefix(text, "> ") ||
		trimmed == "..." || exitLine.MatchString(text) || innerLine.MatchString(text) ||
		strings.HasPrefix(text, `\`) && special(text[1:])
}

// newLine reads a line of promised output. It returns the names of unknown placeholders as well.
func newLine(number int, text string, columns bool) (Line, []string) {
	text = strings.TrimRight(expandTabs(text), " ")
	l := Line{Number: number, Text: text, Any: text == "...", columns: columns}
	if strings.HasPrefix(text, `\`) && special(text[1:]) {
		text = text[1:]
	}
	var unknown []string
	var fixed strings.Builder
	add := func(p part) {
		if fixed.Len() > 0 {
			l.parts = append(l.parts, part{text: fixed.String()})
			fixed.Reset()
		}
		if p.kind != "" {
			l.parts = append(l.parts, p)
		}
	}
	at := 0
	for _, m := range escapeOrPlaceholder.FindAllStringSubmatchIndex(text, -1) {
		fixed.WriteString(text[at:m[0]])
		if at = m[1]; m[2] < 0 {
			fixed.WriteByte('<')
			continue
		}
		p := part{text: text[m[2]:m[5]], kind: text[m[2]:m[3]]}
		if exprOf(p.kind) == "" {
			unknown = append(unknown, text[m[0]:m[1]])
		}
		add(p)
	}
	fixed.WriteString(text[at:])
	add(part{})
	if expr, names := l.expr(nil); len(names) == 0 {
		l.always = expr
	}
	return l, unknown
}

// empty tells whether the line promises nothing at all: "..." or a lone <text>.
func (l Line) empty() bool {
	return l.Any || len(l.parts) == 1 && l.parts[0].kind == "text"
}

var blanks = regexp.MustCompile(` +`)

// expr returns the line as a regular expression, and the names of the numbered placeholders that it captures:
// those that known doesn't have a text for yet.
func (l Line) expr(known *bindings) (*regexp.Regexp, []string) {
	if l.always != nil {
		return l.always, nil
	}
	var b strings.Builder
	var names []string
	b.WriteString(`^`)
	for i, p := range l.parts {
		if p.kind == "" {
			b.WriteString(l.fixed(i))
			continue
		}
		if i == 0 {
			b.WriteString(` *`) // a right-aligned first column
		}
		if text, bound := known.find(p.text); bound {
			b.WriteString(regexp.QuoteMeta(text))
		} else if p.numbered() {
			names = append(names, p.text)
			b.WriteString(`(` + exprOf(p.kind) + `)`)
		} else {
			b.WriteString(`(?:` + exprOf(p.kind) + `)`)
		}
	}
	b.WriteString(`$`)
	return regexp.MustCompile(b.String()), names
}

// fixed returns the expression of a fixed part. Blanks beside a placeholder, or all in a block with columns, may be
// more or fewer, but not none; none is fine only at the start of the line.
func (l Line) fixed(i int) string {
	text := l.parts[i].text
	var b strings.Builder
	if l.columns && i == 0 {
		text = strings.TrimLeft(text, " ")
		b.WriteString(` *`)
	}
	at := 0
	for _, run := range blanks.FindAllStringIndex(text, -1) {
		beside := run[0] == 0 && i > 0 || run[1] == len(text) && i < len(l.parts)-1
		if !beside && !l.columns {
			continue
		}
		b.WriteString(regexp.QuoteMeta(text[at:run[0]]))
		if at = run[1]; run[0] == 0 && i == 0 { // the whole part is blanks
			b.WriteString(` *`)
		} else {
			b.WriteString(` +`)
		}
	}
	return b.String() + regexp.QuoteMeta(text[at:])
}

// expandTabs replaces tabs by blanks up to the next multiple of eight columns, as a terminal does.
func expandTabs(text string) string {
	var b strings.Builder
	column := 0
	for _, r := range text {
		if r != '\t' {
			b.WriteRune(r)
			column++
			continue
		}
		n := 8 - column%8
		b.WriteString(strings.Repeat(" ", n))
		column += n
	}
	return b.String()
}

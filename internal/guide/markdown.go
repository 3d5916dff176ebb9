package guide

import (
	"regexp"
	"strings"
)

// element is a piece of a markdown file: a heading, a fenced block or a line of prose.
type element struct {
	kind  int
	line  int      // the first line's number, from 1
	level int      // a heading's
	text  string   // a heading's or the prose's text, or a fence's info string
	body  []string // a fence's lines
}

const (
	prose = iota
	heading
	fence
)

var (
	headingLine = regexp.MustCompile(`^ {0,3}(#{1,6})(?:[ \t]+(.*?))?(?:[ \t]+#+)?[ \t]*$`)
	fenceLine   = regexp.MustCompile("^( {0,3})(`{3,}|~{3,})[ \t]*(.*?)[ \t]*$")
	// strayFence finds a console block that stands in a quotation or too far to the right to be a fence.
	strayFence = regexp.MustCompile("^[ \t>]+(?:`{3,}|~{3,})[ \t]*console")
)

// scan splits a markdown file into its elements. It knows what a guide needs to know of CommonMark: fences of
// backticks and tildes, indented by at most three blanks, closed by at least as many of the same; headings with
// number signs; comments that begin a line. Trouble is told to bad.
func scan(text string, bad func(line int, format string, args ...any)) []element {
	var all []element
	lines := strings.Split(strings.TrimSuffix(text, "\n"), "\n")
	comment := false
	for i := 0; i < len(lines); i++ {
		line := strings.TrimSuffix(lines[i], "\r")
		if comment = comment || strings.HasPrefix(strings.TrimLeft(line, " "), "<!--"); comment {
			comment = !strings.Contains(line, "-->")
			continue
		}
		if m := headingLine.FindStringSubmatch(line); m != nil {
			all = append(all, element{kind: heading, line: i + 1, level: len(m[1]), text: m[2]})
			continue
		}
		m := fenceLine.FindStringSubmatch(line)
		if m == nil || m[2][0] == '`' && strings.Contains(m[3], "`") {
			if strayFence.MatchString(line) {
				bad(i+1, "this console block is not at the margin, so it would not be played: move it to the left")
			}
			all = append(all, element{kind: prose, line: i + 1, text: line})
			continue
		}
		block := element{kind: fence, line: i + 1, text: m[3]}
		for i++; i < len(lines) && !closes(lines[i], m[2]); i++ {
			block.body = append(block.body, unindent(strings.TrimSuffix(lines[i], "\r"), len(m[1])))
		}
		if i == len(lines) {
			bad(block.line, "this block is never closed: end it with a line %s", m[2])
		}
		all = append(all, block)
	}
	return all
}

// closes tells whether the line closes a block that was opened with the given backticks or tildes.
func closes(line, opened string) bool {
	m := fenceLine.FindStringSubmatch(strings.TrimSuffix(line, "\r"))
	return m != nil && m[2][0] == opened[0] && len(m[2]) >= len(opened) && m[3] == ""
}

// unindent takes away as many blanks as the fence itself is indented by, if they are there.
func unindent(line string, n int) string {
	for ; n > 0 && strings.HasPrefix(line, " "); n-- {
		line = line[1:]
	}
	return line
}

package guide

import (
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/require"
)

// TestPatterns compares the table in the package comment with the one in the code: same names, and every example fits.
func TestPatterns(t *testing.T) {
	doc, err := os.ReadFile("doc.go")
	require.NoError(t, err)
	rows := regexp.MustCompile(`(?m)^//\t<([a-z]+)> +(\S.*?) {2,}(.*)$`).FindAllStringSubmatch(string(doc), -1)
	var documented, coded []string
	for _, row := range rows {
		documented = append(documented, row[1])
		for _, example := range strings.Split(row[3], ", ") {
			require.Regexp(t, `^(?:`+exprOf(row[1])+`)$`, example, "<%s>", row[1])
		}
	}
	for _, p := range patterns {
		coded = append(coded, p.name)
	}
	require.Empty(t, cmp.Diff(coded, documented), "-code +package comment")
}

func TestPatternsRefuse(t *testing.T) {
	for name, wrong := range map[string]string{
		"pid": "0|-1|1a| ", "n": "-1|1.5|", "num": "1.|a|--1", "percent": "5|5 %", "size": "M|1X|1 |-1M", "time": "5|s|1.5",
		"clock": "1:2|12", "date": "Nov|2024-1-1", "inode": "0|a", "id": "abc|ABCDEF12|12345678g", "hex": "0xg|xyz|", "dev": "8|8:",
		"mode": "drwx|rwxr-xr-xx", "path": "a/b|/a b", "file": "/a|a/b|", "user": "1a|a b", "host": "-a|a/b", "ip": "1.2.3|1.2.3.4/",
		"mac": "02:42|0g:42:ac:11:00:02|02:42:ac:11:00:0g", "tty": "pts|pts/", "version": "6|v6.1", "word": "a b|", "text": "",
	} {
		for _, example := range strings.Split(wrong, "|") {
			require.NotRegexp(t, `^(?:`+exprOf(name)+`)$`, example, "<%s>", name)
		}
	}
}

func TestMatch(t *testing.T) {
	for name, c := range map[string]struct {
		want, got string // lines, with | between them
		ok        bool
	}{
		"equal":                       {"a|b", "a|b", true},
		"no output":                   {"", "", true},
		"different":                   {"a|b", "a|c", false},
		"too little":                  {"a|b", "a", false},
		"too much":                    {"a", "a|b", false},
		"wrong order":                 {"a|b", "b|a", false},
		"trailing blanks":             {"a  |b", "a|b  ", true},
		"leading blank":               {"a", " a", false},
		"two blanks for one":          {"a b", "a  b", false},
		"one blank for two":           {"a  b", "a b", false},
		"dots: none":                  {"...|a", "a", true},
		"dots: many":                  {"a|...|b", "a|x|y|b", true},
		"dots: not found":             {"a|...|b", "a|x|y", false},
		"dots: not before":            {"...|b", "x|b|y", false},
		"dots: second try":            {"...|a|b|...", "a|x|a|b|c", true},
		"escaped dots":                {`\...|a`, "...|a", true},
		"escaped dots are not dots":   {`\...|a`, "x|a", false},
		"escaped prompt":              {`\# a`, "# a", true},
		"escaped backslash":           {`\\# a`, `\# a`, true},
		"plain backslash":             {`\a`, `\a`, true},
		"escaped placeholder":         {`\<pid> <pid>`, `<pid> 42`, true},
		"placeholder":                 {"[1] <pid>", "[1] 42", true},
		"placeholder: wrong":          {"[1] <pid>", "[1] x", false},
		"placeholder: whole line":     {"<n>", "1 2", false},
		"letters of an expression":    {"a.b [x] <n>*", "a.b [x] 1*", true},
		"dot is a dot":                {"a.b", "axb", false},
		"columns move":                {"root  <pid>  1 x", "root        42 1 x", true},
		"columns move at the start":   {"  <pid> x", "123456 x", true},
		"columns move into the start": {"<pid> x", "    42 x", true},
		"blanks don't vanish":         {"<n> <n>", "12", false},
		"blanks elsewhere stay":       {"<n> a  b", "1 a b", false},
		"tab":                         {"Pid:\tx", "Pid:    x", true},
		"tab beside a placeholder":    {"Pid:\t<pid>", "Pid:    42", true},
		"same name, same text":        {"<pid1>|<pid1>", "42|42", true},
		"same name, other text":       {"<pid1>|<pid1>", "42|43", false},
		"twice in a line":             {"<pid1> <pid1>", "42 42", true},
		"twice in a line, different":  {"<pid1> <pid1>", "42 43", false},
		"other name, other text":      {"<pid1>|<pid2>", "42|43", true},
		"other name, same text":       {"<pid1>|<pid2>", "42|42", false},
		"other kind, same text":       {"<pid1>|<n1>", "42|42", true},
		"no number, any text":         {"<pid>|<pid>", "42|43", true},
		"numbered text, quoted":       {"<text1> x|<text1>", "a.* x|abc", false},
		"dots and names":              {"...|<pid1> a|...|<pid1> b", "1 a|2 a|2 b", true},
	} {
		t.Run(name, func(t *testing.T) {
			m := matcher{want: wanted(t, c.want, false)}
			if c.got != "" {
				m.got = strings.Split(c.got, "|")
			}
			_, ok := m.compare(nil)
			require.Equal(t, c.ok, ok)
		})
	}
}

// wanted reads promised lines, with | between them.
func wanted(t *testing.T, lines string, columns bool) []Line {
	var all []Line
	if lines == "" {
		return nil
	}
	for i, text := range strings.Split(lines, "|") {
		l, unknown := newLine(i+1, text, columns)
		require.Empty(t, unknown)
		all = append(all, l)
	}
	return all
}

func TestMatchColumns(t *testing.T) {
	for _, c := range []struct {
		want, got string
		ok        bool
	}{
		{"PID  COMMAND", "    PID COMMAND", true},
		{"    PID COMMAND", "PID       COMMAND", true},
		{"  <pid> sh", "1 sh", true},
		{"PID COMMAND", "PIDCOMMAND", false},
		{"PIDCOMMAND", "PID COMMAND", false},
		{"", "", true},
	} {
		m := matcher{want: wanted(t, c.want, true), got: []string{c.got}}
		if c.want == "" {
			m.got = nil
		}
		_, ok := m.compare(nil)
		require.Equal(t, c.ok, ok, "%q with %q", c.want, c.got)
	}
}

// TestMatchManyDots needs ages without the memory of failed attempts.
func TestMatchManyDots(t *testing.T) {
	m := matcher{want: wanted(t, strings.Repeat("...|a|", 12)+"b", false)}
	for i := 0; i < 60; i++ {
		m.got = append(m.got, "a")
	}
	start := time.Now()
	_, ok := m.compare(nil)
	require.False(t, ok)
	require.Less(t, time.Since(start), 5*time.Second)
}

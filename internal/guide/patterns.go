package guide

import (
	"regexp"
	"strings"
)

// patterns says what each placeholder stands for. The package comment has the same table for writers, and a
// test compares the two.
var patterns = []struct{ name, expr string }{
	{"pid", `[1-9][0-9]*`},
	{"n", `[0-9]+`},
	{"num", `-?[0-9]+(?:\.[0-9]+)?`},
	{"percent", `[0-9]+(?:\.[0-9]+)?%`},
	{"size", `[0-9]+(?:\.[0-9]+)?(?: ?[kKmMgGtT]i?B?| ?B)?`},
	{"time", `[0-9]+(?:\.[0-9]+)? ?(?:ns|us|µs|ms|s|m|h)(?:[0-9]+(?:\.[0-9]+)?(?:ns|us|µs|ms|s|m|h))*`},
	{"clock", `[0-9]{1,2}:[0-9]{2}(?::[0-9]{2})?`},
	{"date", `(?:[A-Z][a-z]{2} [ 1-3]?[0-9] (?:[0-9]{2}:[0-9]{2}| [0-9]{4})|[0-9]{4}-[0-9]{2}-[0-9]{2})`},
	{"inode", `[1-9][0-9]*`},
	{"id", `[0-9a-f]{8,64}`},
	{"hex", `(?:0x)?[0-9a-f]+`},
	{"dev", `[0-9]+:[0-9]+`},
	{"mode", `[-bcdlps][-rwxsStT]{9}[.+@]?`},
	{"path", `/\S*`},
	{"file", `[^/\s]+`},
	{"user", `[a-zA-Z_][a-zA-Z0-9_+.-]*`},
	{"host", `[a-zA-Z0-9][a-zA-Z0-9_.-]*`},
	{"ip", `[0-9]{1,3}(?:\.[0-9]{1,3}){3}(?:/[0-9]{1,2})?`},
	{"mac", `[0-9a-f]{2}(?::[0-9a-f]{2}){5}`},
	{"tty", `(?:pts/[0-9]+|tty[A-Za-z0-9]*|console|\?)`},
	{"version", `[0-9]+(?:\.[0-9]+)+[^\s,;:)]*`},
	{"word", `\S+`},
	{"text", `.+`},
}

// placeholder finds <name> and <name1>.
var placeholder = regexp.MustCompile(`<([a-z]+)([0-9]*)>`)

// exprOf returns the regular expression of a placeholder's kind, or "" if there is no such kind.
func exprOf(kind string) string {
	for _, p := range patterns {
		if p.name == kind {
			return p.expr
		}
	}
	return ""
}

// kinds lists all names, for messages.
func kinds() string {
	var names []string
	for _, p := range patterns {
		names = append(names, p.name)
	}
	return strings.Join(names, ", ")
}

package guide

import (
	"fmt"
	"strings"
)

// Failure tells where a guide promised something else than came.
type Failure struct {
	File     string
	Line     int
	What     string // in a sentence
	Command  string // with its prompt, as it was typed
	Promised string // the line as it stands in the guide, if the output differs
	Came     string // the line that came instead
	Because  string // more about the cause, if known
	Remedy   string // what the writer may do, if that isn't clear
}

// Error gives all of it, in several lines.
func (f *Failure) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s:%d: %s", f.File, f.Line, f.What)
	for _, row := range []struct{ name, text string }{
		{"command", f.Command}, {"promised", f.Promised}, {"came", f.Came}, {"because", f.Because}, {"remedy", f.Remedy},
	} {
		if row.text != "" {
			fmt.Fprintf(&b, "\n  %-9s %s", row.name, strings.ReplaceAll(row.text, "\n", "\n            "))
		}
	}
	return b.String()
}

package main

import (
	"os"
	"strconv"
	"strings"
	"time"
)

// explain writes a step of ours into the file of `run --explain`, in the columns that the runtime has for its steps, when done is called.
func (c *container) explain(what, call string) (done func()) {
	if c.Explain == "" {
		return func() {}
	}
	begun := time.Now()
	return func() {
		f, err := os.OpenFile(c.Explain, os.O_WRONLY|os.O_APPEND, 0)
		if err != nil {
			return // whoever wanted to know has gone
		}
		defer f.Close()
		took := strconv.FormatFloat(float64(time.Since(begun))/1e6, 'f', 3, 64) + " ms"
		if strings.HasPrefix(what, "execute the runtime: create") {
			took = "" // what follows tells
		}
		f.WriteString("  0  shim     " + strings.Repeat(" ", max(0, 9-len(took))) + took + "  lab05  " + what + "\n" + strings.Repeat(" ", 12) + call + "\n")
	}
}

package lookup

import (
	"bytes"
	"fmt"
	"strings"

	"golang.org/x/sys/unix"
)

// A script is what the first line of a script says. "#! /usr/bin/env  python3 -u" has the interpreter
// /usr/bin/env, and the rest, "python3 -u", is one argument to the kernel.
type script struct {
	interpreter string
	carriage    bool // the interpreter's name ends with a carriage return, as lines of Windows do
}

// parseScript reads the beginning of a file as the kernel does (fs/binfmt_script.c). ok is false if
// it is not a script that the kernel would run.
func parseScript(head []byte) (s script, ok bool) {
	line, found := bytes.CutPrefix(head, []byte("#!"))
	if !found {
		return s, false
	}
	line, _, whole := bytes.Cut(line, []byte("\n"))
	line = bytes.TrimLeft(line, " \t")
	end := bytes.IndexAny(line, " \t\x00")
	if end < 0 {
		if !whole && len(head) == 256 { // the name may be longer than what the kernel looks at
			return s, false
		}
		end = len(line)
	}
	s.interpreter = string(line[:end])
	s.carriage = strings.HasSuffix(s.interpreter, "\r")
	return s, s.interpreter != ""
}

// whyNoScript explains ENOEXEC for a script: why the kernel does not take it for one.
func whyNoScript(head []byte) string {
	trimmed := bytes.TrimLeft(head, byteOrderMark+" \t\r\n")
	switch {
	case bytes.HasPrefix(head, []byte("#!")):
		if len(head) == 256 && bytes.IndexByte(head, '\n') < 0 {
			return "its #! line is longer than the 255 bytes that the kernel reads"
		}
		return "its #! line names no interpreter; write #!/bin/sh, say"
	case bytes.HasPrefix(head, []byte(byteOrderMark+"#!")):
		return "there is a byte-order mark before the #! of its first line; save it as UTF-8 without one"
	case bytes.HasPrefix(trimmed, []byte("#!")):
		return "its #! must be the very first two characters, and blanks stand before it; take them out"
	}
	return ""
}

// whyScript explains an errno that is about a script's interpreter.
func whyScript(path string, s script, errno unix.Errno, depth int) string {
	if errno == unix.ENOENT && s.carriage {
		return fmt.Sprintf("its first line is %q: the lines end as on Windows, and the kernel looks for a file whose name ends with \\r; "+
			"convert the file, with dos2unix or sed -i 's/\\r$//' %s", "#!"+s.interpreter, path)
	}
	var st unix.Stat_t
	if errno == unix.ENOENT && unix.Lstat(s.interpreter, &st) == unix.ENOENT {
		hint := "install it, or name another"
		if shell := "/bin/sh"; s.interpreter != shell && unix.Access(shell, unix.X_OK) == nil {
			hint += " (" + shell + " is there)"
		}
		return fmt.Sprintf("its #! line names the interpreter %s, which the container does not have; %s", s.interpreter, hint)
	}
	if cause := whyFile(s.interpreter, errno, depth+1); cause != "" {
		return fmt.Sprintf("its #! line names the interpreter %s, and of that: %s", s.interpreter, cause)
	}
	return ""
}

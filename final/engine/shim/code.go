package shim

import "strings"

// FailureCode is Docker's exit code for a container that could not be started: 127 if its program is not there, 126 if it can't be
// executed, or else 125. It goes by the words that runtimes have for it; those of crun begin with a capital.
func FailureCode(text string) int {
	text = strings.ToLower(text)
	switch {
	case !strings.HasPrefix(text, "oci runtime"):
	case strings.Contains(text, "executable file not found"), strings.Contains(text, "no such file or directory"), strings.Contains(text, "(enoent)"):
		return 127
	case strings.Contains(text, "permission denied"), strings.Contains(text, "(eacces)"), strings.Contains(text, "is a directory"), strings.Contains(text, "open executable: operation not permitted"),
		strings.Contains(text, "exec format error"), strings.Contains(text, "(enoexec)"):
		return 126
	}
	return 125
}

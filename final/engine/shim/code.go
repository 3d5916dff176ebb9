package shim

import "strings"

// FailureCode is Docker's exit code for a container that could not be started: 127 if its program is not there, 126 if it can't be
// executed, or else 125.
func FailureCode(text string) int {
	switch {
	case !strings.HasPrefix(text, "OCI runtime"):
	case strings.Contains(text, "executable file not found"), strings.Contains(text, "no such file or directory"), strings.Contains(text, "(ENOENT)"):
		return 127
	case strings.Contains(text, "permission denied"), strings.Contains(text, "(EACCES)"), strings.Contains(text, "is a directory"),
		strings.Contains(text, "exec format error"), strings.Contains(text, "(ENOEXEC)"):
		return 126
	}
	return 125
}

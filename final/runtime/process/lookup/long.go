package lookup

import (
	"fmt"
	"strings"

	"golang.org/x/sys/unix"
)

// Limits of execve(2), "Limits on size of arguments and environment".
const (
	maxString = 128 << 10 // of one argument, with the NUL behind it (MAX_ARG_STRLEN)
	maxAll    = 6 << 20   // of all of them, however large the stack
	minAll    = 128 << 10 // and however small
)

// tooLong explains E2BIG.
func tooLong(args, env []string) string {
	total := 0
	for i, s := range args {
		if len(s) >= maxString {
			return fmt.Sprintf("process.args[%d] has %d bytes, and one argument has at most %d; pass it in a file", i, len(s), maxString-1)
		}
		total += len(s) + 1 + 8 // and the pointer to it
	}
	for i, s := range env {
		if len(s) >= maxString {
			name, _, _ := strings.Cut(s, "=")
			if len(name) > 64 {
				name = name[:64] + "..."
			}
			return fmt.Sprintf("process.env[%d], %s, has %d bytes, and one variable has at most %d; pass it in a file", i, name, len(s), maxString-1)
		}
		total += len(s) + 1 + 8
	}
	limit := uint64(maxAll)
	var stack unix.Rlimit
	if unix.Getrlimit(unix.RLIMIT_STACK, &stack) == nil {
		limit = max(min(limit, stack.Cur/4), minAll)
	}
	return fmt.Sprintf("arguments and environment have %d bytes together, and may have %d: a quarter of RLIMIT_STACK, but at most 6 MiB; "+
		"shorten them, or raise that limit", total, limit)
}

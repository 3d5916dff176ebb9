package cli

import (
	"strings"

	"github.com/spf13/cobra"
)

// bookFlags replaces the flags -cpuset and -cpushare, which a flag set with one-letter flags would take for eight of them.
func bookFlags(root *cobra.Command, args []string) []string {
	cmd, _, err := root.Find(args)
	if err != nil {
		return args
	}
	out := append([]string{}, args...)
	seen := false
	for i := 0; i < len(out); i++ {
		arg := out[i]
		name, value, hasValue := strings.Cut(arg, "=")
		if long := map[string]string{"-cpuset": "--cpuset-cpus", "-cpushare": "--cpu-shares"}[name]; long != "" {
			out[i] = long
			if hasValue {
				out[i] += "=" + value
			} else {
				i++
			}
			continue
		}
		switch {
		case arg == "--":
			return out
		case strings.HasPrefix(arg, "--"):
			if f := cmd.Flag(name[2:]); f != nil && !hasValue && f.NoOptDefVal == "" {
				i++
			}
		case strings.HasPrefix(arg, "-") && len(arg) > 1:
			if f := cmd.Flags().ShorthandLookup(arg[len(arg)-1:]); f != nil && !hasValue && f.NoOptDefVal == "" && isShorthands(cmd, arg[1:]) {
				i++
			}
		case !seen: // the command's name
			seen = true
		default:
			return out
		}
	}
	return out
}

// isShorthands says whether all but the last letter are flags without a value, so that the last one takes the next word.
func isShorthands(cmd *cobra.Command, letters string) bool {
	for i := 0; i+1 < len(letters); i++ {
		if f := cmd.Flags().ShorthandLookup(letters[i : i+1]); f == nil || f.NoOptDefVal == "" {
			return false
		}
	}
	return true
}

package guide

import (
	"regexp"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestTake gives the output of a command to the session in pieces of every size.
func TestTake(t *testing.T) {
	const output = "a\r\n@@l@@lab-7@@lab-77-x@@lab-77-3@@b"
	const all = output + "@@lab-77-42@@# later@@lab-77-more@@rest"
	for size := 1; size <= len(all); size++ {
		s := &session{mark: "@@lab-77", prompts: regexp.MustCompile("^@@lab-77-(?:(more)@@|([0-9]+)@@# )")}
		var pauses []pause
		var tails []string
		for at := 0; at < len(all); at += size {
			s.raw = append(s.raw, all[at:min(at+size, len(all))]...)
			for p, ok := s.take(); ok; p, ok = s.take() {
				pauses, tails = append(pauses, p), append(tails, s.screen.tail())
				s.screen = screen{}
			}
		}
		require.Equal(t, []pause{{at: atBash, exit: 42}, {at: atMore}}, pauses, "in pieces of %d", size)
		require.Equal(t, []string{"@@l@@lab-7@@lab-77-x@@lab-77-3@@b", "later"}, tails, "in pieces of %d", size)
		require.Equal(t, "rest", s.screen.tail())
	}
}

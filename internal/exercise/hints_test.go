package exercise

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// Every task has three hints, and none of them gives the solution away: no line of it is in a hint.
func TestHints(t *testing.T) {
	all, err := All("../..")
	require.NoError(t, err)
	for _, e := range all {
		for _, task := range e.Tasks {
			hints, err := e.Hints(task)
			require.NoError(t, err)
			require.Len(t, hints, 3, task.Number)
			solution, err := e.Solution(task)
			require.NoError(t, err)
			for _, line := range strings.Split(solution, "\n") {
				if line = strings.TrimSpace(line); len(line) > 25 {
					require.NotContains(t, strings.Join(hints, "\n"), line, task.Number)
				}
			}
		}
	}
}

package proc

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestParseStat(t *testing.T) {
	line := "42 (a) Z 1) S) R 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 777 20"
	start, zombie, err := parseStat([]byte(line))
	require.NoError(t, err)
	require.EqualValues(t, 777, start)
	require.False(t, zombie)
	for _, bad := range []string{"", "42", "42 (x", "42 (x) R", fmt.Sprintf("1 (x) R%s", strings.Repeat(" x", 30))} {
		_, _, err := parseStat([]byte(bad))
		require.Error(t, err, bad)
	}
}

func FuzzParseStat(f *testing.F) {
	f.Add([]byte("42 (a) R 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 777"))
	f.Fuzz(func(t *testing.T, data []byte) { parseStat(data) })
}

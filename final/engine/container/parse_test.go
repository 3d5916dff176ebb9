package container

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestParseSet(t *testing.T) {
	set, err := parseSet("0-2,7")
	require.NoError(t, err)
	require.Equal(t, map[int]bool{0: true, 1: true, 2: true, 7: true}, set)
	for _, bad := range []string{"", "a", "2-1", "1-", "-1", "0,", "99999"} {
		_, err := parseSet(bad)
		require.Error(t, err, bad)
	}
}

func TestParseSize(t *testing.T) {
	for text, want := range map[string]int64{"": 0, "1": 1, "1b": 1, "512k": 512 << 10, "1.5g": 3 << 29, "2GiB": 2 << 30, "64 MB": 64 << 20} {
		got, err := ParseSize(text)
		require.NoError(t, err, text)
		require.Equal(t, want, got, text)
	}
	for _, bad := range []string{"x", "-1", "1x", "m", "1mm", "nan", "inf", "1e400", "0x10"} {
		_, err := ParseSize(bad)
		require.Error(t, err, bad)
	}
}

func TestPrintable(t *testing.T) {
	require.Equal(t, "a?[31mb?c ü", printable("a\x1b[31mb\u009bc ü"), "a process can't paint on the terminal of whoever looks at it")
}

// What people and images say is read, or refused; never does it end the program.
func FuzzParse(f *testing.F) {
	for _, text := range []string{"0-3,7", "1.5g", "SIGRTMIN+3", "/a:/b:ro,z", "name:/x", "64m"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		parseSet(text)
		if n, err := ParseSize(text); err == nil && n < 0 {
			t.Errorf("a size of %d", n)
		}
		if s, err := ParseSignal(text); err == nil && (s < 1 || s > 64) {
			t.Errorf("a signal of %d", s)
		}
		if m, err := ParseVolume(text); err == nil && (!strings.HasPrefix(m.Destination, "/") || m.Destination == "/" || strings.Contains(m.Destination, "/../")) {
			t.Errorf("a mount on %q", m.Destination)
		}
	})
}

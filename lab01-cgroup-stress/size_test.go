package main

import (
	"math"
	"math/big"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestParseSize(t *testing.T) {
	for s, want := range map[string]int64{
		"1": 1, "104857600": 100 << 20, "007": 7,
		"1k": 1 << 10, "100m": 100 << 20, "1g": 1 << 30, "1K": 1 << 10, "100M": 100 << 20, "1G": 1 << 30,
		"9223372036854775807": math.MaxInt64, "8589934591g": 8589934591 << 30,
		"max": 0,
	} {
		got, err := parseSize(s)
		require.NoError(t, err, s)
		require.Equal(t, want, got, s)
	}
	for _, s := range []string{
		"", " ", "0", "0m", "00", "-5m", "-1", "+5m", "abc", "m", "k", "mm", "5mm", "5kg", "100MB", "100mb", "100mib", "0.5g", "1,5g", "1e3",
		" 100m", "100m ", "100 m", "0x10", "1_000", "٣m", "９m", "MAX", "unlimited", "1t", "1K\x00", "100m\n",
		"9223372036854775808", "9007199254740992k", "8589934592g", "9999999999999g", "99999999999999999999",
	} {
		got, err := parseSize(s)
		require.EqualError(t, err, "-m "+s+": a memory limit is a whole number above 0 of bytes, or of k, m or g: 104857600, 102400k, 100m, 1g")
		require.Equal(t, 125, exitCode(err))
		require.Zero(t, got)
	}
}

// A second opinion, from numbers that can't overflow.
func FuzzParseSize(f *testing.F) {
	for _, s := range []string{"", "1", "100m", "1G", "9223372036854775807", "8589934592g", "-5m", "0.5g", "100MB", "max"} {
		f.Add(s)
	}
	form := regexp.MustCompile(`^([0-9]+)([kKmMgG]?)$`)
	f.Fuzz(func(t *testing.T, s string) {
		got, err := parseSize(s)
		want := new(big.Int)
		if parts := form.FindStringSubmatch(s); parts != nil {
			want.SetString(parts[1], 10)
			want.Lsh(want, map[string]uint{"": 0, "k": 10, "m": 20, "g": 30}[strings.ToLower(parts[2])])
		}
		if s == "max" || want.Sign() > 0 && want.IsInt64() {
			require.NoError(t, err)
			require.Equal(t, want.Int64(), got)
		} else {
			require.Error(t, err)
		}
	})
}

func TestFormatSize(t *testing.T) {
	for n, want := range map[int64]string{
		0: "0.0 KiB", 1: "0.0 KiB", 4096: "4.0 KiB", 1<<20 - 1: "1024.0 KiB", 1 << 20: "1.0 MiB", 100 << 20: "100.0 MiB",
		150 << 20: "150.0 MiB", 1 << 30: "1.0 GiB", 3 << 29: "1.5 GiB", math.MaxInt64: "8589934592.0 GiB",
	} {
		require.Equal(t, want, formatSize(n), n)
	}
}

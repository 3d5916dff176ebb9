package main

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestParseAmount(t *testing.T) {
	for text, want := range map[string]int64{
		"-1": -1, "0": 0, "67108864": 1 << 26, "64M": 1 << 26, "64m": 1 << 26, "64MB": 1 << 26, "64MiB": 1 << 26,
		"1.5g": 3 << 29, "512k": 1 << 19, "100b": 100,
	} {
		got, err := parseAmount(text)
		require.NoError(t, err, text)
		require.Equal(t, want, got, text)
	}
	for _, text := range []string{"", "m", "-2", "-64M", "lots", "1e3", "0x10", "1_000", "inf", "NaN", "99999999p", "64MM", "1 k"} {
		_, err := parseAmount(text)
		require.Error(t, err, text)
	}
}

package main

import (
	"fmt"
	"math"
	"strconv"
	"strings"
)

// parseSize turns "100m" into bytes: a whole number, alone or with k, m or g for powers of 1024.
// An empty string is 0 and stands for no limit.
func parseSize(s string) (int64, error) {
	if s == "" {
		return 0, nil
	}
	digits, unit := s, int64(1)
	if i := strings.IndexByte("kmg", s[len(s)-1]|0x20); i >= 0 { // |0x20 makes an ASCII letter small
		digits, unit = s[:len(s)-1], 1<<(10*(i+1))
	}
	n, err := strconv.ParseUint(digits, 10, 63)
	if err != nil || n == 0 || int64(n) > math.MaxInt64/unit {
		return 0, fail(125, "-m %s: a memory limit is a whole number above 0 of bytes, or of k, m or g: 104857600, 102400k, 100m, 1g", s)
	}
	return int64(n) * unit, nil
}

// formatSize writes bytes for people: 104857600 as "100.0 MiB".
func formatSize(n int64) string {
	switch f := float64(n); {
	case n >= 1<<30:
		return fmt.Sprintf("%.1f GiB", f/(1<<30))
	case n >= 1<<20:
		return fmt.Sprintf("%.1f MiB", f/(1<<20))
	default:
		return fmt.Sprintf("%.1f KiB", f/(1<<10))
	}
}

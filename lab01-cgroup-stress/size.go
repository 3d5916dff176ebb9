package main

import (
	"fmt"
	"math"
	"strconv"
	"strings"
)

// parseSize turns "100m" into bytes: a whole number, alone or with k, m or g for powers of 1024.
// "max", the kernel's own word for no limit, is 0.
func parseSize(s string) (int64, error) {
	if s == "max" {
		return 0, nil
	}
	digits := strings.TrimRight(s, "kmgKMG")
	unit, ok := map[string]int64{"": 1, "k": 1 << 10, "m": 1 << 20, "g": 1 << 30}[strings.ToLower(s[len(digits):])]
	n, err := strconv.ParseUint(digits, 10, 63)
	if err != nil || n == 0 || !ok || int64(n) > math.MaxInt64/unit {
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

package main

import (
	"fmt"
	"time"

	"golang.org/x/sys/unix"
)

// spin makes a system call whose argument the default profile checks, very often, and prints the seconds that a million
// took: personality(0xffffffff), which asks and changes nothing. The profile allows it for five values. The best of many
// short series counts, for whatever disturbs makes it only longer.
func spin() {
	best := time.Hour
	for range 200 {
		start := time.Now()
		for range 5_000 {
			unix.RawSyscall(unix.SYS_PERSONALITY, 0xffffffff, 0, 0)
		}
		best = min(best, time.Since(start))
	}
	fmt.Println(best.Seconds() * 200)
}

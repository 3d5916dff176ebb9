// Package proc tells processes apart. A pid is used again when its process has gone; the time at which a
// process was started tells two holders of it apart. Both are in /proc/PID/stat.
package proc

import (
	"bytes"
	"fmt"
	"os"
	"strconv"

	"golang.org/x/sys/unix"
)

// Alive says whether a process has this pid and started at that time, in clock ticks since boot, and
// has not ended: a zombie is dead, it only has not been asked for its exit code.
func Alive(pid int, start uint64) bool {
	got, zombie, err := StartTime(pid)
	return err == nil && got == start && !zombie
}

// StartTime returns when a process started, in clock ticks since boot, and whether it is a zombie.
func StartTime(pid int) (start uint64, zombie bool, err error) {
	if pid <= 0 {
		return 0, false, unix.ESRCH
	}
	data, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	if err != nil {
		return 0, false, err
	}
	return parseStat(data)
}

// parseStat reads field 3, the process's state, and field 22 of proc_pid_stat(5). Field 2 is the program's name in
// parentheses, and may itself have spaces and parentheses: the last one ends it.
func parseStat(data []byte) (start uint64, zombie bool, err error) {
	end := bytes.LastIndexByte(data, ')')
	fields := bytes.Fields(data[end+1:])
	if end < 0 || len(fields) < 20 {
		return 0, false, fmt.Errorf("/proc/PID/stat has %d fields after the name, 20 at least are known", len(fields))
	}
	start, err = strconv.ParseUint(string(fields[19]), 10, 64)
	if err != nil {
		return 0, false, fmt.Errorf("/proc/PID/stat: the start time: %w", err)
	}
	return start, fields[0][0] == 'Z' || fields[0][0] == 'X', nil
}

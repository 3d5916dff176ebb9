package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// A subsystem is a controller with the limit that it is to keep. v1 and v2 have different files,
// and sometimes different units, for the same thing.
type subsystem interface {
	controller() string
	v1() []setting
	v2() []setting
}

// setting is a file of a cgroup and what to write into it.
type setting struct {
	file, value string // the value "" stands for what the parent's file says
	optional    bool   // it doesn't matter if this kernel has no such file
}

// limit sets the limit of a subsystem in its cgroup.
func limit(cg *cgroup, s subsystem) error {
	settings := s.v1()
	if cg.v2 {
		settings = s.v2()
	}
	for _, set := range settings {
		if set.value == "" {
			inherited, err := os.ReadFile(filepath.Join(filepath.Dir(cg.dir), set.file))
			if err != nil {
				return explain(err)
			}
			set.value = strings.TrimSpace(string(inherited))
		}
		if err := cg.write(set.file, set.value); err != nil && !(set.optional && errors.Is(err, fs.ErrNotExist)) {
			return err
		}
	}
	return nil
}

// memory limits memory to so many bytes, 0 for no limit, and, unless swap is true, forbids swap.
// It is lab01's limit.
type memory struct {
	bytes int64
	swap  bool
}

func (memory) controller() string { return "memory" }
func (m memory) v1() []setting {
	return m.settings("memory.limit_in_bytes", "memory.memsw.limit_in_bytes", m.bytes)
}
func (m memory) v2() []setting { return m.settings("memory.max", "memory.swap.max", 0) }

func (m memory) settings(file, swapFile string, swapLimit int64) []setting {
	if m.bytes == 0 {
		return nil
	}
	list := []setting{{file, fmt.Sprint(m.bytes), false}, {swapFile, fmt.Sprint(swapLimit), !machineHasSwap()}}
	if m.swap {
		return list[:1]
	}
	return list
}

// cpu gives shares of the processors where others want them too, 1024 being the usual. Alone, a
// cgroup gets all that it can use.
type cpu struct{ shares uint64 }

func (cpu) controller() string { return "cpu" }
func (c cpu) v1() []setting    { return []setting{{"cpu.shares", fmt.Sprint(c.shares), false}} }
func (c cpu) v2() []setting    { return []setting{{"cpu.weight", fmt.Sprint(weight(c.shares)), false}} }

// Task 4.3: weight converts v1's shares, 2 to 262144, to v2's weight, 1 to 10000.
//
// Take the straight line that joins the ends of both ranges, in whole numbers.
//
//lab:task 4.3
func weight(shares uint64) uint64 {
	return 1 + (shares-2)*9999/262142
}

// cpuset lets the container run on the listed processors only, such as "0-1,3".
type cpuset struct{ cpus string }

func (cpuset) controller() string { return "cpuset" }
func (c cpuset) v2() []setting    { return []setting{{"cpuset.cpus", c.cpus, false}} }

// Task 4.4: v1 needs two settings: while either file is empty, no process can be added (ENOSPC).
//
// Set cpuset.cpus to the list; cpuset.mems, the list of memory nodes, to the parent's:
// a new cpuset has none.
//
//lab:task 4.4
func (c cpuset) v1() []setting {
	return []setting{{"cpuset.cpus", c.cpus, false}, {"cpuset.mems", "", false}}
}

// checkCPUs refuses processors that this machine hasn't. The kernel's answer would be an error that
// explains nothing or, for one that is possible but absent, none at all.
func checkCPUs(list string) error {
	for _, cpu := range strings.Split(strings.ReplaceAll(list, "-", ","), ",") {
		if _, err := os.Stat("/sys/devices/system/cpu/cpu" + cpu); err != nil {
			return fail(125, "-cpuset %s: this machine has no processor %q (a list such as 0-1,3 is wanted)", list, cpu)
		}
	}
	return nil
}

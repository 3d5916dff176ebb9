package process

import (
	"fmt"
	"strings"
	"unsafe"

	"golang.org/x/sys/unix"

	"jocker/final/runtime/fail"
	"jocker/final/runtime/step"
)

// Affinity returns a step of the actor that confines the calling thread, and what it starts, to a
// list of CPUs, "0-3,7" for example (cpuset(7), "List format"). field is the place in config.json
// that gave the list: process.execCPUAffinity.initial is for the runtime's thread before it starts the
// process that exec adds; "final" is among the steps of Become.
func Affinity(actor step.Actor, field, list string) step.Step {
	call := func() string { return fmt.Sprintf("sched_setaffinity(0, [%s])", list) }
	s := do("identity", 0,
		func() (string, string) { return "run on the CPUs " + list, call() },
		func() error {
			set, err := parseCPUs(field, list)
			if err != nil {
				return err
			}
			_, _, errno := unix.RawSyscall(unix.SYS_SCHED_SETAFFINITY, 0, uintptr(len(set)*8), uintptr(unsafe.Pointer(&set[0])))
			if errno != 0 {
				cause := ""
				if errno == unix.EINVAL {
					cause = "the machine has none of these CPUs, or the cgroup's cpuset lacks them"
				}
				return fail.Call(call(), errno, cause)
			}
			return nil
		})
	s.Actor = actor
	return s
}

// maxCPU bounds the numbers of CPUs; kernels are built for 8192 at most.
const maxCPU = 8191

// parseCPUs reads a list of numbers and ranges, as a mask of bits.
func parseCPUs(field, list string) ([]uint64, error) {
	bad := func(why string) ([]uint64, error) {
		return nil, fmt.Errorf("%s: %q is not a list of CPUs: %s; write it like \"0-3,7\"", field, list, why)
	}
	var set []uint64
	for _, part := range strings.Split(list, ",") {
		low, high, isRange := strings.Cut(part, "-")
		first, ok := cpu(low)
		last := first
		if isRange && ok {
			last, ok = cpu(high)
		}
		switch {
		case !ok:
			return bad(fmt.Sprintf("%q is neither a number from 0 to %d nor a range", part, maxCPU))
		case last < first:
			return bad(fmt.Sprintf("%q runs backwards", part))
		}
		for n := first; n <= last; n++ {
			for n/64 >= len(set) {
				set = append(set, 0)
			}
			set[n/64] |= 1 << (n % 64)
		}
	}
	return set, nil
}

func cpu(digits string) (n int, ok bool) {
	if digits == "" || len(digits) > 4 {
		return 0, false
	}
	for _, c := range digits {
		if c < '0' || c > '9' {
			return 0, false
		}
		n = n*10 + int(c-'0')
	}
	return n, n <= maxCPU
}

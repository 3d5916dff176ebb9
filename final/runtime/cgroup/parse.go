package cgroup

import (
	"bytes"
	"fmt"
	"strconv"
	"strings"
)

// lookup returns a number of a file of "key number" lines, such as memory.events.
func lookup(text []byte, key string) (n uint64, ok bool) {
	for len(text) > 0 {
		var line []byte
		line, text, _ = bytes.Cut(text, []byte("\n"))
		name, number, found := bytes.Cut(line, []byte(" "))
		if found && string(name) == key {
			n, err := strconv.ParseUint(string(number), 10, 64)
			return n, err == nil
		}
	}
	return 0, false
}

// parseList reads a list of processors or memory nodes, "0-3,7", in the form that the kernel writes and takes
// (cpuset(7), "List format"). The strides that it takes as well, "0-30:2/4", are not understood.
func parseList(s string) (list []uint16, err error) {
	for _, part := range strings.Split(strings.TrimSpace(s), ",") {
		if part = strings.TrimSpace(part); part == "" {
			continue
		}
		first, last, isRange := strings.Cut(part, "-")
		from, err := strconv.ParseUint(first, 10, 16)
		to := from
		if err == nil && isRange {
			to, err = strconv.ParseUint(last, 10, 16)
		}
		if err != nil || to < from || len(list)+int(to-from) > 1<<16 {
			return nil, fmt.Errorf("%q is not a number or a range; a list looks like 0-3,7", part)
		}
		for n := from; n <= to; n++ {
			list = append(list, uint16(n))
		}
	}
	return list, nil
}

// Mask converts such a list to the bit mask that systemd takes: bit n of byte m stands for number 8*m+n.
func Mask(s string) ([]byte, error) {
	list, err := parseList(s)
	var mask []byte
	for _, n := range list {
		for len(mask) <= int(n/8) {
			mask = append(mask, 0)
		}
		mask[n/8] |= 1 << (n % 8)
	}
	return mask, err
}

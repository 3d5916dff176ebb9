package capability

import (
	"fmt"
	"math/bits"
	"strings"
)

// names are the capabilities by number (linux/capability.h).
var names = [...]string{
	"CAP_CHOWN", "CAP_DAC_OVERRIDE", "CAP_DAC_READ_SEARCH", "CAP_FOWNER", "CAP_FSETID",
	"CAP_KILL", "CAP_SETGID", "CAP_SETUID", "CAP_SETPCAP", "CAP_LINUX_IMMUTABLE",
	"CAP_NET_BIND_SERVICE", "CAP_NET_BROADCAST", "CAP_NET_ADMIN", "CAP_NET_RAW", "CAP_IPC_LOCK",
	"CAP_IPC_OWNER", "CAP_SYS_MODULE", "CAP_SYS_RAWIO", "CAP_SYS_CHROOT", "CAP_SYS_PTRACE",
	"CAP_SYS_PACCT", "CAP_SYS_ADMIN", "CAP_SYS_BOOT", "CAP_SYS_NICE", "CAP_SYS_RESOURCE",
	"CAP_SYS_TIME", "CAP_SYS_TTY_CONFIG", "CAP_MKNOD", "CAP_LEASE", "CAP_AUDIT_WRITE",
	"CAP_AUDIT_CONTROL", "CAP_SETFCAP", "CAP_MAC_OVERRIDE", "CAP_MAC_ADMIN", "CAP_SYSLOG",
	"CAP_WAKE_ALARM", "CAP_BLOCK_SUSPEND", "CAP_AUDIT_READ", "CAP_PERFMON", "CAP_BPF",
	"CAP_CHECKPOINT_RESTORE",
}

// Names returns the names of all known capabilities, in the order of their numbers: what the
// `features` command tells of linux.capabilities.
func Names() []string { return names[:] }

// A Set is a set of capabilities: bit n stands for number n.
type Set uint64

// Has says whether the set contains a capability, by its number (unix.CAP_*).
func (s Set) Has(number int) bool { return s>>number&1 != 0 }

// String lists the set's names, by number and separated by spaces; "none" if it is empty.
func (s Set) String() string {
	if s == 0 {
		return "none"
	}
	var list []string
	for rest := s; rest != 0; rest &= rest - 1 {
		n := bits.TrailingZeros64(uint64(rest))
		if n < len(names) {
			list = append(list, names[n])
		} else {
			list = append(list, fmt.Sprint("capability ", n))
		}
	}
	return strings.Join(list, " ")
}

// number finds a capability by its name, as config.json writes it: "CAP_CHOWN".
func number(name string) (int, bool) {
	for n, have := range names {
		if have == name {
			return n, true
		}
	}
	return 0, false
}

// nearest returns the known name that takes the fewest changes of a letter to come from name, and
// "" if it would take too many for a slip. Docker's way to write a name ("net_raw") is near enough.
func nearest(name string) string {
	name = strings.ToUpper(name)
	if len(name) > 64 {
		return ""
	}
	if !strings.HasPrefix(name, "CAP_") {
		name = "CAP_" + name
	}
	best, least := "", 3
	for _, have := range names {
		if d := distance(name, have); d < least {
			best, least = have, d
		}
	}
	return best
}

// distance is Levenshtein's: how many letters to insert, delete or replace between a and b.
func distance(a, b string) int {
	row := make([]int, len(b)+1) // distances from a[:i] to each b[:j]
	for j := range row {
		row[j] = j
	}
	for i := range a {
		diagonal := row[0]
		row[0] = i + 1
		for j := range b {
			change := diagonal
			if a[i] != b[j] {
				change++
			}
			diagonal = row[j+1]
			row[j+1] = min(change, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}

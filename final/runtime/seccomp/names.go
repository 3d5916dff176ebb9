package seccomp

import (
	"fmt"
	"sort"
	"strings"
)

//go:generate go run ./internal/mksyscalls

// A call is one row of the table: a name, and its number by column.
type call struct {
	name string
	nr   [columns]int32
}

// lookup finds a row by name, nil if there is none. The table is constant data and is searched where
// it lies: a map would have to be filled at the start of every program that links this package.
func lookup(name string) *call {
	i := sort.Search(len(table), func(i int) bool { return table[i].name >= name })
	if i < len(table) && table[i].name == name {
		return &table[i]
	}
	return nil
}

// elsewhere says whether a name is a system call of an architecture that the package does not
// compile for.
func elsewhere(name string) bool {
	for _, f := range strings.Fields(foreign) {
		if f == name {
			return true
		}
	}
	return false
}

// Name returns the name of a system call, such as "ptrace".
//
// arch is the AUDIT_ARCH_* value and nr the number that the kernel reports: in a SIGSYS signal
// (sigaction(2): si_arch, si_syscall), in a line of the audit log, or in struct seccomp_data. The
// name is empty if the number or the architecture is unknown. Several names of one number (arm) give
// the alphabetically first.
func Name(arch uint32, nr int32) string {
	for column := range archs {
		a := &archs[column]
		if a.audit != arch || a.base != uint32(nr)&x32Bit {
			continue
		}
		for i := range table {
			if n := table[i].nr[column]; n >= 0 && uint32(n)|a.base == uint32(nr) {
				return table[i].name
			}
		}
	}
	return ""
}

// ArchName returns the short name of an AUDIT_ARCH_* value, such as "x86_64", or its number in hex.
func ArchName(arch uint32) string {
	for i := range archs {
		if archs[i].audit == arch {
			return archs[i].name
		}
	}
	return fmt.Sprintf("architecture %#x", arch)
}

package bpf

import (
	"fmt"
	"strings"

	"golang.org/x/sys/unix"
)

// List writes a program for people, one instruction a line: its place, what it does, and where it
// goes on if not with the next line.
func List(program []unix.SockFilter) string {
	var b strings.Builder
	for pc, i := range program {
		compare := map[uint16]string{unix.BPF_JEQ: "==", unix.BPF_JGT: ">", unix.BPF_JGE: ">=", unix.BPF_JSET: "&"}
		switch i.Code & 7 {
		case unix.BPF_LD:
			fmt.Fprintf(&b, "%-4d A = %s\n", pc, word(i.K))
		case unix.BPF_ALU:
			fmt.Fprintf(&b, "%-4d A = A & %#x\n", pc, i.K)
		case unix.BPF_RET:
			fmt.Fprintf(&b, "%-4d return %s\n", pc, Answer(i.K))
		case unix.BPF_JMP:
			if i.Code == unix.BPF_JMP|unix.BPF_JA {
				fmt.Fprintf(&b, "%-4d go to %d\n", pc, pc+1+int(i.K))
				continue
			}
			fmt.Fprintf(&b, "%-4d A %s %#x ? %d : %d\n", pc, compare[i.Code&0xf0], i.K, pc+1+int(i.Jt), pc+1+int(i.Jf))
		}
	}
	return b.String()
}

// word names the word of seccomp_data at an offset.
func word(offset uint32) string {
	switch {
	case offset == 0:
		return "number"
	case offset == 4:
		return "architecture"
	case offset < 16:
		return "instruction pointer"
	case offset%8 == 0:
		return fmt.Sprintf("argument %d, low half", (offset-16)/8)
	}
	return fmt.Sprintf("argument %d, high half", (offset-16)/8)
}

// Answer writes a filter's answer for people, such as "errno 1".
func Answer(ret uint32) string {
	switch data := ret & unix.SECCOMP_RET_DATA; ret &^ unix.SECCOMP_RET_DATA {
	case unix.SECCOMP_RET_KILL_PROCESS:
		return "kill process"
	case unix.SECCOMP_RET_KILL_THREAD:
		return "kill thread"
	case unix.SECCOMP_RET_TRAP:
		return "trap"
	case unix.SECCOMP_RET_ERRNO:
		return fmt.Sprintf("errno %d", data)
	case unix.SECCOMP_RET_USER_NOTIF:
		return "notify"
	case unix.SECCOMP_RET_TRACE:
		return fmt.Sprintf("trace %d", data)
	case unix.SECCOMP_RET_LOG:
		return "log"
	case unix.SECCOMP_RET_ALLOW:
		return "allow"
	}
	return fmt.Sprintf("%#x", ret)
}

// Package bpf is the machine that a seccomp filter runs on, as a program of its own: so that a
// filter can be tried on any system call of any architecture, without a kernel and without harm.
//
// Classic BPF was made to sort network packets. The machine has a register A, a second one X, and 16
// words of scratch memory; its input is read only, here struct seccomp_data of seccomp(2). Every
// instruction has 8 bytes: a code, two distances for conditional jumps, and the number K. Jumps go
// forward only, so a program of n instructions ends after n steps at most.
package bpf

import (
	"encoding/binary"
	"fmt"

	"golang.org/x/sys/unix"
)

// Data is what the kernel tells a filter: struct seccomp_data of linux/seccomp.h.
type Data struct {
	Nr                 int32     // system call number
	Arch               uint32    // AUDIT_ARCH_*
	InstructionPointer uint64    // where the call came from
	Args               [6]uint64 // its arguments, extended with zeros where registers have 32 bits
}

// size is that of struct seccomp_data, in bytes.
const size = 64

func (d *Data) bytes() (b [size]byte) {
	binary.NativeEndian.PutUint32(b[0:], uint32(d.Nr))
	binary.NativeEndian.PutUint32(b[4:], d.Arch)
	binary.NativeEndian.PutUint64(b[8:], d.InstructionPointer)
	for i, a := range d.Args {
		binary.NativeEndian.PutUint64(b[16+8*i:], a)
	}
	return b
}

// Check says why the kernel would not load a program, nil if it would: what bpf_check_classic and
// seccomp_check_filter look for.
func Check(program []unix.SockFilter) error {
	if len(program) == 0 || len(program) > 4096 {
		return fmt.Errorf("%d instructions: the kernel takes 1 to 4096", len(program))
	}
	for pc, i := range program {
		room := uint64(len(program) - pc - 1) // instructions that follow
		switch i.Code {
		case unix.BPF_LD | unix.BPF_W | unix.BPF_ABS:
			if i.K%4 != 0 || i.K >= size {
				return fmt.Errorf("instruction %d loads from offset %d", pc, i.K)
			}
		case unix.BPF_JMP | unix.BPF_JA:
			if uint64(i.K) >= room {
				return fmt.Errorf("instruction %d jumps out of the program", pc)
			}
		case unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K, unix.BPF_JMP | unix.BPF_JGT | unix.BPF_K,
			unix.BPF_JMP | unix.BPF_JGE | unix.BPF_K, unix.BPF_JMP | unix.BPF_JSET | unix.BPF_K:
			if uint64(i.Jt) >= room || uint64(i.Jf) >= room {
				return fmt.Errorf("instruction %d jumps out of the program", pc)
			}
		case unix.BPF_ALU | unix.BPF_AND | unix.BPF_K, unix.BPF_RET | unix.BPF_K:
		default:
			return fmt.Errorf("instruction %d has code %#x, which a filter of this kind does not use", pc, i.Code)
		}
	}
	if program[len(program)-1].Code != unix.BPF_RET|unix.BPF_K {
		return fmt.Errorf("the last instruction is no return")
	}
	return nil
}

// Run runs a program that Check has found good. It returns the answer and the number of
// instructions that were executed.
func Run(program []unix.SockFilter, d Data) (answer uint32, steps int) {
	input := d.bytes()
	var a uint32
	for pc := 0; ; pc++ {
		steps++
		i := program[pc]
		yes := false
		switch i.Code {
		case unix.BPF_LD | unix.BPF_W | unix.BPF_ABS:
			a = binary.NativeEndian.Uint32(input[i.K:])
			continue
		case unix.BPF_ALU | unix.BPF_AND | unix.BPF_K:
			a &= i.K
			continue
		case unix.BPF_JMP | unix.BPF_JA:
			pc += int(i.K)
			continue
		case unix.BPF_RET | unix.BPF_K:
			return i.K, steps
		case unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K:
			yes = a == i.K
		case unix.BPF_JMP | unix.BPF_JGT | unix.BPF_K:
			yes = a > i.K
		case unix.BPF_JMP | unix.BPF_JGE | unix.BPF_K:
			yes = a >= i.K
		case unix.BPF_JMP | unix.BPF_JSET | unix.BPF_K:
			yes = a&i.K != 0
		}
		if yes {
			pc += int(i.Jt)
		} else {
			pc += int(i.Jf)
		}
	}
}

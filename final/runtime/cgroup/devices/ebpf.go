package devices

import "encoding/binary"

// The instructions of eBPF, as far as a device program needs them (Documentation/bpf/standardization/instruction-set.rst of
// the kernel). The machine has ten registers of 64 bits: r0 takes the answer, r1 points to the question. An
// instruction has eight bytes:
//
//	code   dst   src   offset   immediate
//	8      4     4     16       32 bits
//
// All jumps go forward, by offset, counted from the next instruction.
type instruction struct {
	code     uint8
	dst, src uint8
	offset   int16
	imm      int32
}

const (
	opLoad     = 0x61 // dst = *(u32 *)(src + offset)
	opMove     = 0xb7 // dst = imm
	opCopy     = 0xbf // dst = src
	opAnd      = 0x57 // dst &= imm
	opShift    = 0x77 // dst >>= imm
	opJumpIf   = 0x15 // if dst == imm, jump
	opJumpElse = 0x55 // if dst != imm, jump
	opExit     = 0x95 // the answer is r0
)

// assemble writes a program as the kernel reads it, in the machine's byte order. The registers share a byte, of which
// the order of halves also depends on the machine.
func assemble(program []instruction) []byte {
	out := make([]byte, 0, 8*len(program))
	for _, i := range program {
		registers := i.src<<4 | i.dst
		if bigEndian() {
			registers = i.dst<<4 | i.src
		}
		out = append(out, i.code, registers)
		out = binary.NativeEndian.AppendUint16(out, uint16(i.offset))
		out = binary.NativeEndian.AppendUint32(out, uint32(i.imm))
	}
	return out
}

func bigEndian() bool { return binary.NativeEndian.Uint16([]byte{0, 1}) == 1 }

package lookup

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"runtime"
)

// An elf is what the header of a program says (elf(5)).
type elf struct {
	machine     uint16 // for which machine
	wide        bool   // of 64 bits
	big         bool   // big-endian
	kind        uint16 // a program, a library, an object file, ...
	interpreter string // the loader; empty if it needs none
}

// Kinds of ELF files that the kernel executes.
const (
	kindProgram = 2 // ET_EXEC
	kindShared  = 3 // ET_DYN: also a program that can be loaded anywhere
)

const (
	segmentInterpreter = 3    // PT_INTERP
	maxSegments        = 4096 // the kernel takes 64 KiB of them
)

// parseELF reads a program's header, and the name of its loader. at returns up to n bytes of the file
// from an offset on. ok is false if it is no ELF file, or ends before its header does.
func parseELF(at func(offset int64, n int) []byte) (e elf, ok bool) {
	head := at(0, 64)
	if len(head) < 52 || !bytes.HasPrefix(head, []byte("\x7fELF")) {
		return e, false
	}
	var order binary.ByteOrder = binary.LittleEndian
	if e.big = head[5] == 2; e.big {
		order = binary.BigEndian
	}
	e.wide = head[4] == 2
	e.kind, e.machine = order.Uint16(head[16:]), order.Uint16(head[18:])
	// where the list of segments is, and how long an entry and the list are
	table, size, count := int64(order.Uint32(head[28:])), int(order.Uint16(head[42:])), int(order.Uint16(head[44:]))
	if e.wide {
		if len(head) < 64 {
			return e, false
		}
		table, size, count = int64(order.Uint64(head[32:])), int(order.Uint16(head[54:])), int(order.Uint16(head[56:]))
	}
	want := 32
	if e.wide {
		want = 56
	}
	if size != want || count > maxSegments { // the kernel refuses it too
		return e, true
	}
	segments := at(table, size*count)
	for ; len(segments) >= size; segments = segments[size:] {
		if order.Uint32(segments) != segmentInterpreter {
			continue
		}
		offset, length := int64(order.Uint32(segments[4:])), uint64(order.Uint32(segments[16:]))
		if e.wide {
			offset, length = int64(order.Uint64(segments[8:])), order.Uint64(segments[32:])
		}
		name, _, _ := bytes.Cut(at(offset, int(min(length, 4096))), []byte{0})
		e.interpreter = string(name)
		break
	}
	return e, true
}

// machines are the architectures of images, by number (linux/elf-em.h), with their names as uname(1)
// and as image tools write them.
var machines = [...]struct {
	number      uint16
	name, image string
}{
	{3, "i386", "linux/386"},
	{8, "mips", "linux/mips"},
	{20, "ppc", "linux/ppc"},
	{21, "ppc64", "linux/ppc64le"},
	{22, "s390x", "linux/s390x"},
	{40, "arm", "linux/arm"},
	{62, "x86_64", "linux/amd64"},
	{183, "aarch64", "linux/arm64"},
	{243, "riscv64", "linux/riscv64"},
	{258, "loongarch64", "linux/loong64"},
}

func machineName(number uint16) string {
	for _, m := range machines {
		if m.number == number {
			return m.name
		}
	}
	return fmt.Sprintf("machine number %d", number)
}

// native returns the number of this machine, and that of its 32-bit forebear.
func native() (number, old uint16) {
	if runtime.GOARCH == "arm64" {
		return 183, 40
	}
	return 62, 3
}

// why explains why the kernel does not know what to do with a program.
func (e elf) why() string {
	here, old := native()
	name := machineName(e.machine)
	switch {
	case e.kind != kindProgram && e.kind != kindShared:
		return "it is an object file or a core dump, and not a linked program"
	case e.machine == old:
		return fmt.Sprintf("it is a 32-bit program (%s), which this kernel was built without support for; take one for %s", name, machineName(here))
	case e.machine != here || e.big:
		image := ""
		for _, m := range machines {
			if m.number == here {
				image = m.image
			}
		}
		return fmt.Sprintf("it is a program for %s, and this machine is %s; take the image for %s, or let qemu-user run it, by way of binfmt_misc",
			name, machineName(here), image)
	}
	return "it is a program for this machine, but a broken one; was it copied whole?"
}

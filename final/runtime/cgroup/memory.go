//lint:file-ignore SA1019 what the specification advises against still has to work

package cgroup

import (
	"fmt"
	"os"
	"strconv"
	"strings"

	"github.com/opencontainers/runtime-spec/specs-go"
)

// Memory. A limit of -1 is none, and one of 0 is taken for one that isn't given, as by runc.
//
//	config.json       v1                              v2
//	limit             memory.limit_in_bytes           memory.max
//	swap              memory.memsw.limit_in_bytes     memory.swap.max
//	reservation       memory.soft_limit_in_bytes      memory.low
//	kernel            memory.kmem.limit_in_bytes      (counted within memory.max)
//	kernelTCP         memory.kmem.tcp.limit_in_bytes  (counted within memory.max)
//	swappiness        memory.swappiness               -
//	disableOOMKiller  memory.oom_control              -
//	useHierarchy      memory.use_hierarchy            (always)
//
// In config.json and on v1, swap is memory and swap together; on v2 it is swap alone. So v2's is the difference.
func (p *planner) memory(m *specs.LinuxMemory) {
	h := p.need("memory")
	if h == nil {
		return
	}
	limit, reservation, swap := given(m.Limit), given(m.Reservation), given(m.Swap)
	for _, f := range [...]struct {
		name  string
		bytes int64
	}{{"limit", limit}, {"reservation", reservation}, {"swap", swap}, {"kernel", given(m.Kernel)}, {"kernelTCP", given(m.KernelTCP)}} {
		if f.bytes < -1 {
			p.refuse("memory.%s is %d: it is a number of bytes, or -1 for no limit", f.name, f.bytes)
		}
	}
	if limit > 0 && swap > 0 && swap < limit {
		p.refuse("memory.swap is %d, less than memory.limit, %d: it is the limit of memory and swap together", swap, limit)
	}
	if limit > 0 && reservation > limit {
		p.refuse("memory.reservation is %d, more than memory.limit, %d", reservation, limit)
	}
	if m.Swappiness != nil && *m.Swappiness > 100 {
		p.refuse("memory.swappiness is %d: it is 0 to 100", *m.Swappiness)
	}
	if h.Version == 1 {
		p.memory1(h, m, limit, reservation, swap)
	} else {
		p.memory2(h, m, limit, reservation, swap)
	}
}

func (p *planner) memory1(h *Hierarchy, m *specs.LinuxMemory, limit, reservation, swap int64) {
	if limit == -1 && swap == 0 { // without a limit for memory, one for both together makes no sense
		swap = -1
	}
	var lines []line
	if limit != 0 {
		lines = append(lines, line{file: "memory.limit_in_bytes", value: decimal(limit)})
	}
	if swap != 0 {
		lines = append(lines, line{file: "memory.memsw.limit_in_bytes", value: decimal(swap), optional: swap == -1})
	}
	p.put(h, lines...)
	if reservation != 0 {
		p.put(h, line{file: "memory.soft_limit_in_bytes", value: decimal(reservation)})
	}
	if kernel := given(m.Kernel); kernel != 0 { // Linux 5.16 took the limit away
		p.put(h, line{file: "memory.kmem.limit_in_bytes", value: decimal(kernel), optional: kernel == -1})
	}
	if tcp := given(m.KernelTCP); tcp != 0 {
		p.put(h, line{file: "memory.kmem.tcp.limit_in_bytes", value: decimal(tcp), optional: tcp == -1})
	}
	if m.Swappiness != nil {
		p.put(h, line{file: "memory.swappiness", value: strconv.FormatUint(*m.Swappiness, 10)})
	}
	if m.DisableOOMKiller != nil {
		p.put(h, line{file: "memory.oom_control", value: digit(*m.DisableOOMKiller)})
	}
	if m.UseHierarchy != nil {
		p.put(h, line{file: "memory.use_hierarchy", value: digit(*m.UseHierarchy)})
	}
}

func (p *planner) memory2(h *Hierarchy, m *specs.LinuxMemory, limit, reservation, swap int64) {
	switch {
	case given(m.Kernel) > 0:
		p.refuse("memory.kernel: cgroup v2 has no such limit; the kernel's memory counts as the container's (memory.limit)")
	case given(m.KernelTCP) > 0:
		p.refuse("memory.kernelTCP: cgroup v2 has no such limit; TCP buffers count as the container's memory (memory.limit)")
	case m.Swappiness != nil:
		p.refuse("memory.swappiness: cgroup v2 has none for a cgroup; set vm.swappiness for the host, or limit memory.swap")
	case m.DisableOOMKiller != nil && *m.DisableOOMKiller:
		p.refuse("memory.disableOOMKiller: on cgroup v2 the OOM killer cannot be turned off; a limit on memory.high by linux.resources.unified slows down instead")
	case m.UseHierarchy != nil && !*m.UseHierarchy:
		p.refuse("memory.useHierarchy is false: cgroup v2 always counts a cgroup's memory as its parent's, too")
	case swap > 0 && limit <= 0:
		p.refuse("memory.swap is %d, without a memory.limit: cgroup v2 limits swap alone, which is the difference of both", swap)
	}
	only := swap
	switch {
	case limit == -1 && swap == 0:
		only = -1
	case swap > 0:
		only = swap - limit
	}
	if swap != 0 || only != 0 {
		p.put(h, line{file: "memory.swap.max", value: limit2(only), optional: only == -1 || only == 0 && !machineHasSwap()})
	}
	if reservation != 0 {
		p.put(h, line{file: "memory.low", value: limit2(reservation)})
	}
	if limit != 0 {
		l := line{file: "memory.max", value: limit2(limit)}
		if limit > 0 && m.CheckBeforeUpdate != nil && *m.CheckBeforeUpdate {
			l.fill = func(h *Hierarchy) (string, error) { return l.value, h.enough(limit) }
		}
		p.put(h, l)
	}
}

// enough refuses a limit that is below what is in use: the kernel would take it, and kill for it.
func (h *Hierarchy) enough(limit int64) error {
	text, err := h.read("memory.current")
	if err != nil {
		return err
	}
	if now, err := strconv.ParseInt(strings.TrimSpace(text), 10, 64); err == nil && now > limit {
		return fmt.Errorf("memory.limit is %d, but %d bytes are in use: the kernel would kill processes of the container "+
			"(memory.checkBeforeUpdate)", limit, now)
	}
	return nil
}

// machineHasSwap tells whether any swap space is on.
func machineHasSwap() bool {
	swaps, _ := os.ReadFile("/proc/swaps") // a heading, then a line for each
	return strings.Count(string(swaps), "\n") > 1
}

// given returns the value of a field, 0 if it isn't there.
func given(n *int64) int64 {
	if n == nil {
		return 0
	}
	return *n
}

// limit2 writes a limit as v2 does.
func limit2(n int64) string {
	if n == -1 {
		return "max"
	}
	return decimal(n)
}

func decimal(n int64) string { return strconv.FormatInt(n, 10) }

func digit(yes bool) string {
	if yes {
		return "1"
	}
	return "0"
}

// refuse notes that a value of linux.resources is wrong, or not to be had here.
func (p *planner) refuse(format string, args ...any) {
	if p.err == nil {
		p.err = fmt.Errorf("linux.resources."+format, args...)
	}
}

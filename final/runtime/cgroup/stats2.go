package cgroup

import (
	"math"
	"strconv"
	"strings"
)

// stats2 reads v2's files. On a hybrid machine only those of the controllers that v2 has are there, and what
// v1 told must not be overwritten.
func (r *reader) stats2(s *Stats) {
	for _, size := range r.pageSizes(".current") {
		if !strings.HasSuffix(size, ".rsvd") {
			f := "hugetlb." + size
			s.Hugetlb[size] = Hugetlb{Usage: r.number(f + ".current"), Failcnt: value(r.text(f+".events"), "max")}
		}
	}
	if text := r.text("memory.stat"); len(text) > 0 {
		r.memory2(&s.Memory, text)
	}
	if text := r.text("pids.current"); len(text) > 0 {
		r.pids(&s.Pids)
	}
	if s.CPU.Usage.Total == 0 {
		text := r.text("cpu.stat")
		s.CPU.Usage.Total, s.CPU.Usage.User, s.CPU.Usage.Kernel =
			value(text, "usage_usec")*1000, value(text, "user_usec")*1000, value(text, "system_usec")*1000
		s.CPU.Throttling = Throttling{value(text, "nr_periods"), value(text, "nr_throttled"), value(text, "throttled_usec") * 1000}
	}
	if s.CPUSet.CPUs == nil {
		s.CPUSet.CPUs, s.CPUSet.Mems = r.list("cpuset.cpus.effective"), r.list("cpuset.mems.effective")
	}
	parseIOStat(&s.Blkio, r.text("io.stat"))
	s.CPU.PSI, s.Memory.PSI, s.Blkio.PSI = r.pressure("cpu.pressure"), r.pressure("memory.pressure"), r.pressure("io.pressure")
}

func (r *reader) memory2(m *Memory, stat []byte) {
	m.Raw = table(stat)
	m.Cache = m.Raw["file"]
	m.Usage = MemoryEntry{Limit: r.number("memory.max"), Usage: r.number("memory.current"),
		Max: r.number("memory.peak"), Failcnt: value(r.text("memory.events"), "max")}
	swap := MemoryEntry{Limit: r.number("memory.swap.max"), Usage: r.number("memory.swap.current"),
		Max: r.number("memory.swap.peak"), Failcnt: value(r.text("memory.swap.events"), "max")}
	// v2 counts swap alone. Here, as on v1, it is both together.
	m.Swap = MemoryEntry{Limit: add(m.Usage.Limit, swap.Limit), Usage: m.Usage.Usage + swap.Usage, Failcnt: swap.Failcnt}
}

// add adds two limits, of which each may be none.
func add(a, b uint64) uint64 {
	if a > math.MaxUint64-b {
		return math.MaxUint64
	}
	return a + b
}

// parseIOStat parses lines such as "8:0 rbytes=4096 wbytes=0 rios=1 wios=0 dbytes=0 dios=0".
func parseIOStat(b *Blkio, text []byte) {
	for _, line := range strings.Split(string(text), "\n") {
		f := strings.Fields(line)
		if len(f) < 2 {
			continue
		}
		major, minor, ok := deviceNumbers(f[0])
		if !ok {
			continue
		}
		for _, field := range f[1:] {
			key, number, _ := strings.Cut(field, "=")
			n, err := strconv.ParseUint(number, 10, 64)
			if err != nil {
				continue
			}
			list, op := &b.IoServiceBytesRecursive, ""
			switch key {
			case "rbytes":
				op = "Read"
			case "wbytes":
				op = "Write"
			case "dbytes":
				op = "Discard"
			case "rios":
				list, op = &b.IoServicedRecursive, "Read"
			case "wios":
				list, op = &b.IoServicedRecursive, "Write"
			case "dios":
				list, op = &b.IoServicedRecursive, "Discard"
			default: // of io.latency or io.cost
				continue
			}
			*list = append(*list, BlkioEntry{major, minor, op, n})
		}
	}
}

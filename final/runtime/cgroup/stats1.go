package cgroup

import (
	"strconv"
	"strings"
)

// stats1 reads the files of one v1 controller.
func (r *reader) stats1(s *Stats, controller string) {
	switch controller {
	case "cpu":
		text := r.text("cpu.stat")
		s.CPU.Throttling = Throttling{value(text, "nr_periods"), value(text, "nr_throttled"), value(text, "throttled_time")}
	case "cpuacct":
		r.cpuacct(&s.CPU.Usage)
	case "cpuset":
		r.cpuset1(&s.CPUSet)
	case "memory":
		s.Memory.Raw = table(r.text("memory.stat"))
		s.Memory.Cache = s.Memory.Raw["cache"]
		s.Memory.Usage = r.memory1("memory")
		s.Memory.Swap = r.memory1("memory.memsw")
		s.Memory.Kernel = r.memory1("memory.kmem")
		s.Memory.KernelTCP = r.memory1("memory.kmem.tcp")
	case "pids":
		r.pids(&s.Pids)
	case "blkio":
		r.blkio(&s.Blkio)
	case "hugetlb":
		for _, size := range r.pageSizes(".usage_in_bytes") {
			if !strings.HasSuffix(size, ".rsvd") {
				f := "hugetlb." + size
				s.Hugetlb[size] = Hugetlb{r.number(f + ".usage_in_bytes"), r.number(f + ".max_usage_in_bytes"), r.number(f + ".failcnt")}
			}
		}
	}
}

// cpuacct reads processor time. cpuacct.stat counts in ticks, of which a second has 100 for user space.
func (r *reader) cpuacct(u *CPUUsage) {
	const tick = 1e9 / 100
	u.Total = r.number("cpuacct.usage")
	text := r.text("cpuacct.stat")
	u.User, u.Kernel = value(text, "user")*tick, value(text, "system")*tick
	for _, n := range strings.Fields(string(r.text("cpuacct.usage_percpu"))) {
		t, _ := strconv.ParseUint(n, 10, 64)
		u.Percpu = append(u.Percpu, t)
	}
	for _, line := range strings.Split(string(r.text("cpuacct.usage_all")), "\n") { // "cpu user system", and their numbers
		if f := strings.Fields(line); len(f) == 3 && f[0] != "cpu" {
			user, _ := strconv.ParseUint(f[1], 10, 64)
			system, _ := strconv.ParseUint(f[2], 10, 64)
			u.PercpuUser, u.PercpuKernel = append(u.PercpuUser, user), append(u.PercpuKernel, system)
		}
	}
}

func (r *reader) memory1(prefix string) MemoryEntry {
	return MemoryEntry{Limit: r.number(prefix + ".limit_in_bytes"), Usage: r.number(prefix + ".usage_in_bytes"),
		Max: r.number(prefix + ".max_usage_in_bytes"), Failcnt: r.number(prefix + ".failcnt")}
}

func (r *reader) cpuset1(c *CPUSet) {
	c.CPUs, c.Mems = r.list("cpuset.cpus"), r.list("cpuset.mems")
	c.CPUExclusive, c.MemExclusive = r.number("cpuset.cpu_exclusive"), r.number("cpuset.mem_exclusive")
	c.MemHardwall, c.MemoryMigrate = r.number("cpuset.mem_hardwall"), r.number("cpuset.memory_migrate")
	c.MemorySpreadPage, c.MemorySpreadSlab = r.number("cpuset.memory_spread_page"), r.number("cpuset.memory_spread_slab")
	c.MemoryPressure, c.SchedLoadBalance = r.number("cpuset.memory_pressure"), r.number("cpuset.sched_load_balance")
	c.SchedRelaxDomainLevel, _ = strconv.ParseInt(strings.TrimSpace(string(r.text("cpuset.sched_relax_domain_level"))), 10, 64)
}

// pids reads v1's and v2's count of processes.
func (r *reader) pids(p *Pids) {
	p.Current = r.number("pids.current")
	if limit := r.number("pids.max"); limit+1 != 0 { // else max
		p.Limit = limit
	}
}

// blkio reads what the BFQ scheduler counts, or else, for it counts only its own devices, the throttles.
func (r *reader) blkio(b *Blkio) {
	b.IoServiceBytesRecursive = parseBlkio(r.text("blkio.bfq.io_service_bytes_recursive"))
	b.IoServicedRecursive = parseBlkio(r.text("blkio.bfq.io_serviced_recursive"))
	b.IoQueuedRecursive = parseBlkio(r.text("blkio.bfq.io_queued_recursive"))
	b.IoServiceTimeRecursive = parseBlkio(r.text("blkio.bfq.io_service_time_recursive"))
	b.IoWaitTimeRecursive = parseBlkio(r.text("blkio.bfq.io_wait_time_recursive"))
	b.IoMergedRecursive = parseBlkio(r.text("blkio.bfq.io_merged_recursive"))
	b.IoTimeRecursive = parseBlkio(r.text("blkio.bfq.time_recursive"))
	b.SectorsRecursive = parseBlkio(r.text("blkio.bfq.sectors_recursive"))
	if len(b.IoServicedRecursive) == 0 {
		b.IoServiceBytesRecursive = parseBlkio(r.text("blkio.throttle.io_service_bytes_recursive"))
		b.IoServicedRecursive = parseBlkio(r.text("blkio.throttle.io_serviced_recursive"))
	}
}

// parseBlkio parses lines such as "8:0 Read 4096" or "8:0 4096"; the last, "Total 4096", is a sum.
func parseBlkio(text []byte) (list []BlkioEntry) {
	for _, line := range strings.Split(string(text), "\n") {
		f := strings.Fields(line)
		if len(f) != 2 && len(f) != 3 {
			continue
		}
		e := BlkioEntry{}
		var ok bool
		if e.Major, e.Minor, ok = deviceNumbers(f[0]); !ok {
			continue
		}
		if len(f) == 3 {
			e.Op = f[1]
		}
		var err error
		if e.Value, err = strconv.ParseUint(f[len(f)-1], 10, 64); err == nil {
			list = append(list, e)
		}
	}
	return list
}

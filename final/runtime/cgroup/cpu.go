package cgroup

import (
	"strconv"
	"strings"

	"github.com/opencontainers/runtime-spec/specs-go"
)

// Processor time. Shares are a part of what is there when others want it too, a quota is a limit: so many
// microseconds in each period. With idle 1, the container gets only what nobody else wants.
//
//	config.json      v1                 v2
//	shares           cpu.shares         cpu.weight
//	quota, period    cpu.cfs_quota_us,  cpu.max: "50000 100000"
//	                 cpu.cfs_period_us
//	burst            cpu.cfs_burst_us   cpu.max.burst
//	idle             cpu.idle           cpu.idle
//	realtimeRuntime  cpu.rt_runtime_us  -
//	realtimePeriod   cpu.rt_period_us   -
func (p *planner) cpu(c *specs.LinuxCPU) {
	if c.Shares == nil && c.Quota == nil && c.Period == nil && c.Burst == nil && c.Idle == nil &&
		c.RealtimeRuntime == nil && c.RealtimePeriod == nil {
		return
	}
	h := p.need("cpu")
	if h == nil {
		return
	}
	shares, period, burst, quota := given64(c.Shares), given64(c.Period), given64(c.Burst), given(c.Quota)
	idle := c.Idle != nil && *c.Idle == 1
	switch {
	case shares != 0 && (shares < 2 || shares > 262144):
		p.refuse("cpu.shares is %d: it is 2 to 262144, with 1024 for the usual", shares)
	case period != 0 && (period < 1000 || period > 1000000):
		p.refuse("cpu.period is %d: it is 1000 to 1000000 microseconds", period)
	case quota < -1 || quota > 0 && quota < 1000:
		p.refuse("cpu.quota is %d: it is 1000 microseconds or more, or -1 for no limit", quota)
	case quota > 0 && burst > uint64(quota):
		p.refuse("cpu.burst is %d, more than cpu.quota, %d", burst, quota)
	case c.Idle != nil && *c.Idle != 0 && *c.Idle != 1:
		p.refuse("cpu.idle is %d: it is 0, or 1 for SCHED_IDLE", *c.Idle)
	case idle && shares != 0:
		p.refuse("cpu.idle is 1 and cpu.shares is %d: a cgroup that gets only idle time has no shares", shares)
	}
	if c.Idle != nil {
		p.put(h, line{file: "cpu.idle", value: decimal(*c.Idle), optional: !idle}) // since Linux 5.15
	}
	var lines []line
	if h.Version == 1 {
		if shares != 0 {
			p.put(h, line{file: "cpu.shares", value: strconv.FormatUint(shares, 10)})
		}
		if period != 0 {
			lines = append(lines, line{file: "cpu.cfs_period_us", value: strconv.FormatUint(period, 10)})
		}
		if quota != 0 {
			lines = append(lines, line{file: "cpu.cfs_quota_us", value: decimal(quota)})
		}
		if c.Burst != nil {
			lines = append(lines, line{file: "cpu.cfs_burst_us", value: strconv.FormatUint(burst, 10)})
		}
		p.put(h, lines...)
		p.realtime(h, c)
		return
	}
	if given64(c.RealtimePeriod) != 0 || given(c.RealtimeRuntime) != 0 {
		p.refuse("cpu.realtimeRuntime and cpu.realtimePeriod: cgroup v2 does not share out real-time processor time; use cpu.quota, or a host with v1")
	}
	if shares != 0 {
		p.put(h, line{file: "cpu.weight", value: strconv.FormatUint(Weight(shares), 10)})
	}
	if quota != 0 || period != 0 {
		lines = append(lines, cpuMax(quota, period))
	}
	if c.Burst != nil {
		lines = append(lines, line{file: "cpu.max.burst", value: strconv.FormatUint(burst, 10)})
	}
	p.put(h, lines...)
}

// cpuMax makes v2's line from quota and period. A quota alone leaves the period as it is. For a period
// alone, the quota has to be read first.
func cpuMax(quota int64, period uint64) line {
	l := line{file: "cpu.max", value: limit2(quota)}
	if period == 0 {
		return l
	}
	end := " " + strconv.FormatUint(period, 10)
	l.value += end
	if quota == 0 {
		l.value = "max" + end
		l.fill = func(h *Hierarchy) (string, error) {
			text, err := h.read("cpu.max")
			now, _, _ := strings.Cut(text, " ")
			return now + end, err
		}
	}
	return l
}

// realtime sets v1's share of real-time processes. A new cgroup has none: in a kernel with RT_GROUP_SCHED
// no real-time process can join it.
func (p *planner) realtime(h *Hierarchy, c *specs.LinuxCPU) {
	var lines []line
	if n := given64(c.RealtimePeriod); n != 0 {
		lines = append(lines, line{file: "cpu.rt_period_us", value: strconv.FormatUint(n, 10)})
	}
	if n := given(c.RealtimeRuntime); n != 0 {
		lines = append(lines, line{file: "cpu.rt_runtime_us", value: decimal(n)})
	}
	p.put(h, lines...)
}

// Weight converts v1's shares, 2 to 262144, to v2's weight, 1 to 10000: the straight line that joins the ends
// of both ranges, as in lab04, crun, and runc before 1.3.2.
func Weight(shares uint64) uint64 { return 1 + (shares-2)*9999/262142 }

// cpuset names the processors and memory nodes that the container may use: lists such as "0-3,7", the same on v1 and v2.
func (p *planner) cpuset(c *specs.LinuxCPU) {
	if c.Cpus == "" && c.Mems == "" {
		return
	}
	h := p.need("cpuset")
	if h == nil {
		return
	}
	for _, f := range [...]struct{ name, list string }{{"cpus", c.Cpus}, {"mems", c.Mems}} {
		if f.list == "" {
			continue
		}
		if _, err := parseList(f.list); err != nil {
			p.refuse("cpu.%s is %q: %v", f.name, f.list, err)
		}
		p.put(h, line{file: "cpuset." + f.name, value: f.list})
	}
}

// given64 returns the value of a field, 0 if it isn't there.
func given64(n *uint64) uint64 {
	if n == nil {
		return 0
	}
	return *n
}

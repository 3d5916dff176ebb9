package cgroup

import (
	"fmt"
	"math"
)

// A Verdict says which limits a container has run into, by the kernel's own count. An exit code of 137 is anybody's SIGKILL; a
// number in memory.events is not (lab 1.4).
type Verdict struct {
	// OOMKills is how many processes the kernel has killed for want of memory.
	OOMKills uint64 `json:"oomKills,omitempty"`
	// MemoryHits is how often memory's own limit was hit, in vain. v1 of some kernels (6.18) does not count it.
	MemoryHits uint64 `json:"memoryHits,omitempty"`
	// MemoryLimit and MemoryPeak are in bytes; no limit is the greatest number, an unknown peak 0 (v2 before Linux 5.19).
	MemoryLimit uint64 `json:"memoryLimit,omitempty"`
	MemoryPeak  uint64 `json:"memoryPeak,omitempty"`
	// Stopped: all is stopped until memory is freed, as v1's disableOOMKiller wants it.
	Stopped bool `json:"stopped,omitempty"`
	// PidsHits is how often a fork or a new thread was refused, and PidsLimit the limit; 0 is none.
	PidsHits  uint64 `json:"pidsHits,omitempty"`
	PidsLimit uint64 `json:"pidsLimit,omitempty"`
	// HugetlbHits is how often a huge page was refused.
	HugetlbHits uint64 `json:"hugetlbHits,omitempty"`
}

// Verdict reads the counts of the group and, where the kernel does not add them up, of the groups below. It must be
// asked before Delete.
func (g *Group) Verdict() (*Verdict, error) {
	v := &Verdict{}
	if h := g.find("memory"); h != nil {
		r := &reader{dir: h.Dir()}
		if h.Version == 2 {
			events := r.text("memory.events") // counts what happens below, too
			v.OOMKills, v.MemoryHits = value(events, "oom_kill"), value(events, "oom")
			v.MemoryLimit, v.MemoryPeak = r.number("memory.max"), r.number("memory.peak")
		} else if err := r.verdict1(v); err != nil {
			return nil, err
		}
		if r.err != nil {
			return nil, r.err
		}
	}
	if h := g.find("pids"); h != nil {
		r := &reader{dir: h.Dir()}
		v.PidsHits = value(r.text("pids.events"), "max")
		if v.PidsLimit = r.number("pids.max"); v.PidsLimit == math.MaxUint64 {
			v.PidsLimit = 0
		}
	}
	if h := g.find("hugetlb"); h != nil && h.Version == 2 {
		r := &reader{dir: h.Dir()}
		for _, size := range r.pageSizes(".events") {
			v.HugetlbHits += value(r.text("hugetlb."+size+".events"), "max")
		}
	}
	return v, nil
}

func (r *reader) verdict1(v *Verdict) error {
	v.MemoryLimit, v.MemoryPeak = r.number("memory.limit_in_bytes"), r.number("memory.max_usage_in_bytes")
	return walk(r.dir, func(dir string) error {
		below := &reader{dir: dir}
		control := below.text("memory.oom_control")
		v.OOMKills += value(control, "oom_kill") // since Linux 4.13
		v.Stopped = v.Stopped || value(control, "oom_kill_disable") == 1 && value(control, "under_oom") == 1
		// Where both limits are the same, it is that of memory and swap together which is hit.
		v.MemoryHits += below.number("memory.failcnt") + below.number("memory.memsw.failcnt")
		return below.err
	})
}

// Own tells whether the container's own limit of memory was reached. If it wasn't, and there are OOMKills, it was a cgroup above
// that was full, or the machine.
func (v *Verdict) Own() bool {
	// Memory is charged in pages, and in several at a time: a limit is never used to the last byte.
	const near = 256 << 10
	return v.MemoryHits > 0 || v.MemoryPeak > 0 && v.MemoryPeak+min(near, v.MemoryLimit/8) >= v.MemoryLimit
}

// Words says in sentences what happened, and what would help; nothing if no limit was in the way. A limit of memory that
// was hit without a kill is no news: the kernel has then found something to free.
func (v *Verdict) Words() (words []string) {
	used := ""
	if v.MemoryPeak > 0 {
		used = fmt.Sprintf(" at a peak of %d", v.MemoryPeak)
	}
	switch {
	case v.Stopped:
		words = append(words, fmt.Sprintf("out of memory: the container has reached its limit of %d bytes and stands still, for its OOM killer is turned off "+
			"(linux.resources.memory.disableOOMKiller); raise memory.limit, or kill a process", v.MemoryLimit))
	case v.OOMKills > 0 && !v.Own():
		words = append(words, fmt.Sprintf("out of memory: the kernel killed %s, not for the container's own limit, which was never hit, but for "+
			"that of a cgroup above, or because the machine had none left; see dmesg", processesKilled(v.OOMKills)))
	case v.OOMKills > 0:
		words = append(words, fmt.Sprintf("out of memory: the kernel killed %s of the container at its limit of %d bytes%s; "+
			"raise linux.resources.memory.limit", processesKilled(v.OOMKills), v.MemoryLimit, used))
	}
	switch {
	case v.PidsHits > 0 && v.PidsLimit == 0:
		words = append(words, fmt.Sprintf("too many processes: the kernel refused %d times to start another process or thread (EAGAIN) for "+
			"the limit of a cgroup above", v.PidsHits))
	case v.PidsHits > 0:
		words = append(words, fmt.Sprintf("too many processes: the kernel refused %d times to start another process or thread (EAGAIN) at "+
			"the limit of %d; raise linux.resources.pids.limit", v.PidsHits, v.PidsLimit))
	}
	if v.HugetlbHits > 0 {
		words = append(words, fmt.Sprintf("too many huge pages: the kernel refused %d times; raise linux.resources.hugepageLimits", v.HugetlbHits))
	}
	return words
}

func processesKilled(n uint64) string {
	if n == 1 {
		return "1 process"
	}
	return fmt.Sprintf("%d processes", n)
}

package cgroup

import (
	"fmt"
	"sort"
	"strconv"
	"strings"

	"github.com/opencontainers/runtime-spec/specs-go"
)

// The smaller controllers.

// pids limits how many processes and threads the container can have: -1 for no limit, and 0 is a limit.
func (p *planner) pids(l *specs.LinuxPids) {
	if l.Limit == nil {
		return
	}
	if *l.Limit < -1 {
		p.refuse("pids.limit is %d: it is a number of processes and threads, or -1 for no limit", *l.Limit)
	}
	if h := p.need("pids"); h != nil {
		p.put(h, line{file: "pids.max", value: limit2(*l.Limit)})
		p.list[len(p.list)-1].late = true
	}
}

// hugepages limits the use of huge pages, per size. There are two limits: one counts pages when they are
// reserved, the other (which every kernel has) when they are touched. Both are set.
func (p *planner) hugepages(limits []specs.LinuxHugepageLimit) {
	h := p.need("hugetlb")
	if h == nil {
		return
	}
	file := "limit_in_bytes"
	if h.Version == 2 {
		file = "max"
	}
	for _, l := range limits {
		if !pageSize(l.Pagesize) {
			p.refuse("hugepageLimits: %q is no page size; one is written as 64KB, 2MB or 1GB", l.Pagesize)
			return
		}
		value := strconv.FormatUint(l.Limit, 10)
		p.put(h, line{file: "hugetlb." + l.Pagesize + "." + file, value: value})
		p.put(h, line{file: "hugetlb." + l.Pagesize + ".rsvd." + file, value: value, optional: true})
	}
}

// pageSize tells whether s looks like 2MB. It becomes part of a file's name.
func pageSize(s string) bool {
	digits := strings.TrimRight(s, "KMGB")
	unit := s[len(digits):]
	_, err := strconv.ParseUint(digits, 10, 32)
	return err == nil && digits[0] != '+' && (unit == "KB" || unit == "MB" || unit == "GB")
}

// network marks the container's packets with a class for the host's traffic control, and with priorities
// per network interface. v2 has neither: there, such rules match the cgroup itself.
func (p *planner) network(n *specs.LinuxNetwork) {
	if n.ClassID != nil {
		if h := p.need1("net_cls", "network.classID", "match the cgroup in nftables (socket cgroupv2) instead"); h != nil {
			p.put(h, line{file: "net_cls.classid", value: strconv.FormatUint(uint64(*n.ClassID), 10)})
		}
	}
	for _, i := range n.Priorities {
		h := p.need1("net_prio", "network.priorities", "set the priority by nftables (meta priority, socket cgroupv2) instead")
		if h == nil {
			return
		}
		if i.Name == "" || len(i.Name) > 15 || strings.ContainsAny(i.Name, "/ \t\n\x00") {
			p.refuse("network.priorities: %q is no name of a network interface", i.Name)
			return
		}
		p.put(h, line{file: "net_prio.ifpriomap", value: fmt.Sprintf("%s %d", i.Name, i.Priority)})
	}
}

// need1 returns the hierarchy of a controller that only v1 has.
func (p *planner) need1(controller, field, instead string) *Hierarchy {
	if p.err == nil && p.g.Pure() {
		p.refuse("%s: cgroup v2 has no %s controller; %s", field, controller, instead)
		return nil
	}
	return p.need(controller)
}

// rdma limits the handles and objects that the container can open on an RDMA device.
func (p *planner) rdma(devices map[string]specs.LinuxRdma) {
	h := p.need("rdma")
	if h == nil {
		return
	}
	for _, name := range keys(devices) {
		d := devices[name]
		value := name
		if d.HcaHandles != nil {
			value += fmt.Sprintf(" hca_handle=%d", *d.HcaHandles)
		}
		if d.HcaObjects != nil {
			value += fmt.Sprintf(" hca_object=%d", *d.HcaObjects)
		}
		if name == "" || strings.ContainsAny(name, " \t\n\x00") {
			p.refuse("rdma: %q is no name of a device", name)
		} else if value == name {
			p.refuse("rdma.%s: neither hcaHandles nor hcaObjects is given", name)
		}
		p.put(h, line{file: "rdma.max", value: value})
	}
}

// unified writes any file of v2, by its name. Of a value with several lines, each is written by itself, for
// the kernel takes them so.
func (p *planner) unified(files map[string]string) {
	h := p.g.v2()
	if h == nil {
		p.refuse("unified: this machine has no cgroup v2; use the other fields of linux.resources")
		return
	}
	for _, file := range keys(files) {
		controller, rest, _ := strings.Cut(file, ".")
		switch {
		case controller == "" || rest == "" || strings.ContainsAny(file, "/\x00\n"):
			p.refuse("unified: %q is no file of a cgroup; one is called memory.high, for example", file)
		case controller != "cgroup" && !h.has(controller) && !alwaysThere(file):
			p.refuse("unified: %q cannot be set: there is no %s controller in %s/cgroup.controllers", file, controller, h.Mount)
		}
		for _, value := range strings.Split(strings.TrimRight(files[file], "\n"), "\n") {
			p.put(h, line{file: file, value: value})
		}
	}
}

// alwaysThere tells whether a file needs no controller: pressure, and what is counted anyway.
func alwaysThere(file string) bool {
	return strings.HasSuffix(file, ".pressure") || file == "cpu.stat"
}

// keys returns the keys of a map in order.
func keys[V any](m map[string]V) []string {
	list := make([]string, 0, len(m))
	for k := range m {
		list = append(list, k)
	}
	sort.Strings(list)
	return list
}

package cgroup

import (
	"fmt"
	"strconv"

	"github.com/opencontainers/runtime-spec/specs-go"
)

// Block devices. Weights share out a device's time, if its I/O scheduler is one that can (BFQ, or on v2 also
// io.cost); throttles are limits per second.
//
//	config.json              v1                                v2
//	weight                   blkio.weight, blkio.bfq.weight    io.bfq.weight, io.weight
//	weightDevice             blkio.[bfq.]weight_device         io.bfq.weight, io.weight: "8:0 500"
//	leafWeight               blkio.leaf_weight[_device]        -
//	throttleReadBpsDevice    blkio.throttle.read_bps_device    io.max: "8:0 rbps=1048576"
//	throttleWriteBpsDevice   blkio.throttle.write_bps_device   io.max: "8:0 wbps=…"
//	throttleReadIOPSDevice   blkio.throttle.read_iops_device   io.max: "8:0 riops=…"
//	throttleWriteIOPSDevice  blkio.throttle.write_iops_device  io.max: "8:0 wiops=…"
//
// The files with bfq in their name are there if the kernel has that scheduler; the first two of v1 were CFQ's, which
// Linux 5.0 removed together with leaf weights.
func (p *planner) blockIO(b *specs.LinuxBlockIO) {
	h := p.need("blkio")
	if h == nil {
		return
	}
	p.weight(h, "weight", "", "", b.Weight)
	p.weight(h, "leafWeight", "leaf_", "", b.LeafWeight)
	for i := range b.WeightDevice {
		d := &b.WeightDevice[i]
		if d.Weight == nil && d.LeafWeight == nil {
			p.refuse("blockIO.weightDevice %d:%d: neither weight nor leafWeight is given", d.Major, d.Minor)
		}
		device := p.device("weightDevice", d.LinuxBlockIODevice)
		p.weight(h, "weightDevice", "", device, d.Weight)
		p.weight(h, "weightDevice", "leaf_", device, d.LeafWeight)
	}
	for _, t := range [...]struct {
		field, file, key string
		devices          []specs.LinuxThrottleDevice
	}{
		{"throttleReadBpsDevice", "read_bps", "rbps", b.ThrottleReadBpsDevice},
		{"throttleWriteBpsDevice", "write_bps", "wbps", b.ThrottleWriteBpsDevice},
		{"throttleReadIOPSDevice", "read_iops", "riops", b.ThrottleReadIOPSDevice},
		{"throttleWriteIOPSDevice", "write_iops", "wiops", b.ThrottleWriteIOPSDevice},
	} {
		for _, d := range t.devices {
			device, rate := p.device(t.field, d.LinuxBlockIODevice), strconv.FormatUint(d.Rate, 10)
			if h.Version == 1 { // where 0 takes the limit away
				p.put(h, line{file: "blkio.throttle." + t.file + "_device", value: device + rate})
				continue
			}
			if d.Rate == 0 {
				rate = "max"
			}
			p.put(h, line{file: "io.max", value: device + t.key + "=" + rate})
		}
	}
}

// device writes a device's numbers as the files want them: "8:0 ".
func (p *planner) device(field string, d specs.LinuxBlockIODevice) string {
	if d.Major < 0 || d.Minor < 0 || d.Major >= 1<<12 || d.Minor >= 1<<20 {
		p.refuse("blockIO.%s: %d:%d is no device number", field, d.Major, d.Minor)
	}
	return fmt.Sprintf("%d:%d ", d.Major, d.Minor)
}

// weight sets a weight for a device, or for all if device is "".
func (p *planner) weight(h *Hierarchy, field, leaf, device string, w *uint16) {
	switch {
	case w == nil || *w == 0:
		return
	case *w < 10 || *w > 1000:
		p.refuse("blockIO.%s is %d: it is 10 to 1000", field, *w)
		return
	case h.Version == 2 && leaf != "":
		p.refuse("blockIO.leafWeight: cgroup v2 has no leaf weights; a cgroup with processes has no children there")
		return
	}
	value := device + strconv.Itoa(int(*w))
	if h.Version == 2 {
		p.put(h, line{file: "io.bfq.weight", value: value,
			or: &line{file: "io.weight", value: device + strconv.FormatUint(IOWeight(*w), 10)}})
		return
	}
	suffix := ""
	if device != "" {
		suffix = "_device"
	}
	l := line{file: "blkio." + leaf + "weight" + suffix, value: value}
	if leaf == "" {
		l.or = &line{file: "blkio.bfq.weight" + suffix, value: value}
	}
	p.put(h, l)
}

// IOWeight converts v1's weight of block devices, 10 to 1000, to v2's io.weight, 1 to 10000: the straight line
// that joins the ends. BFQ's own file, io.bfq.weight, has v1's range.
func IOWeight(weight uint16) uint64 { return 1 + (uint64(weight)-10)*9999/990 }

package systemd

import (
	"fmt"
	"math"
	"os"

	"github.com/coreos/go-systemd/v22/dbus"
	godbus "github.com/godbus/dbus/v5"
	"github.com/opencontainers/runtime-spec/specs-go"

	"jocker/final/runtime/cgroup"
)

// Properties turns linux.resources into the properties of a unit, on a machine with cgroup v2 alone, or with v1. Values
// were checked by package cgroup; what systemd has no property for is left to the files. An update names only what changes.
func Properties(r *specs.LinuxResources, v2, update bool) (list []dbus.Property, err error) {
	if r == nil {
		r = &specs.LinuxResources{}
	}
	put := func(name string, value any) {
		list = append(list, dbus.Property{Name: name, Value: godbus.MakeVariant(value)})
	}
	if !v2 && !(update && len(r.Devices) == 0) {
		groups, err := os.ReadFile("/proc/devices")
		if err != nil {
			return nil, err
		}
		policy, entries, err := deviceAllow(r.Devices, string(groups))
		if err != nil {
			return nil, err
		}
		put("DevicePolicy", policy)
		put("DeviceAllow", entries)
	}
	if m := r.Memory; m != nil {
		limit, swap := given(m.Limit), given(m.Swap)
		switch {
		case limit == 0:
		case v2:
			put("MemoryMax", bytes(limit))
		default:
			put("MemoryLimit", bytes(limit))
		}
		if reservation := given(m.Reservation); v2 && reservation != 0 {
			put("MemoryLow", bytes(reservation))
		}
		switch {
		case !v2:
		case swap == -1, swap == 0 && limit == -1:
			put("MemorySwapMax", bytes(-1))
		case swap > 0:
			put("MemorySwapMax", bytes(swap-limit))
		}
	}
	if c := r.CPU; c != nil {
		if c.Shares != nil && *c.Shares != 0 {
			if v2 {
				put("CPUWeight", cgroup.Weight(*c.Shares))
			} else {
				put("CPUShares", *c.Shares)
			}
		}
		if period := given64(c.Period); period != 0 {
			put("CPUQuotaPeriodUSec", period)
		}
		if quota := given(c.Quota); quota != 0 {
			put("CPUQuotaPerSecUSec", quotaPerSecond(quota, given64(c.Period)))
		}
		for name, text := range map[string]string{"AllowedCPUs": c.Cpus, "AllowedMemoryNodes": c.Mems} {
			if text == "" || !v2 {
				continue
			}
			mask, err := cgroup.Mask(text)
			if err != nil {
				return nil, fmt.Errorf("%s=%s: %w", name, text, err)
			}
			put(name, mask)
		}
	}
	if r.Pids != nil && r.Pids.Limit != nil {
		limit := *r.Pids.Limit
		if limit == 0 { // systemd takes no 0; the file does
			limit = 1
		}
		put("TasksMax", bytes(limit))
	}
	if b := r.BlockIO; b != nil && b.Weight != nil && *b.Weight != 0 {
		if v2 {
			put("IOWeight", cgroup.IOWeight(*b.Weight))
		} else {
			put("BlockIOWeight", uint64(*b.Weight))
		}
	}
	return list, nil
}

// quotaPerSecond converts a quota to microseconds per second. systemd keeps it in per cent; to round up gives the
// container no less than was asked for.
func quotaPerSecond(quota int64, period uint64) uint64 {
	if quota < 0 {
		return math.MaxUint64
	}
	if period == 0 {
		period = 100000
	}
	const percent = 10000 // microseconds
	n := uint64(quota) * 1000000 / period
	return (n + percent - 1) / percent * percent
}

// bytes converts a limit, of which -1 is none.
func bytes(n int64) uint64 {
	if n < 0 {
		return math.MaxUint64
	}
	return uint64(n)
}

func given(n *int64) int64 {
	if n == nil {
		return 0
	}
	return *n
}

func given64(n *uint64) uint64 {
	if n == nil {
		return 0
	}
	return *n
}

package container

import (
	"fmt"
	"os"
	"strings"

	"github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"
)

// Spec returns the limits as config.json has them. What is not limited is left out.
func (r *Resources) Spec() *specs.LinuxResources {
	s := &specs.LinuxResources{}
	if r.Memory != 0 || r.MemoryReservation != 0 || r.MemorySwap != 0 {
		s.Memory = &specs.LinuxMemory{Limit: value(r.Memory), Reservation: value(r.MemoryReservation), Swap: value(r.MemorySwap)}
		// Without a limit of swap a container that has reached its memory limit is not ended, but slow. As much swap as memory is
		// Docker's default. Where there is no swap there is nothing to limit, and the kernel often lacks the file for it.
		if r.Memory > 0 && r.MemorySwap == 0 && hasSwap() {
			s.Memory.Swap = value(2 * r.Memory)
		}
	}
	period, quota := r.CpuPeriod, r.CpuQuota
	if r.NanoCpus != 0 {
		period = 100000
		quota = r.NanoCpus * period / 1e9
	}
	if r.CpuShares != 0 || period != 0 || quota != 0 || r.CpusetCpus != "" || r.CpusetMems != "" {
		s.CPU = &specs.LinuxCPU{Quota: value(quota), Cpus: r.CpusetCpus, Mems: r.CpusetMems}
		if r.CpuShares != 0 {
			shares := uint64(r.CpuShares)
			s.CPU.Shares = &shares
		}
		if period != 0 {
			p := uint64(period)
			s.CPU.Period = &p
		}
	}
	if r.PidsLimit != 0 {
		limit := max(r.PidsLimit, -1)
		s.Pids = &specs.LinuxPids{Limit: &limit}
	}
	return s
}

func value(n int64) *int64 {
	if n == 0 {
		return nil
	}
	return &n
}

func hasSwap() bool {
	data, _ := os.ReadFile("/proc/swaps")
	return strings.Count(string(data), "\n") > 1
}

// Check says what is wrong with the limits, in Docker's words where it has some.
func (r *Resources) Check() error {
	const least = 512 << 10 // less than this and nothing starts
	switch {
	case r.Memory != 0 && r.Memory < least:
		return fmt.Errorf("Minimum memory limit allowed is 512KB, and not %d bytes", r.Memory)
	case r.MemorySwap > 0 && r.Memory == 0:
		return fmt.Errorf("You should always set the Memory limit when using Memoryswap limit, see usage")
	case r.MemorySwap > 0 && r.MemorySwap < r.Memory:
		return fmt.Errorf("Minimum memoryswap limit should be larger than memory limit, see usage: it is memory and swap together")
	case r.MemoryReservation > 0 && r.Memory > 0 && r.MemoryReservation > r.Memory:
		return fmt.Errorf("Minimum memory limit can not be less than memory reservation limit, see usage")
	case r.NanoCpus != 0 && (r.CpuPeriod != 0 || r.CpuQuota != 0):
		return fmt.Errorf("Conflicting options: --cpus is a quota itself, so --cpu-period and --cpu-quota can't be set, too")
	case r.NanoCpus < 0 || r.NanoCpus > 0 && r.NanoCpus < 1e7:
		return fmt.Errorf("Range of CPUs is from 0.01 upwards")
	}
	return nil
}

// devices returns the devices that the container gets beside the usual ones, and the rules for all of them.
func (c *Container) devices() (list []specs.LinuxDevice, rules []specs.LinuxDeviceCgroup, err error) {
	if c.HostConfig.Privileged {
		return nil, []specs.LinuxDeviceCgroup{{Allow: true, Access: "rwm"}}, nil
	}
	rules = []specs.LinuxDeviceCgroup{
		{Allow: false, Access: "rwm"},
		// A node may be made (by mknod(1), or by unpacking an archive); using it is another matter.
		{Allow: true, Type: "c", Access: "m"},
		{Allow: true, Type: "b", Access: "m"},
	}
	for _, d := range c.HostConfig.Devices {
		var st unix.Stat_t
		if err := unix.Stat(d.PathOnHost, &st); err != nil {
			return nil, nil, fmt.Errorf("error gathering device information while adding custom device %q: %w", d.PathOnHost, err)
		}
		kind := "c"
		switch st.Mode & unix.S_IFMT {
		case unix.S_IFBLK:
			kind = "b"
		case unix.S_IFCHR:
		default:
			return nil, nil, fmt.Errorf("error gathering device information while adding custom device %q: not a device node", d.PathOnHost)
		}
		major, minor := int64(unix.Major(st.Rdev)), int64(unix.Minor(st.Rdev))
		mode := os.FileMode(st.Mode & 0o7777)
		list = append(list, specs.LinuxDevice{Path: d.PathInContainer, Type: kind, Major: major, Minor: minor, FileMode: &mode, UID: &st.Uid, GID: &st.Gid})
		rules = append(rules, specs.LinuxDeviceCgroup{Allow: true, Type: kind, Major: &major, Minor: &minor, Access: d.CgroupPermissions})
	}
	return list, rules, nil
}

// canHave says whether a capability is in our own bounding set.
func canHave(capability int) bool {
	got, err := unix.PrctlRetInt(unix.PR_CAPBSET_READ, uintptr(capability), 0, 0, 0)
	return err == nil && got == 1
}

// rlimits returns the --ulimit options as config.json has them.
func (h *HostConfig) rlimits() (list []specs.POSIXRlimit) {
	for _, u := range h.Ulimits {
		list = append(list, specs.POSIXRlimit{Type: "RLIMIT_" + strings.ToUpper(u.Name), Soft: uint64(u.Soft), Hard: uint64(u.Hard)})
	}
	return list
}

package container

import (
	"fmt"
	"os"
	"runtime"
	"slices"
	"strconv"
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
	case r.NanoCpus != 0 && (r.NanoCpus < 1e7 || r.NanoCpus > int64(runtime.NumCPU())*1e9):
		return fmt.Errorf("Range of CPUs is from 0.01 to %d.00, as there are only %[1]d CPUs available", runtime.NumCPU())
	case r.CpuShares < 0 || r.CpuShares == 1 || r.CpuShares > 262144:
		return fmt.Errorf("invalid CPU shares %d: from 2 to 262144", r.CpuShares)
	case r.CpuPeriod != 0 && (r.CpuPeriod < 1000 || r.CpuPeriod > 1e6):
		return fmt.Errorf("CPU cfs period can not be less than 1ms (i.e. 1000) or larger than 1s (i.e. 1000000)")
	case r.CpuQuota < -1 || r.CpuQuota > 0 && r.CpuQuota < 1000:
		return fmt.Errorf("CPU cfs quota can not be less than 1ms (i.e. 1000)")
	}
	if err := checkSet("cpuset-cpus", "CPUs", r.CpusetCpus, "/sys/devices/system/cpu/online"); err != nil {
		return err
	}
	return checkSet("cpuset-mems", "memory nodes", r.CpusetMems, "/sys/devices/system/node/online")
}

// checkSet says whether a list such as 0-3,7 is one, and whether the machine has all that is in it.
func checkSet(flag, what, list, online string) error {
	if list == "" {
		return nil
	}
	want, err := parseSet(list)
	if err != nil {
		return fmt.Errorf("Invalid value %.100q for --%s: numbers and ranges with commas between them, such as 0-3,7", list, flag)
	}
	data, err := os.ReadFile(online)
	if err != nil { // a kernel without NUMA has no nodes
		data = []byte("0")
	}
	have, err := parseSet(strings.TrimSpace(string(data)))
	if err != nil {
		return err
	}
	for n := range want {
		if !have[n] {
			return fmt.Errorf("Requested %s are not available - requested %s, available: %s", what, list, strings.TrimSpace(string(data)))
		}
	}
	return nil
}

// parseSet reads a list of the kernel's: cpuset(7), "List format".
func parseSet(list string) (map[int]bool, error) {
	set := map[int]bool{}
	for _, part := range strings.Split(list, ",") {
		first, last, isRange := strings.Cut(part, "-")
		if !isRange {
			last = first
		}
		a, err1 := strconv.ParseUint(first, 10, 13)
		b, err2 := strconv.ParseUint(last, 10, 13)
		if err1 != nil || err2 != nil || b < a {
			return nil, fmt.Errorf("%q is no number and no range", part)
		}
		for n := a; n <= b; n++ {
			set[int(n)] = true
		}
	}
	return set, nil
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

// IsUlimit says whether setrlimit(2) knows a limit of this name.
func IsUlimit(name string) bool {
	return slices.Contains(strings.Fields("as core cpu data fsize locks memlock msgqueue nice nofile nproc rss rtprio rttime sigpending stack"), name)
}

// rlimits returns the --ulimit options as config.json has them.
func (h *HostConfig) rlimits() (list []specs.POSIXRlimit) {
	for _, u := range h.Ulimits {
		list = append(list, specs.POSIXRlimit{Type: "RLIMIT_" + strings.ToUpper(u.Name), Soft: uint64(u.Soft), Hard: uint64(u.Hard)})
	}
	return list
}

package container

import (
	"fmt"
	"sort"
	"strings"
)

// defaultCapabilities are Docker's: what root in a container keeps of root's powers. With them a web server can bind port
// 80, write its log and drop its rights, and a package manager can install; but nothing reaches beyond the container.
var defaultCapabilities = []string{"CHOWN", "DAC_OVERRIDE", "FSETID", "FOWNER", "MKNOD", "NET_RAW", "SETGID", "SETUID", "SETFCAP",
	"SETPCAP", "NET_BIND_SERVICE", "SYS_CHROOT", "KILL", "AUDIT_WRITE"}

// allCapabilities are those of Linux 6, by number (capabilities(7)).
var allCapabilities = []string{"CHOWN", "DAC_OVERRIDE", "DAC_READ_SEARCH", "FOWNER", "FSETID", "KILL", "SETGID", "SETUID", "SETPCAP",
	"LINUX_IMMUTABLE", "NET_BIND_SERVICE", "NET_BROADCAST", "NET_ADMIN", "NET_RAW", "IPC_LOCK", "IPC_OWNER", "SYS_MODULE", "SYS_RAWIO",
	"SYS_CHROOT", "SYS_PTRACE", "SYS_PACCT", "SYS_ADMIN", "SYS_BOOT", "SYS_NICE", "SYS_RESOURCE", "SYS_TIME", "SYS_TTY_CONFIG", "MKNOD",
	"LEASE", "AUDIT_WRITE", "AUDIT_CONTROL", "SETFCAP", "MAC_OVERRIDE", "MAC_ADMIN", "SYSLOG", "WAKE_ALARM", "BLOCK_SUSPEND", "AUDIT_READ",
	"PERFMON", "BPF", "CHECKPOINT_RESTORE"}

// capabilities returns those that a container gets, as CAP_NAME. bounding says which the engine itself can have at all.
func capabilities(h *HostConfig, bounding func(number int) bool) ([]string, error) {
	number := map[string]int{}
	for i, name := range allCapabilities {
		number[name] = i
	}
	read := func(list []string) (map[string]bool, error) {
		set := map[string]bool{}
		for _, name := range list {
			name = strings.TrimPrefix(strings.ToUpper(name), "CAP_")
			if _, ok := number[name]; !ok && name != "ALL" {
				return nil, fmt.Errorf("invalid capability: %q: unknown; capabilities(7) lists them", name)
			}
			set[name] = true
		}
		return set, nil
	}
	add, err := read(h.CapAdd)
	if err != nil {
		return nil, err
	}
	drop, err := read(h.CapDrop)
	if err != nil {
		return nil, err
	}
	have := map[string]bool{}
	if !drop["ALL"] {
		for _, name := range defaultCapabilities {
			have[name] = true
		}
	}
	if add["ALL"] || h.Privileged {
		for i, name := range allCapabilities {
			have[name] = bounding(i) // what we lack ourselves can't be handed on
		}
	}
	for name := range add {
		have[name] = name != "ALL"
	}
	for name := range drop {
		have[name] = false
	}
	var list []string
	for name, yes := range have {
		if yes {
			list = append(list, "CAP_"+name)
		}
	}
	sort.Strings(list)
	return list, nil
}

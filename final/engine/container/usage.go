package container

import (
	"bufio"
	"bytes"
	"os"
	"strconv"
	"strings"
	"time"
)

// A Usage is what a running container has used up to now, and what it may use.
type Usage struct {
	At          time.Time
	CPU         time.Duration // processor time
	Memory      uint64        // bytes, without what the kernel could take back at once
	MemoryLimit uint64        // the machine's memory, if it is less
	Pids        uint64
	PidsLimit   uint64 // 0: none
	Received    uint64 // bytes, by its network devices but lo
	Sent        uint64
	Read        uint64 // bytes, of block devices
	Written     uint64
}

// Usage asks the kernel.
func (c *Container) Usage(s *Status) *Usage {
	g := Cgroups(s.Pid)
	u := &Usage{At: time.Now(), MemoryLimit: memTotal()}
	if dir := g["cpuacct"]; dir != "" {
		u.CPU = time.Duration(number64(dir + "/cpuacct.usage"))
	} else {
		u.CPU = time.Duration(word64(g[""]+"/cpu.stat", "usage_usec")) * time.Microsecond
	}
	current, limit, cache := "/memory.usage_in_bytes", "/memory.limit_in_bytes", "total_inactive_file"
	dir := g["memory"]
	if dir == "" {
		dir, current, limit, cache = g[""], "/memory.current", "/memory.max", "inactive_file"
	}
	u.Memory = number64(dir + current)
	u.Memory -= min(u.Memory, word64(dir+"/memory.stat", cache))
	if n := number64(dir + limit); n > 0 {
		u.MemoryLimit = min(u.MemoryLimit, n)
	}
	if dir = g["pids"]; dir == "" {
		dir = g[""]
	}
	u.Pids, u.PidsLimit = number64(dir+"/pids.current"), number64(dir+"/pids.max")
	if c.HostConfig.NetworkMode != "host" {
		u.Received, u.Sent = traffic(s.Pid)
	}
	if dir := g["blkio"]; dir != "" {
		u.Read, u.Written = blkio(dir)
	} else {
		u.Read, u.Written = ioStat(g[""] + "/io.stat")
	}
	return u
}

// Cgroups returns the directories of a process's cgroups by controller; that of cgroup v2 has the name "".
func Cgroups(pid int) map[string]string {
	dirs := map[string]string{}
	data, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/cgroup")
	if err != nil {
		return dirs
	}
	mounts := hierarchies()
	for _, line := range strings.Split(string(data), "\n") { // proc_pid_cgroup(5): 4:cpu,cpuacct:/jocker/ID
		f := strings.SplitN(line, ":", 3)
		if len(f) != 3 {
			continue
		}
		for _, name := range strings.Split(f[1], ",") {
			if mounts[name] != "" {
				dirs[name] = mounts[name] + f[2]
			}
		}
	}
	return dirs
}

// hierarchies returns where controllers are mounted.
func hierarchies() map[string]string {
	found := map[string]string{}
	data, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		return found
	}
	for _, line := range strings.Split(string(data), "\n") { // proc_pid_mountinfo(5)
		left, right, _ := strings.Cut(line, " - ")
		f, r := strings.Fields(left), strings.Fields(right)
		if len(f) < 5 || len(r) < 3 || f[3] != "/" {
			continue
		}
		switch r[0] {
		case "cgroup2":
			found[""] = f[4]
		case "cgroup":
			for _, name := range strings.Split(r[2], ",") {
				found[name] = f[4]
			}
		}
	}
	return found
}

// number64 reads a file with one number; 0 if there is none, or "max".
func number64(path string) uint64 {
	data, _ := os.ReadFile(path)
	n, _ := strconv.ParseUint(strings.TrimSpace(string(data)), 10, 64)
	return n
}

// word64 returns the number behind a word at the beginning of a line.
func word64(path, word string) uint64 {
	data, _ := os.ReadFile(path)
	for _, line := range strings.Split(string(data), "\n") {
		if name, value, ok := strings.Cut(line, " "); ok && name == word {
			n, _ := strconv.ParseUint(strings.TrimSpace(value), 10, 64)
			return n
		}
	}
	return 0
}

func memTotal() uint64 {
	data, _ := os.ReadFile("/proc/meminfo")
	f := bytes.Fields(data)
	if len(f) < 2 {
		return 0
	}
	n, _ := strconv.ParseUint(string(f[1]), 10, 64)
	return n << 10 // MemTotal is the first, in kB
}

// traffic sums up a process's network devices: /proc/PID/net/dev has two lines of head, and then NAME: and 16 numbers.
func traffic(pid int) (received, sent uint64) {
	f, err := os.Open("/proc/" + strconv.Itoa(pid) + "/net/dev")
	if err != nil {
		return 0, 0
	}
	defer f.Close()
	for lines := bufio.NewScanner(f); lines.Scan(); {
		name, numbers, ok := strings.Cut(lines.Text(), ":")
		n := strings.Fields(numbers)
		if !ok || len(n) < 9 || strings.TrimSpace(name) == "lo" {
			continue
		}
		r, _ := strconv.ParseUint(n[0], 10, 64)
		s, _ := strconv.ParseUint(n[8], 10, 64)
		received, sent = received+r, sent+s
	}
	return received, sent
}

// blkio reads cgroup v1's count of bytes: lines such as "8:0 Read 4096".
func blkio(dir string) (read, written uint64) {
	data, _ := os.ReadFile(dir + "/blkio.throttle.io_service_bytes")
	for _, line := range strings.Split(string(data), "\n") {
		f := strings.Fields(line)
		if len(f) != 3 {
			continue
		}
		n, _ := strconv.ParseUint(f[2], 10, 64)
		switch f[1] {
		case "Read":
			read += n
		case "Write":
			written += n
		}
	}
	return read, written
}

// ioStat reads cgroup v2's: lines such as "8:0 rbytes=4096 wbytes=0 ...".
func ioStat(path string) (read, written uint64) {
	data, _ := os.ReadFile(path)
	for _, word := range strings.Fields(string(data)) {
		key, value, _ := strings.Cut(word, "=")
		n, _ := strconv.ParseUint(value, 10, 64)
		switch key {
		case "rbytes":
			read += n
		case "wbytes":
			written += n
		}
	}
	return read, written
}

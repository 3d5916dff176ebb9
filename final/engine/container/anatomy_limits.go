package container

import (
	"fmt"
	"math/bits"
	"os"
	"strconv"
	"strings"
)

// limits reads the container's cgroup, of version 1 or 2.
func (a *Anatomy) limits(s *Status) {
	g := Cgroups(s.Pid)
	u := a.Container.Usage(s)
	// Each controller may have its own hierarchy on version 1; ours have the same path in all of them.
	pick := func(controller string) (dir string, v1 bool) {
		if g[controller] != "" {
			return g[controller], true
		}
		return g[""], false
	}
	dir, v1 := pick("memory")
	if i := strings.Index(dir, "/jocker/"); i >= 0 {
		a.Cgroup = dir[i:]
	} else {
		a.Cgroup = dir
	}
	file := map[bool]string{true: "memory.limit_in_bytes", false: "memory.max"}[v1]
	memory := Limit{Name: "memory", Use: u.Memory, File: file}
	if max := number64(dir + "/" + file); max > 0 && max < 1<<60 {
		memory.Max = max
		memory.Text = bytesOf(u.Memory) + " of " + bytesOf(max)
	} else {
		memory.Text = bytesOf(u.Memory) + ", no limit"
	}
	a.Limits = append(a.Limits, memory)

	dir, v1 = pick("cpu")
	cpu := Limit{Name: "cpu", Text: fmt.Sprintf("%.2f s used", u.CPU.Seconds()), File: "cpu.max"}
	quota, period := "", ""
	if v1 {
		cpu.File = "cpu.cfs_quota_us"
		quota, period = content(dir+"/cpu.cfs_quota_us"), content(dir+"/cpu.cfs_period_us")
	} else {
		quota, period, _ = strings.Cut(content(dir+"/cpu.max"), " ")
	}
	q, err1 := strconv.ParseFloat(quota, 64)
	p, err2 := strconv.ParseFloat(period, 64)
	if err1 == nil && err2 == nil && q > 0 && p > 0 {
		cpu.Text += fmt.Sprintf(", at most %.3g processors at once", q/p)
	} else {
		cpu.Text += ", no limit"
	}
	a.Limits = append(a.Limits, cpu)

	dir, v1 = pick("cpu")
	file = map[bool]string{true: "cpu.shares", false: "cpu.weight"}[v1]
	if text := content(dir + "/" + file); text != "" {
		a.Limits = append(a.Limits, Limit{Name: "share", Text: text + " where processors are short", File: file})
	}
	dir, v1 = pick("cpuset")
	file = map[bool]string{true: "cpuset.effective_cpus", false: "cpuset.cpus.effective"}[v1]
	if text := content(dir + "/" + file); text != "" {
		a.Limits = append(a.Limits, Limit{Name: "cpuset", Text: "processors " + text, File: file})
	}
	pids := Limit{Name: "pids", Use: u.Pids, Max: u.PidsLimit, Text: fmt.Sprintf("%d, no limit", u.Pids), File: "pids.max"}
	if u.PidsLimit > 0 {
		pids.Text = fmt.Sprintf("%d of %d", u.Pids, u.PidsLimit)
	}
	a.Limits = append(a.Limits, pids)
}

func content(path string) string {
	data, _ := os.ReadFile(path)
	return strings.TrimSpace(string(data))
}

func bytesOf(n uint64) string {
	switch {
	case n >= 1<<30:
		return fmt.Sprintf("%.4g GiB", float64(n)/(1<<30))
	case n >= 1<<20:
		return fmt.Sprintf("%.4g MiB", float64(n)/(1<<20))
	}
	return fmt.Sprintf("%.4g KiB", float64(n)/(1<<10))
}

// walls says what a process is not allowed: capabilities(7), seccomp(2), no_new_privs. proc_pid_status(5) tells.
func walls(pid int) (list []string) {
	for _, line := range strings.Split(content(fmt.Sprintf("/proc/%d/status", pid)), "\n") {
		key, value, _ := strings.Cut(line, ":")
		value = strings.TrimSpace(value)
		switch key {
		case "Uid":
			list = append(list, "user "+strings.Fields(value)[0])
		case "CapEff":
			mask, _ := strconv.ParseUint(value, 16, 64)
			list = append(list, fmt.Sprintf("%d of %d capabilities", bits.OnesCount64(mask), len(allCapabilities)))
		case "NoNewPrivs":
			if value == "1" {
				list = append(list, "no_new_privs")
			}
		case "Seccomp":
			list = append(list, map[string]string{"0": "no seccomp filter", "1": "seccomp: strict", "2": "seccomp filter"}[value])
		}
	}
	return list
}

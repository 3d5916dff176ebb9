package cli

import (
	"bufio"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"jocker/final/engine/container"
)

func (f *createFlags) readEnv() error {
	env, err := readLists(f.envFiles, f.env)
	if err != nil {
		return err
	}
	for _, e := range env {
		name, _, hasValue := strings.Cut(e, "=")
		if name == "" {
			return fmt.Errorf("invalid environment variable: %q: the name is missing", e)
		}
		if !hasValue {
			value, ok := os.LookupEnv(name) // the caller's, if it has one
			if !ok {
				continue
			}
			e = name + "=" + value
		}
		f.o.Config.Env = append(f.o.Config.Env, e)
	}
	return nil
}

func (f *createFlags) readLabels() error {
	labels, err := readLists(f.labelFiles, f.labels)
	f.o.Config.Labels = pairs(labels)
	if _, ok := f.o.Config.Labels[""]; ok {
		return fmt.Errorf("invalid label format: it is NAME or NAME=VALUE, and the name is missing")
	}
	return err
}

// readLists returns the lines of files, without comments and empty ones, and then the words of a list.
func readLists(files, words []string) (all []string, err error) {
	for _, name := range files {
		file, err := os.Open(name)
		if err != nil {
			return nil, err
		}
		lines := bufio.NewScanner(file)
		for lines.Scan() {
			if line := strings.TrimLeft(lines.Text(), " \t"); line != "" && line[0] != '#' {
				all = append(all, line)
			}
		}
		file.Close()
		if err := lines.Err(); err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
	}
	return append(all, words...), nil
}

// pairs reads NAME=VALUE.
func pairs(list []string) map[string]string {
	m := map[string]string{}
	for _, e := range list {
		name, value, _ := strings.Cut(e, "=")
		m[name] = value
	}
	return m
}

func (f *createFlags) readSizes() (err error) {
	h := &f.o.Host
	for _, s := range []struct {
		text string
		to   *int64
	}{{f.memory, &h.Memory}, {f.reservation, &h.MemoryReservation}, {f.shm, &h.ShmSize}} {
		if *s.to, err = container.ParseSize(s.text); err != nil {
			return err
		}
	}
	if f.swap == "-1" {
		h.MemorySwap = -1
	} else if h.MemorySwap, err = container.ParseSize(f.swap); err != nil {
		return err
	}
	if f.cpus != "" {
		n, err := strconv.ParseFloat(f.cpus, 64)
		if err != nil || !(n > 0 && n <= 1e6) {
			return fmt.Errorf("invalid argument %q for --cpus: a number of processors such as 1.5", f.cpus)
		}
		h.NanoCpus = int64(n * 1e9)
	}
	return nil
}

func (f *createFlags) readDevices() error {
	for _, text := range f.devices {
		parts := strings.Split(text, ":")
		d := container.DeviceMapping{PathOnHost: parts[0], PathInContainer: parts[0], CgroupPermissions: "rwm"}
		switch {
		case len(parts) == 2 && isPermissions(parts[1]):
			d.CgroupPermissions = parts[1]
		case len(parts) >= 2:
			d.PathInContainer = parts[1]
		}
		if len(parts) == 3 {
			d.CgroupPermissions = parts[2]
		}
		if len(parts) > 3 || !filepath.IsAbs(d.PathOnHost) || !filepath.IsAbs(d.PathInContainer) || !isPermissions(d.CgroupPermissions) {
			return fmt.Errorf("invalid device specification: %s: it is PATH[:PATH IN THE CONTAINER[:rwm]]", text)
		}
		f.o.Host.Devices = append(f.o.Host.Devices, d)
	}
	for _, text := range f.ulimits {
		name, limits, ok := strings.Cut(text, "=")
		soft, hard, both := strings.Cut(limits, ":")
		if !both {
			hard = soft
		}
		s, err1 := strconv.ParseInt(soft, 10, 64)
		h, err2 := strconv.ParseInt(hard, 10, 64)
		if ok && !container.IsUlimit(name) {
			return fmt.Errorf("invalid ulimit type: %s: setrlimit(2) lists them: core, cpu, data, fsize, memlock, nofile, nproc, stack, ...", name)
		}
		if !ok || err1 != nil || err2 != nil || s < -1 || h < -1 || h != -1 && (s > h || s == -1) {
			return fmt.Errorf("invalid ulimit argument: %s: it is NAME=SOFT[:HARD], and -1 is no limit", text)
		}
		f.o.Host.Ulimits = append(f.o.Host.Ulimits, container.Ulimit{Name: name, Soft: s, Hard: h})
	}
	return nil
}

func isPermissions(s string) bool { return s != "" && strings.Trim(s, "rwm") == "" }

func (f *createFlags) readPairs() error {
	h := &f.o.Host
	h.Sysctls, h.Annotations, h.LogConfig.Config = pairs(f.sysctls), pairs(f.annotations), pairs(f.logOptions)
	if err := checkSysctls(f.sysctls); err != nil {
		return err
	}
	for key, value := range h.LogConfig.Config {
		switch key {
		case "max-size":
			if n, err := container.ParseSize(value); err != nil || n == 0 {
				return fmt.Errorf("invalid value for max-size: %s", value)
			}
		case "max-file":
			if n, err := strconv.Atoi(value); err != nil || n < 1 || n > 1000 {
				return fmt.Errorf("invalid value for max-file: %s: 1 to 1000", value)
			}
		default:
			return fmt.Errorf("unknown log opt '%s': max-size and max-file are known", key)
		}
	}
	if t := h.LogConfig.Type; t != "json-file" && t != "local" {
		return fmt.Errorf("logger: no log driver named '%s' is registered: the output goes to a file, which `logs` reads", t)
	}
	for _, e := range h.ExtraHosts {
		name, ip, ok := strings.Cut(e, ":")
		if !ok || name == "" || net.ParseIP(strings.Trim(ip, "[]")) == nil {
			return fmt.Errorf("invalid IP address in add-host: %q", e)
		}
	}
	for _, s := range h.DNS {
		if net.ParseIP(s) == nil {
			return fmt.Errorf("%s is not an ip address", s)
		}
	}
	return nil
}

func (f *createFlags) readRestart() error {
	p := &f.o.Host.RestartPolicy
	var retries string
	p.Name, retries, _ = strings.Cut(f.restart, ":")
	if retries != "" {
		n, err := strconv.Atoi(retries)
		if err != nil || n < 0 || p.Name != "on-failure" {
			return fmt.Errorf("invalid restart policy: %s: only on-failure takes a number of retries", f.restart)
		}
		p.MaximumRetryCount = n
	}
	switch p.Name {
	case "no", "always", "unless-stopped", "on-failure":
	default:
		return fmt.Errorf("invalid restart policy: unknown policy '%s'; use one of 'no', 'always', 'on-failure', or 'unless-stopped'", p.Name)
	}
	if p.Name != "no" && f.o.Host.AutoRemove {
		return fmt.Errorf("Conflicting options: --restart and --rm")
	}
	return nil
}

// checkSysctls lets those through that belong to a name space of the container's: Docker's list. The others are the whole machine's.
func checkSysctls(list []string) error {
	const ipc = " kernel.msgmax kernel.msgmnb kernel.msgmni kernel.sem kernel.shmall kernel.shmmax kernel.shmmni kernel.shm_rmid_forced "
	for _, text := range list {
		key, _, ok := strings.Cut(text, "=")
		if !ok {
			return fmt.Errorf("invalid sysctl '%s': it is NAME=VALUE", text)
		}
		if !strings.Contains(ipc, " "+key+" ") && !strings.HasPrefix(key, "net.") && !strings.HasPrefix(key, "fs.mqueue.") {
			return fmt.Errorf("sysctl '%s' is not allowed: it is not of the container's IPC or network namespace, but of the whole machine", key)
		}
	}
	return nil
}

package cli

import (
	"bufio"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"jocker/final/engine/container"
)

// createFlags are the flags of run and create, as they were typed.
type createFlags struct {
	name, cidFile, pull, platform              string
	entrypoint, memory, swap, reservation, shm string
	cpus                                       string
	env, envFiles, labels, labelFiles          []string
	volumes, mounts, tmpfs                     []string
	publish, expose                            []string
	devices, ulimits, sysctls, annotations     []string
	logOptions                                 []string
	restart                                    string
	stopTimeout                                int
	o                                          container.CreateOptions
}

func (f *createFlags) add(s *pflag.FlagSet) {
	s.SetInterspersed(false) // what stands behind the image is the container's
	c, h := &f.o.Config, &f.o.Host
	s.StringVar(&f.name, "name", "", "Assign a name to the container")
	s.BoolVarP(&c.OpenStdin, "interactive", "i", false, "Keep STDIN open even if not attached")
	s.BoolVarP(&c.Tty, "tty", "t", false, "Allocate a pseudo-TTY")
	s.StringArrayVarP(&f.env, "env", "e", nil, "Set environment variables")
	s.StringArrayVar(&f.envFiles, "env-file", nil, "Read in a file of environment variables")
	s.StringArrayVarP(&f.volumes, "volume", "v", nil, "Bind mount a volume")
	s.StringArrayVar(&f.mounts, "mount", nil, "Attach a filesystem mount to the container")
	s.StringArrayVar(&f.tmpfs, "tmpfs", nil, "Mount a tmpfs directory")
	s.BoolVar(&h.ReadonlyRootfs, "read-only", false, "Mount the container's root filesystem as read only")
	s.StringVarP(&c.WorkingDir, "workdir", "w", "", "Working directory inside the container")
	s.StringVarP(&c.User, "user", "u", "", "Username or UID (format: <name|uid>[:<group|gid>])")
	s.StringSliceVar(&h.GroupAdd, "group-add", nil, "Add additional groups to join")
	s.StringVar(&f.entrypoint, "entrypoint", "", "Overwrite the default ENTRYPOINT of the image")
	s.StringVarP(&c.Hostname, "hostname", "h", "", "Container host name")
	s.StringVar(&c.Domainname, "domainname", "", "Container NIS domain name")
	s.StringArrayVar(&h.ExtraHosts, "add-host", nil, "Add a custom host-to-IP mapping (host:ip)")
	s.StringSliceVar(&h.DNS, "dns", nil, "Set custom DNS servers")
	s.StringSliceVar(&h.DNSSearch, "dns-search", nil, "Set custom DNS search domains")
	s.StringSliceVar(&h.DNSOptions, "dns-option", nil, "Set DNS options")
	s.StringArrayVarP(&f.publish, "publish", "p", nil, "Publish a container's port(s) to the host")
	s.BoolVarP(&h.PublishAllPorts, "publish-all", "P", false, "Publish all exposed ports to random ports")
	s.StringSliceVar(&f.expose, "expose", nil, "Expose a port or a range of ports")
	s.StringVar(&h.NetworkMode, "network", "bridge", "Connect a container to a network: bridge, none, host or container:NAME")
	s.StringVar(&h.NetworkMode, "net", "bridge", "")
	s.StringVarP(&f.memory, "memory", "m", "", "Memory limit")
	s.StringVar(&f.swap, "memory-swap", "", "Swap limit equal to memory plus swap: '-1' to enable unlimited swap")
	s.StringVar(&f.reservation, "memory-reservation", "", "Memory soft limit")
	s.StringVar(&f.cpus, "cpus", "", "Number of CPUs")
	s.Int64VarP(&h.CpuShares, "cpu-shares", "c", 0, "CPU shares (relative weight)")
	s.Int64Var(&h.CpuPeriod, "cpu-period", 0, "Limit CPU CFS (Completely Fair Scheduler) period")
	s.Int64Var(&h.CpuQuota, "cpu-quota", 0, "Limit CPU CFS (Completely Fair Scheduler) quota")
	s.StringVar(&h.CpusetCpus, "cpuset-cpus", "", "CPUs in which to allow execution (0-3, 0,1)")
	s.StringVar(&h.CpusetMems, "cpuset-mems", "", "MEMs in which to allow execution (0-3, 0,1)")
	s.Int64Var(&h.PidsLimit, "pids-limit", 0, "Tune container pids limit (set -1 for unlimited)")
	s.StringArrayVar(&f.devices, "device", nil, "Add a host device to the container")
	s.StringSliceVar(&h.CapAdd, "cap-add", nil, "Add Linux capabilities")
	s.StringSliceVar(&h.CapDrop, "cap-drop", nil, "Drop Linux capabilities")
	s.BoolVar(&h.Privileged, "privileged", false, "Give extended privileges to this container")
	s.StringArrayVar(&h.SecurityOpt, "security-opt", nil, "Security Options")
	s.StringArrayVar(&f.ulimits, "ulimit", nil, "Ulimit options")
	s.StringArrayVar(&f.sysctls, "sysctl", nil, "Sysctl options")
	s.StringVar(&f.shm, "shm-size", "", "Size of /dev/shm")
	s.BoolVar(&h.Init, "init", false, "Run an init inside the container that forwards signals and reaps processes")
	s.StringVar(&f.restart, "restart", "no", "Restart policy to apply when a container exits")
	s.StringVar(&c.StopSignal, "stop-signal", "", "Signal to stop the container")
	s.IntVar(&f.stopTimeout, "stop-timeout", 0, "Timeout (in seconds) to stop a container")
	s.StringArrayVarP(&f.labels, "label", "l", nil, "Set meta data on a container")
	s.StringArrayVar(&f.labelFiles, "label-file", nil, "Read in a line delimited file of labels")
	s.StringVar(&f.cidFile, "cidfile", "", "Write the container ID to the file")
	s.StringVar(&f.pull, "pull", "missing", "Pull image before running (always, missing, never)")
	s.StringVar(&f.platform, "platform", "", "Set platform if server is multi-platform capable")
	s.StringVar(&h.PidMode, "pid", "", "PID namespace to use")
	s.StringVar(&h.IpcMode, "ipc", "", "IPC mode to use")
	s.StringVar(&h.UTSMode, "uts", "", "UTS namespace to use")
	s.StringVar(&h.CgroupnsMode, "cgroupns", "", "Cgroup namespace to use (host|private)")
	s.StringVar(&h.UsernsMode, "userns", "", "User namespace to use")
	s.StringVar(&h.Runtime, "runtime", "", "Runtime to use for this container")
	s.StringVar(&h.LogConfig.Type, "log-driver", "json-file", "Logging driver for the container: json-file or none")
	s.StringArrayVar(&f.logOptions, "log-opt", nil, "Log driver options: max-size, max-file")
	s.IntVar(&h.OomScoreAdj, "oom-score-adj", 0, "Tune host's OOM preferences (-1000 to 1000)")
	s.StringArrayVar(&f.annotations, "annotation", nil, "Add an annotation to the container (passed through to the OCI runtime)")
	s.Lookup("net").Hidden = true
}

// options returns what the flags and the words behind them mean.
func (f *createFlags) options(flags *pflag.FlagSet, command []string) (o container.CreateOptions, err error) {
	c, h := &f.o.Config, &f.o.Host
	f.o.Name = f.name
	c.Cmd = command
	if flags.Changed("entrypoint") {
		c.Entrypoint = []string{f.entrypoint}
		if f.entrypoint == "" { // the image's is taken away
			c.Entrypoint = []string{}
		}
	}
	if flags.Changed("stop-timeout") {
		c.StopTimeout = &f.stopTimeout
	}
	steps := []func() error{f.readEnv, f.readLabels, f.readSizes, f.readMounts, f.readPorts, f.readDevices, f.readPairs, f.readRestart, f.checkModes}
	for _, step := range steps {
		if err := step(); err != nil {
			return o, err
		}
	}
	h.ContainerIDFile = f.cidFile
	return f.o, h.Resources.Check()
}

func (f *createFlags) readEnv() error {
	env, err := readLists(f.envFiles, f.env)
	if err != nil {
		return err
	}
	for _, e := range env {
		name, _, hasValue := strings.Cut(e, "=")
		if name == "" {
			return fmt.Errorf("invalid environment variable: %s", e)
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
		if err != nil || n <= 0 || n > 1e6 {
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

func (f *createFlags) checkModes() error {
	h, c := &f.o.Host, &f.o.Config
	if h.UsernsMode != "" && h.UsernsMode != "host" {
		return fmt.Errorf("--userns %s: jocker makes no user namespaces yet; only host is known", h.UsernsMode)
	}
	if h.OomScoreAdj < -1000 || h.OomScoreAdj > 1000 {
		return fmt.Errorf("Invalid value %d, range for oom score adj is [-1000, 1000]", h.OomScoreAdj)
	}
	if (h.NetworkMode == "host" || strings.HasPrefix(h.NetworkMode, "container:")) && len(f.publish) > 0 {
		return fmt.Errorf("Conflicting options: port publishing and the %s network", h.NetworkMode)
	}
	if c.StopSignal != "" {
		if _, err := container.ParseSignal(c.StopSignal); err != nil {
			return err
		}
	}
	if len(c.Hostname) > 63 {
		return fmt.Errorf("invalid hostname: %s: 63 characters at most", c.Hostname)
	}
	if c.WorkingDir != "" && !filepath.IsAbs(c.WorkingDir) {
		return fmt.Errorf("the working directory '%s' is invalid, it needs to be an absolute path", c.WorkingDir)
	}
	return nil
}

// bookFlags replaces the flags -cpuset and -cpushare, which a flag set with one-letter flags would take for eight of them.
func bookFlags(root *cobra.Command, args []string) []string {
	cmd, _, err := root.Find(args)
	if err != nil {
		return args
	}
	out := append([]string{}, args...)
	seen := false
	for i := 0; i < len(out); i++ {
		arg := out[i]
		name, value, hasValue := strings.Cut(arg, "=")
		if long := map[string]string{"-cpuset": "--cpuset-cpus", "-cpushare": "--cpu-shares"}[name]; long != "" {
			out[i] = long
			if hasValue {
				out[i] += "=" + value
			} else {
				i++
			}
			continue
		}
		switch {
		case arg == "--":
			return out
		case strings.HasPrefix(arg, "--"):
			if f := cmd.Flag(name[2:]); f != nil && !hasValue && f.NoOptDefVal == "" {
				i++
			}
		case strings.HasPrefix(arg, "-") && len(arg) > 1:
			if f := cmd.Flags().ShorthandLookup(arg[len(arg)-1:]); f != nil && !hasValue && f.NoOptDefVal == "" && isShorthands(cmd, arg[1:]) {
				i++
			}
		case !seen: // the command's name
			seen = true
		default:
			return out
		}
	}
	return out
}

// isShorthands says whether all but the last letter are flags without a value, so that the last one takes the next word.
func isShorthands(cmd *cobra.Command, letters string) bool {
	for i := 0; i+1 < len(letters); i++ {
		if f := cmd.Flags().ShorthandLookup(letters[i : i+1]); f == nil || f.NoOptDefVal == "" {
			return false
		}
	}
	return true
}

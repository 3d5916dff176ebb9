package cli

import (
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
	attach                                     []string
	health                                     healthFlags
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
	s.StringVar(&h.NetworkMode, "network", "bridge", "Connect a container to a network: bridge, none, host, container:NAME or one that was made")
	s.StringVar(&h.NetworkMode, "net", "bridge", "")
	s.StringArrayVar(&f.o.Place.Aliases, "network-alias", nil, "Add network-scoped alias for the container")
	s.StringVar(&f.o.Place.IPAddress, "ip", "", "IPv4 address (e.g., 172.30.100.104)")
	s.StringVar(&f.o.Place.MacAddress, "mac-address", "", "Container MAC address (e.g., 92:d0:c6:0a:29:33)")
	f.addLimits(s)
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
	s.StringArrayVarP(&f.attach, "attach", "a", nil, "Attach to STDIN, STDOUT or STDERR")
	f.health.add(s)
	s.Lookup("net").Hidden = true
}

// addLimits adds the flags that update has as well.
func (f *createFlags) addLimits(s *pflag.FlagSet) {
	h := &f.o.Host
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
	if err := f.readHealth(flags); err != nil {
		return o, err
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

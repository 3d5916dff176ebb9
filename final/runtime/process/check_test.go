package process

import (
	"testing"

	"github.com/opencontainers/runtime-spec/specs-go"
	"github.com/stretchr/testify/require"
)

func TestCheck(t *testing.T) {
	require.NoError(t, Check(&Config{Process: runcDefault("sh")}, nil))
	for want, change := range map[string]func(c *Config, p *specs.Process){
		`process.capabilities.bounding[0]: there is no capability "CAP_KIL"; did you mean CAP_KILL?`: func(_ *Config, p *specs.Process) {
			p.Capabilities.Bounding = []string{"CAP_KIL"}
		},
		`process.rlimits[1].type: there is no limit "NOFILE"; getrlimit(2) has RLIMIT_CPU, RLIMIT_FSIZE, RLIMIT_DATA, RLIMIT_STACK, RLIMIT_CORE, ` +
			`RLIMIT_RSS, RLIMIT_NPROC, RLIMIT_NOFILE, RLIMIT_MEMLOCK, RLIMIT_AS, RLIMIT_LOCKS, RLIMIT_SIGPENDING, RLIMIT_MSGQUEUE, RLIMIT_NICE, RLIMIT_RTPRIO, RLIMIT_RTTIME`: func(_ *Config, p *specs.Process) {
			p.Rlimits = append(p.Rlimits, specs.POSIXRlimit{Type: "NOFILE"})
		},
		`process.rlimits[1].type: RLIMIT_NOFILE is there twice`: func(_ *Config, p *specs.Process) {
			p.Rlimits = append(p.Rlimits, p.Rlimits[0])
		},
		`process.rlimits[0]: the soft limit of RLIMIT_CPU, unlimited, is above the hard limit, 5`: func(_ *Config, p *specs.Process) {
			p.Rlimits = []specs.POSIXRlimit{{Type: "RLIMIT_CPU", Soft: 1<<64 - 1, Hard: 5}}
		},
		`process.scheduler.policy: there is no policy "SCHED_FAST"; sched(7) lists them`: func(_ *Config, p *specs.Process) {
			p.Scheduler = &specs.Scheduler{Policy: "SCHED_FAST"}
		},
		`process.scheduler.policy: there is no policy ""; sched(7) lists them`: func(_ *Config, p *specs.Process) {
			p.Scheduler = &specs.Scheduler{}
		},
		`process.scheduler.policy: Linux has no SCHED_ISO; sched(7) lists the policies that it has`: func(_ *Config, p *specs.Process) {
			p.Scheduler = &specs.Scheduler{Policy: specs.SchedISO}
		},
		`process.scheduler.nice: 20 is not within -20 to 19`: func(_ *Config, p *specs.Process) {
			p.Scheduler = &specs.Scheduler{Policy: specs.SchedOther, Nice: 20}
		},
		`process.scheduler.priority: only SCHED_FIFO and SCHED_RR have a priority, not SCHED_BATCH`: func(_ *Config, p *specs.Process) {
			p.Scheduler = &specs.Scheduler{Policy: specs.SchedBatch, Priority: 1}
		},
		`process.scheduler.priority: 0 is not within 1 to 99, as SCHED_RR needs it`: func(_ *Config, p *specs.Process) {
			p.Scheduler = &specs.Scheduler{Policy: specs.SchedRR}
		},
		`process.scheduler: runtime, deadline and period are for SCHED_DEADLINE, not for SCHED_IDLE`: func(_ *Config, p *specs.Process) {
			p.Scheduler = &specs.Scheduler{Policy: specs.SchedIdle, Period: 1}
		},
		`process.scheduler.flags[1]: there is no flag "X"; sched_setattr(2) lists them`: func(_ *Config, p *specs.Process) {
			p.Scheduler = &specs.Scheduler{Policy: specs.SchedOther, Flags: []specs.LinuxSchedulerFlag{specs.SchedFlagResetOnFork, "X"}}
		},
		`process.ioPriority.class: there is no class ""; there are IOPRIO_CLASS_RT, IOPRIO_CLASS_BE and IOPRIO_CLASS_IDLE`: func(_ *Config, p *specs.Process) {
			p.IOPriority = &specs.LinuxIOPriority{}
		},
		`process.ioPriority.priority: 8 is not within 0 to 7`: func(_ *Config, p *specs.Process) {
			p.IOPriority = &specs.LinuxIOPriority{Class: specs.IOPRIO_CLASS_BE, Priority: 8}
		},
		`process.execCPUAffinity.initial: "3-1" is not a list of CPUs: "3-1" runs backwards; write it like "0-3,7"`: func(_ *Config, p *specs.Process) {
			p.ExecCPUAffinity = &specs.CPUAffinity{Initial: "3-1"}
		},
		`process.execCPUAffinity.final: "0,,1" is not a list of CPUs: "" is neither a number from 0 to 8191 nor a range; write it like "0-3,7"`: func(_ *Config, p *specs.Process) {
			p.ExecCPUAffinity = &specs.CPUAffinity{Initial: "0-1,8191", Final: "0,,1"}
		},
		`linux.personality.domain: there is no "BSD"; there are LINUX and LINUX32`: func(c *Config, _ *specs.Process) {
			c.Personality = &specs.LinuxPersonality{Domain: "BSD"}
		},
		`linux.personality.flags: the specification knows no flags, so ["X"] can't be set`: func(c *Config, _ *specs.Process) {
			c.Personality = &specs.LinuxPersonality{Domain: specs.PerLinux, Flags: []specs.LinuxPersonalityFlag{"X"}}
		},
		`process.user.umask: 01000 is more than 0777`: func(_ *Config, p *specs.Process) {
			p.User.Umask = ptr(uint32(0o1000))
		},
		`process.consoleSize: 1 lines of 65536 columns are more than the 65535 of a terminal`: func(_ *Config, p *specs.Process) {
			p.ConsoleSize = &specs.Box{Height: 1, Width: 65536}
		},
		`user "-1": the user is not valid: it begins like a number, but is none; a name does not begin so`: func(c *Config, _ *specs.Process) {
			c.User = "-1"
		},
	} {
		c := &Config{Process: runcDefault("sh")}
		change(c, c.Process)
		require.EqualError(t, Check(c, nil), want)
	}
}

// A list of CPUs is read as it was written, whatever it says.
func FuzzCPUs(f *testing.F) {
	for _, list := range []string{"0", "0-3,7", "8191", "1-0", "0-99999999999", "-", ","} {
		f.Add(list)
	}
	f.Fuzz(func(t *testing.T, list string) {
		set, err := parseCPUs("field", list)
		require.LessOrEqual(t, len(set), (maxCPU+1)/64)
		if err == nil {
			any := uint64(0)
			for _, word := range set {
				any |= word
			}
			require.NotZero(t, any)
		}
	})
}

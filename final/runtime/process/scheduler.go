package process

import (
	"fmt"

	"github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"

	"jocker/final/runtime/fail"
	"jocker/final/runtime/step"
)

// policies are the scheduling policies of sched(7) by number. Number 4, SCHED_ISO, is reserved: Linux
// has never had it.
var policies = [...]specs.LinuxSchedulerPolicy{
	unix.SCHED_NORMAL: specs.SchedOther, unix.SCHED_FIFO: specs.SchedFIFO, unix.SCHED_RR: specs.SchedRR,
	unix.SCHED_BATCH: specs.SchedBatch, 4: specs.SchedISO, unix.SCHED_IDLE: specs.SchedIdle, unix.SCHED_DEADLINE: specs.SchedDeadline,
}

// schedulerFlags are the flags of sched_setattr(2) by bit.
var schedulerFlags = [...]specs.LinuxSchedulerFlag{
	specs.SchedFlagResetOnFork, specs.SchedFlagReclaim, specs.SchedFlagDLOverrun, specs.SchedFlagKeepPolicy,
	specs.SchedFlagKeepParams, specs.SchedFlagUtilClampMin, specs.SchedFlagUtilClampMax,
}

// schedAttr turns config.json's process.scheduler into the argument of sched_setattr(2), or says what is wrong with it.
func schedAttr(s *specs.Scheduler) (attr unix.SchedAttr, err error) {
	attr.Size = unix.SizeofSchedAttr
	for n, name := range policies {
		if name == s.Policy && name != "" {
			attr.Policy = uint32(n)
		}
	}
	deadline := s.Policy == specs.SchedDeadline
	realTime := s.Policy == specs.SchedFIFO || s.Policy == specs.SchedRR
	switch {
	case s.Policy == specs.SchedISO:
		return attr, fmt.Errorf("process.scheduler.policy: Linux has no SCHED_ISO; sched(7) lists the policies that it has")
	case attr.Policy == unix.SCHED_NORMAL && s.Policy != specs.SchedOther:
		return attr, fmt.Errorf("process.scheduler.policy: there is no policy %q; sched(7) lists them", s.Policy)
	case s.Nice < -20 || s.Nice > 19:
		return attr, fmt.Errorf("process.scheduler.nice: %d is not within -20 to 19", s.Nice)
	case s.Priority != 0 && !realTime:
		return attr, fmt.Errorf("process.scheduler.priority: only SCHED_FIFO and SCHED_RR have a priority, not %s", s.Policy)
	case realTime && (s.Priority < 1 || s.Priority > 99):
		return attr, fmt.Errorf("process.scheduler.priority: %d is not within 1 to 99, as %s needs it", s.Priority, s.Policy)
	case !deadline && (s.Runtime != 0 || s.Deadline != 0 || s.Period != 0):
		return attr, fmt.Errorf("process.scheduler: runtime, deadline and period are for SCHED_DEADLINE, not for %s", s.Policy)
	}
	for i, name := range s.Flags {
		bit := -1
		for n, have := range schedulerFlags {
			if have == name {
				bit = n
			}
		}
		if bit < 0 {
			return attr, fmt.Errorf("process.scheduler.flags[%d]: there is no flag %q; sched_setattr(2) lists them", i, name)
		}
		attr.Flags |= 1 << bit
	}
	attr.Nice, attr.Priority = s.Nice, uint32(s.Priority)
	attr.Runtime, attr.Deadline, attr.Period = s.Runtime, s.Deadline, s.Period
	return attr, nil
}

// scheduler sets the scheduling policy. The call is for the thread, which is to be the program's first.
func (p *Init) scheduler() step.Step {
	s := p.c.Process.Scheduler
	call := func() string {
		return fmt.Sprintf("sched_setattr(0, {%s, nice: %d, priority: %d, runtime: %d, deadline: %d, period: %d, flags: %v})",
			s.Policy, s.Nice, s.Priority, s.Runtime, s.Deadline, s.Period, s.Flags)
	}
	return do("identity", 0,
		func() (string, string) { return "schedule by " + string(s.Policy), call() },
		func() error {
			attr, err := schedAttr(s)
			if err != nil {
				return err
			}
			err = unix.SchedSetAttr(0, &attr, 0)
			switch err {
			case nil:
				return nil
			case unix.EPERM:
				return fail.Call(call(), err, "it needs CAP_SYS_NICE in the initial user namespace, or RLIMIT_RTPRIO and RLIMIT_NICE; "+
					"with cgroup v1 also a share of real-time in cpu.rt_runtime_us")
			case unix.EINVAL:
				return fail.Call(call(), err, "the values don't fit the policy, or the kernel does not know a flag; see sched_setattr(2)")
			case unix.EBUSY:
				return fail.Call(call(), err, "the CPUs have not that much time left for SCHED_DEADLINE")
			}
			return fail.Call(call(), err, "")
		})
}

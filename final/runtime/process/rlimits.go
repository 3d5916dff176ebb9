package process

import (
	"fmt"
	"strings"
	"syscall"

	"github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"

	"jocker/final/runtime/fail"
	"jocker/final/runtime/step"
)

// rlimits are the limits of getrlimit(2) by number, which is the same on amd64 and arm64.
var rlimits = [...]string{
	unix.RLIMIT_CPU: "RLIMIT_CPU", unix.RLIMIT_FSIZE: "RLIMIT_FSIZE", unix.RLIMIT_DATA: "RLIMIT_DATA",
	unix.RLIMIT_STACK: "RLIMIT_STACK", unix.RLIMIT_CORE: "RLIMIT_CORE", unix.RLIMIT_RSS: "RLIMIT_RSS",
	unix.RLIMIT_NPROC: "RLIMIT_NPROC", unix.RLIMIT_NOFILE: "RLIMIT_NOFILE", unix.RLIMIT_MEMLOCK: "RLIMIT_MEMLOCK",
	unix.RLIMIT_AS: "RLIMIT_AS", unix.RLIMIT_LOCKS: "RLIMIT_LOCKS", unix.RLIMIT_SIGPENDING: "RLIMIT_SIGPENDING",
	unix.RLIMIT_MSGQUEUE: "RLIMIT_MSGQUEUE", unix.RLIMIT_NICE: "RLIMIT_NICE", unix.RLIMIT_RTPRIO: "RLIMIT_RTPRIO",
	unix.RLIMIT_RTTIME: "RLIMIT_RTTIME",
}

// rlimit returns the number of a limit's name.
func rlimit(name string) (int, bool) {
	for n, have := range rlimits {
		if have == name {
			return n, true
		}
	}
	return 0, false
}

// checkRlimits looks for wrong limits before anything is made.
func checkRlimits(limits []specs.POSIXRlimit) error {
	for i, l := range limits {
		field := fmt.Sprintf("process.rlimits[%d]", i)
		if _, known := rlimit(l.Type); !known {
			return fmt.Errorf("%s.type: there is no limit %q; getrlimit(2) has %s", field, l.Type, strings.Join(rlimits[:], ", "))
		}
		if l.Soft > l.Hard {
			return fmt.Errorf("%s: the soft limit of %s, %s, is above the hard limit, %s", field, l.Type, number(l.Soft), number(l.Hard))
		}
		for _, other := range limits[:i] {
			if other.Type == l.Type {
				return fmt.Errorf("%s.type: %s is there twice", field, l.Type)
			}
		}
	}
	return nil
}

// raiseRlimits raises hard limits where they are too low, which takes CAP_SYS_RESOURCE. The limits
// proper come last (setRlimits), when that right is gone: few files, little memory or no processes
// could hinder init itself.
func (p *Init) raiseRlimits() step.Step {
	return do("identity", 0,
		func() (string, string) { return "raise hard limits that are too low", "prlimit(0, ...)" },
		func() error {
			for i, l := range p.c.Process.Rlimits {
				n, _ := rlimit(l.Type)
				var have unix.Rlimit
				if err := unix.Prlimit(0, n, nil, &have); err != nil {
					return fail.Call(fmt.Sprintf("prlimit(0, %s)", l.Type), err, "")
				}
				if l.Hard <= have.Max {
					continue
				}
				if err := unix.Prlimit(0, n, &unix.Rlimit{Cur: have.Cur, Max: l.Hard}, nil); err != nil {
					cause := fmt.Sprintf("the hard limit is now %s, and to raise it needs CAP_SYS_RESOURCE, which the runtime does not have", number(have.Max))
					if n == unix.RLIMIT_NOFILE {
						cause += ", or more is asked for than /proc/sys/fs/nr_open allows"
					}
					return fail.Call(prlimitCall(l), err, fmt.Sprintf("%s; lower process.rlimits[%d].hard", cause, i))
				}
			}
			return nil
		})
}

// setRlimits sets the limits.
//
// One limit has a story. The Go runtime raises its soft RLIMIT_NOFILE to the hard limit when a program
// starts, for its own sake, and puts the original back only in syscall.Exec and os.StartProcess. A
// program that uses select(2) counts on a small limit, so the original is the container's unless
// config.json says otherwise. Init sets limits before it loads a filter, after which it wants to make
// no calls, so it lets an Exec of nothing put the original back: that fails with ENOENT, and has done
// all that was wanted.
func (p *Init) setRlimits() step.Step {
	limits := p.c.Process.Rlimits
	return do("exec", 0,
		func() (string, string) {
			var calls []string
			for _, l := range limits {
				calls = append(calls, prlimitCall(l))
			}
			return "set the resource limits", strings.Join(calls, "; ")
		},
		func() error {
			restore := true
			for _, l := range limits {
				n, _ := rlimit(l.Type)
				restore = restore && n != unix.RLIMIT_NOFILE
				want := unix.Rlimit{Cur: l.Soft, Max: l.Hard}
				if err := unix.Prlimit(0, n, &want, nil); err != nil {
					return fail.Call(prlimitCall(l), err, "")
				}
			}
			if restore {
				_ = syscall.Exec("", nil, nil)
			}
			return nil
		})
}

func prlimitCall(l specs.POSIXRlimit) string {
	return fmt.Sprintf("prlimit(0, %s, {soft: %s, hard: %s})", l.Type, number(l.Soft), number(l.Hard))
}

// number writes a limit as prlimit(1) does.
func number(n uint64) string {
	if n == unix.RLIM_INFINITY {
		return "unlimited"
	}
	return fmt.Sprint(n)
}

package process

import (
	"fmt"

	"golang.org/x/sys/unix"

	"jocker/final/runtime/fail"
	"jocker/final/runtime/process/procfs"
	"jocker/final/runtime/step"
)

// OOMScore returns the step that says how readily the kernel should kill the process when memory is
// short, config.json's process.oomScoreAdj: from -1000, never, to 1000, first (proc_pid_oom_score_adj(5)).
//
// It is the runtime's step, for it has the host's /proc; the container's may be missing. pid is asked
// for init's when the step is made, and until then may be unknown.
func OOMScore(score int, pid func() int) step.Step {
	call := func() string { return fmt.Sprintf("write(\"/proc/%d/oom_score_adj\", \"%d\")", pid(), score) }
	s := do("identity", 0,
		func() (string, string) { return "set how readily the process is killed for its memory", call() },
		func() error {
			if score < -1000 || score > 1000 {
				return fmt.Errorf("process.oomScoreAdj: %d is not within -1000 to 1000", score)
			}
			err := procfs.Write(fmt.Sprintf("%d/oom_score_adj", pid()), fmt.Sprint(score))
			switch {
			case err == nil:
				return nil
			case err == unix.EACCES || err == unix.EPERM:
				return fail.Call(call(), err, "the value is below the one that the runtime was started with, and to lower it needs CAP_SYS_RESOURCE; "+
					"raise process.oomScoreAdj, or start the runtime with that right")
			case isErrno(err):
				return fail.Call(call(), err, "")
			}
			return err
		})
	s.Actor = step.Runtime
	return s
}
